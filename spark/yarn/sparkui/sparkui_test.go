package sparkui_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/sparkui"
)

const app = "application_1795248734839_0012"

// jobs as Spark 3.5.9 sends them, shortened.
const jobs = `[ {
  "jobId" : 1, "name" : "count at <unknown>:0", "submissionTime" : "2026-11-21T10:20:11.911GMT", "stageIds" : [ 1, 2, 3 ],
  "status" : "RUNNING", "numTasks" : 20, "numActiveTasks" : 2, "numCompletedTasks" : 5, "numSkippedTasks" : 8,
  "numFailedTasks" : 1, "numKilledTasks" : 0, "numCompletedIndices" : 5, "numActiveStages" : 1, "numCompletedStages" : 0,
  "numSkippedStages" : 1, "numFailedStages" : 0, "killedTasksSummary" : { }
}, {
  "jobId" : 0, "name" : "collect", "stageIds" : [ 0 ], "status" : "SUCCEEDED", "numTasks" : 4, "numActiveTasks" : 0,
  "numCompletedTasks" : 4, "numSkippedTasks" : 0, "numFailedTasks" : 0, "numKilledTasks" : 0, "numCompletedIndices" : 4,
  "numActiveStages" : 0, "numCompletedStages" : 1, "numSkippedStages" : 0, "numFailedStages" : 0, "killedTasksSummary" : { }
} ]`

type bundle struct {
	*testing.T
	client *sparkui.Client
	asked  atomic.Int32
}

func serve(t *testing.T, handler func(w http.ResponseWriter, r *http.Request), change ...func(*sparkui.Options)) *bundle {
	t.Helper()
	b := &bundle{T: t}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	o := sparkui.Options{Addresses: []string{server.URL}, HTTP: hadoop.NewHTTP(hadoop.HTTPOptions{User: "ann"}), Timeout: 10 * time.Second}
	for _, f := range change {
		f(&o)
	}
	client, err := sparkui.New(o)
	require.NoError(t, err)
	b.client = client
	return b
}

func send(text string) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func TestProgress(t *testing.T) {
	t.Parallel()
	b := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/proxy/"+app+"/api/v1/applications/"+app+"/jobs" || r.URL.Query().Get("user.name") != "ann" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, jobs)
	})
	got, err := b.client.Progress(t.Context(), app)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), got.Time, time.Minute)
	got.Time = time.Time{}
	require.Equal(t, job.Progress{
		Jobs:   job.Count{Total: 2, Running: 1, Completed: 1},
		Stages: job.Count{Total: 3, Running: 1, Completed: 1},
		Tasks:  job.Count{Total: 16, Running: 2, Completed: 9, Failed: 1},
	}, got)

	b = serve(t, send("[]"))
	got, err = b.client.Progress(t.Context(), app)
	require.NoError(t, err)
	require.Equal(t, job.Progress{Time: got.Time}, got, "no job has begun")
}

func TestProgressOfManyJobs(t *testing.T) {
	t.Parallel()
	one := `{"jobId":1,"name":"` + strings.Repeat("x", 500) + `","stageIds":[1],"status":"SUCCEEDED","numTasks":3,"numCompletedTasks":3,"numCompletedStages":1}`
	b := serve(t, send("["+strings.TrimSuffix(strings.Repeat(one+",", 1000), ",")+"]"))
	got, err := b.client.Progress(t.Context(), app)
	require.NoError(t, err)
	require.Equal(t, job.Count{Total: 3000, Completed: 3000}, got.Tasks)
}

