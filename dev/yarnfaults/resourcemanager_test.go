//go:build hadoop

package yarnfaults

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/dev/hadoop"
	"github.com/stoker-spark/stoker/modelmanage"
)

// A ResourceManager that recovers is killed and comes back: jobs in every phase
// go on, and a cancel that came meanwhile is carried out.
func TestResourceManagerRestarted(t *testing.T) {
	bench.Long(t)
	const outOfReach = "cluster yarn is out of reach since"
	running := install(t)
	running.Worker()
	running.Starter()
	runs, stopped := running.Create(waiting), running.Create(waiting)
	var held []*bench.Job
	for _, point := range []string{"reserve:before", "submit:before", "intent:after"} {
		i := install(t)
		i.Holding(point)
		i.Starter()
		held = append(held, i.Create(returning))
		i.Held(point)
	}
	for _, j := range []*bench.Job{runs, stopped} {
		j.Begun()
		j.Reaches("RUNNING")
	}

	kill(t, hadoop.ResourceManager)
	for _, j := range held {
		j.Bench.ReleaseForGood()
	}
	cancel(stopped)
	for _, j := range append(held, stopped) {
		details(j, outOfReach)
	}
	runs.Let()
	start(t, hadoop.ResourceManager)

	ends(runs, bench.Complete)
	ends(stopped, bench.Cancelled, "cancelled by signal (ann): enough")
	for _, j := range held {
		ends(j, bench.Complete)
	}
}

// A ResourceManager that keeps nothing is killed and comes back: what ran is
// lost, what may have been sent is never sent again, what was not sent is.
func TestResourceManagerForgets(t *testing.T) {
	bench.Long(t)
	withSetting(t, keyRecovery, "false", "true")
	running := install(t, withoutRecovery)
	running.Worker()
	running.Starter()
	runs := running.Create(waiting)

	sent := install(t, withoutRecovery)
	worker := sent.Holding("intent:after")
	sent.Starter()
	maybe := sent.Create(returning)
	sent.Held("intent:after")

	staged := install(t, withoutRecovery)
	staged.Holding("submit:before")
	staged.Starter()
	later := staged.Create(returning)
	staged.Held("submit:before")
	runs.Begun()
	runs.Reaches("RUNNING")

	kill(t, hadoop.ResourceManager)
	worker.Kill()
	start(t, hadoop.ResourceManager)
	sent.Release()
	sent.Worker()
	staged.ReleaseForGood()

	ends(later, bench.Complete)
	ends(maybe, refused, "the ResourceManager was restarted without recovery after "+sent.application(maybe, 1)+" may have been sent")
	require.Empty(t, sent.gate.submissions())
	ends(runs, bench.End{Status: modelmanage.StatusError, Starts: 1}, "the cluster does not know the application and nothing says how it ended")
	require.Contains(t, runs.Messages(), "LOST:")
	for _, i := range []*installation{running, sent, staged} {
		require.Equal(t, 1, i.attempts(i.Jobs[0]))
	}
}
