package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/spark/local/localtest"
)

const patience = 2 * time.Minute

// bench is one local cluster with one job on it.
type bench struct {
	*testing.T
	opts    local.Options
	m       *local.Manager
	attempt job.Attempt
	dir     string
	scratch string
}

func newBench(t *testing.T, setup func(o *local.Options)) *bench {
	t.Helper()
	b := &bench{T: t, opts: localtest.Options(t, supervise(t)...), scratch: t.TempDir()}
	b.opts.KillGrace = 5 * time.Second
	if setup != nil {
		setup(&b.opts)
	}
	b.m = b.open(b.opts)
	b.take("job")
	return b
}

// another is a second job on the same cluster.
func (b *bench) another() *bench {
	b.Helper()
	other := *b
	other.take("other")
	return &other
}

// take makes a job the bench's own, ended when the test is over.
func (b *bench) take(id string) {
	b.attempt = job.Key{Source: "test", ID: id}.Attempt(1)
	b.dir = spark.JobDir(b.opts.Root, b.attempt)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		o := b.opts
		o.Proc, o.KillGrace = "", time.Millisecond
		require.NoError(b, b.open(o).Kill(ctx, b.attempt, "test over"))
	})
}

func (b *bench) open(o local.Options) *local.Manager {
	b.Helper()
	m, err := local.New(o)
	require.NoError(b, err)
	return m
}

// holding makes the supervisor stop at a point.
func holding(t *testing.T, point string) func(o *local.Options) {
	t.Helper()
	return func(o *local.Options) { o.Supervisor = supervise(t, "--hold", point) }
}

// prelude is what every program begins with. mark and status do what Stoker's
// Python driver does.
const prelude = `
import json, os, signal, subprocess, sys, time
scratch = %s
def note(what, text=""):
    with open(os.path.join(scratch, what + ".tmp"), "w") as f:
        f.write(text)
    os.rename(f.name, f.name[:-4])
def wait(what):
    while not os.path.exists(os.path.join(scratch, what)):
        time.sleep(0.01)
def mark():
    try:
        os.close(os.open("../started", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        os._exit(86)
def status(state):
    with open("../status.json", "w") as f:
        json.dump({"version": 1, "state": state, "start": "2026-01-02T03:04:05.678Z"}, f)
note("process-%%d" %% os.getpid())
`

// stage reserves and stages a program. Under the driver's rules (python), it
// calls mark before it counts as started.
func (b *bench) stage(python bool, body string) spark.Reservation {
	b.Helper()
	return b.stageLaunch(spark.Launch{Name: "a job", PythonDriver: python, Main: "main.py"}, body)
}

func (b *bench) stageLaunch(launch spark.Launch, body string) spark.Reservation {
	b.Helper()
	r, err := b.m.Reserve(b.Context(), b.attempt, time.Now().Add(time.Hour))
	require.NoError(b, err)
	scratch, err := json.Marshal(b.scratch)
	require.NoError(b, err)
	localtest.Stage(b, b.opts.Root, r, launch, fmt.Sprintf(prelude, scratch)+body)
	return r
}

func (b *bench) submit() {
	b.Helper()
	require.NoError(b, b.m.Submit(b.Context(), b.attempt))
}

// submitting runs Submit beside the test.
func (b *bench) submitting() <-chan error {
	done := make(chan error, 1)
	go func() { done <- b.m.Submit(b.Context(), b.attempt) }()
	return done
}

func (b *bench) eventually(what string, condition func() bool) {
	b.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			log, _ := os.ReadFile(filepath.Join(b.dir, "supervisor.log"))
			require.FailNow(b, "timed out", "waited %s for: %s\n%s", patience, what, log)
		case <-tick.C:
		}
	}
}

func (b *bench) awaitFile(path string) {
	b.Helper()
	b.eventually("file "+path, func() bool { return exists(path) })
}

func (b *bench) said(what string) string {
	b.Helper()
	b.awaitFile(filepath.Join(b.scratch, what))
	data, err := os.ReadFile(filepath.Join(b.scratch, what))
	require.NoError(b, err)
	return string(data)
}

