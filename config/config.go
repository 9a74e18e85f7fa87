// Package config is Stoker's configuration: one struct with its defaults, read
// from YAML, environment and flags, and checked as a whole. How to reach
// Temporal is not part of it: that is the Temporal SDK's own environment
// configuration (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, profiles).
package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/parts"
)

// Config is everything a Stoker process can be told. One file serves all roles.
type Config struct {
	// Installation names this installation of Stoker; it is written into every
	// reservation, and another installation never touches what carries it.
	Installation string `koanf:"installation"`
	// ModelManage is where batch jobs come from and are reported to; without a baseUrl
	// there is none, and jobs come through the API alone.
	ModelManage modelmanage.Config `koanf:"modelManage"`
	// Clusters by name: lower-case letters, digits and '-'.
	Clusters map[string]Cluster `koanf:"clusters"`
	// Jobs are the defaults and bounds of every job.
	Jobs Jobs `koanf:"jobs"`
	// API is the role that people and programs submit jobs to.
	API API `koanf:"api"`
	// Starter is the role that picks up jobs.
	Starter Starter `koanf:"starter"`
	// Worker is the role that runs them.
	Worker Worker `koanf:"worker"`
	// Sweep ends what nobody looks after, and deletes what is old.
	Sweep Sweep `koanf:"sweep"`
	// Log of every role.
	Log Log `koanf:"log"`
}

// Jobs are the defaults and bounds of every job.
type Jobs struct {
	// Deadline of a job that asks for none, from its start to its end, queueing
	// included.
	Deadline time.Duration `koanf:"deadline"`
	// MaxDeadline is the most a job may ask for.
	MaxDeadline time.Duration `koanf:"maxDeadline"`
	// RunLimit bounds the running phase alone; 0 is no limit.
	RunLimit time.Duration `koanf:"runLimit"`
	// OutageLimit is how long a cluster or its worker may be out of reach before
	// a job is given up.
	OutageLimit time.Duration `koanf:"outageLimit"`
	// InfrastructureRetries is how many more attempts follow infrastructure
	// failures, if the model's own code provably never began.
	InfrastructureRetries int `koanf:"infrastructureRetries"`
	// RerunAfterStart allows them although the model's code may have begun.
	RerunAfterStart bool `koanf:"rerunAfterStart"`
}

// Starter is the role that picks up jobs.
type Starter struct {
	// PollInterval between two looks at model-manage.
	PollInterval time.Duration `koanf:"pollInterval"`
	// ReconcileInterval is how often jobs are looked for that wait or run at model-manage
	// and have no workflow; 0 leaves that to "stoker admin reconcile".
	ReconcileInterval time.Duration `koanf:"reconcileInterval"`
	// HTTPAddress serves /healthz, /readyz and /metrics; "" serves nothing. While the
	// default is in use, as by another starter on the host, a starter runs without.
	HTTPAddress string `koanf:"httpAddress"`
}

// NeedsPage reports whether the starter may not run without its page: nobody who left
// the address as it is has asked for one.
func (s Starter) NeedsPage() bool { return s.HTTPAddress != Default().Starter.HTTPAddress }

// Worker is the role that runs workflows and activities.
type Worker struct {
	// HTTPAddress serves /healthz, /readyz and /metrics; "" serves nothing.
	HTTPAddress string `koanf:"httpAddress"`
	// StopTimeout is how long activities may finish after a stop is asked for.
	StopTimeout time.Duration `koanf:"stopTimeout"`
	// ControlSlots bounds concurrent launches, looks and kills per cluster.
	ControlSlots int `koanf:"controlSlots"`
	// TransferSlots bounds concurrent transfers of data per cluster.
	TransferSlots int `koanf:"transferSlots"`
	// WithoutClusterWatch switches hints off: jobs then look by their own
	// backstop timers only, and see changes later.
	WithoutClusterWatch bool `koanf:"withoutClusterWatch"`
	// Deployment switches Temporal's worker versioning on, for the role workflows.
	Deployment Deployment `koanf:"deployment"`
}

