package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	m.HTTP().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, recorder.Code)
	return recorder.Body.String()
}

// What the SDK counts has the names and units of Prometheus, no label that is everywhere
// the same, and buckets below a second.
func TestTheSDKsMetrics(t *testing.T) {
	t.Parallel()
	m, err := NewMetrics()
	require.NoError(t, err)
	sdk := m.Handler().WithTags(map[string]string{"task_queue": "spark"})
	sdk.Counter("temporal_request").Inc(3)
	sdk.Timer("temporal_request_latency").Record(40 * time.Millisecond)
	sdk.Gauge("temporal_num_pollers").Update(5)
	text := scrape(t, m)
	require.Contains(t, text, `# TYPE temporal_request_total counter`)
	require.Contains(t, text, `temporal_request_total{task_queue="spark"} 3`)
	require.Contains(t, text, `temporal_num_pollers{task_queue="spark"} 5`)
	require.Contains(t, text, `temporal_request_latency_seconds_bucket{task_queue="spark",le="0.025"} 0`)
	require.Contains(t, text, `temporal_request_latency_seconds_bucket{task_queue="spark",le="0.05"} 1`)
	require.NotContains(t, text, "target_info")
}

func TestRoutedMetrics(t *testing.T) {
	t.Parallel()
	m, err := NewMetrics()
	require.NoError(t, err)
	before := m.Handler() // the client has it before anything is routed
	require.NoError(t, m.Route(
		Routed{Name: "stoker_ends_total", Help: "Ends.", Labels: []string{"cluster", "outcome"}},
		Routed{Name: "stoker_phase_seconds", Help: "Phases.", Labels: []string{"phase"}, Buckets: []float64{1, 60}},
	))
	m.Begin("stoker_ends_total", "a", "lost")
	tagged := before.WithTags(map[string]string{"namespace": "default", "cluster": "a", "outcome": "x"})
	tagged.WithTags(map[string]string{"outcome": "failed"}).Counter("stoker_ends_total").Inc(2)
	before.Counter("stoker_ends_total").Inc(1)
	tagged.WithTags(map[string]string{"phase": "running"}).Timer("stoker_phase_seconds").Record(90 * time.Second)
	text := scrape(t, m)
	for _, line := range []string{
		`stoker_ends_total{cluster="a",outcome="lost"} 0`, `stoker_ends_total{cluster="a",outcome="failed"} 2`,
		`stoker_ends_total{cluster="",outcome=""} 1`,
		`stoker_phase_seconds_bucket{phase="running",le="60"} 0`, `stoker_phase_seconds_sum{phase="running"} 90`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.Error(t, m.Route(Routed{Name: "stoker_ends_total", Help: "Again."}))
}

// What comes twice is counted once: not by who was made for it, but by what it says.
func TestRoutedMetricsAreCountedOnce(t *testing.T) {
	t.Parallel()
	m, err := NewMetrics()
	require.NoError(t, err)
	require.NoError(t, m.Route(
		Routed{Name: "stoker_ends_total", Help: "Ends.", Once: "once"},
		Routed{Name: "stoker_phase_seconds", Help: "Phases.", Buckets: []float64{1}, Once: "once"},
	))
	for range 3 {
		tagged := m.Handler().WithTags(map[string]string{"once": "run/1"})
		tagged.Counter("stoker_ends_total").Inc(1)
		tagged.Timer("stoker_phase_seconds").Record(time.Second)
		m.Handler().WithTags(map[string]string{"once": "run/2"}).Counter("stoker_ends_total").Inc(1)
	}
	text := scrape(t, m)
	require.Contains(t, text, "stoker_ends_total 2\n")
	require.Contains(t, text, "stoker_phase_seconds_count 1\n")
}

// The memory of what came is bounded, and forgets the oldest.
func TestSeenIsBounded(t *testing.T) {
	t.Parallel()
	var s seen
	for i := range 5 * mostSeen {
		require.True(t, s.first(strconv.Itoa(i)))
		require.False(t, s.first(strconv.Itoa(i)))
	}
	require.LessOrEqual(t, len(s.now)+len(s.old), 2*mostSeen)
	require.False(t, s.first(strconv.Itoa(4*mostSeen+1)))
	require.True(t, s.first("1"))
}
