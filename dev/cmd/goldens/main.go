// Command goldens records histories of SparkBatchJob on a real Temporal server,
// with activities that answer by script. Replaying them shows that a change to
// workflow code fits the jobs that are running already.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/dev/temporal"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/workflows"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: goldens DIRECTORY")
		os.Exit(2)
	}
	if err := record(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "goldens:", err)
		os.Exit(1)
	}
}

// record runs every scenario and writes each run's history to dir.
func record(ctx context.Context, dir string) error {
	state, err := os.MkdirTemp("", "goldens")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(state) }() // a temporary directory
	c, stop, err := start(state)
	if err != nil {
		return err
	}
	defer stop()
	w := sdk.New(c, workflows.QueueCentral, sdk.Options{})
	w.RegisterWorkflowWithOptions(workflows.SparkBatchJob, workflow.RegisterOptions{Name: workflows.TypeSparkBatchJob})
	script := &script{byJob: map[string]scenario{}}
	script.register(w)
	others := make([]sdk.Worker, 0, 2)
	for _, queue := range []string{workflows.QueueControl("local"), workflows.QueueTransfer("local")} {
		other := sdk.New(c, queue, sdk.Options{DisableWorkflowWorker: true})
		script.register(other)
		others = append(others, other)
	}
	for _, serving := range append(others, w) {
		if err := serving.Start(); err != nil {
			return err
		}
		defer serving.Stop()
	}
	for _, s := range scenarios() {
		if err := s.record(ctx, c, script, dir); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Println("recorded", s.name)
	}
	return nil
}

func start(state string) (client.Client, func(), error) {
	port, err := temporal.FreePort()
	if err != nil {
		return nil, nil, err
	}
	options := temporal.Options{
		Database: filepath.Join(state, "temporal.sqlite"), Port: port, SearchAttributes: workflows.SearchAttributes(),
		// Low, so that a short job is continued as new.
		Dynamic: map[string]any{"limit.historyCount.suggestContinueAsNew": 70},
	}
	server, err := temporal.Start(options)
	if err != nil {
		return nil, nil, err
	}
	c, err := client.Dial(client.Options{
		HostPort: options.Address(), Logger: sdklog.NewStructuredLogger(telemetry.NewLogger(os.Stderr, "error", "text")),
	})
	if err != nil {
		return nil, nil, errors.Join(err, server.Stop())
	}
	return c, func() {
		c.Close()
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "goldens: stop temporal:", err)
		}
	}, nil
}

// record runs one scenario and writes its runs.
func (s scenario) record(ctx context.Context, c client.Client, script *script, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	key := job.Key{Source: job.SourceModelManage, ID: s.name}
	script.add(key.Name(), s)
	run, err := c.ExecuteWorkflow(ctx, jobs.RegisteredOptions(key, "MODEL_BATCH_JOB", "spark-runtime-1"),
		workflows.TypeSparkBatchJob, workflows.Input{Key: key})
	if err != nil {
		return err
	}
	first := run.GetRunID()
	if s.during != nil {
		if err := s.during(ctx, c, key); err != nil {
			return err
		}
	}
	err = run.Get(ctx, nil) // how it ends is the scenario's own matter
	if ctx.Err() != nil {
		return fmt.Errorf("did not end: %w", err)
	}
	if err := save(ctx, c, key, first, filepath.Join(dir, s.name+".json")); err != nil {
		return err
	}
	if run.GetRunID() == first {
		return nil
	}
	return save(ctx, c, key, run.GetRunID(), filepath.Join(dir, s.name+"-last.json"))
}

func save(ctx context.Context, c client.Client, key job.Key, runID, path string) error {
	var h history.History
	events := c.GetWorkflowHistory(ctx, key.WorkflowID(), runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return err
		}
		h.Events = append(h.Events, event)
	}
	data, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&h)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644) // a file of the repository
}
