package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/workflows"
)

// temporalFake is a Temporal that takes what the real one would: jobs whose strings gRPC
// can send, and queries that visibility can read.
type temporalFake struct {
	client.Client // nil: any other call is a defect

	mu sync.Mutex
	// runs by workflow id.
	runs     map[string]*runFake
	launched []workflows.Input
	down     bool
}

type runFake struct {
	input  workflows.Input
	memo   map[string]any
	at     time.Time
	result *workflows.Result // of one that has ended
}

// ask is what every call goes through.
func (f *temporalFake) ask(texts ...string) error {
	return f.askOf("", texts...)
}

// askOf is a call about a workflow, whose id goes in a header of gRPC, too.
func (f *temporalFake) askOf(id string, texts ...string) error {
	if strings.ContainsFunc(id, func(c rune) bool { return c < ' ' || c > '~' }) {
		return serviceerror.NewInternal(`header key "temporal-resource-id" contains value with non-printable ASCII characters`)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return serviceerror.NewInternal("grpc: error while marshaling: string field contains invalid UTF-8")
		}
	}
	if f.down {
		return serviceerror.NewUnavailable("connection refused")
	}
	return nil
}

func (f *temporalFake) run(id string) (*runFake, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.askOf(id); err != nil {
		return nil, err
	}
	if r, ok := f.runs[id]; ok {
		return r, nil
	}
	return nil, serviceerror.NewNotFound("no such workflow")
}

type gotten struct {
	client.WorkflowRun
	value any
	err   error
}

func (gotten) GetRunID() string { return "run" }

func (g gotten) HasValue() bool { return true }

func (g gotten) Get(into any) error {
	data, err := json.Marshal(g.value)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

type gottenRun struct{ gotten }

func (g gottenRun) Get(_ context.Context, into any) error {
	if g.err != nil {
		return g.err
	}
	return g.gotten.Get(into)
}

func (f *temporalFake) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	texts := []string{o.StaticSummary, o.StaticDetails}
	for _, value := range o.TypedSearchAttributes.GetUntypedValues() {
		texts = append(texts, fmt.Sprint(value))
	}
	if err := f.askOf(o.ID, texts...); err != nil {
		return nil, err
	}
	if f.runs[o.ID] != nil {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("started", "", "")
	}
	in := args[0].(workflows.Input)
	if _, err := json.Marshal(in); err != nil {
		return nil, err
	}
	f.launched = append(f.launched, in)
	f.runs[o.ID] = &runFake{input: in, memo: o.Memo, at: time.Now()}
	return gottenRun{}, nil
}

func payload(value any) *commonpb.Payload {
	p, err := converter.GetDefaultDataConverter().ToPayload(value)
	if err != nil {
		panic(err)
	}
	return p
}

func (r *runFake) info(id string) *workflowpb.WorkflowExecutionInfo {
	info := &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: "run"}, Status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING,
		StartTime: timestamppb.New(r.at), Memo: &commonpb.Memo{Fields: map[string]*commonpb.Payload{}},
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{}},
	}
	for key, value := range r.memo {
		info.Memo.Fields[key] = payload(value)
	}
	if r.input.Request != nil {
		info.SearchAttributes.IndexedFields[workflows.AttributeUser.GetName()] = payload(r.input.Request.User)
	}
	if r.result != nil {
		info.Status, info.CloseTime = enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, timestamppb.New(r.at.Add(time.Minute))
	}
	return info
}

func (f *temporalFake) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	r, err := f.run(id)
	if err != nil {
		return nil, err
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: r.info(id)}, nil
}

func (f *temporalFake) QueryWorkflow(_ context.Context, id, _, _ string, _ ...any) (converter.EncodedValue, error) {
	r, err := f.run(id)
	if err != nil {
		return nil, err
	}
	return gotten{value: workflows.StatusView{Phase: job.PhaseRunning, Attempt: 1, SubmittedAt: r.at, RunningAt: r.at}}, nil
}

func (f *temporalFake) SignalWorkflow(_ context.Context, id, _, _ string, _ any) error {
	r, err := f.run(id)
	if err == nil && r.result != nil {
		err = serviceerror.NewNotFound("it has ended")
	}
	return err
}

