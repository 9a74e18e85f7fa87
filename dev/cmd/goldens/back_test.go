package main

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/workflows"
)

// Jobs go back to an old version, but for those that have gone a way which it does not
// have: they wait for the new one.
func TestJobsGoBackUnlessTheyWentANewWay(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldens, "*.json"))
	require.NoError(t, err)
	kept := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		h := golden(t, name)
		newWay := false
		for _, event := range h.GetEvents() {
			newWay = newWay || event.GetEventType() == enums.EVENT_TYPE_MARKER_RECORDED &&
				event.GetMarkerRecordedEventAttributes().GetMarkerName() == "Version"
		}
		replayer, err := sdk.NewWorkflowReplayerWithOptions(sdk.WorkflowReplayerOptions{Interceptors: []interceptor.WorkerInterceptor{&before{}}})
		require.NoError(t, err)
		replayer.RegisterWorkflowWithOptions(workflows.SparkBatchJob, workflow.RegisterOptions{Name: workflows.TypeSparkBatchJob})
		err = replayer.ReplayWorkflowHistory(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)), h)
		if !newWay {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, "TMPRL1100", name)
		kept++
	}
	require.Positive(t, kept)
}
