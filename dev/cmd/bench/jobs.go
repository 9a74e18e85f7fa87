package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

//go:embed script.py
var script string

//go:embed minute.py
var minute string

// overhead runs one script by bare spark-submit and through Stoker, in pairs.
func (b *bench) overhead(ctx context.Context) error {
	d, err := b.deploy(ctx, nil)
	if err != nil {
		return err
	}
	defer d.stop()
	path := filepath.Join(d.state, "script.py")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		return err
	}
	if err := b.bare(ctx, path, filepath.Join(d.state, "warm-up")); err != nil {
		return err
	}
	before, err := d.worker.cpu()
	if err != nil {
		return err
	}
	samples := map[string][]float64{}
	for i := range b.runs {
		start := time.Now()
		if err := b.bare(ctx, path, filepath.Join(d.state, fmt.Sprintf("bare-%d", i))); err != nil {
			return err
		}
		bare := time.Since(start).Seconds()
		t, err := d.timed(ctx, fmt.Sprintf("pair-%d", i), script)
		if err != nil {
			return err
		}
		samples["bare"] = append(samples["bare"], bare)
		samples["total"] = append(samples["total"], t["total"])
		samples["added"] = append(samples["added"], t["total"]-bare)
		samples["ratio"] = append(samples["ratio"], t["total"]/bare)
		for _, phase := range append(phases, hinted) {
			samples[phase] = append(samples[phase], t[phase])
		}
		fmt.Printf("  pair %d: bare %.2f s, Stoker %.2f s\n", i+1, bare, t["total"])
	}
	after, err := d.worker.cpu()
	if err != nil {
		return err
	}
	rss, err := d.worker.rss()
	if err != nil {
		return err
	}
	b.spread("bare spark-submit, wall", "s", samples["bare"])
	b.spread("through Stoker, CREATED to terminal document, wall", "s", samples["total"])
	b.spread("added by Stoker, paired", "s", samples["added"])
	b.spread("ratio Stoker/bare, paired", "x", samples["ratio"])
	for _, phase := range phases {
		b.spread("part: "+phase, "s", samples[phase])
	}
	b.spread("hint received after the application's end", "s", samples[hinted])
	b.add("worker CPU per job", (after-before)/float64(b.runs), "CPU-s", b.runs)
	b.add("worker memory (RSS) after the jobs", rss, "MB", b.runs)
	return nil
}

// bare runs the script as users do without Stoker.
func (b *bench) bare(ctx context.Context, path, output string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(b.spark.Home, "bin", "spark-submit"), "--master", "local[1]",
		"--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=1", path, output)
	cmd.Env = append(os.Environ(), "SPARK_LOCAL_IP=127.0.0.1", "PYSPARK_PYTHON="+b.spark.Python,
		"PYSPARK_DRIVER_PYTHON="+b.spark.Python, "SPARK_HOME="+b.spark.Home)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("bare spark-submit: %w\n%s", err, out)
	}
	return nil
}

// phases of a job's wall time, which add up to it.
var phases = []string{
	"found by the starter", "load, reserve, stage", "submit", "application", "end seen", "collect and report",
}

// hinted is the time from an application's end to the hint of it.
const hinted = "hinted"

// timed runs a job through Stoker and splits its wall time.
func (d *deployment) timed(ctx context.Context, id, source string) (map[string]float64, error) {
	key := job.Key{Source: job.SourceModelManage, ID: id}
	if err := d.create(document(id, source)); err != nil {
		return nil, err
	}
	result, events, err := d.finished(ctx, key)
	if err != nil {
		return nil, err
	}
	list, err := d.revisions(id)
	if err != nil {
		return nil, err
	}
	created := list[0].At
	var ended time.Time
	for _, r := range list {
		if r.Document["jobStatus"] == "COMPLETE" {
			ended = r.At
			break
		}
	}
	if ended.IsZero() {
		return nil, fmt.Errorf("job %s did not end COMPLETE: %v", id, list[len(list)-1].Document["jobMessages"])
	}
	started := events[0].GetEventTime().AsTime()
	submitting, submitted := span(events, "Submit")
	marks := []time.Time{created, started, submitting, submitted, result.EndedAt, lastDone(events, "Observe"), ended}
	t := map[string]float64{"total": ended.Sub(created).Seconds()}
	for i, phase := range phases {
		t[phase] = marks[i+1].Sub(marks[i]).Seconds()
	}
	for _, e := range events {
		if e.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == workflows.SignalHint {
			t[hinted] = e.GetEventTime().AsTime().Sub(result.EndedAt).Seconds() // the last one stands
		}
	}
	return t, nil
}

