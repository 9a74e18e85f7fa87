package activities

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

// temporalFake is the Temporal that a sweep asks.
type temporalFake struct {
	namespace string
	workflows map[string]WorkflowState
	// terminated is what visibility says.
	terminated []string
	mu         sync.Mutex // several are asked for at a time
	asked      []string
	adopted    []job.Key
	requests   []*job.Request
}

func (f *temporalFake) Namespace(context.Context) (string, string, error) {
	return "default", f.namespace, nil
}

func (f *temporalFake) Workflow(_ context.Context, id string) (WorkflowState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, id)
	return f.workflows[id], nil
}

func (f *temporalFake) Adopt(_ context.Context, key job.Key, request *job.Request) error {
	f.adopted, f.requests = append(f.adopted, key), append(f.requests, request)
	return nil
}

func (f *temporalFake) Terminated(context.Context, string, time.Time, time.Time) ([]string, error) {
	return f.terminated, nil
}

func (f *temporalFake) Interrupted(context.Context, string) (InterruptedJob, error) {
	return InterruptedJob{Key: job.Key{Source: "s", ID: "7"}}, nil
}

// orphanFake is a manager that lists what lives and ends what has no directory.
type orphanFake struct {
	managerFake
	live   []spark.Sighting
	killed []string
}

func (f *orphanFake) Live(context.Context) ([]spark.Sighting, error) { return f.live, nil }

func (f *orphanFake) KillOrphan(_ context.Context, _ job.Attempt, application, _ string) error {
	f.killed = append(f.killed, application)
	return nil
}

const (
	grace = 10 * time.Minute
	long  = time.Hour
)

// sweepBundle is a cluster with directories of jobs.
type sweepBundle struct {
	*bundle
	temporal *temporalFake
}

func setupSweep(t *testing.T) *sweepBundle {
	t.Helper()
	b := &sweepBundle{setup(t), &temporalFake{namespace: "n1", workflows: map[string]WorkflowState{}}}
	b.cluster.Installation, b.cluster.Artifacts = "here", b.root+"-artifacts"
	return b
}

// job makes the directory of an attempt with some files, reserved that long ago.
func (b *sweepBundle) attemptOf(id string, number int, installation string, files ...string) job.Attempt {
	b.t.Helper()
	attempt := job.Key{Source: job.SourceModelManage, ID: id}.Attempt(number)
	dir := filepath.Join(b.root, attempt.Job, strconv.Itoa(number))
	require.NoError(b.t, os.MkdirAll(dir, 0o700))
	reservation, err := json.Marshal(spark.Reservation{
		Application: "app-" + id, Attempt: attempt, Installation: installation, CreatedAt: time.Now().Add(-long),
	})
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, spark.FileReservation), reservation, 0o600))
	for _, name := range files {
		require.NoError(b.t, os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600))
	}
	return attempt
}

func (b *sweepBundle) closed(a job.Attempt, interrupted bool, ago time.Duration) {
	b.temporal.workflows[a.WorkflowID] = WorkflowState{Found: true, Interrupted: interrupted, ClosedAt: time.Now().Add(-ago)}
}

// sweep runs one of the sweep's activities.
func sweepCall[R any](b *sweepBundle, name string, in any) (R, error) {
	b.t.Helper()
	env := b.environment()
	sweep, err := NewSweep(map[string]Cluster{"local": b.cluster}, b.temporal)
	require.NoError(b.t, err)
	env.RegisterActivity(sweep)
	var result R
	value, err := env.ExecuteActivity(name, in)
	if err == nil && value.HasValue() {
		require.NoError(b.t, value.Get(&result))
	}
	return result, err
}

func (b *sweepBundle) list() SweepListResult {
	b.t.Helper()
	result, err := sweepCall[SweepListResult](b, "SweepList", SweepListInput{Cluster: "local", Grace: grace})
	require.NoError(b.t, err)
	return result
}

