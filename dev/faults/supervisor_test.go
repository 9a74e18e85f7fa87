package faults

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/modelmanage"
)

// superviseHeld waits until the supervisor of an attempt blocks at a point.
func superviseHeld(j *bench.Job, attempt int, point string) {
	j.Bench.Helper()
	j.Bench.Eventually("the supervisor is held at "+point, func() bool { return has(j, attempt, "held-"+point) })
}

// superviseOn lets a held supervisor go on.
func superviseOn(j *bench.Job, attempt int, point string) {
	j.Bench.Helper()
	require.NoError(j.Bench, os.Remove(filepath.Join(root(j.Bench), j.Key.Name(), strconv.Itoa(attempt), "held-"+point)))
}

// killSupervisor kills the one supervisor there is. It is frozen first, so that
// meanwhile may take away what holds it.
func killSupervisor(b *bench.Bench, meanwhile func()) {
	b.Helper()
	list := supervisors(b)
	require.Len(b, list, 1, "supervisors")
	require.NoError(b, syscall.Kill(list[0].PID, syscall.SIGSTOP))
	if meanwhile != nil {
		meanwhile()
	}
	require.NoError(b, syscall.Kill(list[0].PID, syscall.SIGKILL))
}

// A supervisor that dies before it made its claim is followed by another one.
func TestSupervisorKilledBeforeClaim(t *testing.T) {
	b := newBench(t)
	b.Holding("supervisor:read")
	b.Starter()
	j := b.Create(returning)
	superviseHeld(j, 1, "read")
	killSupervisor(b, func() { superviseOn(j, 1, "read") })
	superviseHeld(j, 1, "read")
	require.False(t, has(j, 1, "claim.json"))
	superviseOn(j, 1, "read")
	j.Ends(bench.Complete)
	require.Len(t, attemptDirs(j), 1)
}

// One that dies with a claim and without a process can never be sent again; the
// fence proves that user code never began, so another attempt follows.
func TestSupervisorKilledBeforeFork(t *testing.T) {
	b := newBench(t)
	b.Holding("supervisor:claimed")
	b.Starter()
	j := b.Create(returning)
	superviseHeld(j, 1, "claimed")
	killSupervisor(b, nil)
	superviseHeld(j, 2, "claimed")
	require.Empty(t, j.Starts())
	superviseOn(j, 2, "claimed")
	j.Ends(bench.Complete)
	require.Len(t, attemptDirs(j), 2)
}

// A process that was forked goes on without its supervisor, recorded or not; the
// driver's status file says how it ended.
func TestSupervisorKilledAfterFork(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"forked", "recorded"} {
		t.Run(point, func(t *testing.T) {
			b := newBench(t)
			b.Holding("supervisor:" + point)
			b.Starter()
			j := b.Create(waiting)
			superviseHeld(j, 1, point)
			killSupervisor(b, nil)
			j.Begun()
			j.Let()
			j.Ends(bench.Complete)
			require.Len(t, attemptDirs(j), 1)
		})
	}
}

func TestSupervisorKilledWhileRunning(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		end  bench.End
		says string
	}{
		"returns": {waiting, bench.Complete, ""},
		"raises":  {"wait()\n" + raising, bench.Failed, "ValueError: as the test wants it"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Worker()
			b.Starter()
			j := b.Create(c.body)
			j.Reaches("RUNNING")
			killSupervisor(b, nil)
			j.Let()
			j.Ends(c.end)
			require.Contains(t, j.Messages(), c.says)
			require.Len(t, attemptDirs(j), 1)
		})
	}
}

// Nobody can tell how an application ended that died together with its
// supervisor: it is lost, and never run again.
func TestSupervisorAndApplicationKilled(t *testing.T) {
	b := newBench(t)
	b.Worker()
	b.Starter()
	j := b.Create(waiting)
	j.Reaches("RUNNING")
	j.Begun()
	killSupervisor(b, func() {
		pid, err := strconv.Atoi(j.Starts()[0])
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	})
	j.Ends(bench.End{Status: modelmanage.StatusError, Starts: 1})
	require.Contains(t, j.Messages(), "LOST:")
	require.Len(t, attemptDirs(j), 1)
}

// An application killed from outside is told as such and not run again.
func TestApplicationKilled(t *testing.T) {
	b := newBench(t)
	b.Worker()
	b.Starter()
	j := b.Create(waiting)
	j.Reaches("RUNNING")
	j.Begun()
	pid, err := strconv.Atoi(j.Starts()[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	j.Ends(bench.Failed)
	require.Contains(t, j.Messages(), "killed")
	require.Len(t, attemptDirs(j), 1)
}