// finished waits for a job's workflow to close.
func (d *deployment) finished(ctx context.Context, key job.Key) (workflows.Result, []*history.HistoryEvent, error) {
	var result workflows.Result
	deadline := time.Now().Add(5 * time.Minute)
	for {
		err := d.client.GetWorkflow(ctx, key.WorkflowID(), "").Get(ctx, &result)
		if err == nil {
			break
		}
		if time.Now().After(deadline) || ctx.Err() != nil || d.exists(ctx, key) {
			return result, nil, fmt.Errorf("job %s: %w", key, err)
		}
		time.Sleep(50 * time.Millisecond) // the starter has not found it yet
	}
	var events []*history.HistoryEvent
	all := d.client.GetWorkflowHistory(ctx, key.WorkflowID(), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		event, err := all.Next()
		if err != nil {
			return result, nil, err
		}
		events = append(events, event)
	}
	return result, events, nil
}

func (d *deployment) exists(ctx context.Context, key job.Key) bool {
	_, err := d.client.DescribeWorkflowExecution(ctx, key.WorkflowID(), "")
	return err == nil
}

// span is when the first activity of a type was scheduled and completed.
func span(events []*history.HistoryEvent, activity string) (scheduled, completed time.Time) {
	for _, e := range events {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil && a.GetActivityType().GetName() == activity && scheduled.IsZero() {
			scheduled = e.GetEventTime().AsTime()
			completed = doneAt(events, e.GetEventId())
		}
	}
	return scheduled, completed
}

func lastDone(events []*history.HistoryEvent, activity string) time.Time {
	var at time.Time
	for _, e := range events {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil && a.GetActivityType().GetName() == activity {
			at = doneAt(events, e.GetEventId())
		}
	}
	return at
}

func doneAt(events []*history.HistoryEvent, scheduled int64) time.Time {
	for _, e := range events {
		if c := e.GetActivityTaskCompletedEventAttributes(); c != nil && c.GetScheduledEventId() == scheduled {
			return e.GetEventTime().AsTime()
		}
	}
	return time.Time{}
}

// minute counts the Temporal events of a job that runs for a minute, with and
// without hints.
func (b *bench) minute(ctx context.Context) error {
	for _, hints := range []bool{true, false} {
		d, err := b.deploy(ctx, func(c *config.Config) { c.Worker.WithoutClusterWatch = !hints })
		if err != nil {
			return err
		}
		key := job.Key{Source: job.SourceModelManage, ID: "minute"}
		if err = d.create(document("minute", minute)); err == nil {
			if err = b.supervised(ctx, d, hints); err != nil {
				d.stop()
				return err
			}
			var events []*history.HistoryEvent
			if _, events, err = d.finished(ctx, key); err == nil {
				name := "Temporal events of a one-minute job, with hints"
				if !hints {
					name = "Temporal events of a one-minute job, without hints"
				}
				b.add(name, float64(len(events)), "events", 1)
			}
		}
		d.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// supervised measures what one running application costs besides Spark itself.
func (b *bench) supervised(ctx context.Context, d *deployment, hints bool) error {
	if !hints {
		return nil // the same
	}
	select {
	case <-time.After(30 * time.Second): // half-way through the minute
	case <-ctx.Done():
		return ctx.Err()
	}
	pids, err := d.supervisors()
	if err != nil {
		return err
	}
	if len(pids) != 1 {
		return fmt.Errorf("%d supervisors run instead of one", len(pids))
	}
	rss, err := rssOf(pids[0])
	if err != nil {
		return err
	}
	b.add("supervisor memory (RSS) per running application", rss, "MB", 1)
	private, err := privateOf(pids[0])
	if err != nil {
		return err
	}
	b.add("of that, shared with no other process", private, "MB", 1)
	rss, err = d.worker.rss()
	if err != nil {
		return err
	}
	b.add("worker memory (RSS) while one job runs", rss, "MB", 1)
	return nil
}

// document is a scoring job with one embedded output.
func document(id, source string) map[string]any {
	return map[string]any{
		"id": id, "jobType": "MODEL_BATCH_JOB", "jobStatus": "CREATED",
		"targetEngine": map[string]any{"engineType": "SPARK_RUNTIME", "name": "spark-runtime-1"},
		"model": map[string]any{"storedModel": map[string]any{"modelAssets": []any{map[string]any{
			"assetType": "SOURCE_CODE", "name": "script.py", "sourceCodeFilePath": "script.py",
			"primaryModelSource": true, "sourceCode": source,
		}}}},
		"inputData":  []any{},
		"outputData": []any{map[string]any{"assetType": "FILE", "filename": "out.csv", "fileFormat": "CSV", "fileSize": 0}},
	}
}
