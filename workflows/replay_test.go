package workflows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// leastGoldens is how many recorded histories there must be: a replay of none
// would pass.
const leastGoldens = 28

// TestReplay replays histories recorded on a real server (make goldens). A
// change that breaks one breaks the jobs that are running when it is deployed.
func TestReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "histories", "*.json"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), leastGoldens)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			replayer := worker.NewWorkflowReplayer()
			replayer.RegisterWorkflowWithOptions(SparkBatchJob, workflow.RegisterOptions{Name: TypeSparkBatchJob})
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(quiet{}, file))
		})
	}
}

// TestReplayWithTraces: traces may be switched on while jobs run.
func TestReplayWithTraces(t *testing.T) {
	t.Parallel()
	tracing, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{})
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join("testdata", "histories", "*.json"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), leastGoldens)
	for _, file := range files {
		replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: []interceptor.WorkerInterceptor{tracing}})
		require.NoError(t, err)
		replayer.RegisterWorkflowWithOptions(SparkBatchJob, workflow.RegisterOptions{Name: TypeSparkBatchJob})
		require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(quiet{}, file), file)
	}
}

// TestReplayNoticesAChange makes sure that a replay can fail at all.
func TestReplayNoticesAChange(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "histories", "complete.json"))
	require.NoError(t, err)
	changed := strings.Replace(string(data), `"name": "Reserve"`, `"name": "Elsewhere"`, 1)
	require.NotEqual(t, string(data), changed)
	file := filepath.Join(t.TempDir(), "changed.json")
	require.NoError(t, os.WriteFile(file, []byte(changed), 0o600))
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(SparkBatchJob, workflow.RegisterOptions{Name: TypeSparkBatchJob})
	require.Error(t, replayer.ReplayWorkflowHistoryFromJSONFile(quiet{}, file))
}
