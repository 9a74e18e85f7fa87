package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/spark"
)

const (
	// reachEvery is how often a worker tries whether it reaches a cluster.
	reachEvery = 15 * time.Second
	// reachLimit is how long an answer may take.
	reachLimit = 10 * time.Second
)

// reach says whether this worker reaches a cluster, in metrics and, when that changes,
// in the log.
type reach struct {
	cluster   activities.Cluster
	reachable *prometheus.GaugeVec
	logger    *slog.Logger
	// away: the last try failed.
	away bool
}

// run tries until ctx ends.
func (r *reach) run(ctx context.Context) {
	tick := time.NewTicker(reachEvery)
	defer tick.Stop()
	for {
		r.try(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *reach) try(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	err := r.cluster.Manager.Probe(limited)
	gauge := r.reachable.WithLabelValues(r.cluster.Name)
	switch {
	case ctx.Err() != nil: // the worker stops
	case err != nil:
		gauge.Set(0)
		if !r.away {
			r.logger.Warn("cluster out of reach", "cluster", r.cluster.Name, "error", err)
		}
		r.away = true
	default:
		gauge.Set(1)
		if r.away {
			r.logger.Info("cluster reached again", "cluster", r.cluster.Name)
		}
		r.away = false
	}
}

// ages shows how old the clusters' snapshots are when somebody looks. A local cluster has
// none, for it tells of changes itself.
type ages struct {
	described *prometheus.Desc
	of        map[string]spark.Ager
}

func newAges(clusters map[string]activities.Cluster) ages {
	a := ages{
		described: prometheus.NewDesc("stoker_cluster_snapshot_age_seconds",
			"Age of the last list of a cluster's applications that this worker got.", []string{"cluster"}, nil),
		of: map[string]spark.Ager{},
	}
	for name, cluster := range clusters {
		if ager, ok := cluster.Manager.(spark.Ager); ok {
			a.of[name] = ager
		}
	}
	return a
}

// Describe implements prometheus.Collector.
func (a ages) Describe(to chan<- *prometheus.Desc) { to <- a.described }

// Collect implements prometheus.Collector.
func (a ages) Collect(to chan<- prometheus.Metric) {
	for name, ager := range a.of {
		if at := ager.SnapshotAt(); !at.IsZero() {
			to <- prometheus.MustNewConstMetric(a.described, prometheus.GaugeValue, time.Since(at).Seconds(), name)
		}
	}
}
