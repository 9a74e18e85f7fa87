package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options of a server.
type Options struct {
	// Home of the binaries.
	Home string
	// Port on loopback.
	Port int
	// User and Password of the superuser.
	User, Password string
}

// Server is a running server on a database of its own, which goes with it.
type Server struct {
	dir   string
	cmd   *exec.Cmd
	ended chan struct{}
}

// startLimit is how long a server may take to answer, its database being made
// before.
const startLimit = time.Minute

// Start makes a database and starts a server on it; it answers when Start
// returns. PostgreSQL refuses to run as root, so root runs it as nobody.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	if _, err := os.Stat(filepath.Join(o.Home, "bin", "postgres")); err != nil {
		return nil, fmt.Errorf("no PostgreSQL: run make postgres, which fetches it: %w", err)
	}
	dir, err := os.MkdirTemp("", "stoker-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir) // the first error is the one to tell
		}
	}()
	home, attr := o.Home, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		if attr.Credential, err = unprivileged(dir); err != nil {
			return nil, err
		}
		// Nobody need not be able to enter the directories above the binaries.
		home = filepath.Join(dir, "home")
		if err := os.CopyFS(home, os.DirFS(o.Home)); err != nil {
			return nil, fmt.Errorf("copy PostgreSQL: %w", err)
		}
	}
	run := func(program string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(home, "bin", program), args...) //nolint:gosec // PostgreSQL
		cmd.Dir, cmd.SysProcAttr = dir, attr
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
		return cmd
	}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(o.Password+"\n"), 0o600); err != nil {
		return nil, err
	}
	if err := own(attr.Credential, password); err != nil {
		return nil, err
	}
	out, err := run("initdb", "--pgdata", s.data(), "--username", o.User, "--pwfile", password,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("make a database: %w: %s", err, out)
	}
	log, err := os.Create(s.log())
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the server has its own
	// What it writes need not outlive the machine.
	s.cmd = run("postgres", "-D", s.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(o.Port), "-k", "", "-F")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	go func() {
		_ = s.cmd.Wait() // its log says why
		close(s.ended)
	}()
	if err := s.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "log") }

// awaitReady waits until the server has written that it is, as pg_ctl does.
func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if lines := strings.Split(string(status), "\n"); len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-s.ended:
			said, _ := os.ReadFile(s.log()) // for people only
			return fmt.Errorf("PostgreSQL ended: %s", said)
		case <-ctx.Done():
			said, _ := os.ReadFile(s.log()) // for people only
			return fmt.Errorf("PostgreSQL does not answer: %w: %s", ctx.Err(), said)
		case <-tick.C:
		}
	}
}

// stopLimit is how long a server may take to stop before it is killed.
const stopLimit = 10 * time.Second

// Stop stops the server and deletes its database.
func (s *Server) Stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGINT) // fast shutdown; gone is what is wanted
	select {
	case <-s.ended:
	case <-time.After(stopLimit):
		_ = s.cmd.Process.Kill() // as above
		<-s.ended
	}
	return os.RemoveAll(s.dir)
}

// unprivileged is the user nobody, who gets the directory.
func unprivileged(dir string) (*syscall.Credential, error) {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no other user: %w", err)
	}
	uid, errUser := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, errGroup := strconv.ParseUint(nobody.Gid, 10, 32)
	if err := errors.Join(errUser, errGroup); err != nil {
		return nil, err
	}
	as := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return as, own(as, dir)
}

// own gives a file to whom the server runs as; nil is this process's own user.
func own(as *syscall.Credential, path string) error {
	if as == nil {
		return nil
	}
	return os.Chown(path, int(as.Uid), int(as.Gid))
}
