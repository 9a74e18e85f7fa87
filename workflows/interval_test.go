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
	for _, row := range []struct {
		state   job.State
		looks   int
		watched bool
		want    time.Duration
	}{
		{job.StatePending, 0, false, 2 * time.Second},
		{job.StatePending, 2, false, 8 * time.Second},
		{job.StatePending, 60, false, 30 * time.Second},
		{job.StateRunning, 0, false, 15 * time.Second},
		{job.StateRunning, 60, false, 5 * time.Minute},
		{"", 0, false, 2 * time.Second},
		{"", 0, true, 30 * time.Second},
		{job.StatePending, 0, true, 30 * time.Second},
		{job.StatePending, 60, true, 2 * time.Minute},
		{job.StateRunning, 0, true, 2 * time.Minute},
		{job.StateRunning, 60, true, 15 * time.Minute},
		{job.StateAbsent, 0, true, 2 * time.Second},
		{job.StateAbsent, 60, true, 30 * time.Second},
	} {
		require.Equal(t, row.want, backstop(row.state, row.looks, row.watched), "%+v", row)
	}
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
