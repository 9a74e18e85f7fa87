package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

func ended(status string, result job.Result) job.Standing {
	return job.Standing{State: job.StandingEnded, Status: status, Result: result, Application: "local-x"}
}

// A reset takes a history back to when its job ran; by then the job has ended,
// is on record and cleaned.
func TestTheEndOnRecordStandsAfterAReset(t *testing.T) {
	t.Parallel()
	killed := job.Observation{State: job.StateKilled, Released: true}
	done := succeeded()
	done.Released, done.Driver = true, nil
	absent := job.Observation{State: job.StateAbsent, Released: true}
	for name, row := range map[string]struct {
		seen     job.Observation
		standing job.Standing
		want     job.Result
		silent   bool
	}{
		"succeeded":     {done, ended("COMPLETE", job.ResultSucceeded), job.ResultSucceeded, true},
		"killed":        {killed, ended("ERROR", job.ResultFailed), job.ResultFailed, true},
		"cancelled":     {killed, job.Standing{State: job.StandingCancelled, Status: "CANCELLED", Result: job.ResultCancelled}, job.ResultCancelled, true},
		"lost":          {absent, ended("ERROR", job.ResultFailed), job.ResultFailed, true},
		"not on record": {done, job.Standing{State: job.StandingOpen}, job.ResultFailed, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			loads := 0
			load := b.load
			b.load = func() (activities.LoadResult, error) {
				result, err := load()
				if loads++; loads > 1 {
					result.Standing = row.standing
				}
				return result, err
			}
			b.observe = b.observing(row.seen)
			b.run()
			require.Equal(t, row.want, b.outcome().Result)
			require.Zero(t, b.count("collect"))
			if row.silent {
				require.NotContains(t, b.calls, "report ended")
				require.NotContains(t, b.calls, "report ended from cluster")
				return
			}
			require.Equal(t, job.ClassInfrastructure, b.outcome().Class)
			require.Contains(t, b.outcome().Message, "no end on record")
		})
	}
}

// Nobody but its own record keeps how a job ended that was handed to Stoker itself; it
// is not written anew by the repetition.
func TestTheOwnRecordStandsAfterAReset(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	lost := job.Outcome{Result: job.ResultLost, Message: "nobody knows"}
	for name, row := range map[string]struct {
		seen   job.Observation
		record activities.EndOnRecordResult
		want   job.Outcome
	}{
		"succeeded": {
			job.Observation{State: job.StateSucceeded, Released: true},
			activities.EndOnRecordResult{Outcome: &job.Outcome{Result: job.ResultSucceeded}, RunningAt: at, EndedAt: at.Add(time.Minute)},
			job.Outcome{Result: job.ResultSucceeded},
		},
		"lost": {job.Observation{State: job.StateAbsent, Released: true}, activities.EndOnRecordResult{Outcome: &lost, EndedAt: at}, lost},
		"no record": {job.Observation{State: job.StateSucceeded, Released: true}, activities.EndOnRecordResult{}, job.Failed(job.ClassInfrastructure, job.PhaseCollecting,
			"the application's files were cleaned away, and its job has no end on record")},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.key.Source, b.request = job.SourceAPI, &job.Request{}
			b.observe = b.observing(row.seen)
			b.onRecord = row.record
			b.run()
			require.Equal(t, row.want, b.outcome())
			require.Len(t, b.cleans, 1)
			require.True(t, b.cleans[0].EndedBefore, "a record that could not be read is better than this")
			if row.record.Outcome != nil {
				require.Equal(t, row.record.EndedAt, b.records[0].EndedAt, "people see the times of the run that was")
				require.Zero(t, b.count("report ended")+b.count("report ended from cluster"))
			}
		})
	}
}

// An end that is on record is not tried again, whatever may be tried again by now.
func TestTheOwnRecordIsNoReasonToTryAgain(t *testing.T) {
	b := setup(t)
	b.key.Source, b.request = job.SourceAPI, &job.Request{}
	b.spec.Retry = job.RetryPolicy{InfrastructureRetries: 5, RerunAfterStart: true}
	b.observe = b.observing(job.Observation{State: job.StateKilled, Released: true, Began: job.BeganNo})
	failed := job.Failed(job.ClassInfrastructure, job.PhaseRunning, "the host died")
	b.onRecord = activities.EndOnRecordResult{Outcome: &failed, Application: "local-x", Attempts: 3}
	b.run()
	require.Equal(t, failed, b.outcome())
	require.Equal(t, 1, b.count("submit"))
	require.Equal(t, 3, b.records[0].Attempts)
	require.Equal(t, "local-x", b.records[0].Application)
}

// The history says "succeeded", the files are gone: the record decides.
func TestCollectingWhatWasCleanedAsksTheRecord(t *testing.T) {
	b := setup(t)
	collected := false
	load := b.load
	b.load = func() (activities.LoadResult, error) {
		result, err := load()
		if collected {
			result.Standing = ended("COMPLETE", job.ResultSucceeded)
		}
		return result, err
	}
	b.collect = func(activities.CollectInput) (activities.CollectResult, error) {
		collected = true
		return activities.CollectResult{}, final(job.CodeNotFound, "the staging record is gone")
	}
	b.run()
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
	require.Zero(t, b.count("report ended from cluster"))
}

