//go:build hadoop

package worker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/hadoop/hadooptest"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/store"
)

// sum counts the rows of all inputs, and tells where the node keeps Spark's jars.
const sum = `
import os
from pyspark.sql import SparkSession

def score(external_inputs, external_outputs, external_model_assets):
    spark = SparkSession.builder.getOrCreate()
    rows = sum(spark.read.csv(i["fileUrl"], header=True).count() for i in external_inputs)
    found = [(rows, os.path.realpath("__spark_libs__"))]
    spark.createDataFrame(found, ["rows", "libs"]).coalesce(1).write.json(external_outputs[0]["fileUrl"])
`

// one is a source of one job.
type one struct {
	activities.Source
	manifest job.Manifest
}

func (o one) Manifest(context.Context, job.Ref) (job.Manifest, job.Intake, error) {
	return o.manifest, job.Intake{
		Spec: job.Spec{Name: "default file system"}, Digest: "d", Standing: job.Standing{State: job.StandingOpen},
	}, nil
}

func (o one) Report(context.Context, string, job.Report) (job.Standing, error) {
	return job.Standing{State: job.StandingOpen}, nil
}

// A whole job, Stoker's driver included, on each kind of default file system.
func TestDefaultFileSystems(t *testing.T) {
	t.Parallel()
	cluster := hadooptest.Find(t)
	web := strings.TrimPrefix(cluster.Addresses.NameNodeWeb, "http://")
	for name, c := range map[string]struct {
		defaultFS string
		way       config.HDFS
		scheme    string
		// spellings of an input, PATH being its path.
		spellings []string
	}{
		"rpc": {cluster.Addresses.DefaultFS, config.HDFSByRPC, "hdfs", []string{
			"PATH", "hdfs:///PATH", cluster.Addresses.DefaultFS + "PATH", "webhdfs://" + web + "PATH",
		}},
		"http":    {cluster.Addresses.DefaultFS, config.HDFSByWebHDFS, "hdfs", []string{"PATH", cluster.Addresses.DefaultFS + "PATH"}},
		"webhdfs": {"webhdfs://" + web, config.HDFSByRPC, "webhdfs", []string{"PATH", "hdfs:///PATH", "webhdfs:///PATH", "webhdfs://" + web + "PATH"}},
		"file":    {"file:///", config.HDFSByRPC, "file", []string{"PATH", "hdfs:///PATH", "file://PATH"}},
	} {
		if testing.Short() && name != "webhdfs" {
			continue // each takes a minute; RPC is what the sample jobs run on
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf, root := t.TempDir(), "/tmp/store-"+strings.ToLower(rand.Text())
			runtimes := "/stoker/runtimes"
			if c.scheme == "file" {
				root = t.TempDir()
				runtimes = root + "/runtimes"
			}
			copyConf(t, cluster.ConfDir, conf, c.defaultFS)
			settings := config.Default()
			yarnCluster := config.DefaultCluster(config.TypeYARN)
			yarnCluster.Root = root + "/jobs"
			yarnCluster.YARN.ConfDirs, yarnCluster.YARN.User, yarnCluster.YARN.HDFS = []string{conf}, cluster.User, c.way
			yarnCluster.YARN.Runtimes = runtimes
			home, python := pySpark(t)
			yarnCluster.YARN.Python = python
			settings.Clusters["lake"] = yarnCluster
			openings := Openings{Logger: slog.New(slog.DiscardHandler)}
			clusters, err := OpenClusters(settings, []string{"lake"}, openings)
			require.NoError(t, err)
			lake := clusters["lake"]
			st := lake.Stores.Default
			require.Equal(t, c.scheme, st.Scheme())
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				require.NoError(t, st.RemoveAll(ctx, root))
			})
			_, err = yarn.StageRuntime(t.Context(), st, runtimes, home, nil)
			require.NoError(t, err)
			_, err = st.Write(t.Context(), root+"/in.csv", strings.NewReader("a,b\n1,2\n3,4\n"), 0o644)
			require.NoError(t, err)

			manifest := job.Manifest{
				Kind: job.KindScoring, Primary: job.SourceFile{Path: "model.py", Text: sum}, Function: job.Function{Name: "score", Origin: "conventional name"},
				Outputs: []job.Asset{{FileName: "found.json", Format: "JSON", Embedded: true}},
				Options: job.Options{Conf: map[string]string{
					"spark.driver.memory": "512m", "spark.executor.memory": "512m", "spark.executor.instances": "1",
					"spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1", "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
				}},
			}
			for i, spelling := range c.spellings {
				location := strings.ReplaceAll(strings.ReplaceAll(spelling, "///PATH", "//PATH"), "PATH", root+"/in.csv")
				manifest.Inputs = append(manifest.Inputs, job.Asset{FileName: fmt.Sprintf("in%d.csv", i), Format: "CSV", URL: location})
			}
			attempt := job.Key{Source: job.SourceModelManage, ID: name}.Attempt(1)
			found := runJob(t, lake, attempt, manifest)
			require.Equal(t, 2*len(c.spellings), found.Rows)
			// The runtime is everybody's, but for the one in this test's own directory.
			require.Contains(t, found.Libs, "/filecache/")
			require.Equal(t, c.scheme == "file", strings.Contains(found.Libs, "/usercache/"), found.Libs)

			require.NoError(t, lake.Manager.Release(t.Context(), attempt))
			left, err := st.List(t.Context(), spark.JobDir(lake.Root, attempt))
			require.NoError(t, err)
			for _, info := range left {
				require.True(t, spark.IsMarker(path.Base(info.Path)), info.Path)
			}
		})
	}
}

