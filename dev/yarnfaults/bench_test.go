//go:build hadoop

package yarnfaults

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/store"
)

// installation is a bench whose jobs run on the cluster.
type installation struct {
	*bench.Bench
	gate  *gate
	files store.Store
	name  string
}

// option changes an installation before it starts.
type option func(*options)

type options struct {
	// hadoop is what the client configuration says besides, by property.
	hadoop map[string]string
	// keys of the configuration file.
	keys map[string]any
	// left is another check of what ended jobs leave than that of job directories on
	// HDFS.
	left func(i *installation, j *bench.Job)
}

// withoutRecovery: the ResourceManager keeps nothing over a restart.
func withoutRecovery(o *options) { o.hadoop[keyRecovery] = "false" }

// withoutHistory: nothing says where a history server is.
func withoutHistory(o *options) {
	o.hadoop["yarn.log.server.url"], o.hadoop["yarn.log.server.web-service.url"] = "", ""
}

// requestTimeout of the worker's calls to the ResourceManager: short, since a
// kill waits for it to pass.
const requestTimeout = 8 * time.Second

var installations atomic.Int64

// install starts an installation. When the test ends it fails if a job has left
// anything on the cluster.
func install(t *testing.T, changes ...option) *installation {
	t.Helper()
	o := options{hadoop: map[string]string{keyRecovery: "true"}, left: (*installation).checkLeftovers}
	for _, change := range changes {
		change(&o)
	}
	spark, err := findSpark()
	require.NoError(t, err)
	i := &installation{
		gate: newGate(t), files: files(t),
		name: "faults-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(installations.Add(1), 10),
	}
	i.Bench = bench.New(t, bench.Options{
		Prefix: "stoker-yarnfaults-", Spark: spark, Hadoop: onHadoop(i.confDir(t, o.hadoop)), Prelude: prelude,
		CheckLeftovers: func(j *bench.Job) { o.left(i, j) }, AtEnd: func(*bench.Bench) { i.endAll(t) },
		Settings: []bench.Setting{{Configure: i.configure, Keys: o.keys}},
	})
	return i
}

// confDir writes the client configuration of an installation: the cluster's, but
// the ResourceManager is behind the gate.
func (i *installation) confDir(t *testing.T, properties map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"core-site.xml", "hdfs-site.xml", "yarn-site.xml"} {
		data, err := os.ReadFile(filepath.Join(hdp.ConfDir, name))
		require.NoError(t, err)
		text := string(data)
		if name == "yarn-site.xml" {
			behind := "<value>" + strings.TrimPrefix(hdp.Addresses.ResourceManagerWeb, "http://") + "</value>"
			require.Equal(t, 1, strings.Count(text, behind), text)
			text = strings.Replace(text, behind, "<value>"+i.gate.address()+"</value>", 1)
			for name, value := range properties { // the last one counts
				text = strings.Replace(text, "</configuration>",
					"<property><name>"+name+"</name><value>"+value+"</value></property></configuration>", 1)
			}
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// configure keeps installations apart and their jobs small: no executors.
func (i *installation) configure(c *config.Config) {
	useRuntimes(c)
	c.Installation = i.name
	cluster := c.Clusters["yarn"]
	cluster.Root = "/user/" + user + "/" + i.name
	cluster.YARN.RequestTimeout = requestTimeout
	conf := cluster.Spark.Profile.Conf
	delete(conf, "spark.executor.instances")
	conf["spark.ui.enabled"] = "false"
	conf["spark.dynamicAllocation.enabled"] = "true"
	conf["spark.dynamicAllocation.shuffleTracking.enabled"] = "true"
	conf["spark.dynamicAllocation.minExecutors"], conf["spark.dynamicAllocation.initialExecutors"] = "0", "0"
	conf["spark.driver.defaultJavaOptions"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" // starts faster
	c.Clusters["yarn"] = cluster
}

// What a model does once it has counted its start and has a SparkContext.
const (
	// returning writes its output and returns.
	returning = `write()`
	// waiting does so when the test lets it.
	waiting = `
wait()
write()`
)

// prelude counts the start of user code as the first thing it does. Without a
// SparkContext no application succeeds on YARN.
const prelude = `import os
import time

BASE = %s

with open(BASE + ".starts", "a") as f:
    f.write("%%d\n" %% os.getpid())


def wait():
    while not os.path.exists(BASE + ".go"):
        time.sleep(0.02)


def score(external_inputs, external_outputs, external_model_assets):
    from pyspark.sql import SparkSession

    context = SparkSession.builder.getOrCreate().sparkContext

    def write(text="id,score\n1,0.5\n"):
        for asset in external_outputs:
            path = context._jvm.org.apache.hadoop.fs.Path(asset["fileUrl"])
            out = path.getFileSystem(context._jsc.hadoopConfiguration()).create(path, True)
            out.write(bytearray(text, "utf-8"))
            out.close()

`
