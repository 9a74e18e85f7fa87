package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// process is one process of the installation under test, leading a group.
type process struct {
	b    *bench
	name string
	log  string
	cmd  *exec.Cmd
	// ended is closed when the process is gone and reaped.
	ended chan struct{}
}

// start runs one of the binaries with its output in a log file.
func (b *bench) start(name, bin string, env []string, args ...string) *process {
	b.Helper()
	return b.startProgram(name, binary(bin), env, args...)
}

func (b *bench) startProgram(name, program string, env []string, args ...string) *process {
	b.Helper()
	b.started++
	p := &process{
		b: b, name: fmt.Sprintf("%s-%d", name, b.started), ended: make(chan struct{}),
	}
	p.log = filepath.Join(b.dir, "logs", p.name+".log")
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(b, err)
	defer func() { _ = log.Close() }()     // the process has its own
	p.cmd = exec.Command(program, args...) //nolint:gosec,noctx // a binary under test, ended by the bench
	p.cmd.Dir = b.dir
	p.cmd.Env = append(b.environment(), env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// The kernel ends it even if the test binary cannot.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(b, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // how it ended does not matter: most are killed
		close(p.ended)
	}()
	b.processes = append(b.processes, p)
	return p
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal reaches the whole group.
func (p *process) signal(sig syscall.Signal) {
	if p.running() {
		_ = syscall.Kill(-p.cmd.Process.Pid, sig) // it may just have ended
	}
}

// kill ends it with -9 and waits until it is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// stop asks it to end and returns how long that took.
func (p *process) stop() time.Duration {
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

func (p *process) freeze() { p.signal(syscall.SIGSTOP) }
func (p *process) thaw()   { p.signal(syscall.SIGCONT) }

// says waits for words in its log.
func (p *process) says(words string) {
	p.b.Helper()
	if !p.told(words) {
		require.Fail(p.b, "it ended", "%s before it said %q: %s", p.name, words, tail(p.log, dumpAtMost))
	}
}

// told waits for words in its log; false if it ended without them.
func (p *process) told(words string) bool {
	p.b.Helper()
	said := false
	p.b.eventually(p.name+" says "+words, func() bool {
		running := p.running()
		data, err := os.ReadFile(p.log)
		said = err == nil && bytes.Contains(data, []byte(words))
		return said || !running
	})
	return said
}

// environment that every process gets: nothing of the one that runs the tests
// but what finds programs.
func (b *bench) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "LANG=C.UTF-8", "JAVA_HOME=" + b.javaHome,
		fmt.Sprintf("TEMPORAL_ADDRESS=127.0.0.1:%d", b.ports.Temporal),
	}
}

// newCore starts Temporal and the simulator.
func (b *bench) newCore() *process {
	b.Helper()
	return b.start("core", "stoker-dev", nil, "--state", filepath.Join(b.dir, "core"), "--venv", b.venv,
		"--port-offset", strconv.Itoa(b.offset), "--parts", "temporal,modelmanage")
}

// startCore starts them again and waits until both answer.
func (b *bench) startCore() {
	b.Helper()
	b.core = b.newCore()
	b.core.says("Stoker is ready")
}

// worker starts a worker; args may hold flags such as --hold.
func (b *bench) worker(args ...string) *process {
	b.Helper()
	return b.workerWith(nil, args...)
}

func (b *bench) workerWith(env []string, args ...string) *process {
	b.Helper()
	p := b.start("worker", "stoker", env, append([]string{"worker", "--config", b.configFile, "--hold-file", b.heldFile()}, args...)...)
	p.says("worker started")
	return p
}

// holding starts a worker that blocks at a point.
func (b *bench) holding(point string) *process {
	b.Helper()
	return b.worker("--hold", point)
}

func (b *bench) heldFile() string { return filepath.Join(b.dir, "held") }

// held waits until the worker blocks at its point.
func (b *bench) held(point string) {
	b.Helper()
	b.eventually("held at "+point, func() bool {
		data, err := os.ReadFile(b.heldFile())
		return err == nil && strings.TrimSpace(string(data)) == point
	})
}

// release lets a held worker go on. A worker that comes to its point again, as
// in a retry, is held again.
func (b *bench) release() {
	b.Helper()
	if err := os.Remove(b.heldFile()); !errors.Is(err, fs.ErrNotExist) {
		require.NoError(b, err)
	}
}

// releaseForGood lets it go on as often as it comes to its point.
func (b *bench) releaseForGood() {
	done := b.Context().Done()
	go func() {
		for {
			_ = os.Remove(b.heldFile()) // mostly there is none
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
}

func (b *bench) starter() *process {
	b.Helper()
	p := b.start("starter", "stoker", nil, "starter", "--config", b.configFile)
	p.says("starter started")
	return p
}

// found is a process of the machine that belongs to this test's jobs.
type found struct {
	pid     int
	command string
}

// strays lists the live processes that carry this test's directory in their
// command line or environment: supervisors, applications and what they left,
// but not the processes of the installation itself.
func (b *bench) strays() []found {
	entries, err := os.ReadDir("/proc")
	require.NoError(b, err)
	var list []found
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() || slices.ContainsFunc(b.processes, func(p *process) bool { return p.cmd.Process.Pid == pid }) {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline")) // gone since
		environ, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ")) // gone since
		if bytes.Contains(command, []byte(b.dir)) || bytes.Contains(environ, []byte(b.dir)) {
			list = append(list, found{pid, strings.ReplaceAll(string(command), "\x00", " ")})
		}
	}
	return list
}

// supervisors lists the live supervisors of this test.
func (b *bench) supervisors() []found {
	return slices.DeleteFunc(b.strays(), func(f found) bool { return !strings.Contains(f.command, "stoker supervise ") })
}
