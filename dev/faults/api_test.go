package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

// program is a job of somebody's own: it counts its starts, says hello on both streams,
// and waits for the test.
const program = `import os, sys, time
base = sys.argv[1]
with open(base + ".starts", "a") as f:
    f.write("%d\n" % os.getpid())
print("hello", *sys.argv[2:], flush=True)
print("oops", file=sys.stderr, flush=True)
while not os.path.exists(base + ".go"):
    time.sleep(0.02)
print("bye", flush=True)
sys.exit(int(os.environ.get("NEVER", "0")) or (3 if "fail" in sys.argv else 0))
`

// front is an API under test with a program to submit.
type front struct {
	*bench.Bench
	process *bench.Process
	url     string
	file    string
	base    string
}

func newFront(b *bench.Bench) *front {
	b.Helper()
	f := &front{Bench: b, file: filepath.Join(b.Scratch, "own.py"), base: filepath.Join(b.Scratch, "own")}
	require.NoError(b, os.WriteFile(f.file, []byte(program), 0o600))
	f.process, f.url = b.API()
	return f
}

func (f *front) let() {
	f.Helper()
	require.NoError(f, os.WriteFile(f.base+".go", nil, 0o600))
}

func (f *front) starts() int {
	data, _ := os.ReadFile(f.base + ".starts") // none yet
	return strings.Count(string(data), "\n")
}

// call makes a request and returns the status and the answer.
func (f *front) call(method, path, key string, body any) (int, http.Header, []byte) {
	f.Helper()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		require.NoError(f, err)
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(f.Context(), method, f.url+path, content)
	require.NoError(f, err)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	reply, err := http.DefaultClient.Do(request)
	require.NoError(f, err)
	defer func() { _ = reply.Body.Close() }()
	data, err := io.ReadAll(reply.Body)
	require.NoError(f, err)
	return reply.StatusCode, reply.Header, data
}

func (f *front) spec(args ...string) map[string]any {
	return map[string]any{"file": "file://" + f.file, "args": append([]string{f.base}, args...), "labels": map[string]string{"team": "faults"}}
}

// submit starts a job.
func (f *front) submit(key string, args ...string) jobs.View {
	f.Helper()
	status, _, data := f.call(http.MethodPost, "/v1/jobs", key, f.spec(args...))
	require.Contains(f, []int{http.StatusCreated, http.StatusOK}, status, "%s", data)
	return f.view(data)
}

func (f *front) view(data []byte) jobs.View {
	f.Helper()
	var v jobs.View
	require.NoError(f, json.Unmarshal(data, &v), "%s", data)
	return v
}

func (f *front) get(id string) jobs.View {
	f.Helper()
	status, _, data := f.call(http.MethodGet, "/v1/jobs/"+id, "", nil)
	require.Equal(f, http.StatusOK, status, "%s", data)
	return f.view(data)
}

func (f *front) ends(id string) jobs.View {
	f.Helper()
	var v jobs.View
	f.Eventually(id+" ends", func() bool {
		v = f.get(id)
		return v.Phase == job.PhaseDone
	})
	return v
}

// stoker runs a command of a user against the API.
func (f *front) stoker(args ...string) (code int, stdout, stderr string) {
	f.Helper()
	cmd := exec.CommandContext(f.Context(), bench.Binary("stoker"), args...)
	cmd.Env = append(f.Environment(), "STOKER_SERVER="+f.url)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the exit status says it
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// A finished job is shown, listed and its logs are read when there is neither a worker
// nor a Temporal that knows it: API and worker share nothing but the store.
func TestFinishedJobOutlivesEverything(t *testing.T) {
	b := newBench(t)
	w := b.Worker()
	f := newFront(b)
	f.let()
	code, stdout, stderr := f.stoker("submit", "--wait", "--label", "team=faults", "--idempotency-key", "k", f.file, f.base, "a b", "$HOME")
	require.Zero(t, code, "%s\n%s", stdout, stderr)
	require.Equal(t, 1, f.starts())
	_, _, data := f.call(http.MethodGet, "/v1/jobs?label=team%3Dfaults", "", nil)
	var page jobs.Page
	require.NoError(t, json.Unmarshal(data, &page))
	require.Len(t, page.Jobs, 1)
	id := page.Jobs[0].ID
	f.ends(id) // its record is kept
	w.Kill()
	b.LoseDatabase()

	v := f.get(id)
	require.Equal(t, job.ResultSucceeded, v.Outcome.Result)
	require.Equal(t, "own.py", v.Name)
	require.Equal(t, job.PhaseDone, v.Phase)
	_, _, log := f.call(http.MethodGet, "/v1/jobs/"+id+"/logs", "", nil)
	require.Equal(t, "hello a b $HOME\nbye\n", string(log))
	_, _, log = f.call(http.MethodGet, "/v1/jobs/"+id+"/logs?stream=stderr&follow=true", "", nil)
	require.Contains(t, string(log), "oops\n")
	f.Eventually("it is listed", func() bool {
		_, _, data := f.call(http.MethodGet, "/v1/jobs?outcome=succeeded&label=team%3Dfaults", "", nil)
		var page jobs.Page
		require.NoError(t, json.Unmarshal(data, &page))
		return len(page.Jobs) == 1 && page.Jobs[0].ID == id
	})
	code, stdout, stderr = f.stoker("submit", "--label", "team=faults", "--idempotency-key", "k", f.file, f.base, "a b", "$HOME")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, id, "a key is never free again")
	require.Equal(t, 1, f.starts())
}

