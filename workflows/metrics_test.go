package workflows

import (
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// tally keeps what a workflow counts, by name and the values of its own labels.
type tally struct {
	mu     sync.Mutex
	counts map[string]int64
	times  map[string][]time.Duration
}

func newTally() *tally {
	return &tally{counts: map[string]int64{}, times: map[string][]time.Duration{}}
}

// tallyHandler is a tally with tags.
type tallyHandler struct {
	client.MetricsHandler
	tally *tally
	tags  map[string]string
}

func (h tallyHandler) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(tags)
	for k, v := range h.tags {
		if _, ok := all[k]; !ok {
			all[k] = v
		}
	}
	return tallyHandler{h.MetricsHandler, h.tally, all}
}

// key is the metric with its labels' values, none for those it has not.
func (h tallyHandler) key(name string) string {
	parts := []string{name}
	for _, label := range []string{"cluster", "phase", "kind", "outcome", "class", "result"} {
		if value, ok := h.tags[label]; ok {
			parts = append(parts, value)
		}
	}
	return strings.Join(parts, " ")
}

type counting func(int64)

func (c counting) Inc(n int64) { c(n) }

type timing func(time.Duration)

func (t timing) Record(d time.Duration) { t(d) }

func (h tallyHandler) Counter(name string) client.MetricsCounter {
	return counting(func(n int64) {
		if strings.HasPrefix(name, "stoker_") {
			h.tally.mu.Lock()
			defer h.tally.mu.Unlock()
			h.tally.counts[h.key(name)] += n
		}
	})
}

func (h tallyHandler) Timer(name string) client.MetricsTimer {
	return timing(func(d time.Duration) {
		if strings.HasPrefix(name, "stoker_") {
			h.tally.mu.Lock()
			defer h.tally.mu.Unlock()
			h.tally.times[h.key(name)] = append(h.tally.times[h.key(name)], d)
		}
	})
}

// phases is in which phases stays ended, and how often.
func (t *tally) phases(cluster string) map[string]int {
	found := map[string]int{}
	for key, times := range t.times {
		if phase, ok := strings.CutPrefix(key, MetricPhase+" "+cluster+" "); ok {
			found[phase] = len(times)
		}
	}
	return found
}

func TestAJobIsCounted(t *testing.T) {
	b := setup(t)
	looks := 0
	b.observe = func(activities.ObserveInput) (job.Observation, error) {
		switch looks++; {
		case b.env.Now().Before(b.began.Add(time.Minute)):
			return job.Observation{State: job.StatePending}, nil
		case b.env.Now().Before(b.began.Add(time.Hour)):
			return job.Observation{State: job.StateRunning, Began: job.BeganYes}, nil
		}
		return succeeded(), nil
	}
	b.run()
	require.Equal(t, job.ResultSucceeded, b.outcome().Result)
	require.Equal(t, map[string]int64{
		MetricLaunches + " local started": 1, MetricFinished + " local scoring succeeded ": 1,
	}, b.tally.counts)
	require.Equal(t, map[string]int{
		"loading": 1, "reserving": 1, "staging": 1, "submitting": 1, "waiting": 1, "running": 1, "collecting": 1, "reporting": 1, "cleaning": 1,
	}, b.tally.phases("local"))
	waited, ran := b.tally.times[MetricPhase+" local waiting"][0], b.tally.times[MetricPhase+" local running"][0]
	require.InDelta(t, time.Minute, waited, float64(time.Minute))
	require.InDelta(t, time.Hour, waited+ran, float64(10*time.Minute))
}

func TestWhatHappensAtALaunchIsCounted(t *testing.T) {
	open := job.Standing{State: job.StandingOpen}
	for name, row := range map[string]struct {
		change func(*bundle)
		want   map[string]int64
	}{
		"busy": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{Standing: open, Busy: b.count("submit") <= 3}, nil
			}
		}, map[string]int64{
			MetricLaunches + " local busy": 3, MetricLaunches + " local started": 1, MetricFinished + " local scoring succeeded ": 1,
		}},
		"revoked": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{Standing: open, Revoked: true}, nil
			}
		}, map[string]int64{MetricLaunches + " local revoked": 1, MetricFinished + " local scoring failed submission": 1}},
		"refused": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{}, final(job.CodeUnauthorized, "no")
			}
			b.observe = b.observing(job.Observation{State: job.StateAbsent, Began: job.BeganNo})
		}, map[string]int64{MetricLaunches + " local failed": 1, MetricFinished + " local scoring failed submission": 1}},
		"nobody knows": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{}, final(job.CodeUnauthorized, "no")
			}
			b.observe = b.observing(job.Observation{State: job.StateAbsent})
		}, map[string]int64{MetricLaunches + " local unknown": 1, MetricFinished + " local scoring lost ": 1}},
		"it went out all the same": {func(b *bundle) {
			b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{}, final(job.CodeUnauthorized, "no")
			}
		}, map[string]int64{MetricLaunches + " local started": 1, MetricFinished + " local scoring succeeded ": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			row.change(b)
			b.run()
			require.Equal(t, row.want, b.tally.counts, b.outcome().String())
		})
	}
}

// A job that is not valid may name any cluster: its name is no label.
func TestAnInvalidJobNamesNoClusterInMetrics(t *testing.T) {
	b := setup(t)
	b.load = func() (activities.LoadResult, error) {
		spec := b.spec
		spec.Cluster = "made-up"
		return activities.LoadResult{Spec: spec, Problems: []string{"no such cluster"}, Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	b.run()
	require.Equal(t, map[string]int64{MetricFinished + "  scoring failed invalid": 1}, b.tally.counts)
	for key := range b.tally.times {
		require.NotContains(t, key, "made-up")
	}
}

// An end that was on record before, as after a reset, was counted then.
func TestAnEndOnRecordIsNotCounted(t *testing.T) {
	b := setup(t)
	b.load = func() (activities.LoadResult, error) {
		return activities.LoadResult{Spec: b.spec, Standing: job.Standing{State: job.StandingEnded, Result: job.ResultSucceeded}}, nil
	}
	b.run()
	require.Empty(t, b.tally.counts)
}

// Each attempt's phases are timed, and so is a phase that goes on in another run.
func TestPhasesAreTimedAcrossAttemptsAndRuns(t *testing.T) {
	b := setup(t)
	b.submit = func(in activities.SubmitInput) (activities.SubmitResult, error) {
		if in.Attempt.Number == 2 {
			b.observe = b.observing(job.Observation{State: job.StateRunning, Began: job.BeganYes})
		}
		return activities.SubmitResult{Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	b.observe = b.observing(job.Observation{State: job.StateFailed, Restarted: true, Began: job.BeganNo, Raw: "the host restarted"})
	b.after(time.Hour, func() { b.env.SetContinueAsNewSuggested(true) })
	in := b.carried()
	require.Equal(t, 2, in.Carry.Attempt)
	require.Equal(t, map[string]int{
		"loading": 1, "reserving": 2, "staging": 2, "submitting": 2, "waiting": 2,
	}, b.tally.phases("local"))

	next := setup2(b)
	next.env.SetStartTime(in.Carry.PhaseSince.Add(3 * time.Hour))
	next.observe = next.observing(succeeded())
	next.env.ExecuteWorkflow(TypeSparkBatchJob, in)
	require.Equal(t, job.ResultSucceeded, next.outcome().Result)
	ran := next.tally.times[MetricPhase+" local running"]
	require.Len(t, ran, 1)
	require.InDelta(t, 3*time.Hour, ran[0], float64(time.Minute))
}