// What is found is judged by whose it is, whether it is clean, and its workflow.
func TestSweepListJudges(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	want := map[string]Verdict{}
	add := func(id string, verdict Verdict, a job.Attempt) job.Attempt {
		if verdict != "" {
			want[a.String()] = verdict
		}
		return a
	}
	staged := []string{spark.FileStaged, spark.FileIntent, spark.FileAcknowledged}
	b.closed(add("terminated", VerdictInterrupted, b.attemptOf("terminated", 1, "here", staged...)), true, long)
	b.closed(add("just terminated", "", b.attemptOf("just-terminated", 1, "here", staged...)), true, time.Minute)
	b.closed(add("not cleaned", VerdictLeftover, b.attemptOf("leftover", 1, "here", staged...)), false, long)
	b.closed(add("second attempt", VerdictLeftover, b.attemptOf("second", 2, "here", staged...)), false, long)
	b.closed(add("clean", "", b.attemptOf("clean", 1, "here", spark.FileIntent, spark.FileReleased)), true, long)
	b.closed(add("revoked", "", b.attemptOf("revoked", 1, "here", spark.FileRevoked)), true, long)
	b.closed(add("another's", "", b.attemptOf("others", 1, "elsewhere", staged...)), true, long)
	b.closed(add("reserved and no more", VerdictInterrupted, b.attemptOf("reserved", 1, "here")), true, long)
	open := add("open", "", b.attemptOf("open", 1, "here", staged...))
	b.temporal.workflows[open.WorkflowID] = WorkflowState{Found: true, Open: true}
	add("unknown", VerdictUnknown, b.attemptOf("unknown", 1, "here", staged...))
	// Nobody's, or no job's.
	require.NoError(t, os.MkdirAll(filepath.Join(b.root, ".live", "1"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(b.root, "model-manage-empty", "1"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(b.root, "model-manage-odd", "one"), 0o700))

	result := b.list()
	got := map[string]Verdict{}
	for _, f := range result.Findings {
		got[f.Attempt.String()] = f.Verdict
	}
	require.Equal(t, want, got)
	require.True(t, result.Recorded)
	require.False(t, b.list().Recorded, "the namespace is on record now")
}

// counts are the counters of one metric, by cluster and verdict.
type counts struct {
	client.MetricsHandler
	metric, tags string
	n            map[string]int64
}

func (c counts) WithTags(tags map[string]string) client.MetricsHandler {
	c.tags = tags["cluster"] + " " + tags["verdict"]
	return c
}

func (c counts) Counter(name string) client.MetricsCounter {
	return counted(func(n int64) {
		if name == c.metric {
			c.n[c.tags] += n
		}
	})
}

type counted func(int64)

func (c counted) Inc(n int64) { c(n) }

func TestSweepListCountsUnlessItIsDry(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	found := counts{MetricsHandler: client.MetricsNopHandler, metric: MetricSweepFindings, n: map[string]int64{}}
	b.metrics = found
	b.attemptOf("unknown", 1, "here", spark.FileStaged)
	dry, err := sweepCall[SweepListResult](b, "SweepList", SweepListInput{Cluster: "local", Grace: grace, Uncounted: true})
	require.NoError(t, err)
	require.Empty(t, found.n)
	require.Equal(t, dry.Findings, b.list().Findings)
	require.Equal(t, map[string]int64{"local unknown": 1}, found.n)
}

// A new reservation is nobody's yet: its workflow may be on its way.
func TestSweepListWaitsForTheUnknown(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	b.attemptOf("new", 1, "here", spark.FileStaged)
	result, err := sweepCall[SweepListResult](b, "SweepList", SweepListInput{Cluster: "local", Grace: 2 * long})
	require.NoError(t, err)
	require.Empty(t, result.Findings)
	require.Equal(t, 1, result.Looked)
}

func TestSweepListRefusesAnotherNamespace(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	b.list()
	b.attemptOf("unknown", 1, "here", spark.FileStaged)
	b.temporal.namespace = "n2"
	_, err := sweepCall[SweepListResult](b, "SweepList", SweepListInput{Cluster: "local", Grace: grace})
	requireFailure(t, err, job.CodeConflict, true)
	require.Empty(t, b.temporal.asked, "it was not even looked at")
	_, err = sweepCall[SweepFindResult](b, "SweepFind", SweepFindInput{Cluster: "local", Job: "model-manage-unknown"})
	requireFailure(t, err, job.CodeConflict, true)

	result, err := sweepCall[SweepListResult](b, "SweepList", SweepListInput{Cluster: "local", Grace: grace, AcceptNamespace: true})
	require.NoError(t, err)
	require.True(t, result.Recorded)
	require.Len(t, result.Findings, 1)
	require.Len(t, b.list().Findings, 1)
	b.temporal.namespace = "n1"
	_, err = sweepCall[SweepListResult](b, "SweepList", SweepListInput{Cluster: "local", Grace: grace})
	requireFailure(t, err, job.CodeConflict, true)
}

func TestSweepFindsOrphans(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	manager := &orphanFake{}
	b.cluster.Manager = manager
	sight := func(id string, began time.Duration) job.Attempt {
		a := job.Key{Source: job.SourceModelManage, ID: id}.Attempt(1)
		manager.live = append(manager.live, spark.Sighting{Attempt: a, Application: "app-" + id, Observation: job.Observation{
			State: job.StateRunning, StartedAt: time.Now().Add(-began),
		}})
		return a
	}
	orphan := sight("orphan", long)
	b.closed(orphan, false, long)
	unknown := sight("unknown", long)
	b.closed(sight("just-ended", long), false, time.Minute)
	sight("new", time.Minute)
	b.temporal.workflows[sight("open", long).WorkflowID] = WorkflowState{Found: true, Open: true}
	b.temporal.workflows[sight("reserved", long).WorkflowID] = WorkflowState{Found: true, Open: true}
	b.attemptOf("reserved", 1, "here", spark.FileStaged)
	require.Equal(t, []Finding{
		{Verdict: VerdictOrphan, Attempt: orphan, Application: "app-orphan"},
		{Verdict: VerdictUnknownOrphan, Attempt: unknown, Application: "app-unknown"},
	}, b.list().Findings)

	_, err := sweepCall[any](b, "SweepOrphan", SweepOrphanInput{Cluster: "local", Attempt: orphan, Application: "app-orphan"})
	require.NoError(t, err)
	require.Equal(t, []string{"app-orphan"}, manager.killed)
	b.attemptOf("orphan", 1, "here", spark.FileStaged)
	_, err = sweepCall[any](b, "SweepOrphan", SweepOrphanInput{Cluster: "local", Attempt: orphan, Application: "app-orphan"})
	require.NoError(t, err)
	require.Len(t, manager.killed, 1, "one that has been reserved since is somebody's")
}

func TestSweepFindTakesTheLastAttempt(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	b.attemptOf("7", 1, "here", spark.FileIntent)
	b.attemptOf("7", 10, "here", spark.FileIntent)
	b.attemptOf("7", 9, "here")
	b.attemptOf("7", 11, "elsewhere", spark.FileIntent)
	find := func(name string) SweepFindResult {
		result, err := sweepCall[SweepFindResult](b, "SweepFind", SweepFindInput{Cluster: "local", Job: name})
		require.NoError(t, err)
		return result
	}
	require.Equal(t, SweepFindResult{Attempt: 10, Application: "app-7", Sent: true}, find("model-manage-7"))
	b.attemptOf("8", 1, "here")
	require.Equal(t, SweepFindResult{Attempt: 1, Application: "app-8"}, find("model-manage-8"))
	require.Zero(t, find("model-manage-9"))
}

func TestSweepAdopts(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	adopt := func(a job.Attempt) SweepAdoptResult {
		result, err := sweepCall[SweepAdoptResult](b, "SweepAdopt", SweepAdoptInput{Cluster: "local", Attempt: a})
		require.NoError(t, err)
		return result
	}
	require.True(t, adopt(job.AttemptOf("model-manage-7", 1)).Adopted)
	own := job.Key{Source: job.SourceAPI, ID: "x"}.Attempt(2)
	require.Equal(t, SweepAdoptResult{Unstaged: true}, adopt(own), "nothing says what it was")
	dir := filepath.Join(b.root, own.Job, "2")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, spark.FileRequest), []byte(`{"spec":{"file":"a.py"},"user":"ana"}`), 0o600))
	require.True(t, adopt(own).Adopted)
	require.Zero(t, adopt(job.AttemptOf("model-manage-a_b-0123456789abcdef", 1)), "its document tells its id")
	require.Equal(t, []job.Key{{Source: job.SourceModelManage, ID: "7"}, {Source: job.SourceAPI, ID: "x"}}, b.temporal.adopted)
	require.Nil(t, b.temporal.requests[0])
	require.Equal(t, "ana", b.temporal.requests[1].User)
}

