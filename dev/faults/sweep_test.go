package faults

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/starter"
	"github.com/stoker-spark/stoker/workflows"
)

// impatient makes everything that a workflow left count as left after a second.
func impatient(c *config.Config) { c.Sweep.Grace = time.Second }

func sweepable(t *testing.T, settings ...bench.Setting) *bench.Bench {
	t.Helper()
	return newBench(t, append(settings, bench.Setting{Configure: impatient})...)
}

// swept runs a sweep by hand.
func swept(b *bench.Bench, args ...string) workflows.SweepResult {
	b.Helper()
	out, err := b.Admin(append([]string{"sweep", "-o", "json"}, args...)...)
	require.NoError(b, err)
	report := reported(b, out)
	require.Len(b, report.Clusters, 1)
	return report.Clusters[0]
}

// report is what these commands print.
type report struct {
	Clusters    []workflows.SweepResult `json:"clusters"`
	ModelManage starter.Reconciled      `json:"modelManage"`
}

func reported(b *bench.Bench, out string) report {
	b.Helper()
	var r report
	require.NoError(b, json.Unmarshal([]byte(out), &r), out)
	return r
}

// pid of the process in which user code began.
func pid(j *bench.Job) int {
	j.Bench.Helper()
	n, err := strconv.Atoi(j.Starts()[0])
	require.NoError(j.Bench, err)
	return n
}

// endedBySweep waits until a sweep finds a job, whose workflow must have been closed for a
// moment.
func endedBySweep(j *bench.Job, args ...string) {
	j.Bench.Helper()
	j.Bench.Eventually("a sweep ends "+j.ID, func() bool {
		result := swept(j.Bench, args...)
		require.Empty(j.Bench, result.Failed)
		return strings.Contains(strings.Join(result.Ended, " "), j.Key.Name())
	})
}

// Nobody but Sweep ends a job whose workflow was terminated.
func TestTerminated(t *testing.T) {
	b := sweepable(t)
	b.Worker()
	b.Starter()
	require.True(t, swept(b).Recorded, "the first sweep puts the namespace on record")
	j := b.Create(waiting)
	j.Reaches("RUNNING")
	j.Begun()
	require.Empty(t, swept(b).Ended, "an open workflow looks after its job")
	j.Terminate()
	endedBySweep(j)
	require.Equal(t, "ERROR", j.Standing())
	require.Contains(t, j.Messages(), "terminated by an operator")
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, j.Closed())
	j.CheckEnd(bench.End{Status: modelmanage.StatusError, Starts: 1})
	record, err := os.ReadFile(filepath.Join(b.Config.Clusters["local"].LogsRoot(), j.Key.Name(), "record.json"))
	require.NoError(t, err)
	require.Contains(t, string(record), "terminated by an operator")
	require.Contains(t, string(record), `"modelId":"model-job-1"`, "what the workflow knew is on record")
	logs, err := filepath.Glob(filepath.Join(b.Config.Clusters["local"].LogsRoot(), j.Key.Name(), "1", "stdout", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, logs, "logs are archived first")
	again := swept(b)
	require.Empty(t, again.Ended)
	require.Zero(t, again.Looked)
}

// A schedule does so by itself.
func TestSweepIsScheduled(t *testing.T) {
	bench.Long(t)
	b := sweepable(t, bench.Setting{Configure: func(c *config.Config) { c.Sweep.Interval = 2 * time.Second }})
	b.Worker()
	b.Starter()
	j := b.Create(waiting)
	j.Reaches("RUNNING")
	j.Begun()
	j.Terminate()
	b.Eventually("the document ends", func() bool { return j.Standing() == "ERROR" })
	b.Eventually("nothing is left", func() bool { return swept(b).Looked == 0 })
	j.CheckEnd(bench.End{Status: modelmanage.StatusError, Starts: 1})
}

// Another namespace than the one on record knows none of the jobs, so Sweep refuses to
// look at them.
func TestSweepInAnotherNamespace(t *testing.T) {
	bench.Long(t)
	b := sweepable(t)
	b.Worker()
	b.Starter()
	require.True(t, swept(b).Recorded)
	j := b.Create(waiting)
	j.Reaches("RUNNING")
	j.Begun()
	b.LoseDatabase()
	for _, args := range [][]string{{"sweep"}, {"sweep", "--include-unknown", "--grace", "1ns"}, {"reconcile"}} {
		_, err := b.Admin(args...)
		require.ErrorContains(t, err, "nothing was touched", "%v", args)
	}
	require.Equal(t, "RUNNING", j.Standing())
	require.NoError(t, syscall.Kill(pid(j), 0), "the application lives")

	out, err := b.Admin("reconcile", "--accept-namespace")
	require.NoError(t, err)
	require.Contains(t, out, "adopted")
	j.Let()
	j.Ends(bench.Complete)
	require.Len(t, attemptDirs(j), 1)
}

