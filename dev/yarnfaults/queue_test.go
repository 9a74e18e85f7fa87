//go:build hadoop

package yarnfaults

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/job"
)

// A job whose queue is full stays WAITING, and goes on when there is room. One
// that is cancelled while it waits never runs.
func TestQueueFull(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	i.Worker()
	i.Starter()
	queue := bench.Object{"spark.yarn.queue": queueOne}
	first := i.Create(waiting, queue)
	first.Begun()
	second, third := i.Create(returning, queue), i.Create(returning, queue)
	for _, j := range []*bench.Job{second, third} {
		details(j, "the cluster says **pending**: ACCEPTED")
		require.Equal(t, "WAITING", j.Standing())
	}
	cancel(third)
	ends(third, bench.Unstarted, "cancelled by signal (ann): enough")
	require.Equal(t, "WAITING", second.Standing())
	first.Let()
	ends(first, bench.Complete)
	ends(second, bench.Complete)
}

// A queue that takes no more applications, of which YARN would fail one for ever, keeps
// a job waiting as well.
func TestQueueTakesNoMore(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.Worker()
	i.Starter()
	queue := bench.Object{"spark.yarn.queue": queueSingle}
	first := i.Create(waiting, queue)
	first.Begun()
	second := i.Create(returning, queue)
	details(second, "queue root."+queueSingle+" holds 1 applications, all that it takes")
	second.Reaches("WAITING")
	first.Let()
	ends(first, bench.Complete)
	ends(second, bench.Complete)
	require.Equal(t, 1, i.attempts(second))
}

// What YARN refuses, or would refuse, is not tried again, and the reason is told.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		parameters bench.Object
		words      string
	}{
		"unknown queue":                 {bench.Object{"spark.yarn.queue": "nosuch"}, "to unknown queue: nosuch"},
		"stopped queue":                 {bench.Object{"spark.yarn.queue": "stopped"}, "root.stopped is STOPPED"},
		"too much memory":               {bench.Object{"spark.driver.memory": "100g"}, "spark.driver.memory: 112640 MiB with its overhead"},
		"too much memory for executors": {bench.Object{"spark.executor.memory": "100g"}, "spark.executor.memory: 112640 MiB with its overhead"},
		"too many cores for executors":  {bench.Object{"spark.executor.cores": "1000"}, "spark.executor.cores: 1000 cores is above the cluster's limit"},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "unknown queue" {
				bench.Long(t)
			}
			t.Parallel()
			i := install(t)
			i.Worker()
			i.Starter()
			j := i.Create(returning, row.parameters)
			ends(j, refused, row.words)
			require.Equal(t, 1, i.attempts(j))
			require.Contains(t, j.Messages(), "ERROR (invalid) in phase submitting")
		})
	}
}

// An input that the jobs' user may not read fails the job before anything is
// launched, and is named.
func TestForbiddenInput(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	secret := path.Join("/data", i.name, "secret.csv")
	_, err := i.files.Write(t.Context(), secret, strings.NewReader("id\n1\n"), 0o600)
	require.NoError(t, err)
	i.Worker()
	i.Starter()
	j := i.CreateChanged(returning, func(document bench.Object) {
		document["inputData"] = []any{bench.Object{
			"assetType": "EXTERNAL_FILE", "assetRole": "UNKNOWN", "name": "secret.csv", "fileUrl": i.files.URL(secret), "fileFormat": "CSV",
		}}
	})
	ends(j, refused, "secret.csv\"): is forbidden: the worker's user may not read it")
	require.Empty(t, i.gate.submissions())
	view, err := j.Status()
	require.NoError(t, err)
	require.Equal(t, job.ClassInvalid, view.Outcome.Class)
}
