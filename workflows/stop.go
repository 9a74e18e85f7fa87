package workflows

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/job"
)

// stopCause says why a job is ended early. The first cause wins.
type stopCause string

const (
	causeCancel   stopCause = "cancel"
	causeDeadline stopCause = "deadline"
	causeRunLimit stopCause = "run limit"
)

// stop is a decision to end the job early.
type stop struct {
	cause stopCause
	// request is set for a cancel.
	request CancelRequest
	door    string
	message string
}

func (s stop) asked() bool { return s.cause != "" }

func (s stop) words() string {
	if s.cause != causeCancel {
		return s.message
	}
	words := "cancelled by " + s.door
	if s.request.By != "" {
		words += " (" + s.request.By + ")"
	}
	if s.request.Reason != "" {
		words += ": " + s.request.Reason
	}
	return words
}

// outcome of a job that was stopped before its application had succeeded.
func (s stop) outcome(phase job.Phase) job.Outcome {
	if s.cause == causeCancel {
		return job.Outcome{Result: job.ResultCancelled, Phase: phase, Message: s.words()}
	}
	return job.Failed(job.ClassDeadline, phase, "%s", s.message)
}

// openDoors starts listening at the doors to cancel that reach the workflow
// itself: native cancel, signal and update. The fourth, the job's document, is
// seen by every report and by the starter.
func (b *batchJob) openDoors(ctx workflow.Context) error {
	err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateCancel,
		func(_ workflow.Context, request CancelRequest) (CancelReply, error) {
			phase := b.phase
			b.cancel("update", request)
			return CancelReply{Phase: phase}, nil
		},
		workflow.UpdateHandlerOptions{
			Description: "Ends the job: revoke, kill, confirm gone, report, clean.",
			Validator: func(CancelRequest) error {
				if b.outcome != nil {
					return temporal.NewNonRetryableApplicationError(
						fmt.Sprintf("the job has ended already: %s", b.outcome), "AlreadyEnded", nil)
				}
				return nil
			},
		})
	if err != nil {
		return err
	}
	signals := workflow.GetSignalChannelWithOptions(ctx, SignalCancel, workflow.SignalChannelOptions{
		Description: `Ends the job. Payload optional: {"reason": "...", "by": "..."}.`,
	})
	b.cancelSignals = signals
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			selector := workflow.NewSelector(ctx)
			selector.AddReceive(signals, func(c workflow.ReceiveChannel, _ bool) {
				var raw converter.RawValue
				c.Receive(ctx, &raw)
				b.cancel("signal", parseCancel(raw))
			})
			selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {
				b.cancel("workflow cancel", CancelRequest{})
			})
			selector.Select(ctx)
			if ctx.Err() != nil {
				return
			}
		}
	})
	return nil
}

// drainCancelSignals takes signals that arrived but were not handled yet; it
// must come right before the run closes or continues as new.
func (b *batchJob) drainCancelSignals() {
	for {
		var raw converter.RawValue
		if !b.cancelSignals.ReceiveAsync(&raw) {
			return
		}
		b.cancel("signal", parseCancel(raw))
	}
}

// parseCancel reads what it can of a signal's payload: anything at all means
// cancel.
func parseCancel(raw converter.RawValue) CancelRequest {
	payload := raw.Payload()
	if payload == nil || len(payload.GetData()) == 0 {
		return CancelRequest{}
	}
	var request CancelRequest
	if json.Unmarshal(payload.GetData(), &request) == nil {
		return CancelRequest{
			Reason: job.Head(request.Reason, job.MaxMessage),
			By:     job.Head(request.By, maxAttribute),
		}
	}
	var text string
	if json.Unmarshal(payload.GetData(), &text) == nil {
		return CancelRequest{Reason: job.Head(text, job.MaxMessage)}
	}
	return CancelRequest{}
}

// cancel asks for the job's end. After the outcome is known, or a second time,
// it changes nothing.
func (b *batchJob) cancel(door string, request CancelRequest) {
	if b.outcome != nil {
		return
	}
	b.end(stop{cause: causeCancel, door: door, request: request})
}

// end stops the run phases: what is under way in their context is cancelled.
func (b *batchJob) end(s stop) {
	if b.stop.asked() {
		return
	}
	b.stop = s
	b.cancelRun()
}

// isCanceled reports whether err only says that the run phases were stopped.
func isCanceled(err error) bool {
	var canceled *temporal.CanceledError
	return errors.As(err, &canceled) || errors.Is(err, workflow.ErrCanceled)
}
