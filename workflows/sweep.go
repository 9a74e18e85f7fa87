package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// SweepID is the id of a cluster's Sweep workflow: one runs at a time.
func SweepID(cluster string) string { return "sweep-" + cluster }

// SweepScheduleID is the id of the schedule that runs it.
func SweepScheduleID(cluster string) string { return "sweep-" + cluster }

// SweepInput says what to sweep, and what counts as left.
type SweepInput struct {
	Cluster string `json:"cluster"`
	// Grace is how long a workflow must have been closed before what it left is touched.
	Grace time.Duration `json:"grace"`
	// Markers, Artifacts and Logs as in activities.SweepExpireInput.
	Markers   time.Duration `json:"markers,omitempty"`
	Artifacts time.Duration `json:"artifacts,omitempty"`
	Logs      time.Duration `json:"logs,omitempty"`
	// IncludeUnknown ends what Temporal does not know, too; Adopt goes on with it.
	IncludeUnknown bool `json:"includeUnknown,omitempty"`
	Adopt          bool `json:"adopt,omitempty"`
	// AcceptNamespace makes this namespace the one on record.
	AcceptNamespace bool `json:"acceptNamespace,omitempty"`
	// DryRun only looks.
	DryRun bool `json:"dryRun,omitempty"`
}

// SweepResult is what a sweep found and did. The lists hold attempts as "<job>/<n>", and
// of orphans the application's id behind them.
type SweepResult struct {
	Cluster string `json:"cluster"`
	// Looked is how many attempts that are not clean were looked at.
	Looked int `json:"looked"`
	// Recorded: the namespace was put on record.
	Recorded bool `json:"recorded,omitempty"`
	// More was there than one sweep takes on: another one finds the rest.
	More bool `json:"more,omitempty"`
	// Ended are jobs whose workflow was terminated, and unknown ones by IncludeUnknown;
	// Cleaned are those that had only not been cleaned.
	Ended   []string `json:"ended,omitempty"`
	Cleaned []string `json:"cleaned,omitempty"`
	// Unknown to Temporal; they are left unless IncludeUnknown says otherwise.
	Unknown []string `json:"unknown,omitempty"`
	// Adopted are those of the unknown that have a workflow now.
	Adopted []string `json:"adopted,omitempty"`
	Orphans []string `json:"orphans,omitempty"`
	// Failed are those of the above that could not be ended or cleaned, and why.
	Failed  []string                     `json:"failed,omitempty"`
	Expired activities.SweepExpireResult `json:"expired,omitzero"`
}

// Changed reports whether the sweep ended or adopted anything, so that another one may
// find more.
func (r SweepResult) Changed() bool {
	return len(r.Ended)+len(r.Cleaned)+len(r.Adopted)+len(r.Orphans) > len(r.Failed)
}

var sweep *activities.Sweep

// Sweep ends what nobody looks after: jobs whose workflow was terminated, directories
// that could not be cleaned, applications without a directory. It touches only what
// carries this installation's id, asks Temporal by workflow id, and leaves alone what
// Temporal does not know unless told otherwise. Each step may be repeated; the next
// sweep goes on where one broke off.
func Sweep(ctx workflow.Context, in SweepInput) (SweepResult, error) {
	s := sweeping{in: in, result: SweepResult{Cluster: in.Cluster}}
	var found activities.SweepListResult
	err := workflow.ExecuteActivity(transferOptions(ctx, in.Cluster, "look for what jobs have left"), sweep.SweepList,
		activities.SweepListInput{Cluster: in.Cluster, Grace: in.Grace, AcceptNamespace: in.AcceptNamespace, Uncounted: in.DryRun}).Get(ctx, &found)
	if err != nil {
		return s.result, err
	}
	s.result.Looked, s.result.Recorded, s.result.More = found.Looked, found.Recorded, found.More
	for _, f := range found.Findings {
		if err = s.act(ctx, f); err != nil {
			break
		}
	}
	if in.DryRun || temporal.IsCanceledError(err) {
		return s.result, err
	}
	expired := workflow.ExecuteActivity(transferOptions(ctx, in.Cluster, "delete what is old"), sweep.SweepExpire,
		activities.SweepExpireInput{Cluster: in.Cluster, Markers: in.Markers, Artifacts: in.Artifacts, Logs: in.Logs}).
		Get(ctx, &s.result.Expired)
	if err == nil {
		err = expired
	}
	return s.result, err
}

// sweeping is one Sweep at work.
type sweeping struct {
	in     SweepInput
	result SweepResult
	// outages in a row.
	outages int
}

// mostOutages in a row end a sweep: then it is the cluster that is out of reach. One may
// be a single job's, whose source is.
const mostOutages = 10

