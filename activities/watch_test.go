package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

func attempts(ids ...string) []job.Attempt {
	var all []job.Attempt
	for _, id := range ids {
		all = append(all, job.Key{Source: "s", ID: id}.Attempt(1))
	}
	return all
}

// watch runs WatchCluster until the worker is stopped or it ends by itself.
func (b *bundle) watch(stopped chan struct{}) error {
	env := b.environment()
	env.SetWorkerStopChannel(stopped)
	_, err := env.ExecuteActivity("WatchCluster", WatchInput{Cluster: "local"})
	return err
}

// hinted collects the hints and stops the worker after the last.
func (b *bundle) hinted(last string, answer error) (hints *[]string, stopped chan struct{}) {
	stopped = make(chan struct{})
	var once sync.Once
	hints = new([]string)
	b.hints.hint = func(id string) error {
		*hints = append(*hints, id)
		if id == last {
			once.Do(func() { close(stopped) })
		}
		return answer
	}
	return hints, stopped
}

func TestWatchClusterPassesOnWhatANotifierSays(t *testing.T) {
	t.Parallel()
	// A job that has closed, or a Temporal that is down, ends no watch.
	for _, answer := range []error{nil, errors.New("temporal is down")} {
		b := setup(t)
		ended := make(chan struct{})
		b.cluster.Manager = &notifierFake{changes: func(ctx context.Context, changed chan<- job.Attempt) error {
			defer close(ended)
			for _, a := range attempts("1", "2", "1", "last") {
				changed <- a
			}
			<-ctx.Done()
			return ctx.Err()
		}}
		hints, stopped := b.hinted("sparkjob-s-last", answer)
		requireFailure(t, b.watch(stopped), job.CodeUnavailable, false)
		require.Equal(t, []string{"sparkjob-s-1", "sparkjob-s-2", "sparkjob-s-1", "sparkjob-s-last"}, *hints)
		<-ended // the notifier is told to stop, and nothing leaks
	}
}

// What Temporal does not take now it is told of again.
func TestHintsAreTriedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cluster.Manager = &notifierFake{changes: func(ctx context.Context, changed chan<- job.Attempt) error {
		changed <- attempts("1")[0]
		<-ctx.Done()
		return ctx.Err()
	}}
	hints, stopped := 0, make(chan struct{})
	b.hints.hint = func(id string) error {
		require.Equal(t, "sparkjob-s-1", id)
		if hints++; hints == 1 {
			return errors.New("temporal is down")
		}
		close(stopped)
		return nil
	}
	requireFailure(t, b.watch(stopped), job.CodeUnavailable, false)
	require.Equal(t, 2, hints)
}

func TestWatchClusterEndsWithItsNotifier(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cluster.Manager = &notifierFake{changes: func(context.Context, chan<- job.Attempt) error {
		return job.Errorf(job.CodeUnavailable, "inotify: too many watches")
	}}
	failure := failureOf(t, b.watch(make(chan struct{})), job.CodeUnavailable, false)
	require.Contains(t, failure.Error(), "inotify")
}

func sightings(states map[string]job.State) []spark.Sighting {
	var all []spark.Sighting
	for _, id := range []string{"1", "2", "3"} {
		if state, ok := states[id]; ok {
			all = append(all, spark.Sighting{Attempt: attempts(id)[0], Observation: job.Observation{State: state}})
		}
	}
	return all
}

func TestChangesTellsOnlyOfChanges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	synctest.Test(t, func(t *testing.T) {
		looks := []map[string]job.State{
			{"1": job.StatePending, "2": job.StateRunning},
			{"1": job.StateRunning, "2": job.StateRunning, "3": job.StatePending},
			{"1": job.StateRunning, "3": job.StatePending},
			{"1": job.StateRunning, "2": job.StateRunning, "3": job.StatePending}, // forgotten and back
		}
		start, ctx := time.Now(), t.Context()
		b.manager.snapshot = func(context.Context) ([]spark.Sighting, error) {
			if len(looks) == 0 {
				return nil, errors.New("the end")
			}
			now := looks[0]
			looks = looks[1:]
			return sightings(now), nil
		}
		changed := make(chan job.Attempt, 20)
		require.EqualError(t, changes(ctx, b.manager, changed), "the end")
		close(changed)
		var got []job.Attempt
		for a := range changed {
			got = append(got, a)
		}
		require.Equal(t, attempts("1", "2", "1", "3", "2", "2"), got, "what is gone has news, and so has what is back")
		require.Equal(t, 4*sweepEvery, time.Since(start), "a cluster is listed every few seconds")
	})
}

