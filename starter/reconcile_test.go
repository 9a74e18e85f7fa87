package starter

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/workflows"
)

// reconcileFake is a Temporal that knows some workflows; visibility knows none.
type reconcileFake struct {
	temporalFake
	status map[string]enums.WorkflowExecutionStatus
	phase  string
	closed time.Time
}

func (f *reconcileFake) ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return &workflowservice.ListWorkflowExecutionsResponse{}, nil
}

func (f *reconcileFake) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	status, ok := f.status[id]
	if !ok {
		return nil, serviceerror.NewNotFound("none")
	}
	phase, err := converter.GetDefaultDataConverter().ToPayload(f.phase)
	if err != nil {
		return nil, err
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: status, CloseTime: timestamppb.New(f.closed),
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{workflows.AttributePhase.GetName(): phase}},
	}}, nil
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
	require.NoError(t, s.ready(t.Context()), "to look after many takes long")
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

// A document that moves on while the lists are read is looked at as what it became.
func TestReconcileSeesADocumentThatMoves(t *testing.T) {
	t.Parallel()
	temporal := &reconcileFake{status: map[string]enums.WorkflowExecutionStatus{}}
	temporal.execute = func(string) error { return nil }
	s, err := New(Options{
		Client: temporal, Reporter: &reporterFake{map[string]job.Report{}}, PollInterval: time.Second, Grace: time.Minute,
		Logger: slog.New(slog.DiscardHandler),
		Registry: &registryFake{list: func(status modelmanage.Status, each func(modelmanage.Summary) error) error {
			return each(modelmanage.Summary{ID: "7", Status: status, Application: "app", UpdatedAt: time.Now()})
		}},
	})
	require.NoError(t, err)
	result, err := s.Reconcile(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, result.Looked, "and once")
	require.Equal(t, []string{"model-manage-7"}, result.Adopted)
}

// What was terminated before it had looked at any cluster is nobody else's to end.
func TestReconcileCreated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status enums.WorkflowExecutionStatus
		phase  job.Phase
		closed time.Duration
		ended  bool
		left   string
	}{
		{"terminated while loading", enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, job.PhaseLoading, time.Hour, true, ""},
		{"terminated before any worker had it", enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, "", time.Hour, true, ""},
		{"terminated just now", enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, job.PhaseLoading, time.Second, false, "ended when that is 1m0s"},
		{"terminated later", enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, job.PhaseReserving, time.Hour, false, "Sweep ends it"},
		{"open", enums.WORKFLOW_EXECUTION_STATUS_RUNNING, job.PhaseLoading, time.Hour, false, ""},
		{"ended", enums.WORKFLOW_EXECUTION_STATUS_FAILED, job.PhaseDone, time.Hour, false, ""},
		{"not started yet", enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED, "", time.Hour, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			temporal := &reconcileFake{status: map[string]enums.WorkflowExecutionStatus{}, phase: string(c.phase), closed: time.Now().Add(-c.closed)}
			if c.status != enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED {
				temporal.status[job.Key{Source: job.SourceModelManage, ID: "7"}.WorkflowID()] = c.status
			}
			reporter := &reporterFake{map[string]job.Report{}}
			s, err := New(Options{
				Client: temporal, Reporter: reporter, PollInterval: time.Second, Grace: time.Minute, Logger: slog.New(slog.DiscardHandler),
				Registry: &registryFake{list: func(status modelmanage.Status, each func(modelmanage.Summary) error) error {
					if status != modelmanage.StatusCreated {
						return nil
					}
					return each(modelmanage.Summary{ID: "7", Status: status})
				}},
			})
			require.NoError(t, err)
			result, err := s.Reconcile(t.Context())
			require.NoError(t, err)
			require.Zero(t, result.Looked)
			require.Empty(t, temporal.inputs, "starting is the look's")
			if c.left != "" {
				require.Len(t, result.Left, 1)
				require.Contains(t, result.Left[0], c.left)
			}
			if !c.ended {
				require.Empty(t, reporter.ended)
				return
			}
			require.Equal(t, []string{"model-manage-7"}, result.Ended)
			require.Equal(t, job.Failed(job.ClassKilled, job.PhaseLoading, "terminated by an operator"), reporter.ended["7"].Outcome)
		})
	}
}
