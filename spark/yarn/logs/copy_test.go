package logs_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// copyFrom copies stdout of app1's only attempt.
func (b *bundle) copyFrom(from int64, seen *rm.Application) (string, logs.Copied) {
	b.Helper()
	var text strings.Builder
	copied, err := b.CopyFrom(b.Context(), logs.Request{Application: app1, Attempt: 1, Stream: "stdout", From: from, Seen: seen}, &text)
	require.NoError(b, err)
	require.EqualValues(b, text.Len(), copied.Bytes)
	return text.String(), copied
}

// A log is whole once its container has ended, however little of it is asked for.
func TestCopyFromSaysWhetherThereIsMore(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 10, 300_000} {
		b := newBundle(t, numbered(0, size), nil)
		for _, running := range []bool{true, false} {
			b.node.change(func() { b.node.running = running })
			for _, from := range []int{0, size / 2, size, size + 10} {
				text, copied := b.copyFrom(int64(from), nil)
				require.Equal(t, numbered(0, size)[min(from, size):], text)
				require.Equal(t, running, copied.Growing, "%d from %d", size, from)
				require.EqualValues(t, size, copied.Size)
			}
		}
	}

	b := newBundle(t, "text", nil)
	b.end("SUCCEEDED")
	b.history.change(func() { b.history.parts = []files{b.drop()} })
	text, copied := b.copyFrom(0, nil)
	require.Equal(t, "text", text)
	require.False(t, copied.Growing)
}

// listedAs is app1 as the ResourceManager lists it while it runs.
func (b *bundle) listedAs(container string) rm.Application {
	host := strings.TrimPrefix(b.node.URL, "http://")
	return rm.Application{
		ID: app1, User: "alice", State: rm.StateRunning, AMHostHTTPAddress: host,
		AMContainerLogs: b.node.URL + "/node/containerlogs/" + container + "/alice",
	}
}

func TestCopyFromWhereItWasSeen(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "text", nil)
	b.manager.attempts = func() ([]rm.Attempt, error) {
		t.Error("asked")
		return nil, nil
	}
	seen := b.listedAs(master1)
	text, _ := b.copyFrom(0, &seen)
	require.Equal(t, "text", text)
	require.Zero(t, b.manager.asked)
	require.Len(t, b.node.seen(), 1)
}

// An old list leads to nothing wrong: another place is asked, as without it.
func TestCopyFromWhereItIsNoLonger(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "text", nil)
	seen := b.listedAs(master1)
	b.end("SUCCEEDED")
	b.history.change(func() { b.history.parts = []files{b.drop()} })
	text, copied := b.copyFrom(0, &seen)
	require.Equal(t, "text", text)
	require.False(t, copied.Growing)

	for name, change := range map[string]func(a *rm.Application){
		"another attempt":     func(a *rm.Application) { *a = b.listedAs(master2) },
		"another application": func(a *rm.Application) { a.ID = "application_1795248734839_0013" },
		"ended":               func(a *rm.Application) { a.State = rm.StateFinished },
		"no link":             func(a *rm.Application) { a.AMContainerLogs = "" },
		"a link elsewhere":    func(a *rm.Application) { a.AMContainerLogs = "http://elsewhere:1/node/containerlogs/" + master1 + "/x" },
		"a foreign container": func(a *rm.Application) {
			*a = b.listedAs("container_e01_1795248734839_0013_01_000001")
		},
	} {
		b := newBundle(t, "text", nil)
		seen := b.listedAs(master1)
		change(&seen)
		asked := false
		was := b.manager.attempts
		b.manager.attempts = func() ([]rm.Attempt, error) {
			asked = true
			return was()
		}
		text, _ := b.copyFrom(0, &seen)
		require.Equal(t, "text", text, name)
		require.True(t, asked, name)
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, newer := range []bool{false, true} {
		b := newBundle(t, "text", nil)
		b.node.newer = newer
		attempt, sizes, err := b.Sizes(t.Context(), b.listedAs(master1))
		require.NoError(t, err)
		require.EqualValues(t, 1, attempt)
		require.Equal(t, map[string]int64{"stdout": 4, "stderr": 0}, sizes)
		require.Len(t, b.node.seen(), 1, "one request")
		require.Zero(t, b.manager.asked)
	}
}

func TestSizesFail(t *testing.T) {
	t.Parallel()
	status := func(code int) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "<html>no", code)
			return true
		}
	}
	for name, row := range map[string]struct {
		arrange func(*bundle, *rm.Application)
		code    job.Code
	}{
		"no container":  {func(_ *bundle, a *rm.Application) { a.AMContainerLogs = "" }, job.CodeUnavailable},
		"ended":         {func(_ *bundle, a *rm.Application) { a.State = rm.StateKilled }, job.CodeUnavailable},
		"unknown to it": {func(b *bundle, _ *rm.Application) { b.drop() }, job.CodeUnavailable},
		"dead":          {func(b *bundle, _ *rm.Application) { b.node.Close() }, job.CodeUnavailable},
		"500":           {func(b *bundle, _ *rm.Application) { b.node.instead = status(500) }, job.CodeUnavailable},
		"403":           {func(b *bundle, _ *rm.Application) { b.node.instead = status(403) }, job.CodeUnauthorized},
		"a page":        {func(b *bundle, _ *rm.Application) { b.node.instead = status(200) }, job.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t, "text", nil)
			app := b.listedAs(master1)
			row.arrange(b, &app)
			_, _, err := b.Sizes(t.Context(), app)
			require.Equal(t, row.code, job.CodeOf(err), err)
			require.ErrorContains(t, err, app1)
			require.NotContains(t, err.Error(), "<html>")
		})
	}
}

func TestAttemptNumbers(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "text", nil)
	b.manager.attempts = func() ([]rm.Attempt, error) {
		return []rm.Attempt{{Number: 1, ContainerID: master1}, {Number: 2, ContainerID: master2}, {Number: 3}}, nil
	}
	numbers, err := b.Attempts(t.Context(), app1)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2}, numbers)

	b.manager.attempts = func() ([]rm.Attempt, error) { return nil, job.Errorf(job.CodeNotFound, "forgotten") }
	_, err = b.Attempts(t.Context(), app1)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	b.history.change(func() { b.history.parts = []files{{master2: {"stdout": "x"}}} })
	numbers, err = b.Attempts(t.Context(), app1)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2}, numbers)

	_, err = b.Attempts(t.Context(), "x")
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
}

// refusing is a transport that sends nothing.
type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, job.Errorf(job.CodeUnauthorized, "no Kerberos ticket")
}

func TestTransportThatRefuses(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "text", func(_ *bundle, o *logs.Options) {
		o.HTTP = hadoop.NewHTTP(hadoop.HTTPOptions{Authenticate: func(http.RoundTripper) http.RoundTripper { return refusing{} }})
	})
	err := b.fails("stdout")
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(err))
	require.ErrorContains(t, err, "can't be asked: no Kerberos ticket")
	require.Empty(t, b.node.seen())
}
