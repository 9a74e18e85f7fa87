package jobs

import (
	"context"
	"errors"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

// Registry is what is needed of model-manage.
type Registry interface {
	// Ours reports whether a job is one of our engines' and not ended. One that is not
	// there is an error of code not_found.
	Ours(ctx context.Context, id string) (jobType, engine string, ours bool, err error)
}

// Push starts a job that model-manage holds, as the starter would a moment later, and
// returns it; false if it was started before, also if it has ended since.
func (s *Service) Push(ctx context.Context, id string) (view View, created bool, err error) {
	if s.options.Registry == nil {
		return View{}, false, job.Errorf(job.CodeNotFound, "this installation takes no jobs from model-manage")
	}
	if problem := job.TextProblem(id); problem != "" {
		return View{}, false, job.Invalid("there can be no such job", []string{"id: " + problem})
	}
	key := job.Key{Source: job.SourceModelManage, ID: id}
	if err := key.Validate(); err != nil {
		return View{}, false, err
	}
	jobType, engine, ours, err := s.options.Registry.Ours(ctx, id)
	if err == nil && !ours || job.CodeOf(err) == job.CodeNotFound {
		before, lookErr := s.Get(ctx, key.Name())
		if job.CodeOf(lookErr) != job.CodeNotFound {
			return before, false, lookErr
		}
	}
	if err != nil {
		return View{}, false, err
	}
	if !ours {
		return View{}, false, job.Errorf(job.CodeInvalid, "job %s is not for an engine of this installation, or has ended", job.Head(id, 100))
	}
	run, err := s.startRegistered(ctx, key, jobType, engine)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &started):
		view, err := s.Get(ctx, key.Name())
		return view, false, err
	case err != nil:
		return View{}, false, failure("start job "+key.Name(), err)
	}
	return s.started(key, job.Spec{}, run), true, nil
}

func (s *Service) startRegistered(ctx context.Context, key job.Key, jobType, engine string) (run string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	options := RegisteredOptions(key, jobType, engine)
	options.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	started, err := s.options.Client.ExecuteWorkflow(ctx, options, workflows.TypeSparkBatchJob, workflows.Input{Key: key})
	if err != nil {
		return "", err
	}
	return started.GetRunID(), nil
}

// RegisteredOptions are how the workflow of a job that another service holds is
// started: the same job twice is one workflow, open or closed.
func RegisteredOptions(key job.Key, jobType, engine string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                                       key.WorkflowID(),
		TaskQueue:                                workflows.QueueCentral,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            job.Head(jobType+" "+key.ID, 200),
		StaticDetails:                            registeredDetails(key, jobType, engine),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttributePhase.ValueSet(string(job.PhaseLoading))),
	}
}

func registeredDetails(key job.Key, jobType, engine string) string {
	return "Job `" + job.Head(key.ID, 200) + "` of " + key.Source + ", type `" + job.Head(jobType, 100) +
		"`, engine `" + job.Head(engine, 100) + "`.\n\n" +
		"To end it: signal `cancel`, update `cancel` or the Cancel button; all three kill the application, report and clean. " +
		"**Terminate runs no code**: the application goes on until Sweep finds it."
}
