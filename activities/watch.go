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

// sweepEvery is how often a cluster that cannot notify is listed.
const sweepEvery = 3 * time.Second

// WatchCluster hints to the workflow of every application that changed, until
// it is cancelled or its worker stops. It may run twice for a moment, and
// hints may be lost: they only make jobs look earlier.
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
	for {
		select {
		case <-stopping:
			// Another worker takes over as soon as this attempt has failed.
			return classify(job.Errorf(job.CodeUnavailable, "the worker is stopping"))
		case err := <-ended:
			return classify(err)
		case attempt := <-changed:
			if err := c.hints.Hint(ctx, attempt.WorkflowID); err != nil && ctx.Err() == nil {
				activity.GetLogger(ctx).Debug("hint not delivered", "job", attempt.Job, "error", err)
			}
		}
	}
}

func changes(ctx context.Context, manager spark.Manager, changed chan<- job.Attempt) error {
	if notifier, ok := manager.(spark.Notifier); ok {
		return notifier.Changes(ctx, changed)
	}
	seen := map[job.Attempt]job.State{}
	for {
		sightings, err := manager.Snapshot(ctx)
		if err != nil {
			return err
		}
		for _, s := range sightings {
			if seen[s.Attempt] == s.Observation.State {
				continue
			}
			seen[s.Attempt] = s.Observation.State
			select {
			case changed <- s.Attempt:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		forget(seen, sightings)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(sweepEvery):
		}
	}
}

// forget drops the applications a cluster no longer lists, so that what is
// remembered stays as small as what lives.
func forget(seen map[job.Attempt]job.State, sightings []spark.Sighting) {
	listed := make(map[job.Attempt]bool, len(sightings))
	for _, s := range sightings {
		listed[s.Attempt] = true
	}
	for attempt := range seen {
		if !listed[attempt] {
			delete(seen, attempt)
		}
	}
}
