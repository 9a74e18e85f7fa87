package worker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/workflows"
)

// A worker schedules the sweeps of its clusters, follows its configuration, and takes
// a schedule away that is not wanted any more.
func TestSweepsAreScheduled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	schedules := b.temporal.schedules.have
	worker := func() *Worker { return &Worker{options: b.options} }
	worker().scheduleSweeps(t.Context())
	require.Len(t, schedules, len(b.options.Clusters))
	for name := range b.options.Clusters {
		schedule := schedules[workflows.SweepScheduleID(name)]
		require.Equal(t, 10*time.Minute, schedule.Spec.Intervals[0].Every)
		require.True(t, schedule.TriggerImmediately)
		action, _ := schedule.Action.(*client.ScheduleWorkflowAction)
		require.Equal(t, workflows.TypeSweep, action.Workflow)
		in, _ := action.Args[0].(workflows.SweepInput)
		require.Equal(t, name, in.Cluster)
		require.Equal(t, 10*time.Minute, in.Grace)
		require.False(t, in.IncludeUnknown, "that takes an operator")
		require.False(t, in.AcceptNamespace, "that takes an operator")
	}
	b.options.Config.Sweep.Interval = time.Hour
	worker().scheduleSweeps(t.Context())
	for _, schedule := range schedules {
		require.Equal(t, time.Hour, schedule.Spec.Intervals[0].Every)
	}
	b.options.Config.Sweep.Interval = 0
	worker().scheduleSweeps(t.Context())
	worker().scheduleSweeps(t.Context())
	require.Empty(t, schedules)
	b.options.Config.Sweep.Interval, b.options.Roles = time.Hour, []Role{RoleWorkflows, RoleControl}
	worker().scheduleSweeps(t.Context())
	require.Empty(t, schedules, "who serves no io leaves it to who does")
}