// An id that was reserved for nothing is not shown.
func TestOnlyALaunchedApplicationIsNamed(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*bundle)
		named  bool
	}{
		"refused in STAGE": {func(b *bundle) {
			b.stage = func(activities.StageInput) (activities.StageResult, error) {
				return activities.StageResult{Standing: job.Standing{State: job.StandingOpen}, Problems: []string{"input 1 is missing"}}, nil
			}
		}, false},
		"cancelled in STAGE": {func(b *bundle) {
			b.stage = func(activities.StageInput) (activities.StageResult, error) {
				return activities.StageResult{Standing: job.Standing{State: job.StandingCancelled}}, nil
			}
		}, false},
		"revoked": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{Revoked: true, Standing: job.Standing{State: job.StandingOpen}}, nil
			}
		}, false},
		"refused by the cluster": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{}, final(job.CodeUnauthorized, "no")
			}
			b.observe = b.observing(job.Observation{State: job.StateAbsent, Began: job.BeganNo})
		}, false},
		"nobody knows": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{}, final(job.CodeUnauthorized, "no")
			}
			b.observe = b.observing(job.Observation{State: job.StateAbsent})
		}, true},
		"failed": {func(b *bundle) { b.observe = b.observing(job.Observation{State: job.StateFailed}) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.spec.Retry = job.RetryPolicy{}
			row.change(b)
			b.run()
			require.Equal(t, row.named, b.last().Application != "", b.last().Application)
		})
	}
}

// A source that takes just not the reports before must not keep the last one.
func TestTheFinalReportDoesNotWaitForever(t *testing.T) {
	b := setup(t)
	began := b.env.Now()
	b.report = func(activities.ReportInput) (activities.ReportResult, error) {
		return activities.ReportResult{}, unavailable()
	}
	b.run()
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
	require.Len(t, b.reports, 1)
	require.Equal(t, job.MilestoneEnded, b.last().Milestone)
	require.WithinDuration(t, began.Add(interimPatience), b.env.Now(), time.Hour)
}

// While hints come from ClusterWatch the backstop is slow; news that it finds by
// itself make it quick again.
func TestBackstopIsSlowWhileHintsCome(t *testing.T) {
	t.Parallel()
	// looks counts those at a job that runs for ten minutes.
	looks := func(t *testing.T, payload any) int {
		b := setup(t)
		running, over := false, false
		b.observe = func(activities.ObserveInput) (job.Observation, error) {
			switch {
			case over:
				return succeeded(), nil
			case running:
				return job.Observation{State: job.StateRunning, Began: job.BeganYes}, nil
			}
			return job.Observation{State: job.StatePending}, nil
		}
		b.after(5*time.Second, func() {
			running = true
			b.env.SignalWorkflow(SignalHint, payload)
		})
		b.after(10*time.Minute, func() {
			over = true
			b.env.SignalWorkflow(SignalHint, payload)
		})
		b.run()
		require.Equal(t, job.ResultSucceeded, b.outcome().Result)
		return b.count("observe")
	}
	t.Run("watched", func(t *testing.T) { require.LessOrEqual(t, looks(t, HintFromWatch), 6) })
	t.Run("by hand", func(t *testing.T) { require.GreaterOrEqual(t, looks(t, nil), 8) })
	t.Run("hints stop", func(t *testing.T) {
		b := setup(t)
		b.after(time.Second, func() { b.env.SignalWorkflow(SignalHint, HintFromWatch) })
		states := []job.State{job.StatePending, job.StatePending, job.StateRunning}
		b.observe = func(activities.ObserveInput) (job.Observation, error) {
			n := b.count("observe")
			if n > 6 {
				return succeeded(), nil
			}
			return job.Observation{State: states[min(n-1, 2)]}, nil
		}
		began := b.env.Now()
		b.run()
		// 15 s, 30 s, then the quick series 15, 30, 60, 120 s instead of 2, 4, 5, 5 min.
		require.Less(t, b.env.Now().Sub(began), 6*time.Minute)
	})
}

// A source that refuses the outputs for good is told of an end all the same.
func TestRefusedOutputsEndTheJob(t *testing.T) {
	b := setup(t)
	b.endCall = func(in activities.ReportInput) (activities.ReportResult, error) {
		if in.Outcome.Succeeded() {
			return activities.ReportResult{}, final(job.CodeInvalid, "413 too large")
		}
		return activities.ReportResult{}, nil
	}
	b.run()
	require.Equal(t, job.ResultFailed, b.outcome().Result)
	require.Equal(t, job.ClassInfrastructure, b.outcome().Class)
	require.Contains(t, b.last().Outcome.Message, "413 too large")
	require.Equal(t, 2, b.count("report ended from cluster"))
	require.Equal(t, 1, b.count("clean"))
}
