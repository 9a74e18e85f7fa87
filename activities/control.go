package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// Control are the small, fast activities on a cluster's control queue.
type Control struct {
	clusters clusters
	sources  sources
	hints    Hinter
}

// Hinter wakes the workflow of a job. A workflow that has closed is no error.
type Hinter interface {
	Hint(ctx context.Context, workflowID string) error
}

type clusters map[string]Cluster

func (c clusters) of(name string) (Cluster, error) {
	cluster, ok := c[name]
	if !ok {
		return Cluster{}, job.Errorf(job.CodeUnavailable, "this worker does not serve cluster %q", name)
	}
	return cluster, nil
}

// NewControl makes the control activities of some clusters.
func NewControl(byName map[string]Cluster, bySource map[string]Source, hints Hinter) (*Control, error) {
	if err := validateClusters(byName); err != nil {
		return nil, err
	}
	if hints == nil {
		return nil, errors.New("control activities need a hinter")
	}
	return &Control{clusters: byName, sources: bySource, hints: hints}, nil
}

func validateClusters(byName map[string]Cluster) error {
	for name, c := range byName {
		switch {
		case c.Manager == nil:
			return fmt.Errorf("cluster %s has no manager", name)
		case c.Stores.Default == nil:
			return fmt.Errorf("cluster %s has no default store", name)
		case c.Root == "":
			return fmt.Errorf("cluster %s has no root for job directories", name)
		case c.Logs == nil:
			return fmt.Errorf("cluster %s has no log store", name)
		}
	}
	return nil
}

// ReserveInput names the attempt to reserve.
type ReserveInput struct {
	Cluster  string      `json:"cluster"`
	Attempt  job.Attempt `json:"attempt"`
	NotAfter time.Time   `json:"notAfter"`
}

// ReserveResult is the identity under which the attempt's application runs.
type ReserveResult struct {
	Application string `json:"application"`
}

// Reserve records the application's identity in the job directory by exclusive
// create, or returns what is recorded there.
func (c *Control) Reserve(ctx context.Context, in ReserveInput) (ReserveResult, error) {
	defer beat(ctx, nil)()
	cluster, err := c.clusters.of(in.Cluster)
	if err != nil {
		return ReserveResult{}, classify(err)
	}
	reservation, err := cluster.Manager.Reserve(ctx, in.Attempt, in.NotAfter)
	if err != nil {
		return ReserveResult{}, classify(err)
	}
	id, err := identify(ctx, cluster, in.Attempt)
	return ReserveResult{Application: cmp.Or(id, reservation.Application)}, classify(err)
}

// identify returns the application's id where only its launch has made it.
func identify(ctx context.Context, cluster Cluster, attempt job.Attempt) (string, error) {
	if identifier, ok := cluster.Manager.(spark.Identifier); ok {
		return identifier.Identify(ctx, attempt)
	}
	return "", nil
}

// SubmitInput names the attempt to launch.
type SubmitInput struct {
	Key     job.Key     `json:"key"`
	Cluster string      `json:"cluster"`
	Attempt job.Attempt `json:"attempt"`
	// Request is set where the job has no other source.
	Request *job.Request `json:"request,omitempty"`
}

// SubmitResult says whether the application was launched: it was, unless one
// of the others is set.
type SubmitResult struct {
	Busy bool `json:"busy,omitempty"`
	// Full says in the cluster's terms why it is busy, if it has any.
	Full string `json:"full,omitempty"`
	// Why it is busy, for people, if not for want of room.
	Why     string `json:"why,omitempty"`
	Revoked bool   `json:"revoked,omitempty"`
	// Application is the id that the launch has made, where Reserve knew only a name.
	Application string `json:"application,omitempty"`
	// Standing other than open means that nothing was launched.
	Standing job.Standing `json:"standing"`
}

// Submit launches a staged attempt unless its job is not wanted any more. The
// launch protocol in the job directory makes it idempotent: an attempt that was
// launched before is not launched again.
func (c *Control) Submit(ctx context.Context, in SubmitInput) (SubmitResult, error) {
	defer beat(ctx, nil)()
	cluster, err := c.clusters.of(in.Cluster)
	if err != nil {
		return SubmitResult{}, classify(err)
	}
	source, err := c.sources.of(in.Key)
	if err != nil {
		return SubmitResult{}, classify(err)
	}
	loaded, err := source.Load(ctx, job.Ref{ID: in.Key.ID, Request: in.Request})
	if err != nil {
		return SubmitResult{}, classifySource(err)
	}
	result := SubmitResult{Standing: capStanding(loaded.Standing)}
	if loaded.Standing.State != job.StandingOpen {
		return result, nil
	}
	switch err := cluster.Manager.Submit(ctx, in.Attempt); {
	case errors.Is(err, spark.ErrBusy):
		result.Busy = true
		if held := (*spark.HeldError)(nil); errors.As(err, &held) {
			result.Why = job.Head(held.Reason, job.MaxMessage)
		}
		if full := (*spark.FullError)(nil); errors.As(err, &full) {
			result.Full = job.Head(full.Reason, job.MaxMessage)
		}
	case errors.Is(err, spark.ErrRevoked):
		result.Revoked = true
	case err != nil:
		return SubmitResult{}, classify(err)
	default:
		if result.Application, err = identify(ctx, cluster, in.Attempt); err != nil {
			return SubmitResult{}, classify(err)
		}
	}
	return result, nil
}

// ObserveInput names the attempt to look at.
type ObserveInput struct {
	Cluster string      `json:"cluster"`
	Attempt job.Attempt `json:"attempt"`
	// Now wants an answer that is newer than the question: somebody said that there
	// is news.
	Now bool `json:"now,omitempty"`
}

// Observe asks the cluster how the application is. It only reads.
func (c *Control) Observe(ctx context.Context, in ObserveInput) (job.Observation, error) {
	defer beat(ctx, nil)()
	cluster, err := c.clusters.of(in.Cluster)
	if err != nil {
		return job.Observation{}, classify(err)
	}
	observe := cluster.Manager.Observe
	if refresher, ok := cluster.Manager.(spark.Refresher); ok && in.Now {
		observe = refresher.ObserveNow
	}
	observation, err := observe(ctx, in.Attempt)
	if err != nil {
		return job.Observation{}, classify(err)
	}
	return capObservation(observation), nil
}

func capObservation(o job.Observation) job.Observation {
	o.Raw = job.Head(o.Raw, job.MaxRaw)
	if o.Driver != nil {
		d := *o.Driver
		d.State, d.Stage = job.Head(d.State, job.MaxWord), job.Head(d.Stage, job.MaxWord)
		d.ErrorType = job.Head(d.ErrorType, job.MaxWord)
		d.Message = job.Head(d.Message, job.MaxMessage)
		d.Traceback = job.Tail(d.Traceback, job.MaxTraceback)
		o.Driver = &d
	}
	return o
}

// KillInput names the attempt to end.
type KillInput struct {
	Cluster string      `json:"cluster"`
	Attempt job.Attempt `json:"attempt"`
	Reason  string      `json:"reason"`
}

// Kill revokes the attempt, ends its application, and returns only when it is
// confirmed gone. Killing twice is quiet.
func (c *Control) Kill(ctx context.Context, in KillInput) error {
	defer beat(ctx, nil)()
	cluster, err := c.clusters.of(in.Cluster)
	if err != nil {
		return classify(err)
	}
	return classify(cluster.Manager.Kill(ctx, in.Attempt, job.Head(in.Reason, job.MaxMessage)))
}
