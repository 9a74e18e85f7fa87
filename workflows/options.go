package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// scheduleToStart is how long a task may wait on a cluster's queue before the
// job says that no worker serves it.
const scheduleToStart = 2 * time.Minute

// heartbeatTimeout is how long a dead worker goes unnoticed.
const heartbeatTimeout = 10 * time.Second

// untilTimeout lets a timeout, not a count, end the tries. It is a number since
// the SDK's test environment takes none for ten.
const untilTimeout = 1 << 20

// registryOptions are for calls to the job's source: short, and retried until
// the job's own deadline, since a source that is down delays and loses nothing.
func registryOptions(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           QueueCentral,
		StartToCloseTimeout: 5 * time.Minute,
		HeartbeatTimeout:    heartbeatTimeout,
		Summary:             summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
			MaximumAttempts: untilTimeout,
		},
	})
}

// controlOptions are for the small, fast calls to a cluster. A few tries only:
// what lasts longer is an outage, which the workflow itself waits out.
func controlOptions(ctx workflow.Context, cluster, summary string, timeout time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              QueueControl(cluster),
		StartToCloseTimeout:    timeout,
		HeartbeatTimeout:       heartbeatTimeout,
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
		HeartbeatTimeout:       heartbeatTimeout,
		ScheduleToStartTimeout: scheduleToStart,
		WaitForCancellation:    true,
		Summary:                summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2,
			MaximumInterval: 10 * time.Second, MaximumAttempts: 4,
		},
	})
}
