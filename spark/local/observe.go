package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"github.com/stoker-spark/stoker/driver"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// Observe implements spark.Manager, from files, locks and processes:
//
//	no claim                            → absent
//	exit.json                           → succeeded, failed or killed
//	supervisor or driver process lives  → pending, running
//	neither, after a restart            → failed, Restarted
//	neither, no process was recorded    → adopt a marked process, else fence:
//	                                      failed with Began=no, or absent
//	neither                             → absent, nobody saw how it ended
func (m *Manager) Observe(_ context.Context, attempt job.Attempt) (job.Observation, error) {
	dir, err := m.dir(attempt)
	if err != nil {
		return job.Observation{}, err
	}
	v, err := m.look(dir)
	if err != nil {
		return job.Observation{}, err
	}
	o, err := m.observe(dir, v)
	if err != nil {
		return job.Observation{}, m.unavailable("observe "+attempt.String(), err)
	}
	o.Raw = job.Head(o.Raw, job.MaxRaw)
	return o, nil
}

func (m *Manager) observe(dir jobDir, v view) (job.Observation, error) {
	if v.claim == nil {
		return m.observeUnclaimed(dir, v), nil
	}
	o := m.facts(dir, v)
	if v.exit != nil {
		return observeEnded(o, v), nil
	}
	if v.supervised || v.childLives && v.child != nil {
		return observeLive(o, v), nil
	}
	return m.observeOrphan(dir, v, o)
}

// observeUnclaimed: nothing was launched; whether it ever will be is certain
// only once nobody can make the claim any more.
func (m *Manager) observeUnclaimed(dir jobDir, v view) job.Observation {
	o := job.Observation{State: job.StateAbsent, Raw: "it was not launched"}
	if v.reservation == nil {
		o.Raw = "it is not reserved on this host"
		return o
	}
	if v.revoked == nil && !time.Now().After(v.reservation.NotAfter) {
		return o
	}
	// A supervisor between its checks and its claim holds the root lock.
	lock, err := tryLock(m.rootLock())
	if err != nil {
		return o
	}
	defer func() { _ = lock.Close() }() // closing is unlocking
	if exists(dir.path(fileClaim)) {
		return o // seen as claimed next time
	}
	o.Began = job.BeganNo
	o.Raw = "it was not launched, nor can it be any more"
	return o
}

// facts fills in what is true whatever the state: times, the driver's report,
// whether user code began.
func (m *Manager) facts(dir jobDir, v view) job.Observation {
	report, start, end := readStatus(dir, v.claim.Application)
	o := job.Observation{Driver: report, Released: v.released}
	if v.claim.PythonDriver {
		o.StartedAt = firstTime(v.started, start)
		o.Began = job.BeganNo
		if !v.started.IsZero() {
			o.Began = job.BeganYes
		}
	} else if v.child != nil {
		o.StartedAt = v.child.At
	}
	if v.exit != nil {
		o.EndedAt = v.exit.EndedAt
		if v.exit.NotLaunched != "" {
			o.Began = job.BeganNo
		}
	} else if !report.Returned() && !report.Raised() {
		return o
	} else {
		o.EndedAt = end
	}
	return o
}

func observeLive(o job.Observation, v view) job.Observation {
	o.EndedAt = time.Time{}
	switch {
	case v.child == nil && v.supervised:
		o.State, o.Raw = job.StatePending, "its supervisor is about to launch it"
		return o
	case v.child == nil:
		o.State, o.Raw = job.StateRunning, "a process that cannot be named holds the application's lock"
	case v.claim.PythonDriver && v.started.IsZero():
		o.State, o.Raw = job.StatePending, fmt.Sprintf("spark-submit (pid %d) has not yet started the driver", v.child.PID)
	default:
		o.State, o.Raw = job.StateRunning, fmt.Sprintf("spark-submit runs (pid %d)", v.child.PID)
	}
	// While it may yet begin, "no" is no promise.
	if o.Began == job.BeganNo && !v.fenced {
		o.Began = job.BeganUnknown
	}
	if !v.supervised {
		o.Raw += "; its supervisor died, so its exit code will not be known"
	}
	return o
}

// observeEnded reads the exit record. Exit code 0 is a success even if a kill
// came at the end: it came too late.
func observeEnded(o job.Observation, v view) job.Observation {
	e := v.exit
	o.ExitCode = e.Code
	sig := endedBySignal(*e)
	code := -1
	if e.Code != nil {
		code = *e.Code
	}
	// Without the driver's status file, whose marker it was tells a fenced
	// start from a failure.
	fencedOut := v.claim.PythonDriver && code == driver.ExitFenced && o.Driver == nil
	wasRevoked := v.revoked != nil && !e.EndedAt.Before(v.revoked.At)
	switch {
	case code == 0:
		o.State, o.Raw = job.StateSucceeded, "exit code 0"
	case e.Killed:
		o.State, o.Raw = job.StateKilled, "it was killed; its supervisor had died before"
	case wasRevoked:
		o.State, o.Raw = job.StateKilled, "it was revoked and ended with "+endWords(*e)
	case e.NotLaunched != "":
		o.State, o.Raw = job.StateFailed, "spark-submit could not be started: "+e.NotLaunched
	case e.Stopped:
		o.State, o.Restarted = job.StateFailed, true
		o.Raw = "the host, the container or the service was stopped while it ran, and it with them (" + endWords(*e) + ")"
	case fencedOut && v.fenced:
		o.State, o.Raw = job.StateFailed, "it was fenced out before it began"
	case fencedOut:
		o.State, o.Raw = job.StateAbsent, "it was a second start and ran nothing; nothing is known of the first"
	case sig != 0 && !o.Driver.Raised():
		o.State, o.Raw = job.StateKilled, "it ended with "+endWords(*e)
	case v.claim.PythonDriver && code == driver.ExitNoMarker && o.Driver == nil:
		// An empty marker may have been left.
		o.State, o.Began, o.Raw = job.StateFailed, job.BeganNo, fmt.Sprintf("the driver could not read its job or mark its start (exit code %d)", code)
	case v.claim.PythonDriver && code == driver.ExitNoStatus:
		o.State, o.Raw = job.StateFailed, fmt.Sprintf("the driver could not write its status (exit code %d)", code)
	default:
		o.State, o.Raw = job.StateFailed, endWords(*e)
	}
	return o
}

