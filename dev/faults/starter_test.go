package faults

import (
	"testing"

	enums "go.temporal.io/api/enums/v1"

	"github.com/stoker-spark/stoker/dev/faults/bench"
)

// Jobs are started once whenever the starter dies, and however many there are.
func TestStarterKilled(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	b.Worker()
	for range 3 {
		s := b.Starter()
		j := b.Create(returning)
		b.Eventually("the workflow is there", func() bool {
			return j.Workflow() != enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
		})
		s.Kill()
	}
	late := b.Create(returning)
	b.Starter()
	for _, j := range b.Jobs {
		j.Ends(bench.Complete)
	}
	late.Ends(bench.Complete)
}

func TestTwoStarters(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	b.Worker()
	b.Starter()
	b.Starter()
	for range 6 {
		b.Create(returning)
	}
	for _, j := range b.Jobs {
		j.Ends(bench.Complete)
	}
}
