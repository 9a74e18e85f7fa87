package workflows

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// bundle is a workflow test: a world of activities whose answers a test sets,
// under a clock that skips.
type bundle struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment
	key job.Key
	// request of a job that has no other source.
	request *job.Request

	mu    sync.Mutex
	calls []string
	// reports in the order they were delivered.
	reports []activities.ReportInput
	// records that were kept.
	records []job.Record
	// cleans are the calls of Clean.
	cleans []activities.CleanInput
	// tally of what was counted.
	tally *tally
	began time.Time

	spec     job.Spec
	load     func() (activities.LoadResult, error)
	reserve  func(activities.ReserveInput) (activities.ReserveResult, error)
	stage    func(activities.StageInput) (activities.StageResult, error)
	submit   func(activities.SubmitInput) (activities.SubmitResult, error)
	observe  func(activities.ObserveInput) (job.Observation, error)
	kill     func(activities.KillInput) error
	collect  func(activities.CollectInput) (activities.CollectResult, error)
	report   func(activities.ReportInput) (activities.ReportResult, error)
	endCall  func(activities.ReportInput) (activities.ReportResult, error)
	cleaning func(activities.CleanInput) error
	archive  func(activities.ArchiveInput) error
	onRecord activities.EndOnRecordResult
}

var returned = &job.DriverReport{State: "returned"}

func succeeded() job.Observation {
	zero := 0
	return job.Observation{State: job.StateSucceeded, ExitCode: &zero, Began: job.BeganYes, Driver: returned}
}

func setup(t *testing.T) *bundle {
	t.Helper()
	t.Parallel()
	return setupSerial(t)
}

