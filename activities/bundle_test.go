package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
	"github.com/stoker-spark/stoker/store/parts"
)

// sourceFake is a source of one job.
type sourceFake struct {
	load     func(id string) (job.Intake, error)
	manifest func(id string) (job.Manifest, job.Intake, error)
	report   func(id string, r job.Report) (job.Standing, error)
	limits   [2]job.LogLimit

	mu      sync.Mutex
	reports []job.Report
}

func (f *sourceFake) Load(_ context.Context, ref job.Ref) (job.Intake, error) { return f.load(ref.ID) }

func (f *sourceFake) Manifest(_ context.Context, ref job.Ref) (job.Manifest, job.Intake, error) {
	return f.manifest(ref.ID)
}

func (f *sourceFake) Report(_ context.Context, id string, r job.Report) (job.Standing, error) {
	f.mu.Lock()
	f.reports = append(f.reports, r)
	f.mu.Unlock()
	return f.report(id, r)
}

func (f *sourceFake) LogLimits() (stdout, stderr job.LogLimit) { return f.limits[0], f.limits[1] }

// managerFake is a cluster manager; a call without a function is a defect.
type managerFake struct {
	spark.Manager

	reserve  func(job.Attempt, time.Time) (spark.Reservation, error)
	submit   func(job.Attempt) error
	observe  func(job.Attempt) (job.Observation, error)
	snapshot func(context.Context) ([]spark.Sighting, error)
	kill     func(a job.Attempt, reason string) error
	logs     func(a job.Attempt, stream string, offset int64, limit int) ([]byte, int64, error)
	release  func(job.Attempt) error
	// identify may be nil: then no id was made.
	identify func(job.Attempt) (string, error)
}

func (f *managerFake) Identify(_ context.Context, a job.Attempt) (string, error) {
	if f.identify == nil {
		return "", nil
	}
	return f.identify(a)
}

func (f *managerFake) Reserve(_ context.Context, a job.Attempt, notAfter time.Time) (spark.Reservation, error) {
	return f.reserve(a, notAfter)
}
func (f *managerFake) Submit(_ context.Context, a job.Attempt) error { return f.submit(a) }

func (f *managerFake) Observe(_ context.Context, a job.Attempt) (job.Observation, error) {
	return f.observe(a)
}

func (f *managerFake) Snapshot(ctx context.Context) ([]spark.Sighting, error) { return f.snapshot(ctx) }

func (f *managerFake) Kill(_ context.Context, a job.Attempt, reason string) error {
	return f.kill(a, reason)
}

func (f *managerFake) Logs(_ context.Context, a job.Attempt, stream string, offset int64, limit int) ([]byte, int64, error) {
	return f.logs(a, stream, offset, limit)
}
func (f *managerFake) Release(_ context.Context, a job.Attempt) error { return f.release(a) }

// notifierFake is a managerFake that can tell of changes.
type notifierFake struct {
	managerFake
	changes func(ctx context.Context, changed chan<- job.Attempt) error
}

func (f *notifierFake) Changes(ctx context.Context, changed chan<- job.Attempt) error {
	return f.changes(ctx, changed)
}

// storeFake is a store that may be down in places.
type storeFake struct {
	store.Store
	open  func(path string) error
	stat  func(path string) error
	write func(path string) error
	// create fails the creation of files.
	create func(path string) error

	mu    sync.Mutex
	wrote []string
}

func (f *storeFake) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	if f.open != nil {
		if err := f.open(path); err != nil {
			return nil, err
		}
	}
	return f.Store.Open(ctx, path)
}

func (f *storeFake) Stat(ctx context.Context, path string) (store.Info, error) {
	if f.stat != nil {
		if err := f.stat(path); err != nil {
			return store.Info{}, err
		}
	}
	return f.Store.Stat(ctx, path)
}

func (f *storeFake) Create(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	if f.create != nil {
		if err := f.create(path); err != nil {
			return err
		}
	}
	return f.Store.Create(ctx, path, data, mode)
}

func (f *storeFake) Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error) {
	if f.write != nil {
		if err := f.write(path); err != nil {
			return 0, err
		}
	}
	f.mu.Lock()
	f.wrote = append(f.wrote, path)
	f.mu.Unlock()
	return f.Store.Write(ctx, path, content, mode)
}

type hinterFake struct{ hint func(workflowID string) error }

func (f *hinterFake) Hint(_ context.Context, workflowID string) error { return f.hint(workflowID) }

type bundle struct {
	t       *testing.T
	key     job.Key
	attempt job.Attempt
	root    string
	// dir is the attempt's job directory.
	dir     string
	source  *sourceFake
	manager *managerFake
	store   *storeFake
	hints   *hinterFake
	cluster Cluster
	// patience is how long logs are waited for.
	patience time.Duration
	// metrics that the activities count in; nil for none.
	metrics client.MetricsHandler

	job    job.Manifest
	intake job.Intake
}

