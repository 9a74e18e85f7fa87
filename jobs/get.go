package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

const (
	// callTimeout bounds one call to Temporal, queryTimeout one that a worker answers.
	callTimeout  = 10 * time.Second
	queryTimeout = 3 * time.Second
	// storeTimeout bounds the reading of a record or of progress.
	storeTimeout = 10 * time.Second
	// unserved is how long a task may wait for a worker before that is said.
	unserved = 3 * time.Second
)

// Get says how a job is: by its workflow, else by its record.
func (s *Service) Get(ctx context.Context, id string) (View, error) {
	if err := checkID(id); err != nil {
		return View{}, err
	}
	described, err := s.describe(ctx, id)
	switch {
	case isNotFound(err):
		return s.archived(ctx, id, unknown(id))
	case err != nil:
		return s.archived(ctx, id, failure("look for job "+id, err))
	}
	info := described.GetWorkflowExecutionInfo()
	view := s.listed(info)
	if info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return s.alive(ctx, view, described), nil
	}
	record, err := s.record(ctx, id, view.Cluster)
	recorded := err == nil && record != nil
	if recorded && isOf(*record, info) {
		return s.linked(ofRecord(*record), record.RunID), nil
	}
	view = s.closed(ctx, view, info)
	if recorded && (view.endsAs(*record) || !view.Ended() && !interrupted(info.GetStatus())) {
		return s.linked(ofRecord(*record), record.RunID), nil
	}
	return view, nil
}

// isOf: a record is that of a workflow's run. That of another one may be from before a
// reset, and says nothing of this run's end; Sweep makes one behind the end of a run that
// was terminated.
func isOf(r job.Record, info *workflowpb.WorkflowExecutionInfo) bool {
	return r.RunID == info.GetExecution().GetRunId() || !r.EndedAt.Before(info.GetCloseTime().AsTime())
}

// endsAs: a run that repeats a job which had ended closes as its record says, and knows
// less than that.
func (v View) endsAs(r job.Record) bool {
	return v.Ended() && v.Outcome.Result == r.Outcome.Result && v.Times.EndedAt.Equal(r.EndedAt)
}

func (s *Service) describe(ctx context.Context, id string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return s.options.Client.DescribeWorkflowExecution(ctx, workflowID(id), "")
}

func (s *Service) linked(v View, run string) View {
	v.Links = s.links(v.ID, run)
	return v
}

// listed is a job as far as Temporal's visibility knows it.
func (s *Service) listed(info *workflowpb.WorkflowExecutionInfo) View {
	id := strings.TrimPrefix(info.GetExecution().GetWorkflowId(), workflowID(""))
	attributes := info.GetSearchAttributes().GetIndexedFields()
	v := View{
		ID: id, Source: sourceOf(id),
		Kind: job.Kind(text(attributes[workflows.AttributeKind.GetName()])), Name: text(info.GetMemo().GetFields()[workflows.MemoName]),
		User: text(attributes[workflows.AttributeUser.GetName()]), Cluster: text(attributes[workflows.AttributeCluster.GetName()]),
		Queue: text(attributes[workflows.AttributeQueue.GetName()]), Labels: labels(attributes[workflows.AttributeLabels.GetName()]),
		Profile:       text(info.GetMemo().GetFields()[workflows.MemoProfile]),
		Phase:         job.Phase(text(attributes[workflows.AttributePhase.GetName()])),
		ApplicationID: text(attributes[workflows.AttributeApp.GetName()]),
		Times:         Times{SubmittedAt: info.GetStartTime().AsTime()},
		runAt:         info.GetStartTime().AsTime(),
		open:          info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING,
	}
	if info.GetCloseTime() != nil {
		v.Times.EndedAt = info.GetCloseTime().AsTime()
	}
	if result := text(attributes[workflows.AttributeOutcome.GetName()]); result != "" && !v.open {
		v.Outcome = &Outcome{Result: job.Result(result)}
	}
	if interrupted(info.GetStatus()) {
		v.WaitingFor = wordsInterrupted
	}
	return s.linked(v, info.GetExecution().GetRunId())
}

// interrupted: the workflow was ended from outside and has run no code since.
func interrupted(status enums.WorkflowExecutionStatus) bool {
	return status == enums.WORKFLOW_EXECUTION_STATUS_TERMINATED || status == enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT
}

const wordsInterrupted = "its workflow was terminated, so nobody follows it: Sweep ends it, or \"stoker admin sweep\""

const wordsNoResult = "its workflow ended without saying how: look at its history"

// Abandoned reports whether the job's workflow has closed without an outcome, so that
// nothing goes on by itself; WaitingFor says what can be done.
func (v View) Abandoned() bool {
	return !v.Ended() && (v.WaitingFor == wordsInterrupted || v.WaitingFor == wordsNoResult)
}

func text(payload *commonpb.Payload) string {
	var value string
	if payload == nil || converter.GetDefaultDataConverter().FromPayload(payload, &value) != nil {
		return ""
	}
	return value
}

// labels are AttributeLabels read back.
func labels(payload *commonpb.Payload) map[string]string {
	var values []string
	if payload == nil || converter.GetDefaultDataConverter().FromPayload(payload, &values) != nil || len(values) == 0 {
		return nil
	}
	all := make(map[string]string, len(values))
	for _, v := range values {
		key, value, _ := strings.Cut(v, "=")
		all[key] = value
	}
	return all
}