func (b *bench) let(what string) {
	b.Helper()
	require.NoError(b, os.WriteFile(filepath.Join(b.scratch, what), nil, 0o600))
}

// processes counts the start markers of the program.
func (b *bench) processes() int {
	b.Helper()
	found, err := filepath.Glob(filepath.Join(b.scratch, "process-*[0-9]"))
	require.NoError(b, err)
	return len(found)
}

func (b *bench) observe() job.Observation {
	b.Helper()
	o, err := b.m.Observe(b.Context(), b.attempt)
	require.NoError(b, err)
	return o
}

func (b *bench) awaitState(state job.State) job.Observation {
	b.Helper()
	var o job.Observation
	b.eventually("state "+string(state), func() bool {
		o = b.observe()
		return o.State == state
	})
	return o
}

// held waits until the supervisor is at its hold point.
func (b *bench) held(point string) {
	b.Helper()
	b.awaitFile(filepath.Join(b.dir, "held-"+point))
}

func (b *bench) unhold(point string) {
	b.Helper()
	require.NoError(b, os.Remove(filepath.Join(b.dir, "held-"+point)))
}

func (b *bench) record(name string) map[string]any {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	require.NoError(b, err)
	var record map[string]any
	require.NoError(b, json.Unmarshal(data, &record))
	return record
}

func (b *bench) supervisorPID() int {
	b.Helper()
	return pidOf(b, b.record("claim.json")["supervisor"])
}

func (b *bench) childPID() int {
	b.Helper()
	return pidOf(b, b.record("child.json"))
}

func pidOf(b *bench, record any) int {
	b.Helper()
	fields, ok := record.(map[string]any)
	require.True(b, ok)
	pid, ok := fields["pid"].(float64)
	require.True(b, ok)
	require.Greater(b, pid, 1.0)
	return int(pid)
}

// slay kills a process and waits until it is gone.
func (b *bench) slay(pid int) {
	b.Helper()
	require.NoError(b, syscall.Kill(pid, syscall.SIGKILL))
	b.eventually(fmt.Sprintf("process %d is gone", pid), func() bool { return gone(pid) })
}

func gone(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	return (fields[0] == "Z" || fields[0] == "X") && fields[17] <= "1" // its last thread
}

// worker starts this binary as a worker that submits the job; act is what it
// does at a point of Submit: "die" or "stop".
func (b *bench) worker(act, point string) *exec.Cmd {
	b.Helper()
	data, err := json.Marshal(workerOptions{
		Root: b.opts.Root, SparkHome: b.opts.SparkHome, Python: b.opts.Python, Java: b.opts.Java,
		Supervisor: b.opts.Supervisor, Attempt: b.attempt, Act: act, Point: point,
	})
	require.NoError(b, err)
	self, err := os.Executable()
	require.NoError(b, err)
	cmd := exec.Command(self, "submit", string(data))
	cmd.Stderr = os.Stderr
	return cmd
}

type workerOptions struct {
	Root, SparkHome, Python, Java string
	Supervisor                    []string
	Attempt                       job.Attempt
	Act, Point                    string
}

// submitCommand is the worker process. It prints what Submit returned.
func submitCommand(args []string) int {
	var o workerOptions
	if err := json.Unmarshal([]byte(args[0]), &o); err != nil {
		return 2
	}
	m, err := local.New(local.Options{
		Root: o.Root, SparkHome: o.SparkHome, Python: o.Python, Java: o.Java,
		Supervisor: o.Supervisor, Installation: "test",
		Hold: func(_ context.Context, point string) {
			if point != o.Point {
				return
			}
			sig := syscall.SIGKILL
			if o.Act == "stop" {
				sig = syscall.SIGSTOP
			}
			if err := syscall.Kill(os.Getpid(), sig); err != nil {
				panic(err)
			}
		},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	err = m.Submit(context.Background(), o.Attempt)
	switch {
	case err == nil:
		fmt.Print("submitted")
	case errors.Is(err, spark.ErrRevoked):
		fmt.Print("revoked")
	case errors.Is(err, spark.ErrBusy):
		fmt.Print("busy")
	default:
		fmt.Print(err)
	}
	return 0
}
