package faults

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
)

// isolation is how a worker is run in a PID namespace of its own, as in a
// container: when the worker ends, the kernel ends everything in it.
var isolation = [][]string{
	{"--pid", "--fork", "--kill-child", "--mount-proc"},
	{"--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"},
}

// contained starts a worker in a container.
func contained(b *bench.Bench) *bench.Process {
	b.Helper()
	unshare, err := exec.LookPath("unshare")
	require.NoError(b, err, "util-linux is needed")
	for _, flags := range isolation {
		if exec.CommandContext(b.Context(), unshare, append(flags, "true")...).Run() != nil {
			continue
		}
		p := b.StartProgram("container", unshare, nil, append(flags, bench.Binary("stoker"), "worker",
			"--config", b.ConfigFile, "--hold-file", b.HeldFile())...)
		p.Says("worker started")
		return p
	}
	b.Skip("this machine lets nobody make a PID namespace")
	return nil
}

// A container that is restarted takes its applications with it. That is known,
// so the job has failed and is not lost, and the worker's log says it.
func TestContainerRestarted(t *testing.T) {
	b := newBench(t)
	first := contained(b)
	b.Starter()
	j := b.Create(waiting)
	j.Reaches("RUNNING")
	first.Kill()
	b.Eventually("the application died with the container", func() bool { return !lives(j) })
	require.False(t, has(j, 1, "exit.json"), "nobody could record the end")
	second := contained(b)
	j.Ends(bench.Failed)
	require.Contains(t, j.Messages(), "ERROR (infrastructure) in phase running")
	require.Contains(t, j.Messages(), "the container was restarted while the application ran")
	require.NotContains(t, j.Messages(), "LOST")
	second.Says("the container was restarted while the application ran")
}
