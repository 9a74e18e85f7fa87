package starter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What a look ended with.
const (
	lookDone = "done"
	// lookRefused: all was looked at, but Temporal refused jobs.
	lookRefused = "refused"
	lookFailed  = "failed"
)

// What a starter did with a job.
const (
	jobStarted   = "started"
	jobCancelled = "cancelled"
	jobAdopted   = "adopted"
	jobEnded     = "ended"
)

// A starter is ready while the last job that it dealt with, or its last look that could
// be made, is at most so many poll intervals old, and in any case so long: a look at a
// long list takes longer than the interval.
const (
	readyPolls = 5
	readyLeast = 15 * time.Second
)

// counts are what a starter shows of itself.
type counts struct {
	looks, jobs *prometheus.CounterVec
	lastLook    prometheus.Gauge

	mu sync.Mutex
	// last is when model-manage was looked at to the end, or a job found there was dealt
	// with: many jobs take long. failure is why it could not be looked at since, nil if it
	// was.
	last    time.Time
	failure error
}

func newCounts() *counts {
	c := &counts{
		looks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stoker_starter_looks_total", Help: "Looks at model-manage for jobs to start or cancel, by result.",
		}, []string{"result"}),
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stoker_starter_jobs_total", Help: "Jobs that this starter did something about.",
		}, []string{"action"}),
		lastLook: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stoker_starter_last_look_timestamp_seconds", Help: "When this starter's last successful look ended, in Unix time; 0 before the first.",
		}),
	}
	for _, result := range []string{lookDone, lookRefused, lookFailed} {
		c.looks.WithLabelValues(result)
	}
	for _, action := range []string{jobStarted, jobCancelled, jobAdopted, jobEnded} {
		c.jobs.WithLabelValues(action)
	}
	return c
}

func (c *counts) register(r prometheus.Registerer) error {
	for _, metric := range []prometheus.Collector{c.looks, c.jobs, c.lastLook} {
		if err := r.Register(metric); err != nil {
			return fmt.Errorf("set up the starter's metrics: %w", err)
		}
	}
	return nil
}

// looked counts a look; err is why it failed, and refused that Temporal refused jobs.
func (c *counts) looked(err error, refused bool) {
	result := lookDone
	switch {
	case err != nil:
		result = lookFailed
	case refused:
		result = lookRefused
	}
	c.looks.WithLabelValues(result).Inc()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure = err; err == nil {
		c.last = time.Now()
		c.lastLook.Set(float64(c.last.UnixMilli()) / 1000)
	}
}

func (c *counts) did(action string) { c.jobs.WithLabelValues(action).Inc() }

// moved takes note of a job that model-manage listed and that was dealt with.
func (c *counts) moved() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = time.Now()
}

// ready says why no job is started, nil if they are.
func (s *Starter) ready(context.Context) error {
	c := s.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := max(readyPolls*s.options.PollInterval, readyLeast)
	age := time.Since(c.last)
	switch {
	case !c.last.IsZero() && age <= limit:
		return nil
	case c.failure != nil:
		return fmt.Errorf("cannot look for jobs: %w", c.failure)
	case c.last.IsZero():
		return errors.New("model-manage has not been looked at yet")
	}
	return fmt.Errorf("the last look for jobs, or job dealt with, was %s ago", age.Round(time.Second))
}
