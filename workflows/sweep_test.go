package workflows

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// sweepBundle is a sweep over what a test says was found.
type sweepBundle struct {
	*testing.T
	env      *testsuite.TestWorkflowEnvironment
	findings []activities.Finding
	known    activities.InterruptedJob
	unknown  activities.SweepUnknownResult
	adoption activities.SweepAdoptResult
	onRecord activities.EndOnRecordResult
	list     func(activities.SweepListInput) error
	kill     func(activities.KillInput) error
	report   func() error

	mu    sync.Mutex
	calls []string
	ended []activities.ReportInput
	clean []activities.CleanInput
	kept  []activities.ArchiveInput
}

func setupSweep(t *testing.T, verdicts ...activities.Verdict) *sweepBundle {
	t.Helper()
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	b := &sweepBundle{T: t, env: suite.NewTestWorkflowEnvironment()}
	for _, v := range verdicts {
		b.findings = append(b.findings, activities.Finding{
			Verdict: v, Attempt: job.AttemptOf("model-manage-"+string(v), 1), Application: "app-" + string(v),
		})
	}
	b.known = activities.InterruptedJob{
		Key: job.Key{Source: job.SourceModelManage, ID: "7"}, Spec: job.Spec{ModelID: "m"}, Phase: job.PhaseRunning, RunID: "run",
	}
	b.unknown = activities.SweepUnknownResult{Key: job.Key{Source: job.SourceModelManage, ID: "unknown"}}
	b.adoption = activities.SweepAdoptResult{Adopted: true}
	b.list = func(activities.SweepListInput) error { return nil }
	b.kill = func(activities.KillInput) error { return nil }
	b.report = func() error { return nil }
	named := func(name string, fn any) { b.env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name}) }
	named("SweepList", func(_ context.Context, in activities.SweepListInput) (activities.SweepListResult, error) {
		b.called("list")
		return activities.SweepListResult{Findings: b.findings, Looked: len(b.findings)}, b.list(in)
	})
	named("SweepInterrupted", func(_ context.Context, in activities.SweepInterruptedInput) (activities.InterruptedJob, error) {
		b.called("read " + in.WorkflowID)
		return b.known, nil
	})
	named("EndOnRecord", func(_ context.Context, in activities.EndOnRecordInput) (activities.EndOnRecordResult, error) {
		b.called("look up " + in.Job)
		return b.onRecord, nil
	})
	named("SweepUnknown", func(_ context.Context, in activities.SweepAdoptInput) (activities.SweepUnknownResult, error) {
		b.called("look at " + in.Attempt.Job)
		return b.unknown, nil
	})
	named("SweepAdopt", func(_ context.Context, in activities.SweepAdoptInput) (activities.SweepAdoptResult, error) {
		b.called("adopt " + in.Attempt.Job)
		return b.adoption, nil
	})
	named("Archive", func(_ context.Context, in activities.ArchiveInput) error {
		b.called("archive " + in.Record.ID)
		b.kept = append(b.kept, in)
		return nil
	})
	named("SweepOrphan", func(_ context.Context, in activities.SweepOrphanInput) error {
		b.called("kill orphan " + in.Application)
		return nil
	})
	named("SweepExpire", func(_ context.Context, in activities.SweepExpireInput) (activities.SweepExpireResult, error) {
		b.called("expire")
		return activities.SweepExpireResult{Jobs: 3}, nil
	})
	named("Kill", func(_ context.Context, in activities.KillInput) error {
		b.called("kill " + in.Attempt.Job)
		return b.kill(in)
	})
	named("ReportEnd", func(_ context.Context, in activities.ReportInput) (activities.ReportResult, error) {
		b.called("report " + in.Attempt.Job)
		b.ended = append(b.ended, in)
		return activities.ReportResult{}, b.report()
	})
	named("Clean", func(_ context.Context, in activities.CleanInput) error {
		b.called("clean " + in.Attempt.Job)
		b.clean = append(b.clean, in)
		return nil
	})
	b.env.RegisterWorkflowWithOptions(Sweep, workflow.RegisterOptions{Name: TypeSweep})
	return b
}

func (b *sweepBundle) called(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, what)
}

func (b *sweepBundle) run(change func(*SweepInput)) SweepResult {
	b.Helper()
	in := SweepInput{Cluster: "local", Grace: time.Minute}
	change(&in)
	b.env.ExecuteWorkflow(TypeSweep, in)
	require.NoError(b, b.env.GetWorkflowError())
	var result SweepResult
	require.NoError(b, b.env.GetWorkflowResult(&result))
	return result
}

func asScheduled(*SweepInput) {}

