package jobs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

// ClusterView is a cluster as a front shows it.
type ClusterView struct {
	Name string `json:"name"`
	// Default: jobs that name none run here.
	Default bool `json:"default,omitempty"`
	// Master and DeployMode as spark-submit's options of that name.
	Master     string `json:"master,omitempty"`
	DeployMode string `json:"deployMode,omitempty"`
	// Workers serve its control queue now, as Temporal saw in the last minutes.
	Workers int `json:"workers"`
	// OpenJobs have not ended.
	OpenJobs int64 `json:"openJobs"`
	// Drained is set while no application is launched here.
	Drained *DrainView `json:"drained,omitempty"`
	// Problem is why nobody can tell whether it is drained.
	Problem string `json:"problem,omitempty"`
	// Profiles that a job may choose, beside the cluster's own.
	Profiles []string `json:"profiles,omitempty"`
}

// Clusters lists the clusters by name.
func (s *Service) Clusters(ctx context.Context) ([]ClusterView, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	names := slices.Sorted(maps.Keys(s.options.Clusters))
	views := make([]ClusterView, len(names))
	errs := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { views[i], errs[i] = s.cluster(ctx, name) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return views, nil
}

func (s *Service) cluster(ctx context.Context, name string) (ClusterView, error) {
	spark := s.options.Rules.Clusters[name].Spark
	v := ClusterView{Name: name, Default: s.options.Rules.Default == name, Master: spark.Master, DeployMode: cmp.Or(spark.DeployMode, "client")}
	for _, p := range spark.Profiles {
		v.Profiles = append(v.Profiles, p.Name)
	}
	var err error
	if v.Workers, err = s.pollers(ctx, workflows.QueueControl(name), enums.TASK_QUEUE_TYPE_ACTIVITY); err != nil {
		return v, err
	}
	counted, err := s.options.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: s.options.Namespace, Query: Query{Cluster: name, Result: resultNone}.visibility(),
	})
	v.OpenJobs = counted.GetCount()
	if err != nil {
		return v, failure("count the jobs of cluster "+name, err)
	}
	return v, s.drained(ctx, &v)
}

func (s *Service) pollers(ctx context.Context, queue string, kind enums.TaskQueueType) (int, error) {
	described, err := s.options.Client.DescribeTaskQueue(ctx, queue, kind)
	return len(described.GetPollers()), failure("look for workers of queue "+queue, err)
}

// Ready says why no job can run now, nil if one can: Temporal answers, and workers serve
// workflows and at least one cluster.
func (s *Service) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if _, err := s.options.Client.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return failure("look at temporal", err)
	}
	n, err := s.pollers(ctx, workflows.QueueCentral, enums.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return err
	}
	if n == 0 {
		return job.Errorf(job.CodeUnavailable, "no worker serves queue %s, so no job goes on", workflows.QueueCentral)
	}
	for _, name := range slices.Sorted(maps.Keys(s.options.Clusters)) {
		served := true
		for _, queue := range []string{workflows.QueueControl(name), workflows.QueueTransfer(name)} {
			n, err := s.pollers(ctx, queue, enums.TASK_QUEUE_TYPE_ACTIVITY)
			if err != nil {
				return err
			}
			served = served && n > 0
		}
		if served {
			return nil
		}
	}
	return job.Errorf(job.CodeUnavailable, "no worker serves any cluster (%s)", fmt.Sprint(slices.Sorted(maps.Keys(s.options.Clusters))))
}
