// Package clustertest is the conformance suite of cluster managers: what the
// launch protocol promises, tried on a real or a stand-in cluster.
//
// Programs leave their own evidence: each writes a start marker, under a new
// name, before anything else, and the suite counts them. What only one kind of
// cluster does (its fences, its restarts) is tested beside its package.
package clustertest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// Harness is one cluster for one test.
type Harness struct {
	Manager spark.Manager
	// Reopen makes another Manager of the same cluster, as another worker has.
	Reopen func(t *testing.T) spark.Manager
	// Stage puts a Python program where the launch of a reserved attempt finds
	// it, as the STAGE activity does.
	Stage func(t *testing.T, r spark.Reservation, p Program)
	// Left lists the files of the attempt's job directory, by name.
	Left func(t *testing.T, attempt job.Attempt) []string
	// IsMarker says which of them Release leaves.
	IsMarker func(name string) bool
	// Prologue is Python that every program runs after its start marker: what
	// makes an application one in the cluster's eyes, such as a SparkContext.
	Prologue string
	// MergesStreams: what a program writes to stderr arrives in stdout. Spark does so
	// to Python programs that it starts itself.
	MergesStreams bool
	// SparkSays are words, one of which Spark itself writes to stderr although the
	// program does nothing with it; nil if it may write nothing.
	SparkSays []string
	// Scratch is a directory that programs and the test share, new for each
	// test.
	Scratch string
	// Limit is the cluster's concurrency limit, 0 for none.
	Limit int
	// Timeout bounds the life of one application that does nothing.
	Timeout time.Duration
}

// Program is a Python program and its arguments.
type Program struct {
	Source string
	Args   []string
}

// Arguments are the ones that launchers, shells and JSON spoil. Carriage
// returns are not among them: Spark's own launch script drops those.
var Arguments = []string{
	`plain`, ``, ` `, `two words`, `trailing `, `'single'`, `"double"`, `back\slash`, `\"`, `$HOME`, `${HOME}`,
	"$(touch x)", "`id`", "line\nbreak", "\ttab", `a,b,,c`, `;|&<>*?[]{}()!#~^%`, `%s%d`, `--master`, `--conf=x=y`, `-v`,
	`ключ=значение`, "\u00e9\u0301", "日本", "😀", `secret:name`, `{"json": ["\u0000"]}`, "last\n",
}

// RunBrief runs the part of the suite that shows what depends on the real
// cluster, in two launches: for clusters that take seconds to start something.
func RunBrief(t *testing.T, newHarness func(t *testing.T) Harness) {
	t.Helper()
	run := runner(t, newHarness)
	run("OneLife", (*suite).oneLife)
	run("KillRunning", (*suite).killRunning)
}

func runner(t *testing.T, newHarness func(t *testing.T) Harness) func(name string, test func(s *suite)) {
	t.Helper()
	return func(name string, test func(s *suite)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(&suite{T: t, Harness: newHarness(t)})
		})
	}
}

// Run runs the suite, some twenty launches. newHarness is called for each
// test.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	t.Helper()
	run := runner(t, newHarness)
	run("Unknown", (*suite).unknown)
	run("Reserve", (*suite).reserve)
	run("SubmitUnprepared", (*suite).submitUnprepared)
	run("SubmitTwice", (*suite).submitTwice)
	run("KillBeforeSubmit", (*suite).killBeforeSubmit)
	run("KillRunning", (*suite).killRunning)
	run("KillEnded", (*suite).killEnded)
	run("Logs", (*suite).logs)
	run("EndedUnseen", (*suite).endedUnseen)
	run("Failed", (*suite).failed)
	run("Arguments", (*suite).arguments)
	run("Busy", (*suite).busy)
	run("NotAfter", (*suite).notAfter)
	run("Release", (*suite).release)
	run("Snapshot", (*suite).snapshot)
	run("Probe", (*suite).probe)
}

type suite struct {
	*testing.T
	Harness
}

// start is what every program begins with: its own evidence.
const start = `
import json, os, sys, time
scratch, name = %SCRATCH%, %NAME%
def note(what, text=""):
    with open(os.path.join(scratch, name + "." + what + ".tmp"), "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(f.name, f.name[:-4])
def wait(what):
    while not os.path.exists(os.path.join(scratch, name + "." + what)):
        time.sleep(0.02)
note("start-" + os.urandom(8).hex())
`

