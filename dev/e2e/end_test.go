package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/stoker-spark/stoker/dev/simulator"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/workflows"
)

// Statuses, for short.
const (
	created   = string(modelmanage.StatusCreated)
	waiting   = string(modelmanage.StatusWaiting)
	running   = string(modelmanage.StatusRunning)
	complete  = string(modelmanage.StatusComplete)
	failed    = string(modelmanage.StatusError)
	cancelled = string(modelmanage.StatusCancelled)
)

// Keys of jobParameters that are Stoker's own.
const (
	keyExternalOutput = modelmanage.ParameterExternalOutput
	keyApplication    = "SPARK_APPLICATION_ID"
)

// ended is a job that has ended, its document and its workflow.
type ended struct {
	*given
	revisions []simulator.Revision
	// document as it stands.
	document object
	result   workflows.Result
}

// ends waits for the job's end and checks everything that holds of every job.
func (j *given) ends(status string) ended {
	j.Helper()
	terminal := j.until("ended", func(d object) bool {
		return modelmanage.Status(text(d["jobStatus"])).Terminal()
	})
	e := ended{given: j, document: terminal.Document}
	require.Equal(j, status, terminal.Document["jobStatus"], "messages: %s", e.transcript())
	e.checkWorkflow(status)
	e.revisions = j.in.ModelManage.Revisions(j.id)
	require.Equal(j, terminal.Version, e.revisions[len(e.revisions)-1].Version, "something was written after the end")
	e.checkForeignFields()
	e.checkProgress()
	e.checkTimes()
	e.checkExternalOutput()
	e.checkContents()
	e.checkSearchAttributes()
	e.checkHistory()
	e.checkLeftovers()
	return e
}

// endsUnlaunched is ends for a job of which nothing may ever have run.
func (j *given) endsUnlaunched(status string) ended {
	j.Helper()
	e := j.ends(status)
	require.NoFileExists(j, j.scratch("imported"), "the model was imported")
	for _, dir := range e.attemptDirs() {
		for _, name := range []string{spark.FileIntent, spark.FileAcknowledged, spark.FileStarted, "claim.json", "child.json"} {
			require.NoFileExists(j, filepath.Join(dir, name), "something was launched")
		}
	}
	require.Zero(j, e.result.RunningAt)
	if cluster, ok := e.in.Config.Clusters[e.result.Cluster]; ok {
		require.FileExists(j, filepath.Join(cluster.Root+"-logs", e.key.Name(), "record.json"), "its end outlives Temporal's history")
	}
	for _, r := range e.revisions {
		require.Contains(j, []any{created, status}, r.Document["jobStatus"])
	}
	return e
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

func parameter(document object, key string) (string, bool) {
	all, _ := document["jobParameters"].(object)
	value, ok := all[key].(string)
	return value, ok
}

func messages(document object) []string {
	list, _ := document["jobMessages"].([]any)
	lines := make([]string, len(list))
	for i, m := range list {
		lines[i] = text(m)
	}
	return lines
}

func (e ended) messages() []string { return messages(e.document) }

func (e ended) transcript() string { return strings.Join(e.messages(), "\n") }

// says checks that a line of the messages holds all of the words.
func (e ended) says(words ...string) {
	e.Helper()
	for _, line := range e.messages() {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return
		}
	}
	require.Fail(e, "no line of the messages says so", "%q\n%s", words, e.transcript())
}

// problems are those that the messages list.
func (e ended) problems() []string {
	var list []string
	for _, line := range e.messages() {
		if p, ok := strings.CutPrefix(line, "Problem: "); ok {
			list = append(list, p)
		}
	}
	return list
}

// output is the content of an embedded output.
func (e ended) output(i int) string {
	e.Helper()
	asset := e.document["outputData"].([]any)[i].(object) // a document of ours
	require.IsType(e, "", asset["fileContent"], "output %d has no content", i)
	content, err := base64.StdEncoding.DecodeString(text(asset["fileContent"]))
	require.NoError(e, err)
	return string(content)
}

// checkForeignFields: Stoker changes what is its own, and nothing else.
func (e ended) checkForeignFields() {
	e.Helper()
	for i, r := range e.revisions[1:] {
		for _, field := range changes(e.revisions[i].Document, r.Document) {
			switch field {
			case "jobStatus", "jobResult", "jobMessages", "jobWaitTime", "jobRunTime", "jobEndTime", "lastUpdateFromRuntime",
				"jobParameters." + keyApplication, "jobParameters." + keyExternalOutput:
				continue
			}
			if strings.HasPrefix(field, "outputData[") {
				_, name, _ := strings.Cut(field, ".")
				require.Contains(e, []string{"fileContent", "fileSize"}, name)
				require.Equal(e, complete, r.Document["jobStatus"])
				continue
			}
			require.Fail(e, "a field that is not Stoker's was changed", "%s in revision %d", field, i+1)
		}
	}
}

