package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/client"
)

// Following reads a log along and keeps its digest.
type Following struct {
	u      *User
	rate   int64
	cancel context.CancelFunc
	ended  chan struct{}
	end    client.LogEnd
	err    error

	mu    sync.Mutex
	sum   hash.Hash
	bytes int64
	last  []byte
	began time.Time
}

// keptLast bytes of a log that is followed can be looked at.
const keptLast = 4 << 10

// Follow begins to follow a log, no faster than so many bytes per second; 0 is as fast as
// they come.
func (u *User) Follow(id, stream string, rate int64) *Following {
	ctx, cancel := context.WithCancel(u.Context())
	f := &Following{u: u, rate: rate, cancel: cancel, ended: make(chan struct{}), sum: sha256.New(), began: time.Now()}
	go func() {
		defer close(f.ended)
		f.end, f.err = u.Client.Logs(ctx, client.LogRequest{Job: id, Stream: stream, Follow: true}, f)
	}()
	u.Cleanup(f.Leave)
	return f
}

// Write takes what was read.
func (f *Following) Write(p []byte) (int, error) {
	if f.rate > 0 {
		time.Sleep(time.Duration(int64(len(p)) * int64(time.Second) / f.rate)) // that is how slow it is
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = f.sum.Write(p) // a hash never fails
	f.bytes += int64(len(p))
	f.last = append(f.last, p...)
	f.last = f.last[max(0, len(f.last)-keptLast):]
	return len(p), nil
}

// Bytes that have come.
func (f *Following) Bytes() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

// Last are the last bytes that have come.
func (f *Following) Last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.last)
}

// Reaches waits until so many bytes have come and returns how long that took.
func (f *Following) Reaches(bytes int64) time.Duration {
	f.u.Helper()
	began := time.Now()
	f.u.Eventually("the log is followed", func() bool { return f.Bytes() >= bytes })
	return time.Since(began)
}

// Leave breaks off.
func (f *Following) Leave() {
	f.cancel()
	<-f.ended
}

// Ends waits for the log's end, which must be a whole one, and returns its digest in hex.
func (f *Following) Ends() string {
	f.u.Helper()
	select {
	case <-f.ended:
	case <-time.After(patience):
		require.Fail(f.u, "the following does not end")
	}
	require.NoError(f.u, f.err)
	require.True(f.u, f.end.Finished)
	require.Empty(f.u, f.end.Missing)
	return hex.EncodeToString(f.sum.Sum(nil))
}
