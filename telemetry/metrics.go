package telemetry

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// Metrics are a process's metrics: Stoker's own, Temporal's and the Go runtime's, in
// Prometheus' form.
type Metrics struct {
	registry *prometheus.Registry
	provider *sdkmetric.MeterProvider

	mu sync.RWMutex
	// routed are the instruments that the SDK's handler counts into, by name.
	routed map[string]*routed
}

// sdkSeconds are the bounds of the SDK's histograms. OpenTelemetry's own begin at 5, for
// milliseconds; the SDK records seconds, from a poll's milliseconds to an activity's hours.
var sdkSeconds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}

// NewMetrics makes an empty set of metrics.
func NewMetrics() (*Metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// Scope and target would be the same label, and the same series, everywhere.
	exporter, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("set up metrics: %w", err)
	}
	seconds := sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: sdkSeconds}})
	return &Metrics{
		registry: registry,
		provider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithView(seconds)),
		routed:   map[string]*routed{},
	}, nil
}

// Handler gives the Temporal SDK a place to count. Its counters end with "_total", its
// times with "_seconds".
func (m *Metrics) Handler() client.MetricsHandler {
	return handler{metrics: m, sdk: opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter: m.provider.Meter("temporal"), UseMonotonicCounters: true,
	})}
}

// Registerer takes metrics that are not counted through the SDK.
func (m *Metrics) Registerer() prometheus.Registerer { return m.registry }

// HTTP serves the metrics in Prometheus' form.
func (m *Metrics) HTTP() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
