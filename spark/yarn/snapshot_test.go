package yarn

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// However long a ResourceManager hangs, one request waits for it, and whoever
// gives up does so alone.
func TestOneRequestServesAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		broken := errors.New("out of reach")
		s := newSnapshots(func(ctx context.Context, _ bool) ([]rm.Application, error) {
			asked++
			if asked == 1 {
				time.Sleep(10 * time.Second)
				require.NoError(t, ctx.Err(), "the first who asked has left")
				return nil, broken
			}
			return []rm.Application{{ID: "application_1_0001", State: rm.StateRunning}}, nil
		})
		start := time.Now()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := s.find(impatient, "application_1_0001")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		answers := make(chan error, 100)
		for range cap(answers) {
			go func() {
				_, _, err := s.find(t.Context(), "application_1_0001")
				answers <- err
			}()
		}
		for range cap(answers) {
			require.ErrorIs(t, <-answers, broken)
		}
		require.Equal(t, 10*time.Second, time.Since(start))
		require.Equal(t, 1, asked)

		_, ok, err := s.find(t.Context(), "application_1_0001")
		require.NoError(t, err, "it is asked again")
		require.True(t, ok)
		_, ok, err = s.find(t.Context(), "application_1_0002")
		require.NoError(t, err)
		require.False(t, ok)
		require.Equal(t, 2, asked, "the answer is shared, too, by who comes later")
	})
}

// A failure makes the last good snapshot no newer.
func TestASnapshotAges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var broken error
		s := newSnapshots(func(context.Context, bool) ([]rm.Application, error) {
			time.Sleep(time.Second)
			return nil, broken
		})
		require.Zero(t, s.lastGood())
		begin := time.Now()
		_, err := s.get(t.Context(), 0, false)
		require.NoError(t, err)
		require.Equal(t, begin, s.lastGood(), "it is as old as the question")
		time.Sleep(time.Minute)
		broken = errors.New("out of reach")
		_, err = s.get(t.Context(), 0, false)
		require.ErrorIs(t, err, broken)
		require.Equal(t, begin, s.lastGood())
	})
}

// A failure that came at once is shared for a while: a ResourceManager that is
// down is not asked once a job.
func TestAFailureIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := newSnapshots(func(context.Context, bool) ([]rm.Application, error) {
			asked++
			return nil, errors.New("refused")
		})
		for range 1000 {
			_, _, err := s.find(t.Context(), "application_1_0001")
			require.Error(t, err)
		}
		require.Equal(t, 1, asked)
		time.Sleep(snapshotAge + time.Second)
		_, _, err := s.find(t.Context(), "application_1_0001")
		require.Error(t, err)
		require.Equal(t, 2, asked)
	})
}

func TestWhatHasEndedIsListedAfterAGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked []bool
		s := newSnapshots(func(_ context.Context, ended bool) ([]rm.Application, error) {
			asked = append(asked, ended)
			return nil, nil
		})
		look := func(after time.Duration) {
			t.Helper()
			time.Sleep(after)
			_, err := s.watch(t.Context())
			require.NoError(t, err)
		}
		_, _, err := s.find(t.Context(), "application_1_0001")
		require.NoError(t, err)
		look(0)
		for range 5 {
			look(2 * time.Second)
		}
		look(watchGap + time.Second)
		look(2 * time.Second)
		require.Equal(t, []bool{false, true, false, false, false, false, false, true, false}, asked)
	})
}

// The list is one request, and holds what lives.
func TestASnapshotIsOneRequest(t *testing.T) {
	b := setup(t)
	id := b.stage()
	require.NoError(t, b.submit())
	b.rm.set(id, "RUNNING", "UNDEFINED")
	var queries []string
	b.rm.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/apps") {
			queries = append(queries, r.URL.Query().Get("states"))
		}
		return false
	}
	m := b.open()
	for range 2 {
		sightings, err := m.Snapshot(t.Context())
		require.NoError(t, err)
		require.Len(t, sightings, 1)
		m.cache.latest.at = time.Time{}
	}
	b.rm.set(id, "FINISHED", "SUCCEEDED")
	sightings, err := m.Snapshot(t.Context())
	require.NoError(t, err)
	require.Empty(t, sightings)
	const live = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
	require.Equal(t, []string{"FINISHED,FAILED,KILLED," + live, live, live}, queries)
	sightings, err = b.open().Snapshot(t.Context())
	require.NoError(t, err)
	require.Len(t, sightings, 1, "who asks for the first time hears of the ended")
}

// A hint may come from another worker, whose list is newer than ours.
func TestObserveNowAsksForItself(t *testing.T) {
	b := setup(t)
	id := b.stage()
	require.NoError(t, b.submit())
	b.rm.set(id, "RUNNING", "UNDEFINED")
	m := b.open()
	look := func(observe func(context.Context, job.Attempt) (job.Observation, error)) job.State {
		t.Helper()
		o, err := observe(t.Context(), b.attempt)
		require.NoError(t, err)
		return o.State
	}
	require.Equal(t, job.StateRunning, look(m.Observe))
	b.rm.set(id, "FINISHED", "SUCCEEDED")
	m.cache.latest.at = time.Now().Add(time.Hour)
	require.Equal(t, job.StateRunning, look(m.Observe), "as the list has it")
	require.Equal(t, job.StateSucceeded, look(m.ObserveNow))
}