func TestSweepEndsATerminatedJobInOrder(t *testing.T) {
	b := setupSweep(t, activities.VerdictInterrupted)
	result := b.run(asScheduled)
	require.Equal(t, []string{
		"list", "read sparkjob-model-manage-interrupted", "kill model-manage-interrupted", "report model-manage-interrupted",
		"clean model-manage-interrupted", "expire",
	}, b.calls)
	require.Equal(t, []string{"model-manage-interrupted/1"}, result.Ended)
	require.Equal(t, 3, result.Expired.Jobs)
	end := b.ended[0]
	require.Equal(t, job.MilestoneEnded, end.Milestone)
	require.Equal(t, "7", end.Key.ID, "the document is that of the workflow's input, whatever its name")
	require.Equal(t, job.Failed(job.ClassKilled, job.PhaseRunning, "terminated by an operator"), end.Outcome)
	record := b.clean[0].Record
	require.NotNil(t, record)
	require.Equal(t, "m", record.Spec.ModelID)
	require.Equal(t, end.Outcome, record.Outcome)
}

// An end that the workflow had come to stands: people have seen it.
func TestSweepKeepsAnOutcome(t *testing.T) {
	b := setupSweep(t, activities.VerdictInterrupted)
	ended := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	b.known.Outcome, b.known.EndedAt = &job.Outcome{Result: job.ResultSucceeded}, ended
	b.run(asScheduled)
	require.Equal(t, job.ResultSucceeded, b.ended[0].Outcome.Result)
	require.Equal(t, job.ResultSucceeded, b.clean[0].Record.Outcome.Result)
	require.Equal(t, ended, b.clean[0].Record.EndedAt)
}

// What was terminated before anything was reserved has nothing to kill or to clean.
func TestSweepEndsAJobThatIsNowhere(t *testing.T) {
	b := setupSweep(t, activities.VerdictInterrupted)
	b.findings[0].Nowhere, b.findings[0].Application = true, ""
	request := &job.Request{Spec: []byte("{}"), User: "alice", Digest: "d"}
	b.known = activities.InterruptedJob{Key: job.Key{Source: job.SourceAPI, ID: "interrupted"}, Request: request, Spec: job.Spec{User: "alice"}}
	result := b.run(asScheduled)
	require.Equal(t, []string{
		"list", "read sparkjob-model-manage-interrupted", "report model-manage-interrupted", "archive model-manage-interrupted", "expire",
	}, b.calls)
	require.Equal(t, []string{"model-manage-interrupted/1"}, result.Ended)
	record := b.kept[0].Record
	require.Equal(t, job.Failed(job.ClassKilled, "", "terminated by an operator"), record.Outcome)
	require.Equal(t, request, record.Request, "its key stays used")
	require.Equal(t, "alice", record.Spec.User)
	require.Zero(t, record.Attempts)
}

// A document that was deleted meanwhile needs no end; the job does.
func TestSweepEndsAJobWithoutADocument(t *testing.T) {
	b := setupSweep(t, activities.VerdictInterrupted)
	b.report = func() error { return final(job.CodeNotFound, "no such document") }
	result := b.run(asScheduled)
	require.Empty(t, result.Failed)
	require.Len(t, b.clean, 1)
	require.NotNil(t, b.clean[0].Record)
}

// Nobody is told anything of a job that has told by itself.
func TestSweepOnlyCleansLeftovers(t *testing.T) {
	b := setupSweep(t, activities.VerdictLeftover)
	b.onRecord.Outcome = &job.Outcome{Result: job.ResultSucceeded}
	result := b.run(asScheduled)
	require.Equal(t, []string{
		"list", "look up model-manage-leftover", "kill model-manage-leftover", "clean model-manage-leftover", "expire",
	}, b.calls)
	require.Equal(t, []string{"model-manage-leftover/1"}, result.Cleaned)
	require.Nil(t, b.clean[0].Record, "its own record stays")
}

func TestSweepKeepsTheRecordOfALeftover(t *testing.T) {
	b := setupSweep(t, activities.VerdictLeftover)
	b.known.Outcome = &job.Outcome{Result: job.ResultSucceeded}
	b.run(asScheduled)
	require.Equal(t, job.ResultSucceeded, b.clean[0].Record.Outcome.Result)
	require.True(t, b.clean[0].EndedBefore, "its own record stays if there is one")
}

func TestSweepLeavesTheUnknown(t *testing.T) {
	b := setupSweep(t, activities.VerdictUnknown)
	result := b.run(asScheduled)
	require.Equal(t, []string{"list", "expire"}, b.calls)
	require.Equal(t, []string{"model-manage-unknown/1"}, result.Unknown)
}

