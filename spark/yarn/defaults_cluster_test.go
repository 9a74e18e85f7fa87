//go:build hadoop

package yarn_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn"
)

// A program runs on a cluster whose nodes have Spark, as a vendor's gateway says it,
// without a staged runtime; and with a file of the worker's host that it names.
func TestDefaultsOfAGateway(t *testing.T) {
	t.Parallel()
	s := realSite(t)
	scratch := t.TempDir()
	seen, conf := filepath.Join(scratch, "seen"), filepath.Join(scratch, "conf")
	py4j, err := filepath.Glob(s.home + "/python/lib/py4j-*-src.zip")
	require.NoError(t, err)
	for name, text := range map[string]string{
		"conf/spark-defaults.conf": "spark.master=yarn\nspark.submit.deployMode=client\nspark.yarn.jars=local:" + s.home + "/jars/*\n" +
			"spark.files=" + scratch + "/site.txt#of-the-site.txt\nspark.my.default=from the file\n",
		"conf/spark-env.sh": "LIB=" + s.home + "/python/lib\nexport PYSPARK_ARCHIVES_PATH=local:$LIB/pyspark.zip,local:" + strings.Join(py4j, "") + "\n" +
			"export PYSPARK_PYTHON=${PYSPARK_PYTHON:-" + s.python + "}\n",
		"site.txt": "of the site",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(scratch, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(scratch, name), []byte(text), 0o600))
	}
	m := s.openWith(t, yarn.Settings{SparkVersion: "3.5", Runtimes: "/nowhere", SparkConfDir: conf, JavaMajor: 17})
	attempt := job.Key{Source: "clustertest", ID: "gateway"}.Attempt(1)
	r, err := m.Reserve(t.Context(), attempt, time.Now().Add(time.Hour))
	require.NoError(t, err)
	s.stage(t, r, spark.Launch{Args: []string{seen}}, `
import os, sys
from pyspark import SparkContext
sc = SparkContext.getOrCreate()
executors = sc.parallelize([1], 1).map(lambda _: open("of-the-site.txt").read()).collect()
with open(sys.argv[1] + ".tmp", "w", encoding="utf-8") as f:
    f.write(str(executors + [sc.getConf().get("spark.my.default")]))
os.rename(f.name, sys.argv[1])
`)
	require.NoError(t, m.Submit(t.Context(), attempt))
	t.Cleanup(func() { _ = m.Kill(t.Context(), attempt, "test over") })
	require.Eventually(t, func() bool {
		_, err := os.Stat(seen)
		return err == nil
	}, 5*time.Minute, 100*time.Millisecond)
	got, err := os.ReadFile(seen)
	require.NoError(t, err)
	require.Equal(t, "['of the site', 'from the file']", string(got))
}

// What no container of the cluster has is refused, and never sent.
func TestMoreThanTheCluster(t *testing.T) {
	t.Parallel()
	s := realSite(t)
	m := s.open(t)
	for name, conf := range map[string]map[string]string{
		"memory": {"spark.executor.memory": "1000g"}, "cores": {"spark.executor.cores": "10000"},
	} {
		attempt := job.Key{Source: "clustertest", ID: name}.Attempt(1)
		r, err := m.Reserve(t.Context(), attempt, time.Now().Add(time.Hour))
		require.NoError(t, err)
		s.stage(t, r, spark.Launch{Options: job.Options{Conf: conf}}, "")
		err = m.Submit(t.Context(), attempt)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		require.Contains(t, strings.Join(job.ProblemsOf(err), "\n"), "above the cluster's limit")
		require.NotContains(t, s.left(t, attempt), spark.FileIntent)
		_, err = s.rm.Application(t.Context(), r.Application)
		require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	}
}
