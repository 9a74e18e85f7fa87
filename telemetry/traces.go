package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// Traces sends spans to a collector. A nil one sends nothing, and costs nothing.
//
// Spans hold ids, routes, names of types and times: no headers, bodies or arguments, and
// of errors their type alone.
type Traces struct {
	provider *sdktrace.TracerProvider
	logger   *slog.Logger
	temporal interceptor.Interceptor
}

const (
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)

// OpenTraces reads OpenTelemetry's own environment configuration. Without an endpoint
// traces are off and the result is nil. The collector need not be there: what it does not
// take is lost, and nothing waits for it.
//
// Source of the variables: OpenTelemetry's "Environment Variable Specification" and
// "OTLP Exporter Configuration".
func OpenTraces(ctx context.Context, service, version string, logger *slog.Logger) (*Traces, error) {
	endpoint := cmp.Or(os.Getenv(envTracesEndpoint), os.Getenv(envEndpoint))
	if endpoint == "" || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil //nolint:nilnil // off
	}
	if err := checkExporter(endpoint); err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up traces to %s: %w", envEndpoint, err)
	}
	// What the environment says comes last, and so wins.
	from, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("set up traces: OTEL_RESOURCE_ATTRIBUTES cannot be read: %w", err)
	}
	t := &Traces{provider: sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(from)), logger: logger}
	t.temporal, err = opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer: t.provider.Tracer("stoker"), SpanStarter: startWordless, TextMapPropagator: propagation.TraceContext{},
		// Hints are many and say nothing; queries change nothing; baggage is the caller's
		// own, and would be kept in histories.
		DisableSignalTracing: true, DisableQueryTracing: true, DisableBaggage: true,
		AllowInvalidParentSpans: true,
	})
	if err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	otel.SetErrorHandler(&seldom{logger: logger})
	logger.Info("sending traces", "service", service)
	return t, nil
}

// checkExporter refuses what the exporter would pass over, or log with what is in it.
func checkExporter(endpoint string) error {
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s must be a URL such as http://collector:4318", envEndpoint)
	}
	if p := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf"); p != "http/protobuf" {
		return fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q, but traces are sent by http/protobuf alone: use the collector's port for HTTP, 4318 by default", p)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"} {
		for pair := range strings.SplitSeq(os.Getenv(name), ",") {
			_, value, found := strings.Cut(pair, "=")
			if _, err := url.PathUnescape(value); pair != "" && (!found || err != nil) {
				return fmt.Errorf("%s must be name=value pairs with commas between them, values URL-encoded", name)
			}
		}
	}
	return nil
}

// Client returns what traces a Temporal client, and the workers made from it.
func (t *Traces) Client() []interceptor.ClientInterceptor {
	if t == nil {
		return nil
	}
	return []interceptor.ClientInterceptor{t.temporal}
}

// Server traces an HTTP server's requests of which wanted is true. Who handles one names
// the span by its route.
func (t *Traces) Server(wanted func(*http.Request) bool) func(http.Handler) http.Handler {
	return otelhttp.NewMiddleware("request", otelhttp.WithTracerProvider(t.provider),
		otelhttp.WithPropagators(propagation.TraceContext{}), otelhttp.WithFilter(wanted))
}

// closeLimit is how long the last spans may take.
const closeLimit = 3 * time.Second

// Close sends what is left, if the collector takes it soon.
func (t *Traces) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.logger.Warn("the last traces were not sent", "error", err)
	}
}

// seldom logs that traces are not sent, once in a while.
type seldom struct {
	logger *slog.Logger
	last   atomic.Int64
}

// seldomEvery is how often it is logged, in seconds.
const seldomEvery = 300

// Handle implements otel.ErrorHandler.
func (s *seldom) Handle(err error) {
	now, last := time.Now().Unix(), s.last.Load()
	if now-last >= seldomEvery && s.last.CompareAndSwap(last, now) {
		s.logger.Warn("traces are not sent; jobs go on without them", "error", err)
	}
}
