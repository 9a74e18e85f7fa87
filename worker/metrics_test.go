package worker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/telemetry"
)

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	m.HTTP().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, recorder.Code)
	return recorder.Body.String()
}

// visibilityFake answers counts.
type visibilityFake struct {
	client.Client
	asked  []string
	answer func(query string) (int64, error)
}

func (f *visibilityFake) CountWorkflow(ctx context.Context, in *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, errors.New("a count without an end")
	}
	f.asked = append(f.asked, in.GetQuery())
	n, err := f.answer(in.GetQuery())
	return &workflowservice.CountWorkflowExecutionsResponse{Count: n}, err
}

// The open jobs of each cluster are counted by phase, with no more questions than are
// needed; what can't be counted is not shown.
func TestCensus(t *testing.T) {
	t.Parallel()
	metrics, err := telemetry.NewMetrics()
	require.NoError(t, err)
	fake := &visibilityFake{}
	c, err := newCensus(fake, "default", []string{"busy", "idle"}, metrics.Registerer())
	require.NoError(t, err)
	fake.answer = func(query string) (int64, error) {
		require.Contains(t, query, "WorkflowType = 'SparkBatchJob' AND ExecutionStatus = 'Running' AND ")
		switch {
		case strings.Contains(query, "IS NULL"):
			return 4, nil
		case !strings.Contains(query, "'busy'"):
			return 0, nil
		case strings.Contains(query, "'running'"):
			return 5, nil
		case strings.Contains(query, "'waiting'"):
			return 2, nil
		case strings.Contains(query, "SparkPhase"):
			return 0, nil
		}
		return 7, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it counts once
	c.run(ctx)
	text := scrape(t, metrics)
	for _, line := range []string{
		`stoker_jobs{cluster="",phase="loading"} 4`, `stoker_jobs{cluster="busy",phase="running"} 5`,
		`stoker_jobs{cluster="busy",phase="waiting"} 2`, `stoker_jobs{cluster="busy",phase="staging"} 0`,
		`stoker_jobs{cluster="idle",phase="running"} 0`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.Len(t, fake.asked, 5, "unloaded; busy: all, running, waiting; idle: all")

	fake.answer = func(string) (int64, error) { return 0, errors.New("too many requests") }
	c.run(ctx)
	require.NotContains(t, scrape(t, metrics), "stoker_jobs{")
}

// Every phase but the last, in which nothing stays, is counted.
func TestCensusKnowsEveryPhase(t *testing.T) {
	t.Parallel()
	require.ElementsMatch(t, job.Phases(), append([]job.Phase{job.PhaseDone}, phasesByUse...))
}

// probed is a cluster manager that answers as the test says.
type probed struct {
	spark.Manager
	hangs atomic.Bool
	at    time.Time
}

func (p *probed) Probe(ctx context.Context) error {
	if p.hangs.Load() {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (p *probed) SnapshotAt() time.Time { return p.at }

// A cluster that is out of reach, or does not answer, is 0 until it is back; the log says
// each change once.
func TestReach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reachable := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "stoker_cluster_reachable"}, []string{"cluster"})
		metrics, err := telemetry.NewMetrics()
		require.NoError(t, err)
		metrics.Registerer().MustRegister(reachable)
		var log bytes.Buffer
		manager := &probed{}
		r := reach{
			cluster: activities.Cluster{Name: "lake", Manager: manager}, reachable: reachable,
			logger: slog.New(slog.NewTextHandler(&log, nil)),
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.run(ctx); close(done) }()
		synctest.Wait()
		require.Contains(t, scrape(t, metrics), `stoker_cluster_reachable{cluster="lake"} 1`)
		require.Empty(t, log.String())

		manager.hangs.Store(true)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.Contains(t, scrape(t, metrics), `stoker_cluster_reachable{cluster="lake"} 0`)
		require.Equal(t, 1, strings.Count(log.String(), "out of reach"))

		manager.hangs.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Contains(t, scrape(t, metrics), `stoker_cluster_reachable{cluster="lake"} 1`)
		require.Equal(t, 1, strings.Count(log.String(), "reached again"))

		manager.hangs.Store(true)
		time.Sleep(reachEvery + time.Second)
		stop()
		<-done
		require.Contains(t, scrape(t, metrics), `stoker_cluster_reachable{cluster="lake"} 1`, "a stop is no outage")
	})
}

// The age is that of the moment when somebody looks; before the first snapshot there is none.
func TestSnapshotAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		metrics, err := telemetry.NewMetrics()
		require.NoError(t, err)
		manager := &probed{}
		metrics.Registerer().MustRegister(newAges(map[string]activities.Cluster{"lake": {Name: "lake", Manager: manager}}))
		require.NotContains(t, scrape(t, metrics), "snapshot")
		manager.at = time.Now()
		time.Sleep(90 * time.Second)
		require.Contains(t, scrape(t, metrics), `stoker_cluster_snapshot_age_seconds{cluster="lake"} 90`)
	})
}