func TestSweepIncludesTheUnknown(t *testing.T) {
	b := setupSweep(t, activities.VerdictUnknown)
	request := &job.Request{Spec: []byte("{}"), User: "alice", Digest: "d"}
	b.unknown = activities.SweepUnknownResult{
		Key: job.Key{Source: job.SourceAPI, ID: "unknown"}, Request: request, Spec: job.Spec{User: "alice", Cluster: "local"},
	}
	result := b.run(func(in *SweepInput) { in.IncludeUnknown = true })
	require.Equal(t, []string{
		"list", "look at model-manage-unknown", "kill model-manage-unknown", "report model-manage-unknown", "clean model-manage-unknown", "expire",
	}, b.calls)
	require.Equal(t, []string{"model-manage-unknown/1"}, result.Unknown)
	require.Equal(t, result.Unknown, result.Ended)
	require.Equal(t, "unknown", b.ended[0].Key.ID)
	record := b.clean[0].Record
	require.Equal(t, request, record.Request, "its key stays used")
	require.Equal(t, "alice", record.Spec.User, "its owner finds it")
}

// Whose id is not known is told nothing, and neither is who was told before.
func TestSweepOnlyCleansTheUnknown(t *testing.T) {
	for name, unknown := range map[string]activities.SweepUnknownResult{
		"no id": {},
		"ended": {Key: job.Key{Source: job.SourceAPI, ID: "unknown"}, Outcome: &job.Outcome{Result: job.ResultSucceeded}},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupSweep(t, activities.VerdictUnknown)
			b.unknown = unknown
			b.run(func(in *SweepInput) { in.IncludeUnknown = true })
			require.Equal(t, []string{
				"list", "look at model-manage-unknown", "kill model-manage-unknown", "clean model-manage-unknown", "expire",
			}, b.calls)
			require.Nil(t, b.clean[0].Record)
		})
	}
}

func TestSweepAdopts(t *testing.T) {
	b := setupSweep(t, activities.VerdictUnknown)
	result := b.run(func(in *SweepInput) { in.Adopt = true })
	require.Equal(t, []string{"list", "adopt model-manage-unknown", "expire"}, b.calls)
	require.Equal(t, []string{"model-manage-unknown/1"}, result.Adopted)
}

// A job that was reserved and no more has nothing that says what it was.
func TestSweepCleansTheUnstaged(t *testing.T) {
	b := setupSweep(t, activities.VerdictUnknown)
	b.adoption = activities.SweepAdoptResult{Unstaged: true}
	result := b.run(func(in *SweepInput) { in.Adopt = true })
	require.Equal(t, []string{"list", "adopt model-manage-unknown", "kill model-manage-unknown", "clean model-manage-unknown", "expire"}, b.calls)
	require.Empty(t, result.Adopted)
	require.Equal(t, []string{"model-manage-unknown/1"}, result.Cleaned)
}

// A job whose name does not tell its id is adopted by its document, if at all.
func TestSweepLeavesTheNameless(t *testing.T) {
	b := setupSweep(t, activities.VerdictUnknown)
	b.adoption = activities.SweepAdoptResult{}
	result := b.run(func(in *SweepInput) { in.Adopt = true })
	require.Equal(t, []string{"list", "adopt model-manage-unknown", "expire"}, b.calls)
	require.Empty(t, result.Adopted)
	require.Empty(t, result.Failed)
}

func TestSweepKillsOrphans(t *testing.T) {
	b := setupSweep(t, activities.VerdictOrphan)
	result := b.run(asScheduled)
	require.Equal(t, []string{"list", "kill orphan app-orphan", "expire"}, b.calls)
	require.Equal(t, []string{"model-manage-orphan/1 app-orphan"}, result.Orphans)
}

// One that Temporal does not know may be another installation's of the same name.
func TestSweepLeavesUnknownOrphans(t *testing.T) {
	b := setupSweep(t, activities.VerdictUnknownOrphan)
	result := b.run(func(in *SweepInput) { in.Adopt = true })
	require.Equal(t, []string{"list", "expire"}, b.calls)
	require.Equal(t, []string{"model-manage-unknown-orphan/1 app-unknown-orphan"}, result.Unknown)
}

func TestSweepIncludesUnknownOrphans(t *testing.T) {
	b := setupSweep(t, activities.VerdictUnknownOrphan)
	b.run(func(in *SweepInput) { in.IncludeUnknown = true })
	require.Equal(t, []string{"list", "kill orphan app-unknown-orphan", "expire"}, b.calls)
}

