package jobs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

func (b *bundle) get(id string) View {
	b.Helper()
	v, err := b.service.Get(b.Context(), id)
	require.NoError(b, err)
	return v
}

// Who asks for an end sees that it was asked for, though no worker has heard of it.
func TestACancelThatNoWorkerHasTakenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", time.Now())
	signal := func(name string, input ...any) *historypb.HistoryEvent {
		attributes := &historypb.WorkflowExecutionSignaledEventAttributes{SignalName: name, Input: &commonpb.Payloads{}}
		for _, value := range input {
			attributes.Input.Payloads = append(attributes.Input.Payloads, payload(value))
		}
		return &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes{WorkflowExecutionSignaledEventAttributes: attributes}}
	}
	native := &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionCancelRequestedEventAttributes{
		WorkflowExecutionCancelRequestedEventAttributes: &historypb.WorkflowExecutionCancelRequestedEventAttributes{},
	}}
	for want, events := range map[string][]*historypb.HistoryEvent{
		"":          {signal(workflows.SignalHint)},
		"ana why":   {signal(workflows.SignalHint), signal(workflows.SignalCancel, workflows.CancelRequest{By: "ana", Reason: "why"})},
		"asked for": {signal(workflows.SignalCancel, 7)},
		"ana first": { // the newest stand first
			native, signal(workflows.SignalCancel, workflows.CancelRequest{By: "bob", Reason: "later"}), signal(workflows.SignalHint),
			signal(workflows.SignalCancel, workflows.CancelRequest{By: "ana", Reason: "first"}), signal(workflows.SignalHint),
		},
	} {
		r.newest = events
		v := b.get("api-1")
		require.Equal(t, want, v.Cancelling)
		require.Contains(t, v.WaitingFor, "no worker")
	}
	r.newest, r.scheduled = []*historypb.HistoryEvent{native}, time.Now().Add(-time.Minute)
	require.Equal(t, "asked for", b.get("api-1").Cancelling)
}

func TestGetAnOpenJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := time.Now().UTC()
	r := b.started("api-1", at)
	v := b.get("api-1")
	require.Equal(t, "no worker serves queue spark: the job goes on when one does", v.WaitingFor)
	require.False(t, v.Abandoned())
	require.Equal(t, job.PhaseRunning, v.Phase, "what visibility knows")
	require.Equal(t, map[string]string{"a": "b"}, v.Labels)
	require.Nil(t, v.Outcome)

	r.scheduled = time.Now().Add(-time.Minute)
	asked := b.temporal.count("query")
	require.Contains(t, b.get("api-1").WaitingFor, "no worker")
	require.Equal(t, asked, b.temporal.count("query"), "nobody waits for an answer that cannot come")
	r.scheduled = time.Time{}

	r.view = &workflows.StatusView{
		Phase: job.PhaseRunning, Cluster: "lake", Application: "app-1", Attempt: 2, SubmittedAt: at, RunningAt: at.Add(time.Second),
		Observation: job.Observation{State: job.StateRunning, Raw: "RUNNING"}, Obstacle: "a slot", Cancel: &workflows.CancelRequest{By: "bob", Reason: "why"},
	}
	attempt, err := b.logs["lake"].Attempt(job.AttemptOf("api-1", 2))
	require.NoError(t, err)
	require.NoError(t, attempt.SetProgress(t.Context(), job.Progress{Tasks: job.Count{Total: 7}}))
	v = b.get("api-1")
	require.Equal(t, "app-1", v.ApplicationID)
	require.Equal(t, 2, v.Attempt)
	require.Equal(t, "a slot", v.WaitingFor)
	require.Equal(t, "RUNNING", v.ClusterSays)
	require.Equal(t, "bob why", v.Cancelling)
	require.EqualValues(t, 7, v.Progress.Tasks.Total)
	require.Equal(t, at.Add(time.Second), v.Times.RunningAt)
}

// A job's profile is shown before any worker has looked at it, in lists too, and of jobs
// from elsewhere once one has.
func TestTheProfileOfAnOpenJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	submitted, _, err := b.service.Submit(t.Context(), Submission{User: "ana", Body: []byte(`{"file":"hdfs:/x.py","profile":"big"}`)})
	require.NoError(t, err)
	require.Equal(t, "big", submitted.Profile)
	require.Equal(t, "big", b.get(submitted.ID).Profile)
	page, err := b.service.List(t.Context(), Query{})
	require.NoError(t, err)
	require.Equal(t, "big", page.Jobs[0].Profile)
	r := b.started("model-manage-1", time.Now())
	require.Empty(t, b.get("model-manage-1").Profile)
	r.view = &workflows.StatusView{Phase: job.PhaseRunning, Spec: &job.Spec{Profile: "wide"}}
	require.Equal(t, "wide", b.get("model-manage-1").Profile)
}

// Between its record and its end a job is what its workflow says.
func TestGetAJobThatIsAboutToEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", time.Now())
	b.put("lake", r.recordOf(job.ResultFailed))
	r.view = &workflows.StatusView{Phase: job.PhaseCleaning, Outcome: &job.Outcome{Result: job.ResultSucceeded}}
	v := b.get("api-1")
	require.Equal(t, job.PhaseCleaning, v.Phase)
	require.Equal(t, job.ResultSucceeded, v.Outcome.Result)
}

