package activities

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
)

// beats runs an activity of some length and returns what it heartbeat.
func beats(t *testing.T, work func(ctx context.Context, p *progress)) []int64 {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestActivityEnvironment()
	var said []int64
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var bytes int64
		require.NoError(t, details.Get(&bytes))
		said = append(said, bytes)
	})
	env.RegisterActivityWithOptions(func(ctx context.Context) error {
		var p progress
		defer beat(ctx, &p)()
		work(ctx, &p)
		return nil
	}, activity.RegisterOptions{Name: "work"})
	_, err := env.ExecuteActivity("work")
	require.NoError(t, err)
	return said
}

func TestBeatSaysHowMuchIsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		said := beats(t, func(_ context.Context, p *progress) {
			p.add(10)
			time.Sleep(beatEvery + time.Millisecond)
			p.add(32)
			time.Sleep(time.Minute) // the SDK passes on one in a while
		})
		require.Equal(t, int64(10), said[0])
		require.Equal(t, int64(42), said[len(said)-1])
	})
}

func TestBeatOfAShortActivity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		require.Empty(t, beats(t, func(context.Context, *progress) {}))
	})
}

// Silence is how a dead worker is found out.
func TestBeatEndsWithItsActivity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		said := beats(t, func(context.Context, *progress) { time.Sleep(beatEvery + time.Millisecond) })
		time.Sleep(10 * beatEvery)
		require.Len(t, said, 1)
	})
}