// What Temporal does not know is ended only if that is asked for.
func TestSweepUnknown(t *testing.T) {
	b := sweepable(t)
	b.Worker()
	s := b.Starter()
	j := b.Create(waiting)
	j.Reaches("RUNNING")
	j.Begun()
	s.Kill()
	b.LoseDatabase()
	require.True(t, swept(b, "--accept-namespace").Recorded)
	b.Eventually("a sweep lists it", func() bool { return len(swept(b).Unknown) == 1 })
	require.NoError(t, syscall.Kill(pid(j), 0), "the application lives")
	require.Equal(t, "RUNNING", j.Standing())

	result := swept(b, "--include-unknown")
	require.Equal(t, []string{j.Key.Name() + "/1"}, result.Unknown)
	require.Empty(t, result.Failed)
	require.Equal(t, "ERROR", j.Standing())
	require.Contains(t, j.Messages(), "temporal does not know its workflow")
	j.CheckEnd(bench.End{Status: modelmanage.StatusError, Starts: 1})
}

// The database is lost while ten jobs are on their way, from those that nobody has
// looked at to one that has ended: each is adopted or ended, and none launched again.
func TestDatabaseLostWithTenJobs(t *testing.T) {
	bench.Long(t)
	b := sweepable(t, bench.Setting{Configure: func(c *config.Config) {
		local := c.Clusters["local"]
		local.Local.Concurrency = 4
		c.Clusters["local"] = local
	}})
	w, s := b.Worker(), b.Starter()
	require.True(t, swept(b).Recorded)
	jobs := make([]*bench.Job, 10)
	for i := range jobs {
		jobs[i] = b.Create(waiting)
	}
	running := func() int {
		n := 0
		for _, j := range jobs {
			if len(j.Starts()) > 0 {
				n++
			}
		}
		return n
	}
	b.Eventually("four of them run", func() bool { return running() == 4 })
	w.Kill()
	s.Kill()
	for i, j := range jobs {
		if i%2 == 0 {
			j.Let() // some end while nobody looks
		}
	}
	b.LoseDatabase()
	b.Worker()
	_, err := b.Admin("reconcile", "--accept-namespace")
	require.NoError(t, err)
	out, err := b.Admin("reconcile", "--grace", "1s", "-o", "json")
	require.NoError(t, err, out)
	b.Starter() // those that were never looked at are CREATED still
	for _, j := range jobs {
		j.Let()
	}
	for _, j := range jobs {
		b.Eventually(j.ID+" ends", func() bool { return modelmanage.Status(j.Standing()).Terminal() })
		require.LessOrEqual(t, len(j.Starts()), 1, "%s was launched again", j.ID)
	}
	b.Eventually("nothing is left", func() bool { return swept(b).Looked == 0 })
	for _, j := range jobs {
		if len(j.Starts()) == 1 {
			require.Equal(t, "COMPLETE", j.Standing(), "%s: %s", j.ID, j.Messages())
		}
	}
}

// A document that waits without anything on the cluster, and without a workflow, ends.
func TestReconcileEndsWhatIsNowhere(t *testing.T) {
	b := sweepable(t)
	b.Worker()
	j := b.CreateChanged(returning, func(document bench.Object) { document["jobStatus"] = "WAITING" })
	out, err := b.Admin("reconcile", "-o", "json")
	require.NoError(t, err)
	require.Equal(t, 1, reported(b, out).ModelManage.Looked)
	b.Eventually("it ends", func() bool {
		_, err := b.Admin("reconcile")
		require.NoError(t, err)
		return j.Standing() == "ERROR"
	})
	require.Contains(t, j.Messages(), "it was not launched")
	require.Empty(t, j.Starts())
}

