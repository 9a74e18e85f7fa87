package config

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/store"
)

// YARN is a Hadoop cluster that runs applications in cluster mode.
type YARN struct {
	// ConfDirs are the directories of Hadoop's client configuration (core-site.xml,
	// hdfs-site.xml, yarn-site.xml); none takes HADOOP_CONF_DIR and YARN_CONF_DIR.
	ConfDirs []string `koanf:"confDirs"`
	// User as whom applications run and files are written; "" takes
	// HADOOP_USER_NAME, else the worker's own user.
	User string `koanf:"user"`
	// Queue of applications that name none; "" is the cluster's default queue.
	Queue string `koanf:"queue"`
	// SparkVersion is the line of Spark that applications get: "3.5". A runtime of
	// it must be staged ("stoker runtime stage"), unless spark.yarn.archive or
	// spark.yarn.jars say where Spark lies.
	SparkVersion string `koanf:"sparkVersion"`
	// Runtimes is the directory of staged runtimes in the cluster's file system; it
	// should be one that everybody may enter.
	Runtimes string `koanf:"runtimes"`
	// SparkConfDir is a directory with spark-defaults.conf, spark-env.sh,
	// log4j2.properties or hive-site.xml, applied as spark-submit applies them; ""
	// takes SPARK_CONF_DIR from the worker's environment, and none if that is not set.
	SparkConfDir string `koanf:"sparkConfDir"`
	// Python is the interpreter on the cluster's hosts; "" is spark-env.sh's, else
	// python3.
	Python string `koanf:"python"`
	// JavaHome on the cluster's hosts; "" is what NodeManagers give.
	JavaHome string `koanf:"javaHome"`
	// JavaMajor is the version of Java on the cluster's hosts: 8, 11 or 17.
	JavaMajor int `koanf:"javaMajor"`
	// SecretsDir on the worker's host holds one file per secret, for values
	// "secret:<name>".
	SecretsDir string `koanf:"secretsDir"`
	// RequestTimeout bounds one request to the ResourceManager.
	RequestTimeout time.Duration `koanf:"requestTimeout"`
	// Launcher sends applications: "rest", the ResourceManager's REST API, without a
	// JVM; or, where that takes none, "spark-submit" on the worker's own host, as
	// the cluster's section local says.
	Launcher Launcher `koanf:"launcher"`
	// HostDir is a directory on the worker's own disk for the records and logs of
	// spark-submit: needed by launcher "spark-submit" and by deployMode "client".
	HostDir string `koanf:"hostDir"`
	// HDFS says how the worker speaks to an hdfs:// file system: "rpc", with WebHDFS
	// only for files that RPC can't serve, or "webhdfs", where only HTTP ports can be
	// reached.
	HDFS HDFS `koanf:"hdfs"`
	// FileSystems are further file systems whose files jobs may name as inputs and
	// which the worker can look into: hdfs://host:port, webhdfs://host:port, or
	// file:/// for a file system that the worker and all nodes have mounted alike.
	// The default file system and the name services of the Hadoop configuration need
	// no entry.
	FileSystems []string `koanf:"fileSystems"`
}

// Launcher sends applications to a YARN cluster.
type Launcher string

// The launchers.
const (
	LauncherREST        Launcher = "rest"
	LauncherSparkSubmit Launcher = "spark-submit"
)

// OnHost reports whether the applications of a cluster, or what launches them, run
// on the worker's own host.
func (c Cluster) OnHost() bool {
	return c.Type == TypeLocal || c.YARN.Launcher == LauncherSparkSubmit || c.DriverOnHost()
}

// DriverOnHost reports whether drivers run on the worker's own host.
func (c Cluster) DriverOnHost() bool {
	return c.Type == TypeLocal || c.Spark.DeployMode != deployCluster
}

// deployCluster is the deploy mode of drivers that run on the cluster.
const deployCluster = "cluster"

// javas are the versions of Java that Spark 3.5 runs on.
var javas = []int{8, 11, 17}

func (y YARN) validate(at string, addf func(string, ...any)) {
	if y.SparkVersion != "3.5" {
		addf("%s.sparkVersion: must be 3.5, got %q", at, y.SparkVersion)
	}
	if !path.IsAbs(y.Runtimes) {
		addf("%s.runtimes: must be an absolute directory, got %q", at, y.Runtimes)
	}
	if y.Launcher == LauncherREST && !slices.Contains(javas, y.JavaMajor) { // spark-submit asks its own Java
		addf("%s.javaMajor: Spark %s runs on one of %v, got %d", at, y.SparkVersion, javas, y.JavaMajor)
	}
	if y.Launcher != LauncherREST && y.Launcher != LauncherSparkSubmit {
		addf("%s.launcher: must be rest or spark-submit, got %q", at, y.Launcher)
	}
	if y.RequestTimeout <= 0 {
		addf("%s.requestTimeout: must be positive, got %s", at, y.RequestTimeout)
	}
	if y.HDFS != HDFSByRPC && y.HDFS != HDFSByWebHDFS {
		addf("%s.hdfs: must be rpc or webhdfs, got %q", at, y.HDFS)
	}
	for i, uri := range y.FileSystems {
		loc, err := store.ParseLocation(strings.TrimRight(uri, "/") + "///")
		if err != nil || loc.Path != "/" || loc.Authority == "" && loc.Scheme != "file" ||
			!slices.Contains([]string{"file", "hdfs", "webhdfs", "swebhdfs"}, loc.Scheme) {
			addf("%s.fileSystems[%d]: must be hdfs://host:port, webhdfs://host:port, swebhdfs://host:port or file:///, got %q", at, i, uri)
		}
	}
}
