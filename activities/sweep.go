package activities

import (
	"context"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

const (
	// sweepEvery is how often a cluster that cannot notify is listed.
	sweepEvery = 2 * time.Second
	// sweepPatience is how many sweeps in a row may fail before the watch does. What
	// has been seen until then is worth keeping: a watch that begins anew has to hint
	// to every job.
	sweepPatience = 15
	// paceOfKnown is the pause between two hints to applications that were there when
	// the watch began. Most have no news, and each hint makes a job look.
	paceOfKnown = 25 * time.Millisecond
)

// sweeper makes hints of what differs between two lists of a cluster.
type sweeper struct {
	manager spark.Manager
	// seen are the applications of the last list.
	seen map[job.Attempt]job.State
	// begun: there was a list before.
	begun  bool
	misses int

	// news are hints that wait to be taken, known those without hurry.
	news, known []job.Attempt
}

func (s *sweeper) run(ctx context.Context, changed chan<- job.Attempt) error {
	sweep, pace := time.NewTimer(0), time.NewTimer(0)
	defer sweep.Stop()
	defer pace.Stop()
	unhurried := false
	for {
		var next job.Attempt
		out := changed
		switch {
		case len(s.news) > 0:
			next = s.news[0]
		case len(s.known) > 0 && unhurried:
			next = s.known[0]
		default:
			out = nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-sweep.C:
			if err := s.sweep(ctx); err != nil {
				return err
			}
			sweep.Reset(sweepEvery)
		case <-pace.C:
			unhurried = true
		case out <- next:
			if len(s.news) > 0 {
				s.news = s.news[1:]
				continue
			}
			s.known, unhurried = s.known[1:], false
			pace.Reset(paceOfKnown)
		}
	}
}

// sweep lists the cluster. A cluster out of reach is no news, unless it stays so.
func (s *sweeper) sweep(ctx context.Context) error {
	sightings, err := s.manager.Snapshot(ctx)
	if err != nil {
		if s.misses++; s.misses < sweepPatience && job.CodeOf(err) == job.CodeUnavailable {
			return nil
		}
		return err
	}
	s.misses = 0
	s.compare(sightings)
	return nil
}

// compare finds what changed since the list before: another state, or gone from
// the list, by which an end is told that no list shows.
func (s *sweeper) compare(sightings []spark.Sighting) {
	now := make(map[job.Attempt]job.State, len(sightings))
	for _, sighting := range sightings {
		attempt, state := sighting.Attempt, sighting.Observation.State
		now[attempt] = state
		switch before, ok := s.seen[attempt]; {
		case ok && before == state:
		case s.begun || state.Terminal():
			s.news = append(s.news, attempt)
		default:
			s.known = append(s.known, attempt)
		}
	}
	for attempt, state := range s.seen {
		if _, listed := now[attempt]; !listed && !state.Terminal() {
			s.news = append(s.news, attempt)
		}
	}
	s.seen, s.begun = now, true
}
