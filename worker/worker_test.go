package worker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	sdk "go.temporal.io/sdk/worker"
	"google.golang.org/grpc"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local/localtest"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/workflows"
)

// operatorFake keeps a namespace's search attributes.
type operatorFake struct {
	operatorservice.OperatorServiceClient
	attributes map[string]enums.IndexedValueType
	list       func() error
	add        func(*operatorservice.AddSearchAttributesRequest) error
	asked      []string
}

func (f *operatorFake) ListSearchAttributes(_ context.Context, in *operatorservice.ListSearchAttributesRequest, _ ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	f.asked = append(f.asked, in.GetNamespace())
	if err := f.list(); err != nil {
		return nil, err
	}
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: f.attributes}, nil
}

func (f *operatorFake) AddSearchAttributes(_ context.Context, in *operatorservice.AddSearchAttributesRequest, _ ...grpc.CallOption) (*operatorservice.AddSearchAttributesResponse, error) {
	f.asked = append(f.asked, in.GetNamespace())
	if err := f.add(in); err != nil {
		return nil, err
	}
	for name, kind := range in.GetSearchAttributes() {
		f.attributes[name] = kind
	}
	return &operatorservice.AddSearchAttributesResponse{}, nil
}

// schedulesFake holds schedules.
type schedulesFake struct {
	client.ScheduleClient
	mu   sync.Mutex
	have map[string]client.ScheduleOptions
}

func (f *schedulesFake) Create(_ context.Context, o client.ScheduleOptions) (client.ScheduleHandle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.have[o.ID]; ok {
		return nil, temporal.ErrScheduleAlreadyRunning
	}
	f.have[o.ID] = o
	return nil, nil //nolint:nilnil // nobody looks at it
}

func (f *schedulesFake) GetHandle(_ context.Context, id string) client.ScheduleHandle {
	return &scheduleFake{all: f, id: id}
}

type scheduleFake struct {
	client.ScheduleHandle
	all *schedulesFake
	id  string
}

func (f *scheduleFake) Delete(context.Context) error {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	if _, ok := f.all.have[f.id]; !ok {
		return serviceerror.NewNotFound("no schedule")
	}
	delete(f.all.have, f.id)
	return nil
}

func (f *scheduleFake) Update(_ context.Context, o client.ScheduleUpdateOptions) error {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	is := f.all.have[f.id]
	changed, err := o.DoUpdate(client.ScheduleUpdateInput{Description: client.ScheduleDescription{
		Schedule: client.Schedule{Spec: &is.Spec, Action: is.Action},
	}})
	if err != nil {
		return err
	}
	is.Spec, is.Action = *changed.Schedule.Spec, changed.Schedule.Action
	f.all.have[f.id] = is
	return nil
}

// temporalFake is a Temporal; a call without a function is a defect.
type temporalFake struct {
	client.Client
	schedules schedulesFake
	operator  *operatorFake
	execute   func(client.StartWorkflowOptions, any, []any) error
	signal    func(id, run, name string, payload any) error
	health    func() error
	count     func(query string) error
}

func (f *temporalFake) ScheduleClient() client.ScheduleClient { return &f.schedules }

func (f *temporalFake) OperatorService() operatorservice.OperatorServiceClient { return f.operator }

func (f *temporalFake) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	return nil, f.execute(o, workflow, args)
}

func (f *temporalFake) SignalWorkflow(_ context.Context, id, run, name string, payload any) error {
	return f.signal(id, run, name, payload)
}

func (f *temporalFake) CountWorkflow(_ context.Context, in *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	var err error
	if f.count != nil {
		err = f.count(in.GetQuery())
	}
	return &workflowservice.CountWorkflowExecutionsResponse{}, err
}

func (f *temporalFake) CheckHealth(context.Context, *client.CheckHealthRequest) (*client.CheckHealthResponse, error) {
	return &client.CheckHealthResponse{}, f.health()
}

// workerFake is one of Temporal's workers.
type workerFake struct {
	sdk.Worker
	start, stop func() error
}

func (f *workerFake) Start() error { return f.start() }
func (f *workerFake) Stop()        { _ = f.stop() }

type managerFake struct {
	spark.Manager
	probe func() error
}