// endedBySignal is the signal that ended the driver, 0 for none. Java turns
// signals into exit codes, as shells do: 143 for SIGTERM, and 137 for a Python
// process that was killed.
func endedBySignal(e exitRecord) int {
	if e.Signal != 0 {
		return e.Signal
	}
	if e.Code == nil {
		return 0
	}
	sig := *e.Code - 128
	if slices.Contains([]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGKILL, syscall.SIGTERM}, syscall.Signal(sig)) {
		return sig
	}
	return 0
}

func endWords(e exitRecord) string {
	switch sig := endedBySignal(e); {
	case e.Signal != 0:
		return fmt.Sprintf("signal %d (%s)", e.Signal, syscall.Signal(e.Signal))
	case sig != 0:
		return fmt.Sprintf("exit code %d, that is signal %d (%s)", *e.Code, sig, syscall.Signal(sig))
	case e.Code != nil:
		return fmt.Sprintf("exit code %d", *e.Code)
	}
	return "nothing known of its end"
}

// observeOrphan: a claim, no supervisor, no exit record, and no process that
// was recorded lives.
func (m *Manager) observeOrphan(dir jobDir, v view, o job.Observation) (job.Observation, error) {
	members := m.proc.members(dir.kin(v.claim.Application))
	if len(members) > 0 && !leftovers(v, o.Driver) {
		return m.observeMarked(dir, v, o, members)
	}
	if v.childLives {
		return observeLive(o, v), nil
	}
	restart := restarted(v.claim.Place, m.proc.here(invocation()))
	if v.claim.PythonDriver && v.started.IsZero() {
		// Nothing of it lives; the fence makes that last for ever.
		fenced, err := dir.fence(time.Now().UTC())
		if err != nil {
			return job.Observation{}, err
		}
		if !fenced {
			return m.observeAgain(dir)
		}
	}
	switch {
	case restart != "":
		o.State, o.Restarted, o.Raw = job.StateFailed, true, restart
	case v.child == nil && o.Began == job.BeganNo:
		o.State, o.Raw = job.StateFailed, "the supervisor died before it launched the application"
	case v.child == nil:
		o.State, o.Raw = job.StateAbsent, "the supervisor died and left no record of a process; none is found"
	default:
		o.State, o.Raw = job.StateAbsent, fmt.Sprintf("spark-submit (pid %d) is gone and its supervisor died before, so nobody saw how it ended", v.child.PID)
	}
	return o, nil
}

// leftovers reports whether processes that carry the application's mark are only
// what it left running: spark-submit is gone and the driver wrote down its end.
func leftovers(v view, report *job.DriverReport) bool {
	return v.child != nil && !v.childLives && (report.Returned() || report.Raised())
}

// observeMarked: the processes found by their mark are the application's.
func (m *Manager) observeMarked(dir jobDir, v view, o job.Observation, members []member) (job.Observation, error) {
	if v.child != nil {
		o.State, o.EndedAt = job.StateRunning, time.Time{}
		o.Raw = fmt.Sprintf("spark-submit (pid %d) and its supervisor are gone, but %d processes of the application live (pid %d)", v.child.PID, len(members), members[0].PID)
		return o, nil
	}
	// spark-submit leads a session and is older than all that it made.
	var leader *member
	for _, p := range members {
		leads := p.PID == p.session
		if !p.supervisor && (leader == nil || leads && (leader.PID != leader.session || p.StartTime < leader.StartTime)) {
			leader = &p
		}
	}
	if leader == nil {
		// Between fork and exec, or another supervisor that will find the claim.
		o.State, o.Raw = job.StatePending, "a process is about to become spark-submit"
		o.Began = job.BeganUnknown
		return o, nil
	}
	adopted := child{process: leader.process, At: time.Now().UTC(), Adopted: true}
	if err := createJSON(dir.path(fileChild), adopted); err != nil && !errors.Is(err, fs.ErrExist) {
		return job.Observation{}, err
	}
	return m.observeAgain(dir)
}

// observeAgain looks again after something changed that cannot change twice.
func (m *Manager) observeAgain(dir jobDir) (job.Observation, error) {
	v, err := m.look(dir)
	if err != nil {
		return job.Observation{}, err
	}
	return m.observe(dir, v)
}

// readStatus reads what the driver wrote of itself, or user code in its place:
// whatever is not a status is no status.
func readStatus(dir jobDir, application string) (report *job.DriverReport, start, end time.Time) {
	data, err := readLimited(dir.path(spark.FileStatus), maxRecord)
	if err != nil {
		return nil, time.Time{}, time.Time{}
	}
	return parseStatus(data, application)
}

func parseStatus(data []byte, application string) (report *job.DriverReport, start, end time.Time) {
	status, err := driver.ParseStatus(data)
	if err != nil || status.Application != "" && status.Application != application {
		return nil, time.Time{}, time.Time{} // no status, or another attempt's
	}
	return status.Report(), status.Start, status.End
}

func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}
