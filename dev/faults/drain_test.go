package faults

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

// A drained cluster launches nothing, whatever dies; what runs goes on, and who waits
// goes on when the drain ends.
func TestDrain(t *testing.T) {
	b := newBench(t)
	w := b.Worker()
	f := newFront(b)
	runs := f.submit("runs")
	f.Eventually("the first runs", func() bool { return f.starts() == 1 })

	code, stdout, stderr := f.stoker("drain", "local", "--reason", "new disks")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "cluster local is drained by local (new disks); jobs still on it: 1")
	waits := f.submit("waits")
	held := func() bool {
		v := f.get(waits.ID)
		return v.Phase == job.PhaseSubmitting && strings.Contains(v.WaitingFor, "cluster local is drained") && strings.Contains(v.WaitingFor, "new disks")
	}
	f.Eventually("the second is held", held)
	f.Eventually("one is live", func() bool {
		code, stdout, _ := f.stoker("clusters")
		return code == 0 && strings.Contains(stdout, "1 live")
	})

	// A drain is no state of a process.
	w.Kill()
	b.Worker()
	f.let()
	require.Equal(t, job.ResultSucceeded, f.ends(runs.ID).Outcome.Result)
	code, stdout, stderr = f.stoker("drain", "local", "--wait")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "and empty; waiting jobs: 1")
	require.True(t, held(), "%+v", f.get(waits.ID))
	require.Equal(t, 1, f.starts())

	code, stdout, stderr = f.stoker("drain", "local", "--resume")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "cluster local launches applications")
	require.Equal(t, job.ResultSucceeded, f.ends(waits.ID).Outcome.Result)
	require.Equal(t, 2, f.starts())
}
