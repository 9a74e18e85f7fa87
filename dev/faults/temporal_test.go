package faults

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/job"
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
	j.Bench.Helper()
	resetRun(j.Bench, j.Key.WorkflowID(), run, activity)
}

// resetRun returns the run that repeats it.
func resetRun(b *bench.Bench, id, run, activity string) string {
	b.Helper()
	history := b.Client.GetWorkflowHistory(b.Context(), id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(b, err)
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled.GetActivityType().GetName() != activity {
			continue
		}
		reset, err := b.Client.ResetWorkflowExecution(b.Context(), &workflowservice.ResetWorkflowExecutionRequest{
			Namespace:         client.DefaultNamespace,
			WorkflowExecution: &common.WorkflowExecution{WorkflowId: id, RunId: run},
			Reason:            "the test wants it", WorkflowTaskFinishEventId: scheduled.GetWorkflowTaskCompletedEventId(),
			RequestId: uuid.NewString(),
		})
		require.NoError(b, err)
		return reset.GetRunId()
	}
	require.Fail(b, "never scheduled", activity)
	return ""
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

// So does one of a job that only Stoker knows, however it ended: its record says it, and
// stays as it was.
func TestResetOfAnOwnJobAfterEnd(t *testing.T) {
	b := newBench(t)
	b.Worker()
	f := newFront(b)
	f.let()
	failing := filepath.Join(b.Scratch, "failing.py")
	require.NoError(t, os.WriteFile(failing, []byte("import sys\nsys.exit(3)\n"), 0o600))
	status, _, data := f.call(http.MethodPost, "/v1/jobs", "fails", map[string]any{"file": "file://" + failing})
	require.Equal(t, http.StatusCreated, status, "%s", data)
	failed := f.ends(f.view(data).ID)
	require.Equal(t, job.ResultFailed, failed.Outcome.Result)
	for _, id := range []string{f.ends(f.submit("returns").ID).ID, failed.ID} {
		key, ok := job.ParseName(id)
		require.True(t, ok)
		_ = b.Client.GetWorkflow(b.Context(), key.WorkflowID(), "").Get(b.Context(), nil) // the outcome is there before it closes
		v := f.get(id)
		described, err := b.Client.DescribeWorkflowExecution(b.Context(), key.WorkflowID(), "")
		require.NoError(t, err)
		for _, activity := range []string{"Load", "Reserve", "Stage", "Submit", "Observe", "Clean"} {
			run := resetRun(b, key.WorkflowID(), described.GetWorkflowExecutionInfo().GetExecution().GetRunId(), activity)
			_ = b.Client.GetWorkflow(b.Context(), key.WorkflowID(), run).Get(b.Context(), nil) // it fails as the job did
			again := f.get(id)
			again.Links, v.Links = jobs.Links{}, jobs.Links{}
			require.Equal(t, v, again, "reset to before %s", activity)
		}
	}
	require.Equal(t, 1, f.starts())
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