// A job that was terminated while no worker was there has left nothing on any cluster,
// and is ended all the same.
func TestTerminatedBeforeAnyWorker(t *testing.T) {
	b := sweepable(t)
	f := newFront(b)
	id := f.submit("key").ID
	b.Starter()
	j := b.Create(waiting)
	b.Eventually("both have a workflow", func() bool { return j.Workflow() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING })
	own := &bench.Job{Bench: b, ID: id, Key: job.Key{Source: job.SourceAPI, ID: strings.TrimPrefix(id, "api-")}}
	own.Terminate()
	j.Terminate()
	require.Contains(t, f.get(id).WaitingFor, "terminated")
	status, _, data := f.call(http.MethodPost, "/v1/jobs/"+id+"/cancel", "", nil)
	require.Equal(t, http.StatusConflict, status, "%s", data)

	b.Worker()
	endedBySweep(own)
	v := f.get(id)
	require.Equal(t, job.PhaseDone, v.Phase)
	require.Equal(t, job.ResultFailed, v.Outcome.Result)
	require.Equal(t, "terminated by an operator", v.Outcome.Message)
	require.Equal(t, "own.py", v.Name)
	require.Equal(t, id, f.submit("key").ID, "the key stays used")
	require.Empty(t, swept(b).Ended, "it is ended once")
	b.Eventually("the document ends", func() bool {
		_, err := b.Admin("reconcile")
		require.NoError(t, err)
		return j.Standing() == "ERROR"
	})
	require.Contains(t, j.Messages(), "terminated by an operator")
	f.let()
	status, _, data = f.call(http.MethodPost, "/v1/jobs/"+id+"/rerun", "", nil)
	require.Equal(t, http.StatusCreated, status, "%s", data)
	require.Equal(t, job.ResultSucceeded, f.ends(f.view(data).ID).Outcome.Result)
	require.Equal(t, 1, f.starts())
	require.Empty(t, j.Starts())
}

// A job of somebody's own that is adopted is the same job to its key and to lists.
func TestDatabaseLostUnderAnOwnJob(t *testing.T) {
	b := sweepable(t)
	b.Worker()
	f := newFront(b)
	require.True(t, swept(b).Recorded)
	id := f.submit("key").ID
	b.Eventually("it runs", func() bool { return f.starts() == 1 && f.get(id).Phase == job.PhaseRunning })
	b.LoseDatabase()
	out, err := b.Admin("reconcile", "--accept-namespace")
	require.NoError(t, err)
	require.Contains(t, out, "adopted")
	b.Eventually("it is known again", func() bool { return f.get(id).Phase == job.PhaseRunning })
	require.Equal(t, "own.py", f.get(id).Name)
	require.Equal(t, id, f.submit("key").ID)
	status, _, data := f.call(http.MethodPost, "/v1/jobs", "key", f.spec("other"))
	require.Equal(t, http.StatusUnprocessableEntity, status, "%s", data)
	f.let()
	require.Equal(t, job.ResultSucceeded, f.ends(id).Outcome.Result)
	require.Equal(t, 1, f.starts())
}

// A backup of the database is older than some of what has happened since: what ended
// stays ended, and nothing is launched again.
func TestDatabaseRestored(t *testing.T) {
	bench.Long(t)
	b := sweepable(t)
	b.Worker()
	f := newFront(b)
	require.True(t, swept(b).Recorded)
	before := f.submit("before").ID
	b.Eventually("the first runs", func() bool { return f.starts() == 1 && f.get(before).Phase == job.PhaseRunning })
	backup := b.BackUp()
	f.let()
	require.Equal(t, job.ResultSucceeded, f.ends(before).Outcome.Result)
	since := newOther(f)
	after := since.submit("after").ID
	b.Eventually("the second runs", func() bool { return since.starts() == 1 && f.get(after).Phase == job.PhaseRunning })

	b.Restore(backup)
	require.Equal(t, job.ResultSucceeded, f.ends(before).Outcome.Result, "as its record says")
	b.Eventually("the second is adopted", func() bool {
		_, err := b.Admin("reconcile")
		require.NoError(t, err)
		return f.get(after).Phase == job.PhaseRunning
	})
	require.Equal(t, after, since.submit("after").ID)
	since.let()
	require.Equal(t, job.ResultSucceeded, f.ends(after).Outcome.Result)
	require.Equal(t, 1, f.starts())
	require.Equal(t, 1, since.starts())
	b.Eventually("nothing is left", func() bool { return swept(b).Looked == 0 })
}

// newOther is the same API with another program.
func newOther(f *front) *front {
	f.Helper()
	other := &front{Bench: f.Bench, process: f.process, url: f.url, file: filepath.Join(f.Scratch, "other.py"), base: filepath.Join(f.Scratch, "other")}
	require.NoError(f, os.WriteFile(other.file, []byte(program), 0o600))
	return other
}
