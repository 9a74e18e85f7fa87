package starter

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/workflows"
)

// Reporter tells model-manage how a job ended.
type Reporter interface {
	Report(ctx context.Context, id string, report job.Report) (job.Standing, error)
}

var _ Reporter = (*modelmanage.Source)(nil)

// Reconciled is what a reconciliation did, by job.
type Reconciled struct {
	// Looked is how many documents are WAITING or RUNNING.
	Looked int `json:"looked"`
	// Adopted have a workflow again; Ended were set to ERROR.
	Adopted []string `json:"adopted,omitempty"`
	Ended   []string `json:"ended,omitempty"`
	// Left are without an open workflow, and not touched yet; each says why.
	Left []string `json:"left,omitempty"`
}

// Reconcile looks for documents of our engines that are WAITING or RUNNING although no
// workflow moves them: Temporal's database was lost or restored, or a workflow was
// terminated. One that Temporal does not know is adopted, at once if it has an
// application, else after the grace period: the adoption looks for what was launched, in
// the namespace on record only, and ends the document with the reason if that is
// nothing. What a terminated workflow left on a cluster is Sweep's; a CREATED document
// whose workflow was terminated before it had looked at any cluster ends here.
func (s *Starter) Reconcile(ctx context.Context) (Reconciled, error) {
	var result Reconciled
	open, err := s.open(ctx)
	if err != nil {
		return result, err
	}
	seen := map[string]bool{}
	for _, status := range []modelmanage.Status{modelmanage.StatusCreated, modelmanage.StatusWaiting, modelmanage.StatusRunning} {
		err := s.options.Registry.List(ctx, status, func(found modelmanage.Summary) error {
			key := job.Key{Source: job.SourceModelManage, ID: found.ID}
			created := status == modelmanage.StatusCreated
			if seen[found.ID] {
				return nil
			}
			seen[found.ID] = !created // it may be listed as WAITING a moment later
			if !created {
				result.Looked++
			}
			switch {
			case open[key.WorkflowID()]:
				return nil
			case created:
				return s.reconcileCreated(ctx, key, &result)
			default:
				return s.reconcile(ctx, key, found, &result)
			}
		})
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

// open lists the workflows of jobs that are open, as visibility has it: enough to pass
// over most jobs, and never a reason to touch one.
func (s *Starter) open(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	var token []byte
	for {
		page, err := s.openPage(ctx, token)
		if err != nil {
			return nil, fmt.Errorf("list the open jobs: %w", err)
		}
		for _, info := range page.GetExecutions() {
			ids[info.GetExecution().GetWorkflowId()] = true
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return ids, nil
		}
	}
}

func (s *Starter) openPage(ctx context.Context, token []byte) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return s.options.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query:    "WorkflowType = '" + workflows.TypeSparkBatchJob + "' AND ExecutionStatus = 'Running'",
		PageSize: 1000, NextPageToken: token,
	})
}

// reconcile decides about one document whose workflow is not among the open ones.
func (s *Starter) reconcile(ctx context.Context, key job.Key, found modelmanage.Summary, result *Reconciled) error {
	info, err := s.workflow(ctx, key)
	status := info.GetStatus()
	switch {
	case err != nil:
		return err
	case status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, status == enums.WORKFLOW_EXECUTION_STATUS_PAUSED:
		return nil // visibility comes later
	case status == enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, status == enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		result.Left = append(result.Left, key.Name()+": its workflow was terminated; Sweep ends it")
		return nil
	case status == notThere && found.Application != "":
		return s.adopt(ctx, key, found, result)
	}
	since := s.since(key, found)
	if age := time.Since(since); age < s.options.Grace {
		result.Left = append(result.Left, fmt.Sprintf("%s: without a workflow for %s; looked after when that is %s", key.Name(), age.Round(time.Second), s.options.Grace))
		return nil
	}
	if status == notThere {
		return s.adopt(ctx, key, found, result)
	}
	return s.end(ctx, key, found.Application,
		job.Failed(job.ClassInfrastructure, job.PhaseReporting, "its workflow has ended and could not tell how"), result)
}

