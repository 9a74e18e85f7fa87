//go:build hadoop

package yarn_test

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/clustertest"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/split"
)

// edgeSite is a real cluster, and a host for its drivers.
type edgeSite struct {
	*claimedSite
	both *split.Store
}

func realEdgeSite(t *testing.T) *edgeSite {
	t.Helper()
	s := &edgeSite{claimedSite: realClaimedSite(t)}
	s.host.DeployMode = "client"
	var err error
	s.both, err = split.New(split.Options{
		Host: file.New(file.Options{DirMode: 0o700}), Cluster: s.store, Root: s.host.Root, Data: s.root,
		Shared: []string{spark.DirInputs, spark.DirOutputs},
	})
	require.NoError(t, err)
	return s
}

func (s *edgeSite) open(t *testing.T) spark.Manager {
	t.Helper()
	e, err := yarn.NewEdge(yarn.EdgeOptions{
		Options: yarn.Options{
			Cluster: "real", Installation: path.Base(s.root), Root: s.root, Store: s.store, ResourceManager: s.rm, User: s.User,
			RequestTimeout: requestTimeout,
		},
		Host: s.host, Settings: yarn.Settings{SparkVersion: "3.5", Runtimes: runtimes, Python: s.python}, SparkVersion: "3.5.9",
		DataDir: s.both.DataDir,
	})
	require.NoError(t, err)
	return e
}

// put stages a program as the STAGE activity does.
func (s *edgeSite) put(t *testing.T, r spark.Reservation, source string, args ...string) {
	t.Helper()
	launch, err := json.Marshal(spark.Launch{Name: t.Name(), Main: "main.py", Args: args, Options: job.Options{Conf: map[string]string{
		"spark.executor.instances": "1", "spark.executor.memory": "512m", "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
		"spark.driver.memory": "512m", "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1",
	}}})
	require.NoError(t, err)
	for _, f := range [][2]string{{"main.py", source}, {spark.FileLaunch, string(launch)}, {spark.FileStaged, "{}"}} {
		_, err := s.both.Write(t.Context(), path.Join(spark.JobDir(s.host.Root, r.Attempt), f[0]), strings.NewReader(f[1]), 0o600)
		require.NoError(t, err)
	}
}

func TestEdgeConformance(t *testing.T) {
	t.Parallel()
	whole(t)
	clustertest.Run(t, func(t *testing.T) clustertest.Harness {
		s := realEdgeSite(t)
		return clustertest.Harness{
			Manager: s.open(t),
			Reopen:  s.open,
			Stage: func(t *testing.T, r spark.Reservation, p clustertest.Program) {
				t.Helper()
				s.put(t, r, p.Source, p.Args...)
			},
			Left: func(t *testing.T, attempt job.Attempt) []string {
				t.Helper()
				require.NotContains(t, s.left(t, attempt), spark.DirOutputs)
				entries, err := os.ReadDir(spark.JobDir(s.host.Root, attempt))
				require.NoError(t, err)
				var names []string
				for _, entry := range entries {
					names = append(names, entry.Name())
				}
				return names
			},
			IsMarker: func(name string) bool {
				return spark.IsMarker(name) || slices.Contains([]string{"claim.json", "child.json", "exit.json"}, name)
			},
			Scratch: t.TempDir(),
			Limit:   2,
			Timeout: 5 * time.Minute,
			// So does PythonRunner, Spark's parent of Python.
			MergesStreams: true,
		}
	})
}

// whole leaves a suite of many launches to whole runs.
func whole(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("a whole suite of launches")
	}
}

// Executors read an embedded input and write an embedded output, which lie on HDFS,
// and find the driver's files beside them.
func TestEdgeDataIsShared(t *testing.T) {
	t.Parallel()
	s := realEdgeSite(t)
	m := s.open(t)
	attempt := job.Key{Source: "edge", ID: "data"}.Attempt(1)
	r, err := m.Reserve(t.Context(), attempt, time.Now().Add(time.Hour))
	require.NoError(t, err)
	dir := spark.JobDir(s.host.Root, attempt)
	for name, text := range map[string]string{"in/0/in.csv": "1\n2\n39\n", "work/deep/factor.txt": "10"} {
		_, err := s.both.Write(t.Context(), path.Join(dir, name), strings.NewReader(text), 0o600)
		require.NoError(t, err)
	}
	input, output := s.both.URL(path.Join(dir, "in/0/in.csv")), s.both.URL(path.Join(dir, "out/0/result"))
	require.True(t, strings.HasPrefix(input, "hdfs://"), input)
	s.put(t, r, `
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
def scaled(row):
    return (int(row[0]) * int(open("deep/factor.txt").read()),)
assert open("deep/factor.txt").read() == "10"
assert spark.sparkContext.master == "yarn", spark.sparkContext.master
spark.read.csv(sys.argv[1]).rdd.map(scaled).toDF(["n"]).coalesce(1).write.csv(sys.argv[2])
`, input, output)
	require.NoError(t, m.Submit(t.Context(), attempt))
	var o job.Observation
	require.Eventually(t, func() bool {
		o, err = m.Observe(t.Context(), attempt)
		return err == nil && o.State.Terminal()
	}, 5*time.Minute, 200*time.Millisecond)
	said, _, err := m.Logs(t.Context(), attempt, "stderr", -4000, 4000)
	require.NoError(t, err)
	require.Equal(t, job.StateSucceeded, o.State, "%s\n%s", o.Raw, said)
	parts, err := s.both.Glob(t.Context(), path.Join(dir, "out/0/result/part-*"))
	require.NoError(t, err)
	require.Len(t, parts, 1)
	f, err := s.both.Open(t.Context(), parts[0].Path)
	require.NoError(t, err)
	data := make([]byte, 100)
	n, _ := f.Read(data) // short
	require.NoError(t, f.Close())
	require.Equal(t, "10\n20\n390\n", string(data[:n]))
	require.NoFileExists(t, filepath.Join(dir, "out"))

	require.NoError(t, m.Release(t.Context(), attempt))
	left, err := s.store.List(t.Context(), s.root)
	require.NoError(t, err)
	require.Empty(t, left, "nothing of it is left on HDFS")
}
