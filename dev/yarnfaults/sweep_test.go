//go:build hadoop

package yarnfaults

import (
	"encoding/json"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/workflows"
)

// impatient makes what a workflow left count as left after a second.
func impatient(o *options) {
	if o.keys == nil {
		o.keys = map[string]any{}
	}
	o.keys["sweep/grace"] = "1s"
}

func (i *installation) sweep() workflows.SweepResult {
	i.Helper()
	out, err := i.Admin("sweep", "-o", "json")
	require.NoError(i, err)
	var report struct {
		Clusters []workflows.SweepResult `json:"clusters"`
	}
	require.NoError(i, json.Unmarshal([]byte(out), &report), out)
	require.Len(i, report.Clusters, 1)
	require.Empty(i, report.Clusters[0].Failed)
	return report.Clusters[0]
}

func (i *installation) killed(id string) bool {
	app, known := application(i.T, id)
	return known && app.State == rm.StateKilled
}

// Sweep ends a job whose workflow was terminated.
func TestTerminated(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	i.Worker()
	i.Starter()
	j := i.Create(waiting)
	j.Begun()
	j.Reaches("RUNNING")
	require.True(t, i.sweep().Recorded)
	j.Terminate()
	i.Eventually("a sweep ends it", func() bool { return len(i.sweep().Ended) == 1 })
	require.Equal(t, "ERROR", j.Standing())
	require.Contains(t, j.Messages(), "terminated by an operator")
	require.True(t, i.killed(i.application(j, 1)))
	j.CheckEnd(bench.End{Status: modelmanage.StatusError, Starts: 1})
}

// An application whose job directory is gone is found by its tags.
func TestOrphanApplication(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t, impatient)
	i.Worker()
	i.Starter()
	j := i.Create(waiting)
	j.Begun()
	j.Reaches("RUNNING")
	id := i.application(j, 1)
	require.Empty(t, i.sweep().Orphans)
	j.Terminate()
	require.NoError(t, i.files.RemoveAll(t.Context(), path.Dir(i.dir(j, 1))))
	i.Eventually("a sweep kills it", func() bool { return len(i.sweep().Orphans) == 1 })
	require.True(t, i.killed(id))
	// What lives is listed by all of a worker's steps together, some seconds apart.
	i.Eventually("another sweep finds nothing", func() bool { return len(i.sweep().Orphans) == 0 })
}

// Temporal's database is lost while an application runs: it is adopted, and ends as if
// nothing had been.
func TestDatabaseLost(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t, impatient)
	i.Worker()
	s := i.Starter()
	j := i.Create(waiting)
	j.Begun()
	j.Reaches("RUNNING")
	require.True(t, i.sweep().Recorded)
	s.Kill()
	i.LoseDatabase()
	out, err := i.Admin("reconcile", "--accept-namespace")
	require.NoError(t, err)
	require.Contains(t, out, "adopted")
	j.Let()
	ends(j, bench.Complete)
	require.Equal(t, 1, i.attempts(j))
}