func TestGetAClosedJob(t *testing.T) {
	t.Parallel()
	for _, result := range []job.Result{job.ResultSucceeded, job.ResultFailed, job.ResultLost, job.ResultCancelled} {
		b := setup(t)
		r := b.started("api-1", time.Now()).end(completed, result)
		switch result {
		case job.ResultFailed, job.ResultLost:
			r.status = failed
			r.failure = temporal.NewApplicationError("no", workflows.FailureJobFailed, *r.result)
		case job.ResultCancelled:
			r.failure = temporal.NewCanceledError(*r.result)
		case job.ResultSucceeded:
		}
		v := b.get("api-1")
		require.Equal(t, job.PhaseDone, v.Phase, result)
		require.Equal(t, &Outcome{Result: result, Message: "from the history"}, v.Outcome)
		require.Equal(t, "app", v.ApplicationID)

		b.put("lake", r.recordOf(result))
		require.Equal(t, "from the record", b.get("api-1").Outcome.Message)
		b.forget("api-1")
		require.Equal(t, "from the record", b.get("api-1").Outcome.Message)
		b.setDown(errDown)
		require.Equal(t, "from the record", b.get("api-1").Outcome.Message)
	}
}

// A run that repeats a job which had ended closes with that end, and its record says more.
func TestGetARepetition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", time.Now()).end(completed, job.ResultSucceeded)
	first := r.recordOf(job.ResultSucceeded)
	first.RunID, first.SubmittedAt, first.EndedAt = "run-before", first.SubmittedAt.Add(-time.Hour), first.EndedAt.Add(-time.Hour)
	b.put("lake", first)
	require.Equal(t, "from the history", b.get("api-1").Outcome.Message, "it may have ended otherwise")
	r.result.EndedAt = first.EndedAt
	v := b.get("api-1")
	require.Equal(t, "from the record", v.Outcome.Message)
	require.True(t, first.SubmittedAt.Equal(v.Times.SubmittedAt), "not when it was repeated")
}

func TestGetAJobThatWasTerminated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", time.Now()).end(terminated, "")
	v := b.get("api-1")
	require.Nil(t, v.Outcome, "nobody knows yet")
	require.Contains(t, v.WaitingFor, "terminated")
	require.True(t, v.Abandoned())

	// A reset has left the record of the run before, which says nothing of this one.
	before := r.recordOf(job.ResultSucceeded)
	before.RunID = "run-before"
	b.put("lake", before)
	require.Nil(t, b.get("api-1").Outcome)

	swept := r.recordOf(job.ResultFailed)
	swept.RunID, swept.EndedAt = "the first of the chain", r.closed.Add(time.Hour)
	b.put("lake", swept)
	v = b.get("api-1")
	require.Equal(t, job.ResultFailed, v.Outcome.Result)
	require.Empty(t, v.WaitingFor)
	require.False(t, v.Abandoned())
}

func TestGetAWorkflowThatEndedWithoutAResult(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", time.Now()).end(failed, "")
	r.result = &workflows.Result{}
	v := b.get("api-1")
	require.Nil(t, v.Outcome)
	require.Contains(t, v.WaitingFor, "without saying how")
}

func TestGetNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []string{"api-1", "", "..", "a/b", ".records", "\xff", "api-1\x00", "api-1\n", "jöb", "api-1é", "api 1", "api-" + strings.Repeat("1", 200)} {
		_, err := b.service.Get(t.Context(), id)
		b.code(job.CodeNotFound, err)
		_, err = b.service.Cancel(t.Context(), id, "ana", "")
		b.code(job.CodeNotFound, err)
		_, err = b.service.Rerun(t.Context(), id)
		b.code(job.CodeNotFound, err)
	}
	require.Len(t, b.temporal.calls, 4, "only of what may be one is anybody asked: %q", b.temporal.calls)
	b.setDown(errDown)
	_, err := b.service.Get(t.Context(), "\xff")
	b.code(job.CodeNotFound, err)
	_, err = b.service.Get(t.Context(), "api-1")
	b.code(job.CodeUnavailable, err)
	b.setDown(nil)
	b.stores["pond"].set(func(string) error { return errors.New("connection refused") })
	_, err = b.service.Get(t.Context(), "api-1")
	b.code(job.CodeUnavailable, err)
	require.Contains(t, err.Error(), "cluster pond")
}

// The job ends between the two looks.
func TestGetAJobThatEndsMeanwhile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", time.Now())
	r.view = &workflows.StatusView{Phase: job.PhaseDone, Outcome: &job.Outcome{Result: job.ResultSucceeded}}
	require.Equal(t, job.ResultSucceeded, b.get("api-1").Outcome.Result, "a closed workflow answers queries, too")
}

func TestFailuresOfTemporal(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err   error
		want  job.Code
		words string
	}{
		{errDown, job.CodeUnavailable, "cannot be reached"},
		{serviceerror.NewPermissionDenied("no", ""), job.CodeInternal, "refuses this process"},
		{serviceerror.NewResourceExhausted(0, "slow down"), job.CodeUnavailable, "no more requests"},
		{serviceerror.NewNamespaceNotFound("x"), job.CodeUnavailable, "no such namespace"},
		{serviceerror.NewInternal("x"), job.CodeUnavailable, "could not do it"},
	} {
		b := setup(t)
		b.setDown(row.err)
		_, err := b.service.Get(t.Context(), "api-1")
		b.code(row.want, err)
		require.Contains(t, err.Error(), row.words)
	}
}
