package faults

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/spark"
)

// end is what must have become of a job.
type end struct {
	// status of its document.
	status modelmanage.Status
	// starts of user code.
	starts int
}

// How jobs mostly end.
var (
	complete  = end{status: modelmanage.StatusComplete, starts: 1}
	failed    = end{status: modelmanage.StatusError, starts: 1}
	cancelled = end{status: modelmanage.StatusCancelled, starts: 1}
	unstarted = end{status: modelmanage.StatusCancelled, starts: 0}
)

// closeStatus is how the workflow of a job with a document of that status has
// closed.
func (e end) closeStatus() enums.WorkflowExecutionStatus {
	switch e.status {
	case modelmanage.StatusComplete:
		return enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	case modelmanage.StatusCancelled:
		return enums.WORKFLOW_EXECUTION_STATUS_CANCELED
	default:
		return enums.WORKFLOW_EXECUTION_STATUS_FAILED
	}
}

// ends waits for the job's end and checks everything about it.
func (j *given) ends(want end) {
	b := j.b
	b.Helper()
	var standing modelmanage.Status
	b.eventually(j.id+" ends", func() bool {
		standing = modelmanage.Status(j.standing())
		return standing.Terminal()
	})
	require.Equal(b, want.status, standing, "messages: %v", j.lastDocument()["jobMessages"])
	require.Equal(b, want.closeStatus(), j.closed(), "how the workflow closed")
	j.checkEnd(want)
}

// checkEnd checks all but how the workflow closed.
func (j *given) checkEnd(want end) {
	b := j.b
	b.Helper()
	require.Len(b, j.starts(), want.starts, "starts of user code")
	j.checkRevisions()
	j.checkDocument(want)
	j.checkLeftovers()
	require.Len(b, j.starts(), want.starts, "starts of user code, later")
}

func (j *given) lastDocument() object {
	list := j.revisions()
	return list[len(list)-1].Document
}

// checkRevisions: the status never goes back, and an end stays.
func (j *given) checkRevisions() {
	b := j.b
	b.Helper()
	var statuses []modelmanage.Status
	for _, r := range j.revisions() {
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

func (j *given) checkDocument(want end) {
	b := j.b
	b.Helper()
	document := j.lastDocument()
	parameters, _ := document["jobParameters"].(object)
	require.NotContains(b, parameters, modelmanage.ParameterExternalOutput)
	outputs, _ := document["outputData"].([]any)
	require.Len(b, outputs, 1)
	output, _ := outputs[0].(object)
	text, _ := output["fileContent"].(string)
	content, err := base64.StdEncoding.DecodeString(text)
	require.NoError(b, err)
	if want.status == modelmanage.StatusComplete {
		require.NotEmpty(b, content, "a complete job has its output")
		require.Equal(b, "SUCCESS", document["jobResult"])
	} else {
		require.Empty(b, content, "only a complete job has an output")
	}
}

// checkLeftovers: no process of the job lives, and its directories hold markers
// only.
func (j *given) checkLeftovers() {
	b := j.b
	b.Helper()
	b.eventually("no process is left of "+j.id, func() bool { return !j.lives() })
	for _, dir := range j.attemptDirs() {
		b.eventually(dir+" holds only markers", func() bool {
			return len(noMarkers(b, dir)) == 0
		})
	}
}

// noMarkers lists what CLEAN should have taken from a job directory.
func noMarkers(b *bench, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(b, err)
	var list []string
	for _, entry := range entries {
		name := entry.Name()
		if !spark.IsMarker(name) && !slices.Contains([]string{"claim.json", "child.json", "exit.json"}, name) {
			list = append(list, name)
		}
	}
	return list
}

// lives reports whether any process of the job does.
func (j *given) lives() bool { return slices.ContainsFunc(j.b.strays(), j.owns) }

// owns reports whether a stray process belongs to this job.
func (j *given) owns(f found) bool {
	environ, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(f.pid), "environ")) // gone since
	dir := filepath.Join(j.b.root(), j.key.Name()) + "/"
	return strings.Contains(f.command, dir) || strings.Contains(string(environ), dir)
}
