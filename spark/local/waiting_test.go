package local_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local"
)

// An application that found no room is hinted at when another ends, and its
// note is gone once it was launched or released.
func TestWaitingApplicationIsToldOfRoom(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *local.Options) { o.Concurrency = 1 })
	b.stage(false, `wait("go")`)
	b.submit()
	other := b.another()
	other.stage(false, `note("other")
wait("end")`)
	require.ErrorIs(t, b.m.Submit(t.Context(), other.attempt), spark.ErrBusy)
	require.ErrorIs(t, b.m.Submit(t.Context(), other.attempt), spark.ErrBusy, "waiting twice is waiting once")
	notes := func() int {
		list, err := os.ReadDir(filepath.Join(b.opts.Root, ".waiting"))
		require.NoError(t, err)
		return len(list)
	}
	require.Equal(t, 1, notes())

	ctx, cancel := context.WithCancel(t.Context())
	hints := make(chan job.Attempt, 100)
	done := make(chan error, 1)
	go func() { done <- b.m.Changes(ctx, hints) }()
	b.let("go")
	deadline := time.After(patience)
	for told := false; !told; {
		select {
		case attempt := <-hints:
			told = attempt == other.attempt
		case <-deadline:
			require.FailNow(t, "the waiting application was not told")
		}
	}
	b.eventually("there is room", func() bool { return b.m.Submit(t.Context(), other.attempt) == nil })
	require.Zero(t, notes())
	// By now it looks rarely by itself, and no driver of ours says that it has begun.
	select {
	case attempt := <-hints:
		require.Equal(t, other.attempt, attempt)
		require.Equal(t, job.StateRunning, other.observe().State)
	case <-time.After(patience):
		require.FailNow(t, "nobody was told that it runs")
	}
	b.let("end")
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}
