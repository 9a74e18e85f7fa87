//go:build hadoop

package yarnfaults

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/dev/hadoop"
	"github.com/stoker-spark/stoker/spark"
)

// An application killed from outside is told as such and not run again.
func TestApplicationKilledFromOutside(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.Worker()
	i.Starter()
	j := i.Create(waiting)
	j.Begun()
	j.Reaches("RUNNING")
	_, err := resourceManager(t).Kill(t.Context(), i.application(j, 1), "wanted by somebody else")
	require.NoError(t, err)
	ends(j, bench.Failed, "the application was killed from outside: KILLED", "wanted by somebody else")
	require.Contains(t, j.Messages(), "ERROR (killed) in phase running")
	require.Equal(t, 1, i.attempts(j))
}

// master is the process of an application's master.
func master(i *installation, id string) int {
	i.Helper()
	for _, p := range processes(i.T, id) {
		if program, _, _ := strings.Cut(p.Command, " "); strings.HasSuffix(program, "/bin/java") &&
			strings.Contains(p.Command, "org.apache.spark.deploy.yarn.ApplicationMaster") {
			return p.PID
		}
	}
	require.Fail(i, "no application master", id)
	return 0
}

// An application master that is killed hard leaves nothing, and what began is
// not run again.
func TestApplicationMasterKilled(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	i.Worker()
	i.Starter()
	j := i.Create(waiting, bench.Object{"spark.dynamicAllocation.enabled": "false", "spark.executor.instances": "1"})
	j.Begun()
	j.Reaches("RUNNING")
	id := i.application(j, 1)
	i.Eventually("an executor runs", func() bool {
		app, _ := application(t, id)
		return app.RunningContainers == 2
	})
	require.NoError(t, syscall.Kill(master(i, id), syscall.SIGKILL))
	ends(j, bench.Failed, "the application failed: FAILED", "exitCode: 137")
	require.Equal(t, 1, i.attempts(j))
}

// One that is killed before user code began is followed by another attempt.
func TestApplicationMasterKilledBeforeStart(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	i.Worker()
	i.Starter()
	j := i.Create(returning)
	i.Eventually("the application master runs", func() bool {
		return i.has(j, 1, spark.FileAcknowledged) && len(processes(t, i.application(j, 1))) > 1 // a shell around it
	})
	id := i.application(j, 1)
	i.Eventually("it is killed", func() bool {
		for _, p := range processes(t, id) {
			_ = syscall.Kill(p.PID, syscall.SIGKILL) // the shell or the master, whichever there is
		}
		app, known := application(t, id)
		return known && app.State.Ended()
	})
	require.Empty(t, j.Starts(), "it was struck before user code began")
	ends(j, bench.Complete)
	require.Equal(t, 2, i.attempts(j))
}

// The host of the driver is lost: YARN says so when the NodeManager's time is
// over. What began is not run again.
func TestNodeManagerKilled(t *testing.T) {
	bench.Long(t)
	i := install(t)
	i.Worker()
	i.Starter()
	j := i.Create(waiting)
	j.Begun()
	j.Reaches("RUNNING")
	kill(t, hadoop.NodeManager)
	j.Reaches("ERROR")
	j.Let() // nobody but YARN ends what outlives its NodeManager
	ends(j, bench.Failed, "the application failed: FAILED")
	require.Equal(t, 1, i.attempts(j))
	start(t, hadoop.NodeManager)
	again := i.Create(returning)
	ends(again, bench.Complete)
}
