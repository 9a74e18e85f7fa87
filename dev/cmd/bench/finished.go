package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/dev/stack"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
	"github.com/stoker-spark/stoker/workflows"
)

const (
	// makers submit the jobs that are to be finished.
	makers = 12
	// asks is how often each question is asked.
	asks = 500
)

// finishedJobs measures lists and looks where many jobs have finished. The jobs are not run:
// a stand-in for the workflow leaves in Temporal, and in the log store, what a job does.
func (b *bench) finishedJobs(ctx context.Context) error {
	w, stop, err := b.deployWatched(ctx, unlimited)
	if err != nil {
		return err
	}
	defer stop()
	w.kill(w.worker)
	c, err := w.startAPI(ctx)
	if err != nil {
		return err
	}
	ids, err := b.finishAll(ctx, w, c)
	if err != nil {
		return err
	}
	// An API that was just started has to read the records.
	w.kill(w.api)
	if c, err = w.startAPI(ctx); err != nil {
		return err
	}
	if err := b.ask(ctx, c, ids, fmt.Sprintf("%d finished jobs", b.finished)); err != nil {
		return err
	}
	if err := b.memory(w.api, fmt.Sprintf("%d finished jobs: stoker api memory (RSS)", b.finished)); err != nil {
		return err
	}
	// The same without their histories.
	if err := w.loseDatabase(ctx, b); err != nil {
		return err
	}
	w.kill(w.api)
	if c, err = w.startAPI(ctx); err != nil {
		return err
	}
	return b.ask(ctx, c, ids, fmt.Sprintf("%d finished jobs, no history of them left", b.finished))
}

// finishAll submits jobs and ends them, and returns their ids.
func (b *bench) finishAll(ctx context.Context, w *watched, c *client.Client) ([]string, error) {
	logs := logstore.New(file.New(file.Options{DirMode: 0o700}), filepath.Join(w.state, "jobs-logs"))
	standIn := worker.New(w.client, workflows.QueueCentral, worker.Options{MaxConcurrentWorkflowTaskPollers: 8})
	standIn.RegisterWorkflowWithOptions(finish, workflow.RegisterOptions{Name: workflows.TypeSparkBatchJob})
	standIn.RegisterActivity(&keeper{logs: logs})
	if err := standIn.Start(); err != nil {
		return nil, err
	}
	defer standIn.Stop()
	began := time.Now()
	ids := make([]string, b.finished)
	var failed error
	var once sync.Once
	var all sync.WaitGroup
	next := make(chan int)
	for range makers {
		all.Go(func() {
			for n := range next {
				started, _, err := c.Submit(ctx, aSpec(n), client.NewKey())
				if err == nil {
					err = w.client.GetWorkflow(ctx, "sparkjob-"+started.ID, "").Get(ctx, nil)
				}
				if err != nil && !strings.Contains(err.Error(), workflows.FailureJobFailed) {
					once.Do(func() { failed = err })
				}
				ids[n] = started.ID
				if n%1000 == 999 {
					fmt.Printf("  %d of %d jobs finished after %.0f s\n", n+1, b.finished, time.Since(began).Seconds())
				}
			}
		})
	}
	for n := 0; n < b.finished && ctx.Err() == nil; n++ {
		next <- n
	}
	close(next)
	all.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	return ids, failed
}

// keeper writes records.
type keeper struct{ logs *logstore.Store }

// Keep is a local activity of finish.
func (k *keeper) Keep(ctx context.Context, r job.Record) error { return k.logs.PutRecord(ctx, r) }