func (f *managerFake) Probe(context.Context) error { return f.probe() }

// log is a log that may be read while it is written.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

type bundle struct {
	temporal *temporalFake
	operator *operatorFake
	manager  *managerFake
	options  Options
	log      *log
}

func setup(t *testing.T) *bundle {
	t.Helper()
	metrics, err := telemetry.NewMetrics()
	require.NoError(t, err)
	b := &bundle{log: &log{}, manager: &managerFake{probe: func() error { return nil }}}
	b.operator = &operatorFake{
		attributes: map[string]enums.IndexedValueType{}, list: func() error { return nil },
		add: func(*operatorservice.AddSearchAttributesRequest) error { return nil },
	}
	maps.Copy(b.operator.attributes, workflows.SearchAttributes())
	b.temporal = &temporalFake{
		schedules: schedulesFake{have: map[string]client.ScheduleOptions{}},
		operator:  b.operator, health: func() error { return nil },
		execute: func(client.StartWorkflowOptions, any, []any) error { return nil },
		signal:  func(_, _, _ string, _ any) error { return nil },
	}
	c := config.Default()
	c.Worker.HTTPAddress = ""
	cluster := func(name string) activities.Cluster {
		files := file.New(file.Options{})
		return activities.Cluster{
			Name: name, Manager: b.manager, Stores: store.Set{Default: files}, Root: "/jobs", Logs: logstore.New(files, t.TempDir()),
		}
	}
	b.options = Options{
		Config: c, Client: b.temporal, Namespace: "default", Metrics: metrics, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
		Sources:  map[string]activities.Source{job.SourceModelManage: nil},
		Clusters: map[string]activities.Cluster{"a": cluster("a"), "b": cluster("b")},
	}
	return b
}

// lazy is a client of the SDK itself, which its workers insist on; it connects
// to nothing before it is used.
func lazy(t *testing.T) client.Client {
	t.Helper()
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// worker makes a worker that serves with fakes.
func (b *bundle) worker(serving ...*workerFake) *Worker {
	w := &Worker{options: b.options, failed: make(chan struct{})}
	for _, s := range serving {
		w.workers = append(w.workers, s)
	}
	return w
}

func TestNewTakesRoles(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		roles    []Role
		clusters int
		workers  int
		problem  string
	}{
		"all":                      {nil, 2, 5, ""},
		"all, named":               {Roles(), 2, 5, ""},
		"workflows":                {[]Role{RoleWorkflows}, 0, 1, ""},
		"workflows beside":         {[]Role{RoleWorkflows}, 2, 1, ""},
		"control":                  {[]Role{RoleControl}, 2, 2, ""},
		"io":                       {[]Role{RoleTransfer}, 2, 2, ""},
		"an edge node":             {[]Role{RoleControl, RoleTransfer}, 1, 2, ""},
		"unknown":                  {[]Role{"Workflows"}, 2, 0, `unknown role "Workflows"`},
		"empty name":               {[]Role{""}, 2, 0, `unknown role ""`},
		"control without clusters": {[]Role{RoleControl}, 0, 0, "at least one cluster"},
		"all without clusters":     {nil, 0, 0, "at least one cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.options.Client, b.options.Roles = lazy(t), row.roles
			for _, name := range []string{"a", "b"} {
				if len(b.options.Clusters) > row.clusters {
					delete(b.options.Clusters, name)
				}
			}
			w, err := New(b.options)
			if row.problem != "" {
				require.ErrorContains(t, err, row.problem)
				return
			}
			require.NoError(t, err)
			require.Len(t, w.workers, row.workers)
		})
	}
}

func TestNewNeedsItsOptions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.Client = lazy(t)
	for name, change := range map[string]func(*Options){
		"client":  func(o *Options) { o.Client = nil },
		"logger":  func(o *Options) { o.Logger = nil },
		"metrics": func(o *Options) { o.Metrics = nil },
		"sources": func(o *Options) { o.Sources = nil },
		"manager": func(o *Options) { o.Clusters = map[string]activities.Cluster{"a": {}} },
	} {
		o := b.options
		change(&o)
		_, err := New(o)
		require.Error(t, err, name)
	}
}

