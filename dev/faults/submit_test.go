package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/workflows"
)

// A worker frozen between the intent and the launch wakes up after its job was
// cancelled: nothing runs any more.
func TestFrozenLaunchOfCancelledJob(t *testing.T) {
	t.Parallel()
	for name, cancel := range map[string]func(*bench.Bench, *bench.Job){
		"document": func(_ *bench.Bench, j *bench.Job) { j.CancelDocument() },
		"signal": func(b *bench.Bench, j *bench.Job) {
			require.NoError(b, b.Client.SignalWorkflow(b.Context(), j.Key.WorkflowID(), "", workflows.SignalCancel, nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "document" {
				bench.Long(t)
			}
			b := newBench(t)
			first := b.Holding("intent:after")
			b.Starter()
			j := b.Create(returning)
			b.Held("intent:after")
			first.Freeze()
			b.Release()
			b.Worker()
			cancel(b, j)
			j.Ends(bench.Unstarted)
			first.Thaw()
			b.Never("something runs", 3*time.Second, func() bool {
				return len(j.Starts()) > 0 || has(j, 1, "claim.json")
			})
			first.Stop()
			j.Ends(bench.Unstarted)
		})
	}
}

// Two workers launch the same attempt, one of them late.
func TestFrozenLaunchTakenOver(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"intent:after", "launch:after"} {
		t.Run(point, func(t *testing.T) {
			bench.Long(t)
			b := newBench(t)
			first := b.Holding(point)
			b.Starter()
			j := b.Create(waiting)
			b.Held(point)
			first.Freeze()
			b.Release()
			b.Worker()
			j.Reaches("RUNNING")
			first.Thaw()
			b.Never("a second start", 3*time.Second, func() bool { return len(j.Starts()) > 1 })
			j.Let()
			j.Ends(bench.Complete)
			require.Len(t, attemptDirs(j), 1)
		})
	}
}

// The late launch comes when the job has ended and its directory is clean.
func TestFrozenLaunchAfterEnd(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	first := b.Holding("intent:after")
	b.Starter()
	j := b.Create(returning)
	b.Held("intent:after")
	first.Freeze()
	b.Release()
	b.Worker()
	j.Ends(bench.Complete)
	first.Thaw()
	b.Never("a second start", 3*time.Second, func() bool { return len(j.Starts()) > 1 })
	first.Stop()
	j.Ends(bench.Complete)
}