// Servers that lie.
func TestOtherAnswers(t *testing.T) {
	t.Parallel()
	status := func(code int) func(w http.ResponseWriter, r *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>secret=1</html>", code) }
	}
	for name, row := range map[string]struct {
		handler func(w http.ResponseWriter, r *http.Request)
		code    job.Code
		says    string
	}{
		"a page":             {send("<html>log in</html>"), job.CodeUnavailable, "something other than a list of jobs"},
		"nothing":            {send(""), job.CodeUnavailable, "broke off"},
		"another object":     {send(`{"jobs":[]}`), job.CodeUnavailable, "something other than a list of jobs"},
		"other elements":     {send(`[1, 2]`), job.CodeUnavailable, "something other than a list of jobs"},
		"null":               {send(`[null]`), job.CodeUnavailable, "something other than a list of jobs"},
		"no jobs":            {send(`[{"id":"application_1"}]`), job.CodeUnavailable, "something other than a list of jobs"},
		"broken off":         {send(jobs[:len(jobs)-20]), job.CodeUnavailable, "broke off"},
		"broken off between": {send(`[{"status":"RUNNING"}`), job.CodeUnavailable, "broke off"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "[")
			for range 100000 {
				if _, err := io.WriteString(w, `{"status":"RUNNING","name":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},`); err != nil {
					return
				}
			}
		}, job.CodeUnavailable, "larger than 4194304 bytes"},
		"an endless name": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `[{"name":"`)
			for range 100000 {
				if _, err := io.WriteString(w, strings.Repeat("x", 100)); err != nil {
					return
				}
			}
		}, job.CodeUnavailable, "larger than 4194304 bytes"},
		"404":      {status(404), job.CodeNotFound, "no web UI"},
		"401":      {status(401), job.CodeUnauthorized, "401"},
		"403":      {status(403), job.CodeUnauthorized, "403"},
		"500":      {status(500), job.CodeUnavailable, "answered 500"},
		"503":      {status(503), job.CodeUnavailable, "answered 503"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, job.CodeUnavailable, "did not answer"},
		"hangs up mid": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "[")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, job.CodeUnavailable, "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := serve(t, row.handler)
			_, err := b.client.Progress(t.Context(), app)
			require.Equal(t, row.code, job.CodeOf(err), err)
			require.ErrorContains(t, err, row.says)
			require.ErrorContains(t, err, app)
			require.NotContains(t, err.Error(), "secret")
			require.NotContains(t, err.Error(), "user.name")
		})
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	t.Parallel()
	var strayed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Store(true) }))
	t.Cleanup(elsewhere.Close)
	b := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"?token=1", http.StatusFound)
	})
	_, err := b.client.Progress(t.Context(), app)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.NotContains(t, err.Error(), "token")
	require.False(t, strayed.Load())
}

func TestSlowAndDeadServers(t *testing.T) {
	t.Parallel()
	soon := func(o *sparkui.Options) { o.Timeout = 100 * time.Millisecond }
	for name, first := range map[string]string{"slow": "", "slow in the middle": `[{"status":"RUNNING"},`} {
		b := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, first)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, soon)
		_, err := b.client.Progress(t.Context(), app)
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err), name)
		require.ErrorContains(t, err, "did not answer within 100ms", name)
	}
	b := serve(t, send("[]"), func(o *sparkui.Options) { o.Addresses = []string{"http://127.0.0.1:1"} })
	_, err := b.client.Progress(t.Context(), app)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.ErrorContains(t, err, "refused")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.client.Progress(ctx, app)
	require.Error(t, err)
}

// Of several ResourceManagers the one that serves is asked first the next time.
func TestStandby(t *testing.T) {
	t.Parallel()
	var address string
	active := serve(t, send("[]"), func(o *sparkui.Options) { address = o.Addresses[0] })
	b := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://active:1/", http.StatusTemporaryRedirect)
	}, func(o *sparkui.Options) { o.Addresses = append(o.Addresses, address) })
	for range 3 {
		_, err := b.client.Progress(t.Context(), app)
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, b.asked.Load())
	require.EqualValues(t, 3, active.asked.Load())
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	b := serve(t, send("[]"))
	for _, id := range []string{"", "application_1", "../ws/v1/cluster", app + "/x"} {
		_, err := b.client.Progress(t.Context(), id)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), id)
	}
	require.Zero(t, b.asked.Load())
	_, err := sparkui.New(sparkui.Options{})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
}

func FuzzProgress(f *testing.F) {
	f.Add([]byte(jobs))
	f.Add([]byte(`[{"status":"x","numTasks":-5,"stageIds":null}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) })
		_, err := b.client.Progress(t.Context(), app)
		if err != nil {
			require.Contains(t, []job.Code{job.CodeUnavailable}, job.CodeOf(err), fmt.Sprint(err))
		}
	})
}
