package observe

import (
	"fmt"
	"net/http/httptest"
	"os"
	"testing"

	"go.temporal.io/sdk/worker"

	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/telemetry/tracetest"
)

var (
	// watched is the installation that tests share.
	watched = &shared{}
	// collector takes its traces.
	collector = &tracetest.Collector{}
)

// TestMain lets this binary be the supervisor of local clusters.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(local.Supervise(os.Args[2:]))
	}
	worker.SetStickyWorkflowCacheSize(0)
	server := httptest.NewServer(collector)
	for name, value := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_BSP_SCHEDULE_DELAY": "200"} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	if err := watched.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	server.Close()
	os.Exit(code)
}
