package jobs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/drain"
	"github.com/stoker-spark/stoker/workflows"
)

// DrainView says who closed a cluster to new applications, and what is left on it.
type DrainView struct {
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
	// Live is how many jobs may have an application there, or files still to be fetched
	// or cleaned. Nothing of Stoker runs on a cluster where it is 0.
	Live int64 `json:"live"`
}

const (
	// settling is how long after a drain begins a launch may be under way that visibility,
	// which is some moments behind, does not show yet.
	settling = 3 * time.Second
	// mostAsked bounds how many jobs before their launch are asked one by one.
	mostAsked = 500
	// askedAtOnce of them.
	askedAtOnce = 16
)

// Drain closes a cluster to new applications: those that run go on, and jobs that come
// wait. Draining a drained cluster changes who said so and why, if a reason is given.
func (s *Service) Drain(ctx context.Context, cluster, by, reason string) (ClusterView, error) {
	return s.turn(ctx, cluster, func(ctx context.Context, c Cluster) error {
		before, err := drain.Read(ctx, c.Files, c.Root)
		if err != nil {
			return err
		}
		note := drain.Note{By: by, Reason: reason, Since: time.Now().UTC()}
		if before != nil && !before.Since.IsZero() {
			if reason == "" {
				return nil
			}
			note.Since = before.Since
		}
		return drain.Set(ctx, c.Files, c.Root, note)
	})
}

// Resume opens a cluster again; one that is open stays so.
func (s *Service) Resume(ctx context.Context, cluster string) (ClusterView, error) {
	return s.turn(ctx, cluster, func(ctx context.Context, c Cluster) error {
		return drain.Clear(ctx, c.Files, c.Root)
	})
}

func (s *Service) turn(ctx context.Context, cluster string, change func(context.Context, Cluster) error) (ClusterView, error) {
	c, ok := s.options.Clusters[cluster]
	if !ok {
		return ClusterView{}, job.Errorf(job.CodeNotFound, "there is no cluster %q; there are %s",
			job.Head(cluster, job.MaxWord), strings.Join(slices.Sorted(maps.Keys(s.options.Clusters)), ", "))
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := change(call, c); err != nil {
		return ClusterView{}, err
	}
	return s.cluster(call, cluster)
}

// drained fills in whether a cluster is. That its files cannot be reached is no reason
// to show nothing of it.
func (s *Service) drained(ctx context.Context, v *ClusterView) error {
	c := s.options.Clusters[v.Name]
	read, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	note, err := drain.Read(read, c.Files, c.Root)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		v.Problem = job.Head(err.Error(), job.MaxMessage)
		return nil
	case note == nil:
		return nil
	}
	live, err := s.live(ctx, v.Name)
	if err == nil && live == 0 && time.Since(note.Since) < settling {
		live = v.OpenJobs // nobody can tell yet
	}
	v.Drained = &DrainView{By: note.By, Reason: note.Reason, Since: note.Since, Live: live}
	return err
}

// live counts the jobs of a drained cluster that may have an application.
func (s *Service) live(ctx context.Context, cluster string) (int64, error) {
	launched := Query{Cluster: cluster, Result: resultNone, phases: job.Phases()[job.PhaseWaiting.Rank():]}
	counted, err := s.options.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: s.options.Namespace, Query: launched.visibility(),
	})
	if err != nil {
		return 0, failure("count the live jobs of cluster "+cluster, err)
	}
	launching, err := s.launching(ctx, cluster)
	return counted.GetCount() + launching, err
}

// launching counts the jobs that are being launched, those that the drain holds left
// out: each has to be asked. One that does not answer may be one.
func (s *Service) launching(ctx context.Context, cluster string) (int64, error) {
	q := Query{Cluster: cluster, Result: resultNone, Phase: job.PhaseSubmitting}
	found, err := s.options.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: s.options.Namespace, Query: q.visibility(), PageSize: mostAsked,
	})
	if err != nil {
		return 0, failure("look for jobs of cluster "+cluster+" that are being launched", err)
	}
	var launching atomic.Int64
	var asked errgroup.Group
	asked.SetLimit(askedAtOnce)
	for _, info := range found.GetExecutions() {
		asked.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, queryTimeout)
			defer cancel()
			var status workflows.StatusView
			answer, err := s.options.Client.QueryWorkflow(ctx, info.GetExecution().GetWorkflowId(), "", workflows.QueryStatus)
			if err == nil {
				err = answer.Get(&status)
			}
			if err != nil || !drain.Holds(cluster, status.Obstacle) {
				launching.Add(1)
			}
			return nil
		})
	}
	err = asked.Wait()
	return launching.Load(), err
}
