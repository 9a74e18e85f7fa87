package workflows

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

func asError[T error](err error, target *T) bool { return errors.As(err, target) }

func TestSucceededJobGoesThroughEveryPhaseInOrder(t *testing.T) {
	b := setup(t)
	b.run()
	require.NoError(t, b.env.GetWorkflowError())
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)

	var steps []string
	for _, call := range b.calls {
		if call != "observe" && call != "report waiting" && call != "report running" {
			steps = append(steps, call)
		}
	}
	require.Equal(t, []string{
		"load", "reserve", "stage", "submit", "collect", "report ended from cluster", "clean",
	}, steps)
	var milestones []job.Milestone
	for _, r := range b.reports {
		milestones = append(milestones, r.Milestone)
		require.Equal(t, "local-model-manage-7/1", r.Application)
	}
	require.Equal(t, []job.Milestone{job.MilestoneWaiting, job.MilestoneRunning, job.MilestoneEnded}, milestones)
	require.Zero(t, b.count("kill"))
	view := b.status()
	require.Equal(t, job.PhaseDone, view.Phase)
	require.Equal(t, job.ResultSucceeded, view.Outcome.Result)
}

func TestFailureClosesTheWorkflowWithATypedBenignFailure(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{
		State: job.StateFailed, Began: job.BeganYes,
		Driver: &job.DriverReport{State: "raised", ErrorType: "ValueError", Message: "no column", Traceback: "line 3"},
	})
	b.run()
	var failure *temporal.ApplicationError
	require.True(t, asError(b.env.GetWorkflowError(), &failure))
	require.Equal(t, FailureJobFailed, failure.Type())
	require.True(t, failure.NonRetryable())
	require.Equal(t, temporal.ApplicationErrorCategoryBenign, failure.Category())
	outcome := b.outcome()
	require.Equal(t, job.ClassApplication, outcome.Class)
	require.Equal(t, "ValueError: no column", outcome.Message)
	require.Equal(t, "line 3", b.last().Outcome.Traceback)
	require.Zero(t, b.count("collect"))
	require.Equal(t, 1, b.count("clean"))
}

func TestFailureClasses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		arrange func(*bundle)
		result  job.Result
		class   job.Class
		submits int
		cleans  int
	}{
		"invalid at load": {func(b *bundle) {
			b.load = func() (activities.LoadResult, error) {
				return activities.LoadResult{
					Spec: b.spec, Standing: job.Standing{State: job.StandingOpen}, Problems: []string{"one", "two"},
				}, nil
			}
		}, job.ResultFailed, job.ClassInvalid, 0, 0},
		"unreadable at load": {func(b *bundle) {
			b.load = func() (activities.LoadResult, error) {
				return activities.LoadResult{}, final(job.CodeNotFound, "no such job")
			}
		}, job.ResultFailed, job.ClassInvalid, 0, 0},
		"invalid at stage": {func(b *bundle) {
			b.stage = func(activities.StageInput) (activities.StageResult, error) {
				return activities.StageResult{Standing: job.Standing{State: job.StandingOpen}, Problems: []string{"input missing"}}, nil
			}
		}, job.ResultFailed, job.ClassInvalid, 0, 1},
		"refused at reserve": {func(b *bundle) {
			b.reserve = func(activities.ReserveInput) (activities.ReserveResult, error) {
				return activities.ReserveResult{}, final(job.CodeConflict, "reserved by another installation")
			}
		}, job.ResultFailed, job.ClassSubmission, 0, 1},
		"revoked before it was sent": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{Standing: job.Standing{State: job.StandingOpen}, Revoked: true}, nil
			}
		}, job.ResultFailed, job.ClassSubmission, 1, 1},
		"submission refused, nothing launched": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{}, final(job.CodeUnauthorized, "not in this queue")
			}
			b.observe = b.observing(job.Observation{State: job.StateAbsent, Began: job.BeganNo})
		}, job.ResultFailed, job.ClassSubmission, 1, 1},
		"submission failed, nobody can tell": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{}, final(job.CodeUnauthorized, "reply lost")
			}
			b.observe = b.observing(job.Observation{State: job.StateAbsent})
		}, job.ResultLost, "", 1, 1},
		"submission failed, what it launched before was forgotten": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{}, final(job.CodeConflict, "it has begun before")
			}
			b.observe = b.observing(job.Observation{State: job.StateAbsent, Began: job.BeganYes, Driver: returned})
		}, job.ResultSucceeded, "", 1, 1},
		"the document was ended by someone else before the launch": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{Standing: job.Standing{State: job.StandingEnded, Status: "ERROR"}}, nil
			}
		}, job.ResultFailed, job.ClassSubmission, 1, 1},
		"killed from outside": {func(b *bundle) {
			b.observe = b.observing(job.Observation{State: job.StateKilled, Began: job.BeganYes, Raw: "SIGKILL"})
		}, job.ResultFailed, job.ClassKilled, 1, 1},
		"exit 0 without a status file": {func(b *bundle) {
			b.observe = b.observing(job.Observation{State: job.StateSucceeded, Began: job.BeganYes})
		}, job.ResultFailed, job.ClassApplication, 1, 1},
		"returned, then failed": {func(b *bundle) {
			b.observe = b.observing(job.Observation{State: job.StateFailed, Began: job.BeganYes, Driver: returned})
		}, job.ResultFailed, job.ClassInfrastructure, 1, 1},
		"an output is missing": {func(b *bundle) {
			b.collect = func(activities.CollectInput) (activities.CollectResult, error) {
				return activities.CollectResult{Problems: []string{"output 1 (scores.csv) was not written"}}, nil
			}
		}, job.ResultFailed, job.ClassApplication, 1, 1},
		"the host was restarted while user code ran": {func(b *bundle) {
			b.observe = b.observing(job.Observation{State: job.StateFailed, Restarted: true, Began: job.BeganYes, Raw: "rebooted"})
		}, job.ResultFailed, job.ClassInfrastructure, 1, 1},
		"absent again and again": {func(b *bundle) {
			b.observe = b.observing(job.Observation{State: job.StateAbsent})
		}, job.ResultLost, "", 1, 1},
		"absent, but the status file says returned": {func(b *bundle) {
			b.observe = b.observing(job.Observation{State: job.StateAbsent, Driver: returned})
		}, job.ResultSucceeded, "", 1, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			test.arrange(b)
			b.run()
			outcome := b.outcome()
			require.Equal(t, test.result, outcome.Result, outcome.String())
			require.Equal(t, test.class, outcome.Class, outcome.String())
			require.Equal(t, test.submits, b.count("submit"))
			require.Equal(t, test.cleans, b.count("clean"))
			require.Equal(t, job.MilestoneEnded, b.last().Milestone, "how it ended is always reported")
			require.Equal(t, test.result, b.last().Outcome.Result)
		})
	}
}

