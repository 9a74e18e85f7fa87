// Command goldens records histories of SparkBatchJob on a real Temporal server,
// with activities that answer by script. Replaying them shows that a change to
// workflow code fits the jobs that are running already.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	common "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdk "go.temporal.io/sdk/worker"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
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

// record runs every scenario that dir has no history of, and writes those of its runs.
func record(ctx context.Context, dir string) error {
	state, err := os.MkdirTemp("", "goldens")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(state) }() // a temporary directory
	w, err := newWorld(state)
	if err != nil {
		return err
	}
	defer w.stop()
	old := &before{of: func(id string) bool { return w.script.ofWorkflow(id).before }}
	serving, err := w.serve(sdk.Options{Interceptors: []interceptor.WorkerInterceptor{old}})
	if err != nil {
		return err
	}
	defer serving.Stop()
	for _, s := range scenarios() {
		if _, err := os.Stat(filepath.Join(dir, s.name+".json")); !errors.Is(err, fs.ErrNotExist) {
			continue // frozen: jobs may be running that have such a history
		}
		if err := s.record(ctx, w, dir); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Println("recorded", s.name)
	}
	return nil
}

// record runs one scenario and writes its runs.
func (s scenario) record(ctx context.Context, w *world, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	key := s.key(s.name)
	run, err := s.start(ctx, w, key)
	if err != nil {
		return err
	}
	first := run.GetRunID()
	_ = run.Get(ctx, nil) // how it ends is the scenario's own matter
	if ctx.Err() != nil {
		return fmt.Errorf("did not end: %w", ctx.Err())
	}
	if s.reset != "" {
		if first, err = reset(ctx, w.client, key.WorkflowID(), first, s.reset); err != nil {
			return err
		}
		run = w.client.GetWorkflow(ctx, key.WorkflowID(), first)
		_ = run.Get(ctx, nil) // as above
		if ctx.Err() != nil {
			return fmt.Errorf("did not end after the reset: %w", ctx.Err())
		}
	}
	if err := save(ctx, w.client, key, first, filepath.Join(dir, s.name+".json")); err != nil {
		return err
	}
	if run.GetRunID() == first {
		return nil
	}
	return save(ctx, w.client, key, run.GetRunID(), filepath.Join(dir, s.name+"-last.json"))
}

// key is that of the scenario's job with an id.
func (s scenario) key(id string) job.Key {
	if s.own {
		return job.Key{Source: job.SourceAPI, ID: id}
	}
	return job.Key{Source: job.SourceModelManage, ID: id}
}

// start starts a job of the scenario, and what happens to it while it runs.
func (s scenario) start(ctx context.Context, w *world, key job.Key) (client.WorkflowRun, error) {
	w.script.add(key.Name(), s)
	in := workflows.Input{Key: key, Adopt: s.adopt}
	if s.own {
		in.Request = &job.Request{Spec: []byte(`{"file":"hdfs:/x.py"}`), User: "ann", Cluster: cluster, Digest: "d"}
	}
	run, err := w.client.ExecuteWorkflow(ctx, jobs.RegisteredOptions(key, "MODEL_BATCH_JOB", "spark-runtime-1"), workflows.TypeSparkBatchJob, in)
	if err != nil || s.during == nil {
		return run, err
	}
	return run, s.during(ctx, w.client, key)
}

// reset takes a run back to before it first scheduled an activity, and returns the new
// run.
func reset(ctx context.Context, c client.Client, id, run, activity string) (string, error) {
	h, err := read(ctx, c, id, run)
	if err != nil {
		return "", err
	}
	for _, event := range h.GetEvents() {
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled.GetActivityType().GetName() != activity {
			continue
		}
		answer, err := c.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
			Namespace: client.DefaultNamespace, WorkflowExecution: &common.WorkflowExecution{WorkflowId: id, RunId: run},
			Reason: "a golden", WorkflowTaskFinishEventId: scheduled.GetWorkflowTaskCompletedEventId(), RequestId: uuid.NewString(),
		})
		return answer.GetRunId(), err
	}
	return "", fmt.Errorf("no %s was ever scheduled", activity)
}

func read(ctx context.Context, c client.Client, id, run string) (*history.History, error) {
	var h history.History
	events := c.GetWorkflowHistory(ctx, id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return nil, err
		}
		h.Events = append(h.Events, event)
	}
	return &h, nil
}

func save(ctx context.Context, c client.Client, key job.Key, run, path string) error {
	h, err := read(ctx, c, key.WorkflowID(), run)
	if err != nil {
		return err
	}
	data, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(h)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644) // a file of the repository
}
