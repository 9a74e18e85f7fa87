package activities

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

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
