package rm_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// calls are all there are, for tests of what goes wrong in each.
var calls = map[string]func(context.Context, *rm.Client) error{
	"NewApplication": func(ctx context.Context, c *rm.Client) error { _, err := c.NewApplication(ctx); return err },
	"Submit": func(ctx context.Context, c *rm.Client) error {
		return c.Submit(ctx, rm.SubmissionContext{ID: id1})
	},
	"Application": func(ctx context.Context, c *rm.Client) error { _, err := c.Application(ctx, id1); return err },
	"Attempts":    func(ctx context.Context, c *rm.Client) error { _, err := c.Attempts(ctx, id1); return err },
	"List":        func(ctx context.Context, c *rm.Client) error { _, err := c.List(ctx, rm.Filter{}); return err },
	"Kill":        func(ctx context.Context, c *rm.Client) error { _, err := c.Kill(ctx, id1, "because"); return err },
	"Info":        func(ctx context.Context, c *rm.Client) error { _, err := c.Info(ctx); return err },
	"Scheduler":   func(ctx context.Context, c *rm.Client) error { _, err := c.Scheduler(ctx); return err },
	"Metrics":     func(ctx context.Context, c *rm.Client) error { _, err := c.Metrics(ctx); return err },
}

const page = "<html>\n<head><title>Log in</title></head><body>\n<p>" +
	"please do</p></body></html>"

func remote(exception, message string) string {
	return `{"RemoteException":{"exception":"` + exception + `","message":"` + message + `","javaClassName":"x"}}`
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer  http.HandlerFunc
		code    job.Code
		message string
	}{
		"not authenticated": {
			replyJSON(401, remote("AuthorizationException", "Unable to obtain user name, user not authenticated")),
			job.CodeUnauthorized, "401: Unable to obtain user name",
		},
		"login page":             {reply(401, "text/html", page), job.CodeUnauthorized, "401"},
		"plain words":            {replyJSON(403, "Unauthorized attempt to kill appid x by remote user bob"), job.CodeUnauthorized, "403: Unauthorized attempt to kill"},
		"bad request":            {replyJSON(400, remote("BadRequestException", "java.lang.Exception: Could not parse application id foo")), job.CodeInvalid, "400: Could not parse application id foo"},
		"bad request, no reason": {reply(400, "text/html", page), job.CodeUnavailable, "answered 400 without saying why"},
		"not found":              {replyJSON(404, remote("NotFoundException", "java.lang.Exception: app with id: x not found")), job.CodeNotFound, "404: app with id: x not found"},
		"some page not found":    {reply(404, "text/html", page), job.CodeUnavailable, "answered 404 without saying why"},
		"other JSON not found":   {replyJSON(404, `{"error":"no route"}`), job.CodeUnavailable, "answered 404"},
		"broken":                 {replyJSON(500, remote("NullPointerException", "")), job.CodeUnavailable, "answered 500: NullPointerException"},
		"overloaded":             {reply(503, "text/plain", "try\r\nlater\x00"), job.CodeUnavailable, "answered 503: try later"},
		"endless explanation":    {replyJSON(400, remote("BadRequestException", strings.Repeat("x", 100_000))), job.CodeInvalid, "xxx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for call, do := range calls {
				c, _ := answering(t, tt.answer)
				err := do(t.Context(), c)
				require.Equal(t, tt.code, job.CodeOf(err), "%s: %v", call, err)
				require.ErrorContains(t, err, tt.message, call)
				require.NotContains(t, err.Error(), "<", call)
				require.NotContains(t, err.Error(), "\n", call)
				require.Less(t, len(err.Error()), 1000, call)
			}
		})
	}
}

func TestSubmissionDisabled(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"App submission via REST is disabled.", remote("AuthorizationException", "App submission via REST is disabled.")} {
		c, _ := answering(t, replyJSON(403, body))
		err := c.Submit(t.Context(), rm.SubmissionContext{ID: id1})
		require.ErrorIs(t, err, rm.ErrSubmissionDisabled)
		require.Equal(t, job.CodeUnauthorized, job.CodeOf(err))
	}
	c, _ := answering(t, replyJSON(403, "something else"))
	require.NotErrorIs(t, c.Submit(t.Context(), rm.SubmissionContext{ID: id1}), rm.ErrSubmissionDisabled)
}

