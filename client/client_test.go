package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

const secret = "hush-hush"

// bundle is a client of a server whose every answer a test decides.
type bundle struct {
	client *Client
	// answer the n-th request, counting from 1.
	answer func(n int, w http.ResponseWriter, r *http.Request)

	mu     sync.Mutex
	all    []seen
	pauses []time.Duration
}

// requests that came so far.
func (b *bundle) requests() []seen {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.all)
}

// seen is a request as it came.
type seen struct{ method, target, key, token, body string }

func serve(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *bundle {
	t.Helper()
	b := &bundle{answer: answer}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what came is compared
		b.mu.Lock()
		b.all = append(b.all, seen{r.Method, r.URL.RequestURI(), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), string(body)})
		n := len(b.all)
		b.mu.Unlock()
		b.answer(n, w, r)
	}))
	t.Cleanup(server.Close)
	b.client = b.open(t, Options{Server: server.URL, Token: secret})
	return b
}

// open makes a client that doesn't wait.
func (b *bundle) open(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	require.NoError(t, err)
	c.pause = func(ctx context.Context, d time.Duration) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.pauses = append(b.pauses, d)
		return ctx.Err()
	}
	return c
}

// sayJSON answers with a status and JSON.
func sayJSON(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the test sees what comes
}

func sayProblem(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the test sees what comes
}

// hangUp ends the connection without an answer.
func hangUp(http.ResponseWriter) { panic(http.ErrAbortHandler) }

const aJob = `{"id":"api-1","source":"api","phase":"loading","outcome":null,"times":{},"links":{"self":"/v1/jobs/api-1","logs":"x"},"novelty":7}`

func TestASubmissionWhoseAnswerIsLostIsMadeAgainUnderItsKey(t *testing.T) {
	t.Parallel()
	b := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 1:
			hangUp(w)
		case 2:
			sayJSON(w, 201, aJob[:40]) // truncated
		default:
			sayJSON(w, 200, aJob)
		}
	})
	started, created, err := b.client.Submit(t.Context(), jobspec.Spec{File: "local:/a.py", Args: []string{"<x>"}}, "my key")
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, "api-1", started.ID)
	require.Len(t, b.requests(), 3)
	for _, r := range b.requests() {
		require.Equal(t, b.requests()[0], r)
	}
	require.Equal(t, "POST", b.requests()[0].method)
	require.Equal(t, "/v1/jobs", b.requests()[0].target)
	require.Equal(t, "my key", b.requests()[0].key)
	require.Equal(t, "Bearer "+secret, b.requests()[0].token)
	spec, err := jobspec.Parse([]byte(b.requests()[0].body))
	require.NoError(t, err)
	require.Equal(t, jobspec.Spec{File: "local:/a.py", Args: []string{"<x>"}}, spec)

	text, err := json.Marshal(started)
	require.NoError(t, err)
	require.JSONEq(t, aJob, string(text), "what a newer server says is not lost")
}

func TestSubmitSaysWhenTheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	b := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { hangUp(w) })
	b.client.options.Patience = -1
	_, _, err := b.client.Submit(t.Context(), jobspec.Spec{File: "local:/a.py"}, "k")
	require.ErrorIs(t, err, ErrUncertain)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))

	_, _, err = b.client.Submit(t.Context(), jobspec.Spec{File: "local:/a.py"}, "")
	require.ErrorContains(t, err, "no idempotency key")
	require.Len(t, b.requests(), 1)
	one, other := NewKey(), NewKey()
	require.NotEqual(t, one, other)
}

// A re-run has no key: what may have been carried out is not asked for twice.
func TestARerunIsMadeAgainOnlyWhereNothingWasDone(t *testing.T) {
	t.Parallel()
	b := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.Header().Set("Retry-After", "3")
			sayProblem(w, 429, `{"title":"Too Many Requests","detail":"slowly"}`)
			return
		}
		hangUp(w)
	})
	_, err := b.client.Rerun(t.Context(), "a/b")
	require.ErrorIs(t, err, ErrUncertain)
	require.Len(t, b.requests(), 2)
	require.Equal(t, "/v1/jobs/a%2Fb/rerun", b.requests()[1].target)
	require.Equal(t, []time.Duration{3 * time.Second}, b.pauses)
}