// reconcileCreated decides about a document that is CREATED. Without a workflow it is
// started, as any other; with one that has told its end, or could not, it is left.
func (s *Starter) reconcileCreated(ctx context.Context, key job.Key, result *Reconciled) error {
	info, err := s.workflow(ctx, key)
	if err != nil {
		return err
	}
	switch info.GetStatus() {
	case enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
	default:
		return nil
	}
	var phase string
	if at := info.GetSearchAttributes().GetIndexedFields()[workflows.AttributePhase.GetName()]; at != nil {
		if err := converter.GetDefaultDataConverter().FromPayload(at, &phase); err != nil {
			return fmt.Errorf("read the phase of job %s: %w", key, err)
		}
	}
	switch age := time.Since(info.GetCloseTime().AsTime()); {
	case phase != "" && phase != string(job.PhaseLoading):
		result.Left = append(result.Left, key.Name()+": its workflow was terminated; Sweep ends it")
		return nil
	case age < s.options.Grace:
		result.Left = append(result.Left, fmt.Sprintf("%s: its workflow was terminated %s ago; ended when that is %s", key.Name(), age.Round(time.Second), s.options.Grace))
		return nil
	}
	return s.end(ctx, key, "", job.Failed(job.ClassKilled, job.PhaseLoading, "terminated by an operator"), result)
}

// end tells model-manage that a job has ended that nobody moves.
func (s *Starter) end(ctx context.Context, key job.Key, application string, outcome job.Outcome, result *Reconciled) error {
	report := job.Report{Milestone: job.MilestoneEnded, Application: application, EndedAt: time.Now().UTC(), Outcome: outcome}
	if _, err := s.options.Reporter.Report(ctx, key.ID, report); err != nil {
		return fmt.Errorf("end job %s: %w", key, err)
	}
	s.options.Logger.Warn("job ended that nobody moved", "job", key.Name(), "reason", outcome.Message)
	s.counts.did(jobEnded)
	delete(s.orphaned, key.Name())
	result.Ended = append(result.Ended, key.Name())
	return nil
}

func (s *Starter) adopt(ctx context.Context, key job.Key, found modelmanage.Summary, result *Reconciled) error {
	if err := Adopt(ctx, s.options.Client, key, nil); err != nil {
		return err
	}
	s.options.Logger.Warn("job adopted: temporal did not know it", "job", key.Name(), "app", found.Application)
	s.counts.did(jobAdopted)
	delete(s.orphaned, key.Name())
	result.Adopted = append(result.Adopted, key.Name())
	return nil
}

// notThere stands for a workflow that Temporal does not know.
const notThere = enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED

// workflow looks for that of a job; nil is none.
func (s *Starter) workflow(ctx context.Context, key job.Key) (*workflowpb.WorkflowExecutionInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	described, err := s.options.Client.DescribeWorkflowExecution(ctx, key.WorkflowID(), "")
	var missing *serviceerror.NotFound
	if err != nil && !errors.As(err, &missing) {
		return nil, fmt.Errorf("look for the workflow of job %s: %w", key, err)
	}
	s.counts.moved()
	if err != nil {
		return nil, nil
	}
	return described.GetWorkflowExecutionInfo(), nil
}

// since is from when on a document is known to have no workflow: its clock is another
// one, so it is this starter that has to have seen it.
func (s *Starter) since(key job.Key, found modelmanage.Summary) time.Time {
	first, ok := s.orphaned[key.Name()]
	if !ok {
		first = time.Now()
		if s.options.TrustDocuments && !found.UpdatedAt.IsZero() {
			first = found.UpdatedAt
		}
		s.orphaned[key.Name()] = first
	}
	return first
}

// Adopt starts the workflow of a job that an earlier history has launched: it looks for
// the application, and never launches one. A job that is open stays as it is.
func Adopt(ctx context.Context, c client.Client, key job.Key, request *job.Request) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	options := jobs.RegisteredOptions(key, "adopted", "")
	if request != nil {
		options = jobs.RequestedOptions(key, *request)
	}
	options.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	options.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	_, err := c.ExecuteWorkflow(ctx, options, workflows.TypeSparkBatchJob, workflows.Input{Key: key, Request: request, Adopt: true})
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if err == nil || errors.As(err, &started) {
		return nil
	}
	return job.Errorf(job.CodeUnavailable, "adopt job %s: %w", key, err)
}
