package jobs

import (
	"cmp"
	"context"
	"errors"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

// Cancel asks for a job's end and returns without waiting for it. Asking twice is
// asking once; false says that the job had ended before.
func (s *Service) Cancel(ctx context.Context, id, by, reason string) (asked bool, err error) {
	if err := checkID(id); err != nil {
		return false, err
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err = s.options.Client.SignalWorkflow(call, workflowID(id), "", workflows.SignalCancel, workflows.CancelRequest{
		By: by, Reason: job.Head(reason, job.MaxMessage),
	})
	if !isNotFound(err) {
		return err == nil, failure("cancel job "+id, err)
	}
	view, err := s.Get(ctx, id) // there is none, or it has ended
	if err == nil && !view.Ended() {
		return false, job.Errorf(job.CodeConflict, "job %s cannot be cancelled: %s", id, cmp.Or(view.WaitingFor, "its workflow has closed"))
	}
	return false, err
}

// mostReruns bounds how often a job is run again.
const mostReruns = 1000

// Rerun runs a job that has ended once more, as it was asked for then, for the same
// user, and returns the new job. While a re-run has not ended there is no
// other: that is a conflict, which names it.
func (s *Service) Rerun(ctx context.Context, id string) (View, error) {
	if err := checkID(id); err != nil {
		return View{}, err
	}
	if sourceOf(id) == job.SourceModelManage {
		return View{}, job.Errorf(job.CodeInvalid, "job %s belongs to model-manage, which keeps how it ended: create a new job there", id)
	}
	base, err := s.first(ctx, id)
	if err != nil {
		return View{}, err
	}
	key, request, err := s.request(ctx, base)
	if base != id && job.CodeOf(err) == job.CodeNotFound {
		key, request, err = s.request(ctx, id)
	}
	if err != nil {
		return View{}, err
	}
	again, header, err := s.prepare(Submission{User: request.User, Body: request.Spec}, request.Digest)
	if err != nil {
		return View{}, err // the rules have changed since
	}
	for n := 0; n <= mostReruns; n++ {
		key.Rerun = n
		if n > 0 {
			run, err := s.startFree(ctx, key, again, header)
			if err == nil {
				return s.started(key, header, run), nil
			}
			if !errors.Is(err, errTaken) {
				return View{}, err
			}
		}
		before, err := s.Get(ctx, key.Name())
		if n == 0 && job.CodeOf(err) == job.CodeNotFound {
			continue // forgotten: it is a re-run that is run again
		}
		if err != nil {
			return View{}, err
		}
		if !before.Ended() { // nor has a terminated one: its application may live
			return View{}, job.Errorf(job.CodeConflict, "job %s has not ended, so it is not run again", key.Name())
		}
	}
	return View{}, job.Errorf(job.CodeConflict, "job %s was run %d times; submit it anew", id, mostReruns)
}

var errTaken = errors.New("there is such a job")

// startFree starts a re-run, unless there is or was one of that number.
func (s *Service) startFree(ctx context.Context, key job.Key, request job.Request, header job.Spec) (run string, err error) {
	if record, err := s.record(ctx, key.Name(), ""); err != nil {
		return "", err
	} else if record != nil {
		return "", errTaken
	}
	run, err = s.start(ctx, key, request, header)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		return "", errTaken
	}
	return run, failure("run job "+key.Name(), err)
}

// first is the id of the job of which id is a re-run, or id itself.
func (s *Service) first(ctx context.Context, id string) (string, error) {
	at := rerunEnding.FindStringIndex(id)
	if at == nil {
		return id, nil
	}
	// Names never end like that by themselves.
	if _, err := s.Get(ctx, id); err != nil {
		return "", err
	}
	return id[:at[0]], nil
}

// request reads what a job asked for, from its workflow or its record.
func (s *Service) request(ctx context.Context, id string) (job.Key, *job.Request, error) {
	in, err := s.input(ctx, id)
	if err == nil && in.Request != nil {
		return in.Key, in.Request, nil
	}
	if err != nil && !isNotFound(err) {
		return job.Key{}, nil, failure("read what job "+id+" asked for", err)
	}
	record, err := s.record(ctx, id, "")
	if err != nil {
		return job.Key{}, nil, err
	}
	if record == nil || record.Request == nil {
		return job.Key{}, nil, unknown(id)
	}
	if len(record.Request.Spec) == 0 || string(record.Request.Spec) == "null" {
		return job.Key{}, nil, job.Errorf(job.CodeInvalid, "what job %s asked for was too large to be kept; submit it anew", id)
	}
	return record.Key, record.Request, nil
}

// input reads what a workflow was started with.
func (s *Service) input(ctx context.Context, id string) (workflows.Input, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var in workflows.Input
	events := s.options.Client.GetWorkflowHistory(ctx, workflowID(id), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	event, err := events.Next()
	if err != nil {
		return in, err
	}
	payloads := event.GetWorkflowExecutionStartedEventAttributes().GetInput()
	return in, converter.GetDefaultDataConverter().FromPayloads(payloads, &in)
}
