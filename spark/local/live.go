package local

import (
	"context"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

var _ spark.Lister = (*Manager)(nil)

// Live implements spark.Lister: what the index lists and a lock says is alive. Unlike
// Observe it decides nothing.
func (m *Manager) Live(context.Context) ([]spark.Sighting, error) {
	list, err := entries(m.opts.Root, dirLive)
	if err != nil {
		return nil, m.unavailable("list the live applications", err)
	}
	var live []spark.Sighting
	for _, e := range list {
		dir := jobDir(spark.JobDir(m.opts.Root, e.Attempt))
		if e.Installation != m.opts.Installation || exists(dir.path(fileExit)) ||
			!held(dir.path(fileSupervisorLock)) && !held(dir.path(fileChildLock)) {
			continue
		}
		live = append(live, spark.Sighting{
			Attempt: e.Attempt, Application: e.Application, Observation: job.Observation{State: job.StateRunning},
		})
	}
	return live, nil
}
