package logs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// numbered is a part of a text whose lines of ten bytes say where they are.
func numbered(from, size int) string {
	var text []byte
	for n := from / 10; len(text) < size+10; n++ {
		text = fmt.Appendf(text, "%09d\n", n)
	}
	return string(text[from%10:][:size])
}

func TestReadWhileItRuns(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 5, 1000, 300_000} {
		text := numbered(0, size)
		b := newBundle(t, text, nil)
		for _, limit := range []int{0, 1, 100, 70_000, 1 << 40} {
			for _, offset := range []int{0, 1, size / 2, size - 1, size, size + 1, 10 * size, -1, -size / 2, -size, -size - 1, -1 << 62} {
				from := min(offset, size)
				if offset < 0 {
					from = max(0, size+offset)
				}
				data, now, err := b.Read(t.Context(), app1, "stdout", int64(offset), limit)
				require.NoError(t, err)
				require.EqualValues(t, size, now)
				require.Equal(t, text[max(0, from):min(max(0, from)+limit, size)], string(data), "%d from %d of %d", limit, offset, size)
			}
		}
		require.Zero(t, b.manager.asked, "the NodeManager is enough")
	}
}

// growing serves a numbered log that is longer at each request.
type growing struct {
	size, step, requests int
}

func (g *growing) serve(w http.ResponseWriter, r *http.Request) bool {
	g.requests++
	g.size += g.step
	bytes, err := strconv.Atoi(r.URL.Query().Get("size"))
	if err != nil {
		return false
	}
	from, to := 0, min(bytes, g.size)
	if bytes < 0 {
		from, to = max(0, g.size+bytes), g.size
	}
	_, _ = fmt.Fprintf(w, "Container: x on y\nLogAggregationType: LOCAL\nLogType:stdout\nLogLength:%d\nLogContents:\n", g.size)
	for from < to {
		n := min(100_000, to-from)
		if _, err := io.WriteString(w, numbered(from, n)); err != nil {
			return true // it has read enough
		}
		from += n
	}
	_, _ = io.WriteString(w, "End of LogType:stdout.This log file belongs to a running container\n")
	return true
}

// A log that grows between two requests must give exactly the bytes asked for.
func TestReadWhileItGrows(t *testing.T) {
	t.Parallel()
	for _, step := range []int{1, 50_000, 200_000, 3_000_000, 200_000_000} {
		for _, offset := range []int{0, 65_536, 65_537, 200_000, 399_000, -3000} {
			g := &growing{size: 400_000, step: step}
			b := newBundle(t, "", nil)
			b.node.instead = g.serve
			data, size, err := b.Read(t.Context(), app1, "stdout", int64(offset), 5000)
			require.NoError(t, err)
			require.EqualValues(t, g.size, size)
			from := offset
			if from < 0 {
				from += g.size
			}
			require.Equal(t, numbered(from, min(5000, g.size-from)), string(data), "at %d, growing by %d", offset, step)
			most := map[int]int{1: 2, 50_000: 2, 200_000: 3, 3_000_000: 4, 200_000_000: 5}
			require.LessOrEqual(t, g.requests, most[step], "at %d, growing by %d", offset, step)
		}
		if step < 1_000_000 {
			g := &growing{size: 400_000, step: step}
			b := newBundle(t, "", nil)
			b.node.instead = g.serve
			var out bytes.Buffer
			n, err := b.Copy(t.Context(), app1, "stdout", &out, 100_000)
			require.NoError(t, err)
			require.EqualValues(t, g.size-100_000, n)
			require.Equal(t, numbered(100_000, int(n)), out.String())
		}
	}
}

func TestNodeIsAskedAsItExpects(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "text", nil)
	b.node.change(func() { b.node.parts[0][master1]["spark log%.1"] = "more" })
	_, _, err := b.Read(t.Context(), app1, "spark log%.1", -2, 100)
	require.NoError(t, err)
	require.Equal(t, []string{"/ws/v1/node/containerlogs/" + master1 + "/spark log%.1?size=-2&user.name=alice"}, b.node.seen())
	require.Empty(t, b.history.seen())
}

func TestNotThereYet(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(b *bundle){
		"no attempt": func(b *bundle) {
			b.manager.attempts = func() ([]rm.Attempt, error) { return nil, nil }
		},
		"no container": func(b *bundle) { b.attempt.ContainerID, b.attempt.State = "", "SCHEDULED" },
		"an attempt failed, the next is to come": func(b *bundle) {
			b.attempt.ContainerID, b.attempt.State = "", "FAILED"
		},
		"the container is being prepared": func(b *bundle) { b.drop() },
		"the file was not written yet":    func(b *bundle) { b.node.parts[0][master1] = map[string]string{"prelaunch.out": "x"} },
		"the attempt ended, the application goes on": func(b *bundle) {
			b.drop()
			b.attempt.State = "FAILED"
		},
		"the NodeManager is down":              func(b *bundle) { b.node.Close() },
		"it ended and is being collected":      func(b *bundle) { b.drop(); b.end("RUNNING") },
		"the ResourceManager was restarted":    func(b *bundle) { b.drop(); b.end("NOT_START") },
		"it ended, the NodeManager is down":    func(b *bundle) { b.node.Close(); b.end("RUNNING") },
		"it ended, the history server is down": func(b *bundle) { b.drop(); b.history.Close(); b.end("SUCCEEDED") },
		"the aggregated file is being written": func(b *bundle) {
			whole := tfile(master1, b.drop()[master1])
			b.store(bucketed, whole[:100])
			b.end("SUCCEEDED")
		},
		"the ResourceManager is down": func(b *bundle) {
			b.drop()
			b.manager.application = func() (rm.Application, error) {
				return rm.Application{}, job.Errorf(job.CodeUnavailable, "it is down")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t, numbered(0, 5000), nil)
			prepare(b)
			err := b.fails("stdout")
			require.Equal(t, job.CodeUnavailable, job.CodeOf(err), err)
			var none *logs.NoLogError
			require.NotErrorAs(t, err, &none)
			t.Log(err)
		})
	}
}

