package local_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/clustertest"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/spark/local/localtest"
)

// TestMain lets this binary be the supervisor and, in fault tests, a worker.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "supervise":
			os.Exit(local.Supervise(os.Args[2:]))
		case "submit":
			os.Exit(submitCommand(os.Args[2:]))
		}
	}
	for key, value := range planted {
		if err := os.Setenv(key, value); err != nil {
			panic(err)
		}
	}
	// Most of the time these tests wait for processes.
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func supervise(t testing.TB, args ...string) []string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return append([]string{self, "supervise"}, args...)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	clustertest.Run(t, func(t *testing.T) clustertest.Harness {
		return harness(t, localtest.Options(t, supervise(t)...))
	})
}

func harness(t *testing.T, o local.Options) clustertest.Harness {
	t.Helper()
	o.Concurrency = 2
	open := func(t *testing.T) spark.Manager {
		t.Helper()
		m, err := local.New(o)
		require.NoError(t, err)
		return m
	}
	return clustertest.Harness{
		Manager: open(t),
		Reopen:  open,
		Stage: func(t *testing.T, r spark.Reservation, p clustertest.Program) {
			t.Helper()
			localtest.Stage(t, o.Root, r, spark.Launch{Name: "test", Main: "main.py", Args: p.Args}, p.Source)
		},
		Left: func(t *testing.T, attempt job.Attempt) []string {
			t.Helper()
			entries, err := os.ReadDir(spark.JobDir(o.Root, attempt))
			require.NoError(t, err)
			var names []string
			for _, entry := range entries {
				names = append(names, entry.Name())
			}
			return names
		},
		IsMarker: local.IsMarker,
		Scratch:  t.TempDir(),
		Limit:    2,
		Timeout:  2 * time.Minute,
	}
}

// TestRealSpark runs the suite's slow part, two launches, on real Spark.
func TestRealSpark(t *testing.T) {
	t.Parallel()
	home := realSpark(t)
	clustertest.RunBrief(t, func(t *testing.T) clustertest.Harness {
		o := localtest.Options(t, supervise(t)...)
		o.SparkHome, o.Java = home, ""
		if venv := filepath.Join(home, "..", "..", "..", "..", "bin", "python3"); exists(venv) {
			o.Python = venv
		}
		o.Env = map[string]string{"SPARK_LOCAL_IP": "127.0.0.1"}
		h := harness(t, o)
		h.Timeout = 2 * time.Minute
		return h
	})
}

func realSpark(t *testing.T) string {
	t.Helper()
	home := os.Getenv("STOKER_TEST_SPARK_HOME")
	if home == "" {
		found, err := filepath.Glob("../../.tools/venv/lib/python3*/site-packages/pyspark")
		require.NoError(t, err)
		require.NotEmpty(t, found, "no PySpark in .tools/venv: run make test, which installs it, or set STOKER_TEST_SPARK_HOME")
		home = found[0]
	}
	home, err := filepath.Abs(home)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(home, "bin", "spark-submit"), "STOKER_TEST_SPARK_HOME is no Spark installation")
	return home
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
