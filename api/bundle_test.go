package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
	"github.com/stoker-spark/stoker/telemetry"
)

// jobsFake is package jobs with a function for each method.
type jobsFake struct {
	submit      func(jobs.Submission) (jobs.View, bool, error)
	push        func(id string) (jobs.View, bool, error)
	get         func(id string) (jobs.View, error)
	list        func(jobs.Query) (jobs.Page, error)
	cancel      func(id, by, reason string) (bool, error)
	rerun       func(id string) (jobs.View, error)
	log         func(ctx context.Context, v jobs.View, attempt int, stream string) (*jobs.Log, error)
	clusterOf   func(name string) (string, error)
	hasArtifact func(ctx context.Context, cluster string, a jobspec.Artifact) (int64, bool, error)
	putArtifact func(ctx context.Context, cluster string, a jobspec.Artifact, size int64, content io.Reader) (int64, error)
	clusters    func() ([]jobs.ClusterView, error)
	// turn is both Drain and, with by "resume", Resume.
	turn  func(cluster, by, reason string) (jobs.ClusterView, error)
	ready func() error
}

func (f *jobsFake) Submit(_ context.Context, in jobs.Submission) (jobs.View, bool, error) {
	return f.submit(in)
}
func (f *jobsFake) Push(_ context.Context, id string) (jobs.View, bool, error) { return f.push(id) }
func (f *jobsFake) Get(_ context.Context, id string) (jobs.View, error)        { return f.get(id) }
func (f *jobsFake) List(_ context.Context, q jobs.Query) (jobs.Page, error)    { return f.list(q) }

func (f *jobsFake) Cancel(_ context.Context, id, by, reason string) (bool, error) {
	return f.cancel(id, by, reason)
}
func (f *jobsFake) Rerun(_ context.Context, id string) (jobs.View, error) { return f.rerun(id) }

func (f *jobsFake) Log(ctx context.Context, v jobs.View, attempt int, stream string) (*jobs.Log, error) {
	return f.log(ctx, v, attempt, stream)
}
func (f *jobsFake) ClusterOf(name string) (string, error) { return f.clusterOf(name) }

func (f *jobsFake) HasArtifact(ctx context.Context, cluster string, a jobspec.Artifact) (int64, bool, error) {
	return f.hasArtifact(ctx, cluster, a)
}

func (f *jobsFake) PutArtifact(ctx context.Context, cluster string, a jobspec.Artifact, size int64, content io.Reader) (int64, error) {
	return f.putArtifact(ctx, cluster, a, size, content)
}
func (f *jobsFake) Clusters(context.Context) ([]jobs.ClusterView, error) { return f.clusters() }
func (f *jobsFake) Drain(_ context.Context, cluster, by, reason string) (jobs.ClusterView, error) {
	return f.turn(cluster, by, reason)
}

func (f *jobsFake) Resume(_ context.Context, cluster string) (jobs.ClusterView, error) {
	return f.turn(cluster, "resume", "")
}
func (f *jobsFake) Ready(context.Context) error { return f.ready() }

// tokens of the users of every bundle, by name.
var tokens = map[string]string{"ana": "token-of-ana", "bob": "token-of-bob", "root": "token-of-root", "mm": "token-of-mm", "prom": "token-of-prom"}

const usersYAML = `users:
  - {name: ana, roles: [user], tokens: ["%ana%"]}
  - {name: bob, roles: [user], tokens: ["%bob%"]}
  - {name: root, roles: [admin], tokens: ["%root%"]}
  - {name: mm, roles: [model-manage], tokens: ["%mm%"]}
  - {name: prom, roles: [metrics], tokens: ["%prom%"]}
`

