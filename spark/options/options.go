package options

import (
	"time"

	"github.com/stoker-spark/stoker/job"
)

// Profile is what an operator lays down for the jobs of a cluster.
type Profile struct {
	// Name by which a job may choose it (stoker.profile).
	Name string `koanf:"name"`
	// Conf holds spark.* keys that every job starts from. It is trusted: the
	// rule table does not apply. A key that Spark redacts needs a value
	// "secret:<name>" here too.
	Conf map[string]string `koanf:"conf"`
	// Limits holds spark.* keys whose values a job may not exceed: sizes in
	// Spark's syntax ("spark.executor.memory": "4g") or whole numbers
	// ("spark.executor.instances": "10"). A limited key that the job does not set
	// gets what spark-defaults.conf says, or else Spark's own default, but no more
	// than the limit. The limit of spark.executor.instances bounds dynamic
	// allocation as well.
	Limits map[string]string `koanf:"limits"`
	// AllowHadoop lists the spark.hadoop.* and spark.hive.* keys that a job may
	// set; a '*' at the end stands for any rest.
	AllowHadoop []string `koanf:"allowHadoop"`
	// Secrets lists the names that a job may use in "secret:<name>"; a '*' at
	// the end stands for any rest. Empty: every secret that the cluster's
	// worker has.
	Secrets []string `koanf:"secrets"`
}

// Cluster is what the table needs to know of the cluster a job goes to.
type Cluster struct {
	// Master as spark-submit's --master: "local[2]", "yarn".
	Master string `koanf:"master"`
	// DeployMode is "client" or "cluster"; "" is spark-submit's default, client.
	DeployMode string `koanf:"deployMode"`
	// Profile of a job that chooses none.
	Profile Profile `koanf:"profile"`
	// Profiles that a job may choose by name instead.
	Profiles []Profile `koanf:"profiles"`
}

// Engine is the part of an engine document that carries options.
type Engine struct {
	// SparkConf holds options and spark.* keys; other keys are ignored.
	SparkConf map[string]string
	// ExecutorMemory is a size in Spark's syntax, or "".
	ExecutorMemory string
}

// Settings are the stoker.* keys of a job.
type Settings struct {
	// Cluster is stoker.cluster, "" for the engine's own.
	Cluster string
	// Profile is stoker.profile, "" for the cluster's own.
	Profile string
	// Deadline is stoker.deadline, RunLimit stoker.runLimit; 0 when not given.
	Deadline time.Duration
	RunLimit time.Duration
}

// Result is what a job gets.
type Result struct {
	// Options for Spark: nothing refused, no limit exceeded.
	Options job.Options
	// Parameters are the free keys for the model; never nil.
	Parameters map[string]string
	// Name is --name or spark.app.name, "" when not given.
	Name string
	// Queue is --queue or spark.yarn.queue, "" when not given. It stands in
	// Options too.
	Queue string
	// Profile that was used.
	Profile string
	// Settings are the stoker.* keys.
	Settings Settings
}
