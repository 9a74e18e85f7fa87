package activities

import (
	"encoding/json"
	"io/fs"
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