func TestCancelIsAskedForAgain(t *testing.T) {
	t.Parallel()
	b := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			hangUp(w)
		}
		sayJSON(w, 202, aJob)
	})
	_, asked, err := b.client.Cancel(t.Context(), "api-1", "wrong input")
	require.NoError(t, err)
	require.True(t, asked)
	require.Len(t, b.requests(), 2)
	require.JSONEq(t, `{"reason":"wrong input"}`, b.requests()[1].body)
}

func TestABusyServerIsWaitedForAsItAsks(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status   int
		after    string
		answered bool
		want     string
	}{
		"busy":            {503, "7", true, ""},
		"too often":       {429, "7", true, ""},
		"longer than I":   {503, "3600", false, "asks to try again in 1h0m0s"},
		"a broken proxy":  {502, "", true, ""},
		"a slow one":      {504, "", true, ""},
		"a broken server": {500, "7", false, "oh no"},
		"no room":         {507, "", false, "oh no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n == 1 {
					w.Header().Set("Retry-After", row.after)
					sayProblem(w, row.status, `{"title":"Oh","detail":"oh no","requestId":"r-1"}`)
					return
				}
				sayJSON(w, 200, aJob)
			})
			var told []time.Duration
			b.client.options.Waiting = func(why error, d time.Duration) {
				require.ErrorContains(t, why, "oh no")
				told = append(told, d)
			}
			_, err := b.client.Get(t.Context(), "api-1")
			if !row.answered {
				require.ErrorContains(t, err, row.want)
				require.Empty(t, b.pauses)
				return
			}
			require.NoError(t, err)
			require.Len(t, b.pauses, 1)
			require.Equal(t, b.pauses, told)
			if row.after != "" {
				require.Equal(t, 7*time.Second, b.pauses[0])
			} else {
				require.LessOrEqual(t, b.pauses[0], firstPause)
			}
		})
	}
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	b := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		sayProblem(w, 503, `{"title":"Service Unavailable","detail":"no temporal"}`)
	})
	b.client = b.client.Patient(-1)
	_, err := b.client.Get(t.Context(), "api-1")
	require.ErrorContains(t, err, "look at job api-1: no temporal")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.Len(t, b.requests(), 1)
	require.Empty(t, b.pauses)
}

func TestProblemsBecomeErrors(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]job.Code{
		400: job.CodeInvalid, 413: job.CodeInvalid, 415: job.CodeInvalid, 422: job.CodeInvalid, 401: job.CodeUnauthorized,
		403: job.CodeUnauthorized, 404: job.CodeNotFound, 409: job.CodeConflict, 500: job.CodeInternal, 418: job.CodeInternal,
	} {
		b := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			sayProblem(w, status, `{"title":"T","status":1,"detail":"the job cannot be run","problems":["conf a: is wrong","name: is, too"],"requestId":"r-1"}`)
		})
		_, err := b.client.Get(t.Context(), "api-1")
		require.ErrorContains(t, err, "look at job api-1: the job cannot be run")
		require.Equal(t, code, job.CodeOf(err), status)
		require.Equal(t, []string{"conf a: is wrong", "name: is, too"}, job.ProblemsOf(err))
		require.Len(t, b.requests(), 1)
		require.Equal(t, code == job.CodeInternal, strings.Contains(err.Error(), "request r-1"))
		if status == 401 {
			require.ErrorIs(t, err, ErrToken)
		} else {
			require.NotErrorIs(t, err, ErrToken)
		}
		require.NotErrorIs(t, err, ErrStrange)
		require.NotContains(t, fmt.Sprintf("%+v %#v", err, err), secret)
	}
}

