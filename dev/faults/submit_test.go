package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/workflows"
)

// A worker frozen between the intent and the launch wakes up after its job was
// cancelled: nothing runs any more.
func TestFrozenLaunchOfCancelledJob(t *testing.T) {
	t.Parallel()
	for name, cancel := range map[string]func(*bench, *given){
		"document": func(_ *bench, j *given) { j.cancelDocument() },
		"signal": func(b *bench, j *given) {
			require.NoError(b, b.client.SignalWorkflow(b.Context(), j.key.WorkflowID(), "", workflows.SignalCancel, nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "document" {
				long(t)
			}
			b := newBench(t)
			first := b.holding("intent:after")
			b.starter()
			j := b.create(returning)
			b.held("intent:after")
			first.freeze()
			b.release()
			b.worker()
			cancel(b, j)
			j.ends(unstarted)
			first.thaw()
			b.never("something runs", 3*time.Second, func() bool {
				return len(j.starts()) > 0 || j.has(1, "claim.json")
			})
			first.stop()
			j.ends(unstarted)
		})
	}
}

// Two workers launch the same attempt, one of them late.
func TestFrozenLaunchTakenOver(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"intent:after", "launch:after"} {
		t.Run(point, func(t *testing.T) {
			long(t)
			b := newBench(t)
			first := b.holding(point)
			b.starter()
			j := b.create(waiting)
			b.held(point)
			first.freeze()
			b.release()
			b.worker()
			j.reaches("RUNNING")
			first.thaw()
			b.never("a second start", 3*time.Second, func() bool { return len(j.starts()) > 1 })
			j.let()
			j.ends(complete)
			require.Len(t, j.attemptDirs(), 1)
		})
	}
}

// The late launch comes when the job has ended and its directory is clean.
func TestFrozenLaunchAfterEnd(t *testing.T) {
	long(t)
	b := newBench(t)
	first := b.holding("intent:after")
	b.starter()
	j := b.create(returning)
	b.held("intent:after")
	first.freeze()
	b.release()
	b.worker()
	j.ends(complete)
	first.thaw()
	b.never("a second start", 3*time.Second, func() bool { return len(j.starts()) > 1 })
	first.stop()
	j.ends(complete)
}