// prepare reserves and stages a new job of this body.
func (s *suite) prepare(name, body string, args ...string) job.Attempt {
	s.Helper()
	attempt := job.Key{Source: "clustertest", ID: name}.Attempt(1)
	s.stage(attempt, name, body, args...)
	return attempt
}

func (s *suite) stage(attempt job.Attempt, name, body string, args ...string) {
	s.Helper()
	r, err := s.Manager.Reserve(s.Context(), attempt, time.Now().Add(time.Hour))
	require.NoError(s, err)
	require.NotEmpty(s, r.Application)
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
		defer cancel()
		require.NoError(s, s.Manager.Kill(ctx, attempt, "test over"))
	})
	source := strings.NewReplacer("%SCRATCH%", quote(s.Scratch), "%NAME%", quote(name)).Replace(start) + s.Prologue + "\n" + body
	s.Stage(s.T, r, Program{Source: source, Args: args})
}

// quote makes a Python string literal: JSON's is one, for these texts.
func quote(text string) string {
	data, _ := json.Marshal(text) // strings always marshal
	return string(data)
}

func (s *suite) scratch(name, what string) string { return filepath.Join(s.Scratch, name+"."+what) }

func (s *suite) let(name, what string) {
	s.Helper()
	require.NoError(s, os.WriteFile(s.scratch(name, what), nil, 0o600))
}

func (s *suite) starts(name string) int {
	s.Helper()
	found, err := filepath.Glob(filepath.Join(s.Scratch, name+".start-*"))
	require.NoError(s, err)
	count := 0
	for _, file := range found {
		if !strings.HasSuffix(file, ".tmp") {
			count++
		}
	}
	return count
}

func (s *suite) eventually(what string, condition func() bool) {
	s.Helper()
	deadline := time.After(s.Timeout)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			require.FailNow(s, "timed out", "waited %s for: %s", s.Timeout, what)
		case <-tick.C:
		}
	}
}

func (s *suite) awaitFile(name, what string) string {
	s.Helper()
	var data []byte
	s.eventually(name+" writes "+what, func() bool {
		var err error
		data, err = os.ReadFile(s.scratch(name, what))
		return err == nil
	})
	return string(data)
}

func (s *suite) observe(attempt job.Attempt) job.Observation {
	s.Helper()
	o, err := s.Manager.Observe(s.Context(), attempt)
	require.NoError(s, err)
	return o
}

// awaitEnd waits for a terminal state and returns it.
func (s *suite) awaitEnd(attempt job.Attempt) job.Observation {
	s.Helper()
	var o job.Observation
	s.eventually(attempt.String()+" ends", func() bool {
		o = s.observe(attempt)
		return o.State.Terminal()
	})
	return o
}

func (s *suite) unknown() {
	attempt := job.Key{Source: "clustertest", ID: "unknown"}.Attempt(1)
	require.Equal(s, job.StateAbsent, s.observe(attempt).State)
	require.NoError(s, s.Manager.Release(s.Context(), attempt))
	_, _, err := s.Manager.Logs(s.Context(), attempt, "stdout", 0, 100)
	require.Equal(s, job.CodeNotFound, job.CodeOf(err))
	require.NoError(s, s.Manager.Kill(s.Context(), attempt, "never was"))
}

func (s *suite) reserve() {
	attempt := job.Key{Source: "clustertest", ID: "reserve"}.Attempt(1)
	notAfter := time.Now().Add(time.Hour)
	var wait sync.WaitGroup
	reservations := make([]spark.Reservation, 8)
	for i := range reservations {
		wait.Go(func() {
			r, err := s.Manager.Reserve(s.Context(), attempt, notAfter.Add(time.Duration(i)*time.Minute))
			if err == nil {
				reservations[i] = r
			}
		})
	}
	wait.Wait()
	require.NotEmpty(s, reservations[0].Application)
	require.Equal(s, attempt, reservations[0].Attempt)
	for _, r := range reservations {
		require.Equal(s, reservations[0], r, "every caller gets the same reservation")
	}
	other, err := s.Manager.Reserve(s.Context(), job.Key{Source: "clustertest", ID: "reserve"}.Attempt(2), notAfter)
	require.NoError(s, err)
	require.NotEqual(s, reservations[0].Application, other.Application)
	require.Equal(s, job.StateAbsent, s.observe(attempt).State)
}