func TestDrySweepOnlyLooks(t *testing.T) {
	b := setupSweep(t, activities.VerdictInterrupted, activities.VerdictLeftover, activities.VerdictUnknown, activities.VerdictOrphan)
	counted := true
	b.list = func(in activities.SweepListInput) error { counted = !in.Uncounted; return nil }
	result := b.run(func(in *SweepInput) { in.DryRun, in.IncludeUnknown = true, true })
	require.False(t, counted)
	require.Equal(t, []string{"list"}, b.calls)
	require.Len(t, slices.Concat(result.Ended, result.Cleaned, result.Unknown, result.Orphans), 4)
}

// One that cannot be ended does not keep the others from it.
func TestSweepGoesOnBehindAFailure(t *testing.T) {
	b := setupSweep(t, activities.VerdictInterrupted, activities.VerdictLeftover)
	b.kill = func(in activities.KillInput) error {
		if in.Attempt.Job == "model-manage-interrupted" {
			return final(job.CodeUnauthorized, "not ours to kill")
		}
		return nil
	}
	result := b.run(asScheduled)
	require.Len(t, result.Failed, 1)
	require.Contains(t, result.Failed[0], "model-manage-interrupted/1: not ours to kill")
	require.Empty(t, b.ended, "a job whose application may live is not told to have ended")
	require.Len(t, b.clean, 1)
}

// Neither does one that is out of reach, and what is old is deleted all the same.
func TestSweepGoesOnBehindAnOutage(t *testing.T) {
	b := setupSweep(t, activities.VerdictInterrupted, activities.VerdictLeftover)
	b.kill = func(in activities.KillInput) error {
		if in.Attempt.Job == "model-manage-interrupted" {
			return unavailable()
		}
		return nil
	}
	result := b.run(asScheduled)
	require.Len(t, result.Failed, 1)
	require.Len(t, b.clean, 1)
	require.Equal(t, 3, result.Expired.Jobs)
}

// A cluster out of reach ends the sweep: the next one finds the same.
func TestSweepEndsWithItsCluster(t *testing.T) {
	b := setupSweep(t)
	for i := range mostOutages + 5 {
		b.findings = append(b.findings, activities.Finding{
			Verdict: activities.VerdictLeftover, Attempt: job.AttemptOf(fmt.Sprintf("model-manage-%d", i), 1),
		})
	}
	b.kill = func(activities.KillInput) error { return unavailable() }
	b.env.ExecuteWorkflow(TypeSweep, SweepInput{Cluster: "local"})
	require.Error(t, b.env.GetWorkflowError())
	require.Empty(t, b.clean)
	require.Contains(t, b.calls, "kill model-manage-9")
	require.NotContains(t, b.calls, "kill model-manage-10")
	require.Equal(t, "expire", b.calls[len(b.calls)-1], "what is old is deleted all the same")
}

// Outages that are not in a row are those of single jobs.
func TestSweepOutlivesSingleOutages(t *testing.T) {
	for name, between := range map[string]func() error{
		"one that is swept":  func() error { return nil },
		"one that is not so": func() error { return final(job.CodeUnauthorized, "not ours to kill") },
	} {
		t.Run(name, func(t *testing.T) {
			b := setupSweep(t)
			for i := range 2 * mostOutages {
				b.findings = append(b.findings, activities.Finding{
					Verdict: activities.VerdictLeftover, Attempt: job.AttemptOf(fmt.Sprintf("model-manage-%d", i), 1),
				})
			}
			b.kill = func(in activities.KillInput) error {
				if in.Attempt.Job == fmt.Sprintf("model-manage-%d", mostOutages/2) {
					return between()
				}
				return unavailable()
			}
			b.env.ExecuteWorkflow(TypeSweep, SweepInput{Cluster: "local"})
			require.Error(t, b.env.GetWorkflowError())
			require.Contains(t, b.calls, fmt.Sprintf("kill model-manage-%d", mostOutages/2+mostOutages), "ten in a row begin anew")
			require.NotContains(t, b.calls, fmt.Sprintf("kill model-manage-%d", mostOutages/2+mostOutages+1))
		})
	}
}

func TestSweepOfAnotherNamespaceFails(t *testing.T) {
	b := setupSweep(t)
	b.list = func(activities.SweepListInput) error { return final(job.CodeConflict, "nothing was touched") }
	b.env.ExecuteWorkflow(TypeSweep, SweepInput{Cluster: "local"})
	var failure *temporal.ApplicationError
	require.True(t, asError(b.env.GetWorkflowError(), &failure))
	require.Contains(t, failure.Error(), "nothing was touched")
	require.Equal(t, []string{"list"}, b.calls)
}

