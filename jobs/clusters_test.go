package jobs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

func TestClusters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.temporal.pollers["spark.pond Activity"] = 2
	b.started("api-1", noon)
	b.started("api-2", noon).end(completed, job.ResultSucceeded)
	got, err := b.service.Clusters(t.Context())
	require.NoError(t, err)
	require.Equal(t, []ClusterView{{Name: "lake", Default: true, OpenJobs: 1}, {Name: "pond", Workers: 2}}, got)
	b.setDown(errDown)
	_, err = b.service.Clusters(t.Context())
	b.code(job.CodeUnavailable, err)
}

func TestReady(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.ErrorContains(t, b.service.Ready(t.Context()), "no worker serves queue spark,")
	b.temporal.pollers["spark Workflow"] = 1
	require.ErrorContains(t, b.service.Ready(t.Context()), "no worker serves any cluster")
	b.temporal.pollers["spark.lake Activity"] = 1
	require.Error(t, b.service.Ready(t.Context()), "nobody would stage")
	b.temporal.pollers["spark.pond.io Activity"] = 1
	require.Error(t, b.service.Ready(t.Context()), "halves of two clusters are none")
	b.temporal.pollers["spark.lake.io Activity"] = 1
	require.NoError(t, b.service.Ready(t.Context()))
	b.setDown(errDown)
	b.code(job.CodeUnavailable, b.service.Ready(t.Context()))
}

func TestLogsOfAJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	v := View{ID: "api-1", Cluster: "lake"}
	for _, stream := range []string{"stdout", "stderr", "stdout.2"} {
		_, err := b.service.Log(v, 0, stream)
		require.NoError(t, err)
	}
	for _, stream := range []string{"", "progress", "stdout.0", "../stdout", "stdout.", "STDOUT"} {
		_, err := b.service.Log(v, 1, stream)
		b.code(job.CodeInvalid, err)
	}
	_, err := b.service.Log(v, -1, "stdout")
	b.code(job.CodeInvalid, err)
	_, err = b.service.Log(View{ID: "api-1"}, 1, "stdout")
	b.code(job.CodeNotFound, err)
}