func TestServesClusters(t *testing.T) {
	t.Parallel()
	require.True(t, Options{}.ServesClusters())
	require.True(t, Options{Roles: []Role{RoleControl}}.ServesClusters())
	require.True(t, Options{Roles: []Role{RoleWorkflows, RoleTransfer}}.ServesClusters())
	require.False(t, Options{Roles: []Role{RoleWorkflows}}.ServesClusters())
}

// serving is a worker that says when it started and stopped.
func serving(events chan<- string, name string) *workerFake {
	return &workerFake{
		start: func() error { events <- "start " + name; return nil },
		stop:  func() error { events <- "stop " + name; return nil },
	}
}

func TestRunServesUntilStopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events := make(chan string, 10)
	var watches []client.StartWorkflowOptions
	b.temporal.execute = func(o client.StartWorkflowOptions, workflow any, args []any) error {
		require.Equal(t, workflows.TypeClusterWatch, workflow)
		require.Equal(t, workflows.ClusterWatchID(args[0].(workflows.ClusterWatchInput).Cluster), o.ID)
		watches = append(watches, o)
		if len(watches) == 2 {
			events <- "watched"
		}
		return errors.New("no rights") // hints are a convenience
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.worker(serving(events, "1"), serving(events, "2")).Run(ctx) }()
	require.Equal(t, "start 1", <-events)
	require.Equal(t, "start 2", <-events)
	require.Equal(t, "watched", <-events)
	for _, o := range watches {
		require.Equal(t, enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, o.WorkflowIDConflictPolicy)
		require.Equal(t, "spark", o.TaskQueue)
	}
	stop()
	require.NoError(t, <-done)
	require.ElementsMatch(t, []string{"stop 1", "stop 2"}, []string{<-events, <-events})
	require.Contains(t, b.log.String(), "cluster watch not started")
}

func TestRunWatchesNoClusterWithoutControl(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.Roles = []Role{RoleWorkflows, RoleTransfer}
	b.temporal.execute = func(client.StartWorkflowOptions, any, []any) error { t.Error("started a watch"); return nil }
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, b.worker().Run(ctx))
}

// A worker that Temporal refuses for good must not look alive for ever.
func TestRunEndsWithAFatalError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events := make(chan string, 10)
	w := b.worker(serving(events, "1"))
	w.workers = append(w.workers, &workerFake{
		start: func() error {
			w.fail(errors.New("namespace is gone"))
			w.fail(errors.New("and again"))
			return nil
		},
		stop: func() error { return nil },
	})
	err := w.Run(t.Context())
	require.ErrorContains(t, err, "namespace is gone")
	require.ErrorContains(t, err, "and again")
	require.Equal(t, "start 1", <-events)
	require.Equal(t, "stop 1", <-events)
	require.ErrorContains(t, w.ready(t.Context()), "namespace is gone")
}

func TestRunStopsWhatItStarted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events := make(chan string, 10)
	broken := &workerFake{
		start: func() error { return errors.New("connection refused") },
		stop:  func() error { events <- "stop of what never started"; return nil },
	}
	err := b.worker(serving(events, "1"), broken, serving(events, "3")).Run(t.Context())
	require.ErrorContains(t, err, "start a worker: connection refused")
	close(events)
	var got []string
	for e := range events {
		got = append(got, e)
	}
	require.Equal(t, []string{"start 1", "stop 1"}, got)
}

func TestRunChecksTheNamespaceFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	delete(b.operator.attributes, "SparkPhase")
	events := make(chan string, 10)
	err := b.worker(serving(events, "1")).Run(t.Context())
	require.EqualError(t, err, "namespace default lacks the search attributes SparkPhase; run: stoker admin init")
	require.Empty(t, events)
}

func TestRunNeedsItsAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	b.options.Config.Worker.HTTPAddress = listener.Addr().String()
	events := make(chan string, 10)
	require.ErrorContains(t, b.worker(serving(events, "1")).Run(t.Context()), "address already in use")
	require.Empty(t, events)

	b.options.Config.Worker.HTTPAddress = "127.0.0.1:0"
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, b.worker(serving(events, "1")).Run(ctx))
	require.Contains(t, b.log.String(), "address=127.0.0.1:")
}

