package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local"
)

// A supervisor killed between its claim and its fork leaves a claim that
// nobody can use again.
func TestSupervisorKilledBeforeFork(t *testing.T) {
	t.Parallel()
	b := newBench(t, holding(t, "claimed"))
	b.stage(true, `mark()`)
	submitted := b.submitting()
	b.held("claimed")
	require.Equal(t, job.StatePending, b.observe().State)
	b.slay(b.supervisorPID())
	require.NoError(t, <-submitted, "the claim is made: Observe tells the rest")

	o := b.observe()
	require.Equal(t, job.StateFailed, o.State)
	require.Equal(t, job.BeganNo, o.Began)
	require.Contains(t, o.Raw, "the supervisor died before it launched the application")
	require.Equal(t, "stoker", b.record("started")["owner"], "the fence that makes it so for ever")
	b.submit()
	require.Equal(t, o, b.observe())
	require.Zero(t, b.processes())
}

// Without the driver's marker nobody can tell what a lost process did.
func TestSupervisorKilledBeforeForkWithoutDriver(t *testing.T) {
	t.Parallel()
	b := newBench(t, holding(t, "claimed"))
	b.stage(false, ``)
	submitted := b.submitting()
	b.held("claimed")
	b.slay(b.supervisorPID())
	require.NoError(t, <-submitted)
	o := b.observe()
	require.Equal(t, job.StateAbsent, o.State)
	require.Equal(t, job.BeganUnknown, o.Began)
}

// A process that was forked and not recorded is found by its mark.
func TestSupervisorKilledAfterFork(t *testing.T) {
	t.Parallel()
	b := newBench(t, holding(t, "forked"))
	b.stage(true, `
mark()
note("started")
wait("go")
status("returned")`)
	submitted := b.submitting()
	b.held("forked")
	b.slay(b.supervisorPID())
	require.NoError(t, <-submitted)
	b.said("started")
	o := b.observe()
	require.Equal(t, job.StateRunning, o.State, o.Raw)
	require.Equal(t, job.BeganYes, o.Began)
	require.Equal(t, true, b.record("child.json")["adopted"])
	require.Equal(t, job.CodeConflict, job.CodeOf(b.m.Release(t.Context(), b.attempt)))

	b.let("go")
	o = b.awaitState(job.StateAbsent)
	require.Equal(t, job.BeganYes, o.Began)
	require.True(t, o.Driver.Returned(), "the driver's own word outlives the supervisor")
	require.Equal(t, 1, b.processes())
}

func TestKillAfterSupervisorDied(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"forked", "recorded"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, holding(t, point))
			b.stage(false, `wait("never")`)
			submitted := b.submitting()
			b.held(point)
			b.slay(b.supervisorPID())
			require.NoError(t, <-submitted)
			b.eventually("it runs", func() bool { return b.processes() == 1 })
			require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
			require.Equal(t, job.StateKilled, b.observe().State)
			found, err := filepath.Glob(filepath.Join(b.scratch, "process-*"))
			require.NoError(t, err)
			pid, err := strconv.Atoi(filepath.Base(found[0])[len("process-"):])
			require.NoError(t, err)
			require.True(t, gone(pid))
			require.NoError(t, b.m.Release(t.Context(), b.attempt))
		})
	}
}

// After the record the application goes on without its supervisor, but its
// exit code is lost.
func TestSupervisorKilledAfterRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(true, `
mark()
note("started")
wait("go")
status("running")`)
	b.submit()
	b.said("started")
	b.slay(b.supervisorPID())
	o := b.observe()
	require.Equal(t, job.StateRunning, o.State)
	require.Contains(t, o.Raw, "supervisor died")
	b.let("go")
	o = b.awaitState(job.StateAbsent)
	require.Contains(t, o.Raw, "nobody saw how it ended")
	require.Equal(t, "running", o.Driver.State)
	require.Equal(t, job.ResultLost, job.Decide(job.Evidence{Observation: o, PythonDriver: true}).Result)
}