// Deployment is a worker's version to Temporal. Jobs move on to the current version by
// themselves (AutoUpgrade); none runs until one is current.
type Deployment struct {
	// Name of the deployment, the same for all versions; "" switches versioning off.
	Name string `koanf:"name"`
	// BuildID of this version, such as "1.4.2": set it where a version is started, by
	// STOKER_WORKER__DEPLOYMENT__BUILDID.
	BuildID string `koanf:"buildId"`
}

// Log of every role.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `koanf:"level"`
	// Format is text or json.
	Format string `koanf:"format"`
}

// Cluster is a place where applications run.
type Cluster struct {
	// Type of cluster manager: "local" or "yarn".
	Type string `koanf:"type"`
	// Root is the directory of the job directories, an absolute path in the
	// cluster's default file system.
	Root string `koanf:"root"`
	// Logs is where the logs of jobs are kept.
	Logs Logs `koanf:"logs"`
	// Artifacts is where uploaded files are kept.
	Artifacts Artifacts `koanf:"artifacts"`
	// Spark says what jobs may ask of Spark.
	Spark options.Cluster `koanf:"spark"`
	// Local is how spark-submit runs on the worker's host: for type "local", and for
	// type "yarn" with launcher "spark-submit" or deployMode "client".
	Local Local `koanf:"local"`
	// YARN belongs to type "yarn".
	YARN YARN `koanf:"yarn"`
	// UnverifiableInputs says what becomes of input URLs whose scheme no store
	// of the cluster serves: "refuse" or "allow".
	UnverifiableInputs store.Policy `koanf:"unverifiableInputs"`
	// Header says what happens to the header lines of an embedded CSV output's
	// parts: "auto", "keep" or "once".
	Header parts.Header `koanf:"header"`
	// MaxOutputBytes bounds one embedded output, MaxOutputsBytes all of a job.
	MaxOutputBytes  int64 `koanf:"maxOutputBytes"`
	MaxOutputsBytes int64 `koanf:"maxOutputsBytes"`
}

// Local is a cluster of one host: spark-submit under a supervisor.
type Local struct {
	// SparkHome holds bin/spark-submit; "" takes SPARK_HOME.
	SparkHome string `koanf:"sparkHome"`
	// Python is the interpreter of driver and executors; "" takes PYSPARK_PYTHON,
	// else python3.
	Python string `koanf:"python"`
	// JavaHome; "" takes JAVA_HOME, else java on the PATH.
	JavaHome string `koanf:"javaHome"`
	// Concurrency is how many applications may run at once.
	Concurrency int `koanf:"concurrency"`
	// KillGrace is the time between SIGTERM and SIGKILL.
	KillGrace time.Duration `koanf:"killGrace"`
	// Env is added to the environment of every application.
	Env map[string]string `koanf:"env"`
	// SecretsDir holds one file per secret, for values "secret:<name>".
	SecretsDir string `koanf:"secretsDir"`
}

// Default returns the configuration without clusters and without the address
// of model-manage.
func Default() Config {
	return Config{
		Installation: "stoker",
		ModelManage:  modelmanage.DefaultConfig(),
		Clusters:     map[string]Cluster{},
		Jobs: Jobs{
			Deadline: 24 * time.Hour, MaxDeadline: 7 * 24 * time.Hour, OutageLimit: 2 * time.Hour,
			InfrastructureRetries: 2,
		},
		API:     DefaultAPI(),
		Starter: Starter{PollInterval: 2 * time.Second, ReconcileInterval: time.Minute, HTTPAddress: "127.0.0.1:9465"},
		Worker: Worker{
			HTTPAddress: "127.0.0.1:9464", StopTimeout: 30 * time.Second, ControlSlots: 200, TransferSlots: 8,
		},
		Sweep: DefaultSweep(),
		Log:   Log{Level: "info", Format: "text"},
	}
}

// HDFS is a way to speak to HDFS.
type HDFS string

// The ways.
const (
	HDFSByRPC     HDFS = "rpc"
	HDFSByWebHDFS HDFS = "webhdfs"
)

