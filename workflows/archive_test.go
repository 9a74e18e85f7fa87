package workflows

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// What is to be known of an ended job is kept before its files are deleted.
func TestRecord(t *testing.T) {
	b := setup(t)
	b.request = &job.Request{Spec: json.RawMessage(`{"file":"a.py"}`), User: "ann", Digest: "d"}
	b.run()
	require.Len(t, b.records, 1)
	r := b.records[0]
	require.Equal(t, job.RecordVersion, r.Version)
	require.Equal(t, "model-manage-7", r.ID)
	require.Equal(t, b.key, r.Key)
	require.Equal(t, b.spec, r.Spec)
	require.Equal(t, b.request, r.Request)
	require.Equal(t, b.outcome(), r.Outcome)
	require.Equal(t, "local-model-manage-7/1", r.Application)
	require.Equal(t, 1, r.Attempts)
	require.False(t, r.SubmittedAt.IsZero() || r.RunAt.IsZero() || r.WaitingAt.IsZero() || r.RunningAt.IsZero() || r.EndedAt.IsZero())
	require.NotEmpty(t, r.RunID)
}

// An attempt that is given up for another one has no record of its own.
func TestRecordIsOfTheLastAttempt(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(
		job.Observation{State: job.StateFailed, Restarted: true, Began: job.BeganNo},
		job.Observation{State: job.StateRunning, Began: job.BeganYes}, succeeded(),
	)
	b.run()
	require.Equal(t, 2, b.count("clean"))
	require.Len(t, b.records, 1)
	require.Equal(t, 2, b.records[0].Attempts)
}

// Without a directory to clean, the record alone is kept.
func TestRecordWithoutADirectory(t *testing.T) {
	b := setup(t)
	b.load = func() (activities.LoadResult, error) {
		return activities.LoadResult{Spec: b.spec, Standing: job.Standing{State: job.StandingCancelled}}, nil
	}
	b.run()
	require.Equal(t, 1, b.count("archive"))
	require.Zero(t, b.count("clean"))
	require.Equal(t, job.ResultCancelled, b.records[0].Outcome.Result)
}

// An invalid document has its end on record as well, where its cluster is known.
func TestRecordOfAnInvalidDocument(t *testing.T) {
	for _, cluster := range []string{"local", ""} {
		t.Run("cluster "+cluster, func(t *testing.T) {
			b := setup(t)
			b.spec.Cluster = cluster
			b.load = func() (activities.LoadResult, error) {
				return activities.LoadResult{Spec: b.spec, Standing: job.Standing{State: job.StandingOpen}, Problems: []string{"no model"}}, nil
			}
			b.run()
			require.Zero(t, b.count("clean"))
			if cluster == "" {
				require.Empty(t, b.records, "there is no store for it")
				return
			}
			require.Equal(t, 1, b.count("archive"))
			require.Equal(t, job.ClassInvalid, b.records[0].Outcome.Class)
			require.Equal(t, []string{"no model"}, b.records[0].Outcome.Problems)
			require.Empty(t, b.result().CleanProblem)
		})
	}
}

// A job that was handed to Stoker has no other end than its record, and a key that stays
// used.
func TestRecordOfWhatWasNotLoaded(t *testing.T) {
	for name, load := range map[string]func(*bundle) (activities.LoadResult, error){
		"invalid": func(b *bundle) (activities.LoadResult, error) {
			return activities.LoadResult{Spec: b.spec, Standing: job.Standing{State: job.StandingOpen}, Problems: []string{"no"}}, nil
		},
		"unreadable": func(*bundle) (activities.LoadResult, error) {
			return activities.LoadResult{}, final(job.CodeInvalid, "cannot be read")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.request = &job.Request{Spec: json.RawMessage(`{"file":"a.py","name":"n"}`), User: "ann", Cluster: "local", Digest: "d"}
			b.spec.User = "ann"
			b.load = func() (activities.LoadResult, error) { return load(b) }
			b.run()
			require.Equal(t, 1, b.count("archive"))
			r := b.records[0]
			require.Equal(t, job.ResultFailed, r.Outcome.Result)
			require.Equal(t, "d", r.Request.Digest)
			require.Equal(t, "ann", r.Spec.User)
			require.Equal(t, "local", r.Spec.Cluster)
		})
	}
}

// Its record is all that is left of a job that was handed to Stoker, and is not given up
// while the store is full or away.
func TestRecordIsTriedForADay(t *testing.T) {
	b := setup(t)
	b.request = &job.Request{Spec: json.RawMessage(`{"file":"a.py"}`), User: "ann", Cluster: "local", Digest: "d"}
	b.load = func() (activities.LoadResult, error) {
		return activities.LoadResult{}, final(job.CodeInvalid, "cannot be read")
	}
	tries := 0
	b.archive = func(activities.ArchiveInput) error {
		if tries++; tries < 100 {
			return unavailable()
		}
		return nil
	}
	b.run()
	require.Equal(t, 100, tries)
	require.Equal(t, job.ResultFailed, b.records[99].Outcome.Result)
}

// An application that may live keeps its directory, and its job has a record all the same.
func TestRecordOfWhatWasNotConfirmedGone(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StateRunning, Began: job.BeganYes})
	b.kill = func(activities.KillInput) error { return final(job.CodeUnauthorized, "not yours") }
	b.after(time.Minute, b.env.CancelWorkflow)
	b.run()
	require.Equal(t, 1, b.count("archive"))
	require.Zero(t, b.count("clean"))
	require.Equal(t, job.ResultCancelled, b.records[0].Outcome.Result)
}

// A record that can never be kept is tried once, and said where people look.
func TestARecordThatIsNotKeptIsSaid(t *testing.T) {
	never := final(job.CodeInvalid, "write record.json: it holds 5 bytes, more than 4")
	t.Run("not loaded", func(t *testing.T) {
		b := setup(t)
		b.request = &job.Request{Spec: json.RawMessage(`{"file":"a.py"}`), User: "ann", Cluster: "local", Digest: "d"}
		b.load = func() (activities.LoadResult, error) {
			return activities.LoadResult{}, final(job.CodeInvalid, "cannot be read")
		}
		b.archive = func(activities.ArchiveInput) error { return never }
		b.run()
		require.Equal(t, 1, b.count("archive"))
		require.Equal(t, "the job's record is not kept: write record.json: it holds 5 bytes, more than 4", b.result().CleanProblem)
		require.Contains(t, b.details(), "the job's record is not kept")
	})
	t.Run("not confirmed gone", func(t *testing.T) {
		b := setup(t)
		b.observe = b.observing(job.Observation{State: job.StateRunning, Began: job.BeganYes})
		b.kill = func(activities.KillInput) error { return final(job.CodeUnauthorized, "not yours") }
		b.archive = func(activities.ArchiveInput) error { return never }
		b.after(time.Minute, b.env.CancelWorkflow)
		b.run()
		require.Contains(t, b.details(), "its directory is left; the job's record is not kept")
	})
	t.Run("cleaned", func(t *testing.T) {
		b := setup(t)
		b.cleaning = func(activities.CleanInput) error { return never }
		b.run()
		require.Equal(t, 1, b.count("clean"))
		require.True(t, b.outcome().Succeeded())
		require.Contains(t, b.details(), "more than 4")
	})
}
