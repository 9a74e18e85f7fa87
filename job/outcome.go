package job

import (
	"fmt"
	"strings"
)

// Result is how a job ended.
type Result string

// The results.
const (
	ResultSucceeded Result = "succeeded"
	ResultFailed    Result = "failed"
	// ResultCancelled only when someone asked Stoker or model-manage for it.
	ResultCancelled Result = "cancelled"
	// ResultLost: nobody can tell how the application ended. It is never called
	// failed or succeeded, and never retried.
	ResultLost Result = "lost"
)

// Results lists every result.
func Results() []Result {
	return []Result{ResultSucceeded, ResultFailed, ResultCancelled, ResultLost}
}

// Class says why a failed job failed.
type Class string

// The classes of failure.
const (
	ClassApplication    Class = "application"
	ClassInfrastructure Class = "infrastructure"
	ClassInvalid        Class = "invalid"
	ClassSubmission     Class = "submission"
	ClassDeadline       Class = "deadline"
	ClassKilled         Class = "killed"
)

// Classes lists every class.
func Classes() []Class {
	return []Class{ClassApplication, ClassInfrastructure, ClassInvalid, ClassSubmission, ClassDeadline, ClassKilled}
}

// Outcome is how a job ended, for people and machines.
type Outcome struct {
	Result Result `json:"result"`
	// Class is set only when Result is failed.
	Class   Class  `json:"class,omitempty"`
	Message string `json:"message,omitempty"`
	// Phase in which the job failed.
	Phase     Phase  `json:"phase,omitempty"`
	ErrorType string `json:"errorType,omitempty"`
	Traceback string `json:"traceback,omitempty"`
	// Problems lists every problem of an invalid job.
	Problems []string `json:"problems,omitempty"`
	// Notes say what else happened, such as a cancel that came too late.
	Notes []string `json:"notes,omitempty"`
}

// Succeeded reports whether the job succeeded.
func (o Outcome) Succeeded() bool { return o.Result == ResultSucceeded }

func (o Outcome) String() string {
	var b strings.Builder
	b.WriteString(string(o.Result))
	if o.Class != "" {
		b.WriteString("/" + string(o.Class))
	}
	if o.Message != "" {
		b.WriteString(": " + o.Message)
	}
	return b.String()
}

// Failed makes a failed outcome.
func Failed(class Class, phase Phase, format string, args ...any) Outcome {
	return Outcome{Result: ResultFailed, Class: class, Phase: phase, Message: fmt.Sprintf(format, args...)}
}

// Evidence is all that is known of an application that will not change any
// more.
type Evidence struct {
	Observation Observation
	// PythonDriver: Stoker's driver ran the program, so a status file is due.
	PythonDriver bool
	// CollectProblems names each declared embedded output that is missing or
	// could not be collected.
	CollectProblems []string
}

// Decide says how an application ended. Succeeded means all of: the cluster
// says so; for Stoker's Python driver this attempt's status file says that the
// function returned; every declared embedded output was collected.
//
// A cluster that has forgotten the application (absent) is overruled by the
// status file, which only this attempt's driver writes; with neither the
// application is lost.
func Decide(e Evidence) Outcome {
	o := e.Observation
	switch o.State {
	case StateSucceeded:
		return decideSucceeded(e)
	case StateFailed:
		return decideFailed(e)
	case StateKilled:
		return Failed(ClassKilled, PhaseRunning, "the application was killed from outside: %s", orUnknown(o.Raw))
	case StateAbsent:
		return decideAbsent(e)
	case StatePending, StateRunning:
	}
	return Outcome{
		Result: ResultLost, Phase: PhaseRunning,
		Message: fmt.Sprintf("the application was last seen %s and can no longer be followed: %s", o.State, orUnknown(o.Raw)),
	}
}

func decideSucceeded(e Evidence) Outcome {
	o := e.Observation
	if e.PythonDriver {
		switch {
		case o.Driver.Raised():
			return raised(o.Driver)
		case !o.Driver.Returned():
			return Failed(ClassApplication, PhaseRunning, "the program ended before the function returned")
		}
	}
	return collected(e)
}

func decideFailed(e Evidence) Outcome {
	o := e.Observation
	switch {
	case o.Restarted:
		return Failed(ClassInfrastructure, PhaseRunning, "%s", orUnknown(o.Raw))
	case e.PythonDriver && o.Driver.Raised():
		return raised(o.Driver)
	case o.NoContext:
		return Failed(ClassApplication, PhaseRunning, "%s", orUnknown(o.Raw))
	case e.PythonDriver && o.Driver.Returned():
		return Failed(ClassInfrastructure, PhaseRunning, "the function returned, but the application failed afterwards: %s", orUnknown(o.Raw))
	case o.Began == BeganNo:
		return Failed(ClassInfrastructure, PhaseSubmitting, "the application failed before the job's own code began: %s", orUnknown(o.Raw))
	}
	return Failed(ClassApplication, PhaseRunning, "the application failed: %s", orUnknown(o.Raw))
}

func decideAbsent(e Evidence) Outcome {
	o := e.Observation
	switch {
	case e.PythonDriver && o.Driver.Raised():
		return raised(o.Driver)
	case e.PythonDriver && o.Driver.Returned():
		out := collected(e)
		out.Notes = append(out.Notes, "the cluster no longer knew the application; the driver's status file says that the function returned")
		return out
	case o.Restarted:
		return Failed(ClassInfrastructure, PhaseRunning, "%s", orUnknown(o.Raw))
	case o.Began == BeganNo:
		return Failed(ClassInfrastructure, PhaseSubmitting, "the application vanished before the job's own code began: %s", orUnknown(o.Raw))
	}
	return Outcome{
		Result: ResultLost, Phase: PhaseRunning,
		Message: "the cluster does not know the application and nothing says how it ended: " + orUnknown(o.Raw),
	}
}

func collected(e Evidence) Outcome {
	if len(e.CollectProblems) > 0 {
		out := Failed(ClassApplication, PhaseCollecting, "%s", strings.Join(e.CollectProblems, "; "))
		out.Problems = e.CollectProblems
		return out
	}
	return Outcome{Result: ResultSucceeded, Phase: PhaseDone}
}

func raised(d *DriverReport) Outcome {
	out := Failed(ClassApplication, PhaseRunning, "%s", d.Message)
	if d.ErrorType != "" {
		out.Message = d.ErrorType + ": " + d.Message
	}
	out.ErrorType = d.ErrorType
	out.Traceback = d.Traceback
	return out
}

func orUnknown(raw string) string {
	if raw == "" {
		return "no reason given"
	}
	return raw
}