// Types of cluster managers.
const (
	TypeLocal = "local"
	TypeYARN  = "yarn"
)

// DefaultCluster returns what a cluster of a type has unless it says otherwise.
func DefaultCluster(kind string) Cluster {
	c := Cluster{
		Type:               TypeLocal,
		Spark:              options.Cluster{Master: "local[1]", DeployMode: "client"},
		Local:              Local{Concurrency: 2, KillGrace: 10 * time.Second},
		YARN:               YARN{SparkVersion: "3.5", Runtimes: "/stoker/runtimes", JavaMajor: 17, RequestTimeout: 10 * time.Second, HDFS: HDFSByRPC, Launcher: LauncherREST},
		Logs:               Logs{Follow: true},
		Artifacts:          Artifacts{MaxBytes: 2 << 30, Expiry: 14 * 24 * time.Hour},
		UnverifiableInputs: store.PolicyRefuse,
		Header:             parts.HeaderAuto,
		MaxOutputBytes:     8 << 20,
		MaxOutputsBytes:    10 << 20,
	}
	if kind == TypeYARN {
		c.Type, c.Spark = TypeYARN, options.Cluster{Master: "yarn", DeployMode: "cluster"}
	}
	return c
}

var clusterName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// Validate reports every problem at once, as a job.Error of code invalid.
func (c Config) Validate() error {
	var problems []string
	addf := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if c.Installation == "" {
		addf("installation: is needed")
	}
	c.validateModelManage(addf)
	if len(c.Clusters) == 0 {
		addf("clusters: at least one is needed")
	}
	for _, name := range c.ClusterNames() {
		c.Clusters[name].validate(name, addf)
	}
	c.Jobs.validate(addf)
	c.API.validate(c, addf)
	c.validateExpiry(addf)
	c.Sweep.validate(addf)
	if c.Starter.PollInterval < 100*time.Millisecond {
		addf("starter.pollInterval: must be at least 100ms, got %s", c.Starter.PollInterval)
	}
	if c.Starter.ReconcileInterval < 0 {
		addf("starter.reconcileInterval: must not be negative, got %s", c.Starter.ReconcileInterval)
	}
	if c.Worker.StopTimeout <= 0 || c.Worker.ControlSlots <= 0 || c.Worker.TransferSlots <= 0 {
		addf("worker: stopTimeout, controlSlots and transferSlots must be positive")
	}
	if d := c.Worker.Deployment; (d.Name == "") != (d.BuildID == "") {
		addf("worker.deployment: name and buildId belong together, got %q and %q", d.Name, d.BuildID)
	} else if strings.ContainsAny(d.Name, ".:") {
		addf("worker.deployment.name: must hold neither '.' nor ':', got %q", d.Name)
	}
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		addf("log.level: must be debug, info, warn or error, got %q", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		addf("log.format: must be text or json, got %q", c.Log.Format)
	}
	if len(problems) > 0 {
		return job.Invalid("the configuration is wrong", problems)
	}
	return nil
}

func (c Config) validateModelManage(addf func(string, ...any)) {
	if !c.HasModelManage() {
		return
	}
	if err := c.ModelManage.Validate(); err != nil {
		for _, p := range job.ProblemsOf(err) {
			addf("modelManage.%s", p)
		}
	}
	for i, e := range c.ModelManage.Engines {
		if _, ok := c.Clusters[e.Cluster]; !ok && e.Cluster != "" {
			addf("modelManage.engines[%d].cluster: %q is not a configured cluster", i, e.Cluster)
		}
	}
}

// HasModelManage reports whether jobs come from a model-manage.
func (c Config) HasModelManage() bool { return c.ModelManage.BaseURL != "" }

