package telemetry

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// Routed is a metric of Stoker's own that workflows and activities count through the
// SDK's handler, which is silent while a history is replayed.
type Routed struct {
	// Name in full, as Prometheus shows it.
	Name, Help string
	// Labels it has. What the SDK adds, such as the task queue, is left out.
	Labels []string
	// Once names a tag: what comes with a value of it that came before is not counted
	// again. Values are remembered for a while.
	Once string
	// Buckets in seconds make it a histogram of times; without them it is a counter.
	Buckets []float64
}

// routed is one that is registered.
type routed struct {
	labels  []string
	once    string
	counts  *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	seen    seen
}

// seen remembers the last values, in two generations.
type seen struct {
	mu       sync.Mutex
	now, old map[string]bool
}

// mostSeen bounds a generation.
const mostSeen = 10000

// first reports whether a value comes for the first time. "" always does.
func (s *seen) first(value string) bool {
	if value == "" {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now[value] || s.old[value] {
		return false
	}
	if s.now == nil || len(s.now) >= mostSeen {
		s.old, s.now = s.now, map[string]bool{}
	}
	s.now[value] = true
	return true
}

// Route registers metrics and leads to them what the SDK's handler gets under their names.
func (m *Metrics) Route(all ...Routed) error {
	for _, r := range all {
		to := &routed{labels: r.Labels, once: r.Once}
		var collector prometheus.Collector
		if r.Buckets != nil {
			to.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: r.Name, Help: r.Help, Buckets: r.Buckets}, r.Labels)
			collector = to.seconds
		} else {
			to.counts = prometheus.NewCounterVec(prometheus.CounterOpts{Name: r.Name, Help: r.Help}, r.Labels)
			collector = to.counts
		}
		if err := m.registry.Register(collector); err != nil {
			return fmt.Errorf("register metric %s: %w", r.Name, err)
		}
		m.mu.Lock()
		m.routed[r.Name] = to
		m.mu.Unlock()
	}
	return nil
}

// Begin shows counters of a routed metric at 0 before anything is counted: of a series
// that begins with 1, Prometheus sees no increase.
func (m *Metrics) Begin(name string, values ...string) {
	m.find(name).counts.WithLabelValues(values...)
}

func (m *Metrics) find(name string) *routed {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.routed[name]
}

// values are the labels' values among tags, in order; "" for those that are missing.
func (r *routed) values(tags map[string]string) []string {
	values := make([]string, 0, len(r.labels))
	for _, label := range r.labels {
		values = append(values, tags[label])
	}
	return values
}

// handler leads routed metrics to their place, and all else to the SDK's own.
type handler struct {
	metrics *Metrics
	sdk     client.MetricsHandler
	tags    map[string]string
}

var _ client.MetricsHandler = handler{}

// WithTags implements client.MetricsHandler.
func (h handler) WithTags(tags map[string]string) client.MetricsHandler {
	all := make(map[string]string, len(h.tags)+len(tags))
	maps.Copy(all, h.tags)
	maps.Copy(all, tags)
	return handler{metrics: h.metrics, sdk: h.sdk.WithTags(tags), tags: all}
}

// Counter implements client.MetricsHandler.
func (h handler) Counter(name string) client.MetricsCounter {
	if to := h.metrics.find(name); to != nil && to.counts != nil {
		return counter{to, to.counts.WithLabelValues(to.values(h.tags)...), h.tags[to.once]}
	}
	return h.sdk.Counter(name)
}

// Gauge implements client.MetricsHandler.
func (h handler) Gauge(name string) client.MetricsGauge { return h.sdk.Gauge(name) }

// Timer implements client.MetricsHandler.
func (h handler) Timer(name string) client.MetricsTimer {
	if to := h.metrics.find(name); to != nil && to.seconds != nil {
		return timer{to, to.seconds.WithLabelValues(to.values(h.tags)...), h.tags[to.once]}
	}
	return h.sdk.Timer(name)
}

type counter struct {
	of    *routed
	total prometheus.Counter
	once  string
}

// Inc implements client.MetricsCounter.
func (c counter) Inc(n int64) {
	if c.of.seen.first(c.once) {
		c.total.Add(float64(n))
	}
}

type timer struct {
	of    *routed
	times prometheus.Observer
	once  string
}

// Record implements client.MetricsTimer.
func (t timer) Record(d time.Duration) {
	if t.of.seen.first(t.once) {
		t.times.Observe(d.Seconds())
	}
}
