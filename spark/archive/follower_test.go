package archive

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// follower runs one until the test ends or stop is called.
func (b *bundle) follower(m spark.Manager, change ...func(*FollowerOptions)) (stop func()) {
	b.Helper()
	o := FollowerOptions{Cluster: "c", Manager: m, Store: b.store, Logger: b.log.logger(), Interval: 5 * time.Millisecond, ProgressInterval: 5 * time.Millisecond}
	for _, c := range change {
		c(&o)
	}
	f, err := NewFollower(o)
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		f.Run(ctx)
		close(done)
	}()
	stop = func() {
		cancel()
		<-done
	}
	b.Cleanup(stop)
	return stop
}

func (b *bundle) running() *bundle {
	b.cluster.change(func() { b.cluster.state = job.StateRunning })
	return b
}

func TestFollow(t *testing.T) {
	t.Parallel()
	for name, manager := range map[string]func(*bundle) spark.Manager{
		"by reads":  func(b *bundle) spark.Manager { return b.cluster },
		"by copies": func(b *bundle) spark.Manager { b.copier.progress = nothing; return b.copier },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t).running()
			var mu sync.Mutex
			var appended int64
			counts := func(o *FollowerOptions) {
				o.Appended = func(n int64) { mu.Lock(); appended += n; mu.Unlock() }
			}
			stop := b.follower(manager(b), counts)
			var want string
			for i := range 5 {
				line := fmt.Sprintf("line %d \xff\x00\n", i)
				want += line
				b.cluster.write(b.attempt, "stdout", line)
				b.eventually(line, func() bool { return b.stored(b.attempt, "stdout") == want })
			}
			other := job.AttemptOf("later", 2)
			b.cluster.write(other, "stderr", "x")
			b.eventually("another application", func() bool { return b.stored(other, "stderr") == "x" })
			stop()

			// Another process goes on where the store stands.
			b.cluster.write(b.attempt, "stdout", "end\n")
			b.follower(manager(b), counts)
			b.eventually("the rest", func() bool { return b.stored(b.attempt, "stdout") == want+"end\n" })
			b.eventually("the count", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return appended == int64(len(want)+len("end\nx"))
			})
			m, err := b.logs(b.attempt).Manifest(t.Context())
			require.NoError(t, err)
			require.Nil(t, m)
		})
	}
}

func nothing() (job.Progress, error) {
	return job.Progress{}, job.Errorf(job.CodeNotFound, "there is no web UI")
}

// Of an application that writes nothing only the sizes are asked for.
func TestFollowReadsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	b := setup(t).running()
	b.copier.progress = nothing
	b.cluster.write(b.attempt, "stdout", "text")
	b.follower(b.copier)
	b.eventually("looks", func() bool {
		b.cluster.mu.Lock()
		defer b.cluster.mu.Unlock()
		return b.copier.sized > 20
	})
	b.cluster.mu.Lock()
	defer b.cluster.mu.Unlock()
	require.Equal(t, 1, b.copier.copied)
}

// Much that was written fast makes few files.
func TestFollowWhatIsFarBehind(t *testing.T) {
	t.Parallel()
	b := setup(t).running()
	b.copier.progress = nothing
	b.cluster.write(b.attempt, "stdout", strings.Repeat("0123456789abcde\n", 6<<16)) // 6 MiB
	b.follower(b.copier)
	size := func() (int64, int) {
		s, err := b.logs(b.attempt).Stream("stdout")
		require.NoError(t, err)
		bytes, chunks, err := s.Size(t.Context())
		require.NoError(t, err)
		return bytes, chunks
	}
	b.eventually("it is copied", func() bool { bytes, _ := size(); return bytes == 6<<20 })
	_, chunks := size()
	require.Equal(t, 2, chunks)
}

func TestFollowOnlyWhatRuns(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		state  job.State
		placed bool
	}{
		"waits for room": {job.StatePending, false},
		"has ended":      {job.StateSucceeded, false},
		"ended, placed":  {job.StateFailed, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.cluster.state, b.cluster.placed = row.state, row.placed
			b.cluster.write(b.attempt, "stdout", "text")
			b.follower(b.copier)
			b.eventually("lists", func() bool {
				b.cluster.mu.Lock()
				defer b.cluster.mu.Unlock()
				return b.cluster.lists > 5
			})
			require.Empty(t, b.stored(b.attempt, "stdout"))
			b.cluster.mu.Lock()
			defer b.cluster.mu.Unlock()
			require.Zero(t, b.cluster.reads, "nothing is asked about it")
		})
	}
}