func TestSweepUnknown(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	look := func(a job.Attempt) SweepUnknownResult {
		result, err := sweepCall[SweepUnknownResult](b, "SweepUnknown", SweepAdoptInput{Cluster: "local", Attempt: a})
		require.NoError(t, err)
		return result
	}
	require.Zero(t, look(job.AttemptOf("model-manage-a_b-0123456789abcdef", 1)).Key)
	require.Equal(t, SweepUnknownResult{Key: job.Key{Source: job.SourceModelManage, ID: "7"}, Spec: job.Spec{Cluster: "local"}},
		look(job.AttemptOf("model-manage-7", 1)))
	own := job.Key{Source: job.SourceAPI, ID: "x"}.Attempt(2)
	dir := filepath.Join(b.root, own.Job, "2")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, spark.FileRequest),
		[]byte(`{"spec":{"file":"hdfs:///x/a.jar","queue":"q","labels":{"a":"b"}},"user":"ana","cluster":"local","digest":"d"}`), 0o600))
	left := look(own)
	require.Equal(t, "d", left.Request.Digest)
	require.Equal(t, job.Spec{
		Kind: job.KindJAR, Name: "a.jar", User: "ana", Cluster: "local", Queue: "q", Labels: map[string]string{"a": "b"},
	}, left.Spec)
	require.Nil(t, left.Outcome)
	require.NoError(t, b.cluster.Logs.PutRecord(t.Context(), job.Record{ID: own.Job, Outcome: job.Outcome{Result: job.ResultSucceeded}}))
	require.Equal(t, job.ResultSucceeded, look(own).Outcome.Result)
}