func (f *temporalFake) GetWorkflow(_ context.Context, id, _ string) client.WorkflowRun {
	r, err := f.run(id)
	if err != nil {
		return gottenRun{gotten{err: err}}
	}
	return gottenRun{gotten{value: r.result}}
}

type historyFake struct {
	client.HistoryEventIterator
	event *historypb.HistoryEvent
	err   error
}

func (h historyFake) Next() (*historypb.HistoryEvent, error) { return h.event, h.err }

func (f *temporalFake) GetWorkflowHistory(_ context.Context, id, _ string, _ bool, _ enums.HistoryEventFilterType) client.HistoryEventIterator {
	r, err := f.run(id)
	if err != nil {
		return historyFake{err: err}
	}
	return historyFake{event: &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
		WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
			Input: &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(r.input)}},
		},
	}}}
}

// readable are the queries that visibility takes: terms whose values end where they seem
// to.
var readable = regexp.MustCompile(`^\w+ (?:(?:=|!=|<|>=) '[^'"\\]*'|IN \('[^'"\\]*'\))( AND \w+ (?:(?:=|!=|<|>=) '[^'"\\]*'|IN \([^"\\]*\)))*$`)

func (f *temporalFake) query(query string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask(query); err != nil {
		return err
	}
	if !readable.MatchString(query) {
		panic("no query: " + query)
	}
	return nil
}

func (f *temporalFake) ListWorkflow(_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	if err := f.query(in.GetQuery()); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	for id, r := range f.runs {
		answer.Executions = append(answer.Executions, r.info(id))
	}
	return answer, nil
}

func (f *temporalFake) CountWorkflow(_ context.Context, in *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return &workflowservice.CountWorkflowExecutionsResponse{}, f.query(in.GetQuery())
}

func (f *temporalFake) DescribeTaskQueue(_ context.Context, queue string, _ enums.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &workflowservice.DescribeTaskQueueResponse{}, f.ask(queue)
}

func (f *temporalFake) CheckHealth(context.Context, *client.CheckHealthRequest) (*client.CheckHealthResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &client.CheckHealthResponse{}, f.ask()
}

// reset leaves two jobs of ana's: one that runs and one that has ended.
func (f *temporalFake) reset(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.launched, f.down, f.runs = nil, down, map[string]*runFake{}
	for id, result := range map[string]*workflows.Result{
		"1": nil, "2": {Outcome: job.Outcome{Result: job.ResultSucceeded}, Cluster: "local", Attempts: 1},
	} {
		key, spec := job.Key{Source: job.SourceAPI, ID: id}, []byte(`{"file":"hdfs:/x.py"}`)
		f.runs[key.WorkflowID()] = &runFake{
			input: workflows.Input{Key: key, Request: &job.Request{Spec: spec, User: "ana", Cluster: "local", Digest: jobspec.Digest(spec)}},
			memo:  map[string]any{workflows.MemoDigest: jobspec.Digest(spec), workflows.MemoName: "n"},
			at:    time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), result: result,
		}
	}
}

// registryFake knows the jobs whose id begins with "m".
type registryFake struct{}

func (registryFake) Ours(_ context.Context, id string) (jobType, engine string, ours bool, err error) {
	if !strings.HasPrefix(id, "m") {
		return "", "", false, job.Errorf(job.CodeNotFound, "there is no job %q", id)
	}
	return "MODEL_BATCH_JOB", "e", true, nil
}

// whole is a server over the real package jobs, a Temporal of the test's own and a file
// store.
type whole struct {
	server   *Server
	temporal *temporalFake
	rules    jobspec.Rules
	root     string
}

