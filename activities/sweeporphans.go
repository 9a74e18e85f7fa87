package activities

import (
	"context"
	"fmt"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// orphans lists the live applications that have no reservation in their cluster's
// store.
func (s *Sweep) orphans(ctx context.Context, cluster Cluster, reserved map[job.Attempt]bool, grace time.Duration) ([]Finding, error) {
	lister, ok := cluster.Manager.(spark.Lister)
	if _, may := cluster.Manager.(spark.OrphanKiller); !ok || !may {
		return nil, nil
	}
	sightings, err := lister.Live(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, sighting := range sightings {
		if reserved[sighting.Attempt] || sighting.Shared {
			continue
		}
		// It may have been reserved since the directories were listed.
		reservation, err := readReservation(ctx, cluster, sighting.Attempt)
		if err != nil {
			return nil, err
		}
		began := sighting.Observation.StartedAt
		if reservation != nil || began.IsZero() || time.Since(began) <= grace {
			continue
		}
		state, err := s.temporal.Workflow(ctx, sighting.Attempt.WorkflowID)
		if err != nil {
			return nil, err
		}
		f := Finding{Verdict: VerdictOrphan, Attempt: sighting.Attempt, Application: sighting.Application}
		switch {
		case !state.Found:
			f.Verdict = VerdictUnknownOrphan
		case state.Open || time.Since(state.ClosedAt) <= grace:
			continue
		}
		found = append(found, f)
	}
	return found, nil
}

// SweepOrphanInput names an application without a directory.
type SweepOrphanInput struct {
	Cluster     string      `json:"cluster"`
	Attempt     job.Attempt `json:"attempt"`
	Application string      `json:"application"`
}

// SweepOrphan ends an application without a directory. One that has ended is no error.
func (s *Sweep) SweepOrphan(ctx context.Context, in SweepOrphanInput) error {
	defer beat(ctx, nil)()
	cluster, err := s.clusters.of(in.Cluster)
	if err != nil {
		return classify(err)
	}
	killer, ok := cluster.Manager.(spark.OrphanKiller)
	if !ok {
		return classify(job.Errorf(job.CodeInvalid, "cluster %s cannot end %s: it knows applications by their directories alone", in.Cluster, in.Application))
	}
	reservation, err := readReservation(ctx, cluster, in.Attempt)
	if err != nil {
		return classify(err)
	}
	if reservation != nil {
		return nil // it is somebody's by now
	}
	return classify(killer.KillOrphan(ctx, in.Attempt, in.Application, fmt.Sprintf("it has no job directory in cluster %s", in.Cluster)))
}
