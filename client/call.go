package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// call is one request of the API, as often as it has to be made.
type call struct {
	// what is tried, for errors: "submit the job".
	what   string
	method string
	// path is below the server's address, with its parts escaped.
	path  string
	query url.Values
	// header beside those that every request has.
	header map[string]string
	// open returns the body anew for each attempt; nil for none. size is its length.
	open func() (io.ReadCloser, error)
	size int64
	// repeatable: a request that may have been carried out does no harm a second time.
	repeatable bool
	// silence is how long nothing may move; 0 is Options.Timeout.
	silence time.Duration
}

const (
	// maxAnswer bounds an answer of JSON, in bytes.
	maxAnswer = 64 << 20
	// maxProblem bounds what is read of an answer that is no success, in bytes.
	maxProblem = 64 << 10
	// firstPause doubles with each attempt up to mostPause.
	firstPause = 250 * time.Millisecond
	mostPause  = 5 * time.Second
)

// failed is an attempt that came to nothing.
type failed struct {
	err error
	// again: another attempt may help. unsent: nothing of this one was carried out.
	again, unsent bool
	// after is how long the server asks to wait, 0 if it doesn't.
	after time.Duration
}

// watch ends a request in which nothing has moved for a while.
type watch struct {
	timer *time.Timer
	limit time.Duration
}

var errSilent = errors.New("the server was silent for too long")

// because is why reading an answer failed.
func because(response *http.Response, err error) error {
	if cause := context.Cause(response.Request.Context()); errors.Is(cause, errSilent) {
		return cause
	}
	return err
}

// moved says that something has.
func (w *watch) moved() { w.timer.Reset(w.limit) }

// watchedBody is a request's body whose reading is progress.
type watchedBody struct {
	io.ReadCloser
	watch *watch
	// left of it, in bytes.
	left int64
}

// Read fails for good where a body is longer or shorter than was announced: by itself
// net/http would break the connection off.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.watch.moved()
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 || b.left > 0 && errors.Is(err, io.EOF) {
		return n, job.Errorf(job.CodeInvalid, "the content is not as long as it was")
	}
	return n, err
}

// repeat makes a call until it succeeds, fails for good, or patience ends. consume
// reads a success; what it returns ends the attempt.
func (c *Client) repeat(ctx context.Context, l *call, consume func(*http.Response, *watch) *failed) error {
	began, delay, uncertain := time.Now(), firstPause, false
	for {
		f := c.attempt(ctx, l, consume)
		if f == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", l.what, ctx.Err())
		}
		if f.again && !f.unsent {
			uncertain = true
		}
		wait := delay/2 + rand.N(delay/2+1)
		if f.after > 0 {
			wait = f.after
		}
		left := c.options.Patience - time.Since(began)
		if !f.again || !l.repeatable && !f.unsent || wait > left {
			if uncertain && l.method == http.MethodPost {
				return job.Errorf(job.CodeOf(f.err), "%s: %w; %w", l.what, f.err, ErrUncertain)
			}
			return job.Errorf(job.CodeOf(f.err), "%s: %w", l.what, f.err)
		}
		c.options.Waiting(f.err, wait)
		if err := c.pause(ctx, wait); err != nil {
			return fmt.Errorf("%s: %w", l.what, err)
		}
		delay = min(2*delay, mostPause)
	}
}

