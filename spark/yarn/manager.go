package yarn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
)

var _ spark.Manager = (*Manager)(nil)

// Points inside Submit at which Options.Hold is called, for fault tests.
const (
	holdIntent = "intent:after"
	holdLaunch = "launch:after"
)

// Options of a Manager.
type Options struct {
	// Cluster is its name, for messages.
	Cluster string
	// Installation of Stoker; a job directory of another one is left alone.
	Installation string
	// Root of the job directories, a path in Store.
	Root  string
	Store store.Store
	// ResourceManager of the cluster.
	ResourceManager *rm.Client
	// User as whom applications are sent and run.
	User string
	// Builder turns a staged launch into a submission.
	Builder Builder
	// Recovery: the ResourceManager keeps applications over a restart
	// (yarn.resourcemanager.recovery.enabled), as far as it does not say so itself.
	Recovery bool
	// History is asked about applications that the ResourceManager does not know; nil
	// asks nobody.
	History History
	// Logs reads containers' logs. A LogCopier copies them, too.
	Logs LogReader
	// Progress asks running applications; nil asks none.
	Progress ProgressReader
	// RequestTimeout of the ResourceManager's client: after it, a request that was
	// under way is no longer.
	RequestTimeout time.Duration
	Logger         *slog.Logger
	// Gate is asked before an application is sent that was not sent before: an error,
	// spark.ErrBusy among them, is what Submit returns. nil is always open.
	Gate func(ctx context.Context) error
	// Hold, if not nil, is called at points inside Submit.
	Hold func(ctx context.Context, point string)
}

// Manager runs applications on one YARN cluster. Any number of Managers, in any
// number of processes, may serve one cluster.
type Manager struct {
	opts         Options
	killed       killed
	queues       queues
	cache        *snapshots
	applications applications
}

// New checks the options.
func New(o Options) (*Manager, error) {
	switch {
	case o.Store == nil, o.ResourceManager == nil, o.Root == "", o.Installation == "", o.User == "":
		return nil, errors.New("a YARN manager needs a store, a root, a resource manager, a user and an installation")
	case o.Builder == nil:
		return nil, errors.New("a YARN manager needs a builder of submissions")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = 30 * time.Second
	}
	if o.Gate == nil {
		o.Gate = func(context.Context) error { return nil }
	}
	if o.Hold == nil {
		o.Hold = func(context.Context, string) {}
	}
	m := &Manager{opts: o}
	m.queues.manager = o.ResourceManager
	m.cache = newSnapshots(m.list)
	return m, nil
}

// Guarantee implements spark.Manager.
func (m *Manager) Guarantee() spark.Guarantee { return spark.Identified }

// dir returns the job directory of an attempt, made or not.
func (m *Manager) dir(attempt job.Attempt) (jobDir, error) {
	if err := attempt.Validate(); err != nil {
		return jobDir{}, err
	}
	return jobDir{store: m.opts.Store, path: spark.JobDir(m.opts.Root, attempt)}, nil
}

// Reserve implements spark.Manager. What makes it idempotent is the exclusive
// creation of reservation.json: an id that was drawn for nothing costs nothing.
func (m *Manager) Reserve(ctx context.Context, attempt job.Attempt, notAfter time.Time) (spark.Reservation, error) {
	dir, err := m.dir(attempt)
	if err != nil {
		return spark.Reservation{}, err
	}
	reservation, err := dir.reservation(ctx)
	if err != nil {
		return spark.Reservation{}, m.unavailable("read the reservation of "+attempt.String(), err)
	}
	if reservation == nil {
		fresh, err := m.opts.ResourceManager.NewApplication(ctx)
		if err != nil {
			return spark.Reservation{}, err
		}
		if b, ok := m.opts.Builder.(interface{ Reserved(r rm.Reserved) }); ok {
			b.Reserved(fresh) // the cluster's limits came with the id
		}
		ours := spark.Reservation{
			Application: fresh.ID, Attempt: attempt, Installation: m.opts.Installation,
			NotAfter: notAfter.UTC().Round(0), CreatedAt: time.Now().UTC().Round(0),
		}
		switch err = dir.create(ctx, spark.FileReservation, ours); {
		case err == nil:
			return ours, nil
		case !errors.Is(err, fs.ErrExist):
			return spark.Reservation{}, m.unavailable("reserve "+attempt.String(), err)
		}
		if reservation, err = dir.reservation(ctx); err != nil {
			return spark.Reservation{}, m.unavailable("read the reservation of "+attempt.String(), err)
		}
		if reservation == nil {
			return spark.Reservation{}, job.Errorf(job.CodeUnavailable, "the reservation of %s vanished while it was made", attempt)
		}
	}
	return *reservation, m.check(*reservation)
}

// check reports whether a reservation is this installation's.
func (m *Manager) check(r spark.Reservation) error {
	if r.Installation != m.opts.Installation {
		return job.Errorf(job.CodeConflict, "%s was reserved by another installation of Stoker (%s, this is %s): use another root",
			r.Attempt, r.Installation, m.opts.Installation)
	}
	return nil
}

// look finds the reservation of an attempt; nil if there is none.
func (m *Manager) look(ctx context.Context, attempt job.Attempt) (jobDir, *spark.Reservation, error) {
	dir, err := m.dir(attempt)
	if err != nil {
		return jobDir{}, nil, err
	}
	reservation, err := dir.reservation(ctx)
	if err != nil {
		return jobDir{}, nil, m.unavailable("read the reservation of "+attempt.String(), err)
	}
	if reservation != nil {
		err = m.check(*reservation)
	}
	return dir, reservation, err
}

// Probe implements spark.Manager.
func (m *Manager) Probe(ctx context.Context) error {
	if _, err := m.opts.ResourceManager.Info(ctx); err != nil {
		return err
	}
	if err := m.opts.Store.MkdirAll(ctx, m.opts.Root, modeDir); err != nil {
		return m.unavailable("use the root "+m.opts.Root, err)
	}
	return nil
}

// unavailable wraps a failure of the store: what is forbidden stays so, all
// else may pass.
func (m *Manager) unavailable(what string, err error) error {
	var known *job.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrPermission):
		return job.Errorf(job.CodeUnauthorized, "cannot %s on cluster %s: %w", what, m.opts.Cluster, err)
	}
	return job.Errorf(job.CodeUnavailable, "cannot %s on cluster %s: %w", what, m.opts.Cluster, err)
}

func (m *Manager) String() string { return fmt.Sprintf("YARN cluster %s", m.opts.Cluster) }