// The driver of a pending application may write already. It is not asked how far it is, and
// that it has not written yet is no failure.
func TestFollowBeforeItRuns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cluster.state, b.cluster.placed = job.StatePending, true
	var launched, asked, failed atomic.Bool
	b.cluster.refuse = func(context.Context, job.Attempt) error {
		if !launched.Load() {
			return job.Errorf(job.CodeUnavailable, "its master has no container")
		}
		return nil
	}
	b.copier.progress = func() (job.Progress, error) {
		asked.Store(true)
		return job.Progress{Jobs: job.Count{Total: 1}}, nil
	}
	b.cluster.write(b.attempt, "stdout", "first\n")
	b.follower(b.copier, func(o *FollowerOptions) { o.Failed = func(string) { failed.Store(true) } })
	lists := func() int {
		b.cluster.mu.Lock()
		defer b.cluster.mu.Unlock()
		return b.cluster.lists
	}
	b.eventually("some looks", func() bool { return lists() > 10 })
	launched.Store(true)
	b.eventually("its log is there", func() bool { return b.stored(b.attempt, "stdout") == "first\n" })
	seen := lists()
	b.eventually("more looks", func() bool { return lists() > seen+5 })
	require.False(t, asked.Load(), "only what runs has progress")
	require.False(t, failed.Load())
	b.running()
	b.cluster.write(b.attempt, "stdout", "second\n")
	b.eventually("it goes on", func() bool { return b.stored(b.attempt, "stdout") == "first\nsecond\n" })
	b.eventually("it is asked", asked.Load)
}

// Of several workers one reads; when it is gone another does.
func TestOneWorkerFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t).running()
		others := make([]*cluster, 3)
		stops := make([]func(), len(others))
		for i := range others {
			others[i] = &cluster{state: job.StateRunning, streams: b.cluster.streams}
			stops[i] = b.follower(others[i], func(o *FollowerOptions) { o.Interval = DefaultInterval })
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		require.Greater(t, b.lists(others[0]), 20, "the first follows")
		require.Zero(t, b.lists(others[1])+b.lists(others[2]))
		stops[0]()
		time.Sleep(abandonedAfter)
		require.Greater(t, b.lists(others[1])+b.lists(others[2]), 3, "another follows")
		require.Zero(t, b.lists(others[1])*b.lists(others[2]), "and only one")
	})
}

func (b *bundle) lists(c *cluster) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lists
}

// A worker that was killed leaves its note behind.
func TestFollowAfterACrash(t *testing.T) {
	t.Parallel()
	b := setup(t).running()
	require.NoError(t, b.store.SetFollower(t.Context(), "dead:1:x 7"))
	b.follower(b.cluster)
	b.eventually("it is taken over", func() bool { return b.lists(b.cluster) > 3 })
	who, err := b.store.Follower(t.Context())
	require.NoError(t, err)
	require.NotContains(t, who, "dead")
}

// Each failure is counted, and the first of several in a row logged.
func TestFollowerFailures(t *testing.T) {
	t.Parallel()
	for what, arrange := range map[string]func(*bundle, error){
		FailedList: func(b *bundle, err error) { b.cluster.snapshot = func(context.Context) error { return err } },
		FailedLog:  func(b *bundle, err error) { b.cluster.read = func(context.Context, string) error { return err } },
		FailedProgress: func(b *bundle, err error) {
			b.copier.progress = func() (job.Progress, error) { return job.Progress{}, err }
		},
		FailedLease: func(b *bundle, err error) {
			if err != nil {
				require.NoError(t, os.Mkdir(filepath.Join(b.root, ".follower"), 0o700))
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := setup(t).running()
			b.copier.progress = nothing
			b.cluster.write(b.attempt, "stdout", "text")
			arrange(b, job.Errorf(job.CodeUnavailable, "the server is down"))
			var mu sync.Mutex
			failed := map[string]int{}
			b.follower(b.copier, func(o *FollowerOptions) {
				o.Failed = func(what string) { mu.Lock(); failed[what]++; mu.Unlock() }
			})
			b.eventually("failures", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return failed[what] >= 3
			})
			mu.Lock()
			defer mu.Unlock()
			require.Equal(t, []string{what}, slices.Collect(maps.Keys(failed)))
			require.Equal(t, 1, b.log.count("level=WARN"))
			require.Equal(t, 1, b.log.count("failed="+what))
		})
	}
}

