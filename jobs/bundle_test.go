package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
	"github.com/stoker-spark/stoker/workflows"
)

// run is a workflow as Temporal has it.
type run struct {
	id, run    string
	status     enums.WorkflowExecutionStatus
	at, closed time.Time
	attributes map[string]any
	memo       map[string]any
	input      workflows.Input
	// view answers queries; nil is a workflow that no worker serves.
	view *workflows.StatusView
	// scheduled is when a workflow task began to wait, zero for none.
	scheduled time.Time
	// newest are its last events, the last one first.
	newest  []*historypb.HistoryEvent
	result  *workflows.Result
	failure error
}

const (
	running    = enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	completed  = enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	failed     = enums.WORKFLOW_EXECUTION_STATUS_FAILED
	terminated = enums.WORKFLOW_EXECUTION_STATUS_TERMINATED
)

// temporalFake is a Temporal of its own: each id once, visibility by query.
type temporalFake struct {
	client.Client // nil: any other call is a defect

	mu    sync.Mutex
	runs  []*run
	down  error
	calls []string
	// execute comes before a start, describe before a look; nil for nothing.
	execute  func(id string) error
	describe func(id string)
	pollers  map[string]int
}

func (f *temporalFake) called(what string) error {
	f.calls = append(f.calls, what)
	return f.down
}

func (f *temporalFake) count(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

func (f *temporalFake) find(id string) *run {
	for _, r := range slices.Backward(f.runs) {
		if r.id == id {
			return r
		}
	}
	return nil
}

func (f *temporalFake) add(r *run) *run {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs = append(f.runs, r)
	return r
}

type workflowRun struct {
	client.WorkflowRun
	run *run
}

func (w workflowRun) GetRunID() string { return w.run.run }

func (w workflowRun) Get(_ context.Context, into any) error {
	if w.run.failure != nil {
		return w.run.failure
	}
	data, err := json.Marshal(w.run.result)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func (f *temporalFake) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	if f.execute != nil {
		if err := f.execute(o.ID); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called("execute " + o.ID); err != nil {
		return nil, err
	}
	if f.find(o.ID) != nil {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("started", "", "")
	}
	r := &run{
		id: o.ID, run: fmt.Sprintf("run-%d", len(f.runs)), status: running, at: time.Now(), memo: o.Memo, attributes: map[string]any{},
		input: args[0].(workflows.Input),
	}
	f.runs = append(f.runs, r)
	return workflowRun{run: r}, nil
}

func payload(value any) *commonpb.Payload {
	p, err := converter.GetDefaultDataConverter().ToPayload(value)
	if err != nil {
		panic(err)
	}
	return p
}

func payloads(values map[string]any) map[string]*commonpb.Payload {
	all := map[string]*commonpb.Payload{}
	for k, v := range values {
		all[k] = payload(v)
	}
	return all
}

func (r *run) info() *workflowpb.WorkflowExecutionInfo {
	info := &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: r.id, RunId: r.run}, Status: r.status, StartTime: timestamppb.New(r.at),
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: payloads(r.attributes)}, Memo: &commonpb.Memo{Fields: payloads(r.memo)},
	}
	if r.status != running {
		info.CloseTime = timestamppb.New(r.closed)
	}
	return info
}

func (f *temporalFake) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if f.describe != nil {
		f.describe(id)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called("describe " + id); err != nil {
		return nil, err
	}
	r := f.find(id)
	if r == nil {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	d := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: r.info()}
	if !r.scheduled.IsZero() {
		d.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{State: enums.PENDING_WORKFLOW_TASK_STATE_SCHEDULED, ScheduledTime: timestamppb.New(r.scheduled)}
	}
	return d, nil
}

type encoded struct{ value any }

func (e encoded) HasValue() bool { return true }