func (s *suite) submitUnprepared() {
	attempt := job.Key{Source: "clustertest", ID: "unprepared"}.Attempt(1)
	require.Equal(s, job.CodeNotFound, job.CodeOf(s.Manager.Submit(s.Context(), attempt)), "not reserved")
	_, err := s.Manager.Reserve(s.Context(), attempt, time.Now().Add(time.Hour))
	require.NoError(s, err)
	require.Equal(s, job.CodeInvalid, job.CodeOf(s.Manager.Submit(s.Context(), attempt)), "not staged")
}

// submitTwice: the same identity submitted concurrently, by two managers, and
// again after the end, gives one application.
func (s *suite) submitTwice() {
	attempt := s.prepare("twice", `wait("go")`)
	managers := []spark.Manager{s.Manager, s.Reopen(s.T)}
	errs := make([]error, 8)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { errs[i] = managers[i%2].Submit(s.Context(), attempt) })
	}
	wait.Wait()
	for _, err := range errs {
		require.NoError(s, err)
	}
	s.eventually("it starts", func() bool { return s.starts("twice") > 0 })
	require.NoError(s, s.Manager.Submit(s.Context(), attempt))
	s.let("twice", "go")
	require.Equal(s, job.StateSucceeded, s.awaitEnd(attempt).State)
	require.NoError(s, s.Manager.Submit(s.Context(), attempt), "after the end")
	require.Equal(s, job.StateSucceeded, s.observe(attempt).State)
	require.Equal(s, 1, s.starts("twice"))
}

func (s *suite) killBeforeSubmit() {
	attempt := s.prepare("never", ``)
	require.NoError(s, s.Manager.Kill(s.Context(), attempt, "changed my mind"))
	require.ErrorIs(s, s.Manager.Submit(s.Context(), attempt), spark.ErrRevoked)
	require.ErrorIs(s, s.Reopen(s.T).Submit(s.Context(), attempt), spark.ErrRevoked)
	require.NoError(s, s.Manager.Kill(s.Context(), attempt, "still so"))
	o := s.observe(attempt)
	require.Equal(s, job.StateAbsent, o.State)
	require.Equal(s, job.BeganNo, o.Began, "it can never begin any more")
	require.Zero(s, s.starts("never"))
}

// killRunning: it ends, twice is quiet, and it does not come back.
func (s *suite) killRunning() {
	attempt := s.prepare("endless", `
print("endless", flush=True)
note("running", str(os.getpid()))
wait("never")`)
	require.NoError(s, s.Manager.Submit(s.Context(), attempt))
	s.awaitFile("endless", "running")
	require.Equal(s, job.StateRunning, s.observe(attempt).State)
	require.NoError(s, s.Manager.Kill(s.Context(), attempt, "enough"))
	o := s.observe(attempt)
	require.Equal(s, job.StateKilled, o.State, o.Raw)
	require.NoError(s, s.Manager.Kill(s.Context(), attempt, "enough"))
	require.Equal(s, o, s.observe(attempt))
	_ = s.Manager.Submit(s.Context(), attempt) // refused or already launched, as the manager sees it
	require.Equal(s, job.StateKilled, s.observe(attempt).State)
	require.Equal(s, 1, s.starts("endless"))
}

func (s *suite) killEnded() {
	attempt := s.prepare("ended", ``)
	require.NoError(s, s.Manager.Submit(s.Context(), attempt))
	require.Equal(s, job.StateSucceeded, s.awaitEnd(attempt).State)
	require.NoError(s, s.Manager.Kill(s.Context(), attempt, "too late"))
	require.Equal(s, job.StateSucceeded, s.observe(attempt).State, "a kill that came too late changes nothing")
}

