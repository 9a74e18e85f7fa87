package logs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
)

// Reason says why there is no log.
type Reason string

// The reasons.
const (
	// NeverStarted: the application ended before a container of its master wrote
	// anything.
	NeverStarted Reason = "never started"
	// NoSuchStream: the master wrote other files, but not this one.
	NoSuchStream Reason = "no such stream"
	// NotKept: the aggregated logs hold nothing of the master. It wrote nothing, or
	// their time is over (yarn.log-aggregation.retain-seconds).
	NotKept Reason = "not kept"
	// Dropped: the log was not aggregated (aggregation is off, or failed) and the
	// NodeManager has it no longer.
	Dropped Reason = "dropped"
)

// NoLogError is in the chain of the not_found error for a log that is not there
// and will not be. Errors of this kind are final; a log that may still come is
// unavailable instead.
type NoLogError struct {
	Application, Stream string
	Reason              Reason
	// Diagnostics are YARN's words about the application, of several lines and at
	// most 16 KiB: for people, in place of the log. The program did not write them.
	Diagnostics string
	// Streams that there are, where Reason is NoSuchStream.
	Streams []string
}

// maxDiagnostics bounds YARN's words in a message, in bytes.
const maxDiagnostics = 300

func (e *NoLogError) Error() string {
	what := fmt.Sprintf("there is no %s of %s: ", e.Stream, e.Application)
	switch e.Reason {
	case NeverStarted:
		what += "it ended before its master started"
	case NoSuchStream:
		what += "its master wrote " + hadoop.OneLine(strings.Join(e.Streams, ", "))
	case NotKept:
		what += "the aggregated logs hold nothing of its master"
	case Dropped:
		what += "it was not aggregated and the NodeManager has dropped it"
	}
	if e.Diagnostics == "" {
		return what
	}
	return what + "; YARN's diagnostics: " + job.Head(hadoop.OneLine(e.Diagnostics), maxDiagnostics)
}

func noLog(e *NoLogError) error { return job.Errorf(job.CodeNotFound, "%w", e) }

// What a source says that has not got the log. All else that it returns is a
// failure to say anything.
//
// errUnknown: it knows nothing of the container.
var errUnknown = errors.New("knows nothing of the container")

// absentError: it has the container's files, but no such stream.
type absentError struct{ streams []string }

func (*absentError) Error() string { return "has no such file of the container" }

// brokenError: what a source sent is not a log, or not as long as it said. Asking
// for the rest only would hide that.
type brokenError struct{ what string }

func (e *brokenError) Error() string { return e.what }

func broken(format string, args ...any) error {
	return job.Errorf(job.CodeUnavailable, "%w", &brokenError{fmt.Sprintf(format, args...)})
}

func isBroken(err error) bool {
	var broken *brokenError
	return errors.As(err, &broken)
}