func TestLostIsNeverRetriedAndNotBenign(t *testing.T) {
	b := setup(t)
	b.spec.Retry.RerunAfterStart = true
	b.observe = b.observing(job.Observation{State: job.StateAbsent})
	b.run()
	var failure *temporal.ApplicationError
	require.True(t, asError(b.env.GetWorkflowError(), &failure))
	require.Equal(t, FailureJobLost, failure.Type())
	require.NotEqual(t, temporal.ApplicationErrorCategoryBenign, failure.Category())
	require.Equal(t, 1, b.count("submit"))
	require.Equal(t, absencesToBelieve, b.count("observe"))
}

func TestAbsenceForAMomentIsNotBelieved(t *testing.T) {
	b := setup(t)
	absent := job.Observation{State: job.StateAbsent}
	b.observe = b.observing(job.Observation{State: job.StateRunning}, absent, absent, absent,
		job.Observation{State: job.StateRunning}, absent, succeeded())
	b.run()
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
}

func TestInfrastructureFailureBeforeUserCodeIsTriedAgain(t *testing.T) {
	b := setup(t)
	never := job.Observation{State: job.StateFailed, Began: job.BeganNo, Raw: "supervisor died"}
	b.observe = func(in activities.ObserveInput) (job.Observation, error) {
		if in.Attempt.Number < 3 {
			return never, nil
		}
		return succeeded(), nil
	}
	b.run()
	result := b.result()
	require.Equal(t, job.ResultSucceeded, result.Outcome.Result)
	require.Equal(t, 3, result.Attempts)
	require.Equal(t, "local-model-manage-7/3", result.Application)
	// Each attempt before is confirmed gone and cleaned before the next is reserved.
	require.Equal(t, 2, b.count("kill"))
	require.Equal(t, 3, b.count("clean"))
	second := slices.Index(b.calls, "kill")
	require.Less(t, second, lastIndex(b.calls, "reserve"))
	waiting := 0
	for _, r := range b.reports {
		if r.Milestone == job.MilestoneWaiting {
			waiting++
		}
	}
	require.Equal(t, 3, waiting, "each attempt reports its own application")
}

func lastIndex(list []string, s string) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == s {
			return i
		}
	}
	return -1
}

func TestRetriesAreBounded(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StateFailed, Began: job.BeganNo})
	b.run()
	require.Equal(t, 3, b.count("submit"), "the first attempt and two retries")
	require.Equal(t, job.ClassInfrastructure, b.outcome().Class)
}

func TestNoRetryOnceUserCodeMayHaveBegun(t *testing.T) {
	for _, began := range []job.Began{job.BeganYes, job.BeganUnknown} {
		t.Run("began "+string(began), func(t *testing.T) {
			b := setup(t)
			b.observe = b.observing(job.Observation{State: job.StateFailed, Restarted: true, Began: began})
			b.run()
			require.Equal(t, 1, b.count("submit"))
		})
	}
}