func newWhole(t testing.TB) *whole {
	t.Helper()
	w := &whole{temporal: &temporalFake{}, root: t.TempDir(), rules: jobspec.Rules{
		Clusters: map[string]jobspec.Cluster{
			"local": {Spark: options.Cluster{Master: "local[2]"}, OnHost: true},
			"lake":  {Spark: options.Cluster{Master: "yarn", DeployMode: "cluster"}},
		},
		Default: "local", FileRoots: []string{"/data"}, Deadline: time.Hour, MaxDeadline: 24 * time.Hour, RunLimit: 12 * time.Hour,
	}}
	clusters := map[string]jobs.Cluster{}
	for name := range w.rules.Clusters {
		files, dir := file.New(file.Options{DirMode: 0o700}), filepath.Join(w.root, name)
		clusters[name] = jobs.Cluster{
			Files: files, Root: dir, Artifacts: dir + "-artifacts", MaxArtifactBytes: maxUpload, Logs: logstore.New(files, dir+"-logs"),
		}
	}
	service, err := jobs.New(jobs.Options{
		Client: w.temporal, Clusters: clusters, Rules: w.rules, Registry: registryFake{}, WebUI: "http://ui", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	usersFile := filepath.Join(w.root, "users.yaml")
	require.NoError(t, os.WriteFile(usersFile, []byte(users()), 0o600))
	metrics, err := telemetry.NewMetrics()
	require.NoError(t, err)
	w.server, err = New(Options{
		Address: "127.0.0.1:0", Jobs: service, UsersFile: usersFile, RatePerSecond: 1e9, Burst: 1e9, Metrics: metrics,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return w
}

// send serves one request, which is read as net/http reads it.
func (w *whole) send(t *testing.T, raw string) (*http.Request, *httptest.ResponseRecorder) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Skip("no HTTP: net/http refuses it by itself")
	}
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, r.WithContext(t.Context()))
	return r, answer
}

// valid reports whether a body is a job that may be run, by the rules alone.
func (w *whole) valid(body []byte, user string) bool {
	spec, err := jobspec.Parse(body)
	if err != nil {
		return false
	}
	cluster, err := w.rules.Route(spec)
	if err != nil {
		return false
	}
	_, _, err = jobspec.Convert(spec, user, cluster, w.rules)
	return err == nil
}

// userOf is whose token a request carries, "" for nobody's.
func userOf(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	for name, own := range tokens {
		if strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(token) == own {
			return name
		}
	}
	return ""
}

// requireAnswer checks what every answer keeps.
func requireAnswer(t *testing.T, r *http.Request, w *httptest.ResponseRecorder, down bool) {
	t.Helper()
	if w.Code >= 500 {
		require.Equal(t, http.StatusServiceUnavailable, w.Code, "%s", w.Body)
		require.True(t, down, "%s", w.Body)
	}
	for name, values := range w.Header() {
		for _, v := range values {
			require.False(t, strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f }), "%s: %q", name, v)
		}
	}
	id := w.Header().Get("X-Request-Id")
	require.Regexp(t, `^[A-Za-z0-9._-]{1,64}$`, id)
	if w.Code < 400 {
		return
	}
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	if r.Method == http.MethodHead {
		require.Empty(t, w.Body.String())
		return
	}
	require.True(t, utf8.Valid(w.Body.Bytes()))
	decoder := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	decoder.DisallowUnknownFields()
	var p Problem
	require.NoError(t, decoder.Decode(&p), "%s", w.Body)
	require.Equal(t, Problem{Type: "about:blank", Title: http.StatusText(w.Code), Status: w.Code, Detail: p.Detail, Problems: p.Problems, RequestID: id}, p)
}

