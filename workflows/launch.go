package workflows

import (
	"cmp"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// load reads the job's header. An outcome means that there is nothing to run.
func (b *batchJob) load(ctx, closing workflow.Context) *job.Outcome {
	var loaded activities.LoadResult
	err := workflow.ExecuteActivity(registryOptions(ctx, "read the job"), registry.Load,
		activities.LoadInput{Key: b.key, Request: b.request}).Get(ctx, &loaded)
	switch {
	case b.stop.asked():
		outcome := b.stop.outcome(job.PhaseLoading)
		return &outcome
	case err != nil:
		outcome := job.Failed(job.ClassInvalid, job.PhaseLoading, "the job could not be read: %s", cause(err))
		return &outcome
	}
	b.spec, b.digest, b.loaded = loaded.Spec, loaded.Digest, true
	b.valid = len(loaded.Problems) == 0
	switch {
	case loaded.Standing.State == job.StandingCancelled && b.adopted:
		if outcome := b.adopt(closing); outcome != nil {
			return outcome
		}
		b.cancel("its document", CancelRequest{})
		outcome := b.endEarly(closing)
		return &outcome
	case loaded.Standing.State == job.StandingCancelled:
		b.cancel("its document", CancelRequest{})
		b.application = loaded.Standing.Application
		// An application on record means that an earlier history launched it.
		b.sent = b.application != ""
		b.reserved = b.sent && len(loaded.Problems) == 0
		outcome := b.endEarly(closing)
		return &outcome
	case loaded.Standing.State == job.StandingEnded:
		b.settled = true
		return endedBefore(loaded.Standing, job.PhaseLoading, "nothing was launched")
	case b.adopted:
		// What is wrong with it now does not undo its launch.
		b.application = loaded.Standing.Application
	case len(loaded.Problems) > 0:
		return invalid(job.PhaseLoading, loaded.Problems)
	}
	return nil
}

// endedBefore is the outcome of a job whose document shows its end already:
// there is nothing to run and nothing to report.
func endedBefore(standing job.Standing, phase job.Phase, what string) *job.Outcome {
	words := "the document was " + standing.Status + " already; " + what
	outcome := job.Outcome{Result: standing.Result, Phase: phase, Notes: []string{words}}
	if outcome.Result == job.ResultFailed {
		outcome.Class = job.ClassApplication
		outcome.Message = words
	}
	return &outcome
}

func invalid(phase job.Phase, problems []string) *job.Outcome {
	outcome := job.Failed(job.ClassInvalid, phase, "%s", job.Head(strings.Join(problems, "; "), job.MaxMessage))
	outcome.Problems = problems
	return &outcome
}

// reserve records the application's identity before anything else happens on
// the cluster.
func (b *batchJob) reserve(ctx workflow.Context) *job.Outcome {
	b.enter(ctx, job.PhaseReserving)
	b.reserved = true
	var result activities.ReserveResult
	err := b.throughOutages(ctx, func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(
			controlOptions(ctx, b.spec.Cluster, "reserve the application's id", 30*time.Second), control.Reserve,
			activities.ReserveInput{Cluster: b.spec.Cluster, Attempt: b.jobAttempt(), NotAfter: b.notAfter(ctx)},
		).Get(ctx, &result)
	})
	if err != nil {
		return b.beforeLaunch(job.PhaseReserving, err)
	}
	b.application = result.Application
	return nil
}

// unboundedNotAfter stands in where a job has no deadline.
const unboundedNotAfter = 7 * 24 * time.Hour

// notAfter is the last moment at which the application may be sent.
func (b *batchJob) notAfter(ctx workflow.Context) time.Time {
	if b.deadlineAt.IsZero() {
		return workflow.Now(ctx).Add(unboundedNotAfter)
	}
	return b.deadlineAt
}

// stage puts everything the application needs into the job directory.
func (b *batchJob) stage(ctx workflow.Context) *job.Outcome {
	b.enter(ctx, job.PhaseStaging)
	b.staged = true
	var result activities.StageResult
	err := b.throughOutages(ctx, func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(
			transferOptions(ctx, b.spec.Cluster, "stage inputs, sources and driver"), transfer.Stage,
			activities.StageInput{
				Key: b.key, Cluster: b.spec.Cluster, Attempt: b.jobAttempt(),
				Application: b.application, Digest: b.digest, Request: b.request,
			},
		).Get(ctx, &result)
	})
	if err != nil {
		return b.beforeLaunch(job.PhaseStaging, err)
	}
	if outcome := b.stillWanted(result.Standing, job.PhaseStaging); outcome != nil {
		return outcome
	}
	if len(result.Problems) > 0 {
		return invalid(job.PhaseStaging, result.Problems)
	}
	return nil
}

