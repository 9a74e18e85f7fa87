package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/doctor"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/starter"
	"github.com/stoker-spark/stoker/workflows"
)

// sweepServer is the Temporal that Sweep asks.
type sweepServer struct {
	client    client.Client
	namespace string
}

var _ activities.Temporal = (*sweepServer)(nil)

// askTimeout bounds one question.
const askTimeout = 10 * time.Second

// Namespace implements activities.Temporal. It asks each time: the server may have
// another database than when this process began.
func (s *sweepServer) Namespace(ctx context.Context) (name, id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	described, err := s.client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: s.namespace})
	if err != nil {
		return "", "", job.Errorf(job.CodeUnavailable, "ask temporal for namespace %s: %w", s.namespace, err)
	}
	return s.namespace, described.GetNamespaceInfo().GetId(), nil
}

// Workflow implements activities.Temporal.
func (s *sweepServer) Workflow(ctx context.Context, workflowID string) (activities.WorkflowState, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	described, err := s.client.DescribeWorkflowExecution(ctx, workflowID, "")
	var missing *serviceerror.NotFound
	switch {
	case errors.As(err, &missing):
		return activities.WorkflowState{}, nil
	case err != nil:
		return activities.WorkflowState{}, job.Errorf(job.CodeUnavailable, "ask temporal for workflow %s: %w", workflowID, err)
	}
	info := described.GetWorkflowExecutionInfo()
	state := activities.WorkflowState{Found: true, ClosedAt: info.GetCloseTime().AsTime()}
	switch info.GetStatus() {
	case enums.WORKFLOW_EXECUTION_STATUS_RUNNING, enums.WORKFLOW_EXECUTION_STATUS_PAUSED,
		enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED, enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		state.Open = true
	case enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		state.Interrupted = true
	case enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, enums.WORKFLOW_EXECUTION_STATUS_FAILED, enums.WORKFLOW_EXECUTION_STATUS_CANCELED:
	}
	return state, nil
}

// Adopt implements activities.Temporal.
func (s *sweepServer) Adopt(ctx context.Context, key job.Key, request *job.Request) error {
	return starter.Adopt(ctx, s.client, key, request)
}

// Interrupted implements activities.Temporal. What the workflow was started with is in
// its history; what it knew at its end, a worker finds out by replaying that.
func (s *sweepServer) Interrupted(ctx context.Context, workflowID string) (activities.InterruptedJob, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	described, err := s.client.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return activities.InterruptedJob{}, job.Errorf(job.CodeUnavailable, "ask temporal for workflow %s: %w", workflowID, err)
	}
	run := described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	events := s.client.GetWorkflowHistory(ctx, workflowID, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	event, err := events.Next()
	if err != nil {
		return activities.InterruptedJob{}, job.Errorf(job.CodeUnavailable, "read the history of %s: %w", workflowID, err)
	}
	started := event.GetWorkflowExecutionStartedEventAttributes()
	var in workflows.Input
	if err := converter.GetDefaultDataConverter().FromPayloads(started.GetInput(), &in); err != nil {
		return activities.InterruptedJob{}, job.Errorf(job.CodeInternal, "read the input of %s: %w", workflowID, err)
	}
	found := activities.InterruptedJob{
		Key: in.Key, Request: in.Request, RunAt: event.GetEventTime().AsTime(), SubmittedAt: event.GetEventTime().AsTime(),
		RunID: run,
	}
	if in.Request != nil {
		found.Spec = jobspec.Header(*in.Request)
	}
	answer, err := s.client.QueryWorkflow(ctx, workflowID, run, workflows.QueryStatus)
	var status workflows.StatusView
	if err == nil {
		err = answer.Get(&status)
	}
	switch {
	case err != nil && unanswered(err):
		return found, job.Errorf(job.CodeUnavailable, "ask what workflow %s knew: %w", workflowID, err)
	case err != nil:
		// No worker ever had it, or none can go through its history any more: it is ended all
		// the same.
		return found, nil
	}
	found.Phase, found.WaitingAt, found.RunningAt, found.EndedAt = status.Phase, status.WaitingAt, status.RunningAt, status.EndedAt
	found.Outcome, found.Attempts, found.Application = status.Outcome, status.Attempt, status.Application
	if !status.SubmittedAt.IsZero() {
		found.SubmittedAt = status.SubmittedAt
	}
	if status.Spec != nil {
		found.Spec = *status.Spec
	}
	return found, nil
}

// unanswered: the server could not be asked, or no worker was there to answer, which
// passes.
func unanswered(err error) bool {
	switch serviceerror.ToStatus(err).Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.ResourceExhausted, codes.Unknown, codes.Internal:
		return true
	default:
		return false
	}
}

// mostTerminated bounds how many terminated jobs are looked at, the latest first.
const mostTerminated = 1000

