package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// The activities are named by method on these; they hold nothing here.
var (
	registry *activities.Registry
	control  *activities.Control
	transfer *activities.Transfer
)

// SparkBatchJob is the whole life of one job:
//
//	LOAD → RESERVE → STAGE → SUBMIT → WATCH → COLLECT → REPORT → CLEAN
//
// It completes with a Result if the job succeeded, is Canceled if somebody
// asked for that, and fails with FailureJobFailed or FailureJobLost, the Result
// being the failure's details. It has no execution timeout: a timeout runs no
// code, so nothing would be killed or cleaned; the deadline is a timer inside.
func SparkBatchJob(ctx workflow.Context, in Input) (Result, error) {
	if err := in.Key.Validate(); err != nil {
		return Result{}, temporal.NewNonRetryableApplicationError(err.Error(), string(job.CodeInvalid), nil)
	}
	return newBatchJob(ctx, in).run(ctx)
}

// batchJob is the state of one run.
type batchJob struct {
	key     job.Key
	request *job.Request
	// adopted: the application was launched by a history that is lost.
	adopted bool
	log     log.Logger

	spec   job.Spec
	digest string
	// loaded: spec and digest are known.
	loaded bool
	// valid: nothing was wrong with the job as it was loaded.
	valid bool

	phase job.Phase
	// stay is timed for metrics, and counts is how many counts there were.
	stay    stay
	counts  int
	attempt int
	// crowded counts attempts that the cluster had no room for, which are no retries.
	crowded     int
	application string
	// reserved: this attempt may exist on the cluster, so an end goes through kill.
	reserved bool
	// sent: the launch was asked for, and nobody said that it was refused.
	sent bool
	// staged: the final report finds logs at the cluster.
	staged bool
	// settled: the job's end is on record already; nothing is reported.
	settled bool
	// repeated: an earlier history of the job went further than this one can, so what it
	// has put on record is better.
	repeated bool
	// unconfirmed: nobody could say that the application is gone.
	unconfirmed bool

	observation job.Observation
	// looks counts observations in a row that found the same state.
	looks int
	// watched: hints come from ClusterWatch, so the backstop may be slow.
	watched bool
	// byTimer: the last wait was ended by its timer.
	byTimer bool
	// fresh: the application was launched just now.
	fresh    bool
	absences int
	// turn counts waits, to vary their jitter.
	turn int

	startedAt, waitingAt, runningAt, endedAt time.Time
	deadlineAt                               time.Time

	outageSince time.Time
	obstacle    string
	// held: the last answer to a launch was that nothing is launched now, on purpose.
	held         bool
	cleanProblem string

	// nativeCancel reports a native cancel before its door has noted it.
	nativeCancel  func() bool
	stop          stop
	cancelRun     workflow.CancelFunc
	cancelSignals workflow.ReceiveChannel
	hints         workflow.ReceiveChannel

	outcome  *job.Outcome
	reporter reporter
	attrs    attributes
}

func newBatchJob(ctx workflow.Context, in Input) *batchJob {
	b := &batchJob{
		key: in.Key, request: in.Request, adopted: in.Adopt, phase: job.PhaseLoading, attempt: 1, startedAt: startOf(ctx),
		log: log.With(workflow.GetLogger(ctx), "job", in.Key.Name()),
	}
	// The starter sets the first phase, which saves an event here.
	b.attrs.Phase, _ = workflow.GetTypedSearchAttributes(ctx).GetKeyword(AttributePhase)
	b.stay = stay{b.phase, b.startedAt}
	if in.Carry != nil {
		b.resume(*in.Carry)
	}
	return b
}

// startOf is when the workflow was started, which is before a worker began with it.
func startOf(ctx workflow.Context) time.Time {
	if at := workflow.GetInfo(ctx).WorkflowStartTime; !at.IsZero() {
		return at
	}
	return workflow.Now(ctx)
}

func (b *batchJob) run(ctx workflow.Context) (Result, error) {
	// What must happen whatever was cancelled runs in this context.
	closing, _ := workflow.NewDisconnectedContext(ctx)
	// The run phases do not end with ctx itself: a native cancel comes in by its
	// door like the others, so that why they end is known before they do.
	runCtx, cancelRun := workflow.WithCancel(closing)
	b.cancelRun = cancelRun
	b.nativeCancel = func() bool { return ctx.Err() != nil }
	b.hints = workflow.GetSignalChannelWithOptions(ctx, SignalHint, workflow.SignalChannelOptions{
		Description: "Looks at the application now.",
	})
	if err := b.openDoors(ctx); err != nil {
		return Result{}, err
	}
	if err := b.answerQueries(ctx); err != nil {
		return Result{}, err
	}
	b.reporter.start(closing, b)

	if b.phase == job.PhaseLoading {
		b.enter(ctx, job.PhaseLoading)
	}
	outcome, err := b.work(runCtx, closing)
	if err != nil {
		return Result{}, err // only continue-as-new
	}
	b.conclude(closing, outcome)
	b.report(closing)
	b.countEnd(closing)
	b.clean(closing)
	b.enter(closing, job.PhaseDone)
	b.cancelRun() // ends the deadline's timer
	b.drainCancelSignals()
	b.drainHints()
	return b.close()
}

