package worker

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// measure keeps up the metrics that somebody has to ask for, until ctx ends; wait returns
// when that has stopped.
func (w *Worker) measure(ctx context.Context) (wait func(), err error) {
	var measuring sync.WaitGroup
	register := w.options.Metrics.Registerer()
	if w.options.has(RoleWorkflows) {
		counting, err := newCensus(w.options.Client, w.options.Namespace, w.options.Config.ClusterNames(), register)
		if err != nil {
			return nil, err
		}
		measuring.Go(func() { counting.run(ctx) })
	}
	if !w.options.has(RoleControl) {
		return measuring.Wait, nil
	}
	reachable := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "stoker_cluster_reachable", Help: "Whether this worker reaches the cluster and can use it: 1 or 0.",
	}, []string{"cluster"})
	for _, collector := range []prometheus.Collector{reachable, newAges(w.options.Clusters)} {
		if err := register.Register(collector); err != nil {
			return nil, err
		}
	}
	for _, cluster := range w.options.Clusters {
		r := reach{cluster: cluster, reachable: reachable, logger: w.options.Logger}
		measuring.Go(func() { r.run(ctx) })
	}
	return measuring.Wait, nil
}
