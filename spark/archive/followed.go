package archive

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store/logstore"
)

// followed is an application that runs, or whose driver may. Its logs are read by one
// goroutine at a time, and it is asked for its progress by another.
type followed struct {
	follower *Follower
	source   source
	logs     *logstore.Logs
	streams  map[string]*tail
	// runs: the cluster says so. Until then it may not have written anything, nor be asked
	// for its progress.
	runs    atomic.Bool
	reading effort
	asking  effort
	// noted is the progress in the store, written at notedAt.
	noted   job.Progress
	notedAt time.Time
}

// tail is one stream of it.
type tail struct {
	*logstore.Stream
	appendedAt time.Time
}

// effort is something done again and again, less often while it fails.
type effort struct {
	busy atomic.Bool
	// next is when it is due, in Unix nanoseconds; failures counts those in a row.
	next     atomic.Int64
	failures int
}

func (e *effort) due(now time.Time) bool { return !e.busy.Load() && now.UnixNano() >= e.next.Load() }

// longestPause bounds the pause after failures.
const longestPause = time.Minute

// done says when it is due again: after a pause or, while it fails, after one that
// doubles from retry on.
func (e *effort) done(pause, retry time.Duration, err error) {
	if err != nil {
		pause = max(pause, min(retry<<min(e.failures, 10), longestPause))
		e.failures++
	} else {
		e.failures = 0
	}
	e.next.Store(time.Now().Add(pause).UnixNano())
	e.busy.Store(false)
}

// startLogs begins to read every log that is due.
func (f *Follower) startLogs(ctx context.Context) {
	now := time.Now()
	for _, app := range f.apps {
		if !app.reading.due(now) {
			continue
		}
		app.reading.busy.Store(true)
		f.under.Go(func() {
			select {
			case f.logSlots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-f.logSlots }()
			limited, cancel := context.WithTimeout(ctx, callLimit)
			defer cancel()
			runs := app.runs.Load()
			err := app.read(limited)
			switch {
			case runs:
				app.report(ctx, &app.reading, FailedLog, err)
				app.reading.done(0, f.opts.Interval, err)
			case err != nil: // its files are still on their way to it: no news to anybody
				app.reading.done(2*f.opts.Interval, 0, nil)
			default:
				app.reading.done(0, 0, nil)
			}
		})
	}
}

// report logs the first of several failures in a row, and counts all.
func (a *followed) report(ctx context.Context, e *effort, what string, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	a.follower.opts.Failed(what)
	if e.failures == 0 {
		a.follower.opts.Logger.Warn("cannot follow an application; it is tried again",
			"cluster", a.follower.opts.Cluster, "job", a.source.attempt.Job, "failed", what, "error", err)
	}
}

// read appends what is new.
func (a *followed) read(ctx context.Context) error {
	sizes, err := a.source.sizes(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		if err := a.readStream(ctx, name, sizes[name]); err != nil {
			return err
		}
	}
	return nil
}

func (a *followed) readStream(ctx context.Context, name string, size int64) error {
	t := a.streams[name]
	if t == nil {
		stream, err := a.logs.Stream(name)
		if err != nil {
			return err
		}
		t = &tail{Stream: stream}
		a.streams[name] = t
	}
	have, chunks, err := t.Size(ctx)
	if err != nil || size <= have {
		return err
	}
	if size-have < liveChunk && time.Since(t.appendedAt) < thinned(chunks) {
		return nil
	}
	chunk := liveChunk
	if size-have > lastChunk {
		chunk = lastChunk // who writes much fast would leave many files, each of which takes its time
	}
	moved, err := a.source.move(ctx, t.Stream, name, chunk, nil)
	a.follower.opts.Appended(moved.appended)
	if moved.appended > 0 {
		t.appendedAt = time.Now()
	}
	if err == nil {
		err = moved.err
	}
	return err
}

// thinned is the least time between two small chunks of a stream that has this many:
// a job that runs for days would leave a file every other second.
func thinned(chunks int) time.Duration {
	switch {
	case chunks < 1000:
		return 0
	case chunks < 5000:
		return 10 * time.Second
	}
	return time.Minute
}

// askedPerStep bounds the questions begun in one interval: 10 in a second.
const askedPerStep = 20

// startProgress asks the applications that have waited longest.
func (f *Follower) startProgress(ctx context.Context) {
	progresser, ok := f.opts.Manager.(spark.Progresser)
	if !ok {
		return
	}
	now := time.Now()
	due := slices.DeleteFunc(slices.Collect(maps.Values(f.apps)), func(a *followed) bool { return !a.runs.Load() || !a.asking.due(now) })
	slices.SortFunc(due, func(a, b *followed) int { return cmp.Compare(a.asking.next.Load(), b.asking.next.Load()) })
	for _, app := range due[:min(len(due), askedPerStep)] {
		app.asking.busy.Store(true)
		f.under.Go(func() {
			select {
			case f.progressSlots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-f.progressSlots }()
			limited, cancel := context.WithTimeout(ctx, callLimit)
			defer cancel()
			err := app.ask(limited, progresser)
			if !absent(err) {
				app.report(ctx, &app.asking, FailedProgress, err)
			}
			app.asking.done(f.opts.ProgressInterval, f.opts.ProgressInterval, err)
		})
	}
}

// unchangedFor is after which time a progress that stayed the same is written anew,
// so that its time shows that somebody looks.
const unchangedFor = time.Minute

// ask notes how far the application is.
func (a *followed) ask(ctx context.Context, p spark.Progresser) error {
	progress, err := p.Progress(ctx, a.source.attempt)
	if err != nil {
		return err
	}
	was := a.noted
	was.Time = progress.Time
	if was == progress && time.Since(a.notedAt) < unchangedFor {
		return nil
	}
	if err := a.logs.SetProgress(ctx, progress); err != nil {
		return err
	}
	a.noted, a.notedAt = progress, time.Now()
	return nil
}