// An application that died together with its supervisor before it reached user
// code is no loss.
func TestAllKilledBeforeStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(true, `wait("never")`)
	b.submit()
	b.eventually("it runs", func() bool { return b.processes() == 1 })
	o := b.observe()
	require.Equal(t, job.StatePending, o.State)
	require.Equal(t, job.BeganUnknown, o.Began, "it may begin at any time")
	b.slay(b.supervisorPID())
	b.slay(b.childPID())
	o = b.observe()
	require.Equal(t, job.StateAbsent, o.State)
	require.Equal(t, job.BeganNo, o.Began)
}

func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"intent:after", "launch:after"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.stage(false, `wait("go")`)
			require.Error(t, b.worker("die", point).Run())
			require.FileExists(t, filepath.Join(b.dir, spark.FileIntent))
			b.submit()
			b.eventually("it runs", func() bool { return b.processes() == 1 })
			b.submit()
			b.let("go")
			require.Equal(t, job.StateSucceeded, b.awaitState(job.StateSucceeded).State)
			require.Equal(t, 1, b.processes())
		})
	}
}

// The supervisor doesn't need its worker for anything after the request.
func TestWorkerKilledLeavesApplication(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, `print("alone")`)
	require.Error(t, b.worker("die", "launch:after").Run())
	// The request may have been cut off by the kill: then nothing was claimed.
	b.eventually("the supervisor acts, or gives up", func() bool {
		log, err := os.ReadFile(filepath.Join(b.dir, "supervisor.log"))
		return exists(filepath.Join(b.dir, "exit.json")) || err == nil && bytes.Contains(log, []byte("nobody waits"))
	})
	b.submit()
	b.awaitState(job.StateSucceeded)
	require.Equal(t, 1, b.processes())
}

func TestManyWorkersSubmit(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, `wait("go")`)
	var wait sync.WaitGroup
	answers := make([]string, 4)
	for i := range answers {
		wait.Go(func() {
			out, err := b.worker("", "").Output()
			answers[i] = fmt.Sprint(string(out), err)
		})
	}
	wait.Wait()
	require.Equal(t, []string{"submitted<nil>", "submitted<nil>", "submitted<nil>", "submitted<nil>"}, answers)
	b.let("go")
	b.awaitState(job.StateSucceeded)
	require.Equal(t, 1, b.processes())
}

// A worker that is frozen before it launches, and thaws after a kill, launches
// nothing.
func TestFrozenSubmitter(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, ``)
	worker := b.worker("stop", "intent:after")
	var out bytes.Buffer
	worker.Stdout = &out
	require.NoError(t, worker.Start())
	b.eventually("the worker is frozen", func() bool {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(worker.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		return err == nil && pid == worker.Process.Pid && status.Stopped()
	})
	require.NoError(t, b.m.Kill(t.Context(), b.attempt, "while it sleeps"))
	require.NoError(t, worker.Process.Signal(syscall.SIGCONT))
	require.NoError(t, worker.Wait())
	require.Equal(t, "revoked", out.String())
	require.NoFileExists(t, filepath.Join(b.dir, "claim.json"), "after Kill's barrier no claim is made")
	require.Zero(t, b.processes())
	require.Equal(t, job.BeganNo, b.observe().Began)
}

// A supervisor frozen at any point before the fork cannot launch after a kill.
func TestFrozenSupervisor(t *testing.T) {
	t.Parallel()
	t.Run("before the lock", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, holding(t, "read"))
		b.stage(false, ``)
		submitted := b.submitting()
		b.held("read")
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
		b.unhold("read")
		require.ErrorIs(t, <-submitted, spark.ErrRevoked)
		require.Zero(t, b.processes())
	})
	t.Run("with the lock", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, holding(t, "locked"))
		b.stage(false, ``)
		submitted := b.submitting()
		b.held("locked")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := b.m.Kill(ctx, b.attempt, "enough")
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "not confirmed: it may be about to claim")
		require.Equal(t, job.BeganUnknown, b.observe().Began)
		b.unhold("locked")
		require.ErrorIs(t, <-submitted, spark.ErrRevoked)
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
		require.Zero(t, b.processes())
	})
	t.Run("after the claim", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, holding(t, "claimed"))
		b.stage(false, ``)
		submitted := b.submitting()
		b.held("claimed")
		supervisor := b.supervisorPID()
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
		require.True(t, gone(supervisor))
		require.NoError(t, <-submitted)
		require.Zero(t, b.processes())
		require.Equal(t, job.StateKilled, b.observe().State)
	})
	t.Run("after the end", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, holding(t, "ended"))
		b.stage(false, `wait("never")`)
		b.submit()
		b.eventually("it runs", func() bool { return b.processes() == 1 })
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
		require.Equal(t, job.StateKilled, b.observe().State)
	})
}

