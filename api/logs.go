package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

const (
	// followEvery is how often a log that is followed is looked at, jobEvery how often
	// its job is, which asks Temporal and a worker.
	followEvery = time.Second
	jobEvery    = 10 * time.Second
	// mostFollows bounds the logs that one user follows at a time.
	mostFollows = 20
)

// logRequest is which part of which log is asked for.
type logRequest struct {
	stream  string
	attempt int
	offset  int64
	// limit in bytes, -1 for none.
	limit  int64
	follow bool
}

func parseLog(c echo.Context) (logRequest, error) {
	values, problems := parameters(c, "stream", "attempt", "offset", "limit", "follow")
	number := func(name string, otherwise, least int64) int64 {
		text := values.Get(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < least {
			problems = append(problems, fmt.Sprintf("%s: must be a whole number of at least %d, got %q", name, least, job.Head(text, 50)))
		}
		return n
	}
	r := logRequest{
		stream: values.Get("stream"), attempt: int(number("attempt", 0, 1)),
		offset: number("offset", 0, -1<<62), limit: number("limit", -1, 0),
	}
	if r.stream == "" {
		r.stream = "stdout"
	}
	switch text := values.Get("follow"); text {
	case "", "false":
	case "true":
		r.follow = c.Request().Method != http.MethodHead // whose answer would never come
	default:
		problems = append(problems, fmt.Sprintf("follow: must be true or false, got %q", job.Head(text, 50)))
	}
	if len(problems) > 0 {
		return r, job.Invalid("the log cannot be read", problems)
	}
	return r, nil
}

// logs answers with bytes of a log as they are, from the job's log store alone.
func (s *Server) logs(c echo.Context) error {
	request, err := parseLog(c)
	if err != nil {
		return err
	}
	view, err := s.visible(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	log, err := s.options.Jobs.Log(ctx, view, request.attempt, request.stream)
	if err != nil {
		return err
	}
	if request.follow {
		done, ok := s.follows.begin(caller(c).Name)
		if !ok {
			return refuse(http.StatusTooManyRequests, "%s follows %d logs already", caller(c).Name, mostFollows)
		}
		defer done()
	}
	// In this order: what is finished before the log is opened is all in it.
	finished, missing, err := log.Finished(ctx)
	if err != nil {
		return err
	}
	content, size, err := log.Open(ctx, request.offset)
	if err != nil {
		return err
	}
	if !finished && view.Phase == job.PhaseDone {
		// Logs are saved before their job is done: what is not there now never comes.
		finished = true
		if view.ApplicationID != "" {
			missing = []string{fmt.Sprintf("%s breaks off at byte %d: the rest was never saved", request.stream, size)}
		}
	}
	offset := request.offset
	if offset < 0 {
		offset = max(0, size+offset)
	}
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, "application/octet-stream")
	header.Set("Stoker-Log-Offset", strconv.FormatInt(offset, 10))
	header.Set("Stoker-Log-Size", strconv.FormatInt(size, 10))
	header.Set("Stoker-Log-Finished", strconv.FormatBool(finished))
	if len(missing) > 0 {
		header.Set("Stoker-Log-Missing", job.Head(job.OneLine(missing[0]), job.MaxWord))
	}
	if c.Request().Method == http.MethodHead {
		_ = content.Close() // nothing was read
		return c.NoContent(http.StatusOK)
	}
	out := &logWriter{to: c.Response(), left: request.limit}
	err = out.copy(content)
	if err == nil && request.follow && !finished {
		err = s.follow(ctx, c, view, log, offset+out.n, out)
	}
	return err
}

// logWriter writes what is asked for and no more.
type logWriter struct {
	to *echo.Response
	// left to write, -1 for no bound.
	left int64
	n    int64
}

func (w *logWriter) full() bool { return w.left == 0 }

func (w *logWriter) copy(content io.ReadCloser) error {
	defer func() { _ = content.Close() }() // only read
	var from io.Reader = content
	if w.left >= 0 {
		from = io.LimitReader(content, w.left)
	}
	if !w.to.Committed {
		w.to.WriteHeader(http.StatusOK)
	}
	n, err := io.Copy(w.to, from)
	w.n += n
	if w.left >= 0 {
		w.left -= n
	}
	if err == nil {
		w.to.Flush()
	}
	return err
}

// follow goes on until the log is finished, or will never be.
func (s *Server) follow(ctx context.Context, c echo.Context, view jobs.View, log *jobs.Log, offset int64, out *logWriter) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	done, asked := false, time.Now()
	for !out.full() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stopping:
			return nil // the caller sees where it ended, and asks again
		case <-tick.C:
		}
		finished, _, err := log.Finished(ctx)
		if err != nil && job.CodeOf(err) != job.CodeUnavailable {
			return err
		}
		content, _, err := log.Open(ctx, offset)
		if err != nil {
			if job.CodeOf(err) == job.CodeUnavailable {
				continue // a store that is away for a while is waited for
			}
			return err
		}
		before := out.n
		if err := out.copy(content); err != nil {
			return err
		}
		offset += out.n - before
		if finished || done {
			return nil
		}
		// Not every log is saved whole. The look after the one that found the job done is
		// the last; who asks again is told so.
		if time.Since(asked) >= jobEvery {
			asked = time.Now()
			now, err := s.options.Jobs.Get(ctx, view.ID)
			done = err == nil && now.Phase == job.PhaseDone
		}
	}
	return nil
}

// follows counts the logs that each user follows.
type follows struct {
	mu  sync.Mutex
	all map[string]int
}

func newFollows() *follows { return &follows{all: map[string]int{}} }

func (f *follows) begin(user string) (done func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[user] >= mostFollows {
		return nil, false
	}
	f.all[user]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all[user]--
	}, true
}