func (e encoded) Get(into any) error {
	data, err := json.Marshal(e.value)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func (f *temporalFake) QueryWorkflow(_ context.Context, id, _, _ string, _ ...any) (converter.EncodedValue, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called("query " + id); err != nil {
		return nil, err
	}
	r := f.find(id)
	if r == nil || r.view == nil {
		return nil, serviceerror.NewDeadlineExceeded("no worker")
	}
	return encoded{r.view}, nil
}

func (f *temporalFake) SignalWorkflow(_ context.Context, id, runID, name string, payload any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called(fmt.Sprintf("signal %s %s %s %v", id, runID, name, payload)); err != nil {
		return err
	}
	if r := f.find(id); r == nil || r.status != running {
		return serviceerror.NewNotFound("no such open workflow")
	}
	return nil
}

// serviceFake answers what has no call of its own in the SDK.
type serviceFake struct {
	workflowservice.WorkflowServiceClient // nil: any other call is a defect
	temporal                              *temporalFake
}

func (f *temporalFake) WorkflowService() workflowservice.WorkflowServiceClient {
	return serviceFake{temporal: f}
}

func (s serviceFake) GetWorkflowExecutionHistoryReverse(_ context.Context, in *workflowservice.GetWorkflowExecutionHistoryReverseRequest, _ ...grpc.CallOption) (*workflowservice.GetWorkflowExecutionHistoryReverseResponse, error) {
	s.temporal.mu.Lock()
	defer s.temporal.mu.Unlock()
	if err := s.temporal.called("newest " + in.GetExecution().GetWorkflowId()); err != nil {
		return nil, err
	}
	return &workflowservice.GetWorkflowExecutionHistoryReverseResponse{
		History: &historypb.History{Events: s.temporal.find(in.GetExecution().GetWorkflowId()).newest},
	}, nil
}

func (f *temporalFake) GetWorkflow(_ context.Context, id, _ string) client.WorkflowRun {
	f.mu.Lock()
	defer f.mu.Unlock()
	return workflowRun{run: f.find(id)}
}

type history struct {
	client.HistoryEventIterator
	event *historypb.HistoryEvent
	err   error
}

func (h history) Next() (*historypb.HistoryEvent, error) { return h.event, h.err }

func (f *temporalFake) GetWorkflowHistory(_ context.Context, id, _ string, _ bool, _ enums.HistoryEventFilterType) client.HistoryEventIterator {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called("history " + id); err != nil {
		return history{err: err}
	}
	r := f.find(id)
	if r == nil {
		return history{err: serviceerror.NewNotFound("no such workflow")}
	}
	return history{event: &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
		WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
			Input: &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(r.input)}},
		},
	}}}
}

var queryTerm = regexp.MustCompile(`^(\w+) (?:(=|!=|<|>=) '([^']*)'|(IN) \(([^)]*)\))$`)

// matching evaluates a query as visibility would, in no order.
func (f *temporalFake) matching(query string) []*run {
	var found []*run
	for _, r := range f.runs {
		all := true
		for term := range strings.SplitSeq(query, " AND ") {
			m := queryTerm.FindStringSubmatch(term)
			if m == nil {
				panic("no such term: " + term)
			}
			if m[4] == "IN" {
				value, _ := r.attributes[m[1]].(string)
				if m[1] == "ExecutionStatus" {
					value = r.status.String()
				}
				all = all && slices.Contains(strings.Split(m[5], ", "), "'"+value+"'")
				continue
			}
			all = all && r.matches(m[1], m[2], m[3])
		}
		if all {
			found = append(found, r)
		}
	}
	return found
}

func (r *run) matches(name, op, want string) bool {
	switch name {
	case "WorkflowType":
		return want == "SparkBatchJob"
	case "ExecutionStatus":
		return (r.status.String() == want) == (op == "=")
	case "StartTime":
		bound, err := time.Parse(time.RFC3339Nano, want)
		if err != nil {
			panic(err)
		}
		return r.at.Before(bound) == (op == "<")
	}
	if list, ok := r.attributes[name].([]string); ok {
		return slices.Contains(list, want)
	}
	return r.attributes[name] == want
}

func (f *temporalFake) CountWorkflow(_ context.Context, in *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called("count " + in.Query); err != nil {
		return nil, err
	}
	return &workflowservice.CountWorkflowExecutionsResponse{Count: int64(len(f.matching(in.Query)))}, nil
}

func (f *temporalFake) ListWorkflow(_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called("list " + in.Query); err != nil {
		return nil, err
	}
	all := f.matching(in.Query)
	begin := 0
	if len(in.NextPageToken) > 0 {
		begin = int(in.NextPageToken[0]) * int(in.PageSize)
	}
	end := min(begin+int(in.PageSize), len(all))
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	for _, r := range all[begin:end] {
		answer.Executions = append(answer.Executions, r.info())
	}
	if end < len(all) {
		answer.NextPageToken = []byte{byte(end / int(in.PageSize))}
	}
	return answer, nil
}

func (f *temporalFake) DescribeTaskQueue(_ context.Context, queue string, kind enums.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called("queue " + queue); err != nil {
		return nil, err
	}
	return &workflowservice.DescribeTaskQueueResponse{Pollers: make([]*taskqueuepb.PollerInfo, f.pollers[queue+" "+kind.String()])}, nil
}

func (f *temporalFake) CheckHealth(context.Context, *client.CheckHealthRequest) (*client.CheckHealthResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &client.CheckHealthResponse{}, f.called("health")
}

// storeFake is a store that may be down, and counts what is read.
type storeFake struct {
	store.Store
	mu    sync.Mutex
	down  func(path string) error
	opens []string
}

func (f *storeFake) ask(path string) error {
	f.mu.Lock()
	f.opens = append(f.opens, path)
	down := f.down
	f.mu.Unlock()
	if down != nil {
		return down(path) // it may take its time
	}
	return nil
}

func (f *storeFake) set(down func(path string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// opened counts the reads and lists below a part of a path since the last call.
func (f *storeFake) opened(part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, path := range f.opens {
		if strings.Contains(path, part) {
			n++
		}
	}
	f.opens = nil
	return n
}

func (f *storeFake) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	if err := f.ask(path); err != nil {
		return nil, err
	}
	return f.Store.Open(ctx, path)
}

func (f *storeFake) List(ctx context.Context, dir string) ([]store.Info, error) {
	if err := f.ask(dir); err != nil {
		return nil, err
	}
	return f.Store.List(ctx, dir)
}

func (f *storeFake) Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error) {
	return f.Store.Write(ctx, path, content, mode)
}

