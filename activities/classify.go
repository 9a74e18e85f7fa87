package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/stoker-spark/stoker/job"
)

// Caps on a list of problems before it enters a history.
const (
	maxProblems      = 40
	maxProblemLength = 300
)

// classify turns an error that leaves an activity into the failure Temporal
// keeps: its type is the domain code, its text is capped, and only what may
// pass by itself is retried.
//
//	code          retried
//	unavailable   yes
//	internal      yes
//	unauthorized  no, but a Registry's is: rights at a source come back
//	invalid       no
//	not_found     no
//	conflict      no
func classify(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		if len(err.Error()) > job.MaxMessage {
			return context.Canceled
		}
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return failure(err, job.CodeUnavailable, false)
	}
	code := job.CodeOf(err)
	switch code {
	case job.CodeInvalid, job.CodeNotFound, job.CodeConflict, job.CodeUnauthorized:
		return failure(err, code, true)
	case job.CodeUnavailable, job.CodeInternal:
	}
	return failure(err, code, false)
}

// classifySource is classify for errors of a job's source, where a conflict or
// a refusal passes with time: a token is renewed, another writer is done.
func classifySource(err error) error {
	switch job.CodeOf(err) {
	case job.CodeUnauthorized, job.CodeConflict:
		if !errors.Is(err, context.Canceled) {
			return failure(err, job.CodeUnavailable, false)
		}
	case job.CodeInvalid, job.CodeNotFound, job.CodeUnavailable, job.CodeInternal:
	}
	return classify(err)
}

func failure(err error, code job.Code, final bool) error {
	options := temporal.ApplicationErrorOptions{NonRetryable: final}
	if problems := job.ProblemsOf(err); code == job.CodeInvalid && len(problems) > 0 {
		options.Details = []any{capProblems(problems)}
	}
	return temporal.NewApplicationErrorWithOptions(job.Head(err.Error(), job.MaxMessage), string(code), options)
}

// capStanding bounds what a source says in its own words.
func capStanding(s job.Standing) job.Standing {
	s.Status, s.Application = job.Head(s.Status, job.MaxWord), job.Head(s.Application, job.MaxWord)
	return s
}

// capProblems bounds a list of problems; the last line says what was left out.
func capProblems(problems []string) []string {
	capped := make([]string, 0, min(len(problems), maxProblems+1))
	for i, p := range problems {
		if i == maxProblems {
			capped = append(capped, "and more")
			break
		}
		capped = append(capped, job.Head(p, maxProblemLength))
	}
	return capped
}
