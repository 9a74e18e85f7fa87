package worker

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/spark/archive"
)

// storeCheck bounds the first look at a log store.
const storeCheck = 30 * time.Second

// followLogs copies the logs of running applications into their clusters' log stores
// until ctx ends; wait returns when that has stopped.
func (w *Worker) followLogs(ctx context.Context) (wait func(), err error) {
	var following sync.WaitGroup
	if !w.options.has(RoleTransfer) {
		return following.Wait, nil
	}
	appended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stoker_log_bytes_total", Help: "Bytes of running applications' logs copied into the log store.",
	}, []string{"cluster"})
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stoker_log_failures_total", Help: "Failures to follow logs or progress of running applications, by what failed.",
	}, []string{"cluster", "what"})
	for _, counter := range []prometheus.Collector{appended, failed} {
		if err := w.options.Metrics.Registerer().Register(counter); err != nil {
			return nil, err
		}
	}
	for name, cluster := range w.options.Clusters {
		if !w.options.Config.Clusters[name].Logs.Follow {
			continue
		}
		appended.WithLabelValues(name)
		for _, what := range []string{archive.FailedList, archive.FailedLog, archive.FailedProgress, archive.FailedLease} {
			failed.WithLabelValues(name, what)
		}
		var progressInterval time.Duration
		if w.options.Config.Clusters[name].Type == config.TypeLocal {
			progressInterval = archive.DefaultInterval / 2 // with each look at the logs: it reads a file, and asks nobody
		}
		follower, err := archive.NewFollower(archive.FollowerOptions{
			Cluster: name, Manager: cluster.Manager, Store: cluster.Logs, Logger: w.options.Logger, ProgressInterval: progressInterval,
			Appended: func(bytes int64) { appended.WithLabelValues(name).Add(float64(bytes)) },
			Failed:   func(what string) { failed.WithLabelValues(name, what).Inc() },
		})
		if err != nil {
			return nil, err
		}
		following.Go(func() {
			limited, cancel := context.WithTimeout(ctx, storeCheck)
			defer cancel()
			if err := cluster.Logs.Check(limited); err != nil && ctx.Err() == nil {
				w.options.Logger.Warn("the log store cannot be used; jobs end without their logs", "cluster", name, "error", err)
			}
			follower.Run(ctx)
		})
	}
	return following.Wait, nil
}
