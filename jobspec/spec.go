package jobspec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// Spec is a job as it is submitted. Files are URLs of the cluster's file systems,
// "local:/path" for what every host has, or "artifact:<sha256>/<name>" for what was
// uploaded before.
type Spec struct {
	// File is the program: a .py file or a .jar.
	File string `json:"file"`
	// ClassName is a JAR's main class; a .py file has none.
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
	// Archives into their working directories, under the name behind a '#'.
	PyFiles  []string `json:"pyFiles,omitempty"`
	Jars     []string `json:"jars,omitempty"`
	Files    []string `json:"files,omitempty"`
	Archives []string `json:"archives,omitempty"`

	// Name for people; "" is the program's file name.
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
	RerunAfterStart bool `json:"rerunAfterStart,omitempty"`
}

// Parse reads a Spec. An unknown or doubled field, or anything behind the object, is
// an error of code invalid that names it.
func Parse(data []byte) (Spec, error) {
	var spec Spec
	return spec, Decode(data, &spec)
}

// Decode reads one JSON object strictly, as Parse does.
func Decode(data []byte, into any) error {
	if err := uniqueKeys(data); err != nil {
		return job.Invalid("the body is no JSON that can be read", []string{err.Error()})
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return job.Invalid("the body is not as it should be", []string{fieldProblem(err)})
	}
	return nil
}

// fieldProblem says in the words of the caller what encoding/json says in those of Go.
func fieldProblem(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		field := wrong.Field
		if field == "" {
			return "body: must be a JSON object, got " + wrong.Value
		}
		return fmt.Sprintf("%s: must be %s, got %s", field, kindName(wrong.Type.Kind().String()), wrong.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return strings.Trim(name, `"`) + ": is no field here"
	}
	return job.Head(err.Error(), maxProblem)
}

func kindName(kind string) string {
	switch kind {
	case "map", "struct", "ptr":
		return "an object"
	case "slice":
		return "a list"
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	}
	return "a whole number"
}

// uniqueKeys refuses what two readers could understand in two ways: doubled keys, and
// more than one value.
func uniqueKeys(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := uniqueIn(decoder, "", 0); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("body: holds more than one JSON value")
	}
	return nil
}

const maxDepth = 20

func uniqueIn(decoder *json.Decoder, at string, depth int) error {
	token, err := decoder.Token()
	if errors.Is(err, io.EOF) {
		return errors.New("body: is empty or ends too early; it must be a JSON object")
	}
	if err != nil {
		return fmt.Errorf("body: is no JSON: %s", job.Head(err.Error(), maxProblem))
	}
	open, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return errors.New("body: is nested too deeply")
	}
	seen := map[string]bool{}
	for decoder.More() {
		inside := at
		if open == '{' {
			key, err := decoder.Token()
			if err != nil {
				return fmt.Errorf("body: is no JSON: %s", job.Head(err.Error(), maxProblem))
			}
			name, _ := key.(string) // the keys of an object are texts
			inside = strings.TrimPrefix(at+"."+name, ".")
			if seen[name] {
				return fmt.Errorf("%s: is given twice", job.Head(inside, job.MaxWord))
			}
			seen[name] = true
		}
		if err := uniqueIn(decoder, inside, depth+1); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil { // the closing bracket
		return fmt.Errorf("body: is no JSON: %s", job.Head(err.Error(), maxProblem))
	}
	return nil
}

// Digest tells the body of one job from another's, in hex: white space and the order
// of keys make no difference. What is no JSON has a digest, too.
func Digest(body []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err == nil && !decoder.More() {
		if canonical, err := json.Marshal(value); err == nil { // sorts keys
			body = canonical
		}
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
