package worker

import (
	"errors"
	"log/slog"

	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/starter"
	"github.com/stoker-spark/stoker/telemetry"
)

// OpenStarter makes the starter of a configuration; it counts into metrics, unless they
// are nil. One that trusts documents does not wait to see for itself how long a job has
// had no workflow.
func OpenStarter(c config.Config, temporal client.Client, metrics *telemetry.Metrics, logger *slog.Logger, trust bool) (*starter.Starter, error) {
	sources, registry, err := OpenSources(c)
	if err != nil {
		return nil, err
	}
	if registry == nil {
		return nil, errors.New("the starter takes jobs from model-manage: set modelManage.baseUrl, or run no starter")
	}
	address := c.Starter.HTTPAddress
	if metrics == nil {
		address = "" // it does not run for long
	}
	return starter.New(starter.Options{
		Client: temporal, Registry: registry, Reporter: sources[job.SourceModelManage], PollInterval: c.Starter.PollInterval,
		ReconcileInterval: c.Starter.ReconcileInterval, Grace: c.Sweep.Grace, TrustDocuments: trust,
		HTTPAddress: address, HTTPOptional: !c.Starter.NeedsPage(), Metrics: metrics, Logger: logger,
	})
}
