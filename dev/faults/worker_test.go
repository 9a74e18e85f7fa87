package faults

import (
	"testing"
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
