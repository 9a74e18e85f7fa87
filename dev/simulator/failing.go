package simulator

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// fail is the middleware that applies the fault rules.
func (s *Server) fail(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		wait, fault := s.faults.pick(c.Request())
		if wait > 0 {
			s.readAhead(c.Request())
			if !pause(c.Request(), wait) {
				panic(http.ErrAbortHandler) // the client has left: as dropped
			}
		}
		if fault == nil {
			return next(c)
		}
		s.logger.Info("fault applied", slog.String("kind", string(fault.Kind)),
			slog.String("method", c.Request().Method), slog.String("path", c.Request().URL.Path))
		return s.befall(c, *fault, next)
	}
}

// befall lets a fault happen to a request. net/http closes the connection without
// a reply when a handler panics with ErrAbortHandler.
func (s *Server) befall(c echo.Context, fault Fault, next echo.HandlerFunc) error {
	switch fault.Kind {
	case FaultStatus:
		if fault.Status == http.StatusPreconditionFailed {
			return answerError(c, ErrStale)
		}
		return answerProblem(c, fault.Status, "injected fault")
	case FaultGarbage:
		if fault.Applied%2 == 1 {
			return c.HTML(http.StatusOK, "<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>")
		}
		return c.Blob(http.StatusOK, "application/hal+json", []byte(`{"id":"truncated","jobStatus":"RUN`))
	case FaultLostReply:
		c.SetResponse(echo.NewResponse(&lostReply{header: http.Header{}}, c.Echo()))
		_ = next(c) // an error would only have become a reply
	case FaultDrop, FaultLatency: // pick hands out no latency
	}
	panic(http.ErrAbortHandler)
}

// readAhead takes the body in: net/http notices that a client has left only after
// the body was read. What is longer than any document may be is left unread, and an
// error shows again to whoever reads on.
func (s *Server) readAhead(r *http.Request) {
	head, _ := io.ReadAll(io.LimitReader(r.Body, s.bodyLimit()))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
}

// pause waits and reports whether the client did so too.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// lostReply is a ResponseWriter nobody reads.
type lostReply struct{ header http.Header }

var _ http.ResponseWriter = (*lostReply)(nil)

func (l *lostReply) Header() http.Header         { return l.header }
func (l *lostReply) Write(b []byte) (int, error) { return io.Discard.Write(b) }
func (l *lostReply) WriteHeader(int)             {}
