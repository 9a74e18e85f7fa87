// Package wiring puts together the roles that need more than one of the others.
package wiring

import (
	"log/slog"

	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/api"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/worker"
)

// API makes the API of a configuration.
func API(c config.Config, temporal client.Client, namespace string, metrics *telemetry.Metrics, traces *telemetry.Traces, logger *slog.Logger) (*api.Server, error) {
	clusters, err := worker.OpenFiles(c, worker.Openings{Logger: logger})
	if err != nil {
		return nil, err
	}
	_, registry, err := worker.OpenSources(c)
	if err != nil {
		return nil, err
	}
	options := jobs.Options{
		Client: temporal, Namespace: namespace, Clusters: clusters, Rules: c.JobRules(), WebUI: c.API.WebUI, Logger: logger,
	}
	if registry != nil {
		options.Registry = registry
	}
	service, err := jobs.New(options)
	if err != nil {
		return nil, err
	}
	return api.New(api.Options{
		Address: c.API.Address, Jobs: service, UsersFile: c.API.UsersFile,
		RatePerSecond: c.API.RatePerSecond, Burst: c.API.Burst, Metrics: metrics, Traces: traces, Logger: logger,
	})
}