type registryFake struct {
	ours func(id string) (string, string, bool, error)
}

func (f *registryFake) Ours(_ context.Context, id string) (string, string, bool, error) {
	return f.ours(id)
}

// bundle is a service of two clusters over a Temporal and stores of its own.
type bundle struct {
	*testing.T
	temporal *temporalFake
	registry *registryFake
	stores   map[string]*storeFake
	logs     map[string]*logstore.Store
	roots    map[string]string
	service  *Service
}

var errDown = serviceerror.NewUnavailable("connection refused")

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{
		T: t, temporal: &temporalFake{pollers: map[string]int{}}, stores: map[string]*storeFake{}, logs: map[string]*logstore.Store{},
		roots:    map[string]string{},
		registry: &registryFake{ours: func(string) (string, string, bool, error) { return "MODEL_BATCH_JOB", "e", true, nil }},
	}
	clusters := map[string]Cluster{}
	rules := jobspec.Rules{Clusters: map[string]jobspec.Cluster{}, Default: "lake", Deadline: time.Hour}
	for _, name := range []string{"lake", "pond"} {
		b.roots[name] = filepath.Join(t.TempDir(), name)
		b.stores[name] = &storeFake{Store: file.New(file.Options{DirMode: 0o700})}
		b.logs[name] = logstore.New(b.stores[name], b.roots[name])
		clusters[name] = Cluster{Files: b.stores[name], Root: b.roots[name], Artifacts: b.roots[name] + "-artifacts", MaxArtifactBytes: 1000, Logs: b.logs[name]}
		rules.Clusters[name] = jobspec.Cluster{}
	}
	rules.Clusters["lake"] = jobspec.Cluster{Spark: options.Cluster{Master: "yarn", DeployMode: "cluster", Profiles: []options.Profile{{Name: "big"}}}}
	var err error
	b.service, err = New(Options{
		Client: b.temporal, Clusters: clusters, Rules: rules, Registry: b.registry, WebUI: "http://ui/", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return b
}

const spec = `{"file":"hdfs:/x.py","name":"n"}`

// started adds a workflow of an API job that runs.
func (b *bundle) started(id string, at time.Time) *run {
	return b.temporal.add(&run{
		id: "sparkjob-" + id, run: "run-" + id, status: running, at: at,
		attributes: map[string]any{"SparkPhase": "running", "SparkUser": "ana", "SparkCluster": "lake", "JobKind": "pyspark", "SparkLabels": []string{"a=b"}},
		memo:       map[string]any{"name": "n", "digest": jobspec.Digest([]byte(spec))},
		input: workflows.Input{
			Key:     job.Key{Source: job.SourceAPI, ID: strings.TrimPrefix(id, "api-")},
			Request: &job.Request{Spec: []byte(spec), User: "ana", Cluster: "lake", Digest: jobspec.Digest([]byte(spec))},
		},
	})
}

// end closes a workflow.
func (r *run) end(status enums.WorkflowExecutionStatus, result job.Result) *run {
	r.status, r.closed = status, r.at.Add(time.Minute)
	if result != "" {
		r.attributes["SparkOutcome"], r.attributes["SparkPhase"] = string(result), "done"
		r.result = &workflows.Result{Outcome: job.Outcome{Result: result, Message: "from the history"}, Cluster: "lake", Application: "app", Attempts: 1}
	}
	return r
}

// recordOf is the record that a workflow leaves.
func (r *run) recordOf(result job.Result) job.Record {
	name := strings.TrimPrefix(r.id, "sparkjob-")
	return job.Record{
		Version: 1, ID: name, Key: r.input.Key, Spec: job.Spec{Name: "n", User: "ana", Cluster: "lake", Kind: job.KindPySpark, Labels: map[string]string{"a": "b"}},
		Request: r.input.Request, Outcome: job.Outcome{Result: result, Message: "from the record"}, Application: "app", Attempts: 1,
		SubmittedAt: r.at, RunAt: r.at, EndedAt: r.at.Add(30 * time.Second), WorkflowID: r.id, RunID: r.run,
	}
}

func (b *bundle) put(cluster string, r job.Record) {
	b.Helper()
	require.NoError(b, b.logs[cluster].PutRecord(b.Context(), r))
}

// forget takes a workflow out of Temporal, as retention does.
func (b *bundle) forget(id string) {
	b.temporal.mu.Lock()
	defer b.temporal.mu.Unlock()
	b.temporal.runs = slices.DeleteFunc(b.temporal.runs, func(r *run) bool { return r.id == "sparkjob-"+id })
}

func (b *bundle) setDown(err error) {
	b.temporal.mu.Lock()
	defer b.temporal.mu.Unlock()
	b.temporal.down = err
}

func (b *bundle) code(want job.Code, err error) {
	b.Helper()
	require.Equal(b, want, job.CodeOf(err), "%v", err)
}
