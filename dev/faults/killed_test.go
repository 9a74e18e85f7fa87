package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/modelmanage"
)

// The process that sweeps dies half way, and so does whoever asked for it: the sweep goes
// on in another worker or, where its workflow is ended too, the next sweep finishes. What
// it ends is ended once.
func TestSweepKilled(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		point string
		// terminated: the sweep's workflow is ended, too.
		terminated bool
	}{
		{"kill:before", false},
		{"kill:after", true},
		{"report:before", true},
		{"report:after", false},
		{"report:after", true},
		{"clean:before", true},
		{"clean:after", false},
		{"clean:after", true},
	} {
		name := row.point
		if row.terminated {
			name += " and terminated"
		}
		t.Run(name, func(t *testing.T) {
			if row.point != "report:after" || !row.terminated {
				bench.Long(t)
			}
			b := sweepable(t)
			running := b.Worker()
			b.Starter()
			left := []*bench.Job{b.Create(waiting), b.Create(waiting)}
			for _, j := range left {
				j.Reaches("RUNNING")
				j.Begun()
				j.Terminate()
			}
			running.Kill()
			sweeping := b.Holding(row.point)
			asking := b.Start("sweep", "stoker", nil, "admin", "sweep", "--config", b.ConfigFile)
			b.Eventually("a sweep comes to it", func() bool {
				if !asking.Running() { // it came too early to find anything left
					asking = b.Start("sweep", "stoker", nil, "admin", "sweep", "--config", b.ConfigFile)
				}
				data, err := os.ReadFile(b.HeldFile())
				return err == nil && strings.TrimSpace(string(data)) == row.point
			})
			sweeping.Kill()
			asking.Kill()
			if row.terminated {
				require.NoError(t, b.Client.TerminateWorkflow(t.Context(), "sweep-local", "", "the test wants it"))
			}
			b.Release()
			b.Worker()
			b.Eventually("another sweep finds nothing left", func() bool {
				out, err := b.Admin("sweep", "-o", "json")
				if err != nil {
					require.ErrorContains(t, err, "sweep-local", "one sweep at a time")
					return false
				}
				result := reported(b, out).Clusters[0]
				require.Empty(t, result.Failed)
				return result.Looked == 0
			})
			for _, j := range left {
				require.Equal(t, 1, strings.Count(j.Messages(), "terminated by an operator"), j.Messages())
				j.CheckEnd(bench.End{Status: modelmanage.StatusError, Starts: 1})
				require.Len(t, attemptDirs(j), 1)
				dir := filepath.Join(b.Config.Clusters["local"].LogsRoot(), j.Key.Name())
				require.FileExists(t, filepath.Join(dir, "record.json"))
				require.FileExists(t, filepath.Join(dir, "1", "manifest.json"))
			}
			entries, err := filepath.Glob(filepath.Join(b.Config.Clusters["local"].LogsRoot(), ".records", "*", "*"))
			require.NoError(t, err)
			require.Len(t, entries, len(left), "a record each")
		})
	}
}

// stubborn is a program that does not end when it is asked to.
const stubborn = `import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
base = sys.argv[1]
with open(base + ".starts", "a") as f:
    f.write("%d\n" % os.getpid())
print("here", flush=True)
while True:
    time.sleep(1)
`

// The worker is killed between the SIGTERM and the SIGKILL of a job that is cancelled:
// another one carries it out, and the job can be run again.
func TestWorkerKilledBetweenSignals(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	first := b.Worker()
	f := newFront(b)
	u := b.User(f.url)
	spec := jobspec.Spec{File: u.Upload([]byte(stubborn), "stubborn.py"), Args: []string{f.base}}
	id := u.Submit(spec).ID
	b.Eventually("it runs", func() bool { return f.starts() == 1 })
	_, under, err := u.Client.Cancel(t.Context(), id, "enough")
	require.NoError(t, err)
	require.True(t, under)
	dir := filepath.Join(root(b), id, "1")
	b.Eventually("it is revoked", func() bool { _, err := os.Stat(filepath.Join(dir, "revoked")); return err == nil })
	first.Kill()
	require.NoFileExists(t, filepath.Join(dir, "exit.json"), "the worker died before the job did")
	require.Len(t, supervisors(b), 1)
	b.Worker()
	done := u.Done(id)
	require.Equal(t, job.ResultCancelled, done.Outcome.Result)
	require.Contains(t, done.Outcome.Message, "enough")
	require.Equal(t, "here\n", u.Log(id, "stdout"))
	require.Empty(t, noMarkers(b, dir))
	b.Eventually("no process is left", func() bool { return len(strays(b)) == 0 })
	again, err := u.Client.Rerun(t.Context(), id)
	require.NoError(t, err)
	b.Eventually("it runs again", func() bool { return f.starts() == 2 })
	_, _, err = u.Client.Cancel(t.Context(), again.ID, "")
	require.NoError(t, err)
	require.Equal(t, job.ResultCancelled, u.Done(again.ID).Outcome.Result)
	require.Equal(t, 2, f.starts())
}

// The worker is killed at any point of a job that is being cancelled. Before the launch
// nothing ever runs, and what has succeeded stays so.
func TestWorkerKilledAtCancelledJob(t *testing.T) {
	t.Parallel()
	for point, want := range map[string]bench.End{
		"reserve:before": bench.Unstarted, "reserve:after": bench.Unstarted, "stage:before": bench.Unstarted, "stage:after": bench.Unstarted,
		"submit:before": bench.Unstarted, "intent:after": bench.Unstarted, "launch:after": bench.Cancelled,
		"watch:before": bench.Cancelled, "collect:before": bench.Complete, "report:before": bench.Complete,
	} {
		t.Run(point, func(t *testing.T) {
			if point != "intent:after" && point != "launch:after" {
				bench.Long(t)
			}
			b := newBench(t)
			first := b.Holding(point)
			b.Starter()
			body := returning
			if want == bench.Cancelled {
				body = waiting
			}
			j := b.Create(body)
			b.Held(point)
			if want == bench.Cancelled {
				j.Begun()
			}
			require.NoError(t, b.Client.SignalWorkflow(t.Context(), j.Key.WorkflowID(), "", "cancel", nil))
			first.Kill()
			b.Release()
			b.Worker()
			j.Ends(want)
			require.LessOrEqual(t, len(attemptDirs(j)), 1)
		})
	}
}
