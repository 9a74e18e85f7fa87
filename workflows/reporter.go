package workflows

import (
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
}

// start runs the reporter for as long as the workflow.
func (r *reporter) start(ctx workflow.Context, b *batchJob) {
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

func (r *reporter) idle() bool { return !r.busy && len(r.wanted) == 0 }

func (r *reporter) deliver(ctx workflow.Context, b *batchJob, milestone job.Milestone) {
	var result activities.ReportResult
	err := workflow.ExecuteActivity(registryOptions(ctx, "report "+string(milestone)), registry.Report,
		activities.ReportInput{
			Key: b.key, Milestone: milestone, Application: b.application,
			WaitingAt: b.waitingAt, RunningAt: b.runningAt,
		}).Get(ctx, &result)
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
