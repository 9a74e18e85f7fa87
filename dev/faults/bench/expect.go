package bench

import (
	"encoding/base64"
	"strings"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	"github.com/stoker-spark/stoker/modelmanage"
)

// End is what must have become of a job.
type End struct {
	// Status of its document.
	Status modelmanage.Status
	// Starts of user code.
	Starts int
}

// How jobs mostly end.
var (
	Complete  = End{Status: modelmanage.StatusComplete, Starts: 1}
	Failed    = End{Status: modelmanage.StatusError, Starts: 1}
	Cancelled = End{Status: modelmanage.StatusCancelled, Starts: 1}
	Unstarted = End{Status: modelmanage.StatusCancelled, Starts: 0}
)

// closeStatus is how the workflow of a job with a document of that status has
// closed.
func (e End) closeStatus() enums.WorkflowExecutionStatus {
	switch e.Status {
	case modelmanage.StatusComplete:
		return enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	case modelmanage.StatusCancelled:
		return enums.WORKFLOW_EXECUTION_STATUS_CANCELED
	default:
		return enums.WORKFLOW_EXECUTION_STATUS_FAILED
	}
}

// Ends waits for the job's end and checks everything about it.
func (j *Job) Ends(want End) {
	b := j.Bench
	b.Helper()
	var standing modelmanage.Status
	b.Eventually(j.ID+" ends", func() bool {
		standing = modelmanage.Status(j.Standing())
		return standing.Terminal()
	})
	require.Equal(b, want.Status, standing, "messages: %v", j.Document()["jobMessages"])
	require.Equal(b, want.closeStatus(), j.Closed(), "how the workflow closed")
	j.CheckEnd(want)
}

// CheckEnd checks all but how the workflow closed.
func (j *Job) CheckEnd(want End) {
	b := j.Bench
	b.Helper()
	require.Len(b, j.Starts(), want.Starts, "starts of user code")
	j.checkRevisions()
	j.checkDocument(want)
	b.options.CheckLeftovers(j)
	require.Len(b, j.Starts(), want.Starts, "starts of user code, later")
}

// Document is the latest revision.
func (j *Job) Document() Object {
	list := j.Revisions()
	return list[len(list)-1].Document
}

// checkRevisions: the status never goes back, and an end stays.
func (j *Job) checkRevisions() {
	b := j.Bench
	b.Helper()
	var statuses []modelmanage.Status
	for _, r := range j.Revisions() {
		status, _ := r.Document["jobStatus"].(string)
		statuses = append(statuses, modelmanage.Status(status))
	}
	require.Equal(b, modelmanage.StatusCreated, statuses[0])
	for i := 1; i < len(statuses); i++ {
		require.GreaterOrEqual(b, statuses[i].Rank(), statuses[i-1].Rank(), "the status went back: %v", statuses)
		if statuses[i-1].Terminal() {
			require.Equal(b, statuses[i-1], statuses[i], "an end was changed: %v", statuses)
		}
	}
}

func (j *Job) checkDocument(want End) {
	b := j.Bench
	b.Helper()
	document := j.Document()
	parameters, _ := document["jobParameters"].(Object)
	require.NotContains(b, parameters, modelmanage.ParameterExternalOutput)
	outputs, _ := document["outputData"].([]any)
	require.Len(b, outputs, 1)
	output, _ := outputs[0].(Object)
	text, _ := output["fileContent"].(string)
	content, err := base64.StdEncoding.DecodeString(text)
	require.NoError(b, err)
	if want.Status == modelmanage.StatusComplete {
		require.NotEmpty(b, content, "a complete job has its output")
		require.Equal(b, "SUCCESS", document["jobResult"])
	} else {
		require.Empty(b, content, "only a complete job has an output")
	}
}

// Messages of the document, a line each.
func (j *Job) Messages() string {
	j.Bench.Helper()
	list, _ := j.Document()["jobMessages"].([]any)
	lines := make([]string, 0, len(list))
	for _, line := range list {
		text, _ := line.(string)
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}
