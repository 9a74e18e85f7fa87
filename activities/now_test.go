package activities

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

// refresherFake is a manager whose Observe is a little late.
type refresherFake struct{ *managerFake }

func (refresherFake) Observe(context.Context, job.Attempt) (job.Observation, error) {
	return job.Observation{State: job.StateRunning}, nil
}

func (refresherFake) ObserveNow(context.Context, job.Attempt) (job.Observation, error) {
	return job.Observation{State: job.StateSucceeded}, nil
}

func TestNewsIsNotLookedUpInAnOldList(t *testing.T) {
	t.Parallel()
	for now, want := range map[bool]job.State{false: job.StateRunning, true: job.StateSucceeded} {
		b := setup(t)
		b.cluster.Manager = refresherFake{b.manager}
		value, err := b.environment().ExecuteActivity("Observe", ObserveInput{Cluster: "local", Attempt: attempts("1")[0], Now: now})
		require.NoError(t, err)
		var o job.Observation
		require.NoError(t, value.Get(&o))
		require.Equal(t, want, o.State)
	}
}