func TestWatchClusterHintsWhatASnapshotShows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.manager.snapshot = func(context.Context) ([]spark.Sighting, error) {
		return sightings(map[string]job.State{"1": job.StatePending, "3": job.StateRunning}), nil
	}
	hints, stopped := b.hinted("sparkjob-s-3", nil)
	requireFailure(t, b.watch(stopped), job.CodeUnavailable, false)
	require.Equal(t, []string{"sparkjob-s-1", "sparkjob-s-3"}, *hints)
}

func TestWatchClusterEndsWithItsSnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.manager.snapshot = func(context.Context) ([]spark.Sighting, error) {
		return nil, job.Errorf(job.CodeUnauthorized, "the cluster refuses")
	}
	failure := failureOf(t, b.watch(make(chan struct{})), job.CodeUnauthorized, true)
	require.Contains(t, failure.Error(), "refuses")
}

// A cluster out of reach for a while is no news: a watch that began anew would
// have to wake every job.
func TestChangesOutliveAShortOutage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	synctest.Test(t, func(t *testing.T) {
		start, calls := time.Now(), 0
		b.manager.snapshot = func(context.Context) ([]spark.Sighting, error) {
			if calls++; calls == 1 || calls == sweepPatience+1 {
				return sightings(map[string]job.State{"1": job.StateRunning}), nil
			}
			return nil, job.Errorf(job.CodeUnavailable, "the cluster does not answer")
		}
		changed := make(chan job.Attempt, 20)
		require.ErrorContains(t, changes(t.Context(), b.manager, changed), "does not answer")
		require.Len(t, changed, 1, "the list after the outage is that before it")
		require.Equal(t, 2*sweepPatience*sweepEvery, time.Since(start), "in the end people should know")
	})
}

// Hints to all that was there already do not hold up the news.
func TestNewsDoesNotWaitForWhatIsKnown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	synctest.Test(t, func(t *testing.T) {
		const many = 1000 // far more than the pace allows between two lists
		calls := 0
		b.manager.snapshot = func(context.Context) ([]spark.Sighting, error) {
			calls++
			all := []spark.Sighting{{Attempt: job.AttemptOf("ended", 1), Observation: job.Observation{State: job.StateFailed}}}
			for i := range many {
				if calls > 1 && i == many-1 {
					continue // it is gone
				}
				all = append(all, spark.Sighting{
					Attempt: job.AttemptOf(fmt.Sprintf("%04d", i), 1), Observation: job.Observation{State: job.StateRunning},
				})
			}
			return all, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		changed, ended := make(chan job.Attempt), make(chan error, 1)
		go func() { ended <- changes(ctx, b.manager, changed) }()
		start := time.Now()
		require.Equal(t, "ended", (<-changed).Job, "an end that nobody saw comes first")
		for i := 0; ; i++ {
			require.Less(t, i, many, "the news came after all that is known")
			if (<-changed).Job == fmt.Sprintf("%04d", many-1) {
				break
			}
		}
		require.Equal(t, sweepEvery, time.Since(start))
		for range many - 200 {
			<-changed
		}
		require.Greater(t, time.Since(start), (many-200)*paceOfKnown, "the rest comes little by little")
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestWatchClusterStopsWithItsWorkerWhileNothingHappens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stopped := make(chan struct{})
	b.manager.snapshot = func(context.Context) ([]spark.Sighting, error) {
		close(stopped)
		return nil, nil
	}
	failure := failureOf(t, b.watch(stopped), job.CodeUnavailable, false)
	require.Contains(t, failure.Error(), "stopping")
}

// A listing that is cut short by the end leaves no goroutine behind.
func TestChangesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.manager.snapshot = func(context.Context) ([]spark.Sighting, error) {
		cancel()
		return sightings(map[string]job.State{"1": job.StatePending}), nil
	}
	require.ErrorIs(t, changes(ctx, b.manager, make(chan job.Attempt)), context.Canceled)
}

func TestOnlyTheLastListIsRemembered(t *testing.T) {
	t.Parallel()
	s := sweeper{}
	for _, list := range []map[string]job.State{
		{"1": job.StateRunning, "2": job.StatePending}, {"2": job.StatePending, "3": job.StateFailed}, {"2": job.StatePending},
	} {
		s.compare(sightings(list))
	}
	require.Equal(t, map[job.Attempt]job.State{attempts("2")[0]: job.StatePending}, s.seen)
	require.Equal(t, attempts("1", "2"), s.known)
	require.Equal(t, attempts("3", "1"), s.news, "an end that was seen is not told of twice")
}
