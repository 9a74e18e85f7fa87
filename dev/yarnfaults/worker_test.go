//go:build hadoop

package yarnfaults

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/workflows"
)

// points are where a worker can be killed in the life of a job that succeeds.
// After intent:after the request goes out, at launch:after it was answered, at
// submit:after it is acknowledged.
var points = []string{
	"reserve:before", "reserve:after", "stage:before", "stage:after", "submit:before", "intent:after", "launch:after",
	"submit:after", "watch:before", "watch:after", "collect:before", "collect:after", "report:before", "report:after",
	"clean:before", "clean:after",
}

// Another worker takes over wherever the first one was killed.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			if !slices.Contains([]string{"intent:after", "launch:after"}, point) {
				bench.Long(t)
			}
			t.Parallel()
			i := install(t)
			j := i.takenOver(point)
			ends(j, bench.Complete)
			require.Equal(t, 1, i.attempts(j))
			require.NotEmpty(t, i.gate.submissions())
		})
	}
}

// takenOver creates a job whose worker is killed at a point; another one goes on.
func (i *installation) takenOver(point string) *bench.Job {
	i.Helper()
	first := i.Holding(point)
	i.Starter()
	j := i.Create(returning)
	i.Held(point)
	first.Kill()
	i.Release()
	i.Worker()
	return j
}

// Another worker carries a cancel out wherever the first one was killed at it.
func TestWorkerKilledWhileCancelling(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"kill:before", "kill:after"} {
		t.Run(point, func(t *testing.T) {
			bench.Long(t)
			t.Parallel()
			i := install(t)
			first := i.Holding(point)
			i.Starter()
			j := i.Create(waiting)
			j.Begun()
			cancel(j)
			i.Held(point)
			first.Kill()
			i.Release()
			i.Worker()
			ends(j, bench.Cancelled, "cancelled by signal (ann): enough")
		})
	}
}

// A worker frozen between the intent and the launch wakes up after its job was
// cancelled: nothing runs any more.
func TestFrozenLaunchOfCancelledJob(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	first := i.Holding("intent:after")
	i.Starter()
	j := i.Create(returning)
	i.Held("intent:after")
	first.Freeze()
	i.Release()
	i.Worker()
	cancel(j)
	ends(j, bench.Unstarted, "cancelled by signal (ann): enough")
	first.Thaw()
	first.Stop()
	require.Empty(t, i.gate.submissions(), "it reads the revocation last")
	j.Ends(bench.Unstarted)
}

// cancel asks for a job's end as a person would.
func cancel(j *bench.Job) {
	j.Bench.Helper()
	require.NoError(j.Bench, j.Bench.Client.SignalWorkflow(j.Bench.Context(), j.Key.WorkflowID(), "", workflows.SignalCancel,
		workflows.CancelRequest{Reason: "enough", By: "ann"}))
}