// A job that was terminated before anything was reserved is told by Temporal alone, which
// is asked for each again: visibility may be late.
func TestSweepListFindsWhatIsNowhere(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	for _, c := range []struct {
		id    string
		state WorkflowState
	}{
		{"sparkjob-api-nowhere", WorkflowState{Found: true, Interrupted: true, ClosedAt: time.Now().Add(-long)}},
		{"sparkjob-api-between", WorkflowState{Found: true, Interrupted: true, ClosedAt: time.Now().Add(-long)}},
		{"sparkjob-api-recorded", WorkflowState{Found: true, Interrupted: true, ClosedAt: time.Now().Add(-long)}},
		{"sparkjob-api-just-now", WorkflowState{Found: true, Interrupted: true, ClosedAt: time.Now().Add(-time.Minute)}},
		{"sparkjob-api-reset", WorkflowState{Found: true, Open: true}},
		{"sparkjob-api-gone", WorkflowState{}},
		{"sparkjob-model-manage-somewhere", WorkflowState{Found: true, Interrupted: true, ClosedAt: time.Now().Add(-long)}},
		{"something-else", WorkflowState{Found: true, Interrupted: true, ClosedAt: time.Now().Add(-long)}},
	} {
		b.temporal.workflows[c.id] = c.state
		b.temporal.terminated = append(b.temporal.terminated, c.id)
	}
	require.NoError(t, b.cluster.Logs.PutRecord(t.Context(), job.Record{ID: "api-recorded", Outcome: job.Outcome{Result: job.ResultFailed}}))
	somewhere := b.attemptOf("somewhere", 1, "here", spark.FileIntent)
	between := filepath.Join(b.root, "api-between", "1")
	require.NoError(t, os.MkdirAll(between, 0o700))
	reservation, err := json.Marshal(spark.Reservation{
		Application: "app", Attempt: job.AttemptOf("api-between", 1), Installation: "here", CreatedAt: time.Now().Add(-long),
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(between, spark.FileReservation), reservation, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(between, spark.FileReleased), nil, 0o600))
	require.ElementsMatch(t, []Finding{
		{Verdict: VerdictInterrupted, Attempt: somewhere, Application: "app-somewhere"},
		{Verdict: VerdictInterrupted, Attempt: job.AttemptOf("api-nowhere", 1), Nowhere: true},
		{Verdict: VerdictInterrupted, Attempt: job.AttemptOf("api-between", 1), Nowhere: true},
	}, b.list().Findings)
}

// What Temporal does not know stays, and must not hide what can be ended.
func TestSweepListIsNotFullOfTheUnknown(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	for i := range mostFound + 1 {
		b.attemptOf("a"+strconv.Itoa(i), 1, "here", spark.FileIntent)
	}
	b.closed(b.attemptOf("z", 1, "here", spark.FileIntent), true, long)
	result := b.list()
	require.Len(t, result.Findings, mostFound+1)
	require.True(t, result.More)
	count := 0
	for _, f := range result.Findings {
		if f.Verdict == VerdictInterrupted {
			count++
		}
	}
	require.Equal(t, 1, count)
}

// old makes a tree as old as it says.
func (b *sweepBundle) old(dir string, age time.Duration) {
	b.t.Helper()
	at := time.Now().Add(-age)
	require.NoError(b.t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Chtimes(path, at, at)
		}
		return err
	}))
}

