package activities

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// A job's record is kept before its files are deleted.
func TestCleanKeepsTheRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	kept := false
	b.manager.release = func(a job.Attempt) error {
		record, err := b.cluster.Logs.Record(t.Context(), a.Job)
		kept = err == nil && record != nil && record.Spec.User == "ann"
		return nil
	}
	require.NoError(t, b.do("Clean", CleanInput{
		Cluster: "local", Attempt: b.attempt, Record: &job.Record{ID: b.attempt.Job, Spec: job.Spec{User: "ann"}},
	}))
	require.True(t, kept)
}

// The repetition of a history knows less of the job's end than the first one did.
func TestARecordIsNotReplacedByARepetition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.manager.release = func(job.Attempt) error { return nil }
	read := func() EndOnRecordResult {
		result, err := call[EndOnRecordResult](b, "EndOnRecord", EndOnRecordInput{Cluster: "local", Job: b.attempt.Job})
		require.NoError(t, err)
		return result
	}
	require.Nil(t, read().Outcome)
	record := func(message string) job.Record {
		return job.Record{ID: b.attempt.Job, Outcome: job.Outcome{Result: job.ResultLost, Message: message}}
	}
	first, second, third := record("first"), record("second"), record("third")
	require.NoError(t, b.do("Clean", CleanInput{Cluster: "local", Attempt: b.attempt, Record: &first, EndedBefore: true}))
	require.Equal(t, "first", read().Outcome.Message, "there was none yet")
	require.NoError(t, b.do("Clean", CleanInput{Cluster: "local", Attempt: b.attempt, Record: &second, EndedBefore: true}))
	require.NoError(t, b.do("Archive", ArchiveInput{Cluster: "local", Record: second, EndedBefore: true}))
	require.Equal(t, "first", read().Outcome.Message)
	require.NoError(t, b.do("Archive", ArchiveInput{Cluster: "local", Record: third}))
	require.Equal(t, "third", read().Outcome.Message)
}

// What a job asked for that nobody else holds is staged, to go on with it if its history
// is lost.
func TestStageKeepsTheRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.program()
	_, err := call[StageResult](b, "Stage", StageInput{
		Key: b.key, Cluster: "local", Attempt: b.attempt, Application: "app", Digest: "d1",
		Request: &job.Request{Spec: json.RawMessage(`{"file":"a.py"}`), User: "ann"},
	})
	require.NoError(t, err)
	var request job.Request
	b.readJSON(spark.FileRequest, &request)
	require.Equal(t, "ann", request.User)
}

// patiently cleans as a workflow does, with as many tries.
func (b *bundle) patiently(in CleanInput, tries int32) error {
	b.t.Helper()
	transfer, err := NewTransfer(map[string]Cluster{"local": b.cluster}, map[string]Source{job.SourceModelManage: b.source})
	require.NoError(b.t, err)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterActivity(transfer)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumAttempts: tries},
		})
		return workflow.ExecuteActivity(ctx, transfer.Clean, in).Get(ctx, nil)
	})
	return env.GetWorkflowError()
}

// A full store is given what the job has left to live on, and its logs for lost, but
// never its record.
func TestCleanMakesRoomForTheRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	full, released := true, 0
	b.manager.release = func(job.Attempt) error { released++; full = false; return nil }
	b.store.write = func(string) error {
		if full {
			return fs.ErrPermission
		}
		return nil
	}
	b.wrote(map[string]string{"stdout": "text"})
	in := CleanInput{Cluster: "local", Attempt: b.attempt, Record: &job.Record{ID: b.attempt.Job}}
	require.Error(t, b.patiently(in, storeTries-1))
	require.Zero(t, released, "the logs are waited for")
	require.NoError(t, b.patiently(in, storeTries))
	require.Equal(t, 1, released)
	record, err := b.cluster.Logs.Record(t.Context(), b.attempt.Job)
	require.NoError(t, err)
	require.NotNil(t, record)
}

// large is a record that the log store will never take whole.
func (b *bundle) large() *job.Record {
	return &job.Record{
		ID: b.attempt.Job, Spec: job.Spec{Name: "nightly", User: "ann"}, Outcome: job.Outcome{Result: job.ResultSucceeded},
		Request: &job.Request{Spec: json.RawMessage(`{"args":["` + strings.Repeat("x", 5<<20) + `"]}`), User: "ann", Digest: "d"},
	}
}

// A record that is too large is kept without what makes it so, at once.
func TestALargeRecordIsKeptShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("l", 5<<20)
	for name, change := range map[string]func(r *job.Record){
		"request": func(*job.Record) {},
		"labels":  func(r *job.Record) { r.Spec.Labels = map[string]string{"a": long} },
		"name":    func(r *job.Record) { r.Spec.Name = long },
	} {
		for _, activity := range []string{"Clean", "Archive"} {
			t.Run(activity+" "+name, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				b.manager.release = func(job.Attempt) error { return nil }
				record := b.large()
				change(record)
				if activity == "Clean" {
					require.NoError(t, b.patiently(CleanInput{Cluster: "local", Attempt: b.attempt, Record: record}, 1))
				} else {
					require.NoError(t, b.do("Archive", ArchiveInput{Cluster: "local", Record: *record}))
				}
				kept, err := b.cluster.Logs.Record(t.Context(), b.attempt.Job)
				require.NoError(t, err)
				require.NotNil(t, kept)
				require.Equal(t, "d", kept.Request.Digest, "the same job submitted again is still known")
				require.Equal(t, "null", string(kept.Request.Spec))
				require.Contains(t, kept.Outcome.Notes[0], "too large to be kept")
				require.Equal(t, "ann", kept.Spec.User)
			})
		}
	}
}

// One that will never fit is not tried for a day.
func TestARecordThatNeverFits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	released := 0
	b.manager.release = func(job.Attempt) error { released++; return nil }
	record := b.large()
	record.Outcome.Message = strings.Repeat("m", 5<<20)
	err := b.patiently(CleanInput{Cluster: "local", Attempt: b.attempt, Record: record}, 0)
	requireFailure(t, err, job.CodeInvalid, true)
	require.ErrorContains(t, err, "the job was cleaned, but its record can never be kept")
	require.Equal(t, 1, released)
	requireFailure(t, b.do("Archive", ArchiveInput{Cluster: "local", Record: *record}), job.CodeInvalid, true)
}

func TestCleanDoesNotGiveUpTheRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	released := 0
	b.manager.release = func(job.Attempt) error { released++; return nil }
	b.store.write = func(string) error { return fs.ErrPermission }
	require.Error(t, b.patiently(CleanInput{Cluster: "local", Attempt: b.attempt, Record: &job.Record{ID: b.attempt.Job}}, storeTries+3))
	require.Equal(t, 4, released)
	require.NoError(t, b.patiently(CleanInput{Cluster: "local", Attempt: b.attempt}, storeTries), "there is no record to keep")
}
