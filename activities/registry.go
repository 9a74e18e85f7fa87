package activities

import (
	"context"
	"errors"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// Registry are the activities on the central queue: they speak to the jobs'
// sources and never to a cluster.
type Registry struct {
	sources sources
}

type sources map[string]Source

func (s sources) of(key job.Key) (Source, error) {
	source, ok := s[key.Source]
	if !ok {
		return nil, job.Errorf(job.CodeInvalid, "job %s: this worker knows no source %q", key, key.Source)
	}
	return source, nil
}

// NewRegistry makes the registry activities over the sources by name.
func NewRegistry(bySource map[string]Source) (*Registry, error) {
	if len(bySource) == 0 {
		return nil, errors.New("registry activities need at least one source of jobs")
	}
	return &Registry{sources: bySource}, nil
}

// LoadInput names the job to load.
type LoadInput struct {
	Key job.Key `json:"key"`
	// Request is set where the job has no other source.
	Request *job.Request `json:"request,omitempty"`
}

// LoadResult is the small header of a job.
type LoadResult struct {
	Spec     job.Spec     `json:"spec"`
	Digest   string       `json:"digest"`
	Standing job.Standing `json:"standing"`
	Problems []string     `json:"problems,omitempty"`
}

// Load reads and validates a job. It only reads, so it may run any number of
// times.
func (r *Registry) Load(ctx context.Context, in LoadInput) (LoadResult, error) {
	defer beat(ctx, nil)()
	source, err := r.sources.of(in.Key)
	if err != nil {
		return LoadResult{}, classify(err)
	}
	loaded, err := source.Load(ctx, job.Ref{ID: in.Key.ID, Request: in.Request})
	if err != nil {
		return LoadResult{}, classifySource(err)
	}
	return LoadResult{
		Spec: loaded.Spec, Digest: loaded.Digest,
		Standing: capStanding(loaded.Standing), Problems: capProblems(loaded.Problems),
	}, nil
}

// ReportInput says how far a job has come.
type ReportInput struct {
	Key         job.Key       `json:"key"`
	Milestone   job.Milestone `json:"milestone"`
	Application string        `json:"application,omitempty"`
	WaitingAt   time.Time     `json:"waitingAt,omitzero"`
	RunningAt   time.Time     `json:"runningAt,omitzero"`
	EndedAt     time.Time     `json:"endedAt,omitzero"`
	// Outcome comes with the last milestone only.
	Outcome job.Outcome `json:"outcome,omitzero"`
	// Cluster and Attempt say where content and logs lie, for ReportEnd.
	Cluster string      `json:"cluster,omitempty"`
	Attempt job.Attempt `json:"attempt,omitzero"`
}

func (in ReportInput) report() job.Report {
	return job.Report{
		Milestone: in.Milestone, Application: in.Application,
		WaitingAt: in.WaitingAt, RunningAt: in.RunningAt, EndedAt: in.EndedAt, Outcome: in.Outcome,
	}
}

// ReportResult says how the job stood before the report.
type ReportResult struct {
	Standing job.Standing `json:"standing"`
}

// Report tells a job's source how far it is, without content. The source never
// takes a job back, so late and repeated reports are harmless.
func (r *Registry) Report(ctx context.Context, in ReportInput) (ReportResult, error) {
	defer beat(ctx, nil)()
	source, err := r.sources.of(in.Key)
	if err != nil {
		return ReportResult{}, classify(err)
	}
	standing, err := source.Report(ctx, in.Key.ID, in.report())
	return ReportResult{Standing: capStanding(standing)}, classifySource(err)
}
