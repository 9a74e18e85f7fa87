package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/stoker-spark/stoker/telemetry"
)

// requestMetrics counts requests by route, method and status.
type requestMetrics struct {
	seconds *prometheus.HistogramVec
}

func newRequestMetrics(m *telemetry.Metrics) *requestMetrics {
	r := &requestMetrics{seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "stoker_api_request_duration_seconds", Help: "Time to answer requests of the API, by route, method and status.",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
	}, []string{"route", "method", "status"})}
	m.Registerer().MustRegister(r.seconds)
	return r
}

// measure counts a request, a log that is followed included, and answers its error.
func (s *Server) measure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begin := time.Now()
		err := next(c)
		brokenOff := err != nil && c.Response().Committed
		if err != nil {
			c.Error(err)
		}
		path := c.Path() // the route's pattern, of which there are few
		if path == "" {
			path = "none"
		}
		method := methodLabel(c.Request().Method)
		s.requests.seconds.WithLabelValues(path, method, strconv.Itoa(c.Response().Status)).Observe(time.Since(begin).Seconds())
		span := trace.SpanFromContext(c.Request().Context())
		span.SetName(method + " " + path)
		span.SetAttributes(attribute.String("http.route", path))
		if brokenOff {
			// A regular end would tell the caller that this was all.
			panic(http.ErrAbortHandler)
		}
		return nil
	}
}

// traced reports whether a request is worth a trace: what asks every few seconds is not.
func traced(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v1/") }

// methodLabel bounds the label: a caller may make up any method.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions:
		return method
	}
	return "other"
}