// FuzzRequests sends anything to the whole API, down to Temporal's client and the store:
// it is answered as described, never with 500, and what is launched is exactly what is
// valid and asked for by somebody who may.
func FuzzRequests(f *testing.F) {
	const asks = "Content-Type: application/json"
	add := func(user, down uint8, method, target, headers, body string) {
		f.Add(user, down == 1, method, target, headers, []byte(body))
	}
	const (
		nobody = iota
		ana
		root
		mm
		bob
	)
	add(ana, 0, "POST", "/v1/jobs", asks+"\nIdempotency-Key: a", `{"file":"hdfs:/x.py"}`)
	add(ana, 1, "POST", "/v1/jobs", asks+"\nIdempotency-Key: a", `{"file":"hdfs:/x.py"}`)
	add(root, 0, "POST", "/v1/jobs", asks+"; charset=utf-8\nX-Request-Id: a\x00b", `{"file":"/data/x.jar","className":"a.B","conf":{"spark.executor.memory":"1g"},"labels":{"a":"b"}}`)
	add(ana, 0, "POST", "/v1/jobs", asks, `{"file":"artifact:`+sum("a")+`/a.py","cluster":"lake","queue":"q","args":["'","\u0000"],"timeouts":{"run":"1h"},"name":"\ud800"}`)
	add(ana, 0, "POST", "/v1/jobs", asks+"\nIdempotency-Key: 1\nIdempotency-Key: 2", `{"file":"hdfs:/x.py","secretConf":{"spark.token":"x"}}`)
	add(ana, 0, "POST", "/v1/jobs", asks+"\nContent-Length: 99999", `{"file":"hdfs:/x.py"}`)
	add(ana, 0, "POST", "/v1/jobs", asks+"\nTransfer-Encoding: chunked", "15\r\n"+`{"file":"hdfs:/x.py"}`+"\r\n0\r\n\r\n")
	add(nobody, 0, "POST", "/v1/jobs", asks+"\nAuthorization: bearer  token-of-ana", `{"file":"hdfs:/x.py"}`)
	add(nobody, 0, "POST", "/v1/jobs", asks+"\nAuthorization: Basic token-of-ana\nAuthorization: Bearer token-of-ana", `{"file":"hdfs:/x.py"}`)
	add(mm, 0, "POST", "/v1/jobs", asks, `{"file":"hdfs:/x.py"}`)
	add(root, 0, "GET", "/v1/jobs?label=a=b&since=2026-01-01T00:00:00Z&user=ana&phase=running&outcome=none&limit=3&cursor=x", "X-Request-Id: x", "")
	add(root, 0, "GET", "/v1/jobs/api-1", "", "")
	add(root, 0, "GET", "/v1/jobs/%2e%2e", "", "")
	add(root, 0, "GET", "/v1/jobs/api-%FF", "", "")
	for _, id := range []string{"j%C3%B6b", "api-1%C3%A9", "api%201", "api-1%7F"} {
		add(root, 0, "GET", "/v1/jobs/"+id, "", "")
		add(root, 0, "GET", "/v1/jobs/"+id+"/logs", "", "")
		add(root, 0, "POST", "/v1/jobs/"+id+"/cancel", "", "")
		add(root, 0, "POST", "/v1/jobs/"+id+"/rerun", "", "")
		add(mm, 0, "POST", "/v1/model-manage/jobs/m"+id, "", "")
		add(ana, 0, "POST", "/v1/jobs", asks+"\nIdempotency-Key: "+id, `{"file":"hdfs:/x.py"}`)
	}
	add(ana, 0, "POST", "/v1/jobs", asks+"\nIdempotency-Key: j\u00f6b", `{"file":"hdfs:/x.py","name":"j\u00f6b","labels":{"\u00f6":"\u00f6"},"queue":"\u00f6"}`)
	add(root, 0, "POST", "/v1/clusters/l%C3%B6cal/drain", "", "")
	add(root, 0, "GET", "/v1/jobs?user=%FF", "", "")
	add(root, 0, "GET", "/v1/jobs?label=a%FF=b", "", "")
	add(mm, 0, "POST", "/v1/model-manage/jobs/m%FF", "", "")
	add(ana, 0, "POST", "/v1/jobs", asks+"\nIdempotency-Key: \xff", `{"file":"hdfs:/x.py"}`)
	add(ana, 0, "POST", "/v1/jobs", asks, "{\"file\":\"hdfs:/x.py\",\"name\":\"\xff\"}")
	add(ana, 0, "PUT", "/v1/artifacts/"+sum("a")+"?name=a.py&cluster=lake", "", "a")
	add(ana, 0, "HEAD", "/v1/artifacts/"+sum("a")+"?name=../a.py", "", "")
	add(ana, 0, "GET", "/v1/jobs/api-2/logs?offset=-5&limit=3&attempt=1&stream=stderr", "", "")
	add(ana, 0, "POST", "/v1/jobs/api-1/cancel", asks, `{"reason":"x"}`)
	add(ana, 0, "POST", "/v1/jobs/api-2/rerun", "", "")
	add(bob, 0, "GET", "/v1/jobs/api-1", "", "")
	add(bob, 0, "POST", "/v1/jobs/api-2/rerun", "", "")
	add(mm, 0, "POST", "/v1/model-manage/jobs/m%2F1", "", "")
	add(root, 0, "POST", "/v1/clusters/local/drain", asks, `{"reason":"new\ndisks"}`)
	add(root, 0, "POST", "/v1/clusters/local/resume", "", "")
	add(nobody, 0, "OPTIONS", "/v1/clusters/local/drain", "", "")
	add(nobody, 0, "PATCH", "/v1/jobs/api-1", "", "")
	add(mm, 0, "HEAD", "/v1/jobs/api-1", "", "")
	add(ana, 0, "HEAD", "/v1/jobs/api-2/logs?offset=-5", "", "")
	add(ana, 0, "POST", "/v1/jobs/api-2/rerun?x=1", asks, `{"conf":{}}`)
	add(nobody, 1, "GET", "/readyz", "", "")

	w := newWhole(f)
	f.Fuzz(func(t *testing.T, user uint8, down bool, method, target, headers string, body []byte) {
		if strings.Contains(target, "follow") {
			t.Skip("goes on until it is stopped")
		}
		raw := method + " " + target + " HTTP/1.1\r\nHost: x\r\n"
		if users := []string{"", "ana", "root", "mm", "bob", "prom"}; int(user)%len(users) > 0 {
			raw += "Authorization: Bearer " + tokens[users[int(user)%len(users)]] + "\r\n"
		}
		if headers = strings.Trim(strings.ReplaceAll(headers, "\r", ""), "\n"); headers != "" {
			raw += strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n"
		}
		if lower := strings.ToLower(headers); !strings.Contains(lower, "content-length") && !strings.Contains(lower, "transfer-encoding") {
			raw += fmt.Sprintf("Content-Length: %d\r\n", len(body))
		}
		raw += "\r\n" + string(body)

		w.temporal.reset(down)
		for _, cluster := range []string{"local", "lake"} {
			_ = os.RemoveAll(filepath.Join(w.root, cluster)) // the drain of the request before
		}
		r, got := w.send(t, raw)
		requireAnswer(t, r, got, down || r.URL.Path == "/readyz") // which stands for a moment

		caller, launched := userOf(r), w.temporal.launched
		if caller == "bob" && strings.HasPrefix(r.URL.Path, "/v1/jobs/api-") {
			require.GreaterOrEqual(t, got.Code, 400, "these are ana's: %s", got.Body)
		}
		if caller == "" && strings.HasPrefix(r.URL.Path, "/v1/") {
			require.GreaterOrEqual(t, got.Code, 400, "nobody is let in: %s", got.Body)
			require.Empty(t, got.Header().Get("Allow"), "nor told what there is")
		}
		sent, cut := received(raw)
		require.LessOrEqual(t, len(launched), 1)
		if len(launched) == 1 {
			in := launched[0]
			require.Equal(t, http.StatusCreated, got.Code)
			require.Equal(t, http.MethodPost, r.Method)
			switch {
			case in.Key.Source == job.SourceModelManage:
				require.Contains(t, []string{"mm", "root"}, caller)
				require.Nil(t, in.Request)
			case in.Key.Rerun > 0:
				require.Contains(t, []string{"ana", "root"}, caller, "only ana's jobs are there")
				require.Equal(t, "ana", in.Request.User)
			default:
				require.Contains(t, []string{"ana", "bob", "root"}, caller)
				require.Equal(t, "/v1/jobs", r.URL.Path)
				require.Equal(t, caller, in.Request.User)
				require.Equal(t, sent, []byte(in.Request.Spec))
				require.True(t, w.valid(sent, caller), "%s", sent)
			}
		}
		keys := r.Header.Values("Idempotency-Key")
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		plain := len(keys) == 0 || len(keys) == 1 && regexp.MustCompile(`^[ -~]{1,256}$`).MatchString(strings.TrimSpace(keys[0]))
		if r.Method == http.MethodPost && r.URL.Path == "/v1/jobs" && r.URL.RawPath == "" && slices.Contains([]string{"ana", "bob", "root"}, caller) &&
			err == nil && kind == "application/json" && plain && !cut && len(sent) <= maxBody && !down && w.valid(sent, caller) {
			require.Equal(t, http.StatusCreated, got.Code, "%s", got.Body)
			_, again := w.send(t, raw)
			require.Equal(t, len(keys) == 1, again.Code == http.StatusOK, "a key makes asking twice asking once")
			require.Equal(t, len(keys) == 1, len(w.temporal.launched) == 1)
		}
	})
}

// received is a request's body as far as it came, and whether it was cut off.
func received(raw string) (body []byte, cut bool) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return nil, true
	}
	body, err = io.ReadAll(r.Body)
	return body, err != nil
}