func (s *suite) logs() {
	attempt := s.prepare("logs", `
print("one", flush=True)
print("warning", file=sys.stderr, flush=True)
note("said")
wait("go")
print("two")`)
	data, size, err := s.Manager.Logs(s.Context(), attempt, "stdout", 0, 100)
	require.NoError(s, err, "before the launch a log is empty")
	require.Empty(s, data)
	require.Zero(s, size)

	require.NoError(s, s.Manager.Submit(s.Context(), attempt))
	s.awaitFile("logs", "said")
	said, told := "one\n", []string{"warning\n"}
	if s.MergesStreams {
		said, told = said+told[0], s.SparkSays
	}
	var last string
	defer func() {
		if s.Failed() {
			s.Logf("the last log that was read: %q", last)
		}
	}()
	s.eventually("the log says so while it runs", func() bool {
		last = s.log(attempt, "stdout", 0, 100)
		return last == said
	})
	s.eventually("stderr too", func() bool {
		last = s.log(attempt, "stderr", 0, 1<<20)
		return len(told) == 0 || slices.ContainsFunc(told, func(words string) bool { return strings.Contains(last, words) })
	})
	s.let("logs", "go")
	require.Equal(s, job.StateSucceeded, s.awaitEnd(attempt).State)
	said += "two\n"
	require.Equal(s, said, s.log(attempt, "stdout", 0, 100))
	require.Equal(s, "ne", s.log(attempt, "stdout", 1, 2))
	require.Equal(s, "two\n", s.log(attempt, "stdout", -4, 100))
	require.Equal(s, said, s.log(attempt, "stdout", -400, 100))
	data, size, err = s.Manager.Logs(s.Context(), attempt, "stdout", 100, 100)
	require.NoError(s, err, "beyond the end")
	require.Empty(s, data)
	require.EqualValues(s, len(said), size)
	_, _, err = s.Manager.Logs(s.Context(), attempt, "../launch.json", 0, 100)
	require.Equal(s, job.CodeInvalid, job.CodeOf(err))
}

func (s *suite) log(attempt job.Attempt, stream string, offset int64, limit int) string {
	s.Helper()
	var data []byte
	require.Eventually(s, func() bool {
		var err error
		data, _, err = s.Manager.Logs(s.Context(), attempt, stream, offset, limit)
		if job.CodeOf(err) == job.CodeUnavailable {
			return false // it is on its way from one place to another
		}
		require.NoError(s, err)
		return true
	}, s.Timeout, 50*time.Millisecond)
	return string(data)
}

// endedUnseen: an application that ended while nobody looked is found, also by
// a worker that never heard of it.
func (s *suite) endedUnseen() {
	attempt := s.prepare("unseen", `note("done")`)
	require.NoError(s, s.Manager.Submit(s.Context(), attempt))
	s.awaitFile("unseen", "done")
	s.Manager = s.Reopen(s.T)
	o := s.awaitEnd(attempt)
	require.Equal(s, job.StateSucceeded, o.State)
	require.False(s, o.StartedAt.IsZero())
	require.False(s, o.EndedAt.Before(o.StartedAt))
}

func (s *suite) failed() {
	attempt := s.prepare("failed", `sys.exit(3)`)
	require.NoError(s, s.Manager.Submit(s.Context(), attempt))
	o := s.awaitEnd(attempt)
	require.Equal(s, job.StateFailed, o.State)
	require.NotEqual(s, job.BeganNo, o.Began)
	require.False(s, o.Restarted)
}

func (s *suite) arguments() {
	attempt := s.prepare("arguments", `note("arguments", json.dumps(sys.argv[1:]))`, Arguments...)
	require.NoError(s, s.Manager.Submit(s.Context(), attempt))
	s.checkArguments("arguments")
}

func (s *suite) checkArguments(name string) {
	s.Helper()
	var got []string
	require.NoError(s, json.Unmarshal([]byte(s.awaitFile(name, "arguments")), &got))
	require.Equal(s, Arguments, got)
}

func (s *suite) busy() {
	if s.Limit == 0 {
		return // the cluster queues by itself
	}
	var running []job.Attempt
	for i := range s.Limit {
		attempt := s.prepare("load-"+string(rune('a'+i)), `wait("go")`)
		require.NoError(s, s.Manager.Submit(s.Context(), attempt))
		running = append(running, attempt)
	}
	attempt := s.prepare("late", ``)
	require.ErrorIs(s, s.Manager.Submit(s.Context(), attempt), spark.ErrBusy)
	require.Equal(s, job.StateAbsent, s.observe(attempt).State)
	require.NoError(s, s.Manager.Submit(s.Context(), running[0]), "a running one is no second one")
	s.let("load-a", "go")
	s.eventually("there is room again", func() bool {
		err := s.Manager.Submit(s.Context(), attempt)
		if err != nil {
			require.ErrorIs(s, err, spark.ErrBusy)
		}
		return err == nil
	})
	require.Equal(s, job.StateSucceeded, s.awaitEnd(attempt).State)
	require.Equal(s, 1, s.starts("late"))
}

