package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// Points at which a supervisor can be held by --hold, for fault tests: it then
// makes the file "held-<point>" in the job directory and waits until that is
// removed.
const (
	holdRead     = "read"     // the request is read, no lock is taken
	holdLocked   = "locked"   // the root lock is held, nothing is checked
	holdClaimed  = "claimed"  // claim.json is written, nothing is forked
	holdForked   = "forked"   // spark-submit runs, child.json is not written
	holdRecorded = "recorded" // child.json is written, acknowledged is not
	holdEnded    = "ended"    // spark-submit ended, exit.json is not written
)

// HoldPoints lists the points at which a supervisor can be held.
func HoldPoints() []string {
	return []string{holdRead, holdLocked, holdClaimed, holdForked, holdRecorded, holdEnded}
}

// Supervise is the body of the hidden command "supervise [--hold POINT] DIR"
// and returns its exit code. Submit starts it; it launches one application,
// follows it to its end and records that, whatever becomes of the worker.
func Supervise(args []string) int {
	flags := flag.NewFlagSet("supervise", flag.ContinueOnError)
	hold := flags.String("hold", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 || os.Getenv(envSupervisor) == "" {
		fmt.Fprintln(os.Stderr, "supervise is started by a Stoker worker only")
		return 2
	}
	syscall.CloseOnExec(3)
	s := &supervisor{
		dir:    jobDir(flags.Arg(0)),
		answer: os.NewFile(3, "answer"),
		hold:   *hold,
		log:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if err := json.NewDecoder(os.Stdin).Decode(&s.req); err != nil {
		s.reply(answerError, "the request cannot be read: "+err.Error())
		return 1
	}
	s.proc = procfs(s.req.Proc)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		for sig := range signals {
			s.log.Info("told to stop; staying until the application has ended", "signal", sig.String())
			s.stopped.Store(true)
		}
	}()
	return s.run()
}

type supervisor struct {
	dir    jobDir
	req    request
	answer *os.File
	hold   string
	log    *slog.Logger
	proc   procfs
	// stopped: a signal asked this process to end.
	stopped atomic.Bool
	// lock is held while this process lives.
	lock *os.File
}

func (s *supervisor) application() string { return s.req.Reservation.Application }

func (s *supervisor) run() int {
	s.wait(holdRead)
	word, reason := s.claim()
	if word != "" {
		s.reply(word, reason)
		return 0
	}
	s.wait(holdClaimed)
	if exists(s.dir.path(spark.FileRevoked)) {
		s.end(exitRecord{NotLaunched: "it was revoked before it was launched"})
		s.reply(answerRevoked, "")
		return 0
	}
	s.adoptOrphans()
	cmd, err := s.launch()
	if err != nil {
		s.log.Error("cannot launch", "err", err)
		s.end(exitRecord{NotLaunched: err.Error()})
		s.reply(answerFailed, err.Error())
		return 1
	}
	who := s.record(cmd.Process.Pid)
	if s.req.PythonDriver {
		s.event("launched")
	} else {
		s.event(eventStarted) // nothing else tells when such a program begins
	}
	s.reply(answerLaunched, "")
	// The request holds the arguments and perhaps secrets; this process lives
	// for hours and shall be small.
	s.req.Argv, s.req.Env, s.req.Properties = nil, nil, nil
	debug.FreeOSMemory()
	s.follow(cmd, who)
	return 0
}

// reply sends the one line that Submit waits for. The worker may be gone.
func (s *supervisor) reply(word, reason string) {
	if s.answer == nil {
		return
	}
	line := strings.TrimSpace(word+" "+strings.Join(strings.Fields(reason), " ")) + "\n"
	if _, err := io.WriteString(s.answer, line); err != nil {
		s.log.Info("nobody waits for the answer", "answer", word, "err", err)
	}
	_ = s.answer.Close() // written or not, nothing more is said
	s.answer = nil
}

// wait holds at a point of a fault test.
func (s *supervisor) wait(point string) {
	if s.hold != point {
		return
	}
	mark := s.dir.path("held-" + point)
	if err := os.WriteFile(mark, nil, fileMode); err != nil {
		return
	}
	for exists(mark) {
		time.Sleep(5 * time.Millisecond)
	}
}

// claim takes the application, under the lock of the whole cluster, or says
// why not. With the claim comes the promise that no other supervisor launches.
func (s *supervisor) claim() (word, reason string) {
	ctx, cancel := context.WithTimeout(context.Background(), s.req.LockWait)
	defer cancel()
	unlock, err := lockRoot(ctx, s.req.Root)
	if err != nil {
		return answerError, "the cluster's lock: " + err.Error()
	}
	defer unlock()
	s.wait(holdLocked)
	switch {
	case exists(s.dir.path(fileClaim)):
		return answerAlready, ""
	case exists(s.dir.path(spark.FileRevoked)), time.Now().After(s.req.Reservation.NotAfter):
		return answerRevoked, ""
	case s.proc.live(s.req.Root) >= s.req.Concurrency:
		return answerBusy, ""
	}
	if s.lock, err = tryLock(s.dir.path(fileSupervisorLock)); err != nil {
		return answerError, "the supervisor's lock: " + err.Error()
	}
	self, err := s.proc.identify(os.Getpid())
	if err != nil {
		return answerError, err.Error()
	}
	err = createJSON(s.dir.path(fileClaim), claim{
		Application: s.application(), Attempt: s.req.Reservation.Attempt, PythonDriver: s.req.PythonDriver,
		Supervisor: self, Place: s.proc.here(s.req.Invocation), At: time.Now().UTC(),
	})
	switch {
	case errors.Is(err, fs.ErrExist):
		return answerAlready, ""
	case err != nil:
		return answerError, "the claim: " + err.Error()
	}
	if err := s.enter(dirLive, "claimed"); err != nil {
		s.log.Error("cannot enter the application in the index of live ones", "err", err)
	}
	s.event("claimed")
	return "", ""
}

// enter writes this application's entry of an index directory.
func (s *supervisor) enter(index, event string) error {
	return replaceJSON(filepath.Join(s.req.Root, index, s.application()), entry{
		Application: s.application(), Installation: s.req.Reservation.Installation,
		Attempt: s.req.Reservation.Attempt, Event: event, At: time.Now().UTC(),
	})
}

// event wakes whoever watches.
func (s *supervisor) event(name string) {
	if err := s.enter(dirEvents, name); err != nil {
		s.log.Warn("cannot tell of a change", "event", name, "err", err)
	}
}

// adoptOrphans makes this process the parent of everything that the application
// makes and abandons, so that none of it can hide in a session of its own.
func (s *supervisor) adoptOrphans() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		s.log.Warn("cannot adopt what the application abandons; marked processes are found all the same", "err", err)
	}
}

