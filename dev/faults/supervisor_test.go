package faults

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/modelmanage"
)

// superviseHeld waits until the supervisor of an attempt blocks at a point.
func (j *given) superviseHeld(attempt int, point string) {
	j.b.Helper()
	j.b.eventually("the supervisor is held at "+point, func() bool { return j.has(attempt, "held-"+point) })
}

// superviseOn lets a held supervisor go on.
func (j *given) superviseOn(attempt int, point string) {
	j.b.Helper()
	require.NoError(j.b, os.Remove(filepath.Join(j.b.root(), j.key.Name(), strconv.Itoa(attempt), "held-"+point)))
}

// killSupervisor kills the one supervisor there is. It is frozen first, so that
// meanwhile may take away what holds it.
func (b *bench) killSupervisor(meanwhile func()) {
	b.Helper()
	list := b.supervisors()
	require.Len(b, list, 1, "supervisors")
	require.NoError(b, syscall.Kill(list[0].pid, syscall.SIGSTOP))
	if meanwhile != nil {
		meanwhile()
	}
	require.NoError(b, syscall.Kill(list[0].pid, syscall.SIGKILL))
}

// A supervisor that dies before it made its claim is followed by another one.
func TestSupervisorKilledBeforeClaim(t *testing.T) {
	b := newBench(t)
	b.holding("supervisor:read")
	b.starter()
	j := b.create(returning)
	j.superviseHeld(1, "read")
	b.killSupervisor(func() { j.superviseOn(1, "read") })
	j.superviseHeld(1, "read")
	require.False(t, j.has(1, "claim.json"))
	j.superviseOn(1, "read")
	j.ends(complete)
	require.Len(t, j.attemptDirs(), 1)
}

// One that dies with a claim and without a process can never be sent again; the
// fence proves that user code never began, so another attempt follows.
func TestSupervisorKilledBeforeFork(t *testing.T) {
	b := newBench(t)
	b.holding("supervisor:claimed")
	b.starter()
	j := b.create(returning)
	j.superviseHeld(1, "claimed")
	b.killSupervisor(nil)
	j.superviseHeld(2, "claimed")
	require.Empty(t, j.starts())
	j.superviseOn(2, "claimed")
	j.ends(complete)
	require.Len(t, j.attemptDirs(), 2)
}

// A process that was forked goes on without its supervisor, recorded or not; the
// driver's status file says how it ended.
func TestSupervisorKilledAfterFork(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"forked", "recorded"} {
		t.Run(point, func(t *testing.T) {
			b := newBench(t)
			b.holding("supervisor:" + point)
			b.starter()
			j := b.create(waiting)
			j.superviseHeld(1, point)
			b.killSupervisor(nil)
			j.begun()
			j.let()
			j.ends(complete)
			require.Len(t, j.attemptDirs(), 1)
		})
	}
}

func TestSupervisorKilledWhileRunning(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		end  end
		says string
	}{
		"returns": {waiting, complete, ""},
		"raises":  {"wait()\n" + raising, failed, "ValueError: as the test wants it"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.worker()
			b.starter()
			j := b.create(c.body)
			j.reaches("RUNNING")
			b.killSupervisor(nil)
			j.let()
			j.ends(c.end)
			require.Contains(t, j.messages(), c.says)
			require.Len(t, j.attemptDirs(), 1)
		})
	}
}

// Nobody can tell how an application ended that died together with its
// supervisor: it is lost, and never run again.
func TestSupervisorAndApplicationKilled(t *testing.T) {
	b := newBench(t)
	b.worker()
	b.starter()
	j := b.create(waiting)
	j.reaches("RUNNING")
	b.killSupervisor(func() {
		pid, err := strconv.Atoi(j.starts()[0])
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	})
	j.ends(end{status: modelmanage.StatusError, starts: 1})
	require.Contains(t, j.messages(), "LOST:")
	require.Len(t, j.attemptDirs(), 1)
}

// An application killed from outside is told as such and not run again.
func TestApplicationKilled(t *testing.T) {
	b := newBench(t)
	b.worker()
	b.starter()
	j := b.create(waiting)
	j.reaches("RUNNING")
	pid, err := strconv.Atoi(j.starts()[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	j.ends(failed)
	require.Contains(t, j.messages(), "killed")
	require.Len(t, j.attemptDirs(), 1)
}

// messages of the document, a line each.
func (j *given) messages() string {
	j.b.Helper()
	list, _ := j.lastDocument()["jobMessages"].([]any)
	lines := make([]string, 0, len(list))
	for _, line := range list {
		text, _ := line.(string)
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}
