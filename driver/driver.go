// Package driver holds the Python program that runs a model inside Spark, and
// the Go side of its wire contract: the job.json it reads and the files it
// writes. The contract is the docstring of ModelOpPySparkDriver.py. How the
// driver reaches a cluster, and what its end means for a job, belong elsewhere.
package driver

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// FileName is the name the driver must have in the job directory.
const FileName = "ModelOpPySparkDriver.py"

// Source is the driver's text, to be staged as FileName. It is not to be changed.
//
//go:embed ModelOpPySparkDriver.py
var Source []byte

// Version of job.json, of the status file, and the only one either side accepts.
const Version = 1

// Exit codes of the driver process. A cluster manager may report another code
// (YARN says 13 for a driver without a SparkContext), so the marker's owner
// and the status file decide, and the code is a hint.
const (
	// ExitReturned: the function returned, and the status file says so.
	ExitReturned = 0
	// ExitRaised: the model raised, and the status file says so. Python itself
	// and many other failures use this code too.
	ExitRaised = 1
	// ExitFenced: the started marker existed. Nothing of the model ran and the
	// status file was not touched; both belong to the first start.
	ExitFenced = 86
	// ExitNoMarker: job.json could not be used or the started marker could not
	// be created. Nothing of the model ran, though an empty marker may exist.
	ExitNoMarker = 87
	// ExitNoStatus: the model came to its end, which could not be recorded.
	ExitNoStatus = 88
)

// MaxStatusBytes is the most ParseStatus and ParseStarted accept; the driver
// keeps below it.
const MaxStatusBytes = 64 << 10

// Job is the driver's input, job.json.
type Job struct {
	Version     int    `json:"version"`
	JobID       string `json:"jobId"`
	Application string `json:"application"` // the marker's owner
	Attempt     int    `json:"attempt"`     // from 1
	Kind        string `json:"kind"`        // scoring, metrics or training; for the log

	Model Model `json:"source"`
	// Init is called first; nil when the model has none.
	Init     *Function `json:"init"`
	Function Function  `json:"function"`

	// Inputs, Outputs and ModelAssets are the function's three arguments:
	// asset objects, unchanged and in order.
	Inputs      []map[string]any `json:"inputs"`
	Outputs     []map[string]any `json:"outputs"`
	ModelAssets []map[string]any `json:"modelAssets"`

	// Document is the job document as a JSON object, without contents, for an
	// init function that takes an argument.
	Document   json.RawMessage   `json:"document,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`

	// StartedURL and StatusURL are absolute file: URLs, or of a scheme the
	// cluster's Hadoop configuration knows. They are not percent-decoded.
	StartedURL string `json:"startedUrl"`
	StatusURL  string `json:"statusUrl"`
}

// Model says where the model's module is.
type Model struct {
	// Module is its dotted name; used only when Path is empty.
	Module string `json:"module"`
	// Path of its file inside the sources archive, with '/'. It need not be a
	// valid module name.
	Path string `json:"path"`
}

// Function is a function of the model.
type Function struct {
	Name string `json:"name"`
	// Origin says how it was found, for the log.
	Origin string `json:"origin"`
}

// State is what the driver says about the model's function.
type State string

// A status file goes from running to one of the other two, once. It stays
// running when the process ends without passing through the driver (os._exit,
// a signal, a crash of the interpreter).
const (
	StateRunning  State = "running"
	StateReturned State = "returned"
	StateRaised   State = "raised"
)

// Status is the status file.
type Status struct {
	Application string
	Attempt     int
	State       State
	// Stage is "import", "init" or "function": where the model was last.
	Stage string
	// Start and End are zero when absent or not a time; End is absent while
	// running.
	Start, End time.Time
	Function   string

	// ErrorType is the class of the exception with its module ("builtins"
	// left out), Message at most 4000 characters, Traceback the last 16000
	// from the model's first frame on. Set only when raised.
	ErrorType, Message, Traceback string
	// Excerpt of the traceback, with the model's own lines: at most 1900 bytes and
	// 20 lines.
	Excerpt string
}

// Report is the status as far as it fits into an observation.
func (s Status) Report() *job.DriverReport {
	return &job.DriverReport{
		State:     string(s.State),
		Stage:     job.Head(s.Stage, job.MaxWord),
		ErrorType: job.Head(s.ErrorType, job.MaxWord),
		Message:   job.Head(s.Message, job.MaxMessage),
		Traceback: job.Tail(cmp.Or(s.Excerpt, s.Traceback), job.MaxTraceback),
	}
}

// ParseStatus reads a status file. Unknown fields are ignored; more than
// MaxStatusBytes, anything but one JSON object, another version, an unknown
// state or fields of a wrong type are errors. The caller compares Application
// and Attempt with its own: the file may be another attempt's.
func ParseStatus(data []byte) (Status, error) {
	var raw struct {
		Version     int    `json:"version"`
		Application string `json:"application"`
		Attempt     int    `json:"attempt"`
		State       State  `json:"state"`
		Stage       string `json:"stage"`
		Start       string `json:"start"`
		End         string `json:"end"`
		Function    string `json:"function"`
		ErrorType   string `json:"errorType"`
		Message     string `json:"message"`
		Traceback   string `json:"traceback"`
		Excerpt     string `json:"excerpt"`
	}
	if err := decode(data, &raw); err != nil {
		return Status{}, fmt.Errorf("read driver status: %w", err)
	}
	if raw.Version != Version {
		return Status{}, fmt.Errorf("read driver status: version %d, want %d", raw.Version, Version)
	}
	switch raw.State {
	case StateRunning, StateReturned, StateRaised:
	default:
		return Status{}, fmt.Errorf("read driver status: unknown state %.40q", string(raw.State))
	}
	return Status{
		Application: raw.Application,
		Attempt:     raw.Attempt,
		State:       raw.State,
		Stage:       raw.Stage,
		Start:       parseTime(raw.Start),
		End:         parseTime(raw.End),
		Function:    raw.Function,
		ErrorType:   raw.ErrorType,
		Message:     raw.Message,
		Traceback:   raw.Traceback,
		Excerpt:     raw.Excerpt,
	}, nil
}

// Started is the content of the started marker: who ran first.
type Started struct {
	Owner   string    // Job.Application of the driver that created it
	Attempt int       // its Job.Attempt
	At      time.Time // zero when absent or not a time
}

// ParseStarted reads a started marker. An error says nothing about the fence:
// the marker holds from the moment it exists, before its content is written.
func ParseStarted(data []byte) (Started, error) {
	var raw struct {
		Owner   string `json:"owner"`
		Attempt int    `json:"attempt"`
		At      string `json:"at"`
	}
	if err := decode(data, &raw); err != nil {
		return Started{}, fmt.Errorf("read started marker: %w", err)
	}
	if raw.Owner == "" {
		return Started{}, errors.New("read started marker: it names no owner")
	}
	return Started{Owner: raw.Owner, Attempt: raw.Attempt, At: parseTime(raw.At)}, nil
}

func decode(data []byte, into any) error {
	if len(data) == 0 {
		return errors.New("the file is empty")
	}
	if len(data) > MaxStatusBytes {
		return fmt.Errorf("%d bytes, at most %d are read", len(data), MaxStatusBytes)
	}
	return json.Unmarshal(data, into)
}

// parseTime is tolerant: a time in a report is no reason to lose the report.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