func setup(t *testing.T) *bundle {
	t.Helper()
	root := filepath.Join(t.TempDir(), "jobs")
	b := &bundle{
		t: t, key: job.Key{Source: job.SourceModelManage, ID: "7"}, root: root,
		manager: &managerFake{
			observe: func(job.Attempt) (job.Observation, error) { return job.Observation{State: job.StateSucceeded}, nil },
			logs:    func(job.Attempt, string, int64, int) ([]byte, int64, error) { return nil, 0, nil },
		}, store: &storeFake{Store: file.New(file.Options{DirMode: 0o700})},
		hints: &hinterFake{hint: func(string) error { return nil }},
	}
	b.attempt = b.key.Attempt(1)
	b.dir = spark.JobDir(root, b.attempt)
	b.intake = job.Intake{
		Spec:     job.Spec{Name: "credit", Cluster: "local", PythonDriver: true},
		Digest:   "d1",
		Standing: job.Standing{State: job.StandingOpen, Status: "CREATED"},
	}
	b.job = job.Manifest{
		Kind:    job.KindScoring,
		Primary: job.SourceFile{Path: "score.py", Text: "def action(i, o, a): pass\n"},
		Function: job.Function{
			Name: "action", Origin: "smart comment # modelop.score",
		},
	}
	b.source = &sourceFake{
		load:     func(string) (job.Intake, error) { return b.intake, nil },
		manifest: func(string) (job.Manifest, job.Intake, error) { return b.job, b.intake, nil },
		report:   func(string, job.Report) (job.Standing, error) { return b.intake.Standing, nil },
	}
	b.cluster = Cluster{
		Name: "local", Manager: b.manager, Stores: store.Set{Default: b.store}, Root: root,
		Logs:               logstore.New(b.store, root+"-logs"),
		UnverifiableInputs: store.PolicyRefuse, Header: parts.HeaderAuto,
		Limits: Limits{OutputBytes: 1000, OutputsBytes: 1500},
	}
	return b
}

// environment runs activities as Temporal would.
func (b *bundle) environment() *testsuite.TestActivityEnvironment {
	b.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	if b.metrics != nil {
		suite.SetMetricsHandler(b.metrics)
	}
	env := suite.NewTestActivityEnvironment()
	clusters := map[string]Cluster{"local": b.cluster}
	sources := map[string]Source{job.SourceModelManage: b.source}
	registry, err := NewRegistry(sources)
	require.NoError(b.t, err)
	env.RegisterActivity(registry)
	control, err := NewControl(clusters, sources, b.hints)
	require.NoError(b.t, err)
	env.RegisterActivity(control)
	transfer, err := NewTransfer(clusters, sources)
	require.NoError(b.t, err)
	transfer.patience = b.patience
	env.RegisterActivity(transfer)
	return env
}

// call runs one activity. Its result is of type R.
func call[R any](b *bundle, name string, in any) (R, error) {
	b.t.Helper()
	var result R
	value, err := b.environment().ExecuteActivity(name, in)
	if err == nil {
		require.NoError(b.t, value.Get(&result))
	}
	return result, err
}

// do runs one activity without a result.
func (b *bundle) do(name string, in any) error {
	b.t.Helper()
	_, err := b.environment().ExecuteActivity(name, in)
	return err
}

func (b *bundle) stage() (StageResult, error) { return b.stageAs("d1") }

// stageAs stages a job that was loaded with a digest.
func (b *bundle) stageAs(digest string) (StageResult, error) {
	return call[StageResult](b, "Stage", StageInput{
		Key: b.key, Cluster: "local", Attempt: b.attempt, Application: "local-7-1", Digest: digest,
	})
}

// put makes a file below the attempt's directory.
func (b *bundle) put(name, content string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(b.t, os.WriteFile(path, []byte(content), 0o600))
}

func (b *bundle) read(name string) string {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	require.NoError(b.t, err)
	return string(data)
}

func (b *bundle) readJSON(name string, into any) {
	b.t.Helper()
	decoder := json.NewDecoder(bytes.NewReader([]byte(b.read(name))))
	decoder.DisallowUnknownFields()
	require.NoError(b.t, decoder.Decode(into))
}

// tree lists what lies below the attempt's directory with its modes, folders
// with a '/' at the end.
func (b *bundle) tree() map[string]fs.FileMode {
	b.t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == b.dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(b.dir, path)
		if d.IsDir() {
			name += "/"
		}
		found[name] = info.Mode().Perm()
		return err
	})
	if !os.IsNotExist(err) {
		require.NoError(b.t, err)
	}
	return found
}

// requireFailure checks how an error left its activity.
func requireFailure(t *testing.T, err error, code job.Code, final bool) {
	t.Helper()
	_ = failureOf(t, err, code, final)
}

// failureOf is requireFailure, and what there is to see besides.
func failureOf(t *testing.T, err error, code job.Code, final bool) *temporal.ApplicationError {
	t.Helper()
	var failure *temporal.ApplicationError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, string(code), failure.Type(), failure.Error())
	require.Equal(t, final, failure.NonRetryable(), failure.Error())
	return failure
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
