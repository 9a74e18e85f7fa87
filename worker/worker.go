// Package worker is the role that runs jobs: it serves the task queues of
// workflows and of the clusters it is given. It holds no state; any number of
// workers may serve a queue.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/workflows"
)

// Role is a part of a worker's work.
type Role string

// The roles. A worker on an edge node takes control and io of its own cluster;
// central ones take workflows.
const (
	RoleWorkflows Role = "workflows"
	RoleControl   Role = "control"
	RoleTransfer  Role = "io"
)

// Roles lists every role.
func Roles() []Role { return []Role{RoleWorkflows, RoleControl, RoleTransfer} }

// Options of a worker.
type Options struct {
	Config config.Config
	// Client speaks to Temporal.
	Client client.Client
	// Namespace that the client works in.
	Namespace string
	// Sources of jobs by name.
	Sources map[string]activities.Source
	// Clusters that are served, opened.
	Clusters map[string]activities.Cluster
	// Roles taken; empty takes all.
	Roles  []Role
	Logger *slog.Logger
	// Metrics shown at Config.Worker.HTTPAddress.
	Metrics *telemetry.Metrics
	// Hold blocks at a point of a job, for fault tests; empty never does.
	Hold Hold
}

func (o Options) has(role Role) bool { return len(o.Roles) == 0 || slices.Contains(o.Roles, role) }

// ServesClusters reports whether any of the roles needs clusters.
func (o Options) ServesClusters() bool { return o.has(RoleControl) || o.has(RoleTransfer) }

// Worker serves task queues.
type Worker struct {
	options Options
	workers []sdk.Worker

	mu    sync.Mutex
	fatal error
	// failed is closed with the first fatal error.
	failed chan struct{}
}

// New makes a worker; it serves nothing before Run.
func New(options Options) (*Worker, error) {
	if options.Client == nil || options.Logger == nil || options.Metrics == nil {
		return nil, errors.New("a worker needs a client, a logger and metrics")
	}
	for _, role := range options.Roles {
		if !slices.Contains(Roles(), role) {
			return nil, fmt.Errorf("unknown role %q; the roles are workflows, control and io", role)
		}
	}
	if len(options.Clusters) == 0 && options.ServesClusters() {
		return nil, errors.New("roles control and io need at least one cluster; name it with --cluster, or take role workflows alone")
	}
	w := &Worker{options: options, failed: make(chan struct{})}
	if options.has(RoleWorkflows) {
		if err := errors.Join(w.countJobs(), w.addCentral()); err != nil {
			return nil, err
		}
	}
	if options.has(RoleTransfer) {
		if err := w.countFindings(); err != nil {
			return nil, err
		}
	}
	for name := range options.Clusters {
		if err := w.addCluster(name); err != nil {
			return nil, err
		}
	}
	if len(w.workers) == 0 {
		return nil, errors.New("the worker has nothing to serve: no role fits")
	}
	return w, nil
}

func (w *Worker) sdkOptions(slots int) sdk.Options {
	return sdk.Options{
		WorkerStopTimeout:                  w.options.Config.Worker.StopTimeout,
		MaxConcurrentActivityExecutionSize: slots,
		OnFatalError:                       w.fail,
		Interceptors:                       []interceptor.WorkerInterceptor{&holder{hold: w.options.Hold}},
	}
}

func (w *Worker) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fatal == nil {
		close(w.failed)
	}
	w.fatal = errors.Join(w.fatal, err)
}

// addCentral serves workflows and the calls to sources.
func (w *Worker) addCentral() error {
	registry, err := activities.NewRegistry(w.options.Sources)
	if err != nil {
		return err
	}
	options := w.sdkOptions(100)
	if d := w.options.Config.Worker.Deployment; d.Name != "" {
		options.DeploymentOptions = sdk.DeploymentOptions{
			UseVersioning: true, Version: sdk.WorkerDeploymentVersion{DeploymentName: d.Name, BuildID: d.BuildID},
			DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		}
	}
	central := sdk.New(w.options.Client, workflows.QueueCentral, options)
	central.RegisterWorkflowWithOptions(workflows.SparkBatchJob, workflow.RegisterOptions{Name: workflows.TypeSparkBatchJob})
	central.RegisterWorkflowWithOptions(workflows.ClusterWatch, workflow.RegisterOptions{Name: workflows.TypeClusterWatch})
	central.RegisterWorkflowWithOptions(workflows.Sweep, workflow.RegisterOptions{Name: workflows.TypeSweep})
	central.RegisterActivity(registry)
	w.workers = append(w.workers, central)
	return nil
}

