//go:build hadoop

package yarn_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// A secret reaches the program through the archive of configuration files and is
// nowhere else: not in what the ResourceManager shows and stores, in no log, in no
// command line or environment of a container.
func TestSecretsOnTheCluster(t *testing.T) {
	t.Parallel()
	s := realSite(t)
	m := s.open(t)
	secret := fmt.Sprintf("planted-%d-\u00fc=:#", time.Now().UnixNano())
	// What is searched for; in files of configuration the rest is escaped.
	planted := secret[:strings.Index(secret, "\u00fc")]
	require.NoError(t, os.WriteFile(filepath.Join(s.secrets, "db"), []byte(secret+"\n"), 0o600))
	scratch := t.TempDir()
	seen, goOn := filepath.Join(scratch, "seen"), filepath.Join(scratch, "go")

	attempt := job.Key{Source: "clustertest", ID: "secrets"}.Attempt(1)
	r, err := m.Reserve(t.Context(), attempt, time.Now().Add(time.Hour))
	require.NoError(t, err)
	s.stage(t, r, spark.Launch{
		Args:    []string{seen, goOn},
		Options: job.Options{Conf: map[string]string{"spark.my.password": "secret:db", "spark.hadoop.my.secret": "secret:db"}},
	}, `
import os, sys, time
from pyspark import SparkContext
sc = SparkContext.getOrCreate()
with open(sys.argv[1] + ".tmp", "w", encoding="utf-8") as f:
    f.write(sc.getConf().get("spark.my.password") + "\n" + sc._jsc.hadoopConfiguration().get("my.secret"))
os.rename(f.name, sys.argv[1])
assert sc.parallelize([1], 1).sum() == 1  # with an executor
while not os.path.exists(sys.argv[2]):
    time.sleep(0.02)
`)
	require.NoError(t, m.Submit(t.Context(), attempt))
	t.Cleanup(func() { _ = m.Kill(t.Context(), attempt, "test over") })
	require.Eventually(t, func() bool {
		got, err := os.ReadFile(seen)
		return err == nil && string(got) == secret+"\n"+secret
	}, 5*time.Minute, 100*time.Millisecond, "the program sees the secret")

	// While it runs: what the ResourceManager shows, and processes with their
	// environments.
	app, err := http.Get(s.Addresses.ResourceManagerWeb + "/ws/v1/cluster/apps/" + r.Application)
	require.NoError(t, err)
	defer app.Body.Close() //nolint:errcheck // read only
	shown, err := io.ReadAll(app.Body)
	require.NoError(t, err)
	require.Contains(t, string(shown), r.Application)
	require.NotContains(t, string(shown), planted)
	processes, err := filepath.Glob("/proc/[0-9]*/[ce][mn][dv]*") // cmdline, environ
	require.NoError(t, err)
	for _, name := range processes {
		if data, err := os.ReadFile(name); err == nil {
			require.NotContains(t, string(data), planted, name)
		}
	}
	require.Positive(t, s.searched(t, planted), "the search finds the NodeManager's copy")
	require.NoError(t, os.WriteFile(goOn, nil, 0o600))
	require.Eventually(t, func() bool {
		o, err := m.Observe(t.Context(), attempt)
		return err == nil && o.State == job.StateSucceeded
	}, 5*time.Minute, 100*time.Millisecond)
	for _, stream := range []string{"stdout", "stderr"} {
		var data []byte
		require.Eventually(t, func() bool {
			data, _, err = m.Logs(t.Context(), attempt, stream, 0, 10<<20)
			return job.CodeOf(err) != job.CodeUnavailable // it is on its way from one place to another
		}, 5*time.Minute, 100*time.Millisecond)
		require.NoError(t, err)
		require.NotContains(t, string(data), planted, stream)
	}
	s.searched(t, planted)
	require.NoError(t, m.Release(t.Context(), attempt))
	_, err = s.store.Stat(t.Context(), path.Join(spark.JobDir(s.root, attempt), ".sparkStaging"))
	require.ErrorIs(t, err, fs.ErrNotExist, "the archive is gone")
}

// searched looks through all that the daemons keep on this host: the
// ResourceManager's state, logs of daemons and containers, launch scripts. Blocks
// of HDFS hold the archive itself; NodeManagers' copies of it, which it counts, are
// the user's alone.
func (s *site) searched(t *testing.T, planted string) (copies int) {
	t.Helper()
	state := filepath.Dir(s.ConfDir)
	require.DirExists(t, filepath.Join(state, "data", "rm-state"))
	require.NoError(t, filepath.WalkDir(state, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // gone since
		}
		if entry.IsDir() && name == filepath.Join(state, "data", "blocks") {
			return fs.SkipDir
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(data, []byte(planted)) {
			return nil //nolint:nilerr // as above
		}
		require.Contains(t, name, "/filecache/", "%s holds the secret", name)
		require.Contains(t, name, "__spark_conf__", "%s holds the secret", name)
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Zero(t, info.Mode()&0o077, "%s has mode %s", name, info.Mode())
		copies++
		return nil
	}))
	return copies
}
