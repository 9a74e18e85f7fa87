package api

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadinessIsAskedOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReadiness()
		looks := 0
		answer := errors.New("no worker")
		look := func(context.Context) error {
			looks++
			time.Sleep(100 * time.Millisecond)
			return answer
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { require.ErrorIs(t, r.ask(t.Context(), look), answer) })
		}
		all.Wait()
		require.Equal(t, 1, looks)

		gone, cancel := context.WithCancel(t.Context())
		cancel()
		time.Sleep(readyFor)
		answer = nil
		_ = r.ask(gone, look)
		require.NoError(t, r.ask(t.Context(), look))
		require.NoError(t, r.ask(t.Context(), func(context.Context) error { panic("it was asked a moment ago") }))
	})
}
