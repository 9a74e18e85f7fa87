package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// WatchInput names the cluster to watch.
type WatchInput struct {
	Cluster string `json:"cluster"`
}

// hintAgain is how often hints are tried again that Temporal did not take.
const hintAgain = 5 * time.Second

// WatchCluster hints to the workflow of every application that changed, until
// it is cancelled or its worker stops. It may run twice for a moment, and
// hints may be lost with it: they only make jobs look earlier.
func (c *Control) WatchCluster(ctx context.Context, in WatchInput) error {
	cluster, err := c.clusters.of(in.Cluster)
	if err != nil {
		return classify(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer beat(ctx, nil)()
	changed := make(chan job.Attempt, 256)
	ended := make(chan error, 1)
	go func() { ended <- changes(ctx, cluster.Manager, changed) }()
	stopping := activity.GetWorkerStopChannel(ctx)
	missed := map[job.Attempt]bool{}
	again := time.NewTicker(hintAgain)
	defer again.Stop()
	hint := func(attempt job.Attempt) bool {
		err := c.hints.Hint(ctx, attempt.WorkflowID)
		if err == nil {
			delete(missed, attempt)
			return true
		}
		missed[attempt] = true
		activity.GetLogger(ctx).Debug("hint not delivered", "job", attempt.Job, "error", err)
		return false
	}
	for {
		select {
		case <-stopping:
			// Another worker takes over as soon as this attempt has failed.
			return classify(job.Errorf(job.CodeUnavailable, "the worker is stopping"))
		case err := <-ended:
			return classify(err)
		case attempt := <-changed:
			hint(attempt)
		case <-again.C:
			for attempt := range missed {
				if !hint(attempt) {
					break
				}
			}
		}
	}
}

func changes(ctx context.Context, manager spark.Manager, changed chan<- job.Attempt) error {
	if notifier, ok := manager.(spark.Notifier); ok {
		return notifier.Changes(ctx, changed)
	}
	s := sweeper{manager: manager, seen: map[job.Attempt]job.State{}}
	return s.run(ctx, changed)
}