func (j Jobs) validate(addf func(string, ...any)) {
	if j.Deadline <= 0 {
		addf("jobs.deadline: must be positive, got %s", j.Deadline)
	}
	if j.MaxDeadline < j.Deadline {
		addf("jobs.maxDeadline: must not be below jobs.deadline (%s), got %s", j.Deadline, j.MaxDeadline)
	}
	if j.RunLimit < 0 {
		addf("jobs.runLimit: must not be negative, got %s", j.RunLimit)
	}
	if j.OutageLimit <= 0 {
		addf("jobs.outageLimit: must be positive, got %s", j.OutageLimit)
	}
	if j.InfrastructureRetries < 0 || j.InfrastructureRetries > 10 {
		addf("jobs.infrastructureRetries: must be 0 to 10, got %d", j.InfrastructureRetries)
	}
}

func (c Cluster) validate(name string, addf func(string, ...any)) {
	at := "clusters." + name
	if !clusterName.MatchString(name) {
		addf("%s: a cluster's name must be lower-case letters, digits and '-', at most 40", at)
	}
	switch c.Type {
	case TypeLocal:
	case TypeYARN:
		c.YARN.validate(at+".yarn", addf)
		if c.OnHost() && (!filepath.IsAbs(c.YARN.HostDir) || filepath.Clean(c.YARN.HostDir) == "/") {
			addf("%s.yarn.hostDir: launcher spark-submit and deployMode client need an absolute directory on this host, got %q", at, c.YARN.HostDir)
		}
		if c.Spark.Master != "yarn" || c.Spark.DeployMode != deployCluster && c.Spark.DeployMode != "client" {
			addf("%s.spark: the master of type yarn is yarn, the deployMode cluster or client; got %q and %q", at, c.Spark.Master, c.Spark.DeployMode)
		}
	default:
		addf("%s.type: must be local or yarn, got %q", at, c.Type)
	}
	if !filepath.IsAbs(c.Root) || filepath.Clean(c.Root) == "/" {
		addf("%s.root: must be an absolute directory, got %q", at, c.Root)
	}
	c.Logs.validate(at+".logs", c.Root, addf)
	c.Artifacts.validate(at+".artifacts", c, addf)
	for _, profile := range append([]options.Profile{c.Spark.Profile}, c.Spark.Profiles...) {
		for _, problem := range profile.Problems() {
			addf("%s.spark: %s", at, problem)
		}
	}
	if c.Local.Concurrency < 1 {
		addf("%s.local.concurrency: must be at least 1, got %d", at, c.Local.Concurrency)
	}
	if c.Local.KillGrace <= 0 {
		addf("%s.local.killGrace: must be positive, got %s", at, c.Local.KillGrace)
	}
	if c.UnverifiableInputs != store.PolicyRefuse && c.UnverifiableInputs != store.PolicyAllow {
		addf("%s.unverifiableInputs: must be refuse or allow, got %q", at, c.UnverifiableInputs)
	}
	switch c.Header {
	case parts.HeaderAuto, parts.HeaderKeep, parts.HeaderOnce:
	default:
		addf("%s.header: must be auto, keep or once, got %q", at, c.Header)
	}
	if c.MaxOutputBytes <= 0 || c.MaxOutputsBytes < c.MaxOutputBytes {
		addf("%s: maxOutputBytes must be positive and maxOutputsBytes no less", at)
	}
}

// ClusterNames returns the configured clusters in order.
func (c Config) ClusterNames() []string {
	names := make([]string, 0, len(c.Clusters))
	for name := range c.Clusters {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Conversion is what turning a model-manage document into a job needs to know.
func (c Config) Conversion() modelmanage.Conversion {
	conversion := c.ModelManage.Conversion()
	conversion.Clusters = make(map[string]options.Cluster, len(c.Clusters))
	for name, cluster := range c.Clusters {
		conversion.Clusters[name] = cluster.Spark
	}
	conversion.Deadline, conversion.MaxDeadline = c.Jobs.Deadline, c.Jobs.MaxDeadline
	conversion.RunLimit, conversion.OutageLimit = c.Jobs.RunLimit, c.Jobs.OutageLimit
	conversion.Retry = c.Jobs.retry()
	return conversion
}

func (j Jobs) retry() job.RetryPolicy {
	return job.RetryPolicy{InfrastructureRetries: j.InfrastructureRetries, RerunAfterStart: j.RerunAfterStart}
}
