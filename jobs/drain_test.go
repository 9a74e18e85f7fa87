package jobs

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

// drainedLake is cluster lake as a list shows it.
func (b *bundle) drainedLake() ClusterView {
	b.Helper()
	all, err := b.service.Clusters(b.Context())
	require.NoError(b, err)
	require.Equal(b, "lake", all[0].Name)
	require.Nil(b, all[1].Drained, "the other cluster is open")
	return all[0]
}

func TestDrain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	synctest.Test(t, func(t *testing.T) {
		b.T = t
		require.Nil(t, b.drainedLake().Drained)
		began := time.Now().UTC()
		view, err := b.service.Drain(t.Context(), "lake", "ana", "new disks")
		require.NoError(t, err)
		require.Equal(t, &DrainView{By: "ana", Reason: "new disks", Since: began}, view.Drained)

		time.Sleep(time.Minute)
		again, err := b.service.Drain(t.Context(), "lake", "bob", "")
		require.NoError(t, err)
		require.Equal(t, view, again)
		view, err = b.service.Drain(t.Context(), "lake", "bob", "later")
		require.NoError(t, err)
		require.Equal(t, &DrainView{By: "bob", Reason: "later", Since: began}, view.Drained)
		require.Equal(t, view, b.drainedLake())

		view, err = b.service.Resume(t.Context(), "lake")
		require.NoError(t, err)
		require.Nil(t, view.Drained)
		_, err = b.service.Resume(t.Context(), "lake")
		require.NoError(t, err)
		require.Nil(t, b.drainedLake().Drained)
	})
}

// A cluster is empty only if nothing of Stoker can be on it.
func TestWhatIsLeftOnADrainedCluster(t *testing.T) {
	t.Parallel()
	const held = "cluster lake is drained by ana since 2000-01-01T00:00:00Z" // where virtual time begins
	for name, row := range map[string]struct {
		phase job.Phase
		view  *workflows.StatusView
		left  int64
	}{
		"loading":                        {job.PhaseLoading, nil, 0},
		"staging":                        {job.PhaseStaging, nil, 0},
		"held":                           {job.PhaseSubmitting, &workflows.StatusView{Obstacle: held}, 0},
		"being launched":                 {job.PhaseSubmitting, &workflows.StatusView{}, 1},
		"held for want of room":          {job.PhaseSubmitting, &workflows.StatusView{Obstacle: "the cluster is at its concurrency limit"}, 1},
		"held by the drain of another":   {job.PhaseSubmitting, &workflows.StatusView{Obstacle: "cluster lak is drained"}, 1},
		"held by a drain before":         {job.PhaseSubmitting, &workflows.StatusView{Obstacle: "cluster lake is drained by ana since 1999-12-31T23:00:00Z"}, 1},
		"being launched, nobody answers": {job.PhaseSubmitting, nil, 1},
		"waiting":                        {job.PhaseWaiting, nil, 1},
		"running":                        {job.PhaseRunning, nil, 1},
		"collecting":                     {job.PhaseCollecting, nil, 1},
		"cleaning":                       {job.PhaseCleaning, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			synctest.Test(t, func(t *testing.T) {
				b.T = t
				r := b.started("api-1", noon)
				r.attributes["SparkPhase"], r.view = string(row.phase), row.view
				_, err := b.service.Drain(t.Context(), "lake", "ana", "")
				require.NoError(t, err)
				require.EqualValues(t, 1, b.drainedLake().Drained.Live, "a launch may be under way")
				time.Sleep(settling)
				require.Equal(t, row.left, b.drainedLake().Drained.Live)
				require.Equal(t, row.left, b.drainedLake().Drained.Live)
				require.LessOrEqual(t, b.temporal.count("query "), 2, "whoever looks, each job is asked once in a while")
				r.end(completed, job.ResultSucceeded)
				time.Sleep(countedFor)
				require.Zero(t, b.drainedLake().Drained.Live)
			})
		})
	}
}

func TestDrainWithout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.service.Drain(t.Context(), "sea", "ana", "")
	b.code(job.CodeNotFound, err)
	require.ErrorContains(t, err, "there are lake, pond")
	_, err = b.service.Resume(t.Context(), "sea")
	b.code(job.CodeNotFound, err)

	// A cluster whose files are away is shown all the same, and not as open.
	b.stores["lake"].set(func(string) error { return errors.New("connection refused") })
	view := b.drainedLake()
	require.Nil(t, view.Drained)
	require.Contains(t, view.Problem, "connection refused")
	_, err = b.service.Drain(t.Context(), "lake", "ana", "")
	b.code(job.CodeUnavailable, err)
	b.stores["lake"].set(nil)

	_, err = b.service.Drain(t.Context(), "lake", "ana", "")
	require.NoError(t, err)
	b.setDown(errDown)
	_, err = b.service.Clusters(t.Context())
	b.code(job.CodeUnavailable, err)
}

// More jobs wait than fit into one page; none is left out, and each is told of the end.
func TestDrainOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		view := &workflows.StatusView{Obstacle: "cluster lake is drained by ana since 2000-01-01T00:00:00Z"}
		const many = askedPage + 10
		for i := range many {
			r := b.started(fmt.Sprintf("api-%d", i), noon)
			r.attributes["SparkPhase"], r.view = string(job.PhaseSubmitting), view
		}
		_, err := b.service.Drain(t.Context(), "lake", "ana", "")
		require.NoError(t, err)
		time.Sleep(settling)
		require.Zero(t, b.drainedLake().Drained.Live)
		b.temporal.runs[many-1].view = &workflows.StatusView{}
		time.Sleep(countedFor)
		require.EqualValues(t, 1, b.drainedLake().Drained.Live)
		_, err = b.service.Resume(t.Context(), "lake")
		require.NoError(t, err)
		require.Equal(t, many, b.temporal.count("signal "))
	})
}