// reapOrphans takes note of the end of adopted processes, but for spark-submit,
// which another waits for.
func (s *supervisor) reapOrphans(leader int) {
	for _, pid := range s.proc.children(os.Getpid()) {
		if pid != leader {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // how it ended says nothing
		}
	}
}

// launch forks spark-submit in a session of its own.
func (s *supervisor) launch() (*exec.Cmd, error) {
	dirs := []string{spark.DirWork, spark.DirLogs, spark.DirTemp}
	if s.req.Events {
		dirs = append(dirs, dirEventLog)
	}
	for _, name := range dirs {
		if err := os.MkdirAll(s.dir.path(name), dirMode); err != nil {
			return nil, err
		}
	}
	if len(s.req.Properties) > 0 {
		if err := replaceFile(s.dir.path(fileProperties), s.req.Properties); err != nil {
			return nil, err
		}
	}
	if err := s.reserveExit(); err != nil {
		return nil, err
	}
	stdout, err := s.openLog("stdout")
	if err != nil {
		return nil, err
	}
	defer func() { _ = stdout.Close() }() // the child has its own
	stderr, err := s.openLog("stderr")
	if err != nil {
		return nil, err
	}
	defer func() { _ = stderr.Close() }() // the child has its own
	lock, err := tryLock(s.dir.path(fileChildLock))
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Close() }() // the child holds it on

	cmd := exec.Command(s.req.Argv[0], s.req.Argv[1:]...) //nolint:gosec,noctx // spark-submit, which Kill ends
	cmd.Dir = s.dir.path(spark.DirWork)
	cmd.Env = s.req.Env
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, cmd.Start()
}

func (s *supervisor) openLog(stream string) (*os.File, error) {
	return os.OpenFile(s.dir.path(spark.DirLogs, stream), os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, fileMode)
}

// record writes down who was forked. If that fails, the mark in the process's
// environment still finds it.
func (s *supervisor) record(pid int) process {
	s.wait(holdForked)
	who, err := s.proc.identify(pid)
	if err == nil {
		err = createJSON(s.dir.path(fileChild), child{process: who, At: time.Now().UTC()})
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		s.log.Error("cannot record the process", "pid", pid, "err", err)
	}
	s.wait(holdRecorded)
	err = createJSON(s.dir.path(spark.FileAcknowledged), note{Application: s.application(), At: time.Now().UTC()})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		s.log.Error("cannot acknowledge the launch", "err", err)
	}
	return who
}

