package jobs

import (
	"context"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/stoker-spark/stoker/workflows"
)

// askedEvents is how many of the newest events are looked at: little happens to a job that
// no worker takes up.
const askedEvents = 100

// asked says who asked for the end of a job that no worker answers for, "" if nobody did as
// far as can be told.
func (s *Service) asked(ctx context.Context, execution *commonpb.WorkflowExecution) string {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	newest, err := s.options.Client.WorkflowService().GetWorkflowExecutionHistoryReverse(ctx, &workflowservice.GetWorkflowExecutionHistoryReverseRequest{
		Namespace: s.options.Namespace, Execution: execution, MaximumPageSize: askedEvents,
	})
	if err != nil {
		return "" // it decides nothing
	}
	for _, event := range newest.GetHistory().GetEvents() {
		if event.GetWorkflowExecutionCancelRequestedEventAttributes() != nil {
			return cancelWords(workflows.CancelRequest{})
		}
		signal := event.GetWorkflowExecutionSignaledEventAttributes()
		if signal.GetSignalName() != workflows.SignalCancel {
			continue
		}
		var request workflows.CancelRequest
		_ = converter.GetDefaultDataConverter().FromPayloads(signal.GetInput(), &request) // any payload cancels
		return cancelWords(request)
	}
	return ""
}

// cancelWords are a View's Cancelling.
func cancelWords(r workflows.CancelRequest) string {
	if words := strings.TrimSpace(r.By + " " + r.Reason); words != "" {
		return words
	}
	return "asked for"
}
