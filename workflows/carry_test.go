package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/job"
)

// carried runs until the workflow continues as new and returns what it carries.
func (b *bundle) carried() Input {
	b.t.Helper()
	b.run()
	var again *workflow.ContinueAsNewError
	require.ErrorAs(b.t, b.env.GetWorkflowError(), &again)
	require.Equal(b.t, TypeSparkBatchJob, again.WorkflowType.Name)
	var in Input
	require.NoError(b.t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	return in
}

func TestContinueAsNewLosesNothing(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StatePending}, job.Observation{State: job.StateRunning, Began: job.BeganYes})
	b.after(time.Hour, func() { b.env.SetContinueAsNewSuggested(true) })
	began := b.env.Now()
	in := b.carried()
	require.Equal(t, b.key, in.Key)
	c := in.Carry
	require.NotNil(t, c)
	require.Equal(t, job.PhaseRunning, c.Phase)
	require.Equal(t, 1, c.Attempt)
	require.Equal(t, "local-model-manage-7/1", c.Application)
	require.Equal(t, b.spec, c.Spec)
	require.WithinDuration(t, began.Add(24*time.Hour), c.DeadlineAt, time.Second)
	require.False(t, c.RunningAt.IsZero())
	require.Equal(t, job.MilestoneRunning, c.Reported)

	next := setup2(b)
	next.observe = next.observing(job.Observation{State: job.StateRunning}, succeeded())
	next.env.ExecuteWorkflow(TypeSparkBatchJob, in)
	require.Equal(t, job.ResultSucceeded, next.outcome().Result)
	require.Equal(t, c.RunningAt.UTC(), next.result().RunningAt.UTC())
	for _, call := range []string{"load", "reserve", "stage", "submit", "report waiting", "report running"} {
		require.Zero(t, next.count(call), call)
	}
	require.Equal(t, 1, next.count("collect"))
	require.Equal(t, 1, next.count("clean"))
}

// setup2 is a bundle for the next run of the same test.
func setup2(b *bundle) *bundle {
	var next *bundle
	b.t.Run("next run", func(t *testing.T) { next = setupSerial(t) })
	next.t = b.t
	return next
}

func TestTheDeadlineIsKeptAcrossContinueAsNew(t *testing.T) {
	b := setup(t)
	b.spec.Deadline = 2 * time.Hour
	b.observe = b.observing(job.Observation{State: job.StateRunning})
	b.after(time.Hour, func() { b.env.SetContinueAsNewSuggested(true) })
	in := b.carried()
	next := setup2(b)
	next.env.SetStartTime(in.Carry.DeadlineAt.Add(-time.Hour))
	next.observe = next.observing(job.Observation{State: job.StateRunning})
	next.env.ExecuteWorkflow(TypeSparkBatchJob, in)
	require.Equal(t, job.ClassDeadline, next.outcome().Class)
	require.WithinDuration(t, in.Carry.DeadlineAt, next.result().EndedAt, time.Minute)
}

func TestACancelThatComesWithTheCutIsNotLost(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StateRunning})
	b.after(time.Hour, func() {
		b.env.SetContinueAsNewSuggested(true)
		b.env.SignalWorkflow(SignalCancel, nil)
	})
	b.run()
	require.Equal(t, job.ResultCancelled, b.outcome().Result)
}

func TestANativeCancelThatComesWithTheCutIsNotLost(t *testing.T) {
	b := setup(t)
	b.observe = b.observing(job.Observation{State: job.StateRunning})
	b.after(time.Hour, func() {
		b.env.SetContinueAsNewSuggested(true)
		b.env.CancelWorkflow()
	})
	b.run()
	require.Equal(t, job.ResultCancelled, b.outcome().Result)
}
