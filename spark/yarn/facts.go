package yarn

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

// Facts tells what submissions depend on: the largest container that the cluster gives,
// and what its queues give to applications that ask for nothing.
type Facts interface {
	NewApplication(ctx context.Context) (rm.Reserved, error)
	Scheduler(ctx context.Context) ([]rm.Queue, error)
}

var _ Facts = (*rm.Client)(nil)

const (
	// limitsAge: nodes come and go, and with them the largest container.
	limitsAge = time.Minute
	// queuesAge: operators change queues seldom.
	queuesAge = time.Minute
	// queuesAgain is the pause after a scheduler that did not tell.
	queuesAgain = 5 * time.Second
	// queuesDeadline bounds the asking, for which submissions wait.
	queuesDeadline = 10 * time.Second
)

// facts remembers what a cluster told. Nothing is asked while the lock is held: two who
// ask at the same time are two small requests.
type facts struct {
	source Facts // nil knows nothing
	logger *slog.Logger

	mu          sync.Mutex
	limits      submission.Limits
	limitsUntil time.Time
	queues      []rm.Queue
	told        bool  // queues were told at least once
	untold      error // why nothing is known, where that is for submissions to wait for
	queuesUntil time.Time
}

// reserved takes over what came with an id.
func (f *facts) reserved(r rm.Reserved) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limits, f.limitsUntil = submission.Limits{MemoryMB: r.MaxMemoryMB, VCores: r.MaxVCores}, time.Now().Add(limitsAge)
}

// container is the largest container; fresh is true if the cluster was asked just now.
// The id that comes with the answer is not used, which costs nothing.
func (f *facts) container(ctx context.Context) (limits submission.Limits, fresh bool, err error) {
	f.mu.Lock()
	known, ok := f.limits, time.Now().Before(f.limitsUntil)
	f.mu.Unlock()
	if ok || f.source == nil {
		return known, f.source == nil, nil
	}
	limits, err = f.ask(ctx)
	return limits, true, err
}

func (f *facts) ask(ctx context.Context) (submission.Limits, error) {
	told, err := f.source.NewApplication(ctx)
	if err != nil {
		return submission.Limits{}, err
	}
	f.reserved(told)
	return submission.Limits{MemoryMB: told.MaxMemoryMB, VCores: told.MaxVCores}, nil
}

// noLabel is how a queue may say that it has no default label.
const noLabel = "<DEFAULT_PARTITION>"

// defaults are the node label and the priority that a queue gives to applications
// without: over REST, unlike by RPC, none cannot be said, so they must be. Where the
// scheduler does not tell, what it told last counts. If it never told anything, one that
// is unavailable is an error, as a wrong label would keep applications waiting for ever;
// one that cannot tell gives none.
func (f *facts) defaults(ctx context.Context, queue string) (label string, priority int64, err error) {
	if queue == "" {
		queue = "default"
	}
	queues, err := f.known(ctx)
	if err != nil {
		return "", 0, err
	}
	found, ok := leaf(queues, queue)
	if !ok {
		return "", 0, nil // of one name may be several; the scheduler will say so
	}
	if label = found.DefaultNodeLabel; label == noLabel {
		label = ""
	}
	return label, found.DefaultPriority, nil
}

func (f *facts) known(ctx context.Context) ([]rm.Queue, error) {
	f.mu.Lock()
	queues, err, ok := f.queues, f.untold, time.Now().Before(f.queuesUntil)
	f.mu.Unlock()
	if ok || f.source == nil {
		return queues, err
	}
	bounded, cancel := context.WithTimeout(ctx, queuesDeadline)
	defer cancel()
	told, err := f.source.Scheduler(bounded)
	if ctx.Err() != nil {
		return nil, job.Errorf(job.CodeUnavailable, "ask for the queues' defaults: %w", ctx.Err()) // says nothing about the scheduler
	}
	if err != nil && bounded.Err() != nil {
		err = job.Errorf(job.CodeUnavailable, "the scheduler did not tell its queues within %s: %w", queuesDeadline, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.queues, f.told, f.untold, f.queuesUntil = told, true, nil, time.Now().Add(queuesAge)
		return told, nil
	}
	f.logger.Warn("the scheduler does not tell its queues' default labels and priorities", "reason", err.Error())
	if time.Now().Before(f.queuesUntil) {
		return f.queues, f.untold // somebody else was told, or failed, meanwhile
	}
	f.untold, f.queuesUntil = nil, time.Now().Add(queuesAgain)
	if !f.told && job.CodeOf(err) == job.CodeUnavailable {
		f.untold = err
	}
	return f.queues, f.untold
}

// prepare checks an input against the cluster's limits. What is refused by limits that
// were told some time ago is looked at again by those of now.
func (b *builder) prepare(ctx context.Context, in submission.Input) (*submission.Plan, error) {
	limits, fresh, err := b.facts.container(ctx)
	if err != nil {
		return nil, err
	}
	in.Limits = limits
	plan, err := submission.Prepare(in)
	if job.CodeOf(err) != job.CodeInvalid || fresh {
		return plan, err
	}
	now, asking := b.facts.ask(ctx)
	if asking != nil {
		return nil, asking
	}
	if in.Limits = now; now == limits {
		return plan, err
	}
	return submission.Prepare(in)
}

// Reserved tells a builder what a ResourceManager said with an id.
func (b *builder) Reserved(r rm.Reserved) { b.facts.reserved(r) }
