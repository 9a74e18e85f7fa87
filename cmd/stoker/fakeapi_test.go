package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeAPI answers as the API does, from what a test gives it.
type fakeAPI struct {
	url string
	// override answers a request in place of the fake; false leaves it to the fake.
	override func(w http.ResponseWriter, r *http.Request) bool
	// looks are the answers to each look at the job; the last one stays.
	looks []string
	// logs by stream.
	logs map[string]string

	mu       sync.Mutex
	requests []string
	tokens   []string
	body     string
	key      string
	uploads  map[string]string
}

func newFakeAPI(t *testing.T) *fakeAPI {
	t.Helper()
	f := &fakeAPI{uploads: map[string]string{}, logs: map[string]string{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fakeAPI) env() []string { return []string{"STOKER_SERVER=" + f.url} }

func crossFence() {
	fence.Lock()
	defer fence.Unlock()
}

// seen are the requests that came.
func (f *fakeAPI) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func answer(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the test sees what comes
}

func aJob(id, more string) string {
	return fmt.Sprintf(`{"id":%q,"source":"api","name":"a job","user":"ana","cluster":"lake",%s,"times":{"submittedAt":"2026-01-31T12:00:00Z"},"links":{"self":"x","logs":"x"},"novelty":1}`, id, more)
}

const (
	loading   = `"phase":"loading","outcome":null`
	running   = `"phase":"running","outcome":null,"applicationId":"app_1"`
	succeeded = `"phase":"done","outcome":{"result":"succeeded"},"applicationId":"app_1"`
	failed    = `"phase":"done","outcome":{"result":"failed","class":"application","message":"ValueError: \u001b[31mno","problems":["row 7"],"traceback":"line 1\nline 2"},"applicationId":"app_1"`
)

// fence orders what a test sets and reads with what its server does while a command
// runs: it runs in a process of its own, of which the race detector knows nothing.
var fence sync.Mutex

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	crossFence()
	defer crossFence()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
	f.tokens = append(f.tokens, r.Header.Get("Authorization"))
	if f.override != nil && f.override(w, r) {
		return
	}
	body, _ := io.ReadAll(r.Body) // what came is compared
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	switch {
	case strings.HasPrefix(path, "artifacts/"):
		reference := "artifact:" + strings.TrimPrefix(path, "artifacts/") + "/" + r.URL.Query().Get("name")
		_, there := f.uploads[reference]
		if r.Method == http.MethodHead {
			w.WriteHeader(map[bool]int{true: 200, false: 404}[there])
			return
		}
		f.uploads[reference] = string(body)
		answer(w, 201, "application/json", `{"reference":"`+reference+`","cluster":"lake","bytes":1}`)
	case path == "jobs" && r.Method == http.MethodPost:
		f.body, f.key = string(body), r.Header.Get("Idempotency-Key")
		answer(w, 201, "application/json", aJob("api-1", loading))
	case path == "jobs":
		n, _ := strconv.Atoi(r.URL.Query().Get("cursor")) // "" is 0
		next := ""
		if n < 2 {
			next = fmt.Sprintf(`,"next":"%d"`, n+1)
		}
		answer(w, 200, "application/json", fmt.Sprintf(`{"jobs":[%s]%s,"warnings":["lake is away"]}`, aJob(fmt.Sprintf("api-%d", n), running), next))
	case path == "clusters":
		answer(w, 200, "application/json", `{"clusters":[{"name":"lake","default":true,"master":"yarn","deployMode":"cluster","workers":2,"openJobs":3,"profiles":["big","small"]}]}`)
	case strings.HasSuffix(path, "/cancel"):
		f.body = string(body)
		answer(w, 202, "application/json", aJob("api-1", running))
	case strings.HasSuffix(path, "/rerun"):
		answer(w, 201, "application/json", aJob("api-1-r1", loading))
	case strings.HasSuffix(path, "/logs"):
		f.log(w, r)
	default:
		if len(f.looks) == 0 {
			answer(w, 404, "application/problem+json", `{"title":"Not Found","status":404,"detail":"there is no job \"x\""}`)
			return
		}
		answer(w, 200, "application/json", aJob("api-1", f.looks[0]))
		if len(f.looks) > 1 {
			f.looks = f.looks[1:]
		}
	}
}

func (f *fakeAPI) log(w http.ResponseWriter, r *http.Request) {
	text := f.logs[r.URL.Query().Get("stream")]
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset")) // the client's own
	if offset < 0 {
		offset = max(0, len(text)+offset)
	}
	w.Header().Set("Stoker-Log-Offset", strconv.Itoa(offset))
	w.Header().Set("Stoker-Log-Size", strconv.Itoa(len(text)))
	w.Header().Set("Stoker-Log-Finished", "true")
	answer(w, 200, "application/octet-stream", text[min(offset, len(text)):])
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
