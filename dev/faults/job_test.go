package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

type object = map[string]any

// given is a job that a test has created.
type given struct {
	b   *bench
	id  string
	key job.Key
}

// What a model does once it has counted its start.
const (
	// returning writes its output and returns.
	returning = `write()`
	// waiting does so when the test lets it.
	waiting = `
wait()
write()`
	// raising fails.
	raising = `raise ValueError("as the test wants it")`
)

// prelude counts the start of user code as the first thing it does.
const prelude = `import os
import time
from urllib.parse import unquote, urlparse

BASE = %s

with open(BASE + ".starts", "a") as f:
    f.write("%%d\n" %% os.getpid())


def wait():
    while not os.path.exists(BASE + ".go"):
        time.sleep(0.02)


def score(external_inputs, external_outputs, external_model_assets):
    def write(text="id,score\n1,0.5\n"):
        for asset in external_outputs:
            with open(unquote(urlparse(asset["fileUrl"]).path), "w") as f:
                f.write(text)

`

// create puts a job with the body of a model into model-manage.
func (b *bench) create(body string, parameters ...object) *given {
	b.Helper()
	id := fmt.Sprintf("job-%d", len(b.jobs)+1)
	j := &given{b: b, id: id, key: job.Key{Source: job.SourceModelManage, ID: id}}
	b.jobs = append(b.jobs, j)
	base, err := json.Marshal(filepath.Join(b.scratch, id))
	require.NoError(b, err)
	source := fmt.Sprintf(prelude, base) + "    " + strings.ReplaceAll(strings.TrimSpace(body), "\n", "\n    ") + "\n"
	merged := object{}
	for _, p := range parameters {
		for key, value := range p {
			merged[key] = value
		}
	}
	b.simulator("POST", "/model-manage/api/jobs", object{
		"id": id, "jobType": "MODEL_BATCH_JOB", "jobStatus": "CREATED", "group": "faults", "createdBy": "faults",
		"model": object{"id": "model-" + id, "storedModel": object{
			"modelMetaData": object{"name": "struck", "type": "PYSPARK"},
			"modelAssets": []any{object{
				"assetType": "SOURCE_CODE", "assetRole": "MODEL_SOURCE", "name": "struck.py", "primaryModelSource": true,
				"sourceCode": source, "sourceCodeFilePath": "struck.py", "sourceCodeType": "MODEL", "scoreFunction": "score",
			}},
		}},
		"targetEngine": object{"engineType": "SPARK_RUNTIME", "name": "spark-runtime-1"},
		"inputData":    []any{},
		"outputData": []any{object{
			"assetType": "FILE", "assetRole": "UNKNOWN", "name": "scores.csv", "filename": "scores.csv", "fileFormat": "CSV", "fileSize": 0,
		}},
		"jobParameters": merged, "metaData": object{"name": "struck"},
	})
	return j
}

// let lets a waiting model go on.
func (j *given) let() {
	j.b.Helper()
	require.NoError(j.b, os.WriteFile(filepath.Join(j.b.scratch, j.id+".go"), nil, 0o600))
}

// starts lists the processes in which user code began.
func (j *given) starts() []string {
	data, _ := os.ReadFile(filepath.Join(j.b.scratch, j.id+".starts")) // none yet
	return strings.Fields(string(data))
}

// begun waits until user code runs.
func (j *given) begun() {
	j.b.Helper()
	j.b.eventually("user code of "+j.id+" begins", func() bool { return len(j.starts()) > 0 })
}

// attemptDirs lists the job directories of all attempts.
func (j *given) attemptDirs() []string {
	dirs, err := filepath.Glob(filepath.Join(j.b.root(), j.key.Name(), "*"))
	require.NoError(j.b, err)
	return dirs
}

// has reports whether an attempt's directory holds a file.
func (j *given) has(attempt int, name string) bool {
	_, err := os.Stat(filepath.Join(j.b.root(), j.key.Name(), fmt.Sprint(attempt), name))
	return err == nil
}

// revision is one write to a document.
type revision struct {
	Version  int64
	At       time.Time
	Method   string
	Document object
}

func (j *given) revisions() []revision {
	j.b.Helper()
	var list []revision
	require.NoError(j.b, json.Unmarshal(j.b.simulator("GET", "/sim/jobs/"+j.id+"/revisions", nil), &list))
	return list
}

// standing is the document's status, by the control plane, which knows no
// faults.
func (j *given) standing() string {
	j.b.Helper()
	list := j.revisions()
	status, _ := list[len(list)-1].Document["jobStatus"].(string)
	return status
}

// reaches waits until the document has a status.
func (j *given) reaches(status string) {
	j.b.Helper()
	j.b.eventually(j.id+" is "+status, func() bool { return j.standing() == status })
}

// closed waits until the workflow has, and returns how.
func (j *given) closed() enums.WorkflowExecutionStatus {
	j.b.Helper()
	var status enums.WorkflowExecutionStatus
	j.b.eventually("the workflow of "+j.id+" closes", func() bool {
		status = j.workflow()
		return status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING && status != enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	})
	return status
}

// workflow is how the latest run stands; unspecified if there is none.
func (j *given) workflow() enums.WorkflowExecutionStatus {
	d, err := j.b.client.DescribeWorkflowExecution(j.b.Context(), j.key.WorkflowID(), "")
	if err != nil {
		return enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	}
	return d.GetWorkflowExecutionInfo().GetStatus()
}

// status asks the workflow.
func (j *given) status() (workflows.StatusView, error) {
	var view workflows.StatusView
	value, err := j.b.client.QueryWorkflow(j.b.Context(), j.key.WorkflowID(), "", workflows.QueryStatus)
	if err != nil {
		return view, err
	}
	return view, value.Get(&view)
}

// phase waits until the workflow is in one.
func (j *given) phase(phase job.Phase) {
	j.b.Helper()
	j.b.eventually(j.id+" is "+string(phase), func() bool {
		view, err := j.status()
		return err == nil && view.Phase == phase
	})
}
