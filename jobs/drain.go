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
	// Live is how many open jobs may have an application there, or files still to be
	// fetched or cleaned. Temporal's visibility is some moments behind, so that it is 0
	// for certain only if it stays so for seconds. Applications of workflows that were
	// terminated are Sweep's, and not in it.
	Live int64 `json:"live"`
}

const (
	// settling is how long after a drain begins a launch may be under way that visibility,
	// which is some moments behind, does not show yet.
	settling = 3 * time.Second
	// mostAsked bounds how many jobs before their launch are asked one by one, in pages
	// of askedPage, askedAtOnce of them at a time.
	mostAsked   = 5000
	askedPage   = 500
	askedAtOnce = 16
	// countedFor is how long an answer about a cluster stands: anybody may ask.
	countedFor = 2 * time.Second
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
		if err := drain.Clear(ctx, c.Files, c.Root); err != nil {
			return err
		}
		s.wake(ctx, cluster)
		return nil
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
	live, err := s.live(ctx, v.Name, *note)
	if err == nil && live == 0 && time.Since(note.Since) < settling {
		live = v.OpenJobs // nobody can tell yet
	}
	v.Drained = &DrainView{By: note.By, Reason: note.Reason, Since: note.Since, Live: live}
	return err
}

// liveCount is what was counted last of a cluster.
type liveCount struct {
	note drain.Note
	at   time.Time
	n    int64
}

// live counts the jobs of a drained cluster that may have an application.
func (s *Service) live(ctx context.Context, cluster string, note drain.Note) (int64, error) {
	s.counting.Lock()
	last := s.counted[cluster]
	s.counting.Unlock()
	if last.note == note && time.Since(last.at) < countedFor {
		return last.n, nil
	}
	began := time.Now()
	n, err := s.countLive(ctx, cluster, note)
	if err == nil {
		s.counting.Lock()
		s.counted[cluster] = liveCount{note, began, n}
		s.counting.Unlock()
	}
	return n, err
}

func (s *Service) countLive(ctx context.Context, cluster string, note drain.Note) (int64, error) {
	launched := Query{Cluster: cluster, Result: resultNone, phases: job.Phases()[job.PhaseWaiting.Rank():]}
	counted, err := s.options.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: s.options.Namespace, Query: launched.visibility(),
	})
	if err != nil {
		return 0, failure("count the live jobs of cluster "+cluster, err)
	}
	launching, err := s.launching(ctx, cluster, note)
	return counted.GetCount() + launching, err
}

// launching counts the jobs that are being launched, those that the drain holds left
// out: each has to be asked. One that does not answer may be one, and so may those that
// are too many to ask.
func (s *Service) launching(ctx context.Context, cluster string, note drain.Note) (int64, error) {
	var launching atomic.Int64
	all, err := s.eachSubmitting(ctx, cluster, func(ctx context.Context, workflowID string) {
		var status workflows.StatusView
		answer, err := s.options.Client.QueryWorkflow(ctx, workflowID, "", workflows.QueryStatus)
		if err == nil {
			err = answer.Get(&status)
		}
		if err != nil || !note.Holds(cluster, status.Obstacle) {
			launching.Add(1)
		}
	})
	if err == nil && !all {
		launching.Add(1)
	}
	return launching.Load(), err
}

// wake tells the jobs that a drain has held that it is over. One that is not told asks
// again by itself.
func (s *Service) wake(ctx context.Context, cluster string) {
	_, err := s.eachSubmitting(ctx, cluster, func(ctx context.Context, workflowID string) {
		_ = s.options.Client.SignalWorkflow(ctx, workflowID, "", workflows.SignalHint, nil) // as said above
	})
	if err != nil {
		s.options.Logger.Warn("jobs are not told of the end of the drain, and find it in minutes", "cluster", cluster, "error", err)
	}
}

// eachSubmitting calls each for the open jobs of a cluster that are before their launch,
// several at a time; false says that there are more than mostAsked.
func (s *Service) eachSubmitting(ctx context.Context, cluster string, each func(ctx context.Context, workflowID string)) (all bool, err error) {
	query := Query{Cluster: cluster, Result: resultNone, Phase: job.PhaseSubmitting}.visibility()
	var asked errgroup.Group
	asked.SetLimit(askedAtOnce)
	defer func() { _ = asked.Wait() }() // it has no errors of its own
	var token []byte
	for n := 0; n < mostAsked; {
		found, err := s.options.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: s.options.Namespace, Query: query, PageSize: askedPage, NextPageToken: token,
		})
		if err != nil {
			return false, failure("look for jobs of cluster "+cluster+" that are being launched", err)
		}
		for _, info := range found.GetExecutions() {
			n++
			asked.Go(func() error {
				ctx, cancel := context.WithTimeout(ctx, queryTimeout)
				defer cancel()
				each(ctx, info.GetExecution().GetWorkflowId())
				return nil
			})
		}
		if token = found.GetNextPageToken(); len(token) == 0 {
			return true, nil
		}
	}
	return false, nil
}
