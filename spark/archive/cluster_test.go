//go:build hadoop

package archive_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/hadoop/hadooptest"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/archive"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/spark/yarn/sparkui"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/hdfs"
	"github.com/stoker-spark/stoker/store/logstore"
)

// program writes to its log and runs Spark jobs until it is allowed to end.
const program = `
import os, sys, time
from pyspark import SparkContext
scratch = sys.argv[1]
sc = SparkContext.getOrCreate()
n = 0
while not os.path.exists(os.path.join(scratch, "end")):
    n += 1
    print("round %d \xe9 " % n + "x" * 20000, flush=True)
    sc.parallelize(range(4), 2).map(lambda x: time.sleep(0.2) or x).sum()
open(os.path.join(scratch, "rounds"), "w").write(str(n))
print("the end", flush=True)
`

// site is a real cluster with one job on it.
type site struct {
	*testing.T
	cluster *hadooptest.Cluster
	rm      *rm.Client
	reader  *logs.Reader
	files   *hdfs.Store
	root    string
	manager *yarn.Manager
	logs    *logstore.Store
	attempt job.Attempt
	app     string
	// scratch is a directory that the program and the test share.
	scratch string
}

func onCluster(t *testing.T) *site {
	t.Helper()
	s := &site{T: t, cluster: hadooptest.Find(t), scratch: t.TempDir(), attempt: job.AttemptOf("archive", 1)}
	configuration := s.cluster.Configuration(t)
	var err error
	s.rm, err = rm.New(rm.Options{Addresses: []string{s.cluster.Addresses.ResourceManagerWeb}, User: s.cluster.User, Timeout: time.Minute})
	require.NoError(t, err)
	options, err := hdfs.FromConfiguration(configuration, "")
	require.NoError(t, err)
	options.User, options.DirMode = s.cluster.User, 0o700
	s.files, err = hdfs.New(options)
	require.NoError(t, err)
	s.root = path.Join("/user", s.cluster.User, "archivetest", strings.ToLower(rand.Text()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, s.manager.Kill(ctx, s.attempt, "the test is over"))
		require.NoError(t, s.files.RemoveAll(ctx, s.root))
		require.NoError(t, s.files.Close())
	})

	found, err := filepath.Glob("../../.tools/venv/lib/python3*/site-packages/pyspark")
	require.NoError(t, err)
	require.NotEmpty(t, found, "no PySpark in .tools/venv: run make build")
	home, err := filepath.Abs(found[0])
	require.NoError(t, err)
	const runtimes = "/stoker/runtimes"
	_, err = yarn.StageRuntime(t.Context(), s.files, runtimes, home, nil)
	require.NoError(t, err)
	builder, err := yarn.NewBuilder(yarn.BuilderOptions{
		Store: s.files, Configuration: configuration, ConfDirs: []string{s.cluster.ConfDir},
		Settings: yarn.Settings{
			SparkVersion: "3.5", Runtimes: runtimes, JavaMajor: 17, Python: filepath.Join(home, "../../../../bin/python"),
		},
	})
	require.NoError(t, err)
	folder := configuration.AggregatedLogs()[0]
	s.reader, err = logs.New(logs.Options{
		ResourceManager: s.rm, HistoryAddress: configuration.HistoryServer(), User: s.cluster.User,
		Folders: []logs.Folder{{Store: s.files, Dir: folder.Dir, Suffix: folder.Suffix}}, Timeout: time.Minute,
	})
	require.NoError(t, err)
	ui, err := sparkui.New(sparkui.Options{
		Addresses: []string{s.cluster.Addresses.ResourceManagerWeb}, HTTP: hadoop.NewHTTP(hadoop.HTTPOptions{User: s.cluster.User}), Timeout: time.Minute,
	})
	require.NoError(t, err)
	s.manager, err = yarn.New(yarn.Options{
		Cluster: "real", Installation: "archivetest-" + strings.ToLower(rand.Text()[:8]), Root: s.root + "/jobs", Store: s.files, ResourceManager: s.rm,
		User: s.cluster.User, Builder: builder, Logs: s.reader, Progress: ui, Recovery: true, RequestTimeout: time.Minute,
	})
	require.NoError(t, err)
	s.logs = logstore.New(s.files, s.root+"/logs")
	return s
}

// launch stages and submits the program.
func (s *site) launch() {
	s.Helper()
	reserved, err := s.manager.Reserve(s.Context(), s.attempt, time.Now().Add(time.Hour))
	require.NoError(s, err)
	s.app = reserved.Application
	record, err := json.Marshal(spark.Launch{Name: s.Name(), Main: "main.py", Args: []string{s.scratch}, Options: job.Options{Conf: map[string]string{
		"spark.driver.memory": "512m", "spark.executor.memory": "512m", "spark.executor.instances": "1",
		"spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1", "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
	}}})
	require.NoError(s, err)
	for name, text := range map[string]string{"main.py": program, spark.FileLaunch: string(record), spark.FileStaged: "{}"} {
		_, err := s.files.Write(s.Context(), path.Join(spark.JobDir(s.root+"/jobs", s.attempt), name), strings.NewReader(text), 0o600)
		require.NoError(s, err)
	}
	require.NoError(s, s.manager.Submit(s.Context(), s.attempt))
}

func (s *site) eventually(what string, is func() bool) {
	s.Helper()
	require.Eventually(s, is, 5*time.Minute, 200*time.Millisecond, what)
}

// chunks lists a stream's chunks.
func (s *site) chunks(stream string) []store.Info {
	s.Helper()
	entries, err := s.files.List(s.Context(), path.Join(s.root, "logs", s.attempt.Job, "1", stream))
	require.NoError(s, err)
	return entries
}