// act does what a finding asks for. Only the end of the sweep itself is an error.
func (s *sweeping) act(ctx workflow.Context, f activities.Finding) error {
	name := f.Attempt.String()
	var err error
	switch f.Verdict {
	case activities.VerdictInterrupted:
		s.result.Ended = append(s.result.Ended, name)
		err = s.unlessDry(func() error { return s.endInterrupted(ctx, f) })
	case activities.VerdictLeftover:
		s.result.Cleaned = append(s.result.Cleaned, name)
		err = s.unlessDry(func() error { return s.endLeftover(ctx, f) })
	case activities.VerdictUnknown:
		s.result.Unknown = append(s.result.Unknown, name)
		switch {
		case s.in.Adopt:
			err = s.unlessDry(func() error { return s.adopt(ctx, f) })
		case s.in.IncludeUnknown:
			err = s.unlessDry(func() error {
				err := s.endUnknown(ctx, f)
				if err == nil {
					s.result.Ended = append(s.result.Ended, name)
				}
				return err
			})
		}
	case activities.VerdictUnknownOrphan:
		s.result.Unknown = append(s.result.Unknown, name+" "+f.Application)
		if s.in.IncludeUnknown {
			err = s.unlessDry(func() error { return s.endOrphan(ctx, f) })
		}
	case activities.VerdictOrphan:
		s.result.Orphans = append(s.result.Orphans, name+" "+f.Application)
		err = s.unlessDry(func() error { return s.endOrphan(ctx, f) })
	}
	switch {
	case err == nil:
		s.outages = 0
		return nil
	case temporal.IsCanceledError(err):
		return err
	case !isOutage(err):
		s.outages = 0
	case s.outages+1 == mostOutages:
		return err
	default:
		s.outages++
	}
	workflow.GetLogger(ctx).Error("not swept", "attempt", name, "verdict", string(f.Verdict), "error", err)
	s.result.Failed = append(s.result.Failed, job.Head(name+": "+cause(err), job.MaxMessage))
	return nil
}

func (s *sweeping) endOrphan(ctx workflow.Context, f activities.Finding) error {
	return workflow.ExecuteActivity(transferOptions(ctx, s.in.Cluster, "kill "+f.Application), sweep.SweepOrphan,
		activities.SweepOrphanInput{Cluster: s.in.Cluster, Attempt: f.Attempt, Application: f.Application}).Get(ctx, nil)
}

func (s *sweeping) unlessDry(do func() error) error {
	if s.in.DryRun {
		return nil
	}
	return do()
}

// adopt gives a job a workflow again. One that was reserved and no more cannot have one.
func (s *sweeping) adopt(ctx workflow.Context, f activities.Finding) error {
	var result activities.SweepAdoptResult
	err := workflow.ExecuteActivity(transferOptions(ctx, s.in.Cluster, "adopt "+f.Attempt.Job), sweep.SweepAdopt,
		activities.SweepAdoptInput{Cluster: s.in.Cluster, Attempt: f.Attempt}).Get(ctx, &result)
	switch {
	case err != nil:
		return err
	case result.Adopted:
		s.result.Adopted = append(s.result.Adopted, f.Attempt.String())
	case result.Unstaged:
		s.result.Cleaned = append(s.result.Cleaned, f.Attempt.String())
		return s.finish(ctx, f, nil, "its history was lost before it was staged")
	}
	return nil
}

// wordsTerminated is how a job ends whose workflow was terminated.
const wordsTerminated = "terminated by an operator"

// endInterrupted ends a job whose workflow can no longer do it.
func (s *sweeping) endInterrupted(ctx workflow.Context, f activities.Finding) error {
	known, err := s.known(ctx, f)
	if err != nil {
		return err
	}
	if known.Outcome != nil { // it stands, and people have seen it
		return s.end(ctx, f, known, *known.Outcome)
	}
	return s.end(ctx, f, known, job.Failed(job.ClassKilled, known.Phase, wordsTerminated))
}

func (s *sweeping) known(ctx workflow.Context, f activities.Finding) (activities.InterruptedJob, error) {
	var known activities.InterruptedJob
	err := workflow.ExecuteActivity(transferOptions(ctx, s.in.Cluster, "read what the job's workflow knew"), sweep.SweepInterrupted,
		activities.SweepInterruptedInput{WorkflowID: f.Attempt.WorkflowID}).Get(ctx, &known)
	return known, err
}

// endLeftover cleans what a job has left whose workflow had told its end, and keeps its
// record if that could not.
func (s *sweeping) endLeftover(ctx workflow.Context, f activities.Finding) error {
	var end activities.EndOnRecordResult
	err := workflow.ExecuteActivity(transferOptions(ctx, s.in.Cluster, "look up the end on record"), transfer.EndOnRecord,
		activities.EndOnRecordInput{Cluster: s.in.Cluster, Job: f.Attempt.Job}).Get(ctx, &end)
	if err != nil {
		return err
	}
	var record *job.Record
	if end.Outcome == nil {
		known, err := s.known(ctx, f)
		if err != nil {
			return err
		}
		if known.Outcome != nil {
			record = recordOf(f, known, *known.Outcome, known.EndedAt)
		}
	}
	return s.finish(ctx, f, record, "its workflow has ended")
}

