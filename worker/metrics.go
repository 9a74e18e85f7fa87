package worker

import (
	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/workflows"
)

// phaseBuckets reach from a step without work to a day in a queue, in seconds.
var phaseBuckets = []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400}

// countJobs registers what workflows count, and shows each series that can be at 0.
func (w *Worker) countJobs() error {
	m := w.options.Metrics
	err := m.Route(
		telemetry.Routed{
			Name: workflows.MetricFinished, Help: "Jobs whose end was reported, by outcome and, of failures, class.",
			Labels: []string{"cluster", "kind", "outcome", "class"}, Once: workflows.TagOnce,
		},
		telemetry.Routed{
			Name: workflows.MetricPhase, Help: "Time that jobs spent in a phase, observed when they leave it.",
			Labels: []string{"cluster", "phase"}, Buckets: phaseBuckets, Once: workflows.TagOnce,
		},
		telemetry.Routed{
			Name: workflows.MetricLaunches, Help: "Answers to launches of applications, by result.",
			Labels: []string{"cluster", "result"}, Once: workflows.TagOnce,
		},
	)
	if err != nil {
		return err
	}
	for _, cluster := range w.options.Config.ClusterNames() {
		for _, result := range workflows.LaunchResults() {
			m.Begin(workflows.MetricLaunches, cluster, result)
		}
		for _, kind := range job.Kinds() {
			for _, result := range job.Results() {
				if result != job.ResultFailed {
					m.Begin(workflows.MetricFinished, cluster, string(kind), string(result), "")
					continue
				}
				for _, class := range job.Classes() {
					m.Begin(workflows.MetricFinished, cluster, string(kind), string(result), string(class))
				}
			}
		}
	}
	return nil
}

// countFindings does the same for what sweeps of the clusters served here count.
func (w *Worker) countFindings() error {
	m := w.options.Metrics
	err := m.Route(telemetry.Routed{
		Name: activities.MetricSweepFindings, Help: "What sweeps found that nobody looked after, by verdict.",
		Labels: []string{"cluster", "verdict"},
	})
	if err != nil {
		return err
	}
	for name := range w.options.Clusters {
		for _, verdict := range activities.Verdicts() {
			m.Begin(activities.MetricSweepFindings, name, string(verdict))
		}
	}
	return nil
}
