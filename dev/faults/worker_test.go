package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
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
			first := b.Holding(point)
			b.Starter()
			j := b.Create(returning)
			b.Held(point)
			first.Kill()
			b.Release()
			b.Worker()
			j.Ends(bench.Complete)
		})
	}
}

// A worker that is told to stop lets the application go on.
func TestWorkerStopped(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	first := b.Worker()
	b.Starter()
	j := b.Create(waiting)
	j.Reaches("RUNNING")
	require.Less(t, first.Stop(), 30*time.Second)
	require.Len(t, supervisors(b), 1, "the application goes on")
	b.Worker()
	j.Let()
	j.Ends(bench.Complete)
}

// A job says that nobody serves its cluster, and goes on once somebody does.
func TestNoWorkerServesCluster(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	b.Worker("--role", "workflows")
	b.Starter()
	j := b.Create(returning)
	const words = "no worker serves cluster local"
	b.Eventually("the status says it", func() bool {
		view, err := j.Status()
		return err == nil && strings.Contains(view.Obstacle, words) && !view.OutageSince.IsZero()
	})
	b.Eventually("the current details say it", func() bool { return strings.Contains(j.CurrentDetails(), words) })
	b.Worker("--role", "control", "--role", "io")
	j.Ends(bench.Complete)
}

// A job that takes longer than its deadline is killed.
func TestDeadline(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	b.Worker()
	b.Starter()
	j := b.Create(waiting, bench.Object{"stoker.deadline": "6s"})
	j.Reaches("RUNNING")
	j.Ends(bench.Failed)
	require.Contains(t, j.Messages(), "deadline of 6s")
}
