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

// asked says who asked first for the end of a job that no worker answers for, "" if nobody
// did as far as can be told. Who asks later changes nothing.
func (s *Service) asked(ctx context.Context, execution *commonpb.WorkflowExecution) string {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	newest, err := s.options.Client.WorkflowService().GetWorkflowExecutionHistoryReverse(ctx, &workflowservice.GetWorkflowExecutionHistoryReverseRequest{
		Namespace: s.options.Namespace, Execution: execution, MaximumPageSize: askedEvents,
	})
	if err != nil {
		return "" // it decides nothing
	}
	first := ""
	for _, event := range newest.GetHistory().GetEvents() {
		if event.GetWorkflowExecutionCancelRequestedEventAttributes() != nil {
			first = cancelWords(workflows.CancelRequest{})
			continue
		}
		signal := event.GetWorkflowExecutionSignaledEventAttributes()
		if signal.GetSignalName() != workflows.SignalCancel {
			continue
		}
		var request workflows.CancelRequest
		_ = converter.GetDefaultDataConverter().FromPayloads(signal.GetInput(), &request) // any payload cancels
		first = cancelWords(request)
	}
	return first
}

// cancelWords are a View's Cancelling.
func cancelWords(r workflows.CancelRequest) string {
	if words := strings.TrimSpace(r.By + " " + r.Reason); words != "" {
		return words
	}
	return "asked for"
}
