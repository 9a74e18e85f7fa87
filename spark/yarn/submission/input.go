package submission

import (
	"time"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// Input is an application to be submitted. Where a field and a key of Conf say
// the same thing, a field that is set wins, as an option of spark-submit does.
type Input struct {
	// ID from the ResourceManager.
	ID string
	// Name for people; "" is spark.app.name, else the class or the program's file name.
	Name string
	// User that the application runs as, the short name.
	User string
	// Queue; "" is spark.yarn.queue, else "default".
	Queue string
	// Tags are added to those of spark.yarn.tags: at most 10 in all, each at most 100
	// printable ASCII characters without a comma.
	Tags []string
	// Priority; nil is spark.yarn.priority, else 0. A queue with another default
	// (rm.Queue) needs it here: over REST none cannot be said.
	Priority *int
	// NodeLabel of all containers that name none; "" is "no label", never the queue's
	// default. spark.yarn.am.nodeLabelExpression and
	// spark.yarn.executor.nodeLabelExpression are more specific.
	NodeLabel string
	// MaxAttempts of the application master; 0 is spark.yarn.maxAppAttempts, else 1.
	MaxAttempts int
	// FailuresValidity is how long a failed attempt counts, in whole milliseconds; 0 is
	// spark.yarn.am.attemptFailuresValidityInterval, else for ever.
	FailuresValidity time.Duration
	// Type, at most 20 characters; "" is spark.yarn.applicationType, else "SPARK".
	Type string
	// ACLs are added to the user and to Spark's ACL keys.
	ACLs ACLs
	// StagingDir is the URL of a directory of mode 700 for this application alone. The
	// application master deletes it with all it holds when it ends.
	StagingDir string
	// SubmitTime becomes spark.app.submitTime, unless that is set.
	SubmitTime time.Time

	Program Program
	// PyFiles, Files, Jars and Archives as spark-submit's options of that name.
	PyFiles, Files, Jars, Archives []Resource
	// Keytab that the application master logs in from; nil for none. It needs
	// spark.kerberos.principal and a Name of its own.
	Keytab *Resource
	// Credentials for the containers: delegation tokens.
	Credentials rm.Credentials

	// Conf holds spark.* keys, merged from all their sources. Keys that list files are
	// not for it: see TakeLists.
	Conf map[string]string
	// Secrets holds the keys with secret values, in place of Conf. They are refused
	// where Spark would show the value to other users.
	Secrets map[string]string
	// Env is the environment that spark-submit would have: PYSPARK_PYTHON,
	// PYSPARK_DRIVER_PYTHON, PYTHONPATH, PYTHONHASHSEED, SPARK_DIST_CLASSPATH,
	// SPARK_PREFER_IPV6, SPARK_DRIVER_MEMORY, SPARK_EXECUTOR_MEMORY,
	// SPARK_EXECUTOR_CORES and SPARK_YARN_APP_NAME count.
	Env map[string]string

	Runtime Runtime
	// HadoopConf is the client's Hadoop configuration, by file name. Containers need
	// fs.defaultFS and the addresses of the ResourceManager from it.
	HadoopConf map[string][]byte
	// SparkConf is Spark's configuration directory, by file name: log4j2.*,
	// metrics.properties and *.xml are sent along, others are ignored.
	SparkConf map[string][]byte
	// Limits of the cluster; zero fields are not checked.
	Limits Limits
}

// ACLs say who may see and who may end the application, at the cluster.
type ACLs struct {
	ViewUsers, ViewGroups, ModifyUsers, ModifyGroups []string
}

// Program is what the application runs.
type Program struct {
	// Resource is a .py file or a JAR. Without a URL, Class comes from Spark's own jars.
	Resource
	// Class is the main class of a JAR; "" for Python.
	Class string
	// Args reach the program unchanged.
	Args []string
}

// Resource is a file that containers get.
type Resource struct {
	// URL with scheme and authority, as "hdfs://host:9000/dir/file", or
	// "local:/path" for a file that every node has. A fragment is the Name.
	// "file:/path" is for clusters whose nodes share a mounted file system, which
	// StagingDir is then in, too.
	URL string
	// Name is the link name in the containers' directories; "" is the fragment of
	// the URL, else its last element.
	Name string
	// Size in bytes.
	Size int64
	// Modified is the modification time in ms since 1970, exactly as the store reports it.
	Modified int64
	// Public: everyone may read the file, and enter all directories above it.
	Public bool
	// From says what names the file, if it is the operator's configuration and not the job.
	From string
}

// Runtime is the Spark that a cluster runs applications with.
type Runtime struct {
	// Spark version, "3.5.9".
	Spark string
	// Java is the major version of the nodes' Java.
	Java int
	// JavaHome on the nodes, for all containers; "" is the NodeManager's.
	JavaHome string
	// Archive of Spark's jars, flat. Either this or Jars.
	Archive *Resource
	// Jars of Spark, one by one; local: ones may end in "*".
	Jars []Resource
	// Python are PySpark's own archives, pyspark.zip and py4j-…-src.zip, in this order.
	Python []Resource
	// HadoopProvided: the jars are a build without Hadoop's, whose class path is then
	// taken from the nodes.
	HadoopProvided bool
	// YARNClassPath and MapReduceClassPath of the nodes, where HadoopProvided or
	// spark.yarn.populateHadoopClasspath; empty is yarn.application.classpath and
	// mapreduce.application.classpath of HadoopConf, else Hadoop's default.
	YARNClassPath, MapReduceClassPath []string
}

// Limits are the largest container that the cluster gives.
type Limits struct {
	MemoryMB int64 // MiB
	VCores   int64
}

// Uploaded describes the archive in the store.
type Uploaded struct {
	URL string
	// Size in bytes, Modified in ms as in Resource.
	Size, Modified int64
}
