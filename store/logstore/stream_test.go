package logstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store/file"
)

func TestAppendAndRead(t *testing.T) {
	t.Parallel()
	appendAndRead(setup(t))
}

// appendAndRead is what every store must be good for.
func appendAndRead(b *bundle) {
	t := b.T
	s := b.stream()
	b.expect("")
	require.Zero(t, b.append(s, 4, ""))
	require.EqualValues(t, 3, b.append(s, 4, "abc"))
	require.Zero(t, b.append(s, 4, "abc"), "nothing new")
	require.EqualValues(t, 6, b.append(s, 4, "abcdefghi"))
	want := map[string]int64{"00000000000000000000": 3, "00000000000000000003": 4, "00000000000000000007": 2}
	require.Equal(t, want, b.chunks())
	size, chunks, err := s.Size(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 9, size)
	require.Equal(t, 3, chunks)
	b.expect("abcdefghi")

	// A writer that comes later goes on where the store stands.
	require.EqualValues(t, 3, b.append(b.stream(), 100, "abcdefghi\x00\xff\n"))
	b.expect("abcdefghi\x00\xff\n")

	for _, row := range []struct {
		offset int64
		limit  int
		want   string
	}{
		{0, 2, "ab"},
		{2, 3, "cde"},
		{3, 100, "defghi\x00\xff\n"},
		{6, 1, "g"},
		{7, 1, "h"},
		{-2, 10, "\xff\n"},
		{-100, 2, "ab"},
		{12, 1, ""},
		{1 << 40, 1, ""},
		{0, 0, ""},
		{0, -1, ""},
	} {
		data, size, err := b.stream().Read(t.Context(), row.offset, row.limit)
		require.NoError(t, err)
		require.EqualValues(t, 12, size)
		require.Equal(t, row.want, string(data), "%d bytes from %d", row.limit, row.offset)
	}
}

// Any ranges of any log, cut anyhow, are those of the log.
func TestReadAnyRange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		b := on(t, file.New(file.Options{}), filepath.Join(t.TempDir(), rapid.StringMatching(`[a-z]{12}`).Draw(r, "dir")))
		content := string(rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(r, "content"))
		for at := 0; at < len(content); {
			at = min(at+rapid.IntRange(1, 20).Draw(r, "step"), len(content))
			b.append(b.stream(), rapid.IntRange(1, 30).Draw(r, "chunk"), content[:at])
		}
		b.expect(content)
		from, limit := rapid.IntRange(0, 70).Draw(r, "from"), rapid.IntRange(0, 70).Draw(r, "limit")
		data, _, err := b.stream().Read(t.Context(), int64(from), limit)
		require.NoError(r, err)
		from = min(from, len(content))
		require.Equal(r, content[from:min(from+limit, len(content))], string(data))
	})
}

// Writers of the same log that know nothing of each other leave exactly the log.
func TestWritersAtOnce(t *testing.T) {
	t.Parallel()
	writersAtOnce(setup(t), 40)
}

func writersAtOnce(b *bundle, steps int) {
	t := b.T
	random := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, steps*97)
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	var grown, appended atomic.Int64
	var writers sync.WaitGroup
	for range 4 {
		s := b.stream()
		writers.Go(func() {
			for done := int64(0); done < int64(len(content)); {
				now := min(grown.Add(31), int64(len(content)))
				n, err := s.Append(t.Context(), 50, log(string(content[:now])))
				if job.CodeOf(err) != job.CodeUnavailable { // it may always come second
					require.NoError(t, err)
				}
				appended.Add(n)
				done, _, err = s.Size(t.Context())
				require.NoError(t, err)
			}
		})
	}
	writers.Wait()
	b.expect(string(content))
	require.EqualValues(t, len(content), appended.Load(), "each byte by one of them")
}

func TestOvertakenWriterGoesOnBehind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.stream()
	b.append(s, 10, "abc")
	b.chunk(3, "de") // by somebody else
	var from []int64
	n, err := s.Append(t.Context(), 10, func(w io.Writer, at int64) error {
		from = append(from, at)
		return log("abcdefg")(w, at)
	})
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Equal(t, []int64{3, 5}, from)
	b.expect("abcdefg")

	// However often the other is first, as long as the stream grows.
	times := 0
	b.files.create = func(string) error {
		if times++; times <= 3*5 {
			size := 6 + times
			b.chunk(size, "x")
		}
		return nil
	}
	n, err = s.Append(t.Context(), 100, log("abcdefg"+strings.Repeat("x", 20)))
	require.NoError(t, err)
	require.EqualValues(t, 5, n)
	b.expect("abcdefg" + strings.Repeat("x", 20))

	b.files.create = func(string) error { return fs.ErrExist }
	_, err = s.Append(t.Context(), 10, log("abcdefg"+strings.Repeat("x", 21)))
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.ErrorContains(t, err, "another writer")
}