func TestReady(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.worker()
	require.NoError(t, w.ready(t.Context()))
	b.manager.probe = func() error { return errors.New("no Java") }
	require.Regexp(t, `^cluster [ab]: no Java$`, w.ready(t.Context()).Error())
	b.temporal.health = func() error { return errors.New("connection refused") }
	require.EqualError(t, w.ready(t.Context()), "temporal: connection refused")
}

func TestHinter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var signals []string
	var answer error
	b.temporal.signal = func(id, run, name string, payload any) error {
		require.Equal(t, workflows.HintFromWatch, payload)
		require.Empty(t, run)
		signals = append(signals, name+" "+id)
		return answer
	}
	h := hinter{b.temporal}
	require.NoError(t, h.Hint(t.Context(), "sparkjob-x"))
	answer = serviceerror.NewNotFound("closed")
	require.NoError(t, h.Hint(t.Context(), "sparkjob-x"), "nobody to wake")
	answer = serviceerror.NewUnavailable("down")
	require.ErrorIs(t, h.Hint(t.Context(), "sparkjob-x"), answer)
	require.Equal(t, []string{"hint sparkjob-x", "hint sparkjob-x", "hint sparkjob-x"}, signals)
}

func TestCheckNamespace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, CheckNamespace(t.Context(), b.temporal, "ns"))
	require.Equal(t, []string{"ns"}, b.operator.asked)

	delete(b.operator.attributes, "SparkUser")
	b.operator.attributes["SparkCluster"] = enums.INDEXED_VALUE_TYPE_TEXT // cannot be set as a keyword
	err := CheckNamespace(t.Context(), b.temporal, "ns")
	require.EqualError(t, err, "namespace ns lacks the search attributes SparkCluster, SparkUser; run: stoker admin init")

	b.operator.list = func() error { return serviceerror.NewUnavailable("down") }
	require.ErrorContains(t, CheckNamespace(t.Context(), b.temporal, "ns"), "down")
}

func TestInitNamespace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	delete(b.operator.attributes, "SparkUser")
	delete(b.operator.attributes, "JobKind")
	delete(b.operator.attributes, "SparkLabels")
	b.operator.attributes["Theirs"] = enums.INDEXED_VALUE_TYPE_INT
	var requests []*operatorservice.AddSearchAttributesRequest
	b.operator.add = func(in *operatorservice.AddSearchAttributesRequest) error {
		requests = append(requests, in)
		return nil
	}
	added, err := InitNamespace(t.Context(), b.temporal, "ns")
	require.NoError(t, err)
	require.Equal(t, []string{"JobKind", "SparkLabels", "SparkUser"}, added)
	require.Len(t, requests, 1)
	require.Equal(t, "ns", requests[0].GetNamespace())
	require.Equal(t, map[string]enums.IndexedValueType{
		"JobKind": enums.INDEXED_VALUE_TYPE_KEYWORD, "SparkUser": enums.INDEXED_VALUE_TYPE_KEYWORD,
		"SparkLabels": enums.INDEXED_VALUE_TYPE_KEYWORD_LIST,
	}, requests[0].GetSearchAttributes())

	added, err = InitNamespace(t.Context(), b.temporal, "ns")
	require.NoError(t, err)
	require.Empty(t, added)
	require.Len(t, requests, 1, "done again it does nothing")
}

func TestInitNamespaceWhenSomebodyElseWasFaster(t *testing.T) {
	t.Parallel()
	b := setup(t)
	delete(b.operator.attributes, "JobKind")
	b.operator.add = func(*operatorservice.AddSearchAttributesRequest) error {
		b.operator.attributes["JobKind"] = enums.INDEXED_VALUE_TYPE_KEYWORD
		return serviceerror.NewAlreadyExists("JobKind exists")
	}
	added, err := InitNamespace(t.Context(), b.temporal, "ns")
	require.NoError(t, err)
	require.Empty(t, added)
}

