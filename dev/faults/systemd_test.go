package faults

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/unit"
	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
)

// killMode is what the unit of the worker says, else systemd's default.
func killMode(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "systemd", "stoker-worker.service"))
	require.NoError(t, err)
	options, err := unit.DeserializeOptions(strings.NewReader(string(text)))
	require.NoError(t, err)
	mode := "control-group"
	for _, o := range options {
		if o.Section == "Service" && o.Name == "KillMode" {
			mode = o.Value
		}
	}
	return mode
}

// stopUnit does to a worker and to the processes that it has started what systemd
// does when the worker's unit is stopped (systemd.kill(5)).
func stopUnit(b *bench.Bench, worker *bench.Process, mode string) {
	b.Helper()
	others := strays(b)
	toOthers := func(sig syscall.Signal) {
		for _, p := range others {
			_ = syscall.Kill(p.PID, sig) // it may just have ended
		}
	}
	switch mode {
	case "process":
	case "control-group":
		toOthers(syscall.SIGTERM)
		defer toOthers(syscall.SIGKILL)
	case "mixed":
		defer toOthers(syscall.SIGKILL)
	default:
		require.Fail(b, "no such KillMode is known here", mode)
	}
	require.Less(b, worker.Stop(), 60*time.Second, "within TimeoutStopSec")
}

// A restart of the worker's unit spares the application: it is the same one that
// ends the job.
func TestUnitOfWorkerRestarted(t *testing.T) {
	b := newBench(t)
	first := b.Worker()
	b.Starter()
	j := b.Create(waiting)
	j.Reaches("RUNNING")
	before := supervisors(b)
	require.Len(t, before, 1)
	stopUnit(b, first, killMode(t))
	b.Worker()
	require.Equal(t, before, supervisors(b))
	j.Let()
	j.Ends(bench.Complete)
}
