package job

import (
	"errors"
	"fmt"
)

// Code says what kind of error it is; callers decide by it whether to retry,
// and fronts map it once to HTTP and once to Temporal.
type Code string

// The error codes. Only CodeUnavailable and CodeInternal are worth retrying.
const (
	// CodeInvalid: the request or the job is wrong; the same again will fail again.
	CodeInvalid Code = "invalid"
	// CodeNotFound: the thing named is not there (a cluster manager's "absent").
	CodeNotFound Code = "not_found"
	// CodeConflict: somebody else changed or holds it.
	CodeConflict Code = "conflict"
	// CodeUnauthorized: refused for lack of rights or quota (a cluster manager's "refused").
	CodeUnauthorized Code = "unauthorized"
	// CodeUnavailable: a server is down, slow or talking nonsense; try later.
	CodeUnavailable Code = "unavailable"
	// CodeInternal: a defect or an unexpected failure of Stoker itself.
	CodeInternal Code = "internal"
)

// Error is Stoker's domain error. Its message says what was tried, on what,
// and what the caller can do; it never holds a secret.
type Error struct {
	Code    Code
	Message string
	// Problems lists every rule broken, where there can be several.
	Problems []string
	Cause    error
}

func (e *Error) Error() string {
	if _, ok := e.Cause.(silentCause); ok { //nolint:errorlint // our own marker, set by Errorf only
		return e.Message
	}
	if e.Cause != nil {
		return e.Message + ": " + e.Cause.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error with a code. Each %w operand becomes its cause as in
// fmt.Errorf.
func Errorf(code Code, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	cause := errors.Unwrap(err)
	if _, several := err.(interface{ Unwrap() []error }); several { // what fmt.Errorf made itself
		cause = err
	}
	return &Error{Code: code, Message: err.Error(), Cause: silent(cause)}
}

// silentCause keeps a cause for errors.Is and errors.As without printing it a
// second time: Errorf's message holds its text already.
type silentCause struct{ error }

func (s silentCause) Unwrap() error { return s.error }

func silent(err error) error {
	if err == nil {
		return nil
	}
	return silentCause{err}
}

// Invalid makes a CodeInvalid error that lists every problem found.
func Invalid(what string, problems []string) error {
	return &Error{Code: CodeInvalid, Message: what, Problems: problems}
}

// CodeOf returns the code of the first Error in err's chain, CodeInternal for
// any other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// ProblemsOf returns the problems of the first Error in err's chain that lists
// some, else the error's own text as the only problem.
func ProblemsOf(err error) []string {
	if err == nil {
		return nil
	}
	var e *Error
	for cause := err; errors.As(cause, &e); cause = e.Cause {
		if len(e.Problems) > 0 {
			return e.Problems
		}
	}
	return []string{err.Error()}
}