// users is the content of a file with all of tokens.
func users() string {
	text := usersYAML
	for name, token := range tokens {
		text = strings.ReplaceAll(text, "%"+name+"%", TokenDigest(token))
	}
	return text
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// bundle is a server over a fake of package jobs, but with its own log store and uploads,
// and a client whose traffic is held against openapi.yaml.
type bundle struct {
	t       testing.TB
	jobs    *jobsFake
	options Options
	server  *Server
	url     string
	client  *http.Client
	log     *safeBuffer
	// service is what logs and uploads come from.
	service *jobs.Service
	logs    *logstore.Store
	root    string
}

const maxUpload = 1 << 20

// ofAna is a job that runs.
func ofAna(id string) jobs.View {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	return jobs.View{
		ID: id, Source: "api", Kind: job.KindPySpark, Name: "n", User: "ana", Cluster: "local", Labels: map[string]string{"a": "b"},
		Phase: job.PhaseRunning, ApplicationID: "app", Attempt: 1, Times: jobs.Times{SubmittedAt: at, WaitingAt: at, RunningAt: at},
		Progress: &job.Progress{Time: at, Jobs: job.Count{Total: 1}},
		Links:    jobs.Links{Self: "/v1/jobs/" + id, Logs: "/v1/jobs/" + id + "/logs"},
	}
}

// ended is a job that was cancelled.
func ended(id string) jobs.View {
	v := ofAna(id)
	v.Phase, v.Progress, v.Times.EndedAt = job.PhaseDone, nil, v.Times.RunningAt
	v.Outcome = &jobs.Outcome{Result: job.ResultCancelled, Message: "by ana"}
	return v
}

// setup makes a bundle; change may alter its options before the server is made.
func setup(t testing.TB, change ...func(*Options)) *bundle {
	t.Helper()
	b := &bundle{t: t, log: &safeBuffer{}, root: t.TempDir()}
	files := file.New(file.Options{DirMode: 0o700})
	b.logs = logstore.New(files, filepath.Join(b.root, "logs"))
	var err error
	b.service, err = jobs.New(jobs.Options{
		Client: struct{ client.Client }{}, // any call is a defect
		Clusters: map[string]jobs.Cluster{"local": {
			Files: files, Artifacts: filepath.Join(b.root, "artifacts"), MaxArtifactBytes: maxUpload, Logs: b.logs,
		}},
		Rules:  jobspec.Rules{Clusters: map[string]jobspec.Cluster{"local": {}}, Default: "local"},
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	b.jobs = &jobsFake{
		submit: func(jobs.Submission) (jobs.View, bool, error) { return ofAna("api-new"), true, nil },
		push: func(id string) (jobs.View, bool, error) {
			return jobs.View{ID: "model-manage-" + id, Source: "model-manage", Phase: job.PhaseLoading, Links: jobs.Links{Self: "/v1/jobs/model-manage-" + id}}, true, nil
		},
		get: func(id string) (jobs.View, error) {
			if strings.HasPrefix(id, "api-") {
				return ofAna(id), nil
			}
			return jobs.View{}, job.Errorf(job.CodeNotFound, "there is no job %q", id)
		},
		list: func(jobs.Query) (jobs.Page, error) {
			return jobs.Page{Jobs: []jobs.View{ofAna("api-1")}, Next: "x"}, nil
		},
		cancel:      func(string, string, string) (bool, error) { return true, nil },
		rerun:       func(id string) (jobs.View, error) { return ofAna(id + "-r1"), nil },
		log:         b.service.Log,
		clusterOf:   b.service.ClusterOf,
		hasArtifact: b.service.HasArtifact,
		putArtifact: b.service.PutArtifact,
		clusters: func() ([]jobs.ClusterView, error) {
			return []jobs.ClusterView{{Name: "local", Default: true, Master: "local[2]", DeployMode: "client", Workers: 1, OpenJobs: 2, Profiles: []string{"big"}}}, nil
		},
		turn: func(cluster, by, reason string) (jobs.ClusterView, error) {
			if cluster != "local" {
				return jobs.ClusterView{}, job.Errorf(job.CodeNotFound, "there is no cluster %q", cluster)
			}
			v := jobs.ClusterView{Name: cluster}
			if by != "resume" {
				v.Drained = &jobs.DrainView{By: by, Reason: reason, Since: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
			}
			return v, nil
		},
		ready: func() error { return nil },
	}
	usersFile := filepath.Join(b.root, "users.yaml")
	require.NoError(t, os.WriteFile(usersFile, []byte(users()), 0o600))
	metrics, err := telemetry.NewMetrics()
	require.NoError(t, err)
	b.options = Options{
		Address: "127.0.0.1:0", Jobs: b.jobs, UsersFile: usersFile, RatePerSecond: 10_000, Burst: 10_000, Metrics: metrics,
		Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&b.options)
	}
	b.server, err = New(b.options)
	require.NoError(t, err)
	served := httptest.NewServer(b.server)
	t.Cleanup(served.Close)
	b.url = served.URL
	b.client = &http.Client{Transport: recorder{t: t, next: served.Client().Transport}}
	return b
}

// open makes a server without users.
func open(o *Options) { o.UsersFile = "" }

// answer is a response that was read to its end.
type answer struct {
	*http.Response
	body string
}

// request makes one of a user; "" has no token.
func (b *bundle) request(user, method, path string, body io.Reader) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, body)
	require.NoError(b.t, err)
	if user != "" {
		r.Header.Set("Authorization", "Bearer "+tokens[user])
	}
	switch {
	case method == http.MethodPut:
		r.Header.Set("Content-Type", "application/octet-stream")
	case body != nil:
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (b *bundle) send(r *http.Request) answer {
	b.t.Helper()
	response, err := b.client.Do(r)
	require.NoError(b.t, err)
	defer response.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	return answer{response, string(body)}
}

// do sends a request with a JSON body, "" for none.
func (b *bundle) do(user, method, path, body string) answer {
	b.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	return b.send(b.request(user, method, path, content))
}

func (b *bundle) get(user, path string) answer {
	b.t.Helper()
	return b.do(user, http.MethodGet, path, "")
}

// problem checks that an answer is a problem of a status, and returns it.
func (b *bundle) problem(a answer, status int) Problem {
	b.t.Helper()
	require.Equal(b.t, status, a.StatusCode, a.body)
	require.Equal(b.t, "application/problem+json", a.Header.Get("Content-Type"))
	var p Problem
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	require.NoError(b.t, decoder.Decode(&p), a.body)
	require.Equal(b.t, "about:blank", p.Type)
	require.Equal(b.t, status, p.Status)
	require.Equal(b.t, http.StatusText(status), p.Title)
	require.NotEmpty(b.t, p.RequestID)
	require.Equal(b.t, a.Header.Get("X-Request-Id"), p.RequestID)
	return p
}

// view reads a job from an answer.
func (b *bundle) view(a answer, status int) jobs.View {
	b.t.Helper()
	require.Equal(b.t, status, a.StatusCode, a.body)
	var v jobs.View
	require.NoError(b.t, json.Unmarshal([]byte(a.body), &v))
	return v
}
