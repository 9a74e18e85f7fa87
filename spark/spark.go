// Package spark says what Stoker needs of a cluster manager, and holds what
// every one of them shares: the job directory with its markers (the launch
// protocol) and the launch file.
//
// The packages below it each speak to one kind of cluster; clustertest is the
// conformance suite that all of them pass. Staging and collecting data is not
// done here but by the activities, through store.
package spark

import (
	"context"
	"errors"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// ErrBusy is returned by Submit when the cluster's concurrency limit is
// reached. Nothing was sent; ask again later.
var ErrBusy = errors.New("the cluster is at its concurrency limit")

// FullError is ErrBusy in the cluster's own terms.
type FullError struct{ Reason string }

func (f *FullError) Error() string { return f.Reason }

// Is makes errors.Is(err, ErrBusy) true.
func (f *FullError) Is(target error) bool { return target == ErrBusy }

// HeldError is ErrBusy for another reason: somebody keeps the cluster closed to new
// applications.
type HeldError struct{ Reason string }

func (h *HeldError) Error() string { return h.Reason }

// Is implements errors.Is.
func (h *HeldError) Is(target error) bool { return target == ErrBusy }

// ErrRevoked is returned by Submit when the attempt was revoked (a kill came
// first) or its not-after time has passed. Nothing was sent, nor ever will be.
var ErrRevoked = errors.New("the attempt was revoked before it was sent")

// Guarantee says how a cluster manager keeps the promise of one application
// per attempt.
type Guarantee string

const (
	// Identified means that the application has an identity before it is sent, so sending
	// again can be recognised and is safe.
	Identified Guarantee = "identified"
	// Claimed means sent at most once under an exclusive claim; an ambiguous result
	// is reconciled by name or the job is lost.
	Claimed Guarantee = "claimed"
)

// Manager launches and follows applications on one cluster.
//
// Every method is idempotent, honours its context and returns errors of four
// kinds, as codes of job.Error: invalid, unauthorized (refused), unavailable
// (try again) and not_found (absent); anything else is internal.
type Manager interface {
	// Guarantee never changes for a cluster.
	Guarantee() Guarantee

	// Reserve records the identity of the attempt's application, or returns the
	// one that was recorded before. Nothing is sent after notAfter.
	// A reservation of another installation is a conflict.
	Reserve(ctx context.Context, attempt job.Attempt, notAfter time.Time) (Reservation, error)

	// Submit launches the application of a reserved and staged attempt, or
	// finds that it was launched before. It never makes a reservation:
	// without one it fails with not_found. ErrBusy and ErrRevoked are
	// returned as said there.
	Submit(ctx context.Context, attempt job.Attempt) error

	// Observe says how the attempt's application is. An application that was
	// never launched, or of which nothing is known, is job.StateAbsent, not an
	// error.
	Observe(ctx context.Context, attempt job.Attempt) (job.Observation, error)

	// Snapshot lists the cluster's live applications of this installation in one
	// request, and those that ended of late; of the latter, all but the first
	// Snapshot after a while may leave out what was live in the one before.
	Snapshot(ctx context.Context) ([]Sighting, error)

	// Kill revokes the attempt first, so that no request goes out any more,
	// ends its application and returns nil only when it is confirmed gone or
	// never was. Killing twice, or after the end, is quiet.
	Kill(ctx context.Context, attempt job.Attempt, reason string) error

	// Logs reads at most limit bytes of a stream ("stdout" or "stderr") from a
	// byte offset, while the application runs and until Release, and says how
	// long the stream is now. A negative offset counts from the end.
	Logs(ctx context.Context, attempt job.Attempt, stream string, offset int64, limit int) (data []byte, size int64, err error)

	// Release deletes what the attempt left, except its markers. It fails with
	// conflict while the application is not confirmed gone.
	Release(ctx context.Context, attempt job.Attempt) error

	// Probe reports whether the cluster can be reached and used.
	Probe(ctx context.Context) error
}

// Notifier is a Manager that can tell of changes without being polled.
type Notifier interface {
	// Changes sends the attempt of every application that changed until ctx
	// ends, beginning with all that are live. Hints may repeat or be lost;
	// nobody's correctness depends on them.
	Changes(ctx context.Context, changed chan<- job.Attempt) error
}

// Identifier is a Manager that learns the cluster's own id of an application only
// when that was sent; its reservations hold a name instead.
type Identifier interface {
	// Identify returns the id, or "" while there is none.
	Identify(ctx context.Context, attempt job.Attempt) (string, error)
}

// Refresher is a Manager whose Observe may answer from a snapshot of some seconds
// ago, which another process may have outrun with a hint.
type Refresher interface {
	// ObserveNow is Observe with an answer that is newer than the call.
	ObserveNow(ctx context.Context, attempt job.Attempt) (job.Observation, error)
}

// Sighting is one application in a Snapshot.
type Sighting struct {
	Attempt     job.Attempt     `json:"attempt"`
	Application string          `json:"application"`
	Observation job.Observation `json:"observation"`
	// Placed: the application is pending, but its driver has a place to run and may write
	// logs there already.
	Placed bool `json:"placed,omitempty"`
	// Shared: the application does not say of which cluster of the installation it is, so
	// it may have its directory in another one's root.
	Shared bool `json:"shared,omitempty"`
}

// Reservation is the content of reservation.json: who may run as what.
type Reservation struct {
	// Application is the cluster's id for the application.
	Application string `json:"application"`
	// Attempt that it belongs to.
	Attempt job.Attempt `json:"attempt"`
	// Installation of Stoker that made it.
	Installation string `json:"installation"`
	// Host: the machine id of a local cluster's host, else "".
	Host string `json:"host,omitempty"`
	// NotAfter is when the last request may go out.
	NotAfter  time.Time `json:"notAfter"`
	CreatedAt time.Time `json:"createdAt"`
}
