package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is what a container would hold.
type process struct {
	t     testing.TB
	name  string
	log   string
	cmd   *exec.Cmd
	ended chan struct{}
}

// start runs a command with its output in a log file. The kernel ends it with this
// process.
func start(t testing.TB, name, dir, log string, environment, command []string) *process {
	t.Helper()
	p := &process{t: t, name: name, log: log, ended: make(chan struct{})}
	require.NoError(t, os.MkdirAll(filepath.Dir(log), 0o700))
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer func() { _ = out.Close() }()               // the process has its own
	p.cmd = exec.Command(command[0], command[1:]...) //nolint:gosec,noctx // what is under test, ended by it
	p.cmd.Dir, p.cmd.Env = dir, environment
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, p.cmd.Start(), "start %s", name)
	go func() {
		_ = p.cmd.Wait() // its state tells
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // mostly gone
		<-p.ended
		if t.Failed() && p.cmd.ProcessState.ExitCode() != 0 {
			t.Logf("== %s\n%s", name, p.said())
		}
	})
	return p
}

// running reports whether it has not ended.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// said is the end of what it has written.
func (p *process) said() string {
	const most = 4 << 10
	data, _ := os.ReadFile(p.log) // for people only
	return string(data[max(0, len(data)-most):])
}

// stop asks the process itself, as Docker and systemd do, and wants it to end well
// within some time.
func (p *process) stop(within time.Duration) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM), p.name)
	select {
	case <-p.ended:
	case <-time.After(within):
		require.Fail(p.t, "it does not stop", "%s: %s", p.name, p.said())
	}
	require.Zero(p.t, p.cmd.ProcessState.ExitCode(), "%s: %s", p.name, p.said())
}

// patience is how long anything may take on a busy machine.
const patience = 3 * time.Minute

// eventually waits until nothing is in the way of what the test wants.
func eventually(t testing.TB, within time.Duration, obstacle func() string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); ; <-tick.C {
		why := obstacle()
		if why == "" {
			return
		}
		require.False(t, time.Now().After(deadline), "not within %s: %s", within, why)
	}
}
