package api

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/telemetry/tracetest"
)

// A request's span has the name of its route, which are few, and nothing of its token,
// its query or its body; what asks every few seconds has none.
func TestTracesOfRequests(t *testing.T) {
	collector := tracetest.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	traces, err := telemetry.OpenTraces(t.Context(), "stoker-api", "", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	b := setup(t, func(o *Options) { o.Traces = traces })
	require.Equal(t, http.StatusOK, b.get("ana", "/v1/jobs/api-1").StatusCode)
	require.Equal(t, http.StatusOK, b.get("ana", "/v1/jobs?user=hunter2").StatusCode)
	b.problem(b.do("ana", http.MethodPost, "/v1/jobs", strings.Repeat("hunter2", maxBody)), http.StatusRequestEntityTooLarge)
	b.problem(b.get("ana", "/v1/no/such/route"), http.StatusNotFound)
	require.Equal(t, http.StatusOK, b.get("", "/healthz").StatusCode)
	traces.Close()
	var names []string
	for _, span := range collector.Spans() {
		names = append(names, span.GetName())
	}
	require.Equal(t, []string{"GET /v1/jobs/:id", "GET /v1/jobs", "POST /v1/jobs", "GET none"}, names)
	collector.RequireWordless(t, "hunter2", tokens["ana"])
}
