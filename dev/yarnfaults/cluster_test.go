//go:build hadoop

package yarnfaults

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/dev/hadoop"
	"github.com/stoker-spark/stoker/dev/stack"
	hadoopconf "github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/hdfs"
)

const (
	// user of all jobs: not HDFS's superuser, which may read everything.
	user = "ann"
	// queueOne lets one application master run at a time.
	queueOne = "batch"
	// queueSingle takes one application at a time.
	queueSingle = "single"

	keyRecovery     = "yarn.resourcemanager.recovery.enabled"
	keyMaxCompleted = "yarn.resourcemanager.max-completed-applications"
)

// settings of the cluster: room for several applications, but in two queues.
func settings() hadoop.Config {
	const single = "yarn.scheduler.capacity.root." + queueSingle
	return hadoop.Config{
		hadoop.All: {
			"yarn.nodemanager.resource.memory-mb":                                       "12288",
			"yarn.scheduler.capacity.maximum-am-resource-percent":                       "0.9",
			"yarn.scheduler.capacity.root." + queueOne + ".maximum-am-resource-percent": "0.01",

			"yarn.scheduler.capacity.root.queues": "default,batch,limited,stopped," + queueSingle,
			single + ".capacity":                  "0", single + ".maximum-capacity": "100", single + ".user-limit-factor": "100",
			single + ".maximum-applications":    "1",
			single + ".acl_submit_applications": "*", single + ".acl_administer_queue": user,
		},
	}
}

// findSpark finds the PySpark that make build has installed.
func findSpark() (stack.Spark, error) {
	venv, err := filepath.Abs(filepath.Join("..", "..", ".tools", "venv"))
	if err != nil {
		return stack.Spark{}, err
	}
	return stack.FindSpark(venv)
}

// onHadoop is where the cluster is for a Stoker.
func onHadoop(confDir string) *stack.Hadoop {
	return &stack.Hadoop{ConfDir: confDir, User: user, JavaHome: hdp.JavaHome}
}

// runtimes is the directory of the Spark that all installations share.
const runtimes = "/user/" + user + "/runtimes"

func useRuntimes(c *config.Config) {
	cluster := c.Clusters["yarn"]
	cluster.YARN.Runtimes = runtimes
	c.Clusters["yarn"] = cluster
}

// prepare gives the user a home and puts Spark into it.
func prepare(ctx context.Context) error {
	home := "/user/" + user
	for _, query := range []url.Values{
		{"op": {"MKDIRS"}, "permission": {"755"}},
		{"op": {"SETOWNER"}, "owner": {user}},
	} {
		if err := webHDFS(ctx, home, query); err != nil {
			return err
		}
	}
	spark, err := findSpark()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "stoker-yarnfaults-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // of no more use
	_, err = stack.WriteConfig(stack.Options{
		State: dir, Ports: stack.PortsAt(0), Spark: spark, Hadoop: onHadoop(hdp.ConfDir), Configure: useRuntimes,
	})
	if err != nil {
		return err
	}
	stage := exec.CommandContext(ctx, bench.Binary("stoker"), //nolint:gosec // a binary under test
		"runtime", "stage", "--config", stack.ConfigFile(dir), "--cluster", "yarn", "--spark-home", spark.Home)
	if out, err := stage.CombinedOutput(); err != nil {
		return fmt.Errorf("stage a Spark: %w: %s", err, out)
	}
	return nil
}

// webHDFS changes something as HDFS's superuser.
func webHDFS(ctx context.Context, path string, query url.Values) error {
	query.Set("user.name", hdp.User)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, hdp.Addresses.NameNodeWeb+"/webhdfs/v1"+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	reply, err := (&http.Client{Timeout: time.Minute}).Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }() // only the status matters
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("%s of %s on HDFS: %s", query.Get("op"), path, reply.Status)
	}
	return nil
}

// files opens HDFS as its superuser.
func files(t *testing.T) store.Store {
	t.Helper()
	c, err := hadoopconf.Load(hdp.ConfDir)
	require.NoError(t, err)
	o, err := hdfs.FromConfiguration(c, "")
	require.NoError(t, err)
	o.User = hdp.User
	st, err := hdfs.New(o)
	require.NoError(t, err)
	return st
}

// resourceManager is asked directly, as the jobs' user.
func resourceManager(t *testing.T) *rm.Client {
	t.Helper()
	c, err := rm.New(rm.Options{Addresses: []string{hdp.Addresses.ResourceManagerWeb}, User: user, Timeout: time.Minute})
	require.NoError(t, err)
	return c
}

// kill kills a daemon with -9; it is back at the end of the test.
func kill(t *testing.T, d hadoop.Daemon) {
	t.Helper()
	t.Cleanup(func() { start(t, d) })
	require.NoError(t, hdp.Kill(t.Context(), d))
}

// start starts a daemon that does not run and waits until it works.
func start(t *testing.T, d hadoop.Daemon) {
	t.Helper()
	require.NoError(t, hdp.Start(context.WithoutCancel(t.Context()), d))
}

// withSetting restarts the ResourceManager with another setting until the end of
// the test. It forgets what it had saved before and after, so that no test finds
// applications of another.
func withSetting(t *testing.T, key, value, usual string) {
	t.Helper()
	set := func(value string) {
		ctx := context.WithoutCancel(t.Context())
		require.NoError(t, hdp.Set(hadoop.ResourceManager, key, value))
		require.NoError(t, hdp.Stop(ctx, hadoop.ResourceManager))
		require.NoError(t, os.RemoveAll(filepath.Join(hdp.State, "data", "rm-state")))
		require.NoError(t, hdp.Start(ctx, hadoop.ResourceManager))
	}
	t.Cleanup(func() { set(usual) })
	set(value)
}

// application asks the ResourceManager; false if it does not know it.
func application(t *testing.T, id string) (rm.Application, bool) {
	t.Helper()
	app, err := resourceManager(t).Application(t.Context(), id)
	if job.CodeOf(err) == job.CodeNotFound {
		return app, false
	}
	require.NoError(t, err)
	return app, true
}
