package yarn

import (
	"cmp"
	"context"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// Observe implements spark.Manager. While no application has the attempt's tags,
// a spark-submit that lives on this host is all that is known.
func (c *Claimed) Observe(ctx context.Context, attempt job.Attempt) (job.Observation, error) {
	dir, reservation, err := c.m.look(ctx, attempt)
	if err != nil {
		return job.Observation{}, err
	}
	if reservation == nil {
		return job.Observation{State: job.StateAbsent, Raw: "it is not reserved on this cluster"}, nil
	}
	// In this order: what an ended spark-submit has sent is seen afterwards.
	submitting, err := c.opts.Submitter.Observe(ctx, attempt)
	if err != nil {
		return job.Observation{}, err
	}
	id, err := c.identify(ctx, dir, *reservation)
	if err != nil {
		return job.Observation{}, err
	}
	o := job.Observation{State: job.StateAbsent, Raw: "the ResourceManager knows no application of " + attempt.String()}
	var app rm.Application
	switch {
	case id != "":
		var known bool
		if app, known, err = c.m.application(ctx, id); err != nil {
			return job.Observation{}, err
		}
		if known {
			o = observation(app)
		}
		o.Raw = job.Head(id+": "+o.Raw, job.MaxRaw)
	case submitting.State == job.StatePending || submitting.State == job.StateRunning:
		o.State, o.Raw = job.StatePending, "spark-submit is at work: "+submitting.Raw
	}
	if o.State == job.StatePending || o.State == job.StateRunning {
		return o, nil
	}
	if err := c.m.addEvidence(ctx, dir, *reservation, id, &o); err != nil {
		return job.Observation{}, c.m.unavailable("read what the driver of "+attempt.String()+" wrote", err)
	}
	if noContext(&o, app) {
		o.Raw = job.Head(id+": "+o.Raw, job.MaxRaw)
	}
	if o.State == job.StateAbsent && o.Began == job.BeganUnknown && submitting.State == job.StateAbsent && submitting.Began == job.BeganNo {
		// spark-submit was never started, nor can it be any more.
		intent, err := c.intent(ctx, dir)
		if err != nil {
			return job.Observation{}, err
		}
		if intent != nil && c.ownedHere(ctx, *reservation, intent) == nil {
			o.Began, o.Raw = job.BeganNo, attempt.String()+" was not launched, nor can it be any more"
		}
	}
	return o, nil
}

// Kill implements spark.Manager. After the revocation no host begins a launch; the
// host that has begun one makes sure that no spark-submit lives, or ever will, and
// then looks for what it may have sent.
func (c *Claimed) Kill(ctx context.Context, attempt job.Attempt, reason string) error {
	dir, reservation, err := c.m.look(ctx, attempt)
	if err != nil {
		return err
	}
	err = dir.mark(ctx, spark.FileRevoked, note{Reason: job.Head(reason, job.MaxMessage), At: time.Now().UTC()})
	if err != nil {
		return c.m.unavailable("revoke "+attempt.String(), err)
	}
	if reservation == nil {
		return nil
	}
	intent, err := c.intent(ctx, dir)
	if err != nil || intent == nil {
		return err // whoever writes one now reads the revocation after it
	}
	elsewhere := ""
	own, err := c.opts.Submitter.Reserve(ctx, attempt, reservation.NotAfter)
	switch {
	case err != nil:
		return err
	case own.Host != intent.Host || own.Application != intent.Claim:
		elsewhere = cmp.Or(intent.Host, "unknown")
	default:
		if err := c.opts.Submitter.Kill(ctx, attempt, reason); err != nil {
			return err
		}
	}
	known, err := c.end(ctx, dir, *reservation, reason)
	if known || err != nil {
		return err
	}
	if _, err := dir.fence(ctx); err != nil {
		return c.m.unavailable("fence "+attempt.String(), err)
	}
	if elsewhere != "" {
		return job.Errorf(job.CodeUnavailable, "spark-submit of %s may run on host %q: only a worker there can confirm that it is gone", attempt, elsewhere)
	}
	// What spark-submit sent last may be on its way into the ResourceManager's lists.
	if err := pause(ctx, margin); err != nil {
		return job.Errorf(job.CodeUnavailable, "cannot confirm that %s is gone: %w", attempt, err)
	}
	_, err = c.end(ctx, dir, *reservation, reason)
	return err
}

// end kills the attempt's application until it has ended; false means that there
// is none and was none.
func (c *Claimed) end(ctx context.Context, dir jobDir, r spark.Reservation, reason string) (known bool, err error) {
	id, err := dir.acknowledgedID(ctx)
	if err != nil {
		return false, c.m.unavailable("read the launch of "+r.Attempt.String(), err)
	}
	if id == "" {
		app, ok, err := c.m.findTagged(ctx, r)
		if err != nil || !ok {
			return false, err
		}
		id = app.ID
		if err := dir.mark(ctx, spark.FileAcknowledged, note{Application: id, At: time.Now().UTC()}); err != nil {
			return false, c.m.unavailable("record the launch of "+r.Attempt.String(), err)
		}
	}
	// One on record that is not known any more was taken, and has ended since.
	_, err = c.m.end(ctx, id, reason)
	return true, err
}
