package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// adoptAgain is how often an adoption that is refused is tried again: an operator has
// to allow it.
const adoptAgain = time.Minute

// adopt finds the application of a job that an earlier history launched, and goes on
// where that was: watch, collect, report, never submit. An outcome means that there is
// nothing to go on with.
func (b *batchJob) adopt(ctx workflow.Context) *job.Outcome {
	for {
		var found activities.SweepFindResult
		err := b.throughOutages(ctx, func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(transferOptions(ctx, b.spec.Cluster, "find what was launched"), sweep.SweepFind,
				activities.SweepFindInput{Cluster: b.spec.Cluster, Job: b.key.Name()}).Get(ctx, &found)
		})
		switch {
		case b.stop.asked():
			return nil // endEarly decides
		case codeOf(err) == job.CodeConflict:
			b.setObstacle(ctx, cause(err))
			if !b.pause(ctx, adoptAgain, "wait until the adoption is allowed") {
				return nil
			}
			continue
		case err != nil:
			return b.unreachable(err)
		}
		b.clearObstacle(ctx)
		if found.Attempt == 0 {
			return b.adoptNothing()
		}
		b.attempt, b.application = found.Attempt, found.Application
		b.reserved, b.staged, b.sent = true, true, true
		b.waitingAt = workflow.Now(ctx)
		b.enter(ctx, job.PhaseWaiting)
		if !found.Sent {
			return b.endUnsent(ctx)
		}
		return nil
	}
}

// adoptNothing is the outcome of a job of which its cluster has nothing.
func (b *batchJob) adoptNothing() *job.Outcome {
	b.repeated = true
	words := "temporal had lost its workflow, and nothing of it is on cluster " + b.spec.Cluster
	if b.request == nil && b.application == "" { // its document would name one
		outcome := job.Failed(job.ClassInfrastructure, b.phase, "%s: it was not launched", words)
		return &outcome
	}
	return &job.Outcome{Result: job.ResultLost, Phase: b.phase, Message: words}
}

// endUnsent ends a job that was about to be launched when its history was lost: it is
// revoked, and then it is certain whether anything went out.
func (b *batchJob) endUnsent(ctx workflow.Context) *job.Outcome {
	observation, err := b.look(ctx)
	if err != nil || observation.State != job.StateAbsent || observation.Began == job.BeganYes || b.stop.asked() {
		return nil // watch says the rest
	}
	if !b.kill(ctx, "its history was lost before it was launched") || b.stop.asked() {
		return nil
	}
	if observation, err = b.look(ctx); err != nil || observation.Began != job.BeganNo {
		return nil
	}
	b.observation, b.sent = observation, false
	outcome := job.Failed(job.ClassInfrastructure, job.PhaseSubmitting, "temporal had lost its workflow before the application was launched")
	return &outcome
}
