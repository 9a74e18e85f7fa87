package yarn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
)

// Builder turns a staged launch into what is sent to the ResourceManager.
type Builder interface {
	// Build uploads what the application needs beside its staged files and
	// returns the submission. It is idempotent: built again, before or after the
	// application was sent, it changes no file that was there.
	Build(ctx context.Context, r Request) (rm.SubmissionContext, error)
	// Intact reports whether what Build uploaded for a job directory is still
	// there: an application master removes it when it ends.
	Intact(ctx context.Context, dir, application string) (bool, error)
}

// Request is what a submission is built from.
type Request struct {
	Application string
	Launch      spark.Launch
	// Dir is the job directory, Contents what lay there a moment ago, by name; what is
	// not among it is looked for.
	Dir      string
	Contents map[string]store.Info
	// User, Tags as the manager wants them.
	User string
	Tags []string
	// At is when the attempt was reserved: the same in each build.
	At time.Time
}

// Submit implements spark.Manager.
//
// What makes it idempotent is that a ResourceManager takes an id that it knows
// for a duplicate and does nothing. It forgets ids, though: by a restart
// without recovery, and finished ones beyond a limit. So an application that
// may have been sent is sent again only if it is proven never to have been
// taken.
func (m *Manager) Submit(ctx context.Context, attempt job.Attempt) error {
	s := sending{m: m, attempt: attempt}
	if err := s.look(ctx); err != nil {
		return err
	}
	if sent, err := s.sent(ctx); sent || err != nil {
		return err
	}
	if err := s.mayBeSent(ctx); err != nil {
		return err
	}
	submission, err := s.build(ctx)
	if err != nil {
		return err
	}
	if err := m.room(ctx, submission.Queue); err != nil {
		return err
	}
	if err := s.intend(ctx); errors.Is(err, fs.ErrExist) {
		// Another Submit of this attempt is under way, or was while this one stood still:
		// its application may have come and gone.
		if sent, err := s.meet(ctx); sent || err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	m.opts.Hold(ctx, holdIntent)
	if sent, err := s.wanted(ctx); sent || err != nil {
		return err
	}
	if err := m.opts.ResourceManager.Submit(ctx, submission); err != nil {
		return fmt.Errorf("send %s: %w", s.reservation.Application, err)
	}
	m.opts.Hold(ctx, holdLaunch)
	if err := s.confirm(ctx, submission); err != nil {
		return err
	}
	m.opts.Logger.Info("application submitted", "cluster", m.opts.Cluster, "job", attempt.Job, "attempt", attempt.Number,
		"app", s.reservation.Application)
	return nil
}

// sending is one Submit at work.
type sending struct {
	m           *Manager
	dir         jobDir
	attempt     job.Attempt
	reservation spark.Reservation
	held        contents
	launch      *spark.Launch
	// before is the intent of an earlier Submit; nil if there was none.
	before *intent
	// startedOn is since when the ResourceManager ran that it was sent to first.
	startedOn time.Time
}

// look reads at once what every launch needs.
func (s *sending) look(ctx context.Context) error {
	var err error
	if s.dir, err = s.m.dir(s.attempt); err != nil {
		return err
	}
	var reservation *spark.Reservation
	group, all := errgroup.WithContext(ctx)
	group.Go(func() error {
		var err error
		_, reservation, err = s.m.look(all, s.attempt)
		return err
	})
	group.Go(func() error {
		var err error
		if s.held, err = s.dir.contents(all); err != nil {
			err = s.m.unavailable("look at the files of "+s.attempt.String(), err)
		}
		return err
	})
	group.Go(func() error {
		var err error
		if s.launch, err = readJSON[spark.Launch](all, s.dir, spark.FileLaunch); err != nil {
			err = s.m.unavailable("read the launch of "+s.attempt.String(), err)
		}
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if reservation == nil {
		return job.Errorf(job.CodeNotFound, "%s is not reserved on cluster %s", s.attempt, s.m.opts.Cluster)
	}
	s.reservation = *reservation
	return nil
}

// sent reports whether the application was sent before; then it makes sure that
// this is on record.
func (s *sending) sent(ctx context.Context) (bool, error) {
	switch {
	case s.held.has(spark.FileAcknowledged):
		return true, nil
	case !s.held.has(spark.FileIntent):
		return false, nil // the intent comes before the request
	}
	app, err := s.m.opts.ResourceManager.Application(ctx, s.reservation.Application)
	switch {
	case job.CodeOf(err) == job.CodeNotFound:
		return false, nil
	case err != nil:
		return false, err
	}
	if !app.State.Saved() {
		return false, nil // not saved yet: sent again, it is a duplicate
	}
	return true, s.acknowledge(ctx, app, app.Name)
}

// meet looks anew at an attempt that another Submit has begun to send.
func (s *sending) meet(ctx context.Context) (sent bool, err error) {
	if err := s.look(ctx); err != nil {
		return false, err
	}
	if sent, err := s.sent(ctx); sent || err != nil {
		return sent, err
	}
	return false, s.mayBeSent(ctx)
}

// wanted: nobody revoked the attempt, and its time has not passed. It is the last look
// before the request goes out. sent is true if another Submit was faster.
func (s *sending) wanted(ctx context.Context) (sent bool, err error) {
	held, err := s.dir.contents(ctx)
	switch {
	case err != nil:
		return false, s.m.unavailable("look for a revocation of "+s.attempt.String(), err)
	case held.has(spark.FileRevoked), time.Now().After(s.reservation.NotAfter):
		return false, spark.ErrRevoked
	}
	return held.has(spark.FileAcknowledged), nil
}

// mayBeSent: it was never sent, or what was sent was provably never taken.
func (s *sending) mayBeSent(ctx context.Context) error {
	if s.held.has(spark.FileRevoked) || time.Now().After(s.reservation.NotAfter) {
		return spark.ErrRevoked
	}
	if !s.held.has(spark.FileIntent) {
		if s.held.has(spark.FileStarted) {
			return job.Errorf(job.CodeConflict, "%s has begun before, but its intent is gone", s.reservation.Application)
		}
		return s.m.opts.Gate(ctx)
	}
	var err error
	if s.before, err = readJSON[intent](ctx, s.dir, spark.FileIntent); err != nil {
		return s.m.unavailable("read the intent of "+s.attempt.String(), err)
	}
	if s.before == nil {
		s.before = &intent{} // made by a worker that died while it wrote
	}
	s.startedOn = s.before.StartedOn
	if err := s.neverTaken(ctx); err != nil {
		return err
	}
	return s.m.opts.Gate(ctx)
}

// build uploads what the application needs, and asks meanwhile since when the
// ResourceManager runs.
func (s *sending) build(ctx context.Context) (submission rm.SubmissionContext, err error) {
	if s.launch == nil || !s.held.has(spark.FileStaged) {
		return submission, job.Errorf(job.CodeInvalid, "%s is not staged", s.attempt)
	}
	group, all := errgroup.WithContext(ctx)
	group.Go(func() error {
		var err error
		submission, err = s.m.opts.Builder.Build(all, Request{
			Application: s.reservation.Application, Launch: *s.launch, Dir: s.dir.path, Contents: s.held, User: s.m.opts.User,
			Tags: s.m.marks(s.attempt), At: s.reservation.CreatedAt,
		})
		return err
	})
	if s.before == nil {
		group.Go(func() error {
			info, err := s.m.opts.ResourceManager.Info(all)
			s.startedOn = info.StartedOn
			return err
		})
	}
	err = group.Wait() // before what it has filled is read
	return submission, err
}

// intend writes down that the application is about to be sent. It returns fs.ErrExist if
// somebody else has.
func (s *sending) intend(ctx context.Context) error {
	if s.before != nil {
		return nil
	}
	err := s.dir.create(ctx, spark.FileIntent, intent{Application: s.reservation.Application, StartedOn: s.startedOn, At: time.Now().UTC()})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return s.m.unavailable("write the intent of "+s.attempt.String(), err)
	}
	return err
}

// The pause between two looks at an application that was sent, which is saved within
// milliseconds unless the ResourceManager is busy: the first, and the longest.
const (
	confirmFirst = 5 * time.Millisecond
	confirmLast  = 2 * time.Second
)

// confirm waits until the ResourceManager has saved the application: its answer
// alone does not say so. One that it has lost meanwhile is sent again.
func (s *sending) confirm(ctx context.Context, submission rm.SubmissionContext) error {
	resent := false
	for every := confirmFirst; ; every = min(3*every/2, confirmLast) {
		app, err := s.m.opts.ResourceManager.Application(ctx, s.reservation.Application)
		switch {
		case job.CodeOf(err) == job.CodeNotFound && !resent:
			if sent, err := s.wanted(ctx); sent || err != nil {
				return err
			}
			// It was restarted before it saved, or this process stood still for so long
			// that the application has come and gone.
			if err := s.neverTaken(ctx); err != nil {
				return err
			}
			if err := s.m.opts.ResourceManager.Submit(ctx, submission); err != nil {
				return err
			}
			resent = true
		case err != nil:
			return err
		case app.State.Saved():
			return s.acknowledge(ctx, app, submission.Name)
		}
		if err := pause(ctx, every); err != nil {
			return job.Errorf(job.CodeUnavailable, "%s was sent but is not accepted yet: %w", s.reservation.Application, err)
		}
	}
}

// acknowledge verifies that what runs under our id is ours, and records that it
// was taken: the ResourceManager compares neither user nor content of a
// duplicate. name is what we sent. An application that the scheduler refused is an
// error of code invalid.
func (s *sending) acknowledge(ctx context.Context, app rm.Application, name string) error {
	tagged := s.m.mine(app) || slices.Contains(app.Tags, s.m.formerTag())
	if app.User != s.m.opts.User || app.Name != name || !ours(app, s.attempt) || !tagged {
		return job.Errorf(job.CodeConflict, "application %s on cluster %s is not ours: it belongs to user %s, is called %q and has tags %q",
			app.ID, s.m.opts.Cluster, app.User, job.Head(app.Name, job.MaxWord), app.Tags)
	}
	reason, err := s.refused(ctx, app)
	if err != nil {
		return err
	}
	err = s.dir.mark(ctx, spark.FileAcknowledged, note{Application: app.ID, Reason: reason, At: time.Now().UTC()})
	if err != nil {
		return s.m.unavailable("record the launch of "+s.attempt.String(), err)
	}
	return nil
}

// reasonNoRoom is noted of an application that its queue had no room for.
const reasonNoRoom = "no room in its queue"

// refused tells an application that the scheduler did not take, such as for an
// unknown queue, from one that ran and failed: it has failed without an attempt. One
// whose queue had no room, which is the reason returned, may be taken at another time,
// as another attempt.
func (s *sending) refused(ctx context.Context, app rm.Application) (reason string, err error) {
	if app.State != rm.StateFailed {
		return "", nil
	}
	attempts, err := s.m.opts.ResourceManager.Attempts(ctx, app.ID)
	if err != nil || len(attempts) > 0 {
		return "", err
	}
	crowded, err := s.m.crowded(ctx, app.Queue)
	switch {
	case job.CodeOf(err) == job.CodeUnavailable:
		return "", err // asked again
	case crowded:
		return reasonNoRoom, nil
	}
	return "", job.Errorf(job.CodeInvalid, "YARN refused the application: %s", job.Head(app.Diagnostics, job.MaxMessage))
}

// pause waits, or returns why it could not.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
