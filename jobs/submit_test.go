package jobs

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/stoker-spark/stoker/job"
)

func (b *bundle) submit(key, body string) (View, bool, error) {
	return b.service.Submit(b.Context(), Submission{User: "ana", Body: []byte(body), Key: key})
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, created, err := b.submit("", spec)
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, "ana", first.User)
	require.Equal(t, "lake", first.Cluster)
	require.Equal(t, "n", first.Name)
	require.Equal(t, job.PhaseLoading, first.Phase)
	require.Nil(t, first.Outcome)
	require.Equal(t, "/v1/jobs/"+first.ID, first.Links.Self)
	require.Equal(t, "http://ui/namespaces/default/workflows/sparkjob-"+first.ID+"/run-0/history", first.Links.WebUI)

	second, created, err := b.submit("", spec)
	require.NoError(t, err)
	require.True(t, created)
	require.NotEqual(t, first.ID, second.ID, "without a key, each is a job of its own")
	require.JSONEq(t, spec, string(b.temporal.runs[0].input.Request.Spec))
	require.Equal(t, "ana", b.temporal.runs[0].input.Request.User)
}

func TestAKeyIsOneJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, created, err := b.submit("k", spec)
	require.NoError(t, err)
	require.True(t, created)
	again, created, err := b.submit("k", ` {"name":"n", "file":"hdfs:/x.py"}`)
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, 1, b.temporal.count("execute"), "it is not even tried")

	for _, other := range []string{`{"file":"hdfs:/y.py"}`, `{"file":`, `{"nonsense":1}`, ``} {
		_, _, err = b.submit("k", other)
		require.ErrorIs(t, err, ErrOtherBody, "compared before anything else is looked at: %s", other)
	}
	theirs, created, err := b.service.Submit(t.Context(), Submission{User: "bob", Body: []byte(spec), Key: "k"})
	require.NoError(t, err)
	require.True(t, created)
	require.NotEqual(t, first.ID, theirs.ID, "a key is its user's")
}

func TestAKeyIsNeverFreeAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, _, err := b.submit("k", spec)
	require.NoError(t, err)
	b.put("pond", b.temporal.runs[0].end(completed, job.ResultSucceeded).recordOf(job.ResultSucceeded))
	b.forget(first.ID)
	again, created, err := b.submit("k", spec)
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, job.ResultSucceeded, again.Outcome.Result)
	_, _, err = b.submit("k", `{"file":"hdfs:/y.py"}`)
	require.ErrorIs(t, err, ErrOtherBody)

	b.stores["pond"].set(func(string) error { return errors.New("connection refused") })
	_, _, err = b.submit("k", spec)
	b.code(job.CodeUnavailable, err)
	_, _, err = b.submit("another", spec)
	b.code(job.CodeUnavailable, err)
	require.Equal(t, 1, b.temporal.count("execute"), "what may be known is not started")
}

func TestTwoCallersWithOneKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// All have looked, and found nothing, before the first starts.
	const callers = 8
	var looked sync.WaitGroup
	looked.Add(callers)
	b.temporal.execute = func(string) error { looked.Done(); looked.Wait(); return nil }
	var all sync.WaitGroup
	ids, made, errs := make([]string, callers), make([]bool, callers), make([]error, callers)
	for i := range callers {
		all.Go(func() {
			var v View
			v, made[i], errs[i] = b.submit("k", spec)
			ids[i] = v.ID
		})
	}
	all.Wait()
	count := 0
	for i := range callers {
		require.NoError(t, errs[i])
		require.Equal(t, ids[0], ids[i])
		if made[i] {
			count++
		}
	}
	require.Equal(t, 1, count)
	require.Len(t, b.temporal.runs, 1)
}

func TestARaceWithAnotherBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.temporal.execute = func(string) error {
		b.temporal.execute = nil
		_, created, err := b.submit("k", `{"file":"hdfs:/y.py"}`)
		require.True(t, created)
		return err
	}
	_, _, err := b.submit("k", spec)
	require.ErrorIs(t, err, ErrOtherBody)
	require.Len(t, b.temporal.runs, 1)
}

func TestAFreshIDThatIsTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tried := map[string]bool{}
	b.temporal.execute = func(id string) error {
		tried[id] = true
		if len(tried) < 3 {
			return serviceerror.NewWorkflowExecutionAlreadyStarted("started", "", "")
		}
		return nil
	}
	_, created, err := b.submit("", spec)
	require.NoError(t, err)
	require.True(t, created)
	require.Len(t, tried, 3, "another id each time")
}

func TestSubmitWithoutTemporal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.setDown(errDown)
	for _, key := range []string{"", "k"} {
		_, _, err := b.submit(key, spec)
		b.code(job.CodeUnavailable, err)
	}
	b.setDown(nil)
	require.Empty(t, b.temporal.runs)
}