func setupSerial(t *testing.T) *bundle {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	tally := newTally()
	suite.SetMetricsHandler(tallyHandler{client.MetricsNopHandler, tally, nil})
	b := &bundle{
		tally: tally,
		t:     t, env: suite.NewTestWorkflowEnvironment(),
		key: job.Key{Source: job.SourceModelManage, ID: "7"},
		spec: job.Spec{
			Kind: job.KindScoring, Name: "credit", Cluster: "local", PythonDriver: true, EmbeddedOutputs: 1,
			User: "ann", Tenant: "risk", ModelID: "m1",
			Deadline: 24 * time.Hour, OutageLimit: 2 * time.Hour, Retry: job.RetryPolicy{InfrastructureRetries: 2},
		},
	}
	b.began = b.env.Now()
	b.load = func() (activities.LoadResult, error) {
		return activities.LoadResult{Spec: b.spec, Digest: "d", Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	b.reserve = func(in activities.ReserveInput) (activities.ReserveResult, error) {
		return activities.ReserveResult{Application: "local-" + in.Attempt.String()}, nil
	}
	b.stage = func(activities.StageInput) (activities.StageResult, error) {
		return activities.StageResult{Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	b.submit = func(activities.SubmitInput) (activities.SubmitResult, error) {
		return activities.SubmitResult{Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	b.observe = b.observing(
		job.Observation{State: job.StatePending},
		job.Observation{State: job.StateRunning, Began: job.BeganYes},
		succeeded(),
	)
	b.kill = func(activities.KillInput) error { return nil }
	b.collect = func(activities.CollectInput) (activities.CollectResult, error) {
		return activities.CollectResult{}, nil
	}
	b.report = func(activities.ReportInput) (activities.ReportResult, error) {
		return activities.ReportResult{Standing: job.Standing{State: job.StandingOpen}}, nil
	}
	b.endCall = b.report
	b.cleaning = func(activities.CleanInput) error { return nil }
	b.archive = func(activities.ArchiveInput) error { return nil }
	b.register()
	// Without it the test environment bounds every activity by ten minutes.
	b.env.SetWorkflowRunTimeout(90 * 24 * time.Hour)
	b.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	return b
}

// observing answers one observation after the other, the last for ever.
func (b *bundle) observing(list ...job.Observation) func(activities.ObserveInput) (job.Observation, error) {
	next := 0
	return func(activities.ObserveInput) (job.Observation, error) {
		o := list[next]
		if next < len(list)-1 {
			next++
		}
		return o, nil
	}
}

func (b *bundle) register() {
	named := func(name string, fn any) {
		b.env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	named("Load", func(context.Context, activities.LoadInput) (activities.LoadResult, error) {
		b.called("load")
		return b.load()
	})
	named("Reserve", func(_ context.Context, in activities.ReserveInput) (activities.ReserveResult, error) {
		b.called("reserve")
		return b.reserve(in)
	})
	named("Stage", func(_ context.Context, in activities.StageInput) (activities.StageResult, error) {
		b.called("stage")
		return b.stage(in)
	})
	named("Submit", func(_ context.Context, in activities.SubmitInput) (activities.SubmitResult, error) {
		b.called("submit")
		return b.submit(in)
	})
	named("Observe", func(_ context.Context, in activities.ObserveInput) (job.Observation, error) {
		b.called("observe")
		return b.observe(in)
	})
	named("Kill", func(_ context.Context, in activities.KillInput) error {
		b.called("kill")
		return b.kill(in)
	})
	named("Collect", func(_ context.Context, in activities.CollectInput) (activities.CollectResult, error) {
		b.called("collect")
		return b.collect(in)
	})
	named("Report", func(_ context.Context, in activities.ReportInput) (activities.ReportResult, error) {
		b.called("report " + string(in.Milestone))
		return b.delivered(in, b.report)
	})
	named("ReportEnd", func(_ context.Context, in activities.ReportInput) (activities.ReportResult, error) {
		b.called("report " + string(in.Milestone) + " from cluster")
		return b.delivered(in, b.endCall)
	})
	named("Clean", func(_ context.Context, in activities.CleanInput) error {
		b.called("clean")
		b.cleans = append(b.cleans, in)
		if in.Record != nil {
			b.records = append(b.records, *in.Record)
		}
		return b.cleaning(in)
	})
	named("EndOnRecord", func(_ context.Context, in activities.EndOnRecordInput) (activities.EndOnRecordResult, error) {
		b.called("end on record")
		require.Equal(b.t, b.key.Name(), in.Job)
		return b.onRecord, nil
	})
	named("Archive", func(_ context.Context, in activities.ArchiveInput) error {
		b.called("archive")
		b.records = append(b.records, in.Record)
		return b.archive(in)
	})
	b.env.RegisterWorkflowWithOptions(SparkBatchJob, workflow.RegisterOptions{Name: TypeSparkBatchJob})
}

func (b *bundle) called(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, what)
}

func (b *bundle) delivered(in activities.ReportInput, answer func(activities.ReportInput) (activities.ReportResult, error)) (activities.ReportResult, error) {
	result, err := answer(in)
	if err == nil {
		b.mu.Lock()
		b.reports = append(b.reports, in)
		b.mu.Unlock()
	}
	return result, err
}

// count is how often a call was made.
func (b *bundle) count(what string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, c := range b.calls {
		if c == what {
			n++
		}
	}
	return n
}

func (b *bundle) run() {
	b.env.ExecuteWorkflow(TypeSparkBatchJob, Input{Key: b.key, Request: b.request})
}

// outcome is the outcome of the finished workflow, however it closed.
func (b *bundle) outcome() job.Outcome { return b.result().Outcome }

func (b *bundle) result() Result {
	b.t.Helper()
	require.True(b.t, b.env.IsWorkflowCompleted(), "the workflow has not closed")
	err := b.env.GetWorkflowError()
	var result Result
	if err == nil {
		require.NoError(b.t, b.env.GetWorkflowResult(&result))
		return result
	}
	var application *temporal.ApplicationError
	var canceled *temporal.CanceledError
	switch {
	case asError(err, &canceled):
		require.NoError(b.t, canceled.Details(&result))
	case asError(err, &application):
		require.NoError(b.t, application.Details(&result))
	default:
		require.NoError(b.t, err)
	}
	return result
}

// last is the final report.
func (b *bundle) last() activities.ReportInput {
	b.t.Helper()
	require.NotEmpty(b.t, b.reports)
	return b.reports[len(b.reports)-1]
}

func (b *bundle) status() StatusView {
	b.t.Helper()
	value, err := b.env.QueryWorkflow(QueryStatus)
	require.NoError(b.t, err)
	var view StatusView
	require.NoError(b.t, value.Get(&view))
	return view
}

// details are what the Web UI shows.
func (b *bundle) details() string {
	b.t.Helper()
	value, err := b.env.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(b.t, err)
	var metadata sdk.WorkflowMetadata
	require.NoError(b.t, value.Get(&metadata))
	return metadata.GetCurrentDetails()
}

// after runs f once the workflow's clock has moved on by d.
func (b *bundle) after(d time.Duration, f func()) { b.env.RegisterDelayedCallback(f, d) }

func unavailable() error {
	return temporal.NewApplicationError("the cluster does not answer", string(job.CodeUnavailable))
}

func final(code job.Code, message string) error {
	return temporal.NewNonRetryableApplicationError(message, string(code), nil)
}

// quiet is a logger for tests.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