func TestNodesThatLie(t *testing.T) {
	t.Parallel()
	say := func(status int, text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
			return true
		}
	}
	frame := func(length, content string) string {
		return "Container: x on y\nLogAggregationType: LOCAL\nLogType:stdout\nLogLength:" + length + "\nLogContents:\n" + content + "End of LogType:stdout.\n"
	}
	for name, c := range map[string]struct {
		instead func(http.ResponseWriter, *http.Request) bool
		code    job.Code
		want    string
	}{
		"a page":          {say(200, "<html>Please log in</html>"), job.CodeUnavailable, "something other than a log"},
		"longer":          {say(200, frame("90", "abc")), job.CodeUnavailable, "within a log"},
		"a little longer": {say(200, frame("5", "abc")), job.CodeUnavailable, "not as long as it says"},
		"a huge length":   {say(200, frame("9223372036854775807", "abc")), job.CodeUnavailable, "within a log"},
		"an error page":   {say(500, "<html><title>Error 500</title>secret</html>"), job.CodeUnavailable, "answered 500 without saying why"},
		"an error":        {say(500, "Exception reading log file.\nIt might be because log file was aggregated : stdout"), job.CodeUnavailable, "might be because log file was aggregated"},
		"not yours": {
			say(500, "User [bob] is not authorized to view the logs for application "+app1), job.CodeUnauthorized, "User [bob] is not authorized",
		},
		"no Kerberos": {say(401, "<html>"), job.CodeUnauthorized, "answered 401"},
		"forbidden":   {say(403, `{"RemoteException":{"exception":"ForbiddenException","message":"java.lang.Exception: no"}}`), job.CodeUnauthorized, "answered 403: no"},
		"breaks off": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, frame("90", "abc"))
			return true
		}, job.CodeUnavailable, "broke off its answer"},
		"a token": {say(500, "cannot read http://x/?delegation=SECRET&a=b"), job.CodeUnavailable, "delegation=***"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t, "text", nil)
			b.node.instead = c.instead
			err := b.fails("stdout")
			require.Equal(t, c.code, job.CodeOf(err), err)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "SECRET")
		})
	}
}

func TestSilentServers(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{
		"from the start": "", "in the header": "Container: x on y\n",
		"in the log": "Container: x on y\nLogAggregationType: LOCAL\nLogType:stdout\nLogLength:90\nLogContents:\nabc",
	} {
		b := newBundle(t, "text", func(_ *bundle, o *logs.Options) { o.Timeout = 100 * time.Millisecond })
		b.node.instead = func(w http.ResponseWriter, r *http.Request) bool {
			if before != "" {
				_, _ = io.WriteString(w, before)
				_ = http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
			return true
		}
		began := time.Now()
		err := b.fails("stdout")
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err), name)
		require.ErrorContains(t, err, "did not answer within 100ms", name)
		require.Less(t, time.Since(began), 3*time.Second, name)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err = b.Read(ctx, app1, "stdout", 0, 100)
		require.ErrorIs(t, err, context.Canceled, name)
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err), name)
	}
}

func TestWrongQuestions(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "text", nil)
	for _, stream := range []string{"", ".", "..", "a/b", "../stdout", "a\nb", strings.Repeat("x", 300)} {
		_, _, err := b.Read(t.Context(), app1, stream, 0, 10)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%q", stream)
	}
	for _, id := range []string{"", "application_1", "application_1_1/../x", "job_1_0001"} {
		_, _, err := b.Read(t.Context(), id, "stdout", 0, 10)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%q", id)
	}
	_, _, err := b.Read(t.Context(), app1, "stdout", 0, -1)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	_, err = b.Copy(t.Context(), app1, "stdout", io.Discard, -1)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Empty(t, b.node.seen())

	b.attempt.ContainerID = "container_e01_1795248734839_0099_01_000001"
	require.ErrorContains(t, b.fails("stdout"), "which is no container of it")
	b.attempt.ContainerID = "../../etc"
	require.ErrorContains(t, b.fails("stdout"), "which is no container of it")
	require.Empty(t, b.node.seen())
}

func TestOptions(t *testing.T) {
	t.Parallel()
	_, err := logs.New(logs.Options{
		HistoryAddress: "jhs:19888", Folders: []logs.Folder{{Dir: "tmp/logs", Suffix: "a/b"}}, User: "a\nb", Timeout: -1,
	})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Len(t, job.ProblemsOf(err), 7)
	_, err = logs.New(logs.Options{ResourceManager: &manager{}, HistoryAddress: "http://u:p@jhs:19888/?x=y"})
	require.Len(t, job.ProblemsOf(err), 1)
	require.NotContains(t, job.ProblemsOf(err)[0], "u:p")
}

var errWriter = errors.New("the disk is full")

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, errWriter
	}
	return len(p), nil
}

func TestCopyTellsWhoFailed(t *testing.T) {
	t.Parallel()
	b := newBundle(t, numbered(0, 200_000), nil)
	n, err := b.Copy(t.Context(), app1, "stdout", &failing{after: 100_000}, 0)
	require.ErrorIs(t, err, errWriter)
	require.LessOrEqual(t, n, int64(100_000))
	require.Len(t, b.node.seen(), 1, "asking again is of no use")
	n, err = b.Copy(t.Context(), app1, "stdout", io.Discard, 300_000)
	require.NoError(t, err)
	require.Zero(t, n, "past the end")
}
