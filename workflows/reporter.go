package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// reporter tells the job's source of WAITING and RUNNING, in order and beside
// the watching, so that a source that is down never delays a look at the
// cluster. The final report waits for it.
type reporter struct {
	wanted   []job.Milestone
	busy     bool
	reported job.Milestone
	abandon  workflow.CancelFunc
}

// start runs the reporter for as long as the workflow.
func (r *reporter) start(ctx workflow.Context, b *batchJob) {
	ctx, r.abandon = workflow.WithCancel(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			if workflow.Await(ctx, func() bool { return len(r.wanted) > 0 }) != nil {
				return
			}
			milestone := r.wanted[0]
			r.wanted = r.wanted[1:]
			r.busy = true
			r.deliver(ctx, b, milestone)
			r.busy = false
		}
	})
}

// ask queues a milestone, once per attempt.
func (r *reporter) ask(milestone job.Milestone) {
	if r.reported == milestone || r.reported == job.MilestoneRunning {
		return
	}
	r.reported = milestone
	r.wanted = append(r.wanted, milestone)
}

// reset lets the next attempt report its own application.
func (r *reporter) reset() { r.reported = "" }

// interimPatience is how long the final report waits for the ones before it, so
// that the source sees the states in order. While the source is down that
// costs nothing; a source that takes just not these is not waited for any longer.
const interimPatience = 24 * time.Hour

// finish ends the reporter, giving it time to deliver what it has.
func (r *reporter) finish(ctx workflow.Context) {
	if !r.idle() {
		_, _ = workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{ // cannot fail: ctx is disconnected
			Timeout: interimPatience, TimerOptions: workflow.TimerOptions{Summary: "wait for the reports before"},
		}, r.idle)
	}
	r.wanted = nil
	r.abandon()
	_ = workflow.Await(ctx, r.idle) // cannot fail: ctx is disconnected
}

func (r *reporter) idle() bool { return !r.busy && len(r.wanted) == 0 }

func (r *reporter) deliver(ctx workflow.Context, b *batchJob, milestone job.Milestone) {
	var result activities.ReportResult
	err := workflow.ExecuteActivity(registryOptions(ctx, "report "+string(milestone)), registry.Report,
		activities.ReportInput{
			Key: b.key, Milestone: milestone, Application: b.application,
			WaitingAt: b.waitingAt, RunningAt: b.runningAt,
		}).Get(ctx, &result)
	if isCanceled(err) {
		return // the final report says more
	}
	if err != nil {
		b.log.Warn("not reported", "milestone", string(milestone), "error", err)
		return
	}
	switch result.Standing.State {
	case job.StandingCancelled:
		b.cancel("its document", CancelRequest{})
	case job.StandingEnded:
		b.log.Warn("the document was ended by someone else", "status", result.Standing.Status)
	case job.StandingOpen:
	}
}