// The log of a running application is read as it grows, its progress seen to move;
// at the end every chunk is that part of what YARN has aggregated.
func TestFollowAndFinishOnYARN(t *testing.T) {
	t.Parallel()
	s := onCluster(t)
	kept, err := s.logs.Attempt(s.attempt)
	require.NoError(t, err)
	follower, err := archive.NewFollower(archive.FollowerOptions{
		Cluster: "real", Manager: s.manager, Store: s.logs, ProgressInterval: time.Second,
		Failed: func(what string) { t.Log("failed:", what) },
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	following := make(chan struct{})
	go func() {
		follower.Run(ctx)
		close(following)
	}()
	s.launch()

	// Python writes all of it to stdout.
	stream, err := kept.Stream("stdout")
	require.NoError(t, err)
	var seen []int64
	s.eventually("the log grows", func() bool {
		_, size, err := stream.Read(t.Context(), 0, 0)
		require.NoError(t, err)
		if len(seen) == 0 && size > 0 || len(seen) > 0 && size > seen[len(seen)-1] {
			seen = append(seen, size)
		}
		return len(seen) >= 6
	})
	var progress []job.Progress
	s.eventually("progress moves", func() bool {
		p, err := kept.Progress(t.Context())
		require.NoError(t, err)
		if p != nil && (len(progress) == 0 || p.Tasks.Completed > progress[len(progress)-1].Tasks.Completed) {
			progress = append(progress, *p)
		}
		return len(progress) >= 3
	})
	t.Logf("sizes seen %v, progress seen %+v", seen, progress)
	m, err := kept.Manifest(t.Context())
	require.NoError(t, err)
	require.Nil(t, m, "it runs")

	require.NoError(t, os.WriteFile(filepath.Join(s.scratch, "end"), nil, 0o600))
	s.eventually("the end", func() bool {
		o, err := s.manager.Observe(t.Context(), s.attempt)
		require.NoError(t, err)
		return o.State.Terminal()
	})
	began := time.Now()
	m, err = archive.Finish(t.Context(), archive.Final{
		Manager: s.manager, Store: s.logs, Attempt: s.attempt, Application: s.app, Patience: 5 * time.Minute,
	})
	require.NoError(t, err)
	t.Logf("archived in %s: %+v", time.Since(began), m)
	stop()
	<-following
	require.True(t, m.Complete, "%v", m.Notes)

	s.eventually("aggregation", func() bool {
		app, err := s.rm.Application(t.Context(), s.app)
		require.NoError(t, err)
		return app.LogAggregation == "SUCCEEDED"
	})
	rounds, err := os.ReadFile(filepath.Join(s.scratch, "rounds"))
	require.NoError(t, err)
	for i, name := range []string{"stdout", "stderr"} {
		aggregated, size, err := s.reader.Read(t.Context(), s.app, name, 0, 1<<30)
		require.NoError(t, err)
		require.Equal(t, name, m.Streams[i].Name)
		require.Equal(t, size, m.Streams[i].Bytes)
		entries := s.chunks(name)
		require.Len(t, entries, m.Streams[i].Chunks)
		var at int64
		for _, e := range entries {
			offset, err := strconv.ParseInt(path.Base(e.Path), 10, 64)
			require.NoError(t, err)
			require.Equal(t, at, offset)
			in, err := s.files.Open(t.Context(), e.Path)
			require.NoError(t, err)
			var content bytes.Buffer
			_, err = content.ReadFrom(in)
			require.NoError(t, err)
			require.NoError(t, in.Close())
			require.True(t, bytes.Equal(aggregated[offset:offset+e.Size], content.Bytes()), "chunk %s of %s", e.Path, name)
			at += e.Size
		}
		require.Equal(t, size, at)
		if name == "stdout" {
			require.Greater(t, len(entries), 5, "it was followed")
			require.Contains(t, string(aggregated), "round "+string(rounds)+" é ")
			require.True(t, strings.HasSuffix(string(aggregated), "the end\n"), "all that it wrote")
		}
	}
}

// An application that is killed, before it ran or while it runs, leaves its logs too.
func TestFinishOfAKilledApplicationOnYARN(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{false, true} {
		t.Run(strconv.FormatBool(running), func(t *testing.T) {
			t.Parallel()
			s := onCluster(t)
			s.launch()
			if running {
				s.eventually("output", func() bool {
					_, size, err := s.manager.Logs(t.Context(), s.attempt, "stdout", 0, 1)
					return err == nil && size > 0
				})
			}
			require.NoError(t, s.manager.Kill(t.Context(), s.attempt, "it is in the way"))
			began := time.Now()
			m, err := archive.Finish(t.Context(), archive.Final{
				Manager: s.manager, Store: s.logs, Attempt: s.attempt, Application: s.app, Patience: 5 * time.Minute,
			})
			require.NoError(t, err)
			t.Logf("archived in %s: %+v", time.Since(began), m)
			require.True(t, m.Complete, "%v", m.Notes)
			kept, err := s.logs.Attempt(s.attempt)
			require.NoError(t, err)
			stderr, err := kept.Stream("stderr")
			require.NoError(t, err)
			text, _, err := stderr.Read(t.Context(), 0, 1<<20)
			require.NoError(t, err)
			stdout, err := kept.Stream("stdout")
			require.NoError(t, err)
			out, _, err := stdout.Read(t.Context(), 0, 1<<20)
			require.NoError(t, err)
			if running {
				require.Contains(t, string(out), "round 1 ")
				return
			}
			// Its master may just have started. If not, YARN's word says why there is no log.
			if len(out) == 0 && strings.HasPrefix(string(text), "there is no stderr") {
				require.Contains(t, string(text), "it is in the way")
			}
		})
	}
}