// work loads the job and makes attempts until one has an outcome that stands.
func (b *batchJob) work(ctx, closing workflow.Context) (job.Outcome, error) {
	if !b.loaded {
		if outcome := b.load(ctx, closing); outcome != nil {
			return *outcome, nil
		}
	}
	b.startDeadline(ctx)
	if b.adopted && b.phase.Rank() < job.PhaseWaiting.Rank() {
		outcome := b.adopt(ctx)
		if b.stop.asked() {
			return b.endEarly(closing), nil
		}
		if outcome != nil {
			return *outcome, nil
		}
	}
	for {
		outcome, err := b.try(ctx, closing)
		if err != nil {
			return job.Outcome{}, err
		}
		if b.observation.NoRoom && b.crowded < mostCrowded {
			b.crowded++
		}
		if b.settled || b.stop.asked() || b.unconfirmed || b.adopted || !b.spec.Retry.May(outcome, b.observation.Began, b.attempt-b.crowded) {
			return outcome, nil
		}
		if !b.retire(closing) {
			outcome.Notes = append(outcome.Notes, "not tried again: the attempt before could not be confirmed gone")
			return outcome, nil
		}
		b.log.Info("trying again", "attempt", b.attempt, "outcome", outcome.String())
		b.nextAttempt()
	}
}

// mostCrowded bounds attempts that are not counted: a cluster may refuse for another
// reason than the one that shows.
const mostCrowded = 10

// try makes one attempt: at most one application.
func (b *batchJob) try(ctx, closing workflow.Context) (job.Outcome, error) {
	if b.phase.Rank() < job.PhaseWaiting.Rank() {
		for _, step := range []func(workflow.Context) *job.Outcome{b.reserve, b.stage, b.submit} {
			outcome := step(ctx)
			if b.stop.asked() {
				return b.endEarly(closing), nil
			}
			if outcome != nil {
				return *outcome, nil
			}
		}
	}
	outcome, err := b.watch(ctx)
	if err != nil {
		return job.Outcome{}, err
	}
	if b.stop.asked() && !b.observation.State.Terminal() {
		return b.endEarly(closing), nil
	}
	if outcome != nil {
		return *outcome, nil
	}
	return b.collect(closing), nil
}

// nextAttempt forgets what belongs to the attempt before.
func (b *batchJob) nextAttempt() {
	b.attempt++
	b.phase = job.PhaseReserving
	b.application = ""
	b.reserved, b.staged, b.sent = false, false, false
	b.observation = job.Observation{}
	b.looks, b.absences = 0, 0
	b.watched, b.fresh = false, false
	b.waitingAt, b.runningAt = time.Time{}, time.Time{}
	b.reporter.reset()
}

// enter makes a phase visible: log, metrics, search attribute, current details.
func (b *batchJob) enter(ctx workflow.Context, phase job.Phase) {
	if b.phase != phase {
		b.log.Info("phase", "phase", string(phase), "before", string(b.phase), "app", b.application)
	}
	b.timePhase(ctx, phase)
	b.phase = phase
	if err := b.publishAttributes(ctx); err != nil {
		b.log.Error("search attributes not set", "error", err)
	}
	b.describe(ctx)
}

func (b *batchJob) startDeadline(ctx workflow.Context) {
	if b.spec.Deadline <= 0 {
		return
	}
	if b.deadlineAt.IsZero() {
		b.deadlineAt = b.startedAt.Add(b.spec.Deadline)
	}
	left := max(b.deadlineAt.Sub(workflow.Now(ctx)), 0)
	workflow.Go(ctx, func(ctx workflow.Context) {
		timer := workflow.NewTimerWithOptions(ctx, left, workflow.TimerOptions{Summary: "deadline of the job"})
		if timer.Get(ctx, nil) == nil {
			b.end(stop{cause: causeDeadline, message: fmt.Sprintf(
				"the job did not end within its deadline of %s", b.spec.Deadline)})
		}
	})
}

func (b *batchJob) jobAttempt() job.Attempt { return b.key.Attempt(b.attempt) }

func (b *batchJob) answerQueries(ctx workflow.Context) error {
	return workflow.SetQueryHandlerWithOptions(ctx, QueryStatus, func() (StatusView, error) {
		view := StatusView{
			Phase: b.phase, Outcome: b.outcome, Cluster: b.spec.Cluster, Application: b.application,
			Attempt: b.attempt, Observation: b.observation, SubmittedAt: b.startedAt, WaitingAt: b.waitingAt, RunningAt: b.runningAt,
			EndedAt: b.endedAt, DeadlineAt: b.deadlineAt, OutageSince: b.outageSince, Obstacle: b.obstacle,
		}
		if b.stop.cause == causeCancel {
			view.Cancel = &b.stop.request
		}
		if b.loaded {
			view.Spec = &b.spec
		}
		return view, nil
	}, workflow.QueryHandlerOptions{Description: "Phase, application, times and outcome of the job."})
}

// close turns the outcome into the workflow's own end.
func (b *batchJob) close() (Result, error) {
	result := Result{
		Outcome: *b.outcome, Cluster: b.spec.Cluster, Application: b.launched(), Attempts: b.attempt,
		WaitingAt: b.waitingAt, RunningAt: b.runningAt, EndedAt: b.endedAt, CleanProblem: b.cleanProblem,
	}
	switch b.outcome.Result {
	case job.ResultSucceeded:
		return result, nil
	case job.ResultCancelled:
		return Result{}, temporal.NewCanceledError(result)
	case job.ResultFailed:
		return Result{}, temporal.NewApplicationErrorWithOptions(b.outcome.String(), FailureJobFailed,
			temporal.ApplicationErrorOptions{
				NonRetryable: true, Category: temporal.ApplicationErrorCategoryBenign, Details: []any{result},
			})
	case job.ResultLost:
	}
	return Result{}, temporal.NewApplicationErrorWithOptions(b.outcome.String(), FailureJobLost,
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{result}})
}