// addCluster serves a cluster's two queues.
func (w *Worker) addCluster(name string) error {
	one := map[string]activities.Cluster{name: w.options.Clusters[name]}
	settings := w.options.Config.Worker
	if w.options.has(RoleControl) {
		control, err := activities.NewControl(one, w.options.Sources, hinter{w.options.Client})
		if err != nil {
			return err
		}
		options := w.sdkOptions(settings.ControlSlots)
		options.DisableWorkflowWorker = true
		serving := sdk.New(w.options.Client, workflows.QueueControl(name), options)
		serving.RegisterActivity(control)
		w.workers = append(w.workers, serving)
	}
	if w.options.has(RoleTransfer) {
		transfer, err := activities.NewTransfer(one, w.options.Sources)
		if err != nil {
			return err
		}
		options := w.sdkOptions(settings.TransferSlots)
		options.DisableWorkflowWorker = true
		serving := sdk.New(w.options.Client, workflows.QueueTransfer(name), options)
		serving.RegisterActivityWithOptions(transfer, activity.RegisterOptions{})
		sweep, err := activities.NewSweep(one, &sweepServer{client: w.options.Client, namespace: w.options.Namespace})
		if err != nil {
			return err
		}
		serving.RegisterActivityWithOptions(sweep, activity.RegisterOptions{})
		w.workers = append(w.workers, serving)
	}
	return nil
}

// Run serves until ctx ends, then lets activities finish for the stop timeout.
// An error from which Temporal's worker does not come back ends it, too.
func (w *Worker) Run(ctx context.Context) error {
	if err := CheckNamespace(ctx, w.options.Client, w.options.Namespace); err != nil {
		return err
	}
	if address := w.options.Config.Worker.HTTPAddress; address != "" {
		server, err := telemetry.Serve(address, w.options.Metrics, w.ready) //nolint:contextcheck // a request has its own
		if err != nil {
			return err
		}
		defer func() { _ = server.Close(context.WithoutCancel(ctx)) }() // nothing is lost with it
		w.options.Logger.Info("serving health and metrics", "address", server.Address())
	}
	for i, serving := range w.workers {
		if err := serving.Start(); err != nil {
			w.stop(i)
			return fmt.Errorf("start a worker: %w", err)
		}
	}
	w.watchClusters(ctx)
	w.scheduleSweeps(ctx)
	aside, stopAside := context.WithCancel(ctx)
	defer stopAside()
	followed, err := w.followLogs(aside)
	if err != nil {
		w.stop(len(w.workers))
		return err
	}
	measured, err := w.measure(aside)
	if err != nil {
		w.stop(len(w.workers))
		return err
	}
	w.options.Logger.Info("worker started", "clusters", len(w.options.Clusters))
	select {
	case <-ctx.Done():
	case <-w.failed:
	}
	w.options.Logger.Info("worker stopping", "timeout", w.options.Config.Worker.StopTimeout)
	stopAside()
	w.stop(len(w.workers))
	followed()
	measured()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fatal
}

// stop stops the first n workers, all at once: each waits for its activities.
func (w *Worker) stop(n int) {
	var stopping sync.WaitGroup
	for _, serving := range w.workers[:n] {
		stopping.Go(serving.Stop)
	}
	stopping.Wait()
}

// watchClusters makes sure that each cluster has its ClusterWatch.
func (w *Worker) watchClusters(ctx context.Context) {
	if !w.options.has(RoleControl) || w.options.Config.Worker.WithoutClusterWatch {
		return
	}
	for name := range w.options.Clusters {
		_, err := w.options.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: workflows.ClusterWatchID(name), TaskQueue: workflows.QueueCentral,
			WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary:            "watches cluster " + name + " and wakes its jobs",
		}, workflows.TypeClusterWatch, workflows.ClusterWatchInput{Cluster: name})
		if err != nil {
			w.options.Logger.Warn("cluster watch not started; jobs look by themselves, more slowly",
				"cluster", name, "error", err)
		}
	}
}

// ready says whether Temporal answers and every cluster can be used.
func (w *Worker) ready(ctx context.Context) error {
	w.mu.Lock()
	fatal := w.fatal
	w.mu.Unlock()
	if fatal != nil {
		return fatal
	}
	if _, err := w.options.Client.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("temporal: %w", err)
	}
	for name, cluster := range w.options.Clusters {
		if err := cluster.Manager.Probe(ctx); err != nil {
			return fmt.Errorf("cluster %s: %w", name, err)
		}
	}
	return nil
}

// hinter wakes workflows by signal.
type hinter struct{ client client.Client }

func (h hinter) Hint(ctx context.Context, workflowID string) error {
	err := h.client.SignalWorkflow(ctx, workflowID, "", workflows.SignalHint, workflows.HintFromWatch)
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return nil // closed since: nobody to wake
	}
	return err
}
