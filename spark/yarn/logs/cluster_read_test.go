//go:build hadoop

package logs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

func TestClusterReadsWhileItRunsAndAfterwards(t *testing.T) {
	t.Parallel()
	y := onCluster(t)
	id := y.submit(`printf 'one\n'; printf 'err\n' >&2; : > $LOG_DIRS/empty; await more; printf 'two\n'; await end`, nil)
	r := y.reader(nil)
	require.Equal(t, "one\n", string(y.whole(r, id, "stdout", 4)))
	require.Equal(t, "err\n", string(y.whole(r, id, "stderr", 4)))
	require.Empty(t, y.whole(r, id, "empty", 0))
	_, _, err := r.Read(t.Context(), id, "other", 0, 10)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "it may still come: %v", err)
	y.allow("more")
	y.whole(r, id, "stdout", 8)

	check := func(r *logs.Reader) {
		t.Helper()
		for _, c := range []struct {
			offset int64
			limit  int
			want   string
		}{{0, 8, "one\ntwo\n"}, {0, 2, "on"}, {4, 100, "two\n"}, {5, 2, "wo"}, {8, 5, ""}, {100, 5, ""}, {-3, 2, "wo"}, {-100, 3, "one"}, {3, 0, ""}} {
			data, size := y.read(r, id, "stdout", c.offset, c.limit)
			require.Equal(t, c.want, data, "%+v", c)
			require.EqualValues(t, 8, size, "%+v", c)
		}
	}
	check(r)
	y.allow("end")
	app := y.aggregated(id)
	require.Equal(t, rm.StateFailed, app.State, "a master that never registers")
	for name, r := range y.readers() {
		t.Log(name)
		check(r)
		data, size := y.read(r, id, "empty", 0, 10)
		require.Empty(t, data)
		require.Zero(t, size)
		var none *logs.NoLogError
		_, _, err := r.Read(t.Context(), id, "other", 0, 10)
		require.ErrorAs(t, err, &none)
		require.Equal(t, logs.NoSuchStream, none.Reason)
		require.Contains(t, none.Streams, "stderr")
		if !strings.HasPrefix(name, "forgotten") {
			require.Contains(t, none.Diagnostics, "exitCode: 0")
		}
	}
}

// line is one of a numbered log: ten bytes.
func line(n int64) string { return fmt.Sprintf("%09d\n", n) }

// TestClusterLosesNothing reads a log without a pause while it grows, its
// container ends and it is moved: each answer must be right or "try again".
func TestClusterLosesNothing(t *testing.T) {
	t.Parallel()
	y := onCluster(t)
	const lines = 400_000
	id := y.submit(`for i in $(seq 0 399); do seq -f %09g $((i*1000)) $((i*1000+999)); sleep 0.01; done; await end`, nil)
	r := y.reader(nil)
	y.whole(r, id, "stdout", 10)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var largest, reads, retries atomic.Int64
	over := make(chan struct{})
	results := make(chan error)
	for seed := range uint64(4) {
		go func() {
			random := rand.New(rand.NewPCG(seed, 0))
			for {
				select {
				case <-over:
					results <- nil
					return
				default:
				}
				before := largest.Load()
				offset := random.Int64N(max(before, 1) + 100_000)
				data, size, err := r.Read(ctx, id, "stdout", offset, 1+random.IntN(100_000))
				switch {
				case job.CodeOf(err) == job.CodeUnavailable && ctx.Err() == nil:
					retries.Add(1)
					continue
				case err == nil && size < before:
					err = fmt.Errorf("the log shrank from %d to %d", before, size)
				}
				for i := range data {
					if at := offset + int64(i); err == nil && data[i] != line(at / 10)[at%10] {
						err = fmt.Errorf("byte %d is wrong", at)
					}
				}
				if err != nil {
					results <- err
					return
				}
				reads.Add(1)
				for now := largest.Load(); now < size && !largest.CompareAndSwap(now, size); now = largest.Load() {
				}
			}
		}()
	}
	go func() {
		for largest.Load() < lines*10 && ctx.Err() == nil {
			time.Sleep(50 * time.Millisecond)
		}
		t.Logf("%d reads while it grew", reads.Load())
		y.allow("end")
	}()
	y.aggregated(id)
	for n := reads.Load(); reads.Load() < n+20 && ctx.Err() == nil; {
		time.Sleep(50 * time.Millisecond)
	}
	close(over)
	for range 4 {
		require.NoError(t, <-results)
	}
	require.EqualValues(t, lines*10, largest.Load())
	t.Logf("%d reads, %d times to try again", reads.Load(), retries.Load())
}

