package observe

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/telemetry/tracetest"
	"github.com/stoker-spark/stoker/workflows"
)

// spans waits until a trace holds a name, and returns it all by name.
func spans(t *testing.T, trace, until string) map[string][]tracetest.Span {
	t.Helper()
	var found map[string][]tracetest.Span
	require.Eventually(t, func() bool {
		found = map[string][]tracetest.Span{}
		for _, s := range collector.Spans() {
			if s.Trace == trace {
				found[s.GetName()] = append(found[s.GetName()], s)
			}
		}
		return len(found[until]) > 0
	}, patience, 50*time.Millisecond, "trace %s has no %s", trace, until)
	return found
}

// One trace leads from the request that submits a job through its workflow to each
// activity; another one from the starter on. None holds what users said or sent.
func TestOneTraceOfAJob(t *testing.T) {
	t.Parallel()
	in := watched.get(t)
	starts := map[string]tracetest.Span{}
	for _, s := range collector.Find("StartWorkflow:" + workflows.TypeSparkBatchJob) {
		starts[s.Attribute("temporalWorkflowID")] = s
	}
	submitted := job.AttemptOf(in.succeeded.ID, 1).WorkflowID
	require.Contains(t, starts, submitted)
	trace := spans(t, starts[submitted].Trace, "RunActivity:Clean")
	require.Len(t, trace["POST /v1/jobs"], 1)
	require.Equal(t, trace["POST /v1/jobs"][0].ID, starts[submitted].Parent)
	require.NotEmpty(t, trace["RunWorkflow:"+workflows.TypeSparkBatchJob])
	for _, activity := range []string{"Load", "Reserve", "Stage", "Submit", "ReportEnd", "Clean"} {
		begun, run := trace["StartActivity:"+activity], trace["RunActivity:"+activity]
		require.NotEmpty(t, begun, activity)
		require.NotEmpty(t, run, activity)
		require.True(t, slices.ContainsFunc(begun, func(s tracetest.Span) bool { return s.ID == run[0].Parent }), activity)
		require.Equal(t, submitted, run[0].Attribute("temporalWorkflowID"))
	}

	registered := job.Key{Source: job.SourceModelManage, ID: in.registered}.WorkflowID()
	require.Contains(t, starts, registered)
	require.Empty(t, starts[registered].Parent)
	spans(t, starts[registered].Trace, "RunActivity:Clean")
	collector.RequireWordless(t, secret, "hunter")
}

// A history that was made with traces replays without them, after they were switched off.
func TestReplayWithoutTraces(t *testing.T) {
	t.Parallel()
	in := watched.get(t)
	var history historypb.History
	events := in.Client.GetWorkflowHistory(t.Context(), job.AttemptOf(in.failed.ID, 1).WorkflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		history.Events = append(history.Events, event)
	}
	require.True(t, slices.ContainsFunc(history.GetEvents(), func(e *historypb.HistoryEvent) bool {
		return len(e.GetActivityTaskScheduledEventAttributes().GetHeader().GetFields()) > 0
	}), "it was made with traces")
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(workflows.SparkBatchJob, workflow.RegisterOptions{Name: workflows.TypeSparkBatchJob})
	require.NoError(t, replayer.ReplayWorkflowHistory(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)), &history))
}

// Jobs run, and an installation stops, with a collector that never answers.
func TestJobsRunWithACollectorThatHangs(t *testing.T) {
	watched.get(t) // the environment is for all that start
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hanging.Close()
	defer close(release)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", hanging.URL)
	in := start(t, t.TempDir(), func(*config.Config) {})
	j := in.wait(t, in.submit(t, "print('done')"))
	require.Equal(t, job.ResultSucceeded, j.Outcome.Result)
	begin := time.Now()
	require.NoError(t, in.Stop())
	require.Less(t, time.Since(begin), 15*time.Second)
}
