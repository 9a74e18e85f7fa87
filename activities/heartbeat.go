package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
)

// beatEvery is well below the heartbeat timeouts of the workflows.
const beatEvery = 3 * time.Second

// progress is what a heartbeat says.
type progress struct {
	bytes atomic.Int64
}

func (p *progress) add(n int64) { p.bytes.Add(n) }

// beat heartbeats until the returned function is called, if that takes longer
// than a moment. Cancellation reaches an activity only through its heartbeats,
// and their absence is how a dead worker is told from a slow one.
func beat(ctx context.Context, p *progress) (stop func()) {
	done := make(chan struct{})
	record := func() {
		var bytes int64
		if p != nil {
			bytes = p.bytes.Load()
		}
		activity.RecordHeartbeat(ctx, bytes)
	}
	go func() {
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				record()
			}
		}
	}()
	return func() { close(done) }
}
