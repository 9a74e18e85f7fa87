package job

import "time"

// State is what a cluster says of an application.
type State string

// The states. StateAbsent alone is neither failure nor success: the cluster
// may have forgotten, restarted, or never heard of the application.
const (
	StatePending   State = "pending"
	StateRunning   State = "running"
	StateSucceeded State = "succeeded"
	StateFailed    State = "failed"
	StateKilled    State = "killed"
	StateAbsent    State = "absent"
)

// Terminal reports whether the application has ended, by the cluster's word.
func (s State) Terminal() bool {
	return s == StateSucceeded || s == StateFailed || s == StateKilled
}

// Rank orders states by progress, so that a late observation never takes a
// job back: absent < pending < running < terminal.
func (s State) Rank() int {
	switch s {
	case StateAbsent:
		return 0
	case StatePending:
		return 1
	case StateRunning:
		return 2
	case StateSucceeded, StateFailed, StateKilled:
		return 3
	}
	return -1
}

// Observation is one answer of a cluster about one application.
type Observation struct {
	State State `json:"state"`
	// Raw is the cluster's own wording, at most 2 KiB, for people.
	Raw string `json:"raw,omitempty"`
	// ExitCode of the driver process, where the cluster knows it.
	ExitCode *int `json:"exitCode,omitempty"`
	// Began says whether user code may have begun.
	Began Began `json:"began,omitempty"`
	// Restarted: the application ended because its host, container or service
	// was restarted, which is an infrastructure failure, not a lost job.
	Restarted bool `json:"restarted,omitempty"`
	// NoRoom: the cluster refused the application for want of room, so another attempt is
	// no retry.
	NoRoom bool `json:"noRoom,omitempty"`
	// NoContext: the cluster failed the application because its program had made no
	// SparkContext, as Raw says. The program is to blame, whatever it went on to do.
	NoContext bool `json:"noContext,omitempty"`
	// Released: the attempt's files were cleaned away already, status file and
	// outputs included, so this alone no longer says how the job ended.
	Released bool `json:"released,omitempty"`
	// StartedAt and EndedAt are zero while unknown.
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Driver is what Stoker's Python driver wrote in its status file; nil if
	// there is none.
	Driver *DriverReport `json:"driver,omitempty"`
}

// Began says whether user code began.
type Began string

// The answers. BeganUnknown must be treated as yes when a retry is considered.
const (
	BeganUnknown Began = ""
	BeganNo      Began = "no"
	BeganYes     Began = "yes"
)

// DriverReport is this attempt's status file.
type DriverReport struct {
	// State is "running", "returned" or "raised".
	State string `json:"state"`
	// Stage is "import", "init" or "function".
	Stage     string `json:"stage,omitempty"`
	ErrorType string `json:"errorType,omitempty"`
	Message   string `json:"message,omitempty"`
	// Traceback holds the last lines, from the user's own frames, at most 4 KiB
	// inside a history.
	Traceback string `json:"traceback,omitempty"`
}

// Returned reports whether the user's function came back.
func (d *DriverReport) Returned() bool { return d != nil && d.State == "returned" }

// Raised reports whether the user's code ended with an error.
func (d *DriverReport) Raised() bool { return d != nil && d.State == "raised" }
