package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/store/logstore"
)

// write appends to a log of a job's first attempt.
func (b *bundle) write(id, content string) {
	b.t.Helper()
	stream, err := b.attempt(id).Stream("stdout")
	require.NoError(b.t, err)
	_, err = stream.Append(b.t.Context(), 256<<10, func(w io.Writer, _ int64) error {
		_, err := io.WriteString(w, content)
		return err
	})
	require.NoError(b.t, err)
}

func (b *bundle) attempt(id string) *logstore.Logs {
	b.t.Helper()
	logs, err := b.logs.Attempt(job.AttemptOf(id, 1))
	require.NoError(b.t, err)
	return logs
}

func (b *bundle) finish(id string, notes ...string) {
	b.t.Helper()
	require.NoError(b.t, b.attempt(id).Finish(b.t.Context(), logstore.Manifest{Job: id, Attempt: 1, Notes: notes}))
}

func TestLogRanges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write("api-1", "0123456789")
	for query, want := range map[string]struct{ body, offset string }{
		"": {"0123456789", "0"}, "?offset=4": {"456789", "4"}, "?offset=-3": {"789", "7"}, "?offset=-99": {"0123456789", "0"}, "?offset=99": {"", "99"},
		"?limit=4": {"0123", "0"}, "?limit=0": {"", "0"}, "?offset=-3&limit=2": {"78", "7"}, "?limit=999": {"0123456789", "0"},
		"?stream=stdout&attempt=1&follow=false": {"0123456789", "0"}, "?stream=stderr": {"", "0"}, "?follow=true&limit=3": {"012", "0"},
	} {
		got := b.get("ana", "/v1/jobs/api-1/logs"+query)
		require.Equal(t, http.StatusOK, got.StatusCode, got.body)
		require.Equal(t, want.body, got.body, query)
		require.Equal(t, want.offset, got.Header.Get("Stoker-Log-Offset"), query)
		require.Equal(t, "application/octet-stream", got.Header.Get("Content-Type"))
	}
	got := b.get("ana", "/v1/jobs/api-1/logs?offset=3")
	require.Equal(t, "10", got.Header.Get("Stoker-Log-Size"))
	require.Equal(t, "false", got.Header.Get("Stoker-Log-Finished"))
	b.finish("api-1", "stderr: 5 bytes\nare missing", "more")
	got = b.get("ana", "/v1/jobs/api-1/logs")
	require.Equal(t, "true", got.Header.Get("Stoker-Log-Finished"))
	require.Equal(t, "stderr: 5 bytes are missing", got.Header.Get("Stoker-Log-Missing"))

	for _, query := range []string{"attempt=2", "attempt=99&follow=true"} {
		p := b.problem(b.get("ana", "/v1/jobs/api-1/logs?"+query), http.StatusNotFound)
		require.Contains(t, p.Detail, "or it has not begun")
	}

	for query, want := range map[string]string{
		"offset=x": "offset: ", "limit=-1": "limit: ", "attempt=0": "attempt: ", "follow=yes": "follow: ", "stream=progress": "stream: ",
		"offset=99999999999999999999": "offset: ", "ofset=1": "ofset: ", "limit=1&limit=2": "limit: ",
	} {
		p := b.problem(b.get("ana", "/v1/jobs/api-1/logs?"+query), http.StatusBadRequest)
		require.True(t, strings.HasPrefix(p.Problems[0], want), "%q", p.Problems)
	}
}

func TestHeadOfALog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write("api-1", "0123456789")
	for _, query := range []string{"?offset=-3", "?offset=7&follow=true"} {
		got := b.do("ana", http.MethodHead, "/v1/jobs/api-1/logs"+query, "")
		require.Equal(t, http.StatusOK, got.StatusCode)
		require.Equal(t, "7", got.Header.Get("Stoker-Log-Offset"))
		require.Equal(t, "10", got.Header.Get("Stoker-Log-Size"))
		require.Equal(t, "false", got.Header.Get("Stoker-Log-Finished"))
		require.Empty(t, got.body)
	}
	require.Empty(t, b.server.follows.all["ana"])
	require.Equal(t, http.StatusNotFound, b.do("bob", http.MethodHead, "/v1/jobs/api-1/logs", "").StatusCode)
}

func TestLogsAreBytes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	binary := "\x00\xff\r\n\x1b[31m" + strings.Repeat("\x80", 1000)
	b.write("api-1", binary)
	require.Equal(t, binary, b.get("ana", "/v1/jobs/api-1/logs").body)
	line := strings.Repeat("x", 5<<20) + "\n"
	b.write("api-2", line)
	got := b.get("ana", "/v1/jobs/api-2/logs").body
	require.True(t, line == got, "a line of 5 MB, of which there are %d bytes", len(got)) //nolint:testifylint // not to print it
}

// pipe is a response that is read while it is written.
type pipe struct {
	header http.Header
	status int
	mu     sync.Mutex
	got    strings.Builder
	broken error
}

func (p *pipe) Header() http.Header { return p.header }
func (p *pipe) WriteHeader(s int)   { p.status = s }
func (p *pipe) Flush()              {}

func (p *pipe) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return 0, p.broken
	}
	return p.got.Write(data)
}

func (p *pipe) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got.String()
}

