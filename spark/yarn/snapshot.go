package yarn

import (
	"context"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const (
	// snapshotAge is how old a snapshot may be that Observe is served from.
	snapshotAge = 2 * time.Second
	// recentEnds is how far back ended applications are listed, so that an end is
	// seen even if some sweeps fail.
	recentEnds = 10 * time.Minute
)

// snapshots keeps the latest list of this installation's applications, which
// all jobs of a worker share: the ResourceManager is asked once per interval
// however many jobs live.
type snapshots struct {
	list func(ctx context.Context) ([]rm.Application, error)

	mu   sync.Mutex
	at   time.Time
	byID map[string]rm.Application
	all  []rm.Application
}

func newSnapshots(list func(ctx context.Context) ([]rm.Application, error)) *snapshots {
	return &snapshots{list: list}
}

// get returns a snapshot no older than age. One caller asks while the others
// wait for its answer.
func (s *snapshots) get(ctx context.Context, age time.Duration) ([]rm.Application, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) <= age {
		return s.all, nil
	}
	began := time.Now()
	all, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	s.all, s.at = all, began
	s.byID = make(map[string]rm.Application, len(all))
	for _, app := range all {
		s.byID[app.ID] = app
	}
	return all, nil
}

func (s *snapshots) find(ctx context.Context, id string) (rm.Application, bool, error) {
	if _, err := s.get(ctx, snapshotAge); err != nil {
		return rm.Application{}, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	app, ok := s.byID[id]
	return app, ok, nil
}

// list asks for this installation's applications, live or ended of late.
func (m *Manager) list(ctx context.Context) ([]rm.Application, error) {
	tags := []string{m.installationTag()}
	live, err := m.opts.ResourceManager.List(ctx, rm.Filter{
		Tags: tags, DeSelects: rm.Lean,
		States: []rm.State{rm.StateNew, rm.StateNewSaving, rm.StateSubmitted, rm.StateAccepted, rm.StateRunning},
	})
	if err != nil {
		return nil, err
	}
	ended, err := m.opts.ResourceManager.List(ctx, rm.Filter{
		Tags: tags, DeSelects: rm.Lean, FinishedFrom: time.Now().Add(-recentEnds),
		States: []rm.State{rm.StateFinished, rm.StateFailed, rm.StateKilled},
	})
	if err != nil {
		return nil, err
	}
	return append(live, ended...), nil
}

// Snapshot implements spark.Manager.
func (m *Manager) Snapshot(ctx context.Context) ([]spark.Sighting, error) {
	apps, err := m.cache.get(ctx, snapshotAge/2)
	if err != nil {
		return nil, err
	}
	sightings := make([]spark.Sighting, 0, len(apps))
	for _, app := range apps {
		attempt, ok := attemptOf(app)
		if ok {
			sightings = append(sightings, spark.Sighting{Attempt: attempt, Application: app.ID, Observation: observation(app)})
		}
	}
	return sightings, nil
}