// What RPC can't serve goes through WebHDFS, found by the configuration. One DataNode
// can't hold erasure-coded blocks, but it can hold files that are erasure-coded and
// empty.
func TestFileSystemsDetour(t *testing.T) {
	t.Parallel()
	cluster := hadooptest.Find(t)
	for enabled, code := range map[string]job.Code{"true": "", "false": job.CodeInvalid} {
		c := cluster.Configuration(t).With(map[string]string{
			"dfs.namenode.http-address": strings.TrimPrefix(cluster.Addresses.NameNodeWeb, "http://"), "dfs.webhdfs.enabled": enabled,
		})
		set, err := openFileSystems(c, config.YARN{HDFS: config.HDFSByRPC}, cluster.User, hadoop.NewHTTP(hadoop.HTTPOptions{User: cluster.User}), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		dir := "/tmp/store-" + strings.ToLower(rand.Text())
		require.NoError(t, set.Default.MkdirAll(t.Context(), dir, 0o755))
		t.Cleanup(func() { require.NoError(t, set.Default.RemoveAll(context.Background(), dir)) })
		policy := url.Values{"op": {"SETECPOLICY"}, "ecpolicy": {"RS-6-3-1024k"}, "user.name": {cluster.User}}
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, cluster.Addresses.NameNodeWeb+"/webhdfs/v1"+dir+"?"+policy.Encode(), nil)
		require.NoError(t, err)
		reply, err := http.DefaultClient.Do(q)
		require.NoError(t, err)
		require.NoError(t, reply.Body.Close())
		require.Equal(t, http.StatusOK, reply.StatusCode)

		_, err = set.Default.Write(t.Context(), dir+"/below/file", strings.NewReader(""), 0o640)
		require.Equal(t, code, job.CodeOf(err), "%v", err)
		if code == "" {
			info, err := set.Default.Stat(t.Context(), dir+"/below")
			require.NoError(t, err)
			require.Equal(t, dirMode, info.Mode, "as RPC makes it")
		}
	}
}

// found is what the job wrote.
type found struct {
	Rows int    `json:"rows"`
	Libs string `json:"libs"`
}

// runJob does what a job's workflow does, and reads its output.
func runJob(t *testing.T, c activities.Cluster, attempt job.Attempt, manifest job.Manifest) found {
	t.Helper()
	ctx := t.Context()
	reservation, err := c.Manager.Reserve(ctx, attempt, time.Now().Add(time.Hour))
	require.NoError(t, err)
	transfer, err := activities.NewTransfer(map[string]activities.Cluster{c.Name: c}, map[string]activities.Source{job.SourceModelManage: one{manifest: manifest}})
	require.NoError(t, err)
	env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	env.RegisterActivity(transfer)
	env.SetTestTimeout(2 * time.Minute)
	value, err := env.ExecuteActivity(transfer.Stage, activities.StageInput{
		Key: job.Key{Source: job.SourceModelManage, ID: attempt.Job}, Cluster: c.Name, Attempt: attempt,
		Application: reservation.Application, Digest: "d",
	})
	require.NoError(t, err)
	var staged activities.StageResult
	require.NoError(t, value.Get(&staged))
	require.Empty(t, staged.Problems)
	require.NoError(t, c.Manager.Submit(ctx, attempt))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, c.Manager.Kill(ctx, attempt, "the test is over"))
	})
	var seen job.Observation
	require.Eventually(t, func() bool {
		seen, err = c.Manager.Observe(ctx, attempt)
		return err == nil && seen.State.Terminal()
	}, 10*time.Minute, time.Second, "the application does not end")
	if seen.State != job.StateSucceeded {
		log, _, err := c.Manager.Logs(ctx, attempt, "stderr", 0, 1<<20)
		t.Fatalf("%+v; log: %s %v", seen, log, err)
	}
	dir := path.Join(spark.JobDir(c.Root, attempt), spark.DirOutputs, "0", "found.json")
	parts, err := c.Stores.Default.Glob(ctx, dir+"/part-*.json")
	require.NoError(t, err)
	require.Len(t, parts, 1)
	return readFound(t, c.Stores.Default, parts[0].Path)
}

func readFound(t *testing.T, st store.Store, name string) found {
	t.Helper()
	r, err := st.Open(t.Context(), name)
	require.NoError(t, err)
	defer r.Close() //nolint:errcheck // opened for reading
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	var f found
	require.NoError(t, json.Unmarshal(data, &f))
	return f
}

// copyConf copies a client configuration and gives it another default file system.
func copyConf(t *testing.T, from, to, defaultFS string) {
	t.Helper()
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	core := filepath.Join(to, "core-site.xml")
	require.NoError(t, os.WriteFile(core, []byte("<configuration><property><name>fs.defaultFS</name><value>"+
		defaultFS+"</value></property></configuration>"), fs.FileMode(0o600)))
}

// pySpark is the home of PySpark and its interpreter.
func pySpark(t *testing.T) (home, python string) {
	t.Helper()
	found, err := filepath.Glob("../.tools/venv/lib/python3*/site-packages/pyspark")
	require.NoError(t, err)
	require.NotEmpty(t, found, "no PySpark in .tools/venv: run make build")
	home, err = filepath.Abs(found[0])
	require.NoError(t, err)
	return home, filepath.Join(home, "..", "..", "..", "..", "bin", "python")
}
