package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/job"
)

func TestLogsRoot(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		root, logs, want, problem string
	}{
		"default":              {"/user/stoker/jobs", "", "/user/stoker/jobs-logs", ""},
		"default of a slash":   {"/user/stoker/jobs/", "", "/user/stoker/jobs-logs", ""},
		"beside":               {"/user/stoker/jobs", "/user/stoker/logs", "/user/stoker/logs", ""},
		"a longer name beside": {"/user/stoker/jobs", "/user/stoker/jobs2/", "/user/stoker/jobs2", ""},
		"relative":             {"/jobs", "logs", "logs", `clusters.c.logs.root: must be an absolute directory, got "logs"`},
		"the file system":      {"/jobs", "/", "/", `clusters.c.logs.root: must be an absolute directory, got "/"`},
		"the same":             {"/jobs", "/jobs/", "/jobs", "neither be in the cluster's root nor hold it"},
		"inside":               {"/jobs", "/jobs/x/../logs", "/jobs/logs", "neither be in the cluster's root nor hold it"},
		"around":               {"/stoker/jobs", "/stoker", "/stoker", "neither be in the cluster's root nor hold it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config.Default()
			c.ModelManage.BaseURL = "http://gateway:1"
			cluster := config.DefaultCluster(config.TypeLocal)
			cluster.Root, cluster.Logs.Root = row.root, row.logs
			c.Clusters = map[string]config.Cluster{"c": cluster}
			for i := range c.ModelManage.Engines {
				c.ModelManage.Engines[i].Cluster = "c"
			}
			require.Equal(t, row.want, cluster.LogsRoot())
			err := c.Validate()
			if row.problem == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, job.CodeInvalid, job.CodeOf(err))
			require.Contains(t, strings.Join(job.ProblemsOf(err), "\n"), row.problem)
		})
	}
}

func TestLogsAreFollowedUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{config.TypeLocal, config.TypeYARN} {
		require.True(t, config.DefaultCluster(kind).Logs.Follow)
	}
}