// Terminated implements activities.Temporal.
func (s *sweepServer) Terminated(ctx context.Context, cluster string, since, until time.Time) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	page, err := s.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus IN ('Terminated', 'TimedOut') AND %s = '%s' AND CloseTime >= '%s' AND CloseTime < '%s'",
			workflows.TypeSparkBatchJob, workflows.AttributeCluster.GetName(), cluster, since.UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339)),
		PageSize: mostTerminated,
	})
	if err != nil {
		return nil, job.Errorf(job.CodeUnavailable, "list the terminated jobs of cluster %s: %w", cluster, err)
	}
	ids := make([]string, 0, len(page.GetExecutions()))
	for _, info := range page.GetExecutions() {
		ids = append(ids, info.GetExecution().GetWorkflowId())
	}
	return ids, nil
}

// SweepInput is how a cluster is swept by the configuration.
func SweepInput(c config.Config, cluster string) workflows.SweepInput {
	return workflows.SweepInput{
		Cluster: cluster, Grace: c.Sweep.Grace, Markers: c.Sweep.KeepMarkers, Logs: c.Sweep.KeepLogs,
		Artifacts: c.Clusters[cluster].Artifacts.Expiry,
	}
}

// scheduleSweeps makes sure that each cluster is swept as its configuration says.
func (w *Worker) scheduleSweeps(ctx context.Context) {
	every := w.options.Config.Sweep.Interval
	if !w.options.has(RoleTransfer) {
		return
	}
	for name := range w.options.Clusters {
		if err := w.scheduleSweep(ctx, name, every); err != nil {
			w.options.Logger.Warn("sweep not scheduled; run \"stoker admin sweep\" by hand", "cluster", name, "error", err)
		}
	}
}

func (w *Worker) scheduleSweep(ctx context.Context, cluster string, every time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	schedules := w.options.Client.ScheduleClient()
	handle := schedules.GetHandle(ctx, workflows.SweepScheduleID(cluster))
	if every == 0 {
		err := handle.Delete(ctx)
		var missing *serviceerror.NotFound
		if errors.As(err, &missing) {
			return nil
		}
		return err
	}
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: every}}}
	action := &client.ScheduleWorkflowAction{
		ID: workflows.SweepID(cluster), Workflow: workflows.TypeSweep, TaskQueue: workflows.QueueCentral,
		Args: []any{SweepInput(w.options.Config, cluster)}, StaticSummary: "ends what nobody looks after on cluster " + cluster,
	}
	_, err := schedules.Create(ctx, client.ScheduleOptions{
		ID: workflows.SweepScheduleID(cluster), Spec: spec, Action: action, TriggerImmediately: true,
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: every,
	})
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	// The configuration may have changed since.
	err = handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			schedule := in.Description.Schedule
			schedule.Spec, schedule.Action = &spec, action
			return &client.ScheduleUpdate{Schedule: &schedule}, nil
		},
	})
	if err != nil {
		return fmt.Errorf("update the schedule: %w", err)
	}
	return nil
}

// SweepNow sweeps a cluster and waits for the end.
func SweepNow(ctx context.Context, c client.Client, in workflows.SweepInput) (workflows.SweepResult, error) {
	var result workflows.SweepResult
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.SweepID(in.Cluster), TaskQueue: workflows.QueueCentral,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            "sweep of cluster " + in.Cluster + " by hand",
	}, workflows.TypeSweep, in)
	if err != nil {
		return result, err
	}
	return result, run.Get(ctx, &result)
}

// CheckSweep makes the check of a cluster's sweeps.
func CheckSweep(c client.Client, settings config.Config, cluster string) []doctor.Check {
	return doctor.OfSweep(cluster, settings.Sweep.Interval, func(ctx context.Context) (doctor.Swept, error) {
		page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: fmt.Sprintf("WorkflowType = '%s' AND WorkflowId STARTS_WITH '%s' AND ExecutionStatus != 'Running'",
				workflows.TypeSweep, workflows.SweepID(cluster)),
			PageSize: 20,
		})
		if err != nil {
			return doctor.Swept{}, err
		}
		for _, info := range page.GetExecutions() { // the latest first
			var result workflows.SweepResult
			err := c.GetWorkflow(ctx, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId()).Get(ctx, &result)
			if err == nil && result.Cluster != cluster {
				continue // of another cluster, whose name begins alike
			}
			swept := doctor.Swept{
				At: info.GetCloseTime().AsTime(), Unknown: result.Unknown, Failed: result.Failed,
				Done: len(result.Ended) + len(result.Cleaned) + len(result.Orphans) + len(result.Adopted),
			}
			if len(result.Adopted) > 0 {
				swept.Unknown = nil
			}
			var failed *temporal.ApplicationError
			if errors.As(err, &failed) {
				err = failed
			}
			if err != nil {
				swept.Error = err.Error()
			}
			return swept, nil
		}
		return doctor.Swept{}, nil
	})
}