// follow follows a log, in the bubble's own time, until the answer has ended.
func (b *bundle) follow(ctx context.Context, query string) (*pipe, <-chan any) {
	p, done := &pipe{header: http.Header{}}, make(chan any, 1)
	r := b.request("ana", http.MethodGet, "/v1/jobs/api-1/logs?follow=true"+query, nil).WithContext(ctx)
	r.RequestURI, r.URL.Host, r.URL.Scheme = r.URL.RequestURI(), "", ""
	go func() {
		defer func() { done <- recover() }()
		b.server.ServeHTTP(p, r)
	}()
	return p, done
}

// bubble makes a bundle whose listening server does not disturb a bubble.
func bubble(t *testing.T, test func(t *testing.T, b *bundle)) {
	t.Helper()
	b := setup(t)
	synctest.Test(t, func(t *testing.T) {
		inside := *b
		inside.t = t
		inside.server.stopping = make(chan struct{}) // of the bubble
		test(t, &inside)
	})
}

func ends(t *testing.T, done <-chan any) any {
	t.Helper()
	synctest.Wait()
	select {
	case panicked := <-done:
		return panicked
	default:
		require.Fail(t, "it goes on")
		return nil
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bundle) {
		b.write("api-1", "one ")
		first, firstDone := b.follow(t.Context(), "")
		second, secondDone := b.follow(t.Context(), "&offset=-2")
		some, someDone := b.follow(t.Context(), "&limit=6")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, "one ", first.text())
		b.write("api-1", "two ")
		time.Sleep(followEvery)
		synctest.Wait()
		require.Equal(t, "one two ", first.text())
		require.Equal(t, "e two ", second.text())
		require.Nil(t, ends(t, someDone))
		require.Equal(t, "one tw", some.text(), "no more than was asked for")
		b.write("api-1", "three")
		b.finish("api-1")
		time.Sleep(followEvery)
		require.Nil(t, ends(t, firstDone))
		require.Nil(t, ends(t, secondDone))
		require.Equal(t, "one two three", first.text())
		require.Equal(t, "e two three", second.text())
		require.Empty(t, b.server.follows.all["ana"], "the slots are free")
	})
}

func TestFollowEndsWhenNothingMoreCanCome(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bundle) {
		looks := 0
		b.write("api-1", "half")
		b.jobs.get = func(id string) (jobs.View, error) {
			if looks++; looks < 3 {
				return ofAna(id), nil
			}
			return ended(id), nil
		}
		_, done := b.follow(t.Context(), "")
		time.Sleep(3 * jobEvery)
		require.Nil(t, ends(t, done), "its logs were never saved")
		require.Equal(t, 3, looks, "the job is not asked for all the time")
		again, done := b.follow(t.Context(), "&offset=4")
		require.Nil(t, ends(t, done), "nothing more can come")
		require.Equal(t, "true", again.header.Get("Stoker-Log-Finished"))
		require.Equal(t, "stdout breaks off at byte 4: the rest was never saved", again.header.Get("Stoker-Log-Missing"))
	})
}

// A job that ended before anything was launched has no log, and lacks none.
func TestLogOfWhatNeverRan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.jobs.get = func(id string) (jobs.View, error) { v := ended(id); v.ApplicationID = ""; return v, nil }
	got := b.get("ana", "/v1/jobs/api-1/logs?follow=true")
	require.Equal(t, "true", got.Header.Get("Stoker-Log-Finished"))
	require.Empty(t, got.Header.Get("Stoker-Log-Missing"))
}

func TestFollowEndsWithTheServerAndItsCaller(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bundle) {
		ctx, leave := context.WithCancel(t.Context())
		_, left := b.follow(ctx, "")
		stayed, stopped := b.follow(t.Context(), "")
		synctest.Wait()
		require.Equal(t, 2, b.server.follows.all["ana"])
		leave()
		ends(t, left)
		require.Equal(t, 1, b.server.follows.all["ana"], "who has left follows no more")
		close(b.server.stopping)
		require.Nil(t, ends(t, stopped))
		require.Equal(t, http.StatusOK, stayed.status)
	})
}

func TestSoManyFollowsAtATime(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bundle) {
		ctx, leave := context.WithCancel(t.Context())
		var all []<-chan any
		for range mostFollows {
			_, done := b.follow(ctx, "")
			all = append(all, done)
		}
		synctest.Wait()
		refused, done := b.follow(ctx, "")
		require.Nil(t, ends(t, done))
		require.Equal(t, http.StatusTooManyRequests, refused.status)
		require.NotEmpty(t, refused.header.Get("Retry-After"))
		leave()
		for _, done := range all {
			ends(t, done)
		}
		require.Zero(t, b.server.follows.all["ana"])
	})
}

// A log that cannot be read to its end must not look as if this were its end.
func TestALogThatBreaksOffIsSeenTo(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bundle) {
		b.write("api-1", "one")
		p, done := b.follow(t.Context(), "")
		synctest.Wait()
		p.mu.Lock()
		p.broken = errors.New("no route to host")
		p.mu.Unlock()
		b.write("api-1", "two")
		time.Sleep(followEvery)
		require.Equal(t, http.ErrAbortHandler, ends(t, done))
		require.Zero(t, b.server.follows.all["ana"])
		require.Contains(t, b.log.String(), "answer broken off")
	})
}

func TestLogsOfAJobThatCameToNoCluster(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.jobs.get = func(id string) (jobs.View, error) { v := ofAna(id); v.Cluster = ""; return v, nil }
	require.Contains(t, b.problem(b.get("ana", "/v1/jobs/api-1/logs"), http.StatusNotFound).Detail, "came to no cluster")
}