// A supervisor that thaws after a kill has seen the claim meets the marker.
func TestRevokedAfterClaim(t *testing.T) {
	t.Parallel()
	b := newBench(t, holding(t, "claimed"))
	b.stage(false, ``)
	submitted := b.submitting()
	b.held("claimed")
	killed := make(chan error, 1)
	go func() { killed <- b.m.Kill(context.WithoutCancel(t.Context()), b.attempt, "enough") }()
	b.awaitFile(filepath.Join(b.dir, spark.FileRevoked))
	b.unhold("claimed")
	require.ErrorIs(t, <-submitted, spark.ErrRevoked)
	require.NoError(t, <-killed)
	require.Zero(t, b.processes())
	require.Equal(t, job.StateKilled, b.observe().State)
	require.Equal(t, job.BeganNo, b.observe().Began)
}

// Neither the PID, the start time nor the boot id alone makes a process ours.
func TestReusedPID(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(record map[string]any, bystander int){
		"another process": func(record map[string]any, bystander int) { record["pid"] = bystander },
		"another boot":    func(record map[string]any, _ int) { record["bootId"] = "another" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.stage(false, `wait("never")`)
			b.submit()
			b.eventually("it runs", func() bool { return b.processes() == 1 })
			b.slay(b.supervisorPID())
			b.slay(b.childPID())
			require.Equal(t, job.StateAbsent, b.observe().State)

			bystander := exec.Command("sleep", "600")
			bystander.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			require.NoError(t, bystander.Start())
			record := b.record("child.json")
			if name == "another boot" {
				stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", bystander.Process.Pid))
				require.NoError(t, err)
				record["pid"] = bystander.Process.Pid
				record["startTime"], err = strconv.ParseUint(string(bytes.Fields(stat)[21]), 10, 64)
				require.NoError(t, err)
			}
			forge(record, bystander.Process.Pid)
			b.write("child.json", record)

			require.Equal(t, job.StateAbsent, b.observe().State)
			require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
			require.False(t, gone(bystander.Process.Pid), "a stranger was killed")
			require.Equal(t, job.StateAbsent, b.observe().State, "a kill that found nothing is no end")
			require.NoError(t, bystander.Process.Kill())
			require.Error(t, bystander.Wait())
		})
	}
}

func (b *bench) write(name string, record any) {
	b.Helper()
	data, err := json.Marshal(record)
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(filepath.Join(b.dir, name), data, 0o600))
}

// A restart explains why both are gone.
func TestHostRestarted(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(true, `
mark()
note("started")
wait("never")`)
	b.submit()
	b.said("started")
	proc := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(proc, "sys/kernel/random"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(proc, "sys/kernel/random/boot_id"), []byte("another\n"), 0o600))
	require.NoError(t, os.Symlink("/proc/1", filepath.Join(proc, "1")))
	require.NoError(t, os.Symlink("/proc/self", filepath.Join(proc, "self")))
	after := b.opts
	after.Proc = proc
	m := b.open(after)

	o, err := m.Observe(t.Context(), b.attempt)
	require.NoError(t, err)
	require.Equal(t, job.StateRunning, o.State, "its locks say that it lives, whatever the boot id")

	b.slay(b.supervisorPID())
	b.slay(b.childPID())
	o, err = m.Observe(t.Context(), b.attempt)
	require.NoError(t, err)
	require.Equal(t, job.StateFailed, o.State)
	require.True(t, o.Restarted)
	require.Equal(t, job.BeganYes, o.Began)
	require.Contains(t, o.Raw, "the host was restarted")
	require.Equal(t, job.StateAbsent, b.observe().State, "no restart, no explanation")
}

