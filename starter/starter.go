// Package starter is the role that finds jobs at model-manage and starts their
// workflows. It holds no state that matters: any number of starters may run,
// and what one misses the next look finds.
package starter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/workflows"
)

// Registry is what the starter needs of model-manage.
type Registry interface {
	// List calls each for every job of our engines with the status.
	List(ctx context.Context, status modelmanage.Status, each func(modelmanage.Summary) error) error
}

var _ Registry = (*modelmanage.Client)(nil)

// Options of a starter.
type Options struct {
	Client   client.Client
	Registry Registry
	// PollInterval between two looks.
	PollInterval time.Duration
	// Reporter ends jobs that nobody else can; ReconcileInterval is how often they are
	// looked for, 0 for never, and Grace how long they must have been without a workflow.
	Reporter          Reporter
	ReconcileInterval time.Duration
	Grace             time.Duration
	// TrustDocuments counts that time from a document's last change, for an operator who
	// does not want to wait.
	TrustDocuments bool
	// HTTPAddress serves /healthz, /readyz and /metrics while Run does; "" serves nothing.
	// HTTPOptional goes on without where another process has that address.
	HTTPAddress  string
	HTTPOptional bool
	// Metrics that the starter's own are added to; nil counts for nobody.
	Metrics *telemetry.Metrics
	Logger  *slog.Logger
}

// Starter looks for jobs.
type Starter struct {
	options Options
	// settled jobs need no further call: a restart only forgets to save them.
	settled *recent
	// failing: the last look failed, which is logged once.
	failing bool
	// orphaned says since when a document is known to have no workflow.
	orphaned map[string]time.Time
	counts   *counts
}

// maxSettled bounds what is remembered.
const maxSettled = 20000

// New makes a starter.
func New(options Options) (*Starter, error) {
	if options.Client == nil || options.Registry == nil || options.Logger == nil || options.PollInterval <= 0 {
		return nil, errors.New("a starter needs a temporal client, a registry, a poll interval and a logger")
	}
	if options.ReconcileInterval > 0 && (options.Reporter == nil || options.Grace <= 0) {
		return nil, errors.New("a starter that reconciles needs a reporter and a grace")
	}
	if options.HTTPAddress != "" && options.Metrics == nil {
		return nil, errors.New("a starter that serves its metrics needs some")
	}
	s := &Starter{options: options, settled: newRecent(maxSettled), orphaned: map[string]time.Time{}, counts: newCounts()}
	if options.Metrics != nil {
		if err := s.counts.register(options.Metrics.Registerer()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Run looks until ctx ends. A registry or a Temporal that is down delays jobs
// and loses none.
func (s *Starter) Run(ctx context.Context) error {
	if address := s.options.HTTPAddress; address != "" {
		server, err := telemetry.Serve(address, s.options.Metrics, s.ready) //nolint:contextcheck // a request has its own
		switch {
		case err == nil:
			defer func() { _ = server.Close(context.WithoutCancel(ctx)) }() // nothing is lost with it
			s.options.Logger.Info("serving health and metrics", "address", server.Address())
		case s.options.HTTPOptional && errors.Is(err, syscall.EADDRINUSE):
			s.options.Logger.Warn("going on without health and metrics; --http gives this starter an address of its own", "error", err)
		default:
			return err
		}
	}
	s.options.Logger.Info("starter started", "poll", s.options.PollInterval)
	tick := time.NewTicker(s.options.PollInterval)
	defer tick.Stop()
	var reconciled time.Time
	for {
		s.Look(ctx)
		if every := s.options.ReconcileInterval; every > 0 && time.Since(reconciled) >= every {
			reconciled = time.Now()
			if _, err := s.Reconcile(ctx); err != nil && ctx.Err() == nil {
				s.options.Logger.Warn("cannot reconcile; going on to try", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look starts what is created and cancels what is cancelled, once.
func (s *Starter) Look(ctx context.Context) {
	var refused refusals
	err := errors.Join(
		s.options.Registry.List(ctx, modelmanage.StatusCreated, func(found modelmanage.Summary) error {
			return refused.pass(s.start(ctx, found))
		}),
		s.options.Registry.List(ctx, modelmanage.StatusCancelled, func(found modelmanage.Summary) error {
			return refused.pass(s.cancel(ctx, found))
		}),
	)
	if ctx.Err() != nil {
		return
	}
	s.counts.looked(err, refused.count > 0)
	err = errors.Join(err, refused.err())
	switch {
	case err != nil && !s.failing:
		s.options.Logger.Warn("cannot look for jobs; going on to try", "error", err)
		s.failing = true
	case err == nil && s.failing:
		s.options.Logger.Info("looking for jobs again")
		s.failing = false
	}
}

// refusals are jobs whose request Temporal refuses. They are tried again with
// the next look, and do not keep those behind them in the list from starting;
// any other error ends a look, because the next job would meet it too.
type refusals struct {
	count int
	first error
}

func (r *refusals) pass(err error) error {
	var invalid *serviceerror.InvalidArgument
	if !errors.As(err, &invalid) {
		return err
	}
	if r.count++; r.first == nil {
		r.first = err
	}
	return nil
}

func (r *refusals) err() error {
	if r.count == 0 {
		return nil
	}
	return fmt.Errorf("temporal refused %d jobs, the first: %w", r.count, r.first)
}

// callTimeout bounds one call to Temporal.
const callTimeout = 10 * time.Second

func (s *Starter) start(ctx context.Context, found modelmanage.Summary) error {
	key := job.Key{Source: job.SourceModelManage, ID: found.ID}
	if s.settled.has("start " + found.ID) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	run, err := s.options.Client.ExecuteWorkflow(ctx, jobs.RegisteredOptions(key, found.JobType, found.EngineName),
		workflows.TypeSparkBatchJob, workflows.Input{Key: key})
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &started):
		// It ran before and has closed, but its document says CREATED.
		s.options.Logger.Warn("job is CREATED at model-manage, but its workflow has closed; create it anew to run it",
			"job", key.Name())
	case err != nil:
		return fmt.Errorf("start job %s: %w", key, err)
	default:
		s.options.Logger.Info("job started", "job", key.Name(), "run", run.GetRunID())
		s.counts.did(jobStarted)
	}
	s.settled.add("start " + found.ID)
	s.counts.moved()
	return nil
}

// cancel passes a cancelled document on to the job's workflow, if it is open.
func (s *Starter) cancel(ctx context.Context, found modelmanage.Summary) error {
	if s.settled.has("cancel " + found.ID) {
		return nil
	}
	key := job.Key{Source: job.SourceModelManage, ID: found.ID}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := s.options.Client.SignalWorkflow(ctx, key.WorkflowID(), "", workflows.SignalCancel,
		workflows.CancelRequest{By: "model-manage", Reason: "the job's document was set to CANCELLED"})
	var gone *serviceerror.NotFound
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("cancel job %s: %w", key, err)
	}
	if err == nil {
		s.options.Logger.Info("job cancelled at model-manage", "job", key.Name())
		s.counts.did(jobCancelled)
	}
	s.settled.add("cancel " + found.ID)
	s.counts.moved()
	return nil
}
