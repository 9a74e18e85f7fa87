package activities

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/stoker-spark/stoker/job"
)

// Temporal is what Sweep asks of the server.
type Temporal interface {
	// Namespace is the one that this process works in: its name and the id that no
	// other namespace ever has.
	Namespace(ctx context.Context) (name, id string, err error)
	// Workflow looks for one by its id, which is exact; visibility is not.
	Workflow(ctx context.Context, workflowID string) (WorkflowState, error)
	// Adopt starts the workflow of a job that an earlier history has launched, unless it
	// is there.
	Adopt(ctx context.Context, key job.Key, request *job.Request) error
	// Terminated lists the workflows of a cluster's jobs that were ended from outside in
	// that time. It is told by visibility, so it is where to look and no more.
	Terminated(ctx context.Context, cluster string, since, until time.Time) (workflowIDs []string, err error)
	// Interrupted reads what a workflow that was ended from outside, or could not clean,
	// knew of its job.
	Interrupted(ctx context.Context, workflowID string) (InterruptedJob, error)
}

// WorkflowState is how a job's workflow is.
type WorkflowState struct {
	Found bool
	Open  bool
	// Interrupted: it was terminated, or timed out, and ran no code at its end.
	Interrupted bool
	ClosedAt    time.Time
}

// InterruptedJob is what is known of a job whose workflow no longer looks after it.
type InterruptedJob struct {
	Key         job.Key      `json:"key"`
	Request     *job.Request `json:"request,omitempty"`
	Spec        job.Spec     `json:"spec,omitzero"`
	Phase       job.Phase    `json:"phase,omitempty"`
	SubmittedAt time.Time    `json:"submittedAt,omitzero"`
	RunAt       time.Time    `json:"runAt,omitzero"`
	WaitingAt   time.Time    `json:"waitingAt,omitzero"`
	RunningAt   time.Time    `json:"runningAt,omitzero"`
	RunID       string       `json:"runId,omitempty"`
	// Outcome that the workflow had come to, nil if it had none.
	Outcome     *job.Outcome `json:"outcome,omitempty"`
	EndedAt     time.Time    `json:"endedAt,omitzero"`
	Application string       `json:"application,omitempty"`
	Attempts    int          `json:"attempts,omitempty"`
}

// Sweep are the activities that find what jobs have left, on a cluster's io queue.
type Sweep struct {
	clusters clusters
	temporal Temporal
}

// NewSweep makes the sweep activities of some clusters.
func NewSweep(byName map[string]Cluster, temporal Temporal) (*Sweep, error) {
	if err := validateClusters(byName); err != nil {
		return nil, err
	}
	if temporal == nil {
		return nil, errors.New("sweep activities need temporal")
	}
	return &Sweep{clusters: byName, temporal: temporal}, nil
}

// Verdict is what Sweep makes of what it found.
type Verdict string

// The verdicts.
const (
	// VerdictInterrupted: the workflow was ended from outside, so nobody has ended its
	// application, told its source, and cleaned.
	VerdictInterrupted Verdict = "interrupted"
	// VerdictLeftover: the workflow has ended the job, and could not clean.
	VerdictLeftover Verdict = "leftover"
	// VerdictUnknown: Temporal does not know the workflow.
	VerdictUnknown Verdict = "unknown"
	// VerdictOrphan: an application of ours without a job directory, whose workflow has
	// ended.
	VerdictOrphan Verdict = "orphan"
	// VerdictUnknownOrphan: one whose workflow Temporal does not know. It may belong to
	// another installation of the same name, with another root.
	VerdictUnknownOrphan Verdict = "unknown-orphan"
)

// Verdicts lists them.
func Verdicts() []Verdict {
	return []Verdict{VerdictInterrupted, VerdictLeftover, VerdictUnknown, VerdictOrphan, VerdictUnknownOrphan}
}

// MetricSweepFindings counts what sweeps found, but dry ones, by cluster and verdict. What
// stays is found again by the next sweep.
const MetricSweepFindings = "stoker_sweep_findings_total"

// Finding is one attempt that was left.
type Finding struct {
	Verdict     Verdict     `json:"verdict"`
	Attempt     job.Attempt `json:"attempt"`
	Application string      `json:"application,omitempty"`
	// Nowhere: nothing of the job is on the cluster. It was terminated before anything
	// was reserved, or between two attempts.
	Nowhere bool `json:"nowhere,omitempty"`
}

// mostFound bounds one sweep, and apart from that how many unknown jobs it lists.
const mostFound = 200

// lookBack is how long ago a job was terminated that left nothing on its cluster. Each
// scheduled sweep looks, so that this is long.
const lookBack = 7 * 24 * time.Hour

