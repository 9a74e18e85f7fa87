package main

import (
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

// openRole does the same for a role that serves, whose metrics and traces are on. A
// flag of that name, if given, stands in the place of a key of the configuration.
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
	if p.temporal, p.namespace, err = dial(p.logger, p.metrics, p.traces); err != nil {
		p.traces.Close()
		return nil, err
	}
	return p, nil
}

func (p *process) close() {
	p.temporal.Close()
	p.traces.Close()
}
