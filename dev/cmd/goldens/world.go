package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/dev/ports"
	"github.com/stoker-spark/stoker/dev/temporal"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/workflows"
)

// world is a Temporal server with workers whose activities answer by script.
type world struct {
	client client.Client
	script *script
	server *temporal.Server
	// edge serves the queues of the cluster, which have no versions.
	edge []sdk.Worker
}

// newWorld starts the server and what serves the cluster; workflows wait for a worker.
func newWorld(state string) (*world, error) {
	port, err := ports.Free()
	if err != nil {
		return nil, err
	}
	options := temporal.Options{
		Database: filepath.Join(state, "temporal.sqlite"), Port: port, SearchAttributes: workflows.SearchAttributes(),
		// Low, so that a short job is continued as new.
		Dynamic: map[string]any{"limit.historyCount.suggestContinueAsNew": 70},
	}
	w := &world{script: newScript()}
	if w.server, err = temporal.Start(options); err != nil {
		return nil, err
	}
	w.client, err = client.Dial(client.Options{
		HostPort: options.Address(), Logger: sdklog.NewStructuredLogger(telemetry.NewLogger(os.Stderr, "error", "text")),
	})
	if err != nil {
		return nil, errors.Join(err, w.server.Stop())
	}
	for _, queue := range []string{workflows.QueueControl(cluster), workflows.QueueTransfer(cluster)} {
		serving := sdk.New(w.client, queue, sdk.Options{DisableWorkflowWorker: true})
		w.script.register(serving)
		if err := serving.Start(); err != nil {
			w.stop()
			return nil, err
		}
		w.edge = append(w.edge, serving)
	}
	return w, nil
}

// serve starts a worker of workflows.
func (w *world) serve(o sdk.Options) (sdk.Worker, error) {
	serving := sdk.New(w.client, workflows.QueueCentral, o)
	serving.RegisterWorkflowWithOptions(workflows.SparkBatchJob, workflow.RegisterOptions{Name: workflows.TypeSparkBatchJob})
	w.script.register(serving)
	return serving, serving.Start()
}

func (w *world) stop() {
	for _, serving := range w.edge {
		serving.Stop()
	}
	w.client.Close()
	if err := w.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "goldens: stop temporal:", err)
	}
}

// before makes a worker run workflow code as it was before any of its changes had an id:
// no workflow.GetVersion is called, and everything takes the way that was there first.
type before struct {
	interceptor.WorkerInterceptorBase
	// of picks the jobs, by workflow id; nil picks all.
	of func(id string) bool
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (b *before) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	if b.of != nil && !b.of(workflow.GetInfo(ctx).WorkflowExecution.ID) {
		return next
	}
	return &beforeInbound{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type beforeInbound struct {
	interceptor.WorkflowInboundInterceptorBase
}

// Init implements interceptor.WorkflowInboundInterceptor.
func (i *beforeInbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&beforeOutbound{interceptor.WorkflowOutboundInterceptorBase{Next: next}})
}

type beforeOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
}

// GetVersion implements interceptor.WorkflowOutboundInterceptor: nothing is recorded.
func (*beforeOutbound) GetVersion(workflow.Context, string, workflow.Version, workflow.Version) workflow.Version {
	return workflow.DefaultVersion
}
