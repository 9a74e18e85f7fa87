package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/dev/yarnsim"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const (
	// minuteJobs are submitted at once, each for an application that runs a minute.
	minuteJobs    = 1000
	minuteStarter = 8
)

// minutes measures how many jobs of a minute the embedded server finishes in one.
func (b *bench) minutes(ctx context.Context) error {
	w, stop, err := b.deployWatched(ctx, unlimited)
	if err != nil {
		return err
	}
	defer stop()
	w.lasts = time.Minute
	used, err := b.usedBy(w.worker, w.core)
	if err != nil {
		return err
	}
	began := time.Now()
	closed := make([]time.Time, minuteJobs)
	var once sync.Once
	var failed error
	fail := func(err error) { once.Do(func() { failed = err }) }
	var starts, ends sync.WaitGroup
	next := make(chan int)
	for range minuteStarter {
		starts.Go(func() {
			for n := range next {
				id := fmt.Sprintf("minute-%04d", n)
				if err := w.start(ctx, id); err != nil {
					fail(err)
					continue
				}
				ends.Go(func() {
					err := w.client.GetWorkflow(ctx, job.Key{Source: job.SourceModelManage, ID: id}.WorkflowID(), "").Get(ctx, nil)
					if err != nil {
						fail(fmt.Errorf("%s: %w", id, err))
					}
					closed[n] = time.Now()
				})
			}
		})
	}
	for n := range minuteJobs {
		next <- n
	}
	close(next)
	starts.Wait()
	b.add("1,000 one-minute jobs: all submitted after", time.Since(began).Seconds(), "s", minuteJobs)
	ends.Wait()
	if failed != nil {
		return failed
	}
	took := time.Since(began)
	after, err := b.usedBy(w.worker, w.core)
	if err != nil {
		return err
	}
	slices.SortFunc(closed, time.Time.Compare)
	// The middle eight tenths: neither the start nor the end of it all.
	first, last := closed[minuteJobs/10], closed[minuteJobs*9/10]
	b.add("1,000 one-minute jobs: finished per minute, from the first submission to the last end", minuteJobs/took.Minutes(), "1/min", minuteJobs)
	b.add("1,000 one-minute jobs: finished per minute, in the middle", minuteJobs*0.8/last.Sub(first).Minutes(), "1/min", minuteJobs)
	b.add("1,000 one-minute jobs: CPU of the worker, per job", (after[0]-used[0])/minuteJobs, "CPU-s", minuteJobs)
	b.add("1,000 one-minute jobs: CPU of Temporal and simulator, per job", (after[1]-used[1])/minuteJobs, "CPU-s", minuteJobs)
	return nil
}

// play is an application of a watched deployment: the driver, for as long as w.lasts
// says, or until it is ended.
func (w *watched) play(ctx context.Context, app yarnsim.App) error {
	if err := w.driver.Start(app); err != nil {
		return err
	}
	if w.lasts == 0 || pause(ctx, w.lasts) != nil {
		return nil
	}
	if err := w.driver.Return(app, []byte("a,b\n1,2\n")); err != nil {
		return err
	}
	if err := w.driver.Leave(app); err != nil {
		return err
	}
	return w.sim.End(app.ID, rm.FinalSucceeded, "")
}
