package yarn

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const (
	// snapshotAge is how old a snapshot may be that Observe is served from. A failure
	// is shared for as long.
	snapshotAge = 2 * time.Second
	// watchGap is the time without a call of Snapshot after which the next one lists
	// ended applications too.
	watchGap = 15 * time.Second
)

// snapshots keeps the latest list of this installation's live applications, which
// all jobs of a worker share: the ResourceManager is asked once per interval
// however many jobs live.
type snapshots struct {
	// list asks for the live applications, or for all that the ResourceManager knows.
	list func(ctx context.Context, ended bool) ([]rm.Application, error)

	mu sync.Mutex
	// latest is the last answer, or failure.
	latest *snapshot
	// flight is the request that is under way; nil if none is.
	flight *snapshot
	// good is when the last one that came was asked for.
	good time.Time
	// watchedAt is when Snapshot was called last.
	watchedAt time.Time
}

// snapshot is one answer; it does not change once done is closed.
type snapshot struct {
	at   time.Time // when it was asked for
	done chan struct{}
	all  []rm.Application
	byID map[string]rm.Application
	// ended: what has ended is among them.
	ended bool
	err   error
}

func newSnapshots(list func(ctx context.Context, ended bool) ([]rm.Application, error)) *snapshots {
	return &snapshots{list: list}
}

// get returns a snapshot no older than age. One request serves all who wait for
// it, in success and failure, so that a ResourceManager that hangs holds each of
// them up once.
func (s *snapshots) get(ctx context.Context, age time.Duration, ended bool) (*snapshot, error) {
	s.mu.Lock()
	got := s.latest
	if got == nil || time.Since(got.at) > age || ended && !got.ended {
		if s.flight == nil || ended && !s.flight.ended {
			s.flight = s.ask(ctx, ended)
		}
		got = s.flight
	}
	s.mu.Unlock()
	select {
	case <-got.done:
		return got, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask begins a request, which outlives the caller: others wait for it. The
// client bounds its time. s.mu is held.
func (s *snapshots) ask(ctx context.Context, ended bool) *snapshot {
	asked := &snapshot{at: time.Now(), done: make(chan struct{}), ended: ended}
	ctx = context.WithoutCancel(ctx)
	go func() {
		asked.all, asked.err = s.list(ctx, ended)
		asked.byID = make(map[string]rm.Application, len(asked.all))
		for _, app := range asked.all {
			asked.byID[app.ID] = app
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.latest == nil || !asked.at.Before(s.latest.at) {
			s.latest = asked
		}
		if asked.err == nil && asked.at.After(s.good) {
			s.good = asked.at
		}
		if s.flight == asked {
			s.flight = nil
		}
		close(asked.done)
	}()
	return asked
}

func (s *snapshots) find(ctx context.Context, id string) (rm.Application, bool, error) {
	got, err := s.get(ctx, snapshotAge, false)
	if err != nil {
		return rm.Application{}, false, err
	}
	app, ok := got.byID[id]
	return app, ok, nil
}

// watch is a snapshot for who compares it with the one before; after a gap it
// holds what has ended, too.
func (s *snapshots) watch(ctx context.Context) ([]rm.Application, error) {
	s.mu.Lock()
	ended := time.Since(s.watchedAt) > watchGap
	s.mu.Unlock()
	age := snapshotAge / 2
	if ended {
		age = 0
	}
	got, err := s.get(ctx, age, ended)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchedAt = time.Now()
	return got.all, nil
}

// lastGood is when the last snapshot that came was asked for.
func (s *snapshots) lastGood() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.good
}

// SnapshotAt implements spark.Ager.
func (m *Manager) SnapshotAt() time.Time { return m.cache.lastGood() }

var (
	liveStates = []rm.State{rm.StateNew, rm.StateNewSaving, rm.StateSubmitted, rm.StateAccepted, rm.StateRunning}
	endStates  = []rm.State{rm.StateFinished, rm.StateFailed, rm.StateKilled}
)

// list asks for this installation's applications on this cluster, in one request.
//
// By default only for those that live. No filter means "live, or ended of late":
// to the ResourceManager what lives finished in 1970, so finishedTimeBegin leaves
// it out. A list of all states would hold up to the thousand ended applications
// that a ResourceManager keeps (yarn.resourcemanager.max-completed-applications),
// 1.3 kB each, every few seconds, however few jobs there are. An end is seen
// without them: the application was in the list before and is no longer.
func (m *Manager) list(ctx context.Context, ended bool) ([]rm.Application, error) {
	states := liveStates
	if ended {
		states = append(endStates[:len(endStates):len(endStates)], liveStates...)
	}
	apps, err := m.opts.ResourceManager.List(ctx, rm.Filter{
		Tags: []string{m.clusterTag(), m.formerTag()}, DeSelects: rm.Lean, States: states,
	})
	return slices.DeleteFunc(apps, m.anothers), err
}

// Snapshot implements spark.Manager: what has ended is in the first snapshot, and
// in the first after a pause.
func (m *Manager) Snapshot(ctx context.Context) ([]spark.Sighting, error) {
	apps, err := m.cache.watch(ctx)
	if err != nil {
		return nil, err
	}
	sightings := make([]spark.Sighting, 0, len(apps))
	for _, app := range apps {
		attempt, ok := attemptOf(app)
		if ok {
			sightings = append(sightings, m.sighting(attempt, app))
		}
	}
	return sightings, nil
}

// sighting is what a list says of one application.
func (m *Manager) sighting(attempt job.Attempt, app rm.Application) spark.Sighting {
	return spark.Sighting{Attempt: attempt, Application: app.ID, Observation: observation(app), Placed: placed(app), Shared: !m.mine(app)}
}

// placed reports whether the application waits although its master has a container: a
// master registers, upon which the application is RUNNING, only when its program has made a
// SparkContext.
func placed(app rm.Application) bool {
	return app.State == rm.StateAccepted && app.AMContainerLogs != ""
}