func (s *suite) notAfter() {
	attempt := job.Key{Source: "clustertest", ID: "expired"}.Attempt(1)
	// Longer ago than any request to a cluster takes.
	_, err := s.Manager.Reserve(s.Context(), attempt, time.Now().Add(-time.Hour))
	require.NoError(s, err)
	s.stage(attempt, "expired", ``) // reserving again does not extend it
	require.ErrorIs(s, s.Manager.Submit(s.Context(), attempt), spark.ErrRevoked)
	require.Zero(s, s.starts("expired"))
	o := s.observe(attempt)
	require.Equal(s, job.StateAbsent, o.State)
	require.Equal(s, job.BeganNo, o.Began)
}

func (s *suite) release() {
	attempt := s.prepare("release", `
os.makedirs("deep/er")
open("deep/er/file", "w").close()
print("said", flush=True)
note("wrote")
wait("go")`)
	require.NoError(s, s.Manager.Submit(s.Context(), attempt))
	s.awaitFile("release", "wrote")
	require.Equal(s, job.CodeConflict, job.CodeOf(s.Manager.Release(s.Context(), attempt)), "it runs")
	s.eventually("nothing was deleted", func() bool { return s.log(attempt, "stdout", 0, 100) == "said\n" })
	s.let("release", "go")
	o := s.awaitEnd(attempt)
	for range 2 {
		require.NoError(s, s.Manager.Release(s.Context(), attempt))
		left := s.Left(s.T, attempt)
		require.NotEmpty(s, left, "markers outlive the release")
		for _, name := range left {
			require.True(s, s.IsMarker(name), "%s is left and is no marker", name)
		}
	}
	require.Equal(s, o.State, s.observe(attempt).State)
	_ = s.Manager.Submit(s.Context(), attempt) // whatever it answers
	require.Equal(s, 1, s.starts("release"))
}

func (s *suite) snapshot() {
	live := s.prepare("live", `
note("running")
wait("go")`)
	ended := s.prepare("over", ``)
	never := s.prepare("notyet", ``)
	require.NoError(s, s.Manager.Submit(s.Context(), live))
	s.awaitFile("live", "running")
	s.eventually("there is room", func() bool { return s.Manager.Submit(s.Context(), ended) == nil })
	s.awaitEnd(ended)
	sightings, err := s.Manager.Snapshot(s.Context())
	require.NoError(s, err)
	seen := map[job.Attempt]spark.Sighting{}
	for _, sighting := range sightings {
		require.NotContains(s, seen, sighting.Attempt, "each application once")
		seen[sighting.Attempt] = sighting
	}
	require.Equal(s, job.StateRunning, seen[live].Observation.State)
	require.Equal(s, job.StateSucceeded, seen[ended].Observation.State)
	require.NotContains(s, seen, never)
	require.NotEmpty(s, seen[live].Application)
}

func (s *suite) probe() {
	require.NoError(s, s.Manager.Probe(s.Context()))
	require.Contains(s, []spark.Guarantee{spark.Identified, spark.Claimed}, s.Manager.Guarantee())
}

// oneLife is most of the suite in one launch.
func (s *suite) oneLife() {
	require.NoError(s, s.Manager.Probe(s.Context()))
	attempt := s.prepare("life", `
print("hello from the program", flush=True)
note("arguments", json.dumps(sys.argv[1:]))
wait("go")
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("sum", spark.range(10).selectExpr("sum(id)").first()[0])
spark.stop()`, Arguments...)
	require.NoError(s, errors.Join(s.Manager.Submit(s.Context(), attempt), s.Reopen(s.T).Submit(s.Context(), attempt)))
	s.checkArguments("life")
	require.Equal(s, job.StateRunning, s.observe(attempt).State)
	// Spark copies what the program prints, a moment later.
	s.eventually("the log says hello", func() bool { return s.log(attempt, "stdout", 0, 100) == "hello from the program\n" })
	s.let("life", "go")
	o := s.awaitEnd(attempt)
	require.Equal(s, job.StateSucceeded, o.State, "%s\n%s", o.Raw, s.log(attempt, "stderr", -2000, 2000))
	require.Equal(s, "hello from the program\nsum 45\n", s.log(attempt, "stdout", 0, 100))
	require.Equal(s, 1, s.starts("life"))
	require.NoError(s, s.Manager.Release(s.Context(), attempt))
	for _, name := range s.Left(s.T, attempt) {
		require.True(s, s.IsMarker(name), "%s is left and is no marker", name)
	}
}
