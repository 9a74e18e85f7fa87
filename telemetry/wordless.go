package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// wordless is a span that tells of an error its type alone: messages hold what users'
// programs said, and stay in Temporal.
type wordless struct {
	trace.Span
	kind string
}

// ends are no errors, though Temporal has them returned as such.
const (
	endCancelled = "cancelled"
	endContinued = "continued"
)

func startWordless(ctx context.Context, t trace.Tracer, name string, options ...trace.SpanStartOption) trace.Span {
	_, span := t.Start(ctx, name, options...)
	return &wordless{Span: span}
}

// RecordError implements trace.Span.
func (s *wordless) RecordError(err error, _ ...trace.EventOption) {
	if err != nil {
		s.kind = errorType(err)
		s.SetAttributes(attribute.String("error.type", s.kind))
	}
}

// SetStatus implements trace.Span.
func (s *wordless) SetStatus(code codes.Code, _ string) {
	if s.kind != endCancelled && s.kind != endContinued {
		s.Span.SetStatus(code, s.kind)
	}
}

// errorType is one of few words.
func errorType(err error) string {
	var (
		application *temporal.ApplicationError
		timeout     *temporal.TimeoutError
		canceled    *temporal.CanceledError
		continued   *workflow.ContinueAsNewError
	)
	switch {
	case errors.As(err, &continued):
		return endContinued
	case errors.As(err, &canceled), errors.Is(err, context.Canceled), errors.Is(err, workflow.ErrCanceled):
		return endCancelled
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &application) && application.Type() != "":
		return application.Type()
	}
	return "other"
}
