package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/job"
)

// mayContinueAsNew reports whether the history should be cut here: the server
// suggests it and nothing is under way.
func (b *batchJob) mayContinueAsNew(ctx workflow.Context) bool {
	return workflow.GetInfo(ctx).GetContinueAsNewSuggested() &&
		b.reporter.idle() && workflow.AllHandlersFinished(ctx) && !b.stop.asked() && !b.nativeCancel()
}

// continueAsNew starts the history afresh with everything that is known. The
// server drops the static summary and details; all else is kept. Hints need
// not be carried, the new run looks at once; a cancel that has just come in
// must not be lost.
func (b *batchJob) continueAsNew(ctx workflow.Context) error {
	b.drainHints()
	b.drainCancelSignals()
	if b.stop.asked() {
		return nil
	}
	return workflow.NewContinueAsNewError(ctx, TypeSparkBatchJob, Input{Key: b.key, Request: b.request, Adopt: b.adopted, Carry: &Carry{
		Spec: b.spec, Digest: b.digest, Attempt: b.attempt, Crowded: b.crowded, Application: b.application,
		Phase: b.phase, PhaseSince: b.stay.since, Observation: b.observation, Looks: b.looks, Watched: b.watched, Absences: b.absences, Turn: b.turn,
		StartedAt: b.startedAt, WaitingAt: b.waitingAt, RunningAt: b.runningAt, DeadlineAt: b.deadlineAt,
		OutageSince: b.outageSince, Reported: b.reporter.reported, Attributes: b.attrs,
	}})
}

// resume takes over from the run before. Only watching is ever continued.
func (b *batchJob) resume(c Carry) {
	b.spec, b.digest, b.loaded, b.valid = c.Spec, c.Digest, true, true
	b.attempt, b.crowded, b.application = c.Attempt, c.Crowded, c.Application
	b.reserved, b.staged, b.sent = true, true, true
	b.phase, b.observation = c.Phase, c.Observation
	b.looks, b.absences, b.turn = c.Looks, c.Absences, c.Turn
	b.watched = c.Watched
	b.startedAt, b.waitingAt, b.runningAt, b.deadlineAt = c.StartedAt, c.WaitingAt, c.RunningAt, c.DeadlineAt
	b.outageSince = c.OutageSince
	b.reporter.reported = c.Reported
	b.attrs = c.Attributes
	if b.phase.Rank() < job.PhaseWaiting.Rank() {
		b.phase = job.PhaseWaiting
	}
	b.stay = stay{b.phase, c.PhaseSince}
}
