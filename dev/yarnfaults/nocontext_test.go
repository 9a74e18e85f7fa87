//go:build hadoop

package yarnfaults

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// A model that returns without a SparkContext fails on YARN. That is its own failure, it
// is told what it lacks, and it is not run again, however much that is allowed.
func TestModelWithoutSparkContext(t *testing.T) {
	t.Parallel()
	i := install(t, func(o *options) { o.keys = map[string]any{"jobs/rerunAfterStart": true} })
	i.Worker()
	i.Starter()
	without := func(body string) *bench.Job {
		return i.CreateChanged("", func(document bench.Object) {
			model := document["model"].(bench.Object)["storedModel"].(bench.Object)["modelAssets"].([]any)[0].(bench.Object)
			head, _, found := strings.Cut(model["sourceCode"].(string), "    from pyspark")
			require.True(t, found)
			model["sourceCode"] = head + "    " + body + "\n"
			document["jobParameters"] = bench.Object{"spark.yarn.am.waitTime": "5s"}
		})
	}
	returns, late := without("time.sleep(1)"), without("time.sleep(600)")
	const advice = "make it first, with SparkSession.builder.getOrCreate()"
	ends(returns, bench.Failed, "the function returned without having made a SparkContext", advice, "exitCode: 13")
	ends(late, bench.Failed, "the program made no SparkContext within 5s", advice, "exitCode: 13")
	for _, j := range []*bench.Job{returns, late} {
		require.Contains(t, j.Messages(), "ERROR (application) in phase running")
		require.Equal(t, 1, i.attempts(j))
	}
}

// The same holds for programs, whose own words about it are shown.
func TestProgramWithoutSparkContext(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.Worker()
	o := owned(i)
	for name, c := range map[string]struct{ program, words, last string }{
		"ends":     {`print("hello")`, "the program ended without having made a SparkContext; YARN needs one", "did not initialize spark context"},
		"exits":    {`import sys; print("hello"); sys.exit(3)`, "the program failed before it made a SparkContext, see its log", "User application exited with"},
		"too late": {`import time; print("hello", flush=True); time.sleep(600)`, "the program made no SparkContext within 5s; YARN needs one", "TimeoutException: Futures timed out after [5000 milliseconds]"},
	} {
		t.Run(name, func(t *testing.T) {
			id := o.Submit(jobspec.Spec{
				File: o.Upload([]byte(c.program+"\n"), "without.py"), Conf: map[string]string{"spark.yarn.am.waitTime": "5s"},
			}).ID
			outcome := o.Done(id).Outcome
			require.Equal(t, job.ResultFailed, outcome.Result)
			require.Equal(t, job.ClassApplication, outcome.Class)
			require.Contains(t, outcome.Message, c.words)
			require.Contains(t, outcome.Message, c.last)
			require.NotContains(t, outcome.Message, " INFO ")
			require.Contains(t, o.Log(id, "stdout"), "hello\n")
		})
	}
}

// lateProgram does something long before it makes a SparkContext.
const lateProgram = `import os, sys, time

print("begun", flush=True)
while not os.path.exists(sys.argv[1] + ".go"):
    time.sleep(0.02)
from pyspark.sql import SparkSession

SparkSession.builder.getOrCreate()
print("bye", flush=True)
`

// Until its program has made a SparkContext an application waits, for YARN. Its log is
// followed all the same, and what it waits for is told.
func TestLogBeforeSparkContext(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.Worker()
	o := owned(i)
	id := o.Submit(jobspec.Spec{File: o.Upload([]byte(lateProgram), "late.py"), Args: []string{o.base}}).ID
	followed := o.Follow(id, "stdout", 0)
	o.Eventually("its log is read along", func() bool { return strings.Contains(followed.Last(), "begun\n") })
	o.Eventually("it is told what it waits for", func() bool {
		return strings.Contains(o.Job(id).ClusterSays, "ACCEPTED, its driver has a container")
	})
	require.Equal(t, job.PhaseWaiting, o.Job(id).Phase)
	o.let()
	followed.Ends()
	done := o.Done(id)
	require.Equal(t, job.ResultSucceeded, done.Outcome.Result, "%+v", done.Outcome)
	require.Contains(t, o.Log(id, "stdout"), "begun\n")
	require.Contains(t, o.Log(id, "stdout"), "bye\n")
}
