package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

// endless says that it runs and goes on until it is killed.
var endless = scores(`
print("at work")
while True:
    import time
    time.sleep(60)
`)

// cancelLimit is how long a cancelled job may take to be gone.
const cancelLimit = 15 * time.Second

// Each door ends a running job within seconds, with the same result.
func TestCancelWhileRunning(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		door   string
		cancel func(*given) error
		says   string
	}{
		{"document", func(j *given) error { return j.in.ModelManage.Merge(j.id, object{"jobStatus": cancelled}) }, ""},
		{"signal", func(j *given) error {
			return j.in.Client.SignalWorkflow(j.within(), j.key.WorkflowID(), "", workflows.SignalCancel,
				workflows.CancelRequest{By: "a tester", Reason: "to see it"})
		}, "cancelled by signal (a tester): to see it"},
		{"native", func(j *given) error { return j.in.Client.CancelWorkflow(j.within(), j.key.WorkflowID(), "") }, "cancelled by workflow cancel"},
	} {
		t.Run(row.door, func(t *testing.T) {
			t.Parallel()
			j := withoutSpark.get(t).job(t)
			j.create(j.model(endless)).reaches(running)
			asked := time.Now()
			require.NoError(t, row.cancel(j))
			if row.door == "document" {
				j.endsByDocument()
			} else {
				j.ends(cancelled).says("CANCELLED in phase running", row.says)
			}
			require.Less(t, time.Since(asked), cancelLimit)
		})
	}
}

// endsByDocument is ends for a job whose document somebody else has ended: that
// end stays, and what Stoker still writes is its messages and the tidying.
func (j *given) endsByDocument() {
	j.Helper()
	e := ended{given: j}
	e.document, _ = j.in.ModelManage.Document(j.id)
	err := j.in.Client.GetWorkflow(j.within(), j.key.WorkflowID(), "").Get(j.within(), nil)
	require.Error(j, err)
	e.revisions = j.in.ModelManage.Revisions(j.id)
	e.document = e.revisions[len(e.revisions)-1].Document
	e.checkWorkflow(cancelled)
	e.checkForeignFields()
	e.checkProgress()
	require.NotContains(j, e.document["jobParameters"], keyExternalOutput)
	require.Equal(j, j.created["outputData"], e.document["outputData"])
	e.says("CANCELLED in phase")
	e.checkSearchAttributes()
	e.checkLeftovers()
}

// A job that is CANCELLED before anybody picks it up is never started.
func TestCancelledBeforePickUp(t *testing.T) {
	t.Parallel()
	in := withoutSpark.get(t)
	j := in.job(t)
	j.create(j.model(scores(`write(outputs[0], "x")`), with("jobStatus", cancelled)))
	later := in.job(t)
	later.create(later.model(scores(`write(outputs[0], "x")`))).ends(complete)
	j.untouched()
}

// A job cancelled while it is picked up is either never started or cancelled; no
// model runs to its end.
func TestCancelledWhilePickedUp(t *testing.T) {
	long(t)
	t.Parallel()
	in := withoutSpark.get(t)
	var jobs []*given
	for range 3 {
		j := in.job(t)
		jobs = append(jobs, j.create(j.model(endless)))
	}
	for _, j := range jobs {
		j.until("waiting for its start", func(object) bool { return true })
		require.NoError(t, in.ModelManage.Merge(j.id, object{"jobStatus": cancelled}))
	}
	later := in.job(t)
	later.create(later.model(scores(`write(outputs[0], "x")`))).ends(complete)
	for _, j := range jobs {
		_, err := in.Client.DescribeWorkflowExecution(j.within(), j.key.WorkflowID(), "")
		var none *serviceerror.NotFound
		if errors.As(err, &none) {
			require.Len(t, in.ModelManage.Revisions(j.id), 2)
			continue
		}
		require.NoError(t, err)
		require.Error(t, in.Client.GetWorkflow(j.within(), j.key.WorkflowID(), "").Get(j.within(), nil))
		document, _ := in.ModelManage.Document(j.id)
		require.Equal(t, cancelled, document["jobStatus"])
	}
}

// A job over its own run limit or deadline is ended like a cancelled one, in
// ERROR.
func TestLimitsOfTime(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ key, says string }{
		{"stoker.runLimit", "the application ran for longer than its run limit of 1s"},
		{"stoker.deadline", "the job did not end within its deadline of 5s"},
	} {
		t.Run(row.key, func(t *testing.T) {
			t.Parallel()
			limit := map[string]string{"stoker.runLimit": "1s", "stoker.deadline": "5s"}[row.key]
			j := withoutSpark.get(t).job(t)
			e := j.create(j.model(endless, parameters(row.key, limit))).ends(failed)
			require.Equal(t, job.ClassDeadline, e.result.Outcome.Class)
			e.says("ERROR (deadline)", row.says)
		})
	}
}