// alive asks the job's workflow itself, if a worker answers for it.
func (s *Service) alive(ctx context.Context, v View, described *workflowservice.DescribeWorkflowExecutionResponse) View {
	task := described.GetPendingWorkflowTask()
	if task.GetState() == enums.PENDING_WORKFLOW_TASK_STATE_SCHEDULED && time.Since(task.GetScheduledTime().AsTime()) > unserved {
		v.WaitingFor, v.Cancelling = wordsNoWorker, s.asked(ctx, described.GetWorkflowExecutionInfo().GetExecution())
		return v
	}
	query, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var status workflows.StatusView
	answer, err := s.options.Client.QueryWorkflow(query, workflowID(v.ID), "", workflows.QueryStatus)
	if err == nil {
		err = answer.Get(&status)
	}
	if err != nil {
		if ctx.Err() == nil {
			v.WaitingFor, v.Cancelling = wordsNoWorker, s.asked(ctx, described.GetWorkflowExecutionInfo().GetExecution())
		}
		return v
	}
	v.Phase, v.Attempt, v.WaitingFor, v.ClusterSays = status.Phase, status.Attempt, status.Obstacle, status.Observation.Raw
	if status.Cluster != "" {
		v.Cluster = status.Cluster
	}
	if status.Spec != nil && status.Spec.Profile != "" {
		v.Profile = status.Spec.Profile // of jobs that did not come through the API, too
	}
	if status.Application != "" {
		v.ApplicationID = status.Application
	}
	if !status.SubmittedAt.IsZero() {
		v.Times.SubmittedAt = status.SubmittedAt
	}
	v.Times.WaitingAt, v.Times.RunningAt, v.Times.EndedAt = status.WaitingAt, status.RunningAt, status.EndedAt
	if status.Cancel != nil {
		v.Cancelling = cancelWords(*status.Cancel)
	}
	// The outcome stands when nothing can change it any more, a moment before the
	// workflow has told everybody and closes.
	v.Outcome = outcomeOf(status.Outcome)
	if v.Phase == job.PhaseRunning {
		v.Progress = s.progress(ctx, v)
	}
	return v
}

const wordsNoWorker = "no worker serves queue " + workflows.QueueCentral + ": the job goes on when one does"

func (s *Service) progress(ctx context.Context, v View) *job.Progress {
	cluster, ok := s.options.Clusters[v.Cluster]
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	logs, err := cluster.Logs.Attempt(job.AttemptOf(v.ID, max(v.Attempt, 1)))
	if err != nil {
		return nil
	}
	progress, err := logs.Progress(ctx)
	if err != nil {
		return nil // it decides nothing
	}
	return progress
}

// archived is a job of which only the record is left; without one, otherwise says why
// there is nothing to show.
func (s *Service) archived(ctx context.Context, id string, otherwise error) (View, error) {
	record, err := s.record(ctx, id, "")
	switch {
	case record != nil:
		return s.linked(ofRecord(*record), record.RunID), nil
	case err != nil && job.CodeOf(otherwise) == job.CodeNotFound:
		return View{}, err
	}
	return View{}, otherwise
}

// record looks for the record of a job, first on the cluster that it is thought to
// have run on.
func (s *Service) record(ctx context.Context, id, cluster string) (*job.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if c, ok := s.options.Clusters[cluster]; ok {
		return c.Logs.Record(ctx, id)
	}
	type answer struct {
		record *job.Record
		err    error
	}
	answers := make(chan answer, len(s.options.Clusters))
	for name, c := range s.options.Clusters {
		go func() {
			record, err := c.Logs.Record(ctx, id)
			if err != nil {
				err = fmt.Errorf("cluster %s: %w", name, err)
			}
			answers <- answer{record, err}
		}()
	}
	var errs []error
	for range s.options.Clusters {
		a := <-answers
		if a.record != nil {
			return a.record, nil
		}
		errs = append(errs, a.err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, job.Errorf(job.CodeUnavailable, "look for the record of job %s: %w", id, err)
	}
	return nil, nil
}

// closed is a job whose workflow has ended and left no record: of what never came to a
// cluster, and of what was ended from outside.
func (s *Service) closed(ctx context.Context, v View, info *workflowpb.WorkflowExecutionInfo) View {
	if interrupted(info.GetStatus()) {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	result, err := result(ctx, s.options.Client, info)
	if err != nil || result.Outcome.Result == "" {
		if err == nil || errors.As(err, new(*temporal.WorkflowExecutionError)) {
			v.WaitingFor = wordsNoResult
		}
		return v
	}
	v.Phase, v.Outcome = job.PhaseDone, outcomeOf(&result.Outcome)
	v.ApplicationID, v.Attempt = result.Application, result.Attempts
	v.Times.WaitingAt, v.Times.RunningAt = result.WaitingAt, result.RunningAt
	if !result.EndedAt.IsZero() {
		v.Times.EndedAt = result.EndedAt
	}
	return v
}

// result reads how a workflow closed.
func result(ctx context.Context, c client.Client, info *workflowpb.WorkflowExecutionInfo) (workflows.Result, error) {
	var result workflows.Result
	err := c.GetWorkflow(ctx, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId()).Get(ctx, &result)
	var failed *temporal.ApplicationError
	var cancelled *temporal.CanceledError
	switch {
	case errors.As(err, &failed) && failed.HasDetails():
		err = failed.Details(&result)
	case errors.As(err, &cancelled) && cancelled.HasDetails():
		err = cancelled.Details(&result)
	}
	return result, err
}
