package bench

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/sdk/v1"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

// Object is a JSON object.
type Object = map[string]any

// Job is a job that a test has created.
type Job struct {
	Bench *Bench
	ID    string
	Key   job.Key
}

// Create puts a job with the body of a model into model-manage.
func (b *Bench) Create(body string, parameters ...Object) *Job {
	b.Helper()
	merged := Object{}
	for _, p := range parameters {
		maps.Copy(merged, p)
	}
	return b.CreateChanged(body, func(document Object) { document["jobParameters"] = merged })
}

// CreateChanged is Create for a document that is changed before.
func (b *Bench) CreateChanged(body string, change func(document Object)) *Job {
	b.Helper()
	id := fmt.Sprintf("job-%d", len(b.Jobs)+1)
	j := &Job{Bench: b, ID: id, Key: job.Key{Source: job.SourceModelManage, ID: id}}
	b.Jobs = append(b.Jobs, j)
	base, err := json.Marshal(filepath.Join(b.Scratch, id))
	require.NoError(b, err)
	source := fmt.Sprintf(b.options.Prelude, base) + "    " + strings.ReplaceAll(strings.TrimSpace(body), "\n", "\n    ") + "\n"
	document := Object{
		"id": id, "jobType": "MODEL_BATCH_JOB", "jobStatus": "CREATED", "group": "faults", "createdBy": "faults",
		"model": Object{"id": "model-" + id, "storedModel": Object{
			"modelMetaData": Object{"name": "struck", "type": "PYSPARK"},
			"modelAssets": []any{Object{
				"assetType": "SOURCE_CODE", "assetRole": "MODEL_SOURCE", "name": "struck.py", "primaryModelSource": true,
				"sourceCode": source, "sourceCodeFilePath": "struck.py", "sourceCodeType": "MODEL", "scoreFunction": "score",
			}},
		}},
		"targetEngine": Object{"engineType": "SPARK_RUNTIME", "name": "spark-runtime-1"},
		"inputData":    []any{},
		"outputData": []any{Object{
			"assetType": "FILE", "assetRole": "UNKNOWN", "name": "scores.csv", "filename": "scores.csv", "fileFormat": "CSV", "fileSize": 0,
		}},
		"jobParameters": Object{}, "metaData": Object{"name": "struck"},
	}
	change(document)
	b.Simulator("POST", "/model-manage/api/jobs", document)
	return j
}

// Let lets a waiting model go on.
func (j *Job) Let() {
	j.Bench.Helper()
	require.NoError(j.Bench, os.WriteFile(filepath.Join(j.Bench.Scratch, j.ID+".go"), nil, 0o600))
}

// Starts lists the processes in which user code began.
func (j *Job) Starts() []string {
	data, _ := os.ReadFile(filepath.Join(j.Bench.Scratch, j.ID+".starts")) // none yet
	return strings.Fields(string(data))
}

// Begun waits until user code runs.
func (j *Job) Begun() {
	j.Bench.Helper()
	j.Bench.Eventually("user code of "+j.ID+" begins", func() bool { return len(j.Starts()) > 0 })
}

// Revision is one write to a document.
type Revision struct {
	Version  int64
	At       time.Time
	Method   string
	Document Object
}

// Revisions lists every write to the document, the oldest first.
func (j *Job) Revisions() []Revision {
	j.Bench.Helper()
	var list []Revision
	require.NoError(j.Bench, json.Unmarshal(j.Bench.Simulator("GET", "/sim/jobs/"+j.ID+"/revisions", nil), &list))
	return list
}

// Standing is the document's status, by the control plane, which knows no
// faults.
func (j *Job) Standing() string {
	j.Bench.Helper()
	list := j.Revisions()
	status, _ := list[len(list)-1].Document["jobStatus"].(string)
	return status
}

// Reaches waits until the document has a status.
func (j *Job) Reaches(status string) {
	j.Bench.Helper()
	j.Bench.Eventually(j.ID+" is "+status, func() bool { return j.Standing() == status })
}

// Closed waits until the workflow has, and returns how.
func (j *Job) Closed() enums.WorkflowExecutionStatus {
	j.Bench.Helper()
	var status enums.WorkflowExecutionStatus
	j.Bench.Eventually("the workflow of "+j.ID+" closes", func() bool {
		status = j.Workflow()
		return status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING && status != enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	})
	return status
}

// Workflow is how the latest run stands; unspecified if there is none.
func (j *Job) Workflow() enums.WorkflowExecutionStatus {
	d, err := j.Bench.Client.DescribeWorkflowExecution(j.Bench.Context(), j.Key.WorkflowID(), "")
	if err != nil {
		return enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	}
	return d.GetWorkflowExecutionInfo().GetStatus()
}

// Status asks the workflow.
func (j *Job) Status() (workflows.StatusView, error) {
	var view workflows.StatusView
	value, err := j.Bench.Client.QueryWorkflow(j.Bench.Context(), j.Key.WorkflowID(), "", workflows.QueryStatus)
	if err != nil {
		return view, err
	}
	return view, value.Get(&view)
}

// Phase waits until the workflow is in one.
func (j *Job) Phase(phase job.Phase) {
	j.Bench.Helper()
	j.Bench.Eventually(j.ID+" is "+string(phase), func() bool {
		view, err := j.Status()
		return err == nil && view.Phase == phase
	})
}

// CurrentDetails are what the Web UI shows.
func (j *Job) CurrentDetails() string {
	value, err := j.Bench.Client.QueryWorkflow(j.Bench.Context(), j.Key.WorkflowID(), "", "__temporal_workflow_metadata")
	if err != nil {
		return ""
	}
	var metadata sdk.WorkflowMetadata
	require.NoError(j.Bench, value.Get(&metadata))
	return metadata.GetCurrentDetails()
}
