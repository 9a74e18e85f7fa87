//go:build hadoop

package yarn_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// environment is an archive with an interpreter that says who it is.
func environment(t *testing.T, python string) []byte {
	t.Helper()
	script := "#!/bin/sh\nINTERPRETER=packed\nexport INTERPRETER\nexec '" + python + "' \"$@\"\n"
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}))
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "bin/python", Mode: 0o755, Size: int64(len(script))}))
	_, err := archive.Write([]byte(script))
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	require.NoError(t, zipped.Close())
	return packed.Bytes()
}

// Driver and executors run on the interpreter that an archive brings along.
func TestInterpreterOfAnArchive(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]map[string]string{
		"conf":        {"spark.pyspark.python": "./env/bin/python"},
		"environment": {"spark.yarn.appMasterEnv.PYSPARK_PYTHON": "./env/bin/python"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := realSite(t)
			m := s.open(t)
			seen := filepath.Join(t.TempDir(), "seen")
			attempt := job.Key{Source: "clustertest", ID: "interpreter"}.Attempt(1)
			r, err := m.Reserve(t.Context(), attempt, time.Now().Add(time.Hour))
			require.NoError(t, err)
			_, err = s.store.Write(t.Context(), path.Join(spark.JobDir(s.root, attempt), "env.tar.gz"), bytes.NewReader(environment(t, s.python)), 0o600)
			require.NoError(t, err)
			s.stage(t, r, spark.Launch{Args: []string{seen}, Archives: []string{"env.tar.gz#env"}, Options: job.Options{Conf: conf}}, `
import os, sys
from pyspark import SparkContext
sc = SparkContext.getOrCreate()
executors = sc.parallelize([1], 1).map(lambda _: __import__("os").environ.get("INTERPRETER")).collect()
with open(sys.argv[1] + ".tmp", "w", encoding="utf-8") as f:
    f.write(str([os.environ.get("INTERPRETER")] + executors))
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
			require.Equal(t, "['packed', 'packed']", string(got))
		})
	}
}
