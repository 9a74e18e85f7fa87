package yarn

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// findEvery is the pause between two looks for an application that spark-submit
// is sending, which takes it seconds.
const findEvery = 500 * time.Millisecond

// Submit implements spark.Manager. What makes it idempotent are two exclusive
// claims: the intent, for one host, and its supervisor's, for one process.
func (c *Claimed) Submit(ctx context.Context, attempt job.Attempt) error {
	dir, reservation, err := c.m.look(ctx, attempt)
	switch {
	case err != nil:
		return err
	case reservation == nil:
		return job.Errorf(job.CodeNotFound, "%s is not reserved on cluster %s", attempt, c.m.opts.Cluster)
	}
	s := claiming{c: c, dir: dir, attempt: attempt, reservation: *reservation}
	if sent, err := s.sent(ctx); sent || err != nil {
		return err
	}
	launched, err := s.launched(ctx)
	if err != nil {
		return err
	}
	if !launched {
		if err := s.launch(ctx); err != nil {
			return err
		}
	}
	c.m.opts.Hold(ctx, holdLaunch)
	if err := s.await(ctx); err != nil {
		return err
	}
	c.m.opts.Logger.Info("application submitted", "cluster", c.m.opts.Cluster, "job", attempt.Job, "attempt", attempt.Number)
	return nil
}

// claiming is one Submit at work.
type claiming struct {
	c           *Claimed
	dir         jobDir
	attempt     job.Attempt
	reservation spark.Reservation
	before      *claimedIntent
}

// sent reports whether the ResourceManager has the application, or had it; then
// it makes sure that this is on record.
func (s *claiming) sent(ctx context.Context) (bool, error) {
	known, err := s.dir.exists(ctx, spark.FileAcknowledged)
	if err != nil {
		return false, s.c.m.unavailable("look for an earlier launch of "+s.attempt.String(), err)
	}
	if known {
		return true, nil
	}
	app, ok, err := s.c.m.findTagged(ctx, s.reservation)
	if err != nil || !ok {
		return false, err
	}
	return true, s.acknowledge(ctx, app)
}

func (s *claiming) acknowledge(ctx context.Context, app rm.Application) error {
	err := s.dir.mark(ctx, spark.FileAcknowledged, note{Application: app.ID, At: time.Now().UTC()})
	if err != nil {
		return s.c.m.unavailable("record the launch of "+s.attempt.String(), err)
	}
	return nil
}

// launched reports whether this host has started spark-submit. That another host
// may have is unavailable: its worker goes on.
func (s *claiming) launched(ctx context.Context) (bool, error) {
	var err error
	if s.before, err = s.c.intent(ctx, s.dir); err != nil || s.before == nil {
		return false, err
	}
	if err := s.c.ownedHere(ctx, s.reservation, s.before); err != nil {
		return false, err
	}
	return s.c.opts.Submitter.Claimed(s.attempt)
}

// ownedHere: this host's supervisor is the one that may start spark-submit, and
// its records are whole.
func (c *Claimed) ownedHere(ctx context.Context, r spark.Reservation, i *claimedIntent) error {
	own, err := c.opts.Submitter.Reserve(ctx, r.Attempt, r.NotAfter)
	switch {
	case err != nil:
		return err
	case i.Host != own.Host || i.Claim != own.Application:
		return job.Errorf(job.CodeUnavailable, "%s was begun on host %q (as %s), and only a worker there can launch it; this is %q",
			r.Attempt, i.Host, i.Claim, own.Host)
	case own.CreatedAt.After(i.At):
		return job.Errorf(job.CodeConflict, "this host began to launch %s, but its records of that are gone, so nobody knows whether it was sent", r.Attempt)
	}
	return nil
}

