package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/telemetry"
)

// process is what a command that talks to Temporal holds while it runs.
type process struct {
	config    config.Config
	logger    *slog.Logger
	metrics   *telemetry.Metrics
	traces    *telemetry.Traces
	temporal  client.Client
	namespace string
}

// open reads the configuration and connects to Temporal, for one task.
func (f *common) open() (*process, error) {
	p := &process{}
	var err error
	if p.config, p.logger, err = f.load(nil); err != nil {
		return nil, err
	}
	p.temporal, p.namespace, err = dial(p.logger, nil, nil)
	return p, err
}

// openRole does the same for a role that serves, whose metrics and traces are on. The API
// is opened without a connection. A flag of that name, if given, stands in the place of a
// key of the configuration.
func (f *common) openRole(cmd *cobra.Command, name, flag, key string) (*process, error) {
	overrides := map[string]any{}
	if given := cmd.Flags().Lookup(flag); given.Changed {
		overrides[key] = given.Value.String()
	}
	p := &process{}
	var err error
	if p.config, p.logger, err = f.load(overrides); err != nil {
		return nil, err
	}
	if p.metrics, err = telemetry.NewMetrics(); err != nil {
		return nil, err
	}
	if p.traces, err = telemetry.OpenTraces(cmd.Context(), "stoker-"+name, buildVersion(), p.logger); err != nil {
		return nil, err
	}
	connect := dial
	if name == roleAPI {
		connect = dialLater
	}
	if p.temporal, p.namespace, err = connect(p.logger, p.metrics, p.traces); err != nil {
		p.traces.Close()
		return nil, err
	}
	return p, nil
}

// roleAPI has something to serve without Temporal.
const roleAPI = "api"

// dialLater makes a client that connects with its first request.
func dialLater(logger *slog.Logger, metrics *telemetry.Metrics, traces *telemetry.Traces) (client.Client, string, error) {
	options, err := dialOptions(logger, metrics, traces)
	if err != nil {
		return nil, "", err
	}
	c, err := client.NewLazyClient(impatient(options))
	if err != nil {
		return nil, "", fmt.Errorf("read temporal's environment configuration: %w", err)
	}
	return c, options.Namespace, nil
}

// warnUnreached says in the log that Temporal cannot be reached, if so.
func (p *process) warnUnreached(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	if _, err := p.temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil && !errors.Is(err, context.Canceled) {
		p.logger.Warn("temporal cannot be reached; until it can, only jobs that have ended are served (TEMPORAL_ADDRESS says where it is)", "error", err)
	}
}

func (p *process) close() {
	p.temporal.Close()
	p.traces.Close()
}