func TestInitNamespaceCannot(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]error{
		"no rights":    serviceerror.NewPermissionDenied("not an admin", ""),
		"another type": serviceerror.NewAlreadyExists("JobKind exists"),
	} {
		b := setup(t)
		b.operator.attributes["JobKind"] = enums.INDEXED_VALUE_TYPE_INT
		b.operator.add = func(*operatorservice.AddSearchAttributesRequest) error { return refusal }
		_, err := InitNamespace(t.Context(), b.temporal, "ns")
		require.ErrorContains(t, err, "register search attributes JobKind", name)
		require.ErrorIs(t, err, refusal, name)
	}
}

// laptop is a configuration with one local cluster and no Spark.
func laptop(t *testing.T) config.Config {
	t.Helper()
	c := config.Default()
	c.ModelManage.BaseURL = "http://127.0.0.1:1"
	cluster := config.DefaultCluster(config.TypeLocal)
	cluster.Root = filepath.Join(t.TempDir(), "jobs")
	cluster.Local = config.Local{
		SparkHome: localtest.SparkHome(t), Python: localtest.Python(t), JavaHome: localtest.JavaHome(t), Concurrency: 3, KillGrace: time.Second,
	}
	c.Clusters["local"] = cluster
	return c
}

func TestOpenClusters(t *testing.T) {
	t.Parallel()
	c := laptop(t)
	c.API.FileRoots = []string{"/data"}
	opened, err := OpenClusters(c, []string{"local"}, Openings{Supervisor: []string{"true"}, Logger: slog.New(slog.DiscardHandler), Hold: Hold{Point: "intent:after"}})
	require.NoError(t, err)
	require.Len(t, opened, 1)
	got := opened["local"]
	require.Equal(t, c.Clusters["local"].Root, got.Root)
	require.Equal(t, activities.Limits{OutputBytes: 8 << 20, OutputsBytes: 10 << 20}, got.Limits)
	require.Equal(t, store.PolicyRefuse, got.UnverifiableInputs)
	require.NotNil(t, got.Manager)
	require.Equal(t, "file", got.Stores.Default.Scheme())
	require.Equal(t, file.Roots{"/data"}, got.HostFiles)

	none, err := OpenClusters(c, nil, Openings{})
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = OpenClusters(c, []string{"local", "edge"}, Openings{Logger: slog.New(slog.DiscardHandler)})
	require.EqualError(t, err, `cluster "edge" is not configured; the configured ones are [local]`)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))

	broken := laptop(t)
	cluster := broken.Clusters["local"]
	cluster.Local.SparkHome = t.TempDir()
	broken.Clusters["local"] = cluster
	_, err = OpenClusters(broken, []string{"local"}, Openings{Logger: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "spark-submit")
	cluster.Type = "yarn"
	broken.Clusters["local"] = cluster
	_, err = OpenClusters(broken, []string{"local"}, Openings{})
	require.ErrorContains(t, err, "clusters.local.yarn.confDirs: is needed")
}

// Settings that are empty are taken from where Spark's own scripts take them.
func TestOpenClustersTakesSparksOwnVariables(t *testing.T) {
	c := laptop(t)
	cluster := c.Clusters["local"]
	t.Setenv("SPARK_HOME", cluster.Local.SparkHome)
	t.Setenv("PYSPARK_PYTHON", cluster.Local.Python)
	t.Setenv("JAVA_HOME", cluster.Local.JavaHome)
	cluster.Local.SparkHome, cluster.Local.Python, cluster.Local.JavaHome = "", "", ""
	c.Clusters["local"] = cluster
	_, err := OpenClusters(c, []string{"local"}, Openings{Supervisor: []string{"true"}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)

	t.Setenv("SPARK_HOME", "")
	_, err = OpenClusters(c, []string{"local"}, Openings{Supervisor: []string{"true"}, Logger: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "no Spark")
}

func TestOpenSources(t *testing.T) {
	t.Parallel()
	sources, registry, err := OpenSources(laptop(t))
	require.NoError(t, err)
	require.NotNil(t, registry)
	require.Contains(t, sources, job.SourceModelManage)
	require.Contains(t, sources, job.SourceAPI)
	sources, registry, err = OpenSources(config.Default())
	require.NoError(t, err)
	require.Nil(t, registry)
	require.Contains(t, sources, job.SourceAPI)
	require.NotContains(t, sources, job.SourceModelManage)
}