func TestRerunAfterStartOptsIn(t *testing.T) {
	b := setup(t)
	b.spec.Retry.RerunAfterStart = true
	b.observe = b.observing(job.Observation{State: job.StateFailed, Restarted: true, Began: job.BeganYes})
	b.run()
	require.Equal(t, 3, b.count("submit"))
}

func TestNoNewAttemptWhileTheOneBeforeIsNotConfirmedGone(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StateFailed, Began: job.BeganNo})
	b.kill = func(activities.KillInput) error { return unavailable() }
	b.run()
	require.Equal(t, 1, b.count("submit"))
	require.Zero(t, b.count("clean"))
	require.NotEmpty(t, b.result().CleanProblem)
}

func TestBusyClusterIsWaitedForWithoutUsingUpARetry(t *testing.T) {
	b := setup(t)
	busy := 50
	b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
		busy--
		return activities.SubmitResult{Busy: busy > 0, Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	var obstacle string
	b.after(time.Minute, func() { obstacle = b.status().Obstacle })
	b.run()
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
	require.Equal(t, 1, b.result().Attempts)
	require.Equal(t, 50, b.count("submit"))
	require.Contains(t, obstacle, "concurrency limit")
}

func TestAJobSaysWhyItIsHeld(t *testing.T) {
	b := setup(t)
	held := true
	b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
		return activities.SubmitResult{Busy: held, Why: "drained by ana", Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	var during, after string
	b.after(time.Minute, func() { during, held = b.status().Obstacle, false })
	b.after(2*time.Minute, func() { after = b.status().Obstacle })
	b.run()
	require.Equal(t, "drained by ana", during)
	require.Empty(t, after)
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
}

func TestAnIdThatTheLaunchHasMadeIsReported(t *testing.T) {
	b := setup(t)
	b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
		return activities.SubmitResult{Application: "application_1_0001", Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	b.run()
	for _, r := range b.reports {
		require.Equal(t, "application_1_0001", r.Application, r.Milestone)
	}
	require.Equal(t, "application_1_0001", b.result().Application)
}

func TestDetailsSayTheLatestWords(t *testing.T) {
	b := setup(t)
	raw := "ACCEPTED: the queue is full"
	b.observe = func(activities.ObserveInput) (job.Observation, error) {
		return job.Observation{State: job.StatePending, Raw: raw}, nil
	}
	var first, second string
	b.after(time.Minute, func() {
		first = b.details()
		raw = "ACCEPTED: next in line"
	})
	b.after(2*time.Minute, func() {
		second = b.details()
		b.env.SignalWorkflow(SignalCancel, nil)
	})
	b.run()
	require.Contains(t, first, "the cluster says **pending**: ACCEPTED: the queue is full")
	require.Contains(t, second, "the cluster says **pending**: ACCEPTED: next in line")
}

func TestHintWakesTheWatchAndDuplicatesAreHarmless(t *testing.T) {
	b := setup(t)
	ended := false
	b.observe = func(activities.ObserveInput) (job.Observation, error) {
		if ended {
			return succeeded(), nil
		}
		return job.Observation{State: job.StateRunning}, nil
	}
	// By then the backstop is at its longest: minutes.
	var told time.Time
	b.after(time.Hour, func() {
		ended = true
		told = b.env.Now()
		for range 5 {
			b.env.SignalWorkflow(SignalHint, nil)
		}
	})
	b.run()
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
	require.WithinDuration(t, told, b.result().EndedAt, time.Second)
}

func TestLateObservationNeverTakesAJobBack(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(
		job.Observation{State: job.StateRunning}, job.Observation{State: job.StatePending},
		job.Observation{State: job.StateRunning}, succeeded())
	b.run()
	var milestones []job.Milestone
	for _, r := range b.reports {
		milestones = append(milestones, r.Milestone)
	}
	require.Equal(t, []job.Milestone{job.MilestoneWaiting, job.MilestoneRunning, job.MilestoneEnded}, milestones)
}

func TestCleanupFailureNeverFailsTheJob(t *testing.T) {
	b := setup(t)
	b.cleaning = func(activities.CleanInput) error { return final(job.CodeUnauthorized, "directory is not ours") }
	b.run()
	result := b.result()
	require.Equal(t, job.ResultSucceeded, result.Outcome.Result)
	require.Contains(t, result.CleanProblem, "directory is not ours")
}

func TestADocumentThatHasEndedAlreadyLaunchesNothing(t *testing.T) {
	b := setup(t)
	b.load = func() (activities.LoadResult, error) {
		return activities.LoadResult{Spec: b.spec, Standing: job.Standing{
			State: job.StandingEnded, Status: "COMPLETE", Result: job.ResultSucceeded, Application: "local-x",
		}}, nil
	}
	b.run()
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
	require.Zero(t, b.count("reserve"))
}

func TestAKeyWithoutIDIsRefused(t *testing.T) {
	b := setup(t)
	b.key.ID = ""
	b.run()
	require.ErrorContains(t, b.env.GetWorkflowError(), "needs a source and an id")
	require.Empty(t, b.calls)
}
