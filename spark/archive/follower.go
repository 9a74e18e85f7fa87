package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store/logstore"
)

// What a Follower counts failures of; the values are labels of a metric.
const (
	FailedList     = "list"     // the cluster's applications
	FailedLog      = "log"      // reading a log, or writing it to the store
	FailedProgress = "progress" // asking for it, or writing it
	FailedLease    = "lease"    // finding out which worker follows
)

// Defaults of FollowerOptions.
const (
	DefaultInterval         = 2 * time.Second
	DefaultProgressInterval = 5 * time.Second
	DefaultLogsAtOnce       = 8
	DefaultProgressAtOnce   = 4
)

// FollowerOptions are those of a Follower.
type FollowerOptions struct {
	// Cluster is its name, for the log.
	Cluster string
	Manager spark.Manager
	Store   *logstore.Store
	Logger  *slog.Logger
	// Interval between two looks at a log; 0 is DefaultInterval.
	Interval time.Duration
	// ProgressInterval is the least between two questions to one application; 0 is
	// DefaultProgressInterval.
	ProgressInterval time.Duration
	// LogsAtOnce and ProgressAtOnce bound the applications that are read from and
	// asked at the same time; 0 is the default.
	LogsAtOnce, ProgressAtOnce int
	// Appended, if not nil, is told of bytes that went into the store, and Failed of
	// failures by what failed. Both are called concurrently.
	Appended func(bytes int64)
	Failed   func(what string)
}

// Follower copies the logs of a cluster's running applications as they grow, and of
// those whose driver has a place to run; of the former it notes how far they are. It
// keeps nothing: what the store holds says where to go on, whichever process does.
// Failures are logged once and counted; what it misses, Finish finds.
type Follower struct {
	opts  FollowerOptions
	lease *lease
	// apps are those that are followed.
	apps map[job.Attempt]*followed
	// logSlots and progressSlots bound what is under way.
	logSlots, progressSlots chan struct{}
	under                   sync.WaitGroup
	troubled                bool
}

// NewFollower checks the options.
func NewFollower(o FollowerOptions) (*Follower, error) {
	if o.Manager == nil || o.Store == nil {
		return nil, errors.New("a follower of logs needs a manager and a log store")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.ProgressInterval <= 0 {
		o.ProgressInterval = DefaultProgressInterval
	}
	if o.LogsAtOnce <= 0 {
		o.LogsAtOnce = DefaultLogsAtOnce
	}
	if o.ProgressAtOnce <= 0 {
		o.ProgressAtOnce = DefaultProgressAtOnce
	}
	if o.Appended == nil {
		o.Appended = func(int64) {}
	}
	if o.Failed == nil {
		o.Failed = func(string) {}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Follower{
		opts: o, apps: map[job.Attempt]*followed{},
		lease: &lease{
			store: o.Store, name: fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text()),
			renew: min(renewEvery, 2*o.Interval), abandoned: min(abandonedAfter, 6*o.Interval),
		},
		logSlots: make(chan struct{}, o.LogsAtOnce), progressSlots: make(chan struct{}, o.ProgressAtOnce),
	}, nil
}

// callLimit bounds one step: listing the cluster, a look at one application's logs.
const callLimit = time.Minute

// Run follows until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	tick := time.NewTicker(f.opts.Interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		f.step(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	f.under.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	f.lease.giveUp(last)
}

// step begins what is due.
func (f *Follower) step(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	held, err := f.lease.hold(limited)
	if err != nil {
		f.trouble(ctx, FailedLease, err)
		return
	}
	if !held {
		clear(f.apps) // another worker follows
		return
	}
	list := f.opts.Manager.Snapshot
	if lister, ok := f.opts.Manager.(spark.Lister); ok {
		list = lister.Live
	}
	sightings, err := list(limited)
	if err != nil {
		f.trouble(ctx, FailedList, err)
		return
	}
	f.trouble(ctx, "", nil)
	f.take(sightings)
	f.startLogs(ctx)
	f.startProgress(ctx)
}

// trouble logs the first of several failures in a row, and counts all.
func (f *Follower) trouble(ctx context.Context, what string, err error) {
	if err == nil {
		f.troubled = false
		return
	}
	if ctx.Err() != nil {
		return
	}
	f.opts.Failed(what)
	if !f.troubled {
		f.troubled = true
		f.opts.Logger.Warn("cannot follow the logs of a cluster; they are archived when jobs end", "cluster", f.opts.Cluster, "failed", what, "error", err)
	}
}

// take notes which applications are to be followed.
func (f *Follower) take(sightings []spark.Sighting) {
	seen := map[job.Attempt]bool{}
	for _, s := range sightings {
		runs := s.Observation.State == job.StateRunning
		mayWrite := runs || s.Placed && s.Observation.State == job.StatePending
		if !mayWrite {
			continue
		}
		seen[s.Attempt] = true
		if app := f.apps[s.Attempt]; app != nil {
			app.runs.Store(runs)
			continue
		}
		logs, err := f.opts.Store.Attempt(s.Attempt)
		if err != nil {
			continue // a name that no job of ours has
		}
		app := &followed{
			follower: f, source: source{f.opts.Manager, s.Attempt}, logs: logs, streams: map[string]*tail{},
		}
		app.runs.Store(runs)
		f.apps[s.Attempt] = app
	}
	for attempt := range f.apps {
		if !seen[attempt] {
			delete(f.apps, attempt)
		}
	}
}