func TestSweepExpiresMarkers(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	const keep = 100 * time.Hour
	add := func(id string, age time.Duration, files ...string) job.Attempt {
		a := b.attemptOf(id, 1, "here", files...)
		b.old(filepath.Join(b.root, a.Job), age)
		return a
	}
	b.closed(add("over", 2*keep, spark.FileReleased), false, 2*keep)
	add("forgotten", 2*keep, spark.FileReleased)
	b.closed(add("young", long, spark.FileReleased), false, long)
	b.closed(add("reset", 2*keep, spark.FileReleased), false, long)
	b.closed(add("not-clean", 2*keep, spark.FileReleased, spark.FileStaged), false, 2*keep)
	b.closed(add("not-released", 2*keep, spark.FileIntent), false, 2*keep)
	b.temporal.workflows[add("open", 2*keep, spark.FileReleased).WorkflowID] = WorkflowState{Found: true, Open: true}
	others := b.attemptOf("others", 1, "elsewhere", spark.FileReleased)
	b.old(filepath.Join(b.root, others.Job), 2*keep)
	b.closed(add("two", 2*keep, spark.FileReleased), false, 2*keep)
	b.attemptOf("two", 2, "here", spark.FileStaged)

	result, err := sweepCall[SweepExpireResult](b, "SweepExpire", SweepExpireInput{Cluster: "local", Markers: keep})
	require.NoError(t, err)
	require.Equal(t, SweepExpireResult{Jobs: 2}, result)
	left, err := filepath.Glob(filepath.Join(b.root, "model-manage-*"))
	require.NoError(t, err)
	require.Len(t, left, 7)
	require.NoDirExists(t, filepath.Join(b.root, "model-manage-over"))
	require.NoDirExists(t, filepath.Join(b.root, "model-manage-forgotten"))
}

// An API that is killed leaves what it had of an upload; one that goes on is younger.
func TestSweepDeletesUnfinishedUploads(t *testing.T) {
	t.Parallel()
	for _, keep := range []time.Duration{0, 100 * time.Hour} {
		t.Run(keep.String(), func(t *testing.T) {
			t.Parallel()
			b := setupSweep(t)
			left, live := store.TempName("d/a.py"), store.TempName("d/a.py")
			for name, age := range map[string]time.Duration{"d/.used": time.Hour, "d/a.py": 25 * time.Hour, "d/.b.tmp-c": 25 * time.Hour, left: 25 * time.Hour, live: 23 * time.Hour} {
				b.outside("jobs-artifacts/" + name)
				at := time.Now().Add(-age)
				require.NoError(t, os.Chtimes(filepath.Join(b.cluster.Artifacts, name), at, at))
			}
			_, err := sweepCall[SweepExpireResult](b, "SweepExpire", SweepExpireInput{Cluster: "local", Artifacts: keep})
			require.NoError(t, err)
			require.NoFileExists(t, filepath.Join(b.cluster.Artifacts, left))
			for _, name := range []string{live, "d/a.py", "d/.used", "d/.b.tmp-c"} {
				require.FileExists(t, filepath.Join(b.cluster.Artifacts, name))
			}
		})
	}
}

func TestSweepExpiresArtifactsAndLogs(t *testing.T) {
	t.Parallel()
	b := setupSweep(t)
	const keep = 100 * time.Hour
	for name, age := range map[string]time.Duration{"old/a.py": 2 * keep, "new/a.py": long, "used/a.py": 2 * keep, "used/.used": long} {
		b.outside("jobs-artifacts/" + name)
		at := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(filepath.Join(b.cluster.Artifacts, name), at, at))
	}
	record := func(id string, age time.Duration) {
		require.NoError(t, b.cluster.Logs.PutRecord(t.Context(), job.Record{Version: 1, ID: id, EndedAt: time.Now().Add(-age)}))
	}
	record("api-old", 2*keep)
	record("api-new", time.Second)
	// As if both were kept when the older ended.
	index, err := filepath.Glob(filepath.Join(b.root+"-logs", ".records", "*"))
	require.NoError(t, err)
	require.Len(t, index, 1, "this test runs over the turn of an hour")
	require.NoError(t, os.Rename(index[0], filepath.Join(b.root+"-logs", ".records", time.Now().Add(-2*keep).UTC().Format("20060102-15"))))

	result, err := sweepCall[SweepExpireResult](b, "SweepExpire", SweepExpireInput{Cluster: "local"})
	require.NoError(t, err)
	require.Zero(t, result, "what is not bounded is kept for ever")
	result, err = sweepCall[SweepExpireResult](b, "SweepExpire", SweepExpireInput{Cluster: "local", Artifacts: keep, Logs: keep})
	require.NoError(t, err)
	require.Equal(t, SweepExpireResult{Artifacts: 1, Logs: 1}, result)
	require.NoDirExists(t, filepath.Join(b.cluster.Artifacts, "old"))
	require.DirExists(t, filepath.Join(b.cluster.Artifacts, "new"))
	require.DirExists(t, filepath.Join(b.cluster.Artifacts, "used"))
	require.NoDirExists(t, filepath.Join(b.root+"-logs", "api-old"))
	require.DirExists(t, filepath.Join(b.root+"-logs", "api-new"), "its record was written again later")
}