func TestSubmitRefusesBeforeAnyCall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, body := range []string{``, `{}`, `{"file":"x"}`, `{"file":"hdfs:/x.py","cluster":"moon"}`, `{"file":"hdfs:/x.py","conf":{"spark.plugins":"x"}}`} {
		_, _, err := b.submit("", body)
		b.code(job.CodeInvalid, err)
		require.NotEmpty(t, job.ProblemsOf(err))
	}
	for _, key := range []string{strings.Repeat("k", 257), "a\nb", "\x7f", "\xff", "\u0085"} {
		_, _, err := b.submit(key, spec)
		b.code(job.CodeInvalid, err)
	}
	require.Empty(t, b.temporal.calls)
}

func TestAChosenID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := Submission{User: "ana", Body: []byte(spec), ID: "livy-17", Key: "k"}
	v, created, err := b.service.Submit(t.Context(), in)
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, "api-livy-17", v.ID)
	_, created, err = b.service.Submit(t.Context(), in)
	require.NoError(t, err)
	require.False(t, created)
}

func TestFreshIDsAreNeverTakenForReruns(t *testing.T) {
	t.Parallel()
	for range 2000 {
		key := job.Key{Source: job.SourceAPI, ID: freshID(time.Now())}
		require.False(t, rerunEnding.MatchString(key.Name()), key.Name())
	}
	require.False(t, rerunEnding.MatchString(job.Key{Source: job.SourceAPI, ID: "x-r2345678"}.Name()), "made safe by a digest")
}

func TestPush(t *testing.T) {
	t.Parallel()
	b := setup(t)
	v, created, err := b.service.Push(t.Context(), "7")
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, "model-manage-7", v.ID)
	require.Nil(t, b.temporal.runs[0].input.Request)
	_, created, err = b.service.Push(t.Context(), "7")
	require.NoError(t, err)
	require.False(t, created)

	b.registry.ours = func(string) (string, string, bool, error) { return "", "", false, nil }
	_, _, err = b.service.Push(t.Context(), "8")
	b.code(job.CodeInvalid, err)
	b.registry.ours = func(id string) (string, string, bool, error) {
		return "", "", false, job.Errorf(job.CodeNotFound, "no job %s", id)
	}
	_, _, err = b.service.Push(t.Context(), "8")
	b.code(job.CodeNotFound, err)
	for _, id := range []string{"", "\xff", "a\x00"} {
		_, _, err = b.service.Push(t.Context(), id)
		b.code(job.CodeInvalid, err)
	}
	require.Len(t, b.temporal.runs, 1)

	// What was started stays told, whatever model-manage says of it now.
	for _, ours := range []func(string) (string, string, bool, error){
		func(string) (string, string, bool, error) { return "", "", false, nil }, b.registry.ours,
	} {
		b.registry.ours = ours
		again, created, err := b.service.Push(t.Context(), "7")
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, v.ID, again.ID)
	}
	r := b.temporal.find("sparkjob-model-manage-7").end(completed, job.ResultSucceeded)
	again, created, err := b.service.Push(t.Context(), "7")
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, job.ResultSucceeded, again.Outcome.Result)
	b.put("lake", r.recordOf(job.ResultSucceeded))
	b.forget("model-manage-7")
	again, created, err = b.service.Push(t.Context(), "7")
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, "from the record", again.Outcome.Message)
	b.setDown(errDown)
	_, _, err = b.service.Push(t.Context(), "8")
	b.code(job.CodeUnavailable, err)
	b.setDown(nil)
	b.registry.ours = func(string) (string, string, bool, error) {
		return "", "", false, job.Errorf(job.CodeUnavailable, "model-manage cannot be reached")
	}
	_, _, err = b.service.Push(t.Context(), "7")
	b.code(job.CodeUnavailable, err)

	b.service.options.Registry = nil
	_, _, err = b.service.Push(t.Context(), "8")
	b.code(job.CodeNotFound, err)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", time.Now())
	for range 2 {
		asked, err := b.service.Cancel(t.Context(), "api-1", "ana", strings.Repeat("é", 10_000))
		require.NoError(t, err)
		require.True(t, asked)
	}
	require.Equal(t, 2, b.temporal.count("signal sparkjob-api-1  cancel {é"), "to whatever run there is")
	require.Less(t, len(b.temporal.calls[0]), 2000)

	r.end(completed, job.ResultSucceeded)
	asked, err := b.service.Cancel(t.Context(), "api-1", "ana", "")
	require.NoError(t, err)
	require.False(t, asked, "it had ended")
	b.put("lake", r.recordOf(job.ResultSucceeded))
	b.forget("api-1")
	asked, err = b.service.Cancel(t.Context(), "api-1", "ana", "")
	require.NoError(t, err)
	require.False(t, asked)
	_, err = b.service.Cancel(t.Context(), "api-2", "ana", "")
	b.code(job.CodeNotFound, err)
	_, err = b.service.Cancel(t.Context(), "../x", "ana", "")
	b.code(job.CodeNotFound, err)
	b.setDown(errDown)
	_, err = b.service.Cancel(t.Context(), "api-1", "ana", "")
	b.code(job.CodeUnavailable, err)
}

