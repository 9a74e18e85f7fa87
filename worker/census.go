package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

const (
	// censusEvery is how often the open jobs are counted, one cluster after the other:
	// servers bound how often visibility is asked.
	censusEvery = 30 * time.Second
	// censusLimit bounds one cluster's count.
	censusLimit = 10 * time.Second
)

// census counts the open jobs by phase. Only visibility knows them all: they go on at
// any worker, and one that was terminated has told nobody. Each worker with the role
// workflows counts, so the numbers of several are the same, not parts of a sum.
type census struct {
	client    client.Client
	namespace string
	clusters  []string
	jobs      *prometheus.GaugeVec
}

// phasesByUse begins with where most jobs are: what was counted often ends the count.
var phasesByUse = []job.Phase{
	job.PhaseRunning, job.PhaseWaiting, job.PhaseSubmitting, job.PhaseStaging, job.PhaseReporting,
	job.PhaseCleaning, job.PhaseCollecting, job.PhaseReserving, job.PhaseLoading,
}

func newCensus(c client.Client, namespace string, clusters []string, register prometheus.Registerer) (*census, error) {
	jobs := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "stoker_jobs", Help: "Open jobs by phase, as Temporal's visibility has them; the same from every worker.",
	}, []string{"cluster", "phase"})
	if err := register.Register(jobs); err != nil {
		return nil, err
	}
	return &census{client: c, namespace: namespace, clusters: clusters, jobs: jobs}, nil
}

// run counts until ctx ends. What can't be counted is not shown, rather than as it was.
func (c *census) run(ctx context.Context) {
	tick := time.NewTicker(censusEvery)
	defer tick.Stop()
	for {
		c.loading(ctx)
		for _, cluster := range c.clusters {
			c.count(ctx, cluster)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// loading counts the jobs that have no cluster yet.
func (c *census) loading(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, censusLimit)
	defer cancel()
	none := prometheus.Labels{"cluster": ""}
	n, err := c.ask(ctx, workflows.AttributeCluster.GetName()+" IS NULL")
	if err != nil {
		c.jobs.DeletePartialMatch(none)
		return
	}
	c.jobs.WithLabelValues("", string(job.PhaseLoading)).Set(float64(n))
}

// count counts a cluster's jobs: all at once and then by phase, until all are found.
func (c *census) count(ctx context.Context, cluster string) {
	ctx, cancel := context.WithTimeout(ctx, censusLimit)
	defer cancel()
	on := fmt.Sprintf("%s = '%s'", workflows.AttributeCluster.GetName(), cluster)
	left, err := c.ask(ctx, on)
	found := map[job.Phase]int64{}
	for _, phase := range phasesByUse {
		if err != nil || left <= 0 {
			break
		}
		found[phase], err = c.ask(ctx, fmt.Sprintf("%s AND %s = '%s'", on, workflows.AttributePhase.GetName(), phase))
		left -= found[phase]
	}
	if err != nil {
		c.jobs.DeletePartialMatch(prometheus.Labels{"cluster": cluster})
		return
	}
	for _, phase := range phasesByUse {
		c.jobs.WithLabelValues(cluster, string(phase)).Set(float64(found[phase]))
	}
}

// ask counts open jobs.
func (c *census) ask(ctx context.Context, where string) (int64, error) {
	counted, err := c.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: c.namespace,
		Query:     "WorkflowType = '" + workflows.TypeSparkBatchJob + "' AND ExecutionStatus = 'Running' AND " + where,
	})
	return counted.GetCount(), err
}
