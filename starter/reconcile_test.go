package starter

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/workflows"
)

// reconcileFake is a Temporal that knows some workflows; visibility knows none.
type reconcileFake struct {
	temporalFake
	status map[string]enums.WorkflowExecutionStatus
}

func (f *reconcileFake) ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return &workflowservice.ListWorkflowExecutionsResponse{}, nil
}

func (f *reconcileFake) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	status, ok := f.status[id]
	if !ok {
		return nil, serviceerror.NewNotFound("none")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: status}}, nil
}

type reporterFake struct{ ended map[string]job.Report }

func (f *reporterFake) Report(_ context.Context, id string, r job.Report) (job.Standing, error) {
	f.ended[id] = r
	return job.Standing{}, nil
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	running := map[string]enums.WorkflowExecutionStatus{}
	for id, status := range map[string]enums.WorkflowExecutionStatus{
		"open": enums.WORKFLOW_EXECUTION_STATUS_RUNNING, "terminated": enums.WORKFLOW_EXECUTION_STATUS_TERMINATED,
		"closed": enums.WORKFLOW_EXECUTION_STATUS_COMPLETED,
	} {
		running[job.Key{Source: job.SourceModelManage, ID: id}.WorkflowID()] = status
	}
	temporal := &reconcileFake{status: running}
	temporal.execute = func(string) error { return nil }
	reporter := &reporterFake{map[string]job.Report{}}
	old := time.Now().Add(-time.Hour)
	registry := &registryFake{list: func(status modelmanage.Status, each func(modelmanage.Summary) error) error {
		if status != modelmanage.StatusRunning {
			return nil
		}
		for id, application := range map[string]string{"open": "app", "terminated": "app", "closed": "app", "lost": "app", "nowhere": ""} {
			if err := each(modelmanage.Summary{ID: id, Status: status, Application: application, UpdatedAt: old}); err != nil {
				return err
			}
		}
		return nil
	}}
	options := Options{
		Client: temporal, Registry: registry, Reporter: reporter, PollInterval: time.Second, Grace: time.Minute,
		Logger: slog.New(slog.DiscardHandler),
	}
	s, err := New(options)
	require.NoError(t, err)
	result, err := s.Reconcile(t.Context())
	require.NoError(t, err)
	require.Equal(t, 5, result.Looked)
	require.Equal(t, []string{"model-manage-lost"}, result.Adopted)
	require.Len(t, result.Left, 3, "the others are seen for the first time, or Sweep's")
	require.Empty(t, reporter.ended)
	in, _ := temporal.inputs[0].([]any)[1].(workflows.Input)
	require.True(t, in.Adopt, "what was launched is never launched again")

	options.TrustDocuments = true
	s, err = New(options)
	require.NoError(t, err)
	result, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"model-manage-closed"}, result.Ended, "Temporal knows that nobody moves it")
	require.ElementsMatch(t, []string{"model-manage-lost", "model-manage-nowhere"}, result.Adopted,
		"another namespace may look after what this one does not know: the adoption finds out")
	for _, input := range temporal.inputs {
		in, _ := input.([]any)[1].(workflows.Input)
		require.True(t, in.Adopt, in.Key.ID)
	}
	require.Len(t, reporter.ended, 1)
	require.Equal(t, job.MilestoneEnded, reporter.ended["closed"].Milestone)
	require.Contains(t, reporter.ended["closed"].Outcome.Message, "could not tell how")
}