// Submitting needs no worker; who looks is told what the job waits for.
func TestSubmittedWithoutWorker(t *testing.T) {
	b := newBench(t)
	f := newFront(b)
	f.let()
	id := f.submit("").ID
	f.Eventually("it says what it waits for", func() bool { return strings.Contains(f.get(id).WaitingFor, "no worker serves queue spark") })
	status, _, _ := f.call(http.MethodGet, "/readyz", "", nil)
	require.Equal(t, http.StatusServiceUnavailable, status)
	b.Worker()
	require.Equal(t, job.ResultSucceeded, f.ends(id).Outcome.Result)
	// The answer before stands for a second, within which this job may have ended.
	f.Eventually("it is ready", func() bool {
		status, _, _ := f.call(http.MethodGet, "/readyz", "", nil)
		return status == http.StatusOK
	})
}

// Without Temporal nothing is half there: the same submission later is the first.
func TestSubmitWithoutTemporal(t *testing.T) {
	b := newBench(t)
	f := newFront(b)
	f.let()
	b.Core.Kill()
	status, header, data := f.call(http.MethodPost, "/v1/jobs", "key", f.spec())
	require.Equal(t, http.StatusServiceUnavailable, status, "%s", data)
	require.NotEmpty(t, header.Get("Retry-After"))
	require.Equal(t, "application/problem+json", header.Get("Content-Type"))
	b.StartCore()
	b.Worker()
	f.Eventually("it is taken", func() bool {
		status, _, data = f.call(http.MethodPost, "/v1/jobs", "key", f.spec())
		return status != http.StatusServiceUnavailable
	})
	require.Equal(t, http.StatusCreated, status, "%s", data)
	require.Equal(t, job.ResultSucceeded, f.ends(f.view(data).ID).Outcome.Result)
	require.Equal(t, 1, f.starts())
}

// However many ask at once with one key, one job runs.
func TestOneKeyIsOneJob(t *testing.T) {
	b := newBench(t)
	b.Worker()
	f := newFront(b)
	f.let()
	const callers = 20
	statuses, ids := make([]int, callers), make([]string, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			var data []byte
			statuses[i], _, data = f.call(http.MethodPost, "/v1/jobs", "one", f.spec())
			ids[i] = f.view(data).ID
		})
	}
	all.Wait()
	created := 0
	for i, status := range statuses {
		require.Contains(t, []int{http.StatusCreated, http.StatusOK}, status)
		require.Equal(t, ids[0], ids[i])
		if status == http.StatusCreated {
			created++
		}
	}
	require.Equal(t, 1, created)
	status, _, data := f.call(http.MethodPost, "/v1/jobs", "one", map[string]any{"nonsense": true})
	require.Equal(t, http.StatusUnprocessableEntity, status, "%s", data)
	require.Equal(t, job.ResultSucceeded, f.ends(ids[0]).Outcome.Result)
	require.Equal(t, 1, f.starts())
}

// A job is cancelled, run again while it is not, and follows its log, over an API and a
// worker that are killed in between.
func TestCancelAndRunAgain(t *testing.T) {
	b := newBench(t)
	w := b.Worker()
	f := newFront(b)
	id := f.submit("", "fail").ID
	f.Eventually("it runs", func() bool { return f.starts() == 1 })
	f.Eventually("its log is read along", func() bool {
		_, _, log := f.call(http.MethodGet, "/v1/jobs/"+id+"/logs", "", nil)
		return string(log) == "hello fail\n"
	})
	status, _, data := f.call(http.MethodPost, "/v1/jobs/"+id+"/rerun", "", nil)
	require.Equal(t, http.StatusConflict, status, "%s", data)
	w.Kill()
	status, _, data = f.call(http.MethodPost, "/v1/jobs/"+id+"/cancel", "", map[string]string{"reason": "wrong file"})
	require.Equal(t, http.StatusAccepted, status, "%s", data)
	f.process.Kill()
	_, f.url = b.API()
	b.Worker()
	v := f.ends(id)
	require.Equal(t, job.ResultCancelled, v.Outcome.Result)
	require.Contains(t, v.Outcome.Message, "wrong file")

	status, _, data = f.call(http.MethodPost, "/v1/jobs/"+id+"/rerun", "", nil)
	require.Equal(t, http.StatusCreated, status, "%s", data)
	again := f.view(data).ID
	require.Equal(t, id+"-r1", again)
	f.let()
	v = f.ends(again)
	require.Equal(t, job.ResultFailed, v.Outcome.Result)
	require.Equal(t, job.ClassApplication, v.Outcome.Class)
	require.Equal(t, 2, f.starts())
	code, stdout, stderr := f.stoker("rerun", "--wait", id)
	require.Equal(t, 1, code)
	require.Contains(t, stdout+stderr, "bye", "the last lines of the log")
	require.Contains(t, stdout+stderr, fmt.Sprintf("%s-r2", id))
}