// SweepListInput says where to look.
type SweepListInput struct {
	Cluster string `json:"cluster"`
	// Grace is how long a workflow must have been closed, and what Temporal does not
	// know must have been there.
	Grace time.Duration `json:"grace"`
	// AcceptNamespace records this namespace in place of another one.
	AcceptNamespace bool `json:"acceptNamespace,omitempty"`
	// Uncounted leaves MetricSweepFindings as it is: somebody only looks.
	Uncounted bool `json:"uncounted,omitempty"`
}

// SweepListResult is what was found.
type SweepListResult struct {
	Findings []Finding `json:"findings,omitempty"`
	// Looked is how many attempts were looked at.
	Looked int `json:"looked"`
	// More: there is more than is listed.
	More bool `json:"more,omitempty"`
	// Recorded: the namespace was put on record just now.
	Recorded bool `json:"recorded,omitempty"`
}

// SweepList finds the attempts of this installation that nobody looks after any more.
// It changes nothing, but records the namespace the first time. Another namespace than
// the one on record is a conflict: to it, every job here would be unknown.
func (s *Sweep) SweepList(ctx context.Context, in SweepListInput) (SweepListResult, error) {
	defer beat(ctx, nil)()
	cluster, err := s.clusters.of(in.Cluster)
	if err != nil {
		return SweepListResult{}, classify(err)
	}
	var result SweepListResult
	if result.Recorded, err = s.sameNamespace(ctx, cluster, in.AcceptNamespace); err != nil {
		return result, classify(err)
	}
	left, reserved, err := left(ctx, cluster)
	if err != nil {
		return result, classify(err)
	}
	result.Looked = len(left)
	// In another order each time, so that nothing keeps what is behind it from being found.
	rand.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	var unknown, dirty int
	for _, l := range left {
		verdict, err := s.judge(ctx, l.attempt, l.since, in.Grace)
		if err != nil {
			return result, classify(err)
		}
		if verdict == "" {
			continue
		}
		count := &dirty
		if verdict == VerdictUnknown {
			count = &unknown
		}
		if *count == mostFound {
			result.More = true
			continue
		}
		*count++
		result.Findings = append(result.Findings, Finding{Verdict: verdict, Attempt: l.attempt, Application: l.application})
	}
	nowhere, err := s.nowhere(ctx, cluster, left, in.Grace)
	if err != nil {
		return result, classify(err)
	}
	result.Findings, result.More = append(result.Findings, nowhere...), result.More || len(nowhere) == mostFound
	orphans, err := s.orphans(ctx, cluster, reserved, in.Grace)
	result.Findings = append(result.Findings, orphans...)
	for _, f := range result.Findings {
		if in.Uncounted {
			break
		}
		activity.GetMetricsHandler(ctx).WithTags(map[string]string{
			"cluster": in.Cluster, "verdict": string(f.Verdict),
		}).Counter(MetricSweepFindings).Inc(1)
	}
	return result, classify(err)
}

// judge says what becomes of an attempt that is not clean, "" for nothing yet.
func (s *Sweep) judge(ctx context.Context, attempt job.Attempt, since time.Time, grace time.Duration) (Verdict, error) {
	state, err := s.temporal.Workflow(ctx, attempt.WorkflowID)
	switch {
	case err != nil:
		return "", err
	case state.Open:
	case !state.Found:
		if time.Since(since) > grace {
			return VerdictUnknown, nil
		}
	case time.Since(state.ClosedAt) <= grace:
	case state.Interrupted:
		return VerdictInterrupted, nil
	default:
		return VerdictLeftover, nil
	}
	return "", nil
}

// nowhere finds jobs that were terminated, that nobody has ended since, and of which the
// cluster has nothing that is not clean.
func (s *Sweep) nowhere(ctx context.Context, cluster Cluster, left []remains, grace time.Duration) ([]Finding, error) {
	now := time.Now()
	ids, err := s.temporal.Terminated(ctx, cluster.Name, now.Add(-lookBack), now.Add(-grace))
	if err != nil {
		return nil, err
	}
	somewhere := make(map[string]bool, len(left))
	for _, l := range left {
		somewhere[l.attempt.WorkflowID] = true
	}
	found := make([]*Finding, len(ids))
	group, looking := errgroup.WithContext(ctx)
	group.SetLimit(lookers)
	for i, id := range ids {
		attempt, ok := job.FirstAttempt(id)
		if !ok || somewhere[id] {
			continue
		}
		group.Go(func() error {
			record, err := cluster.Logs.Record(looking, attempt.Job)
			if err != nil || record != nil { // it was ended
				return err
			}
			verdict, err := s.judge(looking, attempt, now, grace)
			if verdict == VerdictInterrupted {
				found[i] = &Finding{Verdict: verdict, Attempt: attempt, Nowhere: true}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var findings []Finding
	for _, f := range found {
		if f != nil && len(findings) < mostFound {
			findings = append(findings, *f)
		}
	}
	return findings, nil
}
