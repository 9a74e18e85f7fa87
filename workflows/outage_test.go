package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

func TestAnOutageIsNotAFailureOfTheJob(t *testing.T) {
	b := setup(t)
	began := b.env.Now()
	down := func() bool {
		since := b.env.Now().Sub(began)
		return since > 5*time.Minute && since < 95*time.Minute
	}
	b.observe = func(activities.ObserveInput) (job.Observation, error) {
		switch {
		case down():
			return job.Observation{}, unavailable()
		case b.env.Now().Sub(began) < 5*time.Minute:
			return job.Observation{State: job.StateRunning}, nil
		}
		return succeeded(), nil
	}
	var during, after StatusView
	b.after(time.Hour, func() { during = b.status() })
	b.run()
	after = b.status()
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
	require.Contains(t, during.Obstacle, "out of reach since")
	require.False(t, during.OutageSince.IsZero())
	require.Empty(t, after.Obstacle)
	require.True(t, after.OutageSince.IsZero())
}

// What is drained may be away for longer than the limit: the job was not sent.
func TestAnOutageWhileAJobIsHeldHasNoLimit(t *testing.T) {
	b := setup(t)
	began := b.env.Now()
	b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
		open := job.Standing{State: job.StandingOpen}
		switch since := b.env.Now().Sub(began); {
		case since < time.Hour:
			return activities.SubmitResult{Busy: true, Why: "drained", Standing: open}, nil
		case since < 9*time.Hour:
			return activities.SubmitResult{}, unavailable()
		}
		return activities.SubmitResult{Standing: open}, nil
	}
	var during StatusView
	b.after(8*time.Hour, func() { during = b.status() })
	b.run()
	require.Equal(t, job.ResultSucceeded, b.outcome().Result, b.outcome().Message)
	require.Contains(t, during.Obstacle, "out of reach since")
}

func TestAnOutageLongerThanItsLimitEndsLost(t *testing.T) {
	b := setup(t)
	seen := false
	b.observe = func(activities.ObserveInput) (job.Observation, error) {
		if !seen {
			seen = true
			return job.Observation{State: job.StateRunning}, nil
		}
		return job.Observation{}, unavailable()
	}
	b.run()
	result := b.result()
	require.Equal(t, job.ResultLost, result.Outcome.Result)
	require.Contains(t, result.Outcome.Message, "out of reach for more than 2h")
	require.Zero(t, b.count("clean"), "the application was not confirmed gone")
	require.NotEmpty(t, result.CleanProblem)
}

func TestAnOutageBeforeTheLaunchEndsFailedInfrastructure(t *testing.T) {
	b := setup(t)
	b.stage = func(activities.StageInput) (activities.StageResult, error) {
		return activities.StageResult{}, unavailable()
	}
	b.spec.Retry.InfrastructureRetries = 0
	b.run()
	outcome := b.outcome()
	require.Equal(t, job.ResultFailed, outcome.Result)
	require.Equal(t, job.ClassInfrastructure, outcome.Class)
	require.Zero(t, b.count("submit"))
}

// An attempt that the cluster had no room for is no retry, but there is an end to them.
func TestNoRoomIsNoRetry(t *testing.T) {
	refused := job.Observation{State: job.StateFailed, Began: job.BeganNo, NoRoom: true, Raw: "queue q is full"}
	t.Run("then there is", func(t *testing.T) {
		b := setup(t)
		b.spec.Retry.InfrastructureRetries = 0
		b.observe = b.observing(refused, refused, job.Observation{State: job.StateSucceeded, Began: job.BeganYes, Driver: returned})
		b.run()
		require.Equal(t, job.ResultSucceeded, b.outcome().Result)
		require.Equal(t, 3, b.count("submit"))
	})
	t.Run("never", func(t *testing.T) {
		b := setup(t)
		b.spec.Retry.InfrastructureRetries = 1
		b.observe = b.observing(refused)
		b.run()
		require.Equal(t, job.ClassInfrastructure, b.outcome().Class)
		require.Equal(t, 1+1+mostCrowded, b.count("submit"))
	})
}

func TestKillNotConfirmedIsSaid(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StateRunning})
	b.kill = func(activities.KillInput) error { return unavailable() }
	b.after(time.Minute, func() { b.env.CancelWorkflow() })
	b.run()
	outcome := b.outcome()
	require.Equal(t, job.ResultCancelled, outcome.Result)
	require.Contains(t, strings.Join(outcome.Notes, " "), "kill not confirmed")
	require.Zero(t, b.count("clean"))
}

func TestASourceThatIsDownDelaysAndLosesNothing(t *testing.T) {
	b := setup(t)
	began := b.env.Now()
	down := func() bool { return b.env.Now().Sub(began) < 3*time.Hour }
	report := b.report
	b.report = func(in activities.ReportInput) (activities.ReportResult, error) {
		if down() {
			return activities.ReportResult{}, unavailable()
		}
		return report(in)
	}
	b.endCall = b.report
	b.run()
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
	var milestones []job.Milestone
	for _, r := range b.reports {
		milestones = append(milestones, r.Milestone)
	}
	require.Equal(t, []job.Milestone{job.MilestoneWaiting, job.MilestoneRunning, job.MilestoneEnded}, milestones)
}

func TestFinalReportOfAFailureFallsBackToTheCentre(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StateFailed, Began: job.BeganYes})
	b.endCall = func(activities.ReportInput) (activities.ReportResult, error) {
		return activities.ReportResult{}, final(job.CodeInternal, "no worker there")
	}
	b.run()
	require.Equal(t, 1, b.count("report ended"))
	require.Equal(t, job.ResultFailed, b.last().Outcome.Result)
}
