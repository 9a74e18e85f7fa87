package local

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// claim says, for ever, that one supervisor took the application.
type claim struct {
	Application string      `json:"application"`
	Attempt     job.Attempt `json:"attempt"`
	// PythonDriver as in the launch: user code passes the started marker first.
	PythonDriver bool    `json:"pythonDriver"`
	Supervisor   process `json:"supervisor"`
	// Where the supervisor ran, to tell a restart of the host, the container or
	// the systemd unit from a death of its own.
	Place place     `json:"place"`
	At    time.Time `json:"at"`
}

// place is what a host, container or systemd service looks like from inside,
// until it is restarted.
type place struct {
	BootID       string `json:"bootId"`
	PIDNamespace string `json:"pidNamespace"`
	// InitStart is the start time of PID 1 in clock ticks since boot.
	InitStart uint64 `json:"initStart"`
	// Unit and Invocation are systemd's names of the service and of this run of
	// it, or "".
	Unit       string `json:"unit,omitempty"`
	Invocation string `json:"invocation,omitempty"`
}

// here is the place of the calling process.
func (p procfs) here(invocation string) place {
	at := place{BootID: p.bootID(), PIDNamespace: p.pidNamespace(), Unit: p.unit(), Invocation: invocation}
	if init, err := p.stat(1); err == nil {
		at.InitStart = init.startTime
	}
	return at
}

// child is spark-submit's process, which leads its own session.
type child struct {
	process
	At time.Time `json:"at"`
	// Adopted: found by its mark after the supervisor died before recording it.
	Adopted bool `json:"adopted,omitempty"`
}

// exitRecord says how an application ended. It is written once, when all its
// processes are gone.
type exitRecord struct {
	// Code is nil when nobody could learn it.
	Code   *int `json:"code,omitempty"`
	Signal int  `json:"signal,omitempty"`
	// NotLaunched says why no process was ever made.
	NotLaunched string `json:"notLaunched,omitempty"`
	// Stopped: the supervisor was told to stop too, as the host, the container
	// or the service went down.
	Stopped bool `json:"stopped,omitempty"`
	// Killed: written by Kill, the supervisor being dead.
	Killed  bool      `json:"killed,omitempty"`
	EndedAt time.Time `json:"endedAt"`
}

// revocation is the content of the revoked marker.
type revocation struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// note is the content of intent.json and acknowledged.
type note struct {
	Application string    `json:"application"`
	At          time.Time `json:"at"`
}

// entry is the content of a file of dirLive or dirEvents.
type entry struct {
	Application  string      `json:"application"`
	Installation string      `json:"installation"`
	Attempt      job.Attempt `json:"attempt"`
	// Event is "claimed", "launched", "started" or "ended"; for people.
	Event string    `json:"event,omitempty"`
	At    time.Time `json:"at"`
}

// isMarker reports whether Release leaves a file of a job directory.
func isMarker(name string) bool {
	switch name {
	case fileClaim, fileChild, fileExit:
		return true
	}
	return spark.IsMarker(name)
}

// view is everything the files and locks of one attempt say at one time.
type view struct {
	reservation *spark.Reservation
	claim       *claim
	// supervised: the supervisor that made the claim lives.
	supervised bool
	child      *child
	// childLives: spark-submit's process lives, or some process that inherited
	// its lock.
	childLives bool
	exit       *exitRecord
	revoked    *revocation
	// started is when user code began, zero if it did not; fenced: it never
	// can, because the marker is Stoker's own.
	started time.Time
	fenced  bool
	// released: the job directory was cleaned.
	released bool
}

// look reads the records in an order that makes the answer safe: the claim
// before its supervisor's lock (held before the claim is made), the lock before
// what only its holder writes.
func (d jobDir) look(p procfs) (view, error) {
	var v view
	var errs [5]error
	v.reservation, errs[0] = readJSON[spark.Reservation](d.path(spark.FileReservation))
	v.claim, errs[1] = readJSON[claim](d.path(fileClaim))
	v.supervised = held(d.path(fileSupervisorLock))
	v.child, errs[2] = readJSON[child](d.path(fileChild))
	v.childLives = held(d.path(fileChildLock)) || v.child != nil && p.alive(v.child.process)
	v.exit, errs[3] = readJSON[exitRecord](d.path(fileExit))
	v.revoked, errs[4] = readRevoked(d)
	v.started, v.fenced = readStarted(d)
	v.released = exists(d.path(spark.FileReleased))
	if err := errors.Join(errs[:]...); err != nil {
		return view{}, job.Errorf(job.CodeInternal, "cannot read the records in %s: %w", d, err)
	}
	return v, nil
}

// readRevoked takes an unreadable marker for a revocation: it is there.
func readRevoked(d jobDir) (*revocation, error) {
	r, err := readJSON[revocation](d.path(spark.FileRevoked))
	if err == nil || !exists(d.path(spark.FileRevoked)) {
		return r, err
	}
	return &revocation{Reason: "unknown"}, nil
}

// fenceOwner is the owner in a started marker that Stoker made to keep user
// code from ever beginning.
const fenceOwner = "stoker"

type startedMarker struct {
	Owner string    `json:"owner"`
	At    time.Time `json:"at"`
}

// readStarted reports when user code began, by the time of the marker, and
// whether the marker is Stoker's fence. A marker that names nobody is a
// driver's: it creates the file before it writes the content.
func readStarted(d jobDir) (at time.Time, fenced bool) {
	path := d.path(spark.FileStarted)
	info, err := os.Lstat(path)
	if err != nil {
		return time.Time{}, false
	}
	if marker, err := readJSON[startedMarker](path); err == nil && marker != nil && marker.Owner == fenceOwner {
		return time.Time{}, true
	}
	return info.ModTime().UTC(), false
}

// fence makes sure that user code never begins, or returns false: it did.
func (d jobDir) fence(now time.Time) (bool, error) {
	err := createJSON(d.path(spark.FileStarted), startedMarker{Owner: fenceOwner, At: now})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	_, fenced := readStarted(d)
	return fenced, nil
}
