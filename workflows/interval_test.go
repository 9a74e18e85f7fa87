package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
)

func TestBackstopGrowsToItsLimit(t *testing.T) {
	t.Parallel()
	require.Equal(t, 2*time.Second, backstop(job.StatePending, 0))
	require.Equal(t, 8*time.Second, backstop(job.StatePending, 2))
	require.Equal(t, 30*time.Second, backstop(job.StatePending, 60))
	require.Equal(t, 15*time.Second, backstop(job.StateRunning, 0))
	require.Equal(t, 5*time.Minute, backstop(job.StateRunning, 60))
}

func TestJitterIsSmallAndTheSameInAReplay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Hour)).Draw(t, "d"))
		name, turn := rapid.String().Draw(t, "name"), rapid.IntRange(0, 1e6).Draw(t, "turn")
		j := jittered(d, name, turn)
		require.Equal(t, j, jittered(d, name, turn))
		require.InDelta(t, float64(d), float64(j), float64(d)/10+1)
	})
	require.NotEqual(t, jittered(time.Minute, "a", 1), jittered(time.Minute, "b", 1))
}
