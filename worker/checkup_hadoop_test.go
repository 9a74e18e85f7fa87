//go:build hadoop

package worker_test

import (
	"context"
	"io/fs"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/doctor"
	"github.com/stoker-spark/stoker/hadoop/hadooptest"
	"github.com/stoker-spark/stoker/store/hdfs"
	"github.com/stoker-spark/stoker/worker"
)

// TestCheckCluster looks at the real cluster as it is: everything can be found
// out, and what no test changes is fine.
func TestCheckCluster(t *testing.T) {
	t.Parallel()
	site := hadooptest.Find(t)
	cluster := config.DefaultCluster(config.TypeYARN)
	cluster.YARN.ConfDirs, cluster.YARN.User = []string{site.ConfDir}, site.User
	root := path.Join("/user", site.User, "doctor-"+time.Now().Format("150405.000000"))
	cluster.Root = path.Join(root, "jobs")
	c := config.Default()
	c.Clusters["lake"] = cluster

	options, err := hdfs.FromConfiguration(site.Configuration(t), "")
	require.NoError(t, err)
	options.User = site.User
	files, err := hdfs.New(options)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, files.RemoveAll(context.WithoutCancel(t.Context()), root))
		require.NoError(t, files.Close())
	})

	rows := map[string]doctor.Finding{}
	for _, row := range doctor.Examine(t.Context(), worker.CheckCluster(c, "lake"), time.Minute).Rows {
		require.NotContains(t, row.Text, "not known", "%s: %s", row.Check, row.Text)
		rows[row.Check] = row.Finding
	}
	for _, check := range []string{
		"configuration", "ResourceManager", "submission", "queue", "log aggregation", "history server", "NameNode", "WebHDFS", "root", "clocks",
	} {
		require.Equal(t, doctor.StatusOK, rows[check].Status, "%s: %s", check, rows[check].Text)
	}
	for name, mode := range map[string]fs.FileMode{cluster.Root: 0o700, root: 0o755} {
		info, err := files.Stat(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode, "%s: only the root is nobody else's", name)
	}
	left, err := files.List(t.Context(), cluster.Root)
	require.NoError(t, err)
	require.Empty(t, left)

	cluster.YARN.Queue, cluster.YARN.Runtimes = "no-such-queue", root
	c.Clusters["lake"] = cluster
	for _, row := range doctor.Examine(t.Context(), worker.CheckCluster(c, "lake"), time.Minute).Rows {
		if row.Check == "queue" || row.Check == "runtime" {
			require.Equal(t, doctor.StatusFail, row.Status, "%s: %s", row.Check, row.Text)
			require.NotEmpty(t, row.Mend)
		}
	}
}
