package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// scheduleToStart is how long a task may wait on a cluster's queue before the
// job says that no worker serves it.
const scheduleToStart = 2 * time.Minute

// registryOptions are for calls to the job's source: short, and retried until
// the job's own deadline, since a source that is down delays and loses nothing.
func registryOptions(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           QueueCentral,
		StartToCloseTimeout: time.Minute,
		Summary:             summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		},
	})
}

// controlOptions are for the small, fast calls to a cluster. A few tries only:
// what lasts longer is an outage, which the workflow itself waits out.
func controlOptions(ctx workflow.Context, cluster, summary string, timeout time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              QueueControl(cluster),
		StartToCloseTimeout:    timeout,
		ScheduleToStartTimeout: scheduleToStart,
		Summary:                summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2,
			MaximumInterval: 5 * time.Second, MaximumAttempts: 4,
		},
	})
}

// transferOptions are for what moves data: they may take hours, so a dead
// worker is told by its missing heartbeats. Cancelling waits for the activity,
// because what follows deletes the files it works on.
func transferOptions(ctx workflow.Context, cluster, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              QueueTransfer(cluster),
		StartToCloseTimeout:    6 * time.Hour,
		HeartbeatTimeout:       20 * time.Second,
		ScheduleToStartTimeout: scheduleToStart,
		WaitForCancellation:    true,
		Summary:                summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2,
			MaximumInterval: 10 * time.Second, MaximumAttempts: 4,
		},
	})
}
