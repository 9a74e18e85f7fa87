package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// door is one of the ways a cancel comes in.
type door struct {
	name string
	open func(*bundle)
}

func doors() []door {
	return []door{
		{"native cancel", func(b *bundle) { b.env.CancelWorkflow() }},
		{"signal", func(b *bundle) { b.env.SignalWorkflow(SignalCancel, CancelRequest{By: "ann", Reason: "typo"}) }},
		{"update", func(b *bundle) {
			b.env.UpdateWorkflow(UpdateCancel, "u1", &updates{}, CancelRequest{By: "ann"})
		}},
		{"document", func(b *bundle) { b.env.SignalWorkflow(SignalCancel, CancelRequest{By: "model-manage"}) }},
	}
}

// updates takes an update's answers.
type updates struct {
	rejected error
	done     bool
	reply    any
	err      error
}

func (u *updates) Accept()          {}
func (u *updates) Reject(err error) { u.rejected = err }
func (u *updates) Complete(reply any, err error) {
	u.done, u.reply, u.err = true, reply, err
}

func TestCancelInEveryPhaseThroughEveryDoor(t *testing.T) {
	t.Parallel()
	// Each phase is made to last; the cancel comes in while it does.
	phases := map[string]struct {
		linger func(b *bundle)
		kills  int
	}{
		"loading": {func(b *bundle) {
			b.load = func() (activities.LoadResult, error) { return activities.LoadResult{}, unavailable() }
		}, 0},
		"reserving": {func(b *bundle) {
			b.reserve = func(activities.ReserveInput) (activities.ReserveResult, error) {
				return activities.ReserveResult{}, unavailable()
			}
		}, 1},
		"staging": {func(b *bundle) {
			b.stage = func(activities.StageInput) (activities.StageResult, error) {
				return activities.StageResult{}, unavailable()
			}
		}, 1},
		"submitting": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{Busy: true, Standing: job.Standing{State: job.StandingOpen}}, nil
			}
		}, 1},
		"waiting": {func(b *bundle) { b.observe = b.observing(job.Observation{State: job.StatePending}) }, 1},
		"running": {func(b *bundle) { b.observe = b.observing(job.Observation{State: job.StateRunning}) }, 1},
	}
	for phase, p := range phases {
		for _, d := range doors() {
			t.Run(phase+"/"+d.name, func(t *testing.T) {
				b := setup(t)
				p.linger(b)
				killed := false
				observe := b.observe
				b.kill = func(activities.KillInput) error { killed = true; return nil }
				b.observe = func(in activities.ObserveInput) (job.Observation, error) {
					if killed {
						return job.Observation{State: job.StateKilled, Raw: "SIGTERM"}, nil
					}
					return observe(in)
				}
				var at job.Phase
				b.after(10*time.Minute, func() { at = b.status().Phase; d.open(b) })
				b.run()

				require.Equal(t, job.Phase(phase), at)
				var canceled *temporal.CanceledError
				require.True(t, asError(b.env.GetWorkflowError(), &canceled), "closed as canceled: %v", b.env.GetWorkflowError())
				outcome := b.outcome()
				require.Equal(t, job.ResultCancelled, outcome.Result)
				require.Equal(t, p.kills, b.count("kill"))
				require.Equal(t, p.kills, b.count("clean"))
				require.Equal(t, job.ResultCancelled, b.last().Outcome.Result)
				require.Less(t, b.env.Now().Sub(b.result().EndedAt), time.Minute)
			})
		}
	}
}

func TestCancelSignalTakesAnyPayload(t *testing.T) {
	payloads := map[string]any{
		"object":        map[string]any{"reason": "typo", "by": "ann", "else": 1},
		"string":        "because",
		"nothing":       nil,
		"a number":      7,
		"a list":        []string{"a"},
		"wrong types":   map[string]any{"reason": 7},
		"not even JSON": converter.NewRawValue(&commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte("{{{")}),
		"odd encoding":  converter.NewRawValue(&commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("who/knows")}, Data: []byte{0, 1, 255}}),
		"no metadata":   converter.NewRawValue(&commonpb.Payload{}),
	}
	for name, payload := range payloads {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.observe = b.observing(job.Observation{State: job.StateRunning})
			b.after(time.Minute, func() { b.env.SignalWorkflow(SignalCancel, payload) })
			b.run()
			require.Equal(t, job.ResultCancelled, b.outcome().Result)
		})
	}
}

func TestWhoCancelledAndWhyIsSaid(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StateRunning})
	b.after(time.Minute, func() { b.env.SignalWorkflow(SignalCancel, CancelRequest{By: "ann", Reason: "typo"}) })
	b.run()
	require.Equal(t, "cancelled by signal (ann): typo", b.outcome().Message)
}

