package faults

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/workflows"
)

// Temporal and model-manage are killed together and come back with what they
// had written.
func TestCoreKilledWhileStaged(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	b.Holding("submit:before")
	b.Starter()
	j := b.Create(returning)
	b.Held("submit:before")
	b.Core.Kill()
	b.StartCore()
	b.Release()
	j.Ends(bench.Complete)
}

func TestCoreKilledWhileRunning(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	b.Worker()
	b.Starter()
	j := b.Create(waiting)
	j.Reaches("RUNNING")
	b.Core.Kill()
	b.StartCore()
	j.Let()
	j.Ends(bench.Complete)
}

// Everything but the application is killed; it ends while nobody looks.
func TestEverythingKilled(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	w, s := b.Worker(), b.Starter()
	j := b.Create(waiting)
	j.Begun()
	for _, p := range []*bench.Process{b.Core, w, s} {
		p.Kill()
	}
	j.Let()
	b.Eventually("the application has ended", func() bool { return has(j, 1, "exit.json") })
	b.StartCore()
	b.Worker()
	b.Starter()
	j.Ends(bench.Complete)
}

// run is the id of the latest run.
func run(j *bench.Job) string {
	j.Bench.Helper()
	d, err := j.Bench.Client.DescribeWorkflowExecution(j.Bench.Context(), j.Key.WorkflowID(), "")
	require.NoError(j.Bench, err)
	return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}

// resetBefore resets a run to before it first scheduled an activity.
func resetBefore(j *bench.Job, run, activity string) {
	b := j.Bench
	b.Helper()
	history := b.Client.GetWorkflowHistory(b.Context(), j.Key.WorkflowID(), run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(b, err)
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled.GetActivityType().GetName() != activity {
			continue
		}
		_, err = b.Client.ResetWorkflowExecution(b.Context(), &workflowservice.ResetWorkflowExecutionRequest{
			Namespace:         client.DefaultNamespace,
			WorkflowExecution: &common.WorkflowExecution{WorkflowId: j.Key.WorkflowID(), RunId: run},
			Reason:            "the test wants it", WorkflowTaskFinishEventId: scheduled.GetWorkflowTaskCompletedEventId(),
			RequestId: uuid.NewString(),
		})
		require.NoError(b, err)
		return
	}
	require.Fail(b, "never scheduled", activity)
}

// A run that forgets its launch meets the launch protocol's files.
func TestResetWhileRunning(t *testing.T) {
	t.Parallel()
	for _, activity := range []string{"Load", "Reserve", "Submit"} {
		t.Run(activity, func(t *testing.T) {
			if activity != "Reserve" {
				bench.Long(t)
			}
			b := newBench(t)
			b.Worker()
			b.Starter()
			j := b.Create(waiting)
			j.Reaches("RUNNING")
			resetBefore(j, run(j), activity)
			j.Phase("running")
			j.Let()
			j.Ends(bench.Complete)
			require.Len(t, attemptDirs(j), 1)
		})
	}
}

// A run that has ended and is reset finds its job ended.
func TestResetAfterEnd(t *testing.T) {
	b := newBench(t)
	b.Worker()
	b.Starter()
	j := b.Create(returning)
	j.Ends(bench.Complete)
	first := run(j)
	for _, activity := range []string{"Load", "Reserve", "Stage", "Submit", "Observe", "Collect", "ReportEnd", "Clean"} {
		resetBefore(j, first, activity)
		require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, j.Closed(), "reset to before %s", activity)
		j.CheckEnd(bench.Complete)
	}
	require.Len(t, attemptDirs(j), 1)
}

// startByHand starts a job's workflow as an operator would.
func startByHand(j *bench.Job) {
	j.Bench.Helper()
	_, err := j.Bench.Client.ExecuteWorkflow(j.Bench.Context(), jobs.RegisteredOptions(j.Key, "MODEL_BATCH_JOB", "spark-runtime-1"),
		workflows.TypeSparkBatchJob, workflows.Input{Key: j.Key})
	require.NoError(j.Bench, err)
}

// A job whose history is gone is adopted: its application is found by the job
// directory, running or ended.
func TestDatabaseLost(t *testing.T) {
	t.Parallel()
	t.Run("while it runs", func(t *testing.T) {
		b := newBench(t)
		b.Worker()
		b.Starter()
		j := b.Create(waiting)
		j.Reaches("RUNNING")
		b.LoseDatabase()
		startByHand(j)
		j.Phase("running")
		j.Let()
		j.Ends(bench.Complete)
		require.Len(t, attemptDirs(j), 1)
	})
	t.Run("it ended meanwhile", func(t *testing.T) {
		bench.Long(t)
		b := newBench(t)
		w := b.Worker()
		b.Starter()
		j := b.Create(waiting)
		j.Reaches("RUNNING")
		w.Kill()
		j.Let()
		b.Eventually("the application has ended", func() bool { return has(j, 1, "exit.json") })
		b.LoseDatabase()
		b.Worker()
		startByHand(j)
		j.Ends(bench.Complete)
		require.Len(t, attemptDirs(j), 1)
	})
	t.Run("cancelled meanwhile", func(t *testing.T) {
		bench.Long(t)
		b := newBench(t)
		w, s := b.Worker(), b.Starter()
		j := b.Create(waiting)
		j.Reaches("RUNNING")
		w.Kill()
		s.Kill()
		j.CancelDocument()
		b.LoseDatabase()
		b.Worker()
		startByHand(j)
		j.Ends(bench.Cancelled)
	})
}
