package logs

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
)

// web asks HTTP servers of the cluster.
type web struct {
	client   *http.Client
	timeout  time.Duration
	maxReply int64
}

func newWeb(o Options) *web {
	return &web{
		// It follows no redirects, which would carry whoever is logged in elsewhere, and
		// lead nowhere.
		client: o.HTTP.Client(), timeout: o.Timeout, maxReply: o.MaxReply,
	}
}

// reply is a server's answer; its body must be closed.
type reply struct {
	status int
	body   io.ReadCloser
}

// get sends a request. Errors are unavailable, or what the transport says, and
// hold no URL: they are for who knows which server was asked.
func (w *web) get(ctx context.Context, base, path string, query url.Values) (*reply, error) {
	target := base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	ctx, cancel := context.WithCancel(ctx)
	guard := &guarded{cancel: cancel, timeout: w.timeout}
	guard.timer = time.AfterFunc(w.timeout, guard.expire)
	resp, err := w.ask(ctx, target) //nolint:bodyclose // the caller closes the reply's body, which closes it
	guard.timer.Stop()
	if err != nil {
		cancel()
		return nil, guard.explain(err)
	}
	guard.body = resp.Body
	return &reply{status: resp.StatusCode, body: guard}, nil
}

func (w *web) ask(ctx context.Context, target string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, text/plain, */*;q=0.1")
	return w.client.Do(req)
}

// all reads a reply that is no log.
func (w *web) all(r *reply) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.body, w.maxReply+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(body)) > w.maxReply:
		return nil, job.Errorf(job.CodeUnavailable, "sent a reply larger than %d bytes", w.maxReply)
	}
	return body, nil
}

// maxRefusal is how much of an error's body is read, in bytes.
const maxRefusal = 64 << 10

// refused makes an error of a reply that is neither a log nor a word on whether
// there is one.
func refused(status int, message string) error {
	code := job.CodeUnavailable
	if status == http.StatusUnauthorized || status == http.StatusForbidden ||
		// A NodeManager refuses with 500.
		strings.Contains(message, "is not authorized to view") || strings.Contains(message, "Permission denied") {
		code = job.CodeUnauthorized
	}
	if message == "" {
		return job.Errorf(code, "answered %d without saying why", status)
	}
	return job.Errorf(code, "answered %d: %s", status, message)
}

// words of a reply that is an error.
func words(r *reply) string {
	body, err := io.ReadAll(io.LimitReader(r.body, maxRefusal))
	if err != nil {
		return ""
	}
	text, _ := hadoop.Words(body)
	return text
}

// guarded is a body whose reader waits for a byte no longer than timeout.
type guarded struct {
	body    io.ReadCloser
	cancel  context.CancelFunc
	timer   *time.Timer
	timeout time.Duration
	expired atomic.Bool
}

func (g *guarded) expire() {
	g.expired.Store(true)
	g.cancel()
}

func (g *guarded) Read(p []byte) (int, error) {
	g.timer.Reset(g.timeout)
	n, err := g.body.Read(p)
	g.timer.Stop()
	if err != nil && err != io.EOF { //nolint:errorlint // net/http returns io.EOF bare at a body's end
		err = g.explain(err)
	}
	return n, err
}

// Close gives up what has not been read.
func (g *guarded) Close() error {
	g.timer.Stop()
	g.cancel()
	return g.body.Close()
}

// explain says why nothing came, without the URL that package http puts in front.
func (g *guarded) explain(err error) error {
	if g.expired.Load() {
		return job.Errorf(job.CodeUnavailable, "did not answer within %s", g.timeout)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	// A transport may refuse by itself, for example without a Kerberos ticket.
	var known *job.Error
	if errors.As(err, &known) {
		return job.Errorf(known.Code, "can't be asked: %w", err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return job.Errorf(job.CodeUnavailable, "broke off its answer")
	}
	return job.Errorf(job.CodeUnavailable, "did not answer: %s", hadoop.OneLine(err.Error()))
}