// find answers what SweepFind does for an adopted job.
func (b *bundle) find(answers ...func() (activities.SweepFindResult, error)) {
	next := 0
	b.env.RegisterActivityWithOptions(func(context.Context, activities.SweepFindInput) (activities.SweepFindResult, error) {
		b.called("find")
		answer := answers[min(next, len(answers)-1)]
		next++
		return answer()
	}, activity.RegisterOptions{Name: "SweepFind"})
}

func launchedBefore() (activities.SweepFindResult, error) {
	return activities.SweepFindResult{Attempt: 2, Application: "app-2", Sent: true}, nil
}

func (b *bundle) adopt() {
	b.env.ExecuteWorkflow(TypeSparkBatchJob, Input{Key: b.key, Request: b.request, Adopt: true})
}

func TestAdoptedJobIsNeverLaunched(t *testing.T) {
	b := setup(t)
	b.find(launchedBefore)
	b.adopt()
	require.NoError(t, b.env.GetWorkflowError())
	for _, call := range []string{"reserve", "stage", "submit", "kill"} {
		require.Zero(t, b.count(call), call)
	}
	require.Equal(t, 1, b.count("collect"))
	require.Equal(t, 1, b.count("clean"))
	require.Equal(t, 2, b.last().Attempt.Number)
	require.Equal(t, "app-2", b.last().Application)
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
}

// Not even where a failure would be tried again.
func TestAdoptedJobIsNotTriedAgain(t *testing.T) {
	b := setup(t)
	b.spec.Retry.RerunAfterStart = true
	b.find(launchedBefore)
	b.observe = b.observing(job.Observation{State: job.StateFailed, Restarted: true, Began: job.BeganNo, Raw: "rebooted"})
	b.adopt()
	require.Equal(t, job.ClassInfrastructure, b.outcome().Class)
	require.Zero(t, b.count("reserve")+b.count("submit"))
}

// In a namespace that is not on record nothing is touched before an operator says so.
func TestAdoptionWaitsForTheOperator(t *testing.T) {
	b := setup(t)
	refused := func() (activities.SweepFindResult, error) {
		return activities.SweepFindResult{}, final(job.CodeConflict, "the jobs belong to another namespace")
	}
	b.find(refused, refused, launchedBefore)
	b.after(30*time.Second, func() {
		require.Contains(t, b.status().Obstacle, "the jobs belong to another namespace")
		require.Zero(t, b.count("observe"))
	})
	b.adopt()
	require.Equal(t, 3, b.count("find"))
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
}

// A job of which its cluster has nothing is lost, unless its document says that it was
// never launched.
func TestAdoptedJobWithoutADirectory(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		application string
		request     *job.Request
		want        job.Result
	}{
		"launched":           {"app-1", nil, job.ResultLost},
		"not launched":       {"", nil, job.ResultFailed},
		"without a document": {"", &job.Request{}, job.ResultLost},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			if b.request = row.request; row.request != nil {
				b.key.Source = job.SourceAPI
			}
			load := b.load
			b.load = func() (activities.LoadResult, error) {
				result, err := load()
				result.Standing.Application = row.application
				return result, err
			}
			b.find(func() (activities.SweepFindResult, error) { return activities.SweepFindResult{}, nil })
			b.adopt()
			require.Equal(t, row.want, b.outcome().Result)
			require.Zero(t, b.count("kill")+b.count("clean"), "there is nothing of it")
		})
	}
}

// One that was about to be launched is revoked, and then certain.
func TestAdoptedJobThatWasNotSentEnds(t *testing.T) {
	b := setup(t)
	b.find(func() (activities.SweepFindResult, error) {
		return activities.SweepFindResult{Attempt: 1, Application: "app-1"}, nil
	})
	b.observe = b.observing(job.Observation{State: job.StateAbsent}, job.Observation{State: job.StateAbsent, Began: job.BeganNo})
	b.adopt()
	require.Equal(t, 1, b.count("kill"))
	require.Equal(t, job.ClassInfrastructure, b.outcome().Class)
	require.Contains(t, b.outcome().Message, "before the application was launched")
	require.Equal(t, 1, b.count("clean"))
}

func TestAdoptedJobThatIsCancelledIsKilled(t *testing.T) {
	b := setup(t)
	b.load = func() (activities.LoadResult, error) {
		return activities.LoadResult{Spec: b.spec, Standing: job.Standing{State: job.StandingCancelled}}, nil
	}
	b.find(launchedBefore)
	b.observe = b.observing(job.Observation{State: job.StateKilled})
	b.adopt()
	require.Equal(t, job.ResultCancelled, b.outcome().Result)
	require.Equal(t, 1, b.count("kill"))
}