// attempt makes a request once.
func (c *Client) attempt(ctx context.Context, l *call, consume func(*http.Response, *watch) *failed) *failed {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := l.silence
	if limit == 0 {
		limit = c.options.Timeout
	}
	w := &watch{limit: limit, timer: time.AfterFunc(limit, func() { cancel(errSilent) })}
	defer w.timer.Stop()
	request, err := c.request(ctx, l, w)
	if err != nil {
		return &failed{err: err}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unanswered(ctx, limit, err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end, or given up
	c.reached.Store(true)
	w.moved()
	if response.StatusCode/100 != 2 {
		return c.refused(response)
	}
	return consume(response, w)
}

func (c *Client) request(ctx context.Context, l *call, w *watch) (*http.Request, error) {
	target := c.base.JoinPath(l.path)
	target.RawQuery = l.query.Encode()
	request, err := http.NewRequestWithContext(ctx, l.method, target.String(), nil)
	if err != nil {
		return nil, job.Errorf(job.CodeInvalid, "%w", err)
	}
	for key, value := range l.header {
		request.Header.Set(key, value)
	}
	request.Header.Set("User-Agent", c.options.UserAgent)
	if c.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	if l.open != nil {
		body, err := l.open()
		if err != nil {
			return nil, err
		}
		request.Body, request.ContentLength = &watchedBody{body, w, l.size}, l.size
		if l.size == 0 {
			_ = body.Close() // only read
			request.Body = http.NoBody
		}
	}
	return request, nil
}

// unanswered is a request without an answer.
func (c *Client) unanswered(ctx context.Context, limit time.Duration, err error) *failed {
	if errors.Is(context.Cause(ctx), errSilent) {
		return &failed{again: true, err: job.Errorf(job.CodeUnavailable, "%s did not answer within %s", c.Server(), limit)}
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without the address, which is said once
	}
	if before := beforeSending(err); before {
		return &failed{
			err: job.Errorf(job.CodeUnavailable, "%w to %s: %w", ErrUnreachable, c.Server(), err),
			// Where nothing ever answered, the address is more likely wrong than the
			// server about to come back.
			again: c.reached.Load(), unsent: true,
		}
	}
	var own *job.Error
	if errors.As(err, &own) { // the body's own
		return &failed{err: own}
	}
	return &failed{again: true, err: job.Errorf(job.CodeUnavailable, "the connection to %s broke off: %w", c.Server(), err)}
}

// beforeSending reports whether a request failed while its connection was made.
func beforeSending(err error) bool {
	var op *net.OpError
	var name *net.DNSError
	if errors.As(err, &name) || errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "tls: ") || strings.Contains(text, "x509: ") || strings.Contains(text, "TLS handshake") ||
		strings.Contains(text, "HTTP response to HTTPS client")
}

// problem is an answer that is no success (RFC 9457).
type problem struct {
	Title     string   `json:"title"`
	Detail    string   `json:"detail"`
	Problems  []string `json:"problems"`
	RequestID string   `json:"requestId"`
}

// Answer is what a server answered that was no success. It stands in the chain of an
// error, which says in words what matters of it. All but Status are empty if it was not
// in Stoker's form.
type Answer struct {
	Status                   int
	Title, Detail, RequestID string
}

// Error is the answer in short.
func (a *Answer) Error() string { return fmt.Sprintf("%d %s", a.Status, a.Title) }

// refused is an answer that is no success:
//
//	status               code           again
//	400, 413, 415, 422   invalid        no
//	401, 403             unauthorized   no
//	404                  not_found      no
//	409                  conflict       no
//	429                  unavailable    yes: nothing was done
//	502, 503, 504        unavailable    yes
//	507                  unavailable    no: somebody has to make room
//	other                internal       no
func (c *Client) refused(response *http.Response) *failed {
	data, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem)) // what came of it is shown
	var p problem
	kind := mediaType(response)
	known := kind == "application/problem+json" && json.Unmarshal(data, &p) == nil && p.Title != ""
	text := p.Detail
	if text == "" {
		text = strings.ToLower(p.Title)
	}
	status := response.StatusCode
	if !known {
		text = fmt.Sprintf("%s answered %d %s", c.Server(), status, http.StatusText(status))
		if response.Request.Method != http.MethodHead {
			text += fmt.Sprintf(" with %s, which is not how stoker's API answers", orNothing(kind))
		}
	}
	f := &failed{}
	code, cause := job.CodeInternal, error(nil)
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		code = job.CodeInvalid
	case http.StatusUnauthorized:
		code, cause = job.CodeUnauthorized, ErrToken
	case http.StatusForbidden:
		code = job.CodeUnauthorized
	case http.StatusNotFound:
		code = job.CodeNotFound
	case http.StatusConflict:
		code = job.CodeConflict
	case http.StatusTooManyRequests:
		code, f.again, f.unsent = job.CodeUnavailable, true, true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		code, f.again = job.CodeUnavailable, true
	case http.StatusInsufficientStorage:
		code = job.CodeUnavailable
	}
	if to := response.Header.Get("Location"); status/100 == 3 && to != "" {
		code, text = job.CodeInvalid, fmt.Sprintf("%s says that it has moved to %s; use that address", c.Server(), job.Head(to, job.MaxWord))
	}
	if !known && !f.again && cause == nil && response.Request.Method != http.MethodHead {
		cause = ErrStrange
	}
	if f.after = retryAfter(response.Header.Get("Retry-After"), time.Now()); f.after > 0 {
		text += fmt.Sprintf("; it asks to try again in %s", f.after.Round(time.Second))
	}
	if code == job.CodeInternal && p.RequestID != "" {
		text += fmt.Sprintf(" (request %s)", job.Head(p.RequestID, job.MaxWord))
	}
	f.err = &job.Error{Code: code, Message: text, Problems: p.Problems}
	if cause != nil {
		f.err = job.Errorf(code, "%w%w", f.err, silent{cause})
	}
	answer := &Answer{Status: status}
	if known {
		answer.Title, answer.Detail, answer.RequestID = p.Title, p.Detail, p.RequestID
	}
	f.err = job.Errorf(code, "%w%w", f.err, silent{answer})
	return f
}

// silent marks an error without a word more.
type silent struct{ error }

func (silent) Error() string { return "" }

func (s silent) Unwrap() error { return s.error }

func orNothing(kind string) string {
	if kind == "" {
		return "nothing"
	}
	return job.Head(kind, 100)
}

func mediaType(response *http.Response) string {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")) // "" is none that is known
	return kind
}

// retryAfter reads the header: seconds or a date; 0 is none. Source: RFC 9110, 10.2.3.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// answer makes a call whose answer is JSON.
func (c *Client) answer(ctx context.Context, l *call, into any) (status int, err error) {
	err = c.repeat(ctx, l, func(response *http.Response, w *watch) *failed { //nolint:contextcheck // why it was cut off stands in the request's own context
		status = response.StatusCode
		if kind := mediaType(response); kind != "application/json" {
			return &failed{err: job.Errorf(job.CodeUnavailable, "%s answered with %s instead of JSON%w", c.Server(), orNothing(kind), silent{ErrStrange})}
		}
		data, err := io.ReadAll(io.LimitReader(&watchedAnswer{response.Body, w}, maxAnswer))
		if err != nil {
			return &failed{again: true, err: job.Errorf(job.CodeUnavailable, "the answer of %s was cut off: %w", c.Server(), because(response, err))}
		}
		if err := json.Unmarshal(data, into); err != nil {
			return &failed{again: true, err: job.Errorf(job.CodeUnavailable, "the answer of %s cannot be read: %w", c.Server(), err)}
		}
		return nil
	})
	return status, err
}

// watchedAnswer is an answer whose reading is progress.
type watchedAnswer struct {
	from  io.Reader
	watch *watch
}

func (a *watchedAnswer) Read(p []byte) (int, error) {
	n, err := a.from.Read(p)
	if n > 0 {
		a.watch.moved()
	}
	return n, err
}