// finish leaves what a job does that has ended.
func finish(ctx workflow.Context, in workflows.Input) (workflows.Result, error) {
	info := workflow.GetInfo(ctx)
	id := strings.TrimPrefix(info.WorkflowExecution.ID, "sparkjob-")
	outcome := job.Outcome{Result: job.ResultSucceeded}
	if in.Key.ID[len(in.Key.ID)-1] < 'c' { // one in sixteen
		outcome = job.Failed(job.ClassApplication, job.PhaseRunning, "ValueError: no such column")
	}
	record := job.Record{
		Version: job.RecordVersion, ID: id, Key: in.Key, Request: in.Request, Outcome: outcome, Application: "application_1_" + id, Attempts: 1,
		Spec: job.Spec{
			Kind: job.KindPySpark, Name: "daily scores", User: in.Request.User, Cluster: in.Request.Cluster,
			Labels: map[string]string{"kind": "daily"},
		},
		SubmittedAt: info.WorkflowStartTime, RunAt: info.WorkflowStartTime, WaitingAt: workflow.Now(ctx), RunningAt: workflow.Now(ctx),
		EndedAt: workflow.Now(ctx), WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
	}
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
	if err := workflow.ExecuteLocalActivity(local, "Keep", record).Get(ctx, nil); err != nil {
		return workflows.Result{}, err
	}
	err := workflow.UpsertTypedSearchAttributes(ctx, workflows.AttributePhase.ValueSet(string(job.PhaseDone)),
		workflows.AttributeApp.ValueSet(record.Application), workflows.AttributeOutcome.ValueSet(string(outcome.Result)))
	return workflows.Result{Outcome: outcome, Cluster: in.Request.Cluster, Application: record.Application, Attempts: 1, EndedAt: record.EndedAt}, err
}

// ask measures lists and looks.
func (b *bench) ask(ctx context.Context, c *client.Client, ids []string, name string) error {
	start := time.Now()
	page, err := c.List(ctx, jobs.Query{})
	if err != nil {
		return err
	}
	b.add(name+": first list after the API's start", time.Since(start).Seconds()*1000, "ms", 1)
	deep := page
	for range 40 { // 2,050 jobs back
		if deep, err = c.List(ctx, jobs.Query{Cursor: deep.Next}); err != nil {
			return err
		}
	}
	for _, q := range []struct {
		what  string
		query jobs.Query
		want  int
	}{
		{"list of the latest 50", jobs.Query{}, jobs.DefaultPage},
		{"list of 50 that failed, by one user", jobs.Query{User: "local", Result: string(job.ResultFailed)}, jobs.DefaultPage},
		{"list of 50, 2,000 back", jobs.Query{Cursor: deep.Next}, jobs.DefaultPage},
	} {
		samples := make([]float64, asks)
		for i := range samples {
			start := time.Now()
			page, err := c.List(ctx, q.query)
			samples[i] = time.Since(start).Seconds() * 1000
			if err != nil {
				return err
			}
			if len(page.Jobs) != q.want {
				return fmt.Errorf("%s: %d jobs instead of %d", q.what, len(page.Jobs), q.want)
			}
		}
		b.latencies(name+": "+q.what, samples)
	}
	samples := make([]float64, asks)
	for i := range samples {
		id := ids[rand.N(len(ids))] //nolint:gosec // any will do
		start := time.Now()
		one, err := c.Get(ctx, id)
		samples[i] = time.Since(start).Seconds() * 1000
		if err != nil {
			return err
		}
		if one.Outcome == nil {
			return fmt.Errorf("job %s has not ended", id)
		}
	}
	b.latencies(name+": get", samples)
	return nil
}

// loseDatabase starts Temporal anew with an empty database.
func (w *watched) loseDatabase(ctx context.Context, b *bench) error {
	w.client.Close()
	w.kill(w.core)
	var err error
	w.core, err = w.spawnCore(b, filepath.Join(w.state, "another-core"))
	if err != nil {
		return err
	}
	if err := w.await(ctx, w.core, fmt.Sprintf("http://127.0.0.1:%d/healthz", w.ports.ModelManage)); err != nil {
		return err
	}
	w.client, err = stack.Dial(ctx, w.ports, slog.New(slog.DiscardHandler))
	return err
}
