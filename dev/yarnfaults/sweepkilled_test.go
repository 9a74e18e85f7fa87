//go:build hadoop

package yarnfaults

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/modelmanage"
)

// The process that sweeps dies when it has killed and not yet told, and its workflow is
// ended, too: the next sweep finishes, and nothing is told twice.
func TestSweepKilled(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t, impatient)
	first := i.Worker()
	i.Starter()
	j := i.Create(waiting)
	j.Begun()
	j.Reaches("RUNNING")
	j.Terminate()
	first.Kill()
	sweeping := i.Holding("report:before")
	asking := i.Start("sweep", "stoker", nil, "admin", "sweep", "--config", i.ConfigFile)
	i.Eventually("the application is killed", func() bool {
		if !asking.Running() { // it came too early to find anything left
			asking = i.Start("sweep", "stoker", nil, "admin", "sweep", "--config", i.ConfigFile)
		}
		return i.killed(i.application(j, 1))
	})
	i.Held("report:before")
	sweeping.Kill()
	asking.Kill()
	require.NoError(t, i.Client.TerminateWorkflow(t.Context(), "sweep-yarn", "", "the test wants it"))
	i.Release()
	i.Worker()
	i.Eventually("another sweep ends it", func() bool { return i.sweep().Looked == 0 })
	require.Equal(t, 1, strings.Count(j.Messages(), "terminated by an operator"), j.Messages())
	j.CheckEnd(bench.End{Status: modelmanage.StatusError, Starts: 1})
	require.Equal(t, 1, i.attempts(j))
}
