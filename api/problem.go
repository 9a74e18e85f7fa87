package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/store"
)

// Problem is every answer that is no success, application/problem+json.
//
// Source: RFC 9457.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Problems lists each thing that is wrong with a request, by field.
	Problems []string `json:"problems,omitempty"`
	// RequestID finds the request in the server's log.
	RequestID string `json:"requestId,omitempty"`
}

// retryAfter is what a caller is told to wait when something is out of reach, in
// seconds.
const retryAfter = "5"

// httpStatus is the status of a domain error:
//
//	code          status
//	invalid       400, 413 too large, 422 a key's other body or another digest
//	not_found     404
//	conflict      409
//	unavailable   503 with Retry-After, 507 where there is no room
//	internal      500
//	unauthorized  500: it is this server that was refused something, not the caller
func httpStatus(err error) int {
	switch {
	case errors.Is(err, jobs.ErrOtherBody), errors.Is(err, jobs.ErrDigest):
		return http.StatusUnprocessableEntity
	case errors.Is(err, jobs.ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, store.ErrFull):
		return http.StatusInsufficientStorage
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	}
	switch job.CodeOf(err) {
	case job.CodeInvalid:
		return http.StatusBadRequest
	case job.CodeNotFound:
		return http.StatusNotFound
	case job.CodeConflict:
		return http.StatusConflict
	case job.CodeUnavailable:
		return http.StatusServiceUnavailable
	case job.CodeUnauthorized, job.CodeInternal:
	}
	return http.StatusInternalServerError
}

// refusal is an answer that the API itself has decided on.
type refusal struct {
	status int
	detail string
}

func (r *refusal) Error() string { return r.detail }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// problemOf makes an error an answer. What went wrong inside stays inside.
func problemOf(err error) Problem {
	p := Problem{Type: "about:blank", Detail: err.Error()}
	var refused *refusal
	var routed *echo.HTTPError
	var known *job.Error
	switch {
	case errors.As(err, &refused):
		p.Status = refused.status
	case errors.As(err, &routed):
		p.Status, p.Detail = routed.Code, ""
		if routed.Code == http.StatusMethodNotAllowed {
			p.Detail = "this path does not take this method"
		}
	default:
		p.Status = httpStatus(err)
		if errors.As(err, &known) && len(known.Problems) > 0 {
			p.Problems = known.Problems
		}
	}
	if p.Status >= http.StatusInternalServerError && p.Status != http.StatusServiceUnavailable && p.Status != http.StatusInsufficientStorage {
		p.Detail = "something went wrong inside; the server's log says what, under the request's id"
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// answerProblem is Echo's error handler.
func (s *Server) answerProblem(err error, c echo.Context) {
	if c.Response().Committed {
		// A stream that broke off: the caller sees that it did, if it was not the one.
		if c.Request().Context().Err() != nil {
			return
		}
		s.options.Logger.Warn("answer broken off", "method", c.Request().Method, "path", c.Path(), "request", requestID(c), "error", err)
		return
	}
	if errors.Is(err, context.Canceled) && c.Request().Context().Err() != nil {
		return // nobody waits for the answer any more
	}
	p := problemOf(err)
	p.RequestID = requestID(c)
	if p.Status == http.StatusInternalServerError {
		s.options.Logger.Error("request failed", "method", c.Request().Method, "path", c.Path(), "request", p.RequestID, "error", err)
	}
	header := c.Response().Header()
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if header.Get(echo.HeaderRetryAfter) == "" {
			header.Set(echo.HeaderRetryAfter, retryAfter)
		}
	case http.StatusUnauthorized:
		header.Set(echo.HeaderWWWAuthenticate, `Bearer realm="stoker"`)
	}
	header.Set(echo.HeaderContentType, "application/problem+json")
	if c.Request().Method == http.MethodHead {
		err = c.NoContent(p.Status)
	} else {
		err = c.JSON(p.Status, p)
	}
	if err != nil {
		s.options.Logger.Debug("answer not delivered", "request", p.RequestID, "error", err)
	}
}
