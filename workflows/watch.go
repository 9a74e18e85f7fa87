package workflows

import (
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// absencesToBelieve is how often in a row a cluster must not know an
// application before that is believed.
const absencesToBelieve = 4

// watch follows the application until the cluster says that it has ended
// (observation terminal, nil), it is given up (an outcome), the job is stopped
// (nil), or the run must continue as new (an error).
func (b *batchJob) watch(ctx workflow.Context) (*job.Outcome, error) {
	// The answer to a launch is as good as a look.
	answered := b.fresh
	for b.fresh = false; ; answered = false {
		if !answered {
			observation, err := b.look(ctx)
			if b.stop.asked() {
				return nil, nil
			}
			if err != nil {
				return b.unreachable(err), nil
			}
			b.note(ctx, observation)
			if b.stop.asked() || observation.State.Terminal() || b.absences >= absencesToBelieve {
				return nil, nil
			}
		}
		if outcome, err := b.rest(ctx); outcome != nil || err != nil {
			return outcome, err
		}
		if b.stop.asked() {
			return nil, nil
		}
	}
}

// look asks the cluster about the application.
func (b *batchJob) look(ctx workflow.Context) (job.Observation, error) {
	var observation job.Observation
	err := b.throughOutages(ctx, func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(
			controlOptions(ctx, b.spec.Cluster, "look at the application", 30*time.Second), control.Observe,
			activities.ObserveInput{Cluster: b.spec.Cluster, Attempt: b.jobAttempt(), Now: !b.byTimer},
		).Get(ctx, &observation)
	})
	return observation, err
}

// unreachable is the outcome of a job whose cluster stayed out of reach: what
// became of the application is not known.
func (b *batchJob) unreachable(err error) *job.Outcome {
	b.unconfirmed = true
	return &job.Outcome{
		Result: job.ResultLost, Phase: b.phase,
		Message: fmt.Sprintf("cluster %s was %s", b.spec.Cluster, cause(err)),
	}
}

// note takes an observation over: never back in rank, whatever order
// observations come in.
func (b *batchJob) note(ctx workflow.Context, seen job.Observation) {
	defer b.describe(ctx) // in the cluster's latest words
	if seen.State == job.StateAbsent {
		b.absences++
		b.observation.Raw = seen.Raw
		if b.absences >= absencesToBelieve {
			b.observation = seen
		}
		return
	}
	b.absences = 0
	if seen.State == b.observation.State {
		b.looks++
		b.observation = seen
		return
	}
	if seen.State.Rank() < b.observation.State.Rank() {
		return
	}
	if b.byTimer && b.observation.State != "" {
		b.watched = false // news that no hint told of
	}
	b.looks = 0
	b.observation = seen
	if b.runningAt.IsZero() && !seen.StartedAt.IsZero() {
		// The cluster's clock is another one, and a fast application begins before
		// its launch is answered.
		b.runningAt = later(seen.StartedAt, b.waitingAt)
	}
	if seen.State == job.StateRunning || (seen.State.Terminal() && !b.runningAt.IsZero()) {
		b.began(ctx)
	}
	b.noteEnd(seen)
}

// noteEnd takes over when the application ended, if it has.
func (b *batchJob) noteEnd(seen job.Observation) {
	if seen.State.Terminal() && !seen.EndedAt.IsZero() {
		b.endedAt = later(seen.EndedAt, later(b.runningAt, b.waitingAt))
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// began moves the job to RUNNING, once.
func (b *batchJob) began(ctx workflow.Context) {
	if b.runningAt.IsZero() {
		b.runningAt = workflow.Now(ctx)
	}
	b.reporter.ask(job.MilestoneRunning)
	if b.phase.Rank() < job.PhaseRunning.Rank() {
		b.enter(ctx, job.PhaseRunning)
	}
}

// rest waits until it is time to look again: a hint, the backstop timer, the
// run limit or a stop ends it.
func (b *batchJob) rest(ctx workflow.Context) (*job.Outcome, error) {
	if b.mayContinueAsNew(ctx) {
		return nil, b.continueAsNew(ctx)
	}
	wait, why := b.nextLook(ctx)
	b.sleepUntilHint(ctx, wait, why)
	if limit := b.spec.RunLimit; limit > 0 && !b.runningAt.IsZero() && !workflow.Now(ctx).Before(b.runningAt.Add(limit)) {
		b.end(stop{cause: causeRunLimit, message: fmt.Sprintf(
			"the application ran for longer than its run limit of %s", limit)})
	}
	return nil, nil
}

// sleepUntilHint waits for a time, a hint or a stop, whichever comes first.
func (b *batchJob) sleepUntilHint(ctx workflow.Context, d time.Duration, why string) {
	b.turn++
	b.byTimer = false
	timerCtx, cancelTimer := workflow.WithCancel(ctx)
	defer cancelTimer()
	timer := workflow.NewTimerWithOptions(timerCtx, jittered(d, b.key.Name(), b.turn), workflow.TimerOptions{Summary: why})
	selector := workflow.NewSelector(ctx)
	selector.AddFuture(timer, func(workflow.Future) { b.byTimer = true })
	selector.AddReceive(b.hints, func(workflow.ReceiveChannel, bool) { b.drainHints() })
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	selector.Select(ctx)
}

// nextLook is when to look again without a hint.
func (b *batchJob) nextLook(ctx workflow.Context) (time.Duration, string) {
	state, looks := b.observation.State, b.looks
	if b.absences > 0 {
		state, looks = job.StateAbsent, b.absences-1
	}
	wait, why := backstop(state, looks, b.watched), "look again (backstop)"
	if b.spec.RunLimit > 0 && !b.runningAt.IsZero() {
		left := max(b.runningAt.Add(b.spec.RunLimit).Sub(workflow.Now(ctx)), 0)
		if left < wait {
			return left, "run limit"
		}
	}
	return wait, why
}

// drainHints takes every hint that is there. They all say the same, but for
// who gave them.
func (b *batchJob) drainHints() {
	var raw converter.RawValue
	for b.hints.ReceiveAsync(&raw) {
		var from string
		if payload := raw.Payload(); payload != nil && json.Unmarshal(payload.GetData(), &from) == nil && from == HintFromWatch {
			b.watched = true
		}
	}
}
