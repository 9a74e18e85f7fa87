package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// Process is one process of the installation under test, leading a group.
type Process struct {
	b    *Bench
	name string
	log  string
	cmd  *exec.Cmd
	// ended is closed when the process is gone and reaped.
	ended chan struct{}
}

// Start runs one of the binaries with its output in a log file.
func (b *Bench) Start(name, bin string, env []string, args ...string) *Process {
	b.Helper()
	return b.StartProgram(name, Binary(bin), env, args...)
}

// StartProgram is Start for any program.
func (b *Bench) StartProgram(name, program string, env []string, args ...string) *Process {
	b.Helper()
	b.started++
	p := &Process{
		b: b, name: fmt.Sprintf("%s-%d", name, b.started), ended: make(chan struct{}),
	}
	p.log = filepath.Join(b.Dir, "logs", p.name+".log")
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(b, err)
	defer func() { _ = log.Close() }()     // the process has its own
	p.cmd = exec.Command(program, args...) //nolint:gosec,noctx // a binary under test, ended by the bench
	p.cmd.Dir = b.Dir
	p.cmd.Env = append(b.Environment(), env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// The kernel ends it even if the test binary cannot.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(b, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // how it ended does not matter: most are killed
		close(p.ended)
	}()
	b.Processes = append(b.Processes, p)
	return p
}

// PID of the process, running or not.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Running reports whether it is there, frozen or not.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal reaches the whole group.
func (p *Process) signal(sig syscall.Signal) {
	if p.Running() {
		_ = syscall.Kill(-p.cmd.Process.Pid, sig) // it may just have ended
	}
}

// Kill ends it with -9 and waits until it is gone.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// Stop asks it to end and returns how long that took.
func (p *Process) Stop() time.Duration {
	p.b.Helper()
	asked := time.Now()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		require.Fail(p.b, "it does not stop", p.name)
	}
	return time.Since(asked)
}

// Freeze stops it in the middle of what it does.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }

// Says waits for words in its log.
func (p *Process) Says(words string) {
	p.b.Helper()
	if !p.told(words) {
		require.Fail(p.b, "it ended", "%s before it said %q: %s", p.name, words, tail(p.log, dumpAtMost))
	}
}

// told waits for words in its log; false if it ended without them.
func (p *Process) told(words string) bool {
	p.b.Helper()
	said := false
	p.b.Eventually(p.name+" says "+words, func() bool {
		running := p.Running()
		data, err := os.ReadFile(p.log)
		said = err == nil && bytes.Contains(data, []byte(words))
		return said || !running
	})
	return said
}

// Output waits for its end and returns what it has said.
func (p *Process) Output() string {
	p.b.Helper()
	<-p.ended
	return tail(p.log, dumpAtMost)
}