func TestDocumentSeenCancelledByAReport(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StateRunning})
	b.report = func(in activities.ReportInput) (activities.ReportResult, error) {
		if in.Milestone == job.MilestoneRunning {
			return activities.ReportResult{Standing: job.Standing{State: job.StandingCancelled, Status: "CANCELLED"}}, nil
		}
		return activities.ReportResult{Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	b.run()
	require.Equal(t, job.ResultCancelled, b.outcome().Result)
	require.Equal(t, 1, b.count("kill"))
}

func TestDocumentSeenCancelledBeforeTheLaunch(t *testing.T) {
	cancelled := job.Standing{State: job.StandingCancelled, Status: "CANCELLED"}
	t.Run("at load", func(t *testing.T) {
		b := setup(t)
		b.load = func() (activities.LoadResult, error) {
			return activities.LoadResult{Spec: b.spec, Standing: cancelled}, nil
		}
		b.run()
		require.Equal(t, job.ResultCancelled, b.outcome().Result)
		require.Zero(t, b.count("reserve"))
		require.Zero(t, b.count("kill"), "nothing can have been launched")
	})
	t.Run("at load, with an application on record", func(t *testing.T) {
		b := setup(t)
		b.load = func() (activities.LoadResult, error) {
			s := cancelled
			s.Application = "local-7"
			return activities.LoadResult{Spec: b.spec, Standing: s}, nil
		}
		b.run()
		require.Equal(t, job.ResultCancelled, b.outcome().Result)
		require.Equal(t, 1, b.count("kill"), "an earlier history may have launched it")
	})
	t.Run("at submit", func(t *testing.T) {
		b := setup(t)
		b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
			return activities.SubmitResult{Standing: cancelled}, nil
		}
		b.observe = b.observing(job.Observation{State: job.StateAbsent, Began: job.BeganNo})
		b.run()
		require.Equal(t, job.ResultCancelled, b.outcome().Result)
		require.Equal(t, 1, b.count("kill"))
	})
}

func TestCancelThatComesTooLateIsNoted(t *testing.T) {
	b := setup(t)
	killed := false
	b.kill = func(activities.KillInput) error { killed = true; return nil }
	b.observe = func(activities.ObserveInput) (job.Observation, error) {
		if killed {
			return succeeded(), nil
		}
		return job.Observation{State: job.StateRunning}, nil
	}
	b.after(time.Minute, func() { b.env.SignalWorkflow(SignalCancel, nil) })
	b.run()
	require.NoError(t, b.env.GetWorkflowError())
	outcome := b.outcome()
	require.Equal(t, job.ResultSucceeded, outcome.Result)
	require.Len(t, outcome.Notes, 1)
	require.Contains(t, outcome.Notes[0], "already succeeded")
	require.Equal(t, 1, b.count("collect"))
}

func TestUpdateCancelIsRefusedAfterTheEnd(t *testing.T) {
	b := setup(t)
	var late updates
	b.cleaning = func(activities.CleanInput) error { return unavailable() }
	b.after(3*time.Hour, func() { b.env.UpdateWorkflow(UpdateCancel, "u", &late, CancelRequest{}) })
	b.run()
	require.ErrorContains(t, late.rejected, "has ended already")
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
}

func TestUpdateCancelAnswers(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StateRunning})
	var u updates
	b.after(time.Minute, func() { b.env.UpdateWorkflow(UpdateCancel, "u", &u, CancelRequest{}) })
	b.run()
	require.True(t, u.done)
	require.NoError(t, u.err)
	require.Equal(t, CancelReply{Phase: job.PhaseRunning}, u.reply)
}

func TestDeadlineKills(t *testing.T) {
	b := setup(t)
	b.spec.Deadline = 3 * time.Hour
	b.observe = b.observing(job.Observation{State: job.StateRunning})
	began := b.env.Now()
	b.run()
	outcome := b.outcome()
	require.Equal(t, job.ResultFailed, outcome.Result)
	require.Equal(t, job.ClassDeadline, outcome.Class)
	require.WithinDuration(t, began.Add(3*time.Hour), b.result().EndedAt, time.Minute)
	require.Equal(t, 1, b.count("kill"))
	require.Equal(t, 1, b.count("clean"))
}

func TestDeadlineCountsWhileNothingCouldBeLaunched(t *testing.T) {
	b := setup(t)
	b.spec.Deadline = time.Hour
	b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
		return activities.SubmitResult{Busy: true, Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	b.observe = b.observing(job.Observation{State: job.StateAbsent, Began: job.BeganNo})
	b.run()
	require.Equal(t, job.ClassDeadline, b.outcome().Class)
}

func TestRunLimitCountsFromRunning(t *testing.T) {
	b := setup(t)
	b.spec.RunLimit = 10 * time.Minute
	pending := 30 * time.Minute
	began := b.env.Now()
	b.observe = func(activities.ObserveInput) (job.Observation, error) {
		if b.env.Now().Sub(began) < pending {
			return job.Observation{State: job.StatePending}, nil
		}
		return job.Observation{State: job.StateRunning}, nil
	}
	b.run()
	outcome := b.outcome()
	require.Equal(t, job.ClassDeadline, outcome.Class)
	require.Contains(t, outcome.Message, "run limit")
	require.WithinDuration(t, began.Add(pending+10*time.Minute), b.result().EndedAt, 2*time.Minute)
}

func TestFirstCauseWins(t *testing.T) {
	b := setup(t)
	b.spec.Deadline = time.Hour
	b.observe = b.observing(job.Observation{State: job.StateRunning})
	b.kill = func(activities.KillInput) error {
		b.env.SignalWorkflow(SignalCancel, nil)
		return nil
	}
	b.run()
	require.Equal(t, job.ClassDeadline, b.outcome().Class)
}