// launch claims the attempt for this host and has its supervisor start
// spark-submit.
func (s *claiming) launch(ctx context.Context) error {
	if err := s.wanted(ctx); err != nil {
		return err
	}
	began, _, _, err := s.dir.started(ctx)
	if err != nil {
		return s.c.m.unavailable("look for a start of "+s.attempt.String(), err)
	}
	if began {
		return job.Errorf(job.CodeConflict, "%s has begun before, and the ResourceManager no longer knows it", s.attempt)
	}
	launch, err := s.command(ctx)
	if err != nil {
		return err
	}
	if err := s.intend(ctx); err != nil {
		return err
	}
	s.c.m.opts.Hold(ctx, holdIntent)
	if err := s.c.opts.Submitter.Stage(s.attempt, launch); err != nil {
		return err
	}
	if err := s.wanted(ctx); err != nil {
		return err
	}
	return s.c.opts.Submitter.Submit(ctx, s.attempt)
}

// wanted: nobody revoked the attempt, and its time has not passed.
func (s *claiming) wanted(ctx context.Context) error {
	revoked, err := s.dir.exists(ctx, spark.FileRevoked)
	switch {
	case err != nil:
		return s.c.m.unavailable("look for a revocation of "+s.attempt.String(), err)
	case revoked, time.Now().After(s.reservation.NotAfter):
		return spark.ErrRevoked
	}
	return nil
}

// intend makes this host the one that may start spark-submit.
func (s *claiming) intend(ctx context.Context) error {
	if s.before != nil {
		return nil
	}
	info, err := s.c.m.opts.ResourceManager.Info(ctx)
	if err != nil {
		return err
	}
	own, err := s.c.opts.Submitter.Reserve(ctx, s.attempt, s.reservation.NotAfter)
	if err != nil {
		return err
	}
	mine := claimedIntent{Host: own.Host, Claim: own.Application}
	mine.Application, mine.StartedOn, mine.At = s.reservation.Application, info.StartedOn, time.Now().UTC()
	err = s.dir.create(ctx, spark.FileIntent, mine)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return s.c.m.unavailable("write the intent of "+s.attempt.String(), err)
	}
	if s.before, err = s.c.intent(ctx, s.dir); err != nil {
		return err
	}
	if s.before == nil {
		return job.Errorf(job.CodeUnavailable, "the intent of %s vanished while it was made", s.attempt)
	}
	return s.c.ownedHere(ctx, s.reservation, s.before)
}

// await waits until the ResourceManager has the application, or spark-submit has
// ended without one.
func (s *claiming) await(ctx context.Context) error {
	for {
		// In this order: what an ended spark-submit has sent is seen afterwards.
		o, err := s.c.opts.Submitter.Observe(ctx, s.attempt)
		if err != nil {
			return err
		}
		gone := o.State != job.StatePending && o.State != job.StateRunning
		app, ok, err := s.c.m.findTagged(ctx, s.reservation)
		switch {
		case err != nil:
			return err
		case ok && app.State.Saved():
			return s.acknowledge(ctx, app)
		case gone && !ok:
			return s.never(ctx, o)
		}
		if err := pause(ctx, findEvery); err != nil {
			return job.Errorf(job.CodeUnavailable, "spark-submit of %s is at work: %w", s.attempt, err)
		}
	}
}

// maxWords bounds what an error holds of spark-submit's own words, in bytes.
const maxWords = 400

// never decides what is said of a spark-submit that has ended when no application
// has the attempt's tags: it is not started again, whatever became of it.
func (s *claiming) never(ctx context.Context, o job.Observation) error {
	if err := pause(ctx, margin); err != nil {
		return job.Errorf(job.CodeUnavailable, "look once more for %s: %w", s.attempt, err)
	}
	if sent, err := s.sent(ctx); sent || err != nil {
		return err
	}
	words := ""
	if said, _, err := s.c.opts.Submitter.Logs(ctx, s.attempt, "stderr", -8<<10, 8<<10); err == nil {
		words = lastWords(string(said))
	}
	return job.Errorf(job.CodeConflict, "spark-submit ended (%s) and the ResourceManager knows no application of %s; it is not tried again: %s",
		o.Raw, s.attempt, words)
}

// lastWords is what a failed spark-submit had to say: the line with the exception,
// else the last one.
func lastWords(text string) string {
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "Exception") || strings.HasPrefix(line, "Error") {
			last = line
			break
		}
		if line != "" {
			last = line
		}
	}
	return job.Head(hadoop.Redact(last), maxWords)
}