func TestRerun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", time.Now())
	_, err := b.service.Rerun(t.Context(), "api-1")
	b.code(job.CodeConflict, err)

	r.end(completed, job.ResultFailed)
	first, err := b.service.Rerun(t.Context(), "api-1")
	require.NoError(t, err)
	require.Equal(t, "api-1-r1", first.ID)
	require.Equal(t, "ana", first.User)
	require.Equal(t, 1, b.temporal.find("sparkjob-api-1-r1").input.Key.Rerun)
	require.Equal(t, r.input.Request, b.temporal.find("sparkjob-api-1-r1").input.Request)
	for _, id := range []string{"api-1", "api-1-r1"} {
		_, err = b.service.Rerun(t.Context(), id)
		b.code(job.CodeConflict, err)
		require.Contains(t, err.Error(), "api-1-r1")
	}

	// A re-run that only its record knows keeps its number.
	one := b.temporal.find("sparkjob-api-1-r1")
	one.attributes = map[string]any{}
	b.put("lake", one.end(completed, job.ResultLost).recordOf(job.ResultLost))
	b.forget("api-1-r1")
	second, err := b.service.Rerun(t.Context(), "api-1-r1")
	require.NoError(t, err)
	require.Equal(t, "api-1-r2", second.ID, "a re-run of a re-run is one of the first job")
}

func TestRerunOfWhatOnlyRecordsKnow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", time.Now()).end(completed, job.ResultSucceeded)
	b.put("pond", r.recordOf(job.ResultSucceeded))
	b.forget("api-1")
	v, err := b.service.Rerun(t.Context(), "api-1")
	require.NoError(t, err)
	require.Equal(t, "api-1-r1", v.ID)
	require.JSONEq(t, spec, string(b.temporal.runs[0].input.Request.Spec))

	// What it asked for was too large for the record.
	b = setup(t)
	r = b.started("api-1", time.Now()).end(completed, job.ResultSucceeded)
	record := r.recordOf(job.ResultSucceeded)
	short := *record.Request
	short.Spec = nil
	record.Request = &short
	b.put("pond", record)
	b.forget("api-1")
	_, err = b.service.Rerun(t.Context(), "api-1")
	b.code(job.CodeInvalid, err)
	require.ErrorContains(t, err, "submit it anew")

	// The first job is forgotten altogether; its re-run is not.
	b = setup(t)
	r = b.started("api-2-r3", time.Now()).end(completed, job.ResultSucceeded)
	r.input.Key = job.Key{Source: job.SourceAPI, ID: "2", Rerun: 3}
	b.put("lake", r.recordOf(job.ResultSucceeded))
	b.forget("api-2-r3")
	v, err = b.service.Rerun(t.Context(), "api-2-r3")
	require.NoError(t, err)
	require.Contains(t, v.ID, "api-2-r")
}

func TestRerunRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.service.Rerun(t.Context(), "model-manage-7")
	b.code(job.CodeInvalid, err)
	for _, id := range []string{"api-1", "api-1-r1", "api-1-r01", "api-1-r9999999999", "api-1-r0", "-r1", "..", "a/b", ""} {
		_, err = b.service.Rerun(t.Context(), id)
		b.code(job.CodeNotFound, err)
	}
	require.Empty(t, b.temporal.runs)

	r := b.started("api-1", time.Now()).end(completed, job.ResultSucceeded)
	r.input.Request.Spec = []byte(`{"file":"hdfs:/x.py","cluster":"dried-up"}`)
	_, err = b.service.Rerun(t.Context(), "api-1")
	b.code(job.CodeInvalid, err)
	require.Len(t, b.temporal.runs, 1, "the rules have changed since")
}

func TestTwoRerunsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.started("api-1", time.Now()).end(completed, job.ResultSucceeded)
	var meet sync.WaitGroup
	meet.Add(2)
	b.temporal.execute = func(string) error { meet.Done(); meet.Wait(); return nil }
	results := make([]string, 2)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() {
			v, err := b.service.Rerun(t.Context(), "api-1")
			results[i] = fmt.Sprint(v.ID, job.CodeOf(err))
		})
	}
	all.Wait()
	require.ElementsMatch(t, []string{"api-1-r1", "conflict"}, results)
}
