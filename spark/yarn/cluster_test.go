//go:build hadoop

package yarn_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop/hadooptest"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/clustertest"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/hdfs"
)

// runtimes is where Spark is staged, once for all tests.
const runtimes = "/stoker/runtimes"

// requestTimeout is for a machine that is busy.
const requestTimeout = time.Minute

// site is a real cluster, and a root of its own on it.
type site struct {
	*hadooptest.Cluster
	rm     *rm.Client
	store  store.Store
	root   string
	python string
	// home is a Spark that all nodes have: there is one host.
	home string
	// secrets is the directory of secrets.
	secrets string
}

var staged sync.Mutex

func realSite(t *testing.T) *site {
	t.Helper()
	s := &site{Cluster: hadooptest.Find(t), secrets: t.TempDir()}
	var err error
	s.rm, err = rm.New(rm.Options{Addresses: []string{s.Addresses.ResourceManagerWeb}, User: s.User, Timeout: requestTimeout})
	require.NoError(t, err)
	options, err := hdfs.FromConfiguration(s.Configuration(t), "")
	require.NoError(t, err)
	options.User, options.DirMode = s.User, 0o700
	st, err := hdfs.New(options)
	require.NoError(t, err)
	s.store = st
	// A root and an installation of its own: nobody else's applications are seen.
	s.root = path.Join("/user", s.User, "clustertest", strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))+"-"+time.Now().Format("0102150405.000000"))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, s.store.RemoveAll(ctx, s.root))
		require.NoError(t, st.Close())
	})

	found, err := filepath.Glob("../../.tools/venv/lib/python3*/site-packages/pyspark")
	require.NoError(t, err)
	require.NotEmpty(t, found, "no PySpark in .tools/venv: run make build")
	home, err := filepath.Abs(found[0])
	require.NoError(t, err)
	s.home = home
	s.python = filepath.Join(home, "..", "..", "..", "..", "bin", "python")
	staged.Lock()
	defer staged.Unlock()
	_, err = yarn.StageRuntime(t.Context(), s.store, runtimes, home, nil)
	require.NoError(t, err)
	return s
}

// open makes a Manager, as each worker has one.
func (s *site) open(t *testing.T) spark.Manager {
	t.Helper()
	return s.openWith(t, yarn.Settings{SparkVersion: "3.5", Runtimes: runtimes, Python: s.python, JavaMajor: 17, SecretsDir: s.secrets})
}

func (s *site) openWith(t *testing.T, settings yarn.Settings) spark.Manager {
	t.Helper()
	configuration := s.Configuration(t)
	builder, err := yarn.NewBuilder(yarn.BuilderOptions{
		Store: s.store, Configuration: configuration, ConfDirs: []string{s.ConfDir},
		Settings: settings, Cluster: s.rm,
	})
	require.NoError(t, err)
	folder := configuration.AggregatedLogs()[0]
	reader, err := logs.New(logs.Options{
		ResourceManager: s.rm, HistoryAddress: configuration.HistoryServer(), User: s.User,
		Folders: []logs.Folder{{Store: s.store, Dir: folder.Dir, Suffix: folder.Suffix}}, Timeout: requestTimeout,
	})
	require.NoError(t, err)
	m, err := yarn.New(yarn.Options{
		Cluster: "real", Installation: path.Base(s.root), Root: s.root, Store: s.store, ResourceManager: s.rm, User: s.User,
		Builder: builder, Logs: reader, Recovery: true, RequestTimeout: requestTimeout,
	})
	require.NoError(t, err)
	return m
}

// stage does what the STAGE activity does.
func (s *site) stage(t *testing.T, r spark.Reservation, launch spark.Launch, source string) {
	t.Helper()
	launch.Name, launch.Main = t.Name(), "main.py"
	conf := map[string]string{
		"spark.driver.memory": "512m", "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1",
		// No executor starts unless there is work for one.
		"spark.dynamicAllocation.enabled": "true", "spark.dynamicAllocation.shuffleTracking.enabled": "true",
		"spark.dynamicAllocation.minExecutors": "0", "spark.executor.memory": "512m", "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
	}
	for key, value := range launch.Options.Conf {
		conf[key] = value
	}
	launch.Options.Conf = conf
	record, err := json.Marshal(launch)
	require.NoError(t, err)
	for _, f := range [][2]string{{"main.py", source}, {spark.FileLaunch, string(record)}, {spark.FileStaged, "{}"}} {
		_, err := s.store.Write(t.Context(), path.Join(spark.JobDir(s.root, r.Attempt), f[0]), strings.NewReader(f[1]), 0o600)
		require.NoError(t, err)
	}
}

// left lists the attempt's job directory.
func (s *site) left(t *testing.T, attempt job.Attempt) []string {
	t.Helper()
	entries, err := s.store.List(t.Context(), spark.JobDir(s.root, attempt))
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, path.Base(entry.Path))
	}
	return names
}

// An application in cluster mode that makes no SparkContext ends as failed.
const sparkContext = `
from pyspark import SparkContext
SparkContext.getOrCreate()
`

func TestConformance(t *testing.T) {
	t.Parallel()
	run := clustertest.Run
	if testing.Short() {
		run = clustertest.RunBrief
	}
	run(t, func(t *testing.T) clustertest.Harness {
		s := realSite(t)
		return clustertest.Harness{
			Manager: s.open(t),
			Reopen:  s.open,
			Stage: func(t *testing.T, r spark.Reservation, p clustertest.Program) {
				t.Helper()
				s.stage(t, r, spark.Launch{Args: p.Args}, p.Source)
			},
			Left:     s.left,
			IsMarker: spark.IsMarker,
			Prologue: sparkContext,

			MergesStreams: true,
			SparkSays:     []string{" INFO ", " WARN "},
			Scratch:       t.TempDir(),
			Timeout:       5 * time.Minute,
		}
	})
}
