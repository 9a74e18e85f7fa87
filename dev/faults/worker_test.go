package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/sdk/v1"
)

// points are where a worker can be killed in the life of a job that succeeds.
var points = []string{
	"load:before", "load:after", "reserve:before", "reserve:after", "stage:before", "stage:after",
	"submit:before", "intent:after", "launch:after", "submit:after", "watch:before", "watch:after",
	"collect:before", "collect:after", "report:before", "report:after", "clean:before", "clean:after",
}

// Another worker takes over wherever the first one was killed.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			b := newBench(t)
			first := b.holding(point)
			b.starter()
			j := b.create(returning)
			b.held(point)
			first.kill()
			b.release()
			b.worker()
			j.ends(complete)
		})
	}
}

// A worker that is told to stop lets the application go on.
func TestWorkerStopped(t *testing.T) {
	long(t)
	b := newBench(t)
	first := b.worker()
	b.starter()
	j := b.create(waiting)
	j.reaches("RUNNING")
	require.Less(t, first.stop(), 30*time.Second)
	require.Len(t, b.supervisors(), 1, "the application goes on")
	b.worker()
	j.let()
	j.ends(complete)
}

// A job says that nobody serves its cluster, and goes on once somebody does.
func TestNoWorkerServesCluster(t *testing.T) {
	long(t)
	b := newBench(t)
	b.worker("--role", "workflows")
	b.starter()
	j := b.create(returning)
	const words = "no worker serves cluster local"
	b.eventually("the status says it", func() bool {
		view, err := j.status()
		return err == nil && strings.Contains(view.Obstacle, words) && !view.OutageSince.IsZero()
	})
	b.eventually("the current details say it", func() bool { return strings.Contains(j.currentDetails(), words) })
	b.worker("--role", "control", "--role", "io")
	j.ends(complete)
}

// currentDetails are what the Web UI shows.
func (j *given) currentDetails() string {
	value, err := j.b.client.QueryWorkflow(j.b.Context(), j.key.WorkflowID(), "", "__temporal_workflow_metadata")
	if err != nil {
		return ""
	}
	var metadata sdk.WorkflowMetadata
	require.NoError(j.b, value.Get(&metadata))
	return metadata.GetCurrentDetails()
}

// A job that takes longer than its deadline is killed.
func TestDeadline(t *testing.T) {
	long(t)
	b := newBench(t)
	b.worker()
	b.starter()
	j := b.create(waiting, object{"stoker.deadline": "6s"})
	j.reaches("RUNNING")
	j.ends(failed)
	require.Contains(t, j.messages(), "deadline of 6s")
}