// A server that is not Stoker's is told from one that is.
func TestWhatIsNotTheAPIIsSaidToBe(t *testing.T) {
	t.Parallel()
	const page = "<html><title>Welcome</title></html>"
	html := func(status int) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, page) // the test sees what comes
		}
	}
	for name, row := range map[string]struct {
		answer func(int, http.ResponseWriter, *http.Request)
		want   string
	}{
		"a page":        {html(200), "answered with text/html instead of JSON"},
		"a page at 404": {html(404), "answered 404 Not Found with text/html, which is not how stoker's API answers"},
		"a page at 500": {html(500), "answered 500 Internal Server Error with text/html"},
		"no job":        {func(_ int, w http.ResponseWriter, _ *http.Request) { sayJSON(w, 200, `{"hello":"world"}`) }, "JSON that is no job"},
		"other problem": {func(_ int, w http.ResponseWriter, _ *http.Request) { sayJSON(w, 404, `{"message":"no Route"}`) }, "answered 404 Not Found with application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := serve(t, row.answer)
			_, err := b.client.Get(t.Context(), "api-1")
			require.ErrorIs(t, err, ErrStrange)
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "Welcome")
			require.Len(t, b.requests(), 1, "it will not be another one soon")
		})
	}
}

// The token goes nowhere but to the server that was named.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	other := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { sayJSON(w, 200, aJob) })
	b := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.client.Server()+r.URL.Path, http.StatusTemporaryRedirect)
	})
	_, err := b.client.Get(t.Context(), "api-1")
	require.ErrorContains(t, err, "has moved to "+other.client.Server())
	require.Empty(t, other.requests())
}

func TestATruncatedAnswerIsAskedForAgain(t *testing.T) {
	t.Parallel()
	b := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.Header().Set("Content-Length", "5000")
			sayJSON(w, 200, aJob[:50])
			hangUp(w)
		}
		sayJSON(w, 200, aJob)
	})
	found, err := b.client.Get(t.Context(), "api-1")
	require.NoError(t, err)
	require.Equal(t, "api-1", found.ID)
	require.Len(t, b.requests(), 2)
}

func TestADeadServerIsNamed(t *testing.T) {
	t.Parallel()
	b := &bundle{}
	c := b.open(t, Options{Server: "http://127.0.0.1:1", Token: secret})
	_, err := c.Get(t.Context(), "api-1")
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorContains(t, err, "http://127.0.0.1:1")
	require.NotContains(t, err.Error(), secret)
	require.Empty(t, b.pauses, "one that never answered is not waited for")

	// One that did is.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { sayJSON(w, 200, aJob) }))
	server.Listener = listener
	server.Start()
	c = b.open(t, Options{Server: server.URL})
	_, err = c.Get(t.Context(), "api-1")
	require.NoError(t, err)
	server.Close()
	c.http.CloseIdleConnections()
	again := make(chan struct{})
	c.pause = func(context.Context, time.Duration) error {
		if listener, err = net.Listen("tcp", listener.Addr().String()); err != nil {
			return err
		}
		back := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { sayJSON(w, 201, aJob) }))
		back.Listener = listener
		back.Start()
		t.Cleanup(back.Close)
		close(again)
		return nil
	}
	_, err = c.Rerun(t.Context(), "api-1")
	require.NoError(t, err, "what was never sent is sent again, also where a repetition would do harm")
	<-again
}

func TestASilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := serve(t, func(int, http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	b.client.options.Timeout, b.client.options.Patience = 50*time.Millisecond, -1
	_, err := b.client.Get(t.Context(), "api-1")
	require.ErrorContains(t, err, "did not answer within 50ms")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.client.Get(ctx, "api-1")
	require.ErrorIs(t, err, context.Canceled)
}

func TestParseServer(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"http://127.0.0.1:8998":     "http://127.0.0.1:8998",
		"https://a.example/stoker/": "https://a.example/stoker",
	} {
		base, err := ParseServer(address)
		require.NoError(t, err)
		require.Equal(t, want, base.String())
	}
	for _, address := range []string{"a.example:8998", "ftp://a", "http://", "/x", "http://me:hush-hush@a", "https://a?token=hush-hush", "http://me:hush-hush@a:b:c", "ht tp://hush-hush@x"} {
		_, err := ParseServer(address)
		require.Error(t, err, address)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		require.NotContains(t, err.Error(), "me:hush-hush")
	}
	c, err := New(Options{})
	require.NoError(t, err)
	require.Equal(t, DefaultServer, c.Server())
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, " 5 ": 5 * time.Second, "-5": 0, "soon": 0, "99999999999999": 0,
		"Sat, 31 Jan 2026 12:00:09 GMT": 9 * time.Second, "Sat, 31 Jan 2026 11:00:00 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(text, now), text)
	}
}