// systemd and shutdowns end the supervisor and the application together.
func TestStoppedTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, `wait("never")`)
	b.submit()
	b.eventually("it runs", func() bool { return b.processes() == 1 })
	require.NoError(t, syscall.Kill(b.supervisorPID(), syscall.SIGTERM))
	require.NoError(t, syscall.Kill(b.childPID(), syscall.SIGTERM))
	o := b.awaitState(job.StateFailed)
	require.True(t, o.Restarted, o.Raw)
}

func TestKilledFromOutside(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, `wait("never")`)
	b.submit()
	b.eventually("it runs", func() bool { return b.processes() == 1 })
	require.NoError(t, syscall.Kill(b.childPID(), syscall.SIGKILL))
	o := b.awaitState(job.StateKilled)
	require.Equal(t, "it ended with signal 9 (killed)", o.Raw)
	require.False(t, o.Restarted)
}

// What does not heed SIGTERM is killed after the grace.
func TestKillStubborn(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *local.Options) { o.KillGrace = 300 * time.Millisecond })
	b.stage(false, `
signal.signal(signal.SIGTERM, lambda *_: note("termed"))
note("ready")
wait("never")`)
	b.submit()
	b.said("ready")
	begun := time.Now()
	require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
	require.GreaterOrEqual(t, time.Since(begun), 300*time.Millisecond, "it was given its grace")
	b.said("termed")
	require.EqualValues(t, 9, b.record("exit.json")["signal"])
	require.Equal(t, job.StateKilled, b.observe().State)
}

// Kill reaches processes in other groups and sessions, and those of the
// session that dropped the mark; the deaf ones too.
func TestKillDescendants(t *testing.T) {
	t.Parallel()
	const deaf = `"import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(600)"`
	for _, supervised := range []bool{true, false} {
		t.Run(fmt.Sprintf("supervised=%t", supervised), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(o *local.Options) { o.KillGrace = 200 * time.Millisecond })
			b.stage(false, `
deaf = [sys.executable, "-c", `+deaf+`]
def spawn(**options):
    return subprocess.Popen(deaf, stdout=subprocess.PIPE, **options).stdout.readline().decode().strip()
note("pids", " ".join([
    spawn(),
    spawn(start_new_session=True),
    spawn(preexec_fn=os.setpgrp),
    spawn(env={}),
    spawn(env={}, preexec_fn=os.setpgrp),
]))
wait("never")`)
			b.submit()
			pids := bytes.Fields([]byte(b.said("pids")))
			require.Len(t, pids, 5)
			if !supervised {
				b.slay(b.supervisorPID())
			}
			require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
			for i, text := range pids {
				pid, err := strconv.Atoi(string(text))
				require.NoError(t, err)
				require.True(t, gone(pid), "process %d (number %d) lives", pid, i)
			}
			require.Equal(t, job.StateKilled, b.observe().State)
		})
	}
}

// Nothing outlives the driver: the end of an application is the end of all
// its processes.
func TestNothingOutlivesDriver(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, `
deaf = "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True)
note("pid", child.stdout.readline().decode().strip())`)
	b.submit()
	pid, err := strconv.Atoi(b.said("pid"))
	require.NoError(t, err)
	b.awaitState(job.StateSucceeded)
	require.True(t, gone(pid))
}

// A supervisor whose job directory was deleted ends all the same.
func TestJobDirectoryDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, `wait("go")`)
	b.submit()
	supervisor := b.supervisorPID()
	// The supervisor may be writing there.
	b.eventually("the directory is deleted", func() bool { return os.RemoveAll(b.dir) == nil })
	b.let("go")
	b.eventually("the supervisor ends", func() bool { return gone(supervisor) })
}

// A supervisor that died with its application gives its place back.
func TestStaleIndexEntry(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *local.Options) { o.Concurrency = 1 })
	b.stage(false, `wait("never")`)
	b.submit()
	b.eventually("it runs", func() bool { return b.processes() == 1 })
	other := b.another()
	other.stage(false, `note("other")`)
	require.ErrorIs(t, b.m.Submit(t.Context(), other.attempt), spark.ErrBusy)
	b.slay(b.supervisorPID())
	require.ErrorIs(t, b.m.Submit(t.Context(), other.attempt), spark.ErrBusy, "its process lives")
	b.slay(b.childPID())
	other.submit()
	other.said("other")
	other.awaitState(job.StateSucceeded)
}
