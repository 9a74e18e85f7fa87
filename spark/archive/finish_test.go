package archive

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store/logstore"
)

func (b *bundle) finish(m spark.Manager, change ...func(*Final)) (*logstore.Manifest, error) {
	f := Final{Manager: m, Store: b.store, Attempt: b.attempt, Application: "a1"}
	for _, c := range change {
		c(&f)
	}
	return Finish(b.Context(), f)
}

func patient(f *Final) { f.Patience = time.Minute }

func again(f *Final) { f.Again = true }

func TestFinish(t *testing.T) {
	t.Parallel()
	for name, manager := range map[string]func(*bundle) spark.Manager{
		"by reads":  func(b *bundle) spark.Manager { return b.cluster },
		"by copies": func(b *bundle) spark.Manager { return b.copier },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			large := strings.Repeat("0123456789abcde\n", 6<<16) // 6 MiB
			b.cluster.write(b.attempt, "stdout", large)
			got, err := b.finish(manager(b))
			require.NoError(t, err)
			require.WithinDuration(t, time.Now(), got.ArchivedAt, time.Minute)
			want := &logstore.Manifest{
				Job: "j", Attempt: 1, Application: "a1", Complete: true, ArchivedAt: got.ArchivedAt, EndedAt: time.Unix(1000, 0).UTC(),
				Streams: []logstore.StreamEnd{{Name: "stdout", Bytes: 6 << 20, Chunks: 2, Complete: true}, {Name: "stderr", Complete: true}},
			}
			require.Equal(t, want, got)
			kept, err := b.logs(b.attempt).Manifest(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, kept)
			require.Equal(t, large, b.stored(b.attempt, "stdout"))

			// Done again it asks nobody.
			b.cluster.observe = func(context.Context) error { t.Error("asked"); return nil }
			got, err = b.finish(manager(b), again)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestFinishGoesOnBehindTheFollower(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, err := b.logs(b.attempt).Stream("stdout")
	require.NoError(t, err)
	b.cluster.write(b.attempt, "stdout", "abc")
	_, err = source{b.cluster, b.attempt}.move(t.Context(), s, "stdout", liveChunk, nil)
	require.NoError(t, err)
	b.cluster.write(b.attempt, "stdout", "def")
	m, err := b.finish(b.copier)
	require.NoError(t, err)
	require.Equal(t, logstore.StreamEnd{Name: "stdout", Bytes: 6, Chunks: 2, Complete: true}, m.Streams[0])
	require.Equal(t, "abcdef", b.stored(b.attempt, "stdout"))
}

// A stream that began anew is another one.
func TestFinishTakesEveryStream(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.copier.names = []string{"stdout", "stderr", "stdout.2", "stderr.2"}
	b.cluster.write(b.attempt, "stderr.2", "second")
	m, err := b.finish(b.copier)
	require.NoError(t, err)
	require.Len(t, m.Streams, 4)
	require.True(t, m.Complete)
	require.Equal(t, "second", b.stored(b.attempt, "stderr.2"))
}

// What the list of streams says that fails.
func TestFinishWithoutAListOfStreams(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err      error
		times    int
		patience time.Duration
		notes    []string
	}{
		"never launched": {job.Errorf(job.CodeNotFound, "no such attempt"), 100, time.Hour, nil},
		"refused":        {job.Errorf(job.CodeUnauthorized, "not yours"), 100, time.Hour, []string{"there may be more streams: not yours"}},
		"down":           {job.Errorf(job.CodeUnavailable, "down"), 100, 0, []string{"there may be more streams: down"}},
		"passes":         {job.Errorf(job.CodeUnavailable, "down"), 1, time.Hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.cluster.write(b.attempt, "stdout", "text")
			b.copier.list = func() error {
				if row.times--; row.times < 0 {
					return nil
				}
				return row.err
			}
			m, err := b.finish(b.copier, func(f *Final) { f.Patience = row.patience })
			require.NoError(t, err)
			require.Equal(t, row.notes, m.Notes)
			require.Equal(t, row.notes == nil, m.Complete)
			require.Equal(t, "text", b.stored(b.attempt, "stdout"))
		})
	}
}

func TestFinishWaitsUntilItIsWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.copier.names = []string{"stdout"}
	looks := 0
	b.copier.growing = func() bool {
		if looks++; looks < 3 {
			b.cluster.write(b.attempt, "stdout", "more")
			return true
		}
		return false
	}
	m, err := b.finish(b.copier, patient)
	require.NoError(t, err)
	require.True(t, m.Complete)
	require.Equal(t, "moremore", b.stored(b.attempt, "stdout"))
}

func TestFinishSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		arrange func(*bundle)
		note    string
		stdout  string
	}{
		"still growing": {func(b *bundle) { b.copier.growing = func() bool { return true } }, "stdout is incomplete: it was still being written", "text"},
		"unavailable": {func(b *bundle) {
			b.cluster.read = func(context.Context, string) error { return job.Errorf(job.CodeUnavailable, "it is being gathered") }
		}, "stdout is incomplete: it is being gathered", ""},
		"an unknown failure": {func(b *bundle) {
			b.cluster.read = func(context.Context, string) error { return errors.New("reset by peer") }
		}, "stdout is incomplete: reset by peer", ""},
		"running": {func(b *bundle) { b.cluster.state = job.StateRunning }, "the application was running when its logs were archived", "text"},
		"down": {func(b *bundle) {
			b.cluster.observe = func(context.Context) error { return errors.New("refused") }
		}, "whether the application has ended is not known: refused", "text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.cluster.write(b.attempt, "stdout", "text")
			row.arrange(b)
			m, err := b.finish(b.copier)
			require.NoError(t, err)
			require.False(t, m.Complete)
			require.False(t, m.Streams[0].Complete)
			require.Equal(t, row.note, m.Notes[0])
			require.Equal(t, row.stdout, b.stored(b.attempt, "stdout"))

			// It stays so until somebody wants it completed.
			b.cluster.change(func() {
				b.cluster.state, b.cluster.read, b.cluster.observe, b.copier.growing = job.StateFailed, nil, nil, nil
			})
			was, err := b.finish(b.copier, patient)
			require.NoError(t, err)
			require.False(t, was.Complete)
			m, err = b.finish(b.copier, again)
			require.NoError(t, err)
			require.True(t, m.Complete)
			require.Equal(t, "text", b.stored(b.attempt, "stdout"))
		})
	}
}

// What will never come is not waited for.
func TestFinishOfLogsThatAreGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cluster.write(b.attempt, "stdout", "text")
	s, err := b.logs(b.attempt).Stream("stdout")
	require.NoError(t, err)
	_, err = source{b.cluster, b.attempt}.move(t.Context(), s, "stdout", liveChunk, nil)
	require.NoError(t, err)
	b.cluster.read = func(context.Context, string) error { return job.Errorf(job.CodeNotFound, "it was dropped") }
	m, err := b.finish(b.copier, func(f *Final) { f.Patience = time.Hour })
	require.NoError(t, err)
	require.Equal(t, []string{"stdout is incomplete: it was dropped"}, m.Notes)
	require.True(t, m.Streams[1].Complete, "nothing is known to be missing of stderr")

	b = setup(t)
	b.cluster.write(b.attempt, "stdout", "text")
	s, err = b.logs(b.attempt).Stream("stdout")
	require.NoError(t, err)
	_, err = source{b.cluster, b.attempt}.move(t.Context(), s, "stdout", liveChunk, nil)
	require.NoError(t, err)
	b.cluster.change(func() { b.cluster.streams[b.attempt]["stdout"] = "te" })
	m, err = b.finish(b.copier, func(f *Final) { f.Patience = time.Hour })
	require.NoError(t, err)
	require.Equal(t, []string{"stdout is incomplete: 4 bytes were archived while it was written, and now the cluster has 2"}, m.Notes)
}

func TestFinishOfWhatNeverRan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cluster.state = job.StateAbsent
	b.cluster.read = func(context.Context, string) error { return fs.ErrNotExist }
	m, err := b.finish(b.cluster, patient)
	require.NoError(t, err)
	require.True(t, m.Complete)
	require.Equal(t, []logstore.StreamEnd{{Name: "stdout", Complete: true}, {Name: "stderr", Complete: true}}, m.Streams)
}

// A cluster that hangs holds nothing up for longer than the patience and what the
// closing takes.
func TestFinishOfAClusterThatHangs(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, arrange := range map[string]func(*bundle){
		"observe": func(b *bundle) { b.cluster.observe = hang },
		"logs":    func(b *bundle) { b.cluster.read = func(ctx context.Context, _ string) error { return hang(ctx) } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			arrange(b)
			began := time.Now()
			m, err := b.finish(b.copier, func(f *Final) { f.Patience = 100 * time.Millisecond })
			took := time.Since(began)
			require.NoError(t, err)
			require.False(t, m.Complete)
			require.GreaterOrEqual(t, took, 100*time.Millisecond)
			require.Less(t, took, 100*time.Millisecond+4*closing)
			kept, err := b.logs(b.attempt).Manifest(t.Context())
			require.NoError(t, err)
			require.Equal(t, m, kept)

			// Nobody waits a second time.
			began = time.Now()
			_, err = b.finish(b.copier, again, func(f *Final) { f.Patience = time.Hour })
			require.NoError(t, err)
			require.Less(t, time.Since(began), 4*closing)
		})
	}
}

func TestFinishWithoutAStore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cluster.write(b.attempt, "stdout", "text")
	require.NoError(t, os.WriteFile(b.root+"/j", nil, 0o600)) // where a directory should be
	_, err := b.finish(b.copier, patient)
	require.Error(t, err)
}