// Replies that no ResourceManager sends: each call takes them for an outage.
func TestLies(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"HTML with 200":    reply(200, "text/html", page),
		"HTML as JSON":     replyJSON(200, page),
		"nothing":          replyJSON(200, ""),
		"an array":         replyJSON(200, "[]"),
		"a string":         replyJSON(200, `"ok"`),
		"cut-off JSON":     replyJSON(200, `{"app":{"id":"`+id1),
		"wrong JSON":       replyJSON(200, `{"status":"ok"}`),
		"wrong types":      replyJSON(200, `{"app":[1],"apps":7,"appAttempts":[[]],"clusterInfo":"x","scheduler":1,"clusterMetrics":[1],"application-id":{},"state":[]}`),
		"another app":      replyJSON(200, `{"app":{"id":"`+id2+`","state":"RUNNING"},"application-id":"job_1"}`),
		"an unknown state": replyJSON(200, `{"app":{"id":"`+id1+`","state":"FINE"}}`),
		"no active":        reply(200, "text/plain", "There is no active RM right now.\n"),
		"a redirect":       reply(302, "text/html", page),
		"a huge reply":     replyJSON(200, `{"apps":{"app":"`+strings.Repeat(" ", 1<<20)+`"}}`),
		"a cut-off body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"app":`)
		},
		"hanging up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, answer)
			for call, do := range calls {
				c := client(t, func(o *rm.Options) { o.MaxReply = 1 << 19 }, s.URL)
				err := do(t.Context(), c)
				require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "%s: %v", call, err)
				require.ErrorContains(t, err, s.URL, call)
				require.NotContains(t, err.Error(), "<", call)
				require.Less(t, len(err.Error()), 1000, call)
			}
		})
	}
}

func TestSlowAndDeadServers(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	slow := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet { // headers come, the body does not
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
		}
		<-stop
	})
	t.Cleanup(func() { close(stop) })
	c := client(t, func(o *rm.Options) { o.Timeout = 50 * time.Millisecond }, slow.URL)
	for call, do := range calls {
		err := do(t.Context(), c)
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err), call)
		require.ErrorContains(t, err, "did not answer within 50ms", call)
	}

	dead, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	c = client(t, nil, "http://"+dead.Addr().String())
	_, err = c.Info(t.Context())
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.ErrorContains(t, err, "refused")
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { <-stop })
	t.Cleanup(func() { close(stop) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client(t, nil, s.URL, s.URL).Info(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.Len(t, s.seen(), 1, "the second address is not tried for a caller who is gone")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// over makes clients of a transport.
func over(f roundTripper) *hadoop.HTTP {
	return hadoop.NewHTTP(hadoop.HTTPOptions{Authenticate: func(http.RoundTripper) http.RoundTripper { return f }})
}

// What an injected transport refuses keeps its code.
func TestTransportRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		code job.Code
	}{
		{job.Errorf(job.CodeUnauthorized, "no ticket"), job.CodeUnauthorized},
		{errors.New("boom"), job.CodeUnavailable},
	} {
		c := client(t, func(o *rm.Options) {
			o.HTTP = over(func(*http.Request) (*http.Response, error) { return nil, tt.err })
		}, "http://rm:8088")
		_, err := c.Info(t.Context())
		require.Equal(t, tt.code, job.CodeOf(err))
		require.ErrorContains(t, err, tt.err.Error())
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	_, err := rm.New(rm.Options{})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	_, err = rm.New(rm.Options{
		Addresses: []string{"rm:8088", "ftp://rm", "http://", "http://u:secret@rm", "http://rm?x=1", "http://rm:8088/gateway/default/resourcemanager"},
		Timeout:   -1, MaxReply: -1, User: "a\nb",
	})
	require.Len(t, job.ProblemsOf(err), 8)
	require.NotContains(t, strings.Join(job.ProblemsOf(err), " "), "secret")
}

func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", page, `{"apps":{"app":{"id":"` + id1 + `","state":"NEW","priority":"1"}}}`,
		`{"scheduler":{"schedulerInfo":{"queueName":"root","queues":{"queue":{"queueName":"a"}}}}}`,
		`{"app":{"id":"` + id1 + `","state":"RUNNING","startedTime":1e400,"tags":null}}`, remote("X", "y"),
	} {
		f.Add(200, []byte(seed))
		f.Add(404, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			t.Skip()
		}
		c, err := rm.New(rm.Options{
			Addresses: []string{"http://rm:8088"},
			HTTP: over(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(string(body)))}, nil
			}),
		})
		require.NoError(t, err)
		for _, do := range calls {
			switch err := do(t.Context(), c); job.CodeOf(err) {
			case "", job.CodeInvalid, job.CodeUnavailable, job.CodeUnauthorized, job.CodeNotFound:
			default:
				t.Fatalf("code of %v", err)
			}
		}
	})
}
