package jobspec

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// Spec is a job as it is submitted. Files are URLs of the cluster's file systems,
// "local:/path" for what every host has, or "artifact:<sha256>/<name>" for what was
// uploaded before.
type Spec struct {
	// File is the program: a .py file or a .jar.
	File string `json:"file"`
	// ClassName is a JAR's main class; a .py file has none. It is needed where no
	// spark-submit reads the JAR's manifest: on YARN with launcher rest.
	ClassName string `json:"className,omitempty"`
	// Args reach the program unchanged.
	Args []string `json:"args,omitempty"`
	// Conf holds spark.* keys.
	Conf map[string]string `json:"conf,omitempty"`
	// SecretConf names, for a spark.* key, the secret of the cluster's worker that is
	// its value.
	SecretConf map[string]string `json:"secretConf,omitempty"`
	Resources  Resources         `json:"resources,omitzero"`
	// PyFiles and Jars are put where driver and executors import from; Files and
	// Archives into their working directories, under the name behind a '#'. On YARN in
	// cluster mode PyFiles and Jars may have such a name, too.
	PyFiles  []string `json:"pyFiles,omitempty"`
	Jars     []string `json:"jars,omitempty"`
	Files    []string `json:"files,omitempty"`
	Archives []string `json:"archives,omitempty"`

	// Name for people, and of the application. Without one the job is called as its main
	// class or Python file, and the application as spark-submit would call it.
	Name string `json:"name,omitempty"`
	// Cluster to run on; "" lets Stoker choose.
	Cluster string `json:"cluster,omitempty"`
	// Queue of the cluster manager; "" is the cluster's own default.
	Queue string `json:"queue,omitempty"`
	// Profile of the cluster to start from; "" is its own.
	Profile string `json:"profile,omitempty"`
	// Labels to find the job by, at most 16.
	Labels   map[string]string `json:"labels,omitempty"`
	Timeouts Timeouts          `json:"timeouts,omitzero"`
	Retry    *Retry            `json:"retry,omitempty"`
}

// Resources are the commonest options, by their usual names. Memory is in Spark's
// syntax: "512m", "4g".
type Resources struct {
	DriverMemory           string `json:"driverMemory,omitempty"`
	DriverMemoryOverhead   string `json:"driverMemoryOverhead,omitempty"`
	DriverCores            int    `json:"driverCores,omitempty"`
	ExecutorMemory         string `json:"executorMemory,omitempty"`
	ExecutorMemoryOverhead string `json:"executorMemoryOverhead,omitempty"`
	ExecutorCores          int    `json:"executorCores,omitempty"`
	// NumExecutors is their fixed number, or the first one under dynamic allocation.
	NumExecutors int `json:"numExecutors,omitempty"`
	// PySparkMemory is each executor's for Python.
	PySparkMemory string `json:"pysparkMemory,omitempty"`
}

// Timeouts are durations with their unit: "90s", "15m", "2h".
type Timeouts struct {
	// Deadline of the whole job, from its start and queueing included.
	Deadline string `json:"deadline,omitempty"`
	// Run bounds the time that the application runs.
	Run string `json:"run,omitempty"`
}

// Retry says when another attempt may follow a failure of the infrastructure.
type Retry struct {
	// InfrastructureRetries is how many, 0 to 10.
	InfrastructureRetries *int `json:"infrastructureRetries,omitempty"`
	// RerunAfterStart allows them although the program may have begun.
	RerunAfterStart *bool `json:"rerunAfterStart,omitempty"`
}

// Digest tells the body of one job from another's, in hex: white space and the order
// of keys make no difference, the spelling of a number does. What is no JSON that can be
// read in one way only has a digest, too: that of its bytes.
func Digest(body []byte) string {
	if strict(body, nil) == nil {
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err == nil {
			if canonical, err := json.Marshal(value); err == nil { // sorts keys
				body = canonical
			}
		}
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Parse reads a Spec. An unknown or doubled field, one in other letters ("File"), a
// null, or anything behind the object, is an error of code invalid that names it.
func Parse(data []byte) (Spec, error) {
	var spec Spec
	err := Decode(data, &spec)
	return spec, err
}

// unnamed is what people read where nobody gave a name: what spark-submit itself would
// call the application.
//
// Source: org.apache.spark.deploy.SparkSubmitArguments of Spark 3.5.
func (s Spec) unnamed() string { return job.Head(cmp.Or(s.ClassName, path.Base(s.File)), maxName) }

// Header is what a request says of its job by itself, without the rules of an
// installation: enough to list it and to find its owner.
func Header(request job.Request) job.Spec {
	header := job.Spec{User: request.User, Cluster: request.Cluster}
	var spec Spec // it was accepted, perhaps by another version
	if json.Unmarshal(request.Spec, &spec) != nil {
		return header
	}
	header.Name, header.Queue, header.Profile, header.Labels = spec.Name, spec.Queue, spec.Profile, spec.Labels
	if header.Name == "" {
		header.Name = job.Head(cmp.Or(strings.TrimSpace(spec.Conf["spark.app.name"]), spec.unnamed()), maxName)
	}
	header.Kind = job.KindPySpark
	if strings.HasSuffix(spec.File, ".jar") {
		header.Kind = job.KindJAR
	}
	return header
}