func TestClusterBinaryAndLarge(t *testing.T) {
	t.Parallel()
	y := onCluster(t)
	// 50 MB of anything, and a line of 5 MB.
	id := y.submit(`head -c 50000000 /dev/urandom | tee $DIR/bytes; head -c 5000000 /dev/zero | tr '\0' 'x' >&2; : > $DIR/written; await end`, nil)
	for until := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(y.dir, "written")); err == nil {
			break
		}
		require.True(t, time.Now().Before(until))
	}
	want, err := os.ReadFile(filepath.Join(y.dir, "bytes"))
	require.NoError(t, err)
	check := func(name string, r *logs.Reader) {
		t.Helper()
		sum := sha256.New()
		began := time.Now()
		n, err := r.Copy(t.Context(), id, "stdout", sum, 0)
		require.NoError(t, err, name)
		require.EqualValues(t, len(want), n, name)
		expected := sha256.Sum256(want)
		require.Equal(t, expected[:], sum.Sum(nil), name)
		t.Logf("%s: 50 MB in %v", name, time.Since(began))
		var rest bytes.Buffer
		n, err = r.Copy(t.Context(), id, "stdout", &rest, 49_000_001)
		require.NoError(t, err, name)
		require.EqualValues(t, 999_999, n, name)
		require.True(t, bytes.Equal(want[49_000_001:], rest.Bytes()), name)
		for _, offset := range []int64{0, 65_535, 65_537, 25_000_000, -1000} {
			data, size, err := r.Read(t.Context(), id, "stdout", offset, 1000)
			require.NoError(t, err, name)
			require.EqualValues(t, len(want), size, name)
			from := offset
			if from < 0 {
				from += size
			}
			require.True(t, bytes.Equal(want[from:from+1000], data), "%s, %d", name, offset)
		}
		data, size := y.read(r, id, "stderr", 0, 6_000_000)
		require.EqualValues(t, 5_000_000, size)
		require.Equal(t, 5_000_000, strings.Count(data, "x"))
	}
	check("while it runs", y.reader(nil))
	y.allow("end")
	y.aggregated(id)
	for _, name := range []string{"history server", "file system"} {
		check(name, y.readers()[name])
	}
}

func TestClusterAttempts(t *testing.T) {
	t.Parallel()
	y := onCluster(t)
	id := y.submit(`if [ ! -e $DIR/first ]; then : > $DIR/first; echo first; exit 1; fi; echo second; await end`,
		func(s *rm.SubmissionContext) { s.MaxAttempts = 2 })
	r := y.reader(nil)
	for until := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		data, _, err := r.Attempt(2).Read(t.Context(), id, "stdout", 0, 100)
		if err == nil && len(data) > 0 {
			break
		}
		require.True(t, time.Now().Before(until), err)
	}
	check := func(r *logs.Reader) {
		t.Helper()
		for attempt, want := range []string{"second\n", "first\n", "second\n"} {
			data, _ := y.read(r.Attempt(int64(attempt)), id, "stdout", 0, 100)
			require.Equal(t, want, data, "attempt %d", attempt)
		}
	}
	check(r)
	y.allow("end")
	y.aggregated(id)
	for name, r := range y.readers() {
		t.Log(name)
		check(r)
	}
}

func TestClusterMasterThatNeverRan(t *testing.T) {
	t.Parallel()
	y := onCluster(t)
	r := y.reader(nil)
	id := y.submit(`echo never`, func(s *rm.SubmissionContext) {
		s.Container.LocalResources = rm.Map[rm.LocalResource]{"x": {
			URL: y.cluster.Addresses.DefaultFS + "/no/such/file", Type: rm.TypeFile, Visibility: rm.VisibilityPrivate, Size: 1, Timestamp: 1,
		}}
	})
	y.state(id, func(a rm.Application) bool { return a.State.Ended() })
	var none *logs.NoLogError
	for until := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, _, err := r.Read(t.Context(), id, "stderr", 0, 100)
		if job.CodeOf(err) != job.CodeUnavailable {
			t.Log(err)
			require.ErrorAs(t, err, &none)
			break
		}
		require.True(t, time.Now().Before(until), err)
	}
	require.Equal(t, id, none.Application)
	require.Contains(t, none.Diagnostics, "/no/such/file", "what YARN says of it")
	t.Log(none.Reason)
}

func TestClusterKilledWhileItWaits(t *testing.T) {
	t.Parallel()
	y := onCluster(t)
	r := y.reader(nil)
	// The two don't fit into the cluster together.
	large := func(s *rm.SubmissionContext) { s.Resource.MemoryMB = 8192 }
	first := y.submit(`await end`, large)
	second := y.submit(`await end`, large)
	y.state(second, func(a rm.Application) bool { return a.State == rm.StateAccepted })
	_, _, err := r.Read(t.Context(), second, "stderr", 0, 100)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err), err)
	require.Contains(t, err.Error(), "not there yet")
	for _, id := range []string{second, first} {
		_, err = y.Kill(t.Context(), id, "enough of\nwaiting")
		require.NoError(t, err)
	}
	y.state(second, func(a rm.Application) bool { return a.State.Ended() })
	_, _, err = r.Read(t.Context(), second, "stderr", 0, 100)
	var none *logs.NoLogError
	require.ErrorAs(t, err, &none)
	require.Equal(t, logs.NeverStarted, none.Reason)
	require.Contains(t, none.Diagnostics, "enough of\nwaiting")
	require.NotContains(t, err.Error(), "\n")
}

func TestClusterUnknownApplication(t *testing.T) {
	t.Parallel()
	y := onCluster(t)
	for name, r := range y.readers() {
		if name == "file system, no server" {
			continue // which might know it
		}
		_, _, err := r.Read(t.Context(), "application_1_0001", "stdout", 0, 100)
		require.Equal(t, job.CodeNotFound, job.CodeOf(err), "%s: %v", name, err)
	}
}