// checkProgress: the status never goes back, and messages are only added.
func (e ended) checkProgress() {
	e.Helper()
	for i, r := range e.revisions[1:] {
		before := e.revisions[i].Document
		require.GreaterOrEqual(e, modelmanage.Status(text(r.Document["jobStatus"])).Rank(), modelmanage.Status(text(before["jobStatus"])).Rank())
		old, now := messages(before), messages(r.Document)
		require.LessOrEqual(e, len(old), len(now))
		require.Equal(e, old, now[:len(old)], "messages were changed")
	}
}

// checkTimes: epoch milliseconds, set once, in order.
func (e ended) checkTimes() {
	e.Helper()
	at, err := time.Parse(time.RFC3339, text(e.document["createdDate"]))
	require.NoError(e, err)
	last, what := at.UnixMilli(), "createdDate"
	for _, field := range []string{"jobWaitTime", "jobRunTime", "jobEndTime"} {
		number, ok := e.document[field].(json.Number)
		if !ok {
			require.Nil(e, e.document[field])
			continue
		}
		millis, err := number.Int64()
		require.NoError(e, err, field)
		require.GreaterOrEqual(e, millis, last, "%s is before %s", field, what)
		last, what = millis, field
		first := slices.IndexFunc(e.revisions, func(r simulator.Revision) bool { return r.Document[field] != nil })
		for _, r := range e.revisions[first:] {
			require.Equal(e, number, r.Document[field], "%s was changed", field)
		}
	}
	require.IsType(e, json.Number(""), e.document["jobEndTime"])
	at, err = time.Parse(time.RFC3339, text(e.document["lastUpdateFromRuntime"]))
	require.NoError(e, err)
	require.GreaterOrEqual(e, at.UnixMilli(), last, "lastUpdateFromRuntime is before %s", what)
	require.LessOrEqual(e, at.UnixMilli(), e.revisions[len(e.revisions)-1].At.UnixMilli())
}

// checkExternalOutput: from before the launch until right before the end, and
// only of a job with embedded outputs, the document says where they lie.
func (e ended) checkExternalOutput() {
	e.Helper()
	last := len(e.revisions) - 1
	require.NotContains(e, e.document["jobParameters"], keyExternalOutput)
	first := slices.IndexFunc(e.revisions, func(r simulator.Revision) bool { _, ok := parameter(r.Document, keyExternalOutput); return ok })
	if first < 0 {
		return
	}
	value, _ := parameter(e.revisions[first].Document, keyExternalOutput)
	require.Equal(e, created, e.revisions[first].Document["jobStatus"])
	require.NotContains(e, e.revisions[first].Document["jobParameters"], keyApplication)
	for i, r := range e.revisions[first : last-1] {
		again, _ := parameter(r.Document, keyExternalOutput)
		require.Equal(e, value, again, "revision %d", first+i)
	}
	require.NotContains(e, e.revisions[last-1].Document["jobParameters"], keyExternalOutput, "it is removed right before the end")

	var described []object
	require.NoError(e, json.Unmarshal([]byte(value), &described))
	at := 0
	for i, o := range e.created["outputData"].([]any) { // a document of ours
		asset := o.(object) // a document of ours
		if asset["assetType"] != "FILE" {
			continue
		}
		require.Less(e, at, len(described))
		url := text(described[at]["fileUrl"])
		require.Equal(e, "EXTERNAL_FILE", described[at]["assetType"])
		require.Equal(e, asset["filename"], described[at]["filename"])
		require.True(e, strings.HasPrefix(url, "file:"+e.attemptDir(1)+"/out/"+strconv.Itoa(i)+"/"), url)
		at++
	}
	require.Len(e, described, at)
}

// checkContents: a complete document has the content of each embedded output,
// any other has none that it did not come with.
func (e ended) checkContents() {
	e.Helper()
	was, is := e.created["outputData"], e.document["outputData"]
	if e.document["jobStatus"] != complete {
		require.Equal(e, was, is, "outputs of a job that did not succeed")
		require.Equal(e, "UNKNOWN", e.document["jobResult"])
		return
	}
	require.Equal(e, "SUCCESS", e.document["jobResult"])
	list, _ := was.([]any)
	for i, o := range list {
		if o.(object)["assetType"] != "FILE" { // a document of ours
			continue
		}
		size := is.([]any)[i].(object)["fileSize"] // as long as it was
		require.Equal(e, json.Number(strconv.Itoa(len(e.output(i)))), size)
	}
}

