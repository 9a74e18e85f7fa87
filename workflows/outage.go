package workflows

import (
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/job"
)

// outageError ends a step whose cluster, or whose worker, stayed out of reach for
// longer than the job's outage limit.
type outageError struct {
	limit time.Duration
	last  error
}

func (e *outageError) Error() string {
	return fmt.Sprintf("out of reach for more than %s: %s", e.limit, cause(e.last))
}

func (e *outageError) Unwrap() error { return e.last }

// throughOutages repeats a call until it is answered. A cluster or a worker
// that is out of reach is not the job's failure: it has its own clock, and is
// said in the current details meanwhile.
func (b *batchJob) throughOutages(ctx workflow.Context, call func(workflow.Context) error) error {
	for try := 0; ; try++ {
		err := call(ctx)
		if err == nil {
			b.reached(ctx)
			return nil
		}
		if isCanceled(err) || !isOutage(err) {
			return err
		}
		if late := b.outage(ctx, err); late != nil {
			return late
		}
		if !b.pause(ctx, doubled(outageFirst, outageMost, try), "wait for the cluster") {
			return workflow.ErrCanceled
		}
	}
}

// outage notes that the cluster could not be reached; it returns an error once
// the outage has lasted too long.
func (b *batchJob) outage(ctx workflow.Context, err error) error {
	now := workflow.Now(ctx)
	if b.outageSince.IsZero() {
		b.outageSince = now
		b.log.Warn("cluster out of reach", "cluster", b.spec.Cluster, "error", err)
	}
	// A job that a drain holds was not sent, and what is drained may well be away.
	if b.spec.OutageLimit > 0 && !b.held && now.Sub(b.outageSince) >= b.spec.OutageLimit {
		return &outageError{limit: b.spec.OutageLimit, last: err}
	}
	b.setObstacle(ctx, b.outageWords(err))
	return nil
}

func (b *batchJob) outageWords(err error) string {
	since := b.outageSince.UTC().Format(time.RFC3339)
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) && timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START {
		return fmt.Sprintf("no worker serves cluster %s since %s", b.spec.Cluster, since)
	}
	return fmt.Sprintf("cluster %s is out of reach since %s: %s", b.spec.Cluster, since, cause(err))
}

// reached ends an outage, if there was one.
func (b *batchJob) reached(ctx workflow.Context) {
	if b.outageSince.IsZero() {
		return
	}
	b.log.Info("cluster reached again", "cluster", b.spec.Cluster)
	b.outageSince = time.Time{}
	b.clearObstacle(ctx)
}

func (b *batchJob) setObstacle(ctx workflow.Context, words string) {
	if b.obstacle != words {
		b.obstacle = words
		b.describe(ctx)
	}
}

func (b *batchJob) clearObstacle(ctx workflow.Context) { b.setObstacle(ctx, "") }

// pause waits; it returns false if the job was stopped meanwhile.
func (b *batchJob) pause(ctx workflow.Context, d time.Duration, why string) bool {
	b.turn++
	err := workflow.NewTimerWithOptions(ctx, jittered(d, b.key.Name(), b.turn),
		workflow.TimerOptions{Summary: why}).Get(ctx, nil)
	return err == nil
}

// isOutage reports whether a failed call says nothing but that the cluster, its
// store or its worker could not be reached.
func isOutage(err error) bool {
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return true
	}
	switch codeOf(err) {
	case job.CodeUnavailable, job.CodeInternal:
		return true
	case job.CodeInvalid, job.CodeNotFound, job.CodeConflict, job.CodeUnauthorized:
	}
	return false
}

// codeOf reads the domain code out of an activity's failure.
func codeOf(err error) job.Code {
	var application *temporal.ApplicationError
	if !errors.As(err, &application) {
		return job.CodeInternal
	}
	switch code := job.Code(application.Type()); code {
	case job.CodeInvalid, job.CodeNotFound, job.CodeConflict, job.CodeUnauthorized, job.CodeUnavailable:
		return code
	case job.CodeInternal:
	}
	return job.CodeInternal
}

// problemsOf reads the list of problems out of an activity's failure.
func problemsOf(err error) []string {
	var application *temporal.ApplicationError
	if errors.As(err, &application) && application.HasDetails() {
		var problems []string
		if application.Details(&problems) == nil && len(problems) > 0 {
			return problems
		}
	}
	return []string{cause(err)}
}

// cause is the innermost message of an activity's failure, without Temporal's
// own wrapping.
func cause(err error) string {
	if err == nil {
		return ""
	}
	var outage *outageError
	if errors.As(err, &outage) {
		return outage.Error()
	}
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		return job.Head(application.Message(), job.MaxMessage)
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		if timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START {
			return "no worker took the task"
		}
		return "the worker did not answer in time"
	}
	return job.Head(err.Error(), job.MaxMessage)
}
