//go:build hadoop

package yarnfaults

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
)

// A job is cancelled while a worker is at some point of it. Before the launch
// nothing ever runs; what was sent is killed; what has succeeded stays so.
func TestCancelled(t *testing.T) {
	t.Parallel()
	for point, want := range map[string]bench.End{
		"reserve:after": bench.Unstarted, "stage:before": bench.Unstarted, "stage:after": bench.Unstarted,
		"intent:after": bench.Unstarted, "launch:after": bench.Cancelled,
		"watch:before": bench.Cancelled, "collect:before": bench.Complete,
	} {
		t.Run(point, func(t *testing.T) {
			bench.Long(t)
			t.Parallel()
			i := install(t)
			i.Holding(point)
			i.Starter()
			body := returning
			if want == bench.Cancelled {
				body = waiting
			}
			j := i.Create(body)
			i.Held(point)
			if want == bench.Cancelled {
				j.Begun()
			}
			cancel(j)
			details(j, "cancelled by signal (ann): enough")
			i.ReleaseForGood()
			if want == bench.Complete {
				ends(j, want)
				require.Contains(t, j.CurrentDetails(), "cancelled by signal (ann): enough, but the application had already succeeded")
				return
			}
			ends(j, want, "cancelled by signal (ann): enough")
		})
	}
}

// A job is cancelled while its worker does not reach the ResourceManager. What
// was never sent needs none to be ended; what was sent is killed later.
func TestCancelledWithoutResourceManager(t *testing.T) {
	t.Parallel()
	t.Run("staging", func(t *testing.T) {
		bench.Long(t)
		t.Parallel()
		i := install(t)
		i.Holding("stage:before")
		i.Starter()
		j := i.Create(returning)
		i.Held("stage:before")
		i.gate.shut.Store(true)
		cancel(j)
		i.ReleaseForGood()
		j.Reaches("CANCELLED")
		i.gate.shut.Store(false)
		ends(j, bench.Unstarted, "cancelled by signal (ann): enough")
	})
	t.Run("submitted", func(t *testing.T) {
		bench.Long(t)
		t.Parallel()
		i := install(t)
		i.Holding("launch:after")
		i.Starter()
		j := i.Create(waiting)
		i.Held("launch:after")
		i.gate.shut.Store(true)
		cancel(j)
		i.ReleaseForGood()
		details(j, "cluster yarn is out of reach since")
		j.Begun() // nobody could end it yet
		require.NotEqual(t, "CANCELLED", j.Standing(), "it is not called ended before it is")
		i.gate.shut.Store(false)
		ends(j, bench.Cancelled, "cancelled by signal (ann): enough")
	})
}
