package yarn

import (
	"context"
	"strconv"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// History knows applications that the ResourceManager has forgotten.
type History interface {
	// Ran reports whether something is kept of an application's containers. That
	// nothing is kept proves nothing.
	Ran(ctx context.Context, application string) (bool, error)
}

// neverTaken returns nil if an application that may have been sent, and that the
// ResourceManager does not know, was provably never taken by it. That user code has
// not begun is proof for a program that runs under Stoker's driver, which marks its
// start and heeds the mark; for any other the ResourceManager must be known not to
// have forgotten it.
func (s *sending) neverTaken(ctx context.Context) error {
	id := s.reservation.Application
	began, _, _, err := s.dir.started(ctx)
	switch {
	case err != nil:
		return s.m.unavailable("look for a start of "+s.attempt.String(), err)
	case began:
		return job.Errorf(job.CodeConflict, "%s has begun before, and the ResourceManager no longer knows it", id)
	}
	info, err := s.m.opts.ResourceManager.Info(ctx)
	if err != nil {
		return err
	}
	restarted := !s.startedOn.IsZero() && !info.StartedOn.Equal(s.startedOn)
	recovers := true
	if restarted {
		if recovers, err = s.m.recovers(ctx); err != nil {
			return err
		}
	}
	if !recovers {
		return job.Errorf(job.CodeConflict, "the ResourceManager was restarted without recovery after %s may have been sent, so nobody knows whether it ran", id)
	}
	// A taken application that ended and was forgotten has removed its staging
	// directory, unless its master was killed.
	intact, err := s.m.opts.Builder.Intact(ctx, s.dir.path, id)
	switch {
	case err != nil:
		return s.m.unavailable("look at the staging directory of "+s.attempt.String(), err)
	case !intact:
		return job.Errorf(job.CodeConflict, "the staging directory of %s is gone and the ResourceManager does not know it: it may have run", id)
	}
	if s.m.ran(ctx, id) {
		return job.Errorf(job.CodeConflict, "logs of %s are kept and the ResourceManager no longer knows it: it ran", id)
	}
	if s.launch != nil && s.launch.PythonDriver {
		return nil
	}
	remembers, err := s.m.remembers(ctx, s.reservation.CreatedAt, restarted || s.startedOn.IsZero())
	switch {
	case err != nil:
		return err
	case !remembers:
		return job.Errorf(job.CodeConflict, "the ResourceManager does not know %s, and may have forgotten it: it may have run", id)
	}
	return nil
}

// ran reports whether the history proves that an application ran.
func (m *Manager) ran(ctx context.Context, id string) bool {
	if m.opts.History == nil {
		return false
	}
	ran, err := m.opts.History.Ran(ctx, id)
	if err != nil {
		m.opts.Logger.Warn("cannot ask whether an application ran that the ResourceManager does not know",
			"cluster", m.opts.Cluster, "app", id, "error", err)
	}
	return ran
}

// recovers reports whether the ResourceManager keeps applications over a restart, by
// its own word where it tells: the client's configuration may say otherwise.
func (m *Manager) recovers(ctx context.Context) (bool, error) {
	said, err := m.opts.ResourceManager.Property(ctx, "yarn.resourcemanager.recovery.enabled")
	switch {
	case job.CodeOf(err) == job.CodeUnavailable:
		return false, err
	case err != nil:
		return m.opts.Recovery, nil //nolint:nilerr // it does not tell
	}
	recovers, err := strconv.ParseBool(said)
	return err == nil && recovers, nil //nolint:nilerr // nor is that an answer
}

// clockMargin is how far the clocks of worker and ResourceManager may be apart.
const clockMargin = 10 * time.Minute

// remembers reports whether the ResourceManager provably knows every application
// whose id was given since a moment. Of those that have ended it forgets the one that
// ended first once there are more than a number; after a restart, the one with the
// lowest id. So it has forgotten none of them while it knows one that had ended
// before; nor, without a restart, while there are fewer than that number.
//
// Source: RMAppManager.checkAppNumCompletedLimit; RMStateStore keeps a sorted map.
func (m *Manager) remembers(ctx context.Context, since time.Time, restarted bool) (bool, error) {
	older, err := m.opts.ResourceManager.List(ctx, rm.Filter{
		States: []rm.State{rm.StateFinished, rm.StateFailed, rm.StateKilled}, FinishedTo: since.Add(-clockMargin),
		Limit: 1, DeSelects: rm.Lean,
	})
	if err != nil || len(older) > 0 {
		return err == nil, err
	}
	if restarted {
		return false, nil
	}
	known, err := m.opts.ResourceManager.Completed(ctx)
	if err != nil {
		return false, err
	}
	said, err := m.opts.ResourceManager.Property(ctx, "yarn.resourcemanager.max-completed-applications")
	if err != nil {
		if job.CodeOf(err) == job.CodeUnavailable {
			return false, err
		}
		return false, nil // it does not say how many it keeps
	}
	kept, err := strconv.ParseInt(said, 10, 64)
	return err == nil && known < kept, nil
}
