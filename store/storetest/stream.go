package storetest

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/store"
)

// mostMemory is how much memory may grow, in bytes, while a file of any size is
// written or read.
const mostMemory = 24 << 20

// garbage is how much there may be, in percent of what is held, before it is collected.
const garbage = 20

// Stream writes and reads back a file of a size in bytes, proves that neither
// holds it in memory, and logs the speed of both. Nothing else may run meanwhile.
func Stream(t *testing.T, st store.Store, path string, size int64) {
	t.Helper()
	stream(t, t.Context(), st, path, size)
}

func stream(t testing.TB, ctx context.Context, st store.Store, path string, size int64) { //nolint:revive // t first, as everywhere in tests
	t.Helper()
	watched := watchMemory()
	begun := time.Now()
	n, err := st.Write(ctx, path, &pattern{size: size}, 0o644)
	wrote := time.Since(begun)
	require.NoError(t, err)
	require.Equal(t, size, n)
	info, err := st.Stat(ctx, path)
	require.NoError(t, err)
	require.Equal(t, size, info.Size)

	begun = time.Now()
	r, err := st.Open(ctx, path)
	require.NoError(t, err)
	defer r.Close() //nolint:errcheck // opened for reading
	want, got := make([]byte, 1<<20), make([]byte, 1<<20)
	for p := (&pattern{size: size}); p.at < size; {
		part := min(int64(len(want)), size-p.at)
		_, err := io.ReadFull(p, want[:part])
		require.NoError(t, err)
		_, err = io.ReadFull(r, got[:part])
		require.NoError(t, err)
		require.True(t, bytes.Equal(want[:part], got[:part]), "differs before byte %d", p.at)
	}
	_, err = r.Read(got)
	require.ErrorIs(t, err, io.EOF)
	grown := watched()
	read := time.Since(begun)
	t.Logf("%d MiB: written in %v, read in %v, %d KiB of memory", size>>20, wrote.Round(time.Millisecond), read.Round(time.Millisecond), grown>>10)
	require.Less(t, grown, int64(mostMemory), "memory grew with the file")
}

// watchMemory returns what ends the watching and tells by how much, in bytes, the
// heap, or all that was taken from the system, had grown at most. Meanwhile garbage is
// collected before there is much of it: a fast server makes a lot, which is not held.
func watchMemory() func() int64 {
	collect := debug.SetGCPercent(garbage)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	most := before.HeapAlloc
	look := func() {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		if now.HeapAlloc > before.HeapAlloc+mostMemory {
			// What waits for a collector without a processor is not held.
			runtime.GC()
			runtime.ReadMemStats(&now)
		}
		most = max(most, now.HeapAlloc)
	}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				look()
			case <-done:
				look()
				return
			}
		}
	})
	return func() int64 {
		defer debug.SetGCPercent(collect)
		close(done)
		watching.Wait()
		var after runtime.MemStats
		runtime.ReadMemStats(&after)
		return max(int64(most)-int64(before.HeapAlloc), int64(after.Sys)-int64(before.Sys))
	}
}

// pattern is reproducible content of a size: byte n is n modulo 251.
type pattern struct{ at, size int64 }

const period = 251

// repeated is the pattern from 0 on.
var repeated = func() []byte {
	b := make([]byte, period*2048)
	for i := range b {
		b[i] = byte(i % period)
	}
	return b
}()

func (p *pattern) Read(b []byte) (int, error) {
	left := p.size - p.at
	if left == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(int64(len(b)), left)], repeated[p.at%period:])
	p.at += int64(n)
	return n, nil
}
