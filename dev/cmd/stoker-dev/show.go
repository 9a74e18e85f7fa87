package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/stoker-spark/stoker/dev/samples"
	"github.com/stoker-spark/stoker/dev/stack"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/worker"
	"github.com/stoker-spark/stoker/workflows"
)

// row is one sample in the table.
type row struct {
	sample    samples.Sample
	status    string
	phase     string
	app       string
	began     time.Time
	took      time.Duration
	ended     bool
	verdict   string
	cancelled bool
}

// samplesLimit is far more than they need.
const samplesLimit = 15 * time.Minute

// sampleFiles is where the samples' files by URL lie: in the file system of the
// cluster that the jobs run on.
func sampleFiles(s *stack.Stack, state string) (store.Store, string, error) {
	if s.Options.Hadoop == nil {
		return file.New(file.Options{DirMode: 0o700}), filepath.Join(state, "samples"), nil
	}
	st, _, err := worker.OpenRuntimes(s.Config, "yarn", worker.Openings{Logger: s.Options.Logger})
	return st, "/user/" + s.Options.Hadoop.User + "/stoker-samples", err
}

// showSamples creates the sample jobs, or those that are named, and shows them
// until each has ended; it returns how many did not end as expected. events, unless "",
// is a file for how each ended.
func showSamples(ctx context.Context, s *stack.Stack, state string, named []string, events string) ([]samples.Sample, int, error) {
	prefix := "sample-" + time.Now().UTC().Format("0102-150405")
	st, dir, err := sampleFiles(s, state)
	if err != nil {
		return nil, 0, err
	}
	all, err := samples.All(ctx, prefix, st, dir)
	if err != nil {
		return nil, 0, err
	}
	if all, err = samples.Named(all, named); err != nil {
		return nil, 0, err
	}
	rows := make([]row, len(all))
	for i, sample := range all {
		rows[i] = row{sample: sample, began: time.Now()}
		if _, err := s.ModelManage.Create(sample.Document); err != nil {
			rows[i].ended, rows[i].verdict = true, "not created: "+err.Error()
		}
	}
	fmt.Printf("Created %d sample jobs at model-manage; each is real PySpark, two run at a time.\n\n", len(rows))
	ctx, cancel := context.WithTimeout(ctx, samplesLimit)
	defer cancel()
	t := &table{live: isatty.IsTerminal(os.Stdout.Fd())}
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		open := 0
		for i := range rows {
			rows[i].update(ctx, s)
			if !rows[i].ended {
				open++
			}
		}
		t.show(rows)
		if open == 0 || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	failed := 0
	for _, r := range rows {
		if !r.asExpected() {
			failed++
		}
	}
	fmt.Printf("\n%d of %d samples ended as expected.\n", len(rows)-failed, len(rows))
	if events != "" {
		return all, failed, writeEvents(events, rows)
	}
	return all, failed, nil
}

// asExpected is what a row is worth that has ended well.
const asExpected = "as expected"

func (r *row) asExpected() bool { return r.verdict == asExpected }

func (r *row) update(ctx context.Context, s *stack.Stack) {
	if r.ended {
		return
	}
	document, ok := s.ModelManage.Document(r.sample.ID())
	if !ok {
		return
	}
	r.status, _ = document["jobStatus"].(string)
	r.took = time.Since(r.began)
	key := job.Key{Source: job.SourceModelManage, ID: r.sample.ID()}
	r.ask(ctx, s, key)
	if r.sample.Cancel && r.status == "RUNNING" && !r.cancelled {
		r.cancelled = s.Client.SignalWorkflow(ctx, key.WorkflowID(), "", workflows.SignalCancel,
			workflows.CancelRequest{By: "stoker-dev", Reason: "to show it"}) == nil
	}
	switch r.status {
	case "COMPLETE", "ERROR", "CANCELLED":
		// The document is final before the workflow has cleaned up.
		if r.phase != string(job.PhaseDone) {
			return
		}
		r.ended, r.verdict = true, asExpected
		if r.status != r.sample.Status {
			r.verdict = "expected " + r.sample.Status
		} else if r.sample.Check != nil {
			if err := r.sample.Check(document); err != nil {
				r.verdict = err.Error()
			}
		}
	}
}

// ask asks the job's workflow for its phase.
func (r *row) ask(ctx context.Context, s *stack.Stack, key job.Key) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	value, err := s.Client.QueryWorkflow(ctx, key.WorkflowID(), "", workflows.QueryStatus)
	if err != nil {
		return // not started yet
	}
	var view workflows.StatusView
	if value.Get(&view) == nil {
		r.phase, r.app = string(view.Phase), view.Application
	}
}

// table draws the rows: over and over in a terminal, changes only elsewhere.
type table struct {
	live  bool
	drawn int
	last  map[string]string
}

func (t *table) show(rows []row) {
	if !t.live {
		t.changes(rows)
		return
	}
	var b strings.Builder
	if t.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", t.drawn)
	}
	fmt.Fprintf(&b, "\x1b[2K\x1b[1m%-36s %-10s %-11s %6s  %s\x1b[0m\n", "job", "document", "phase", "time", "end")
	for _, r := range rows {
		fmt.Fprintf(&b, "\x1b[2K%-36s %s%-10s\x1b[0m %-11s %5.1fs  %s\n", r.sample.Name, color(r.status), r.status, r.phase,
			r.took.Seconds(), r.verdict)
	}
	t.drawn = len(rows) + 1
	fmt.Print(b.String())
}

func (t *table) changes(rows []row) {
	if t.last == nil {
		t.last = map[string]string{}
	}
	for _, r := range rows {
		now := fmt.Sprintf("%-10s %-11s %s", r.status, r.phase, r.verdict)
		if t.last[r.sample.Name] != now && r.phase != "" {
			t.last[r.sample.Name] = now
			fmt.Printf("%6.1fs  %-36s %s\n", r.took.Seconds(), r.sample.Name, strings.TrimSpace(now))
		}
	}
}

func color(status string) string {
	switch status {
	case "COMPLETE":
		return "\x1b[32m"
	case "ERROR":
		return "\x1b[31m"
	case "CANCELLED":
		return "\x1b[33m"
	case "RUNNING":
		return "\x1b[36m"
	}
	return ""
}
