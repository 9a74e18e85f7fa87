package jobs

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

func TestClusters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.temporal.pollers["spark.pond Activity"] = 2
	b.started("api-1", noon)
	b.started("api-2", noon).end(completed, job.ResultSucceeded)
	got, err := b.service.Clusters(t.Context())
	require.NoError(t, err)
	require.Equal(t, []ClusterView{
		{Name: "lake", Default: true, Master: "yarn", DeployMode: "cluster", OpenJobs: 1, Profiles: []string{"big"}}, {Name: "pond", DeployMode: "client", Workers: 2},
	}, got)
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
		_, err := b.service.Log(t.Context(), v, 0, stream)
		require.NoError(t, err)
	}
	for _, stream := range []string{"", "progress", "stdout.0", "../stdout", "stdout.", "STDOUT"} {
		_, err := b.service.Log(t.Context(), v, 1, stream)
		b.code(job.CodeInvalid, err)
	}
	_, err := b.service.Log(t.Context(), v, -1, "stdout")
	b.code(job.CodeInvalid, err)
	_, err = b.service.Log(t.Context(), View{ID: "api-1"}, 1, "stdout")
	b.code(job.CodeNotFound, err)
}

func TestLogsOfAnAttemptThatHasNotBegun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ask := func(known, attempt int) error {
		_, err := b.service.Log(t.Context(), View{ID: "api-1", Cluster: "lake", Attempt: known}, attempt, "stdout")
		return err
	}
	require.NoError(t, ask(2, 2))
	b.code(job.CodeNotFound, ask(2, 3))
	// Of a job that is closed, where nobody knows how many there were, what was written tells.
	require.NoError(t, ask(0, 1))
	b.code(job.CodeNotFound, ask(0, 2))
	logs, err := b.logs["lake"].Attempt(job.AttemptOf("api-1", 2))
	require.NoError(t, err)
	stream, err := logs.Stream("stderr")
	require.NoError(t, err)
	_, err = stream.Append(t.Context(), 100, func(w io.Writer, _ int64) error { _, err := io.WriteString(w, "x"); return err })
	require.NoError(t, err)
	require.NoError(t, ask(0, 2))
	b.stores["lake"].set(func(string) error { return errors.New("connection refused") })
	b.code(job.CodeUnavailable, ask(0, 2))
}

// Who follows a log may have heard of its attempt from a worker that is away by now.
func TestLogsOfAnAttemptWhileNoWorkerAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", time.Now())
	log, err := b.service.Log(t.Context(), b.get("api-1"), 2, "stdout")
	require.NoError(t, err)
	_, size, err := log.Open(t.Context(), 0)
	require.NoError(t, err)
	require.Zero(t, size)
	finished, _, err := log.Finished(t.Context())
	require.NoError(t, err)
	require.False(t, finished)

	r.view = &workflows.StatusView{Phase: job.PhaseRunning, Attempt: 1}
	_, err = b.service.Log(t.Context(), b.get("api-1"), 2, "stdout")
	b.code(job.CodeNotFound, err)
}
