package faults

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/starter"
	"github.com/stoker-spark/stoker/workflows"
)

// Temporal and model-manage are killed together and come back with what they
// had written.
func TestCoreKilledWhileStaged(t *testing.T) {
	long(t)
	b := newBench(t)
	b.holding("submit:before")
	b.starter()
	j := b.create(returning)
	b.held("submit:before")
	b.core.kill()
	b.startCore()
	b.release()
	j.ends(complete)
}

func TestCoreKilledWhileRunning(t *testing.T) {
	long(t)
	b := newBench(t)
	b.worker()
	b.starter()
	j := b.create(waiting)
	j.reaches("RUNNING")
	b.core.kill()
	b.startCore()
	j.let()
	j.ends(complete)
}

// Everything but the application is killed; it ends while nobody looks.
func TestEverythingKilled(t *testing.T) {
	long(t)
	b := newBench(t)
	w, s := b.worker(), b.starter()
	j := b.create(waiting)
	j.begun()
	for _, p := range []*process{b.core, w, s} {
		p.kill()
	}
	j.let()
	b.eventually("the application has ended", func() bool { return j.has(1, "exit.json") })
	b.startCore()
	b.worker()
	b.starter()
	j.ends(complete)
}

// run is the id of the latest run.
func (j *given) run() string {
	j.b.Helper()
	d, err := j.b.client.DescribeWorkflowExecution(j.b.Context(), j.key.WorkflowID(), "")
	require.NoError(j.b, err)
	return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}

// resetBefore resets a run to before it first scheduled an activity.
func (j *given) resetBefore(run, activity string) {
	b := j.b
	b.Helper()
	history := b.client.GetWorkflowHistory(b.Context(), j.key.WorkflowID(), run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(b, err)
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled.GetActivityType().GetName() != activity {
			continue
		}
		_, err = b.client.ResetWorkflowExecution(b.Context(), &workflowservice.ResetWorkflowExecutionRequest{
			Namespace:         client.DefaultNamespace,
			WorkflowExecution: &common.WorkflowExecution{WorkflowId: j.key.WorkflowID(), RunId: run},
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
				long(t)
			}
			b := newBench(t)
			b.worker()
			b.starter()
			j := b.create(waiting)
			j.reaches("RUNNING")
			j.resetBefore(j.run(), activity)
			j.phase("running")
			j.let()
			j.ends(complete)
			require.Len(t, j.attemptDirs(), 1)
		})
	}
}

// A run that has ended and is reset finds its job ended.
func TestResetAfterEnd(t *testing.T) {
	b := newBench(t)
	b.worker()
	b.starter()
	j := b.create(returning)
	j.ends(complete)
	first := j.run()
	for _, activity := range []string{"Load", "Reserve", "Stage", "Submit", "Observe", "Collect", "ReportEnd", "Clean"} {
		j.resetBefore(first, activity)
		require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, j.closed(), "reset to before %s", activity)
		j.checkEnd(complete)
	}
	require.Len(t, j.attemptDirs(), 1)
}

// loseDatabase makes Temporal forget everything.
func (b *bench) loseDatabase() {
	b.Helper()
	b.core.kill()
	files, err := filepath.Glob(filepath.Join(b.dir, "core", "temporal.sqlite*"))
	require.NoError(b, err)
	require.NotEmpty(b, files)
	for _, file := range files {
		require.NoError(b, os.Remove(file))
	}
	b.startCore()
}

// startByHand starts a job's workflow as an operator would.
func (j *given) startByHand() {
	j.b.Helper()
	_, err := j.b.client.ExecuteWorkflow(j.b.Context(), starter.StartOptions(j.key, "MODEL_BATCH_JOB", "spark-runtime-1"),
		workflows.TypeSparkBatchJob, workflows.Input{Key: j.key})
	require.NoError(j.b, err)
}

// A job whose history is gone is adopted: its application is found by the job
// directory, running or ended.
func TestDatabaseLost(t *testing.T) {
	t.Parallel()
	t.Run("while it runs", func(t *testing.T) {
		b := newBench(t)
		b.worker()
		b.starter()
		j := b.create(waiting)
		j.reaches("RUNNING")
		b.loseDatabase()
		j.startByHand()
		j.phase("running")
		j.let()
		j.ends(complete)
		require.Len(t, j.attemptDirs(), 1)
	})
	t.Run("it ended meanwhile", func(t *testing.T) {
		long(t)
		b := newBench(t)
		w := b.worker()
		b.starter()
		j := b.create(waiting)
		j.reaches("RUNNING")
		w.kill()
		j.let()
		b.eventually("the application has ended", func() bool { return j.has(1, "exit.json") })
		b.loseDatabase()
		b.worker()
		j.startByHand()
		j.ends(complete)
		require.Len(t, j.attemptDirs(), 1)
	})
	t.Run("cancelled meanwhile", func(t *testing.T) {
		long(t)
		b := newBench(t)
		w, s := b.worker(), b.starter()
		j := b.create(waiting)
		j.reaches("RUNNING")
		w.kill()
		s.kill()
		j.cancelDocument()
		b.loseDatabase()
		b.worker()
		j.startByHand()
		j.ends(cancelled)
	})
}