// checkWorkflow: how it closed, as what, and with which result.
func (e *ended) checkWorkflow(status string) {
	e.Helper()
	err := e.in.Client.GetWorkflow(e.within(), e.key.WorkflowID(), "").Get(e.within(), &e.result)
	described, describeErr := e.in.Client.DescribeWorkflowExecution(e.within(), e.key.WorkflowID(), "")
	require.NoError(e, describeErr)
	info := described.GetWorkflowExecutionInfo()
	require.Equal(e, workflows.TypeSparkBatchJob, info.GetType().GetName())
	closed := info.GetStatus()
	switch status {
	case complete:
		require.NoError(e, err)
		require.Equal(e, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, closed)
		require.Equal(e, job.ResultSucceeded, e.result.Outcome.Result)
	case cancelled:
		var canceled *temporal.CanceledError
		require.ErrorAs(e, err, &canceled)
		require.NoError(e, canceled.Details(&e.result))
		require.Equal(e, enums.WORKFLOW_EXECUTION_STATUS_CANCELED, closed)
		require.Equal(e, job.ResultCancelled, e.result.Outcome.Result)
	case failed:
		var failure *temporal.ApplicationError
		require.ErrorAs(e, err, &failure)
		require.NoError(e, failure.Details(&e.result))
		require.Equal(e, enums.WORKFLOW_EXECUTION_STATUS_FAILED, closed)
		require.Equal(e, workflows.FailureJobFailed, failure.Type())
		require.Equal(e, temporal.ApplicationErrorCategoryBenign, failure.Category())
		require.True(e, failure.NonRetryable())
		require.Equal(e, job.ResultFailed, e.result.Outcome.Result)
	}
	require.Empty(e, e.result.CleanProblem)
	require.LessOrEqual(e, e.result.Attempts, 1)
	application, _ := parameter(e.document, keyApplication)
	require.Equal(e, application, e.result.Application)
}

func (e ended) checkSearchAttributes() {
	e.Helper()
	described, err := e.in.Client.DescribeWorkflowExecution(e.within(), e.key.WorkflowID(), "")
	require.NoError(e, err)
	got := map[string]string{}
	for name, payload := range described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields() {
		var value string
		if json.Unmarshal(payload.GetData(), &value) == nil { // else the server's own
			got[name] = value
		}
	}
	model, _ := e.created["model"].(object)
	kinds := map[any]string{"MODEL_BATCH_JOB": "scoring", "MODEL_BATCH_TEST_JOB": "metrics", "MODEL_BATCH_TRAINING_JOB": "training"}
	for name, want := range map[string]string{
		"SparkPhase": string(job.PhaseDone), "SparkCluster": e.result.Cluster, "SparkAppId": e.result.Application,
		"StokerTenant": text(e.created["group"]), "SparkUser": text(e.created["createdBy"]),
		"ModelId": text(model["id"]), "JobKind": kinds[e.created["jobType"]],
		"SparkOutcome": string(e.result.Outcome.Result),
	} {
		require.Equal(e, want, got[name], "search attribute %s", name)
	}
}

// checkHistory: no content of the job has gone through Temporal.
func (e ended) checkHistory() {
	e.Helper()
	events := e.in.Client.GetWorkflowHistory(e.within(), e.key.WorkflowID(), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(e, err)
		data, err := event.Marshal()
		require.NoError(e, err)
		require.Less(e, len(data), 64<<10, "a large event: %s", event.GetEventType())
		require.NotContains(e, string(data), canary, event.GetEventType().String())
		require.NotContains(e, string(data), `fileContent\":\"`, event.GetEventType().String())
		require.NotContains(e, string(data), `fileContent":"`, event.GetEventType().String())
	}
}

// checkLeftovers: the job's directories hold markers only, and no process of it
// lives.
func (e ended) checkLeftovers() {
	e.Helper()
	for _, dir := range e.attemptDirs() {
		entries, err := os.ReadDir(dir)
		require.NoError(e, err)
		for _, entry := range entries {
			require.True(e, leftByRelease(entry.Name()), "%s was left", filepath.Join(dir, entry.Name()))
		}
	}
	if e.result.Application == "" {
		if e.result.Outcome.Phase == job.PhaseLoading {
			require.Empty(e, e.attemptDirs(), "nothing was reserved")
		}
		for _, dir := range e.attemptDirs() {
			require.NoFileExists(e, filepath.Join(dir, "claim.json"), "nothing was launched")
		}
		return
	}
	root := e.in.Config.Clusters[e.result.Cluster].Root
	require.NoError(e, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Base(path) == e.result.Application {
			return fmt.Errorf("%s was left", path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another job's, just cleaned
		}
		return err
	}))
	// Children of the model do not carry the mark, but its directory for temporary
	// files.
	eventually(e, "no process of "+e.id+" lives", func() bool {
		return len(processesWith("STOKER_APPLICATION="+e.result.Application)) == 0 && len(processesWith(e.attemptDir(1)+"/")) == 0
	})
}

func (e ended) attemptDirs() []string {
	var dirs []string
	for _, name := range e.in.Config.ClusterNames() {
		found, err := filepath.Glob(filepath.Join(e.in.Config.Clusters[name].Root, e.key.Name(), "*"))
		require.NoError(e, err)
		dirs = append(dirs, found...)
	}
	return dirs
}

// attemptDir is the directory of an attempt on the cluster that the job ran on.
func (e ended) attemptDir(n int) string {
	return spark.JobDir(e.in.Config.Clusters[e.result.Cluster].Root, e.key.Attempt(n))
}
