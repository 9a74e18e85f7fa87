package jobspec

import (
	"context"

	"github.com/stoker-spark/stoker/job"
)

// Source is the source of jobs that were submitted to Stoker itself. They stand in
// their workflows, so there is nobody to ask and nobody to tell.
type Source struct{ rules Rules }

// NewSource makes a Source.
func NewSource(rules Rules) *Source { return &Source{rules: rules} }

// Load reads and validates a job.
func (s *Source) Load(ctx context.Context, ref job.Ref) (job.Intake, error) {
	_, intake, err := s.Manifest(ctx, ref)
	return intake, err
}

// Manifest reads the whole job.
func (s *Source) Manifest(_ context.Context, ref job.Ref) (job.Manifest, job.Intake, error) {
	if ref.Request == nil {
		return job.Manifest{}, job.Intake{}, job.Errorf(job.CodeInvalid, "job %s came without what it asks for", ref.ID)
	}
	intake := job.Intake{Digest: ref.Request.Digest, Standing: job.Standing{State: job.StandingOpen}}
	spec, err := Parse(ref.Request.Spec)
	if err != nil {
		intake.Problems = job.ProblemsOf(err)
		return job.Manifest{}, intake, nil
	}
	var manifest job.Manifest
	intake.Spec, manifest, err = Convert(spec, ref.Request.User, ref.Request.Cluster, s.rules)
	if err != nil {
		intake.Problems = job.ProblemsOf(err)
	}
	return manifest, intake, nil
}

// Report does nothing: the workflow itself is where people look.
func (s *Source) Report(context.Context, string, job.Report) (job.Standing, error) {
	return job.Standing{State: job.StandingOpen}, nil
}

// LogLimits wants no logs: they are in the log store.
func (s *Source) LogLimits() (stdout, stderr job.LogLimit) { return job.LogLimit{}, job.LogLimit{} }
