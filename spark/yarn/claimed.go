package yarn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

var (
	_ spark.Manager    = (*Claimed)(nil)
	_ spark.Identifier = (*Claimed)(nil)
	_ spark.Ager       = (*Claimed)(nil)
)

// Submitter runs one spark-submit for each attempt on this host, at most once,
// under a supervisor with a claim of its own. It is a cluster manager whose
// applications are those processes: they end when the application is sent.
type Submitter interface {
	spark.Manager
	// Stage writes what spark-submit is called with; what was staged stays.
	Stage(attempt job.Attempt, launch spark.Launch) error
	// Claimed reports whether a supervisor has made its claim: spark-submit was
	// started, or never will be.
	Claimed(attempt job.Attempt) (bool, error)
	// Defaults of the spark-defaults.conf that spark-submit reads.
	Defaults() map[string]string
}

// ClaimedOptions of a Claimed.
type ClaimedOptions struct {
	// Options of the manager that watches; its Builder is not used.
	Options
	// Submitter of this host.
	Submitter Submitter
	// Settings of applications, as a Builder has them.
	Settings Settings
	// SparkVersion of the Spark that spark-submit belongs to, "3.5.9", or "": only a
	// staged runtime of the same version takes the place of its own jars.
	SparkVersion string
}

// Claimed is a Manager for clusters that take no applications over REST: the real
// spark-submit sends them, in cluster mode, from the worker's own host. All else
// is done as Manager does it.
//
// An id is not known before the application is sent, so the reservation holds a
// name of Stoker's own, and the application is found by its tags; its id is then
// kept in the acknowledged marker.
//
//	Submit:  intent.json, which names the host → revoked? → supervisor's claim → spark-submit
//	         → found by its tags → acknowledged
//	Kill:    revoked → no spark-submit lives on this host, nor ever will → found by its tags:
//	         killed; not found: fenced, looked for once more
//
// intent.json is the exclusive claim among hosts, the supervisor's claim.json the
// one on the host that made it: spark-submit is started once at most. When it has
// ended and no application has the tags, it is never started again.
type Claimed struct {
	m    *Manager
	opts ClaimedOptions
}

// NewClaimed checks the options.
func NewClaimed(o ClaimedOptions) (*Claimed, error) {
	if o.Submitter == nil {
		return nil, errors.New("a YARN manager that launches by spark-submit needs a submitter")
	}
	o.Builder = noBuilder{}
	m, err := New(o.Options)
	if err != nil {
		return nil, err
	}
	o.Options = m.opts
	return &Claimed{m: m, opts: o}, nil
}

// noBuilder stands where a Manager has a Builder.
type noBuilder struct{}

func (noBuilder) Build(context.Context, Request) (rm.SubmissionContext, error) {
	return rm.SubmissionContext{}, job.Errorf(job.CodeInternal, "applications of this cluster are launched by spark-submit")
}

func (noBuilder) Intact(context.Context, string, string) (bool, error) { return true, nil }

// claimedIntent is the content of intent.json: the host whose supervisor alone may
// start spark-submit.
type claimedIntent struct {
	intent
	// Host as its submitter names it, Claim the name of the process there.
	Host  string `json:"host"`
	Claim string `json:"claim"`
}

// Guarantee implements spark.Manager.
func (c *Claimed) Guarantee() spark.Guarantee { return spark.Claimed }

// Reserve implements spark.Manager, with a name for an id.
func (c *Claimed) Reserve(ctx context.Context, attempt job.Attempt, notAfter time.Time) (spark.Reservation, error) {
	dir, err := c.m.dir(attempt)
	if err != nil {
		return spark.Reservation{}, err
	}
	err = dir.mark(ctx, spark.FileReservation, spark.Reservation{
		Application: c.name(attempt), Attempt: attempt, Installation: c.m.opts.Installation,
		NotAfter: notAfter.UTC(), CreatedAt: time.Now().UTC(),
	})
	if err != nil {
		return spark.Reservation{}, c.m.unavailable("reserve "+attempt.String(), err)
	}
	_, reservation, err := c.m.look(ctx, attempt)
	if err == nil && reservation == nil {
		err = job.Errorf(job.CodeUnavailable, "the reservation of %s vanished while it was made", attempt)
	}
	if reservation == nil {
		return spark.Reservation{}, err
	}
	return *reservation, err
}

// name identifies an attempt's application until its id is known, and in its own
// records.
func (c *Claimed) name(attempt job.Attempt) string {
	sum := sha256.Sum256([]byte(c.m.opts.Installation + "\x00" + c.m.opts.Root))
	return fmt.Sprintf("yarn-%s-%d-%s", attempt.Job, attempt.Number, hex.EncodeToString(sum[:4]))
}