// follow waits for the end, telling of the start on the way, ends what the
// application left running and records how it ended.
func (s *supervisor) follow(cmd *exec.Cmd, who process) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Not reaped yet: until then its PID, and so its session, is its own.
		for {
			err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for started, ticks := false, 0; ; ticks++ {
		select {
		case <-tick.C:
			if ticks%10 == 0 {
				s.reapOrphans(cmd.Process.Pid)
			}
			if !started && exists(s.dir.path(spark.FileStarted)) {
				started = true
				s.removeProperties() // Spark has read it
				s.event(eventStarted)
			}
			continue
		case <-ended:
		}
		break
	}
	endedAt := time.Now().UTC()
	s.endRest(who)
	_ = cmd.Wait() // how it ended is in its state
	state, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	record := exitRecord{EndedAt: endedAt}
	if state.Signaled() {
		record.Signal = int(state.Signal())
	} else {
		code := state.ExitStatus()
		record.Code = &code
	}
	record.Stopped = endedBySignal(record) != 0 && s.wasStopped()
	s.wait(holdEnded)
	s.end(record)
}

// wasStopped reports whether this process was told to end; the signal to it
// may come a moment after the one to the application.
func (s *supervisor) wasStopped() bool {
	for range 10 {
		if s.stopped.Load() {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return s.stopped.Load()
}

const (
	// restGrace is how long processes that outlive the driver may take to end
	// after SIGTERM.
	restGrace = time.Second
	// restLimit is when a process that doesn't even die of SIGKILL (it waits
	// for a disk) is given up.
	restLimit = 10 * time.Second
)

// endRest ends what the driver left running, such as PySpark's daemons.
func (s *supervisor) endRest(leader process) {
	begun, termed := time.Now(), false
	for {
		rest := s.rest(leader)
		if len(rest) == 0 {
			return
		}
		s.reapOrphans(leader.PID)
		waited := time.Since(begun)
		if waited > restLimit {
			s.log.Error("processes of the application do not end", "count", len(rest))
			return
		}
		for _, p := range rest {
			switch {
			case waited >= restGrace:
				s.proc.signal(p.process, syscall.SIGKILL)
			case !termed:
				s.proc.signal(p.process, syscall.SIGTERM)
			}
		}
		termed = true
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *supervisor) rest(leader process) []member {
	var rest []member
	of := s.dir.kin(s.application())
	of.session, of.supervisor = leader.PID, os.Getpid()
	for _, p := range s.proc.members(of) {
		if !p.supervisor && p.PID != leader.PID {
			rest = append(rest, p)
		}
	}
	return rest
}

func (s *supervisor) removeProperties() {
	if err := os.Remove(s.dir.path(fileProperties)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("cannot delete the properties file", "err", err)
	}
}

// end records how the application ended and leaves the index. It does not
// return before the record is on disk: without it, the job would be lost.
func (s *supervisor) end(record exitRecord) {
	s.removeProperties()
	if record.EndedAt.IsZero() {
		record.EndedAt = time.Now().UTC()
	}
	for complained := false; ; complained = true {
		err := s.writeExit(record)
		if err == nil || errors.Is(err, fs.ErrExist) {
			break
		}
		if !exists(string(s.dir)) {
			break // somebody deleted the whole job: there is no place for a record
		}
		if !complained {
			s.log.Error("cannot record the end; trying on", "err", err)
		}
		time.Sleep(time.Second)
	}
	if err := os.Remove(filepath.Join(s.req.Root, dirLive, s.application())); err != nil {
		s.log.Warn("cannot leave the index of live applications", "err", err)
	}
	s.event(eventEnded)
}

// exitSize is more than an exit record ever takes.
const exitSize = 4096

// reserveExit takes the disk space of exit.json before there is anything to
// lose.
func (s *supervisor) reserveExit() error {
	return replaceFile(s.dir.path(fileExitReserve), []byte(strings.Repeat(" ", exitSize)))
}

// writeExit puts the record into the reserved file and gives it its name.
func (s *supervisor) writeExit(record exitRecord) error {
	record.NotLaunched = job.Head(record.NotLaunched, exitSize/8) // a byte may take six in JSON
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	path := s.dir.path(fileExitReserve)
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return createExclusive(s.dir.path(fileExit), append(data, '\n'))
	}
	padding := bytes.Repeat([]byte{' '}, max(0, exitSize-1-len(data)))
	_, err = f.Write(append(append(data, padding...), '\n'))
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Link(path, s.dir.path(fileExit)); err != nil {
		return unwrapLink(err)
	}
	_ = os.Remove(path) // Release removes it otherwise
	return syncDir(string(s.dir))
}
