package local_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

// escape leaves a process in a session of its own, whose parent has ended. env
// is what it is given of the environment, in Python.
func escape(env string) string {
	return `
subprocess.run([sys.executable, "-c", """
import os, subprocess, sys
p = subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=True, cwd="/")
open(sys.argv[1] + ".tmp", "w").write(str(p.pid))
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
""", os.path.join(scratch, "escaped")], env=` + env + `, start_new_session=True, check=True)
note("abandoned")
`
}

func (b *bench) escaped() int {
	b.Helper()
	b.said("abandoned")
	pid, err := strconv.Atoi(b.said("escaped"))
	require.NoError(b, err)
	return pid
}

// Whatever user code starts, in whatever session and environment, ends with it.
func TestNothingEscapesTheEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, escape(`{}`))
	b.submit()
	b.awaitState(job.StateSucceeded)
	require.True(t, gone(b.escaped()))
}

func TestNothingEscapesKill(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, escape(`{}`)+`wait("never")`)
	b.submit()
	pid := b.escaped()
	require.False(t, gone(pid))
	require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
	require.True(t, gone(pid))
}

// Without its supervisor, what an application starts is known by the directory
// for temporary files that it was given.
func TestNothingEscapesWithoutItsSupervisor(t *testing.T) {
	t.Parallel()
	const hidden = `{k: v for k, v in os.environ.items() if not k.startswith("STOKER_")}`
	t.Run("kill", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, nil)
		b.stage(false, escape(hidden)+`wait("never")`)
		b.submit()
		pid := b.escaped()
		b.slay(b.supervisorPID())
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
		require.True(t, gone(pid))
	})
	t.Run("the driver ends", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, nil)
		b.stage(true, "mark()\n"+escape(hidden)+`
wait("go")
status("returned")`)
		b.submit()
		pid := b.escaped()
		b.slay(b.supervisorPID())
		b.let("go")
		b.awaitState(job.StateAbsent)
		require.False(t, gone(pid), "looking ends nothing")
		require.NoError(t, b.m.Release(t.Context(), b.attempt))
		require.True(t, gone(pid))
		require.True(t, b.observe().Released)
	})
}
