package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
)

// ClusterWatchInput names the cluster to watch.
type ClusterWatchInput struct {
	Cluster string `json:"cluster"`
}

// watchDay is how long one run of ClusterWatch lasts before its history starts
// afresh.
const watchDay = 24 * time.Hour

// ClusterWatch keeps one activity running that watches a cluster and wakes the
// jobs whose applications changed. Any worker of the cluster starts it; there
// is one per cluster. No job depends on it: without hints the jobs' own
// backstop timers find everything, later.
func ClusterWatch(ctx workflow.Context, in ClusterWatchInput) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           QueueControl(in.Cluster),
		StartToCloseTimeout: watchDay,
		HeartbeatTimeout:    10 * time.Second,
		Summary:             "watch cluster " + in.Cluster,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 1.5, MaximumInterval: 15 * time.Second,
		},
	})
	err := workflow.ExecuteActivity(ctx, control.WatchCluster, activities.WatchInput{Cluster: in.Cluster}).Get(ctx, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !temporal.IsTimeoutError(err) {
		workflow.GetLogger(ctx).Error("cluster watch ended", "cluster", in.Cluster, "error", err)
		if err := workflow.Sleep(ctx, time.Minute); err != nil {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, TypeClusterWatch, in)
}