// The answer to a creation may be lost.
func TestUncertainChunk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.stream()
	b.files.create = func(string) error {
		b.chunk(0, "abc")
		return errors.New("timeout")
	}
	_, err := s.Append(t.Context(), 10, log("abc"))
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	b.files.create = nil
	require.EqualValues(t, 1, b.append(s, 10, "abcd"))
	b.expect("abcd")
}

// What came before a source failed may not be the log.
func TestSourceFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broken := errors.New("broke off")
	n, err := b.stream().Append(t.Context(), 4, func(w io.Writer, _ int64) error {
		_, err := io.WriteString(w, "abcdef")
		require.NoError(t, err)
		return broken
	})
	require.ErrorIs(t, err, broken)
	require.EqualValues(t, 4, n)
	b.expect("abcd")

	// A source that wraps the writer's error does not hide it.
	b.files.create = func(string) error { return fs.ErrPermission }
	_, err = b.stream().Append(t.Context(), 1, func(w io.Writer, _ int64) error {
		if _, err := io.WriteString(w, "efgh"); err != nil {
			return errors.New("the source says something else")
		}
		return nil
	})
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(err), err)
}

func TestGapsAndOverlaps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.chunk(0, "abc")
	b.chunk(1, "bcde") // overlaps
	b.chunk(2, "cd")   // adds nothing
	b.chunk(7, "hij")  // behind a gap
	b.expect("abcde")
	data, _, err := b.stream().Read(t.Context(), 4, 10)
	require.NoError(t, err)
	require.Equal(t, "e", string(data))
	require.EqualValues(t, 3, b.append(b.stream(), 3, "abcdefgh"))
	b.expect("abcdefghij")
}

func TestForeignNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(b.stream(), 10, "abc")
	dir := filepath.Join(b.root, attempt.Job, "1", "stdout")
	for _, name := range []string{"3", "00000000000000000003x", ".00000000000000000003.tmp-1", "99999999999999999999", "0000000000000000000-3"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("junk"), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "00000000000000000003"), 0o700))
	b.expect("abc")
}

// A chunk that is not what it was is an error, never other bytes.
func TestDamagedChunks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(b.stream(), 3, "abcdef")
	path := filepath.Join(b.root, attempt.Job, "1", "stdout", "00000000000000000000")
	b.files.open = func(p string) error {
		if p == path {
			require.NoError(t, os.Truncate(path, 1))
		}
		return nil
	}
	_, _, err := b.stream().Read(t.Context(), 0, 10)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	b.files.open = func(string) error { return os.RemoveAll(path) }
	b.files.list = func(string) error { return os.WriteFile(path, []byte("abc"), 0o600) }
	_, _, err = b.stream().Read(t.Context(), 0, 10)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err), err)
}

func TestEndedContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.stream().Append(ctx, 10, log("abc"))
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = b.stream().Read(ctx, 0, 10)
	require.ErrorIs(t, err, context.Canceled)
}

// 200 MB, one line of them 5 MB long, pass through memory for a chunk.
func TestLargeLog(t *testing.T) { //nolint:paralleltest // it watches the memory
	const size, chunk = 200 << 20, 1 << 20
	b := setup(t)
	line := append(bytes.Repeat([]byte{'x'}, 5<<20), '\n')
	want := sha256.New()
	write := func(w io.Writer) {
		for n := 0; n < size; {
			k, err := w.Write(line[:min(len(line), size-n)])
			require.NoError(t, err)
			n += k
		}
	}
	write(want)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, err := b.stream().Append(t.Context(), chunk, func(w io.Writer, _ int64) error {
		write(w)
		return nil
	})
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	content, _, err := b.stream().Open(t.Context(), 0)
	require.NoError(t, err)
	got := sha256.New()
	_, err = io.Copy(got, content)
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.Equal(t, want.Sum(nil), got.Sum(nil))
	require.Less(t, int64(after.HeapSys)-int64(before.HeapSys), int64(32<<20), "bytes that the heap grew by")
	tail, _, err := b.stream().Read(t.Context(), -100, 100)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("x", 100), string(tail))
}