// One application that hangs keeps no other from being followed.
func TestFollowBesideWhatHangs(t *testing.T) {
	t.Parallel()
	b := setup(t).running()
	other := job.AttemptOf("other", 1)
	b.cluster.write(b.attempt, "stdout", "x")
	b.cluster.write(other, "stdout", "text")
	hangs := make(chan struct{})
	var once sync.Once
	b.cluster.refuse = func(ctx context.Context, a job.Attempt) error {
		if a != b.attempt {
			return nil
		}
		once.Do(func() { close(hangs) })
		<-ctx.Done()
		return ctx.Err()
	}
	b.follower(b.cluster)
	<-hangs
	b.eventually("the other", func() bool { return b.stored(other, "stdout") == "text" })
	b.cluster.write(other, "stdout", " and more")
	b.eventually("the other", func() bool { return b.stored(other, "stdout") == "text and more" })
	require.Empty(t, b.stored(b.attempt, "stdout"))
}

func TestProgressIsNoted(t *testing.T) {
	t.Parallel()
	b := setup(t).running()
	var mu sync.Mutex
	now, asked := job.Progress{}, 0
	b.copier.progress = func() (job.Progress, error) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		now.Time = time.Now().UTC()
		return now, nil
	}
	b.follower(b.copier)
	for done := int64(1); done <= 3; done++ {
		mu.Lock()
		now.Tasks = job.Count{Total: 3, Completed: done}
		mu.Unlock()
		b.eventually("progress", func() bool {
			p, err := b.logs(b.attempt).Progress(t.Context())
			return err == nil && p != nil && p.Tasks.Completed == done
		})
	}
	// The same again is not written.
	path := filepath.Join(b.root, "j", "1", "progress.json")
	before, err := os.Stat(path)
	require.NoError(t, err)
	mu.Lock()
	from := asked
	mu.Unlock()
	b.eventually("questions", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return asked > from+5
	})
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime())
}

// However many applications run, a step asks so many and no more.
func TestProgressIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t).running()
	for i := range 3 * askedPerStep {
		b.cluster.write(job.AttemptOf(fmt.Sprintf("j%d", i), 1), "stdout", "")
	}
	var mu sync.Mutex
	at, most, asked := 0, 0, 0
	b.copier.progress = func() (job.Progress, error) {
		mu.Lock()
		at++
		asked++
		most = max(most, at)
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		at--
		mu.Unlock()
		return job.Progress{}, nil
	}
	f, err := NewFollower(FollowerOptions{Manager: b.copier, Store: b.store, ProgressAtOnce: 3})
	require.NoError(t, err)
	for step := 1; step <= 3; step++ {
		f.step(t.Context())
		f.under.Wait()
		require.Equal(t, step*askedPerStep, asked, "those that have waited longest")
	}
	require.LessOrEqual(t, most, 3)
}

// The longer a log has been followed, the larger its chunks are.
func TestThinnedChunks(t *testing.T) {
	t.Parallel()
	require.Zero(t, thinned(0))
	require.Zero(t, thinned(999))
	require.Equal(t, 10*time.Second, thinned(1000))
	require.Equal(t, time.Minute, thinned(5000))

	b := setup(t).running()
	b.copier.progress = nothing
	dir := filepath.Join(b.root, "j", "1", "stdout")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for i := range 1000 {
		b.cluster.write(b.attempt, "stdout", "x")
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%020d", i)), []byte("x"), 0o600))
	}
	a := &followed{follower: &Follower{opts: FollowerOptions{Appended: func(int64) {}}}, source: source{b.copier, b.attempt}, logs: b.logs(b.attempt), streams: map[string]*tail{}}
	size := func() int { return len(b.stored(b.attempt, "stdout")) }
	b.cluster.write(b.attempt, "stdout", "y")
	require.NoError(t, a.read(t.Context()))
	require.Equal(t, 1001, size(), "nothing was appended lately")
	b.cluster.write(b.attempt, "stdout", "z")
	require.NoError(t, a.read(t.Context()))
	require.Equal(t, 1001, size(), "it waits")
	b.cluster.write(b.attempt, "stdout", strings.Repeat("w", liveChunk))
	require.NoError(t, a.read(t.Context()))
	require.Equal(t, 1002+liveChunk, size(), "much is not waited with")
}

func TestFollowerNeedsItsOptions(t *testing.T) {
	t.Parallel()
	_, err := NewFollower(FollowerOptions{})
	require.Error(t, err)
}