// submit launches the application. While the cluster is at its limit the job
// waits here, visibly, without using up a retry.
func (b *batchJob) submit(ctx workflow.Context) *job.Outcome {
	b.enter(ctx, job.PhaseSubmitting)
	b.sent = true
	for busy := 0; ; busy++ {
		var result activities.SubmitResult
		err := b.throughOutages(ctx, func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(
				controlOptions(ctx, b.spec.Cluster, "launch the application", time.Minute), control.Submit,
				activities.SubmitInput{Key: b.key, Cluster: b.spec.Cluster, Attempt: b.jobAttempt(), Request: b.request},
			).Get(ctx, &result)
		})
		if err != nil {
			return b.afterFailedSubmit(ctx, err)
		}
		if result.Application != "" {
			b.application = result.Application
		}
		if result.Standing.State != job.StandingOpen || result.Revoked {
			b.sent = !b.waitingAt.IsZero() // WAITING has named it already
		}
		if outcome := b.stillWanted(result.Standing, job.PhaseSubmitting); outcome != nil {
			return outcome
		}
		if result.Revoked {
			b.countLaunch(ctx, LaunchRevoked)
			outcome := job.Failed(job.ClassSubmission, job.PhaseSubmitting,
				"the attempt was revoked, or its last moment to be sent has passed, before it was launched")
			b.observation.Began = job.BeganNo
			return &outcome
		}
		if b.waitingAt.IsZero() {
			b.waitingAt = workflow.Now(ctx)
			b.reporter.ask(job.MilestoneWaiting)
		}
		b.held = result.Why != ""
		if !result.Busy {
			b.countLaunch(ctx, LaunchStarted)
			b.clearObstacle(ctx)
			b.enter(ctx, job.PhaseWaiting)
			b.fresh = true
			return nil
		}
		b.countLaunch(ctx, LaunchBusy)
		b.setObstacle(ctx, cmp.Or(result.Why, result.Full, "the cluster is at its concurrency limit"))
		most, why := busyMost, "wait for room on the cluster"
		if b.held {
			most, why = heldMost, "wait for the end of the drain"
		}
		b.sleepUntilHint(ctx, doubled(busyFirst, most, busy), why)
		if b.stop.asked() {
			return nil
		}
	}
}

// stillWanted says how to go on when the job's document was changed by someone
// else before the launch.
func (b *batchJob) stillWanted(standing job.Standing, phase job.Phase) *job.Outcome {
	switch standing.State {
	case job.StandingCancelled:
		b.cancel("its document", CancelRequest{})
	case job.StandingEnded:
		if standing.Application != "" && standing.Application == b.application {
			// A reset took this history back: the end on record is our own.
			b.settled = true
			return endedBefore(standing, phase, "nothing was launched")
		}
		outcome := job.Failed(job.ClassSubmission, phase,
			"the document was set to %s by someone else before the launch; nothing was launched", standing.Status)
		return &outcome
	case job.StandingOpen:
	}
	return nil
}

// beforeLaunch is the outcome of a failure before anything was launched.
func (b *batchJob) beforeLaunch(phase job.Phase, err error) *job.Outcome {
	if b.stop.asked() {
		return nil // endEarly decides
	}
	b.observation.Began = job.BeganNo
	class := job.ClassInfrastructure
	switch codeOf(err) {
	case job.CodeInvalid:
		return invalid(phase, problemsOf(err))
	case job.CodeConflict, job.CodeUnauthorized, job.CodeNotFound:
		class = job.ClassSubmission
	case job.CodeUnavailable, job.CodeInternal:
	}
	outcome := job.Failed(class, phase, "%s", cause(err))
	return &outcome
}

// afterFailedSubmit decides when nobody knows whether the request went out: the
// cluster is asked before anything is said.
func (b *batchJob) afterFailedSubmit(ctx workflow.Context, err error) *job.Outcome {
	switch codeOf(err) {
	case job.CodeInvalid:
		b.countLaunch(ctx, LaunchFailed)
		return invalid(job.PhaseSubmitting, problemsOf(err))
	case job.CodeUnauthorized, job.CodeConflict, job.CodeNotFound, job.CodeUnavailable, job.CodeInternal:
	}
	if b.stop.asked() {
		return nil
	}
	observation, lookErr := b.look(ctx)
	began := func() bool { return lookErr == nil && observation.Began == job.BeganYes }
	if lookErr == nil && observation.State == job.StateAbsent && !began() && b.kill(ctx, "the launch failed: "+cause(err)) {
		// Revoked now: what is not there can never come.
		observation, lookErr = b.look(ctx)
	}
	if b.stop.asked() {
		return nil
	}
	if lookErr == nil && observation.State != job.StateAbsent || began() {
		b.countLaunch(ctx, LaunchStarted)
		b.waitingAt = workflow.Now(ctx)
		b.reporter.ask(job.MilestoneWaiting)
		b.enter(ctx, job.PhaseWaiting)
		return nil // it went out: watch it, or for what it left
	}
	if lookErr == nil && observation.Began == job.BeganNo {
		b.countLaunch(ctx, LaunchFailed)
		b.sent = !b.waitingAt.IsZero()
		b.observation = observation
		outcome := job.Failed(job.ClassSubmission, job.PhaseSubmitting, "the launch failed: %s", cause(err))
		return &outcome
	}
	b.countLaunch(ctx, LaunchUnknown)
	outcome := job.Outcome{
		Result: job.ResultLost, Phase: job.PhaseSubmitting,
		Message: "nobody can tell whether the application was launched: " + cause(err),
	}
	return &outcome
}
