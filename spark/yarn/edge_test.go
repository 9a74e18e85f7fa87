package yarn

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/spark/local/localtest"
)

// driverScript is a spark-submit in client mode: it gets its application and is
// the driver, until it is told to end. The application outlives it, as if the
// ResourceManager had not noticed.
const driverScript = submitScript + `
open(os.path.join(steer, "drives"), "w").close()
while not there("end"):
    time.sleep(0.01)
`

// edgeBundle is an Edge over a fake ResourceManager, two directories and real
// supervisors of a stand-in for spark-submit.
type edgeBundle struct {
	*claimedBundle
	data string
	e    *Edge
}

func setupEdge(t *testing.T) *edgeBundle {
	t.Helper()
	b := &edgeBundle{claimedBundle: setupClaimed(t), data: t.TempDir()}
	script := filepath.Join(b.host.SparkHome, "bin", "spark-submit")
	require.NoError(t, os.WriteFile(script, []byte("#!"+localtest.Python(t)+" -SEs\n"+driverScript), 0o700)) //nolint:gosec // a program
	b.host.DeployMode = "client"
	b.e = b.openEdge()
	t.Cleanup(func() {
		m, err := local.New(b.host)
		require.NoError(t, err)
		require.NoError(t, m.Kill(context.Background(), b.attempt, "test over"))
	})
	return b
}

func (b *edgeBundle) openEdge() *Edge {
	b.Helper()
	e, err := NewEdge(EdgeOptions{
		Options: b.opts, Host: b.host, Settings: Settings{Queue: "etl", SparkVersion: "3.5", Runtimes: "/none", Python: "/opt/python"},
		DataDir: func(attempt string) string { return filepath.Join(b.data, strings.ReplaceAll(attempt, "/", ".")) },
	})
	require.NoError(b, err)
	return e
}

// stageHere does what STAGE does, in both places.
func (b *edgeBundle) stageHere() {
	b.Helper()
	r, err := b.e.Reserve(b.Context(), b.attempt, time.Now().Add(time.Hour))
	require.NoError(b, err)
	dir := spark.JobDir(b.host.Root, b.attempt)
	localtest.Stage(b, b.host.Root, r, spark.Launch{
		Name: "n", Main: "driver.py", PythonDriver: true, Args: []string{spark.FileJob}, Files: []string{spark.FileJob}, PyFiles: []string{"sources.zip"},
	}, "")
	require.NoError(b, os.MkdirAll(filepath.Join(dir, spark.DirWork), 0o700))
	require.NoError(b, os.WriteFile(filepath.Join(dir, spark.DirWork, "a b"), nil, 0o600))
	require.NoError(b, os.MkdirAll(filepath.Join(b.dataDir(), spark.DirInputs), 0o700))
}

func (b *edgeBundle) dataDir() string { return filepath.Join(b.data, b.attempt.Job+".1") }

func (b *edgeBundle) drives() {
	b.Helper()
	require.NoError(b, b.e.Submit(b.Context(), b.attempt))
	b.eventually("the driver runs", func() bool { _, err := os.Stat(filepath.Join(b.steer, "drives")); return err == nil })
}

// application is the one there is, at the fake ResourceManager.
func (b *edgeBundle) application() fakeApp {
	b.Helper()
	b.rm.mu.Lock()
	defer b.rm.mu.Unlock()
	require.Len(b, b.rm.apps, 1)
	for _, app := range b.rm.apps {
		return *app
	}
	return fakeApp{}
}

func TestEdgeLaunchesADriverHere(t *testing.T) {
	b := setupEdge(t)
	b.stageHere()
	require.Equal(t, spark.Claimed, b.e.Guarantee())
	b.drives()
	require.NoError(t, b.openEdge().Submit(t.Context(), b.attempt))
	require.Equal(t, 1, b.starts())
	found, err := filepath.Glob(filepath.Join(b.steer, "start-*"))
	require.NoError(t, err)
	line, err := os.ReadFile(found[0])
	require.NoError(t, err)
	dir := spark.JobDir(b.host.Root, b.attempt)
	reservation, err := b.e.Reserve(t.Context(), b.attempt, time.Now())
	require.NoError(t, err)
	for _, want := range []string{
		"--master\nyarn\n--deploy-mode\nclient\n", "--conf\nspark.yarn.queue=etl\n", "spark.yarn.stagingDir=file:" + b.dataDir() + "\n",
		"spark.pyspark.python=/opt/python\n", "spark.pyspark.driver.python=" + b.host.Python + "\n",
		"spark.yarn.tags=" + strings.Join(b.e.yarn.tags(reservation), ",") + "\n", "--py-files\n" + dir + "/sources.zip\n",
		"--files\nfile://" + dir + "/work/a%20b#a%20b\n", dir + "/driver.py\n" + dir + "/job.json",
	} {
		require.Contains(t, string(line), want)
	}
	require.NotContains(t, string(line), "warehouse", "tables are the cluster's")

	b.tell("end")
	b.eventually("the driver ends", func() bool {
		o, err := b.e.Observe(t.Context(), b.attempt)
		return err == nil && o.State.Terminal()
	})
	require.Equal(t, "ACCEPTED", b.application().state)
	require.NoError(t, b.e.Release(t.Context(), b.attempt))
	require.Equal(t, "KILLED", b.application().state, "executors that the driver has left")
	require.NoDirExists(t, b.dataDir())
	require.NoDirExists(t, filepath.Join(dir, spark.DirWork))
	require.NoError(t, b.e.Release(t.Context(), b.attempt))
}

func TestEdgeKillEndsDriverAndExecutors(t *testing.T) {
	b := setupEdge(t)
	b.stageHere()
	b.drives()
	require.Equal(t, job.CodeConflict, job.CodeOf(b.e.Release(t.Context(), b.attempt)))
	require.DirExists(t, b.dataDir())
	b.rm.mu.Lock()
	b.rm.before = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true }
	b.rm.mu.Unlock()
	require.Equal(t, job.CodeUnavailable, job.CodeOf(b.e.Kill(t.Context(), b.attempt, "enough")), "executors may live")
	b.rm.mu.Lock()
	b.rm.before = nil
	b.rm.mu.Unlock()
	require.Equal(t, "ACCEPTED", b.application().state)
	require.NoError(t, b.e.Kill(t.Context(), b.attempt, "enough"))
	require.Equal(t, "KILLED", b.application().state)
	require.NoError(t, b.e.Kill(t.Context(), b.attempt, "enough"))
	require.NoError(t, b.e.Release(t.Context(), b.attempt))
}

func TestEdgeKillBeforeSubmit(t *testing.T) {
	b := setupEdge(t)
	b.stageHere()
	require.NoError(t, b.e.Kill(t.Context(), b.attempt, "changed my mind"))
	require.ErrorIs(t, b.openEdge().Submit(t.Context(), b.attempt), spark.ErrRevoked)
	require.Zero(t, b.starts())
	require.NoError(t, b.e.Release(t.Context(), b.attempt))
	require.NoDirExists(t, b.dataDir())
}
