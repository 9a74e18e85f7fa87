package faults

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// isolation is how a worker is run in a PID namespace of its own, as in a
// container: when the worker ends, the kernel ends everything in it.
var isolation = [][]string{
	{"--pid", "--fork", "--kill-child", "--mount-proc"},
	{"--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"},
}

// contained starts a worker in a container.
func (b *bench) contained() *process {
	b.Helper()
	unshare, err := exec.LookPath("unshare")
	require.NoError(b, err, "util-linux is needed")
	for _, flags := range isolation {
		if exec.CommandContext(b.Context(), unshare, append(flags, "true")...).Run() != nil {
			continue
		}
		p := b.startProgram("container", unshare, nil, append(flags, binary("stoker"), "worker",
			"--config", b.configFile, "--hold-file", b.heldFile())...)
		p.says("worker started")
		return p
	}
	b.Skip("this machine lets nobody make a PID namespace")
	return nil
}

// A container that is restarted takes its applications with it. That is known,
// so the job has failed and is not lost, and the worker's log says it.
func TestContainerRestarted(t *testing.T) {
	b := newBench(t)
	first := b.contained()
	b.starter()
	j := b.create(waiting)
	j.reaches("RUNNING")
	first.kill()
	b.eventually("the application died with the container", func() bool { return !j.lives() })
	require.False(t, j.has(1, "exit.json"), "nobody could record the end")
	second := b.contained()
	j.ends(failed)
	require.Contains(t, j.messages(), "ERROR (infrastructure) in phase running")
	require.Contains(t, j.messages(), "the container was restarted while the application ran")
	require.NotContains(t, j.messages(), "LOST")
	second.says("the container was restarted while the application ran")
}
