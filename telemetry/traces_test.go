package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/telemetry/tracetest"
)

// otelVariables are emptied, so that nothing of the test's own environment counts.
func otelVariables(t *testing.T, set map[string]string) {
	t.Helper()
	for _, name := range []string{
		envEndpoint, envTracesEndpoint, "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_SERVICE_NAME",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_RESOURCE_ATTRIBUTES",
	} {
		t.Setenv(name, set[name])
	}
}

func openTraces(t *testing.T, variables map[string]string) *Traces {
	t.Helper()
	otelVariables(t, variables)
	traces, err := OpenTraces(t.Context(), "stoker-test", "1.0", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return traces
}

func TestTracesAreOffUnlessAnEndpointIsNamed(t *testing.T) {
	collector := tracetest.Start(t)
	for name, variables := range map[string]map[string]string{
		"nothing said": {},
		"disabled":     {envEndpoint: collector.URL, "OTEL_SDK_DISABLED": "true"},
		"no exporter":  {envEndpoint: collector.URL, "OTEL_TRACES_EXPORTER": "none"},
	} {
		traces := openTraces(t, variables)
		require.Nil(t, traces, name)
		require.Empty(t, traces.Client(), name)
		traces.Close()
	}
	require.Empty(t, collector.Headers())
}

func TestWrongVariablesAreRefusedWithoutTheirContent(t *testing.T) {
	for name, row := range map[string]struct {
		variables map[string]string
		want      string
	}{
		"no URL":     {map[string]string{envEndpoint: "collector:4318"}, "must be a URL"},
		"gRPC":       {map[string]string{envEndpoint: "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf alone"},
		"headers":    {map[string]string{envEndpoint: "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "a=1,hunter2"}, "OTEL_EXPORTER_OTLP_HEADERS must be"},
		"encoding":   {map[string]string{envEndpoint: "http://c", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=hunter2%zz"}, "OTEL_EXPORTER_OTLP_TRACES_HEADERS must be"},
		"attributes": {map[string]string{envEndpoint: "http://c", "OTEL_RESOURCE_ATTRIBUTES": "what"}, "OTEL_RESOURCE_ATTRIBUTES"},
	} {
		otelVariables(t, row.variables)
		_, err := OpenTraces(t.Context(), "stoker-test", "1.0", slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, row.want, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// One trace holds a request and what its handler does; and says who sends it.
func TestServerSpans(t *testing.T) {
	collector := tracetest.Start(t)
	traces := openTraces(t, map[string]string{envEndpoint: collector.URL, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=hunter2%20"})
	handler := traces.Server(func(r *http.Request) bool { return r.URL.Path != "/healthz" })(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		trace.SpanFromContext(r.Context()).SetName("GET /v1/jobs/:id")
	}))
	for _, path := range []string{"/healthz", "/v1/jobs/7?token=hunter3"} {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("Authorization", "Bearer hunter3")
		request.Header.Set("Baggage", "secret=hunter3")
		request.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
	traces.Close()
	require.Len(t, collector.Spans(), 1)
	span := collector.Spans()[0]
	require.Equal(t, "GET /v1/jobs/:id", span.GetName())
	require.Equal(t, "stoker-test", span.Service)
	require.Equal(t, []string{"0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"}, []string{span.Trace, span.Parent}, "the caller's trace goes on")
	require.Equal(t, "/v1/jobs/7", span.Attribute("url.path"))
	collector.RequireWordless(t, "hunter")
	require.Equal(t, "hunter2", collector.Headers()[0].Get("Api-Key"))
}

// Errors are told by their type; a cancel and a continued run are none.
func TestErrorsAreToldByTheirType(t *testing.T) {
	collector := tracetest.Start(t)
	traces := openTraces(t, map[string]string{envEndpoint: collector.URL})
	for name, fail := range map[string]error{
		"typed":     temporal.NewNonRetryableApplicationError("hunter2", "unavailable", errors.New("hunter2")),
		"plain":     errors.New("hunter2"),
		"cancelled": temporal.NewCanceledError("hunter2"),
		"none":      nil,
	} {
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestActivityEnvironment()
		env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{traces.temporal}})
		env.RegisterActivityWithOptions(func(context.Context) error { return fail }, activity.RegisterOptions{Name: name})
		_, err := env.ExecuteActivity(name)
		require.Equal(t, fail == nil, err == nil)
	}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{traces.temporal}})
	again := func(ctx workflow.Context) error { return workflow.NewContinueAsNewError(ctx, "again") }
	env.RegisterWorkflowWithOptions(again, workflow.RegisterOptions{Name: "again"})
	env.ExecuteWorkflow("again")
	traces.Close()
	collector.RequireWordless(t, "hunter2")
	for name, want := range map[string]struct {
		kind    string
		isError bool
	}{
		"RunActivity:typed": {"unavailable", true}, "RunActivity:plain": {"other", true},
		"RunActivity:cancelled": {endCancelled, false}, "RunActivity:none": {"", false}, "RunWorkflow:again": {endContinued, false},
	} {
		spans := collector.Find(name)
		require.Len(t, spans, 1, name)
		require.Equal(t, want.kind, spans[0].Attribute("error.type"), name)
		require.Equal(t, want.isError, spans[0].GetStatus().GetCode() == 2, name)
	}
}

// A collector that takes requests and never answers holds nobody up: not who makes
// spans, more than the queue holds, and the end but for some seconds.
func TestACollectorThatHangs(t *testing.T) {
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hanging.Close()
	defer close(release)
	otelVariables(t, map[string]string{envEndpoint: hanging.URL})
	var log bytes.Buffer
	traces, err := OpenTraces(t.Context(), "stoker-test", "1.0", slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	begin := time.Now()
	for range 10000 {
		_, span := traces.provider.Tracer("test").Start(t.Context(), "one")
		span.End()
	}
	require.Less(t, time.Since(begin), 5*time.Second)
	begin = time.Now()
	traces.Close()
	require.Less(t, time.Since(begin), 8*time.Second)
	require.Contains(t, log.String(), "the last traces were not sent")
}

func TestTroubleIsLoggedSeldom(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := seldom{logger: slog.New(slog.NewTextHandler(&log, nil))}
	for range 100 {
		s.Handle(errors.New("refused"))
	}
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("refused")))
}
