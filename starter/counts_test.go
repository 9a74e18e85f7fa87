package starter

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/telemetry"
)

// counting makes the bundle's starter count into metrics that are its own.
func (b *bundle) counting(t *testing.T, change func(*Options)) *telemetry.Metrics {
	t.Helper()
	metrics, err := telemetry.NewMetrics()
	require.NoError(t, err)
	o := b.starter.options
	o.Metrics = metrics
	if change != nil {
		change(&o)
	}
	b.starter, err = New(o)
	require.NoError(t, err)
	return metrics
}

var starters = regexp.MustCompile(`(?m)^stoker_starter_(?:looks|jobs).*$`)

// shown are the lines of the starter's counters.
func shown(t *testing.T, m *telemetry.Metrics) []string {
	t.Helper()
	recorder := httptest.NewRecorder()
	m.HTTP().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return starters.FindAllString(recorder.Body.String(), -1)
}

func TestWhatIsCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	metrics := b.counting(t, nil)
	expect := func(done, failed, refused, started, cancelled string) {
		t.Helper()
		require.Equal(t, []string{
			`stoker_starter_jobs_total{action="adopted"} 0`, `stoker_starter_jobs_total{action="cancelled"} ` + cancelled,
			`stoker_starter_jobs_total{action="ended"} 0`, `stoker_starter_jobs_total{action="started"} ` + started,
			`stoker_starter_looks_total{result="done"} ` + done, `stoker_starter_looks_total{result="failed"} ` + failed,
			`stoker_starter_looks_total{result="refused"} ` + refused,
		}, shown(t, metrics))
	}
	expect("0", "0", "0", "0", "0")
	b.documents[modelmanage.StatusCreated] = []string{"1", "2"}
	b.documents[modelmanage.StatusCancelled] = []string{"3"}
	b.starter.Look(t.Context())
	expect("1", "0", "0", "2", "1")
	b.starter.Look(t.Context())
	expect("2", "0", "0", "2", "1")

	b.documents[modelmanage.StatusCreated] = []string{"4", "5"}
	b.temporal.execute = func(id string) error {
		if id == "sparkjob-model-manage-4" {
			return serviceerror.NewInvalidArgument("too large")
		}
		return nil
	}
	b.starter.Look(t.Context())
	expect("2", "0", "1", "3", "1")
	b.registry.list = func(modelmanage.Status, func(modelmanage.Summary) error) error {
		return errors.New("connection refused")
	}
	b.starter.Look(t.Context())
	expect("2", "1", "1", "3", "1")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	b.starter.Look(over)
	expect("2", "1", "1", "3", "1")
}

// A starter is ready while it looks, and some intervals longer: one failed look in between
// is no reason to take it away.
func TestReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.counting(t, func(o *Options) { o.PollInterval = 10 * time.Second })
		require.ErrorContains(t, b.starter.ready(t.Context()), "not been looked at yet")
		list := b.registry.list
		down := func(modelmanage.Status, func(modelmanage.Summary) error) error {
			return errors.New("connection refused")
		}
		b.registry.list = down
		b.starter.Look(t.Context())
		require.ErrorContains(t, b.starter.ready(t.Context()), "connection refused")
		b.registry.list = list
		b.starter.Look(t.Context())
		require.NoError(t, b.starter.ready(t.Context()))
		b.registry.list = down
		time.Sleep(50 * time.Second)
		b.starter.Look(t.Context())
		require.NoError(t, b.starter.ready(t.Context()))
		time.Sleep(time.Second)
		require.ErrorContains(t, b.starter.ready(t.Context()), "connection refused")
		b.registry.list = list
		b.starter.Look(t.Context())
		time.Sleep(time.Minute)
		require.EqualError(t, b.starter.ready(t.Context()), "the last look for jobs, or job dealt with, was 1m0s ago", "one that hangs")
	})
}

// Thousands of jobs may take minutes: a starter that moves is ready.
func TestReadyWhileManyJobsAreDealtWith(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.counting(t, nil)
		b.temporal.execute = func(string) error { time.Sleep(9 * time.Second); return nil }
		b.temporal.signal = func(string) error { time.Sleep(9 * time.Second); return serviceerror.NewNotFound("it has ended") }
		list, calls := b.registry.list, 0
		b.registry.list = func(status modelmanage.Status, each func(modelmanage.Summary) error) error {
			return list(status, func(found modelmanage.Summary) error {
				err := each(found)
				require.NoError(t, b.starter.ready(t.Context()), "job %s", found.ID)
				calls++
				return err
			})
		}
		b.documents[modelmanage.StatusCreated] = []string{"1", "2", "3"}
		b.documents[modelmanage.StatusCancelled] = []string{"4", "5", "6"}
		b.starter.Look(t.Context())
		require.Equal(t, 6, calls)
	})
}

// A Temporal that is away moves nothing, whatever model-manage lists.
func TestNotReadyThoughJobsAreListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.counting(t, nil)
	b.documents[modelmanage.StatusCreated] = []string{"1"}
	b.temporal.execute = func(string) error { return serviceerror.NewUnavailable("away") }
	b.starter.Look(t.Context())
	require.ErrorContains(t, b.starter.ready(t.Context()), "away")
}

// A job that Temporal refuses is its own misfortune.
func TestReadyThoughAJobIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.counting(t, nil)
	b.documents[modelmanage.StatusCreated] = []string{"1"}
	b.temporal.execute = func(string) error { return serviceerror.NewInvalidArgument("too large") }
	b.starter.Look(t.Context())
	require.NoError(t, b.starter.ready(t.Context()))
}

func TestServes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	metrics := b.counting(t, nil)
	served, err := telemetry.Serve("127.0.0.1:0", metrics, b.starter.ready)
	require.NoError(t, err)
	taken := served.Address()
	b.counting(t, func(o *Options) { o.HTTPAddress = taken })
	require.ErrorContains(t, b.starter.Run(t.Context()), "choose another address", "it says so instead of running unseen")
	over, stop := context.WithCancel(t.Context())
	stop()
	b.counting(t, func(o *Options) { o.HTTPAddress, o.HTTPOptional = taken, true })
	require.NoError(t, b.starter.Run(over), "any number may run on a host")
	require.Equal(t, 1, b.logged("going on without health and metrics; --http"))
	b.counting(t, func(o *Options) { o.HTTPAddress, o.HTTPOptional = "no address", true })
	require.Error(t, b.starter.Run(over))
	b.counting(t, func(o *Options) { o.HTTPAddress = taken })
	require.NoError(t, served.Close(t.Context()))

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.starter.Run(ctx) }()
	get := func(path string) (status int, body string) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+taken+path, http.NoBody)
		require.NoError(t, err)
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			return 0, ""
		}
		defer r.Body.Close() //nolint:errcheck // only read
		text, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return r.StatusCode, string(text)
	}
	require.Eventually(t, func() bool { status, _ := get("/readyz"); return status == http.StatusOK }, 10*time.Second, 5*time.Millisecond)
	status, _ := get("/healthz")
	require.Equal(t, http.StatusOK, status)
	_, page := get("/metrics")
	require.Contains(t, page, "stoker_starter_looks_total")
	require.Regexp(t, `stoker_starter_last_look_timestamp_seconds 1\.[0-9]+e\+09`, page)
	cancel()
	require.NoError(t, <-ended)

	o := b.starter.options
	o.Metrics = nil
	_, err = New(o)
	require.Error(t, err)
}