// identify returns the application's id: the one on record, or that of the
// application with its tags; "" if there is none.
func (c *Claimed) identify(ctx context.Context, dir jobDir, r spark.Reservation) (string, error) {
	id, err := dir.acknowledgedID(ctx)
	if err != nil {
		return "", c.m.unavailable("read the launch of "+r.Attempt.String(), err)
	}
	if id != "" {
		return id, nil
	}
	app, _, err := c.m.findTagged(ctx, r)
	if err != nil {
		if never, lookErr := dir.neverSent(ctx); lookErr == nil && never {
			return "", nil
		}
	}
	return app.ID, err
}

// acknowledgedID is the id in the acknowledged marker, "" without one.
func (d jobDir) acknowledgedID(ctx context.Context) (string, error) {
	record, err := readJSON[note](ctx, d, spark.FileAcknowledged)
	if err != nil || record == nil {
		return "", err
	}
	return record.Application, nil
}

// intent reads who may start spark-submit; nil if nobody was chosen yet. One that
// can't be read was made by a worker that died while it wrote; whose it is nobody
// knows.
func (c *Claimed) intent(ctx context.Context, dir jobDir) (*claimedIntent, error) {
	i, err := readJSON[claimedIntent](ctx, dir, spark.FileIntent)
	if err != nil {
		return nil, c.m.unavailable("read the intent in "+dir.path, err)
	}
	if i == nil {
		exists, err := dir.exists(ctx, spark.FileIntent)
		if err != nil {
			return nil, c.m.unavailable("look for an intent in "+dir.path, err)
		}
		if exists {
			return &claimedIntent{}, nil
		}
	}
	return i, nil
}

// Identify implements spark.Identifier, by the acknowledged marker.
func (c *Claimed) Identify(ctx context.Context, attempt job.Attempt) (string, error) {
	dir, err := c.m.dir(attempt)
	if err != nil {
		return "", err
	}
	id, err := dir.acknowledgedID(ctx)
	if err != nil {
		return "", c.m.unavailable("read the launch of "+attempt.String(), err)
	}
	return id, nil
}

// Snapshot implements spark.Manager.
func (c *Claimed) Snapshot(ctx context.Context) ([]spark.Sighting, error) { return c.m.Snapshot(ctx) }

// SnapshotAt implements spark.Ager.
func (c *Claimed) SnapshotAt() time.Time { return c.m.SnapshotAt() }

// Probe implements spark.Manager.
func (c *Claimed) Probe(ctx context.Context) error {
	return errors.Join(c.m.Probe(ctx), c.opts.Submitter.Probe(ctx))
}

// Logs implements spark.Manager: the log of the application or, where there is
// none, spark-submit's own.
func (c *Claimed) Logs(ctx context.Context, attempt job.Attempt, stream string, offset int64, limit int) ([]byte, int64, error) {
	dir, reservation, err := c.m.look(ctx, attempt)
	if err != nil {
		return nil, 0, err
	}
	if reservation == nil || c.m.opts.Logs == nil {
		return nil, 0, job.Errorf(job.CodeNotFound, "%s has no logs on cluster %s", attempt, c.m.opts.Cluster)
	}
	id, err := c.identify(ctx, dir, *reservation)
	if err != nil {
		return nil, 0, err
	}
	if id != "" {
		return c.m.opts.Logs.Read(ctx, id, stream, offset, limit)
	}
	data, size, err := c.opts.Submitter.Logs(ctx, attempt, stream, offset, limit)
	if job.CodeOf(err) == job.CodeNotFound {
		return []byte{}, 0, nil // nothing was started here
	}
	return data, size, err
}

// Release implements spark.Manager, in both places.
func (c *Claimed) Release(ctx context.Context, attempt job.Attempt) error {
	dir, reservation, err := c.m.look(ctx, attempt)
	if err != nil || reservation == nil {
		return err
	}
	id, err := c.identify(ctx, dir, *reservation)
	if err != nil {
		return err
	}
	if id == "" {
		if err := c.opts.Submitter.Release(ctx, attempt); err != nil {
			return err
		}
		return c.m.clear(ctx, dir, attempt, spark.FileRevoked, note{Reason: "released before it was launched", At: time.Now().UTC()})
	}
	app, known, err := c.m.ask(ctx, id)
	switch {
	case err != nil:
		return err
	case known && !app.State.Ended():
		return job.Errorf(job.CodeConflict, "%s has not ended: kill it before its directory is released", id)
	}
	if err := dir.mark(ctx, spark.FileAcknowledged, note{Application: id, At: time.Now().UTC()}); err != nil {
		return c.m.unavailable("record the launch of "+attempt.String(), err)
	}
	here, err := c.opts.Submitter.Claimed(attempt)
	if err != nil {
		return err
	}
	if here {
		// A spark-submit that is still about to end has nothing left to do.
		if err := c.opts.Submitter.Kill(ctx, attempt, "its application has ended"); err != nil {
			return err
		}
	}
	if err := c.opts.Submitter.Release(ctx, attempt); err != nil {
		return err
	}
	return c.m.clear(ctx, dir, attempt, spark.FileReleased, note{Application: id, At: time.Now().UTC()})
}
