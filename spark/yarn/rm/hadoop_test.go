//go:build hadoop

package rm_test

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// TestRealCluster calls a real ResourceManager, whose cluster.json STOKER_HADOOP
// names (make hadoop-up).
func TestRealCluster(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(os.Getenv("STOKER_HADOOP"))
	require.NoError(t, err, "STOKER_HADOOP must name the cluster.json of a running Hadoop cluster")
	var cluster struct {
		User      string
		Version   string
		Addresses struct{ ResourceManagerWeb string }
	}
	require.NoError(t, json.Unmarshal(data, &cluster))
	c := client(t, func(o *rm.Options) { o.User = cluster.User }, "http://127.0.0.1:1", cluster.Addresses.ResourceManagerWeb)

	info, err := c.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, cluster.Addresses.ResourceManagerWeb, info.Address)
	require.Equal(t, "ACTIVE", info.HAState)
	require.Equal(t, cluster.Version, info.HadoopVersion)
	require.WithinRange(t, info.StartedOn, time.Now().Add(-1000*time.Hour), time.Now())
	metrics, err := c.Metrics(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, metrics.ActiveNodes)
	queues, err := c.Scheduler(t.Context())
	require.NoError(t, err)
	at := slices.IndexFunc(queues, func(q rm.Queue) bool { return q.Path == "root.default" })
	require.GreaterOrEqual(t, at, 0, "%+v", queues)
	queue := queues[at]
	require.Positive(t, queue.MaxApplications)
	require.Positive(t, queue.MaxApplicationsPerUser)
	queue.MaxApplications, queue.MaxApplicationsPerUser = 0, 0
	require.Equal(t, rm.Queue{Path: "root.default", Name: "default", State: "RUNNING", NodeLabels: []string{"*"}, Leaf: true}, queue)

	reserved, err := c.NewApplication(t.Context())
	require.NoError(t, err)
	require.Positive(t, reserved.MaxMemoryMB)
	_, err = c.Application(t.Context(), reserved.ID)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err), "%v", err)
	_, err = c.Attempts(t.Context(), reserved.ID)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err), "%v", err)
	_, err = c.Kill(t.Context(), reserved.ID, "")
	require.Equal(t, job.CodeNotFound, job.CodeOf(err), "%v", err)

	tag := "stoker-test-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	submission := rm.SubmissionContext{
		ID: reserved.ID, Name: "näme <b>", Queue: "default", Type: "TEST", Tags: []string{tag, "Other"}, MaxAttempts: 1,
		Resource:  rm.Resource{MemoryMB: 256, VCores: 1},
		Container: rm.Container{Environment: rm.Map[string]{"X": "y"}, Commands: []string{"sleep", "300"}, ACLs: rm.Map[string]{"VIEW_APP": "ann "}},
	}
	require.NoError(t, c.Submit(t.Context(), submission))
	require.NoError(t, c.Submit(t.Context(), submission), "a second time")
	var app rm.Application
	require.Eventually(t, func() bool {
		app, err = c.Application(t.Context(), reserved.ID)
		require.NoError(t, err)
		return app.State.Saved()
	}, time.Minute, 50*time.Millisecond)
	require.Equal(t, []any{cluster.User, "näme <b>", "TEST", []string{"other", tag}, rm.FinalUndefined},
		[]any{app.User, app.Name, app.Type, app.Tags, app.FinalStatus})
	for _, filter := range []rm.Filter{{Tags: []string{tag}}, {Tags: []string{tag}, DeSelects: rm.Lean, States: []rm.State{app.State}, Types: []string{"TEST"}, User: cluster.User, StartedFrom: app.StartedAt}} {
		apps, err := c.List(t.Context(), filter)
		require.NoError(t, err)
		require.Len(t, apps, 1)
		require.Equal(t, reserved.ID, apps[0].ID)
	}
	require.Eventually(t, func() bool {
		attempts, err := c.Attempts(t.Context(), reserved.ID)
		require.NoError(t, err)
		return len(attempts) == 1 && attempts[0].ContainerID != "" && attempts[0].NodeHTTPAddress != ""
	}, time.Minute, 50*time.Millisecond)

	other := client(t, func(o *rm.Options) { o.User = "mallory" }, cluster.Addresses.ResourceManagerWeb)
	_, err = other.Kill(t.Context(), reserved.ID, "")
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(err), "%v", err)
	anonymous := client(t, func(o *rm.Options) { o.User = "" }, cluster.Addresses.ResourceManagerWeb)
	_, err = anonymous.NewApplication(t.Context())
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(err), "%v", err)

	require.Eventually(t, func() bool {
		ended, err := c.Kill(t.Context(), reserved.ID, "by a <test>")
		require.NoError(t, err)
		return ended
	}, time.Minute, 50*time.Millisecond)
	app, err = c.Application(t.Context(), reserved.ID)
	require.NoError(t, err)
	require.Equal(t, rm.StateKilled, app.State)
	require.Contains(t, app.Diagnostics, "by a <test>")
	ended, err := c.Kill(t.Context(), reserved.ID, "again")
	require.NoError(t, err)
	require.True(t, ended)

	// What the ResourceManager refuses at once.
	submission.ID = "application_" + strconv.FormatInt(info.StartedOn.UnixMilli(), 10) + "_9999"
	submission.Resource.MemoryMB = 1 << 30
	err = c.Submit(t.Context(), submission)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%v", err)
}
