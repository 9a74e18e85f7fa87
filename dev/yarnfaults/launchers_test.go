//go:build hadoop

package yarnfaults

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/spark"
)

// byHand lets spark-submit on the worker's host launch: in cluster mode, or, with
// drivers there, in client mode.
func byHand(t *testing.T, deployMode string) (o option, hostDir string) {
	t.Helper()
	found, err := findSpark()
	require.NoError(t, err)
	hostDir = filepath.Join(t.TempDir(), "host")
	keys := map[string]any{
		"clusters/yarn/yarn/hostDir": hostDir,
		"clusters/yarn/local": map[string]any{
			"sparkHome": found.Home, "python": found.Python, "javaHome": hdp.JavaHome, "concurrency": 2,
			"env": map[string]any{"SPARK_LOCAL_IP": "127.0.0.1"},
		},
		"clusters/yarn/spark/deployMode": deployMode,
	}
	if deployMode != "client" {
		keys["clusters/yarn/yarn/launcher"] = "spark-submit"
	}
	return func(o *options) { o.keys = keys }, hostDir
}

// Jobs that spark-submit launches in cluster mode: one comes back, one is
// cancelled, and one whose worker is killed while spark-submit is at work goes on
// under the next.
func TestLaunchedBySparkSubmit(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	launcher, _ := byHand(t, "cluster")
	i := install(t, launcher)
	ends(i.takenOver("launch:after"), bench.Complete)
	long := i.Create(waiting)
	long.Begun()
	cancel(long)
	ends(long, bench.Cancelled, "cancelled by signal (ann): enough")
	require.Empty(t, i.gate.submissions(), "nothing was sent over REST")
}

// Jobs whose drivers run beside the worker: one comes back under another worker
// than the one that launched it, one is cancelled. Nothing of them is left at the
// ResourceManager, on HDFS or on this host.
func TestDriversOnThisHost(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	launcher, hostDir := byHand(t, "client")
	i := install(t, launcher, func(o *options) {
		o.left = func(i *installation, j *bench.Job) { i.nothingHere(j, hostDir) }
	})
	ends(i.takenOver("launch:after"), bench.Complete)
	long := i.Create(waiting)
	long.Begun()
	cancel(long)
	ends(long, bench.Cancelled, "cancelled by signal (ann): enough")
	lost := i.Create(waiting)
	lost.Begun()
	for _, p := range i.driversOf(lost) {
		_ = syscall.Kill(p.PID, syscall.SIGKILL) // the shell, the JVM and Python, whichever is there
	}
	ends(lost, bench.Failed)
}

// driversOf are the processes of a job's driver on this host.
func (i *installation) driversOf(j *bench.Job) []bench.Found {
	i.Helper()
	list, err := bench.Find(filepath.Base(filepath.Dir(i.dir(j, 1))))
	require.NoError(i, err)
	return list
}

// nothingHere: of a job whose driver ran on this host there are only records there,
// no process, and no application that lives.
func (i *installation) nothingHere(j *bench.Job, hostDir string) {
	i.Helper()
	for _, app := range i.applications("stoker-job-" + j.Key.Name() + ".1") {
		require.True(i, app.State.Ended(), "%s is %s", app.ID, app.State)
	}
	i.Eventually("no process of "+j.ID+" is left", func() bool { return len(i.driversOf(j)) == 0 })
	entries, err := os.ReadDir(spark.JobDir(hostDir, j.Key.Attempt(1)))
	require.NoError(i, err)
	for _, entry := range entries {
		records := []string{"claim.json", "child.json", "exit.json"}
		require.True(i, spark.IsMarker(entry.Name()) || slices.Contains(records, entry.Name()), entry.Name())
	}
	shared, err := i.files.List(i.Context(), i.dir(j, 1))
	require.True(i, errors.Is(err, fs.ErrNotExist) || err == nil && len(shared) == 0, "on HDFS: %v %v", shared, err)
}

const secret = "planted-conf-Xy5Tg"

// A secret that a job names reaches its program, and neither a history, a
// document, a log nor a file that is kept.
func TestSecret(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	vault := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(vault, "db"), []byte(secret+"\n"), 0o600))
	i := install(t, func(o *options) {
		o.keys = map[string]any{
			"clusters/yarn/yarn/secretsDir": vault, "clusters/yarn/spark/profile/secrets": []string{"db"},
			"modelManage/messages/stdout": "tail", "modelManage/messages/stderr": "tail",
		}
	})
	worker := i.Worker("--log-level", "debug")
	i.Starter()
	const body = `
from pyspark import SparkContext
assert SparkContext.getOrCreate().getConf().get("spark.my.password") == "planted-" + "conf-Xy5Tg", "the secret did not arrive"
`
	password := bench.Object{"spark.my.password": "secret:db"}
	good, bad := i.Create(body+returning, password), i.Create(body+"raise ValueError('on purpose')", password)
	ends(good, bench.Complete)
	ends(bad, bench.Failed)
	require.Contains(t, bad.Messages(), "on purpose")
	worker.Stop()

	list, err := i.Client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetExecutions(), len(i.Jobs)+1, "the jobs and the cluster watch")
	for _, execution := range list.GetExecutions() {
		events := i.Client.GetWorkflowHistory(t.Context(), execution.GetExecution().GetWorkflowId(), execution.GetExecution().GetRunId(),
			false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			require.NotContains(t, event.String(), secret)
		}
	}
	for _, j := range i.Jobs {
		require.NotContains(t, string(i.Simulator("GET", "/sim/jobs/"+j.ID+"/revisions", nil)), secret)
	}
	require.NoError(t, filepath.WalkDir(i.Dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // gone since
		}
		data, err := os.ReadFile(name)
		if err == nil {
			require.False(t, bytes.Contains(data, []byte(secret)), name)
		}
		return nil
	}))
	for _, app := range i.applications(i.tag()) {
		require.NotContains(t, app.Diagnostics, secret)
	}
}
