package faults

import (
	"testing"

	enums "go.temporal.io/api/enums/v1"
)

// Jobs are started once whenever the starter dies, and however many there are.
func TestStarterKilled(t *testing.T) {
	long(t)
	b := newBench(t)
	b.worker()
	for range 3 {
		s := b.starter()
		j := b.create(returning)
		b.eventually("the workflow is there", func() bool {
			return j.workflow() != enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
		})
		s.kill()
	}
	late := b.create(returning)
	b.starter()
	for _, j := range b.jobs {
		j.ends(complete)
	}
	late.ends(complete)
}

func TestTwoStarters(t *testing.T) {
	long(t)
	b := newBench(t)
	b.worker()
	b.starter()
	b.starter()
	for range 6 {
		b.create(returning)
	}
	for _, j := range b.jobs {
		j.ends(complete)
	}
}