// endUnknown ends a job of which Temporal knows nothing: its database was lost, or its
// history has expired.
func (s *sweeping) endUnknown(ctx workflow.Context, f activities.Finding) error {
	const words = "temporal does not know its workflow"
	var left activities.SweepUnknownResult
	err := workflow.ExecuteActivity(transferOptions(ctx, s.in.Cluster, "read what is left of "+f.Attempt.Job), sweep.SweepUnknown,
		activities.SweepAdoptInput{Cluster: s.in.Cluster, Attempt: f.Attempt}).Get(ctx, &left)
	switch {
	case err != nil:
		return err
	case left.Key == job.Key{}, left.Outcome != nil: // nobody to tell, or told
		return s.finish(ctx, f, nil, words)
	}
	known := activities.InterruptedJob{Key: left.Key, Spec: left.Spec, Request: left.Request, RunAt: workflow.Now(ctx)}
	return s.end(ctx, f, known, job.Failed(job.ClassKilled, "", "ended by an operator: "+words))
}

// end kills, tells the source, and cleans, in this order.
func (s *sweeping) end(ctx workflow.Context, f activities.Finding, known activities.InterruptedJob, outcome job.Outcome) error {
	if !f.Nowhere {
		if err := s.kill(ctx, f, outcome.Message); err != nil {
			return err
		}
	}
	now := workflow.Now(ctx)
	if !known.EndedAt.IsZero() {
		now = known.EndedAt
	}
	report := transferOptions(ctx, s.in.Cluster, "final report")
	err := workflow.ExecuteActivity(report, transfer.ReportEnd, activities.ReportInput{
		Key: known.Key, Milestone: job.MilestoneEnded, Application: f.Application, Outcome: outcome,
		WaitingAt: known.WaitingAt, RunningAt: known.RunningAt, EndedAt: now, Cluster: s.in.Cluster, Attempt: f.Attempt,
	}).Get(ctx, nil)
	if err != nil && codeOf(err) != job.CodeNotFound { // a document that is gone needs no end
		return err
	}
	record := recordOf(f, known, outcome, now)
	if f.Nowhere {
		return workflow.ExecuteActivity(transferOptions(ctx, s.in.Cluster, "archive the record of "+f.Attempt.Job), transfer.Archive,
			activities.ArchiveInput{Cluster: s.in.Cluster, Record: *record}).Get(ctx, nil)
	}
	return s.clean(ctx, f, record, false)
}

func recordOf(f activities.Finding, known activities.InterruptedJob, outcome job.Outcome, endedAt time.Time) *job.Record {
	r := &job.Record{
		Version: job.RecordVersion, ID: f.Attempt.Job, Key: known.Key, Spec: known.Spec, Request: known.Request, Outcome: outcome,
		Application: f.Application, Attempts: max(f.Attempt.Number, known.Attempts), SubmittedAt: known.SubmittedAt, RunAt: known.RunAt,
		WaitingAt: known.WaitingAt, RunningAt: known.RunningAt, EndedAt: endedAt,
		WorkflowID: f.Attempt.WorkflowID, RunID: known.RunID,
	}
	if f.Nowhere {
		r.Attempts = known.Attempts
	}
	return r
}

// finish makes sure that the application is gone and cleans. A record is kept if there
// is none.
func (s *sweeping) finish(ctx workflow.Context, f activities.Finding, record *job.Record, reason string) error {
	if err := s.kill(ctx, f, reason); err != nil {
		return err
	}
	return s.clean(ctx, f, record, true)
}

func (s *sweeping) kill(ctx workflow.Context, f activities.Finding, reason string) error {
	summary := fmt.Sprintf("kill %s and confirm", f.Application)
	return workflow.ExecuteActivity(controlOptions(ctx, s.in.Cluster, summary, killTimeout), control.Kill,
		activities.KillInput{Cluster: s.in.Cluster, Attempt: f.Attempt, Reason: "swept: " + reason}).Get(ctx, nil)
}

func (s *sweeping) clean(ctx workflow.Context, f activities.Finding, record *job.Record, endedBefore bool) error {
	return workflow.ExecuteActivity(transferOptions(ctx, s.in.Cluster, "archive and clean "+f.Attempt.String()), transfer.Clean,
		activities.CleanInput{Cluster: s.in.Cluster, Attempt: f.Attempt, Record: record, EndedBefore: endedBefore}).Get(ctx, nil)
}
