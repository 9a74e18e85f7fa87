package yarn

import (
	"context"
	"fmt"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

var (
	_ spark.Refresher = (*Manager)(nil)
	_ spark.Ager      = (*Manager)(nil)
)

// Observe implements spark.Manager. An application that lives is served from
// the snapshot that all jobs of the cluster share; its end is asked for itself,
// together with what the driver wrote.
//
//	NEW … ACCEPTED                 → pending
//	RUNNING                        → running
//	FINISHED and SUCCEEDED         → succeeded
//	FINISHED otherwise, FAILED     → failed
//	KILLED, or finished as KILLED  → killed
//	unknown                        → absent
//
// Diagnostics are passed on for people. How an application ended they do not decide;
// of one that has failed they may say whose failure that is, see noContext.
func (m *Manager) Observe(ctx context.Context, attempt job.Attempt) (job.Observation, error) {
	return m.observe(ctx, attempt, m.application)
}

// ObserveNow implements spark.Refresher: the ResourceManager is asked about this
// application alone.
func (m *Manager) ObserveNow(ctx context.Context, attempt job.Attempt) (job.Observation, error) {
	return m.observe(ctx, attempt, m.ask)
}

func (m *Manager) observe(
	ctx context.Context, attempt job.Attempt, ask func(context.Context, string) (rm.Application, bool, error),
) (job.Observation, error) {
	dir, reservation, err := m.look(ctx, attempt)
	if err != nil {
		return job.Observation{}, err
	}
	if reservation == nil {
		return job.Observation{State: job.StateAbsent, Raw: "it is not reserved on this cluster"}, nil
	}
	app, known, err := ask(ctx, reservation.Application)
	if err != nil {
		if never, lookErr := dir.neverSent(ctx); lookErr != nil || !never {
			return job.Observation{}, err
		}
	}
	var o job.Observation
	if known {
		o = observation(app)
	} else {
		o = job.Observation{State: job.StateAbsent, Raw: "the ResourceManager does not know " + reservation.Application}
	}
	if o.State == job.StatePending || o.State == job.StateRunning {
		return o, nil
	}
	if err := m.addEvidence(ctx, dir, *reservation, reservation.Application, &o); err != nil {
		return job.Observation{}, m.unavailable("read what the driver of "+attempt.String()+" wrote", err)
	}
	noContext(&o, app)
	return o, nil
}

// application is the ResourceManager's word, from the shared snapshot as long as
// the application lives.
func (m *Manager) application(ctx context.Context, id string) (rm.Application, bool, error) {
	if !m.killed.has(id) {
		if app, ok, err := m.cache.find(ctx, id); err == nil && ok && !app.State.Ended() {
			return app, true, nil
		}
	}
	return m.ask(ctx, id)
}

// ask asks the ResourceManager about one application.
func (m *Manager) ask(ctx context.Context, id string) (rm.Application, bool, error) {
	app, err := m.opts.ResourceManager.Application(ctx, id)
	if job.CodeOf(err) == job.CodeNotFound {
		return rm.Application{}, false, nil
	}
	return app, err == nil, err
}

// observation of what the ResourceManager says alone.
func observation(app rm.Application) job.Observation {
	o := job.Observation{Raw: rawWords(app)}
	switch app.State {
	case rm.StateRunning:
		o.State = job.StateRunning
	case rm.StateFinished:
		switch app.FinalStatus {
		case rm.FinalSucceeded:
			o.State = job.StateSucceeded
		case rm.FinalKilled:
			o.State = job.StateKilled
		case rm.FinalFailed, rm.FinalUndefined, rm.FinalEnded:
			o.State = job.StateFailed
		default:
			o.State = job.StateFailed
		}
	case rm.StateFailed:
		o.State = job.StateFailed
	case rm.StateKilled:
		o.State = job.StateKilled
	case rm.StateNew, rm.StateNewSaving, rm.StateSubmitted, rm.StateAccepted:
		o.State = job.StatePending
	default:
		o.State = job.StatePending // a state of a newer YARN: what it means shows in time
	}
	if o.State.Terminal() {
		o.EndedAt = app.FinishedAt
	}
	if o.State != job.StatePending {
		o.StartedAt = app.LaunchedAt
	}
	return o
}

func rawWords(app rm.Application) string { return rawWordsIn(app, job.MaxRaw) }

// rawWordsIn are the ResourceManager's words in at most this many bytes.
func rawWordsIn(app rm.Application, most int) string {
	words := string(app.State)
	if app.State == rm.StateFinished {
		words += ", final status " + string(app.FinalStatus)
	}
	if placed(app) {
		words += ", its driver has a container; it counts as running when the program has made a SparkContext"
	}
	if app.Diagnostics != "" {
		words += ": "
		words += telling(app.Diagnostics, most-len(words))
	}
	return job.Head(words, most)
}

// addEvidence adds what lies in the job directory: whether user code began, how
// it ended by the driver's own word, whether anything is left to collect.
// id is YARN's of the application, "" if none is known.
func (m *Manager) addEvidence(ctx context.Context, dir jobDir, r spark.Reservation, id string, o *job.Observation) error {
	released, err := dir.exists(ctx, spark.FileReleased)
	if err != nil {
		return err
	}
	o.Released = released
	launch, err := readJSON[spark.Launch](ctx, dir, spark.FileLaunch)
	if err != nil {
		return err
	}
	began, fenced, at, err := dir.started(ctx)
	if err != nil {
		return err
	}
	switch {
	case began:
		o.Began = job.BeganYes
	case launch != nil && launch.PythonDriver, launch == nil && fenced: // no other program heeds the fence
		o.Began = job.BeganNo
	}
	if o.State == job.StateFailed && o.Began != job.BeganYes && id == r.Application {
		if err := m.noAttempt(ctx, dir, id, o); err != nil {
			return err
		}
	}
	if !at.IsZero() {
		o.StartedAt = at
	}
	report, status, err := dir.status(ctx, r.Application)
	if err != nil {
		return err
	}
	o.Driver = report
	if o.State == job.StateAbsent {
		if !status.End.IsZero() {
			o.EndedAt = status.End
		}
		return m.absent(ctx, dir, r, id, launch, o)
	}
	return nil
}

// noAttempt: what has failed without an attempt never began, and perhaps there was no
// room for it.
func (m *Manager) noAttempt(ctx context.Context, dir jobDir, id string, o *job.Observation) error {
	attempts, err := m.opts.ResourceManager.Attempts(ctx, id)
	if job.CodeOf(err) == job.CodeNotFound {
		return nil // forgotten meanwhile
	}
	if err != nil || len(attempts) > 0 {
		return err
	}
	o.Began = job.BeganNo
	acknowledged, err := readJSON[note](ctx, dir, spark.FileAcknowledged)
	o.NoRoom = acknowledged != nil && acknowledged.Reason == reasonNoRoom
	return err
}

// absent decides how final it is that the ResourceManager does not know an
// application: "never began" holds only if it can no longer begin.
func (m *Manager) absent(
	ctx context.Context, dir jobDir, r spark.Reservation, id string, launch *spark.Launch, o *job.Observation,
) error {
	if o.Began == job.BeganYes {
		return nil
	}
	if id != "" && launch != nil && !launch.PythonDriver && m.ran(ctx, id) {
		o.Began = job.BeganYes
		o.Raw = fmt.Sprintf("the ResourceManager does not know %s any more, but logs of it are kept: it ran", id)
		return nil
	}
	now := time.Now() // before the looks: an intent that is written after them comes too late
	_, fenced, _, err := dir.started(ctx)
	if err != nil {
		return err
	}
	revoked, err := dir.exists(ctx, spark.FileRevoked)
	if err != nil {
		return err
	}
	sent, err := dir.exists(ctx, spark.FileIntent)
	if err != nil {
		return err
	}
	late := now.After(r.NotAfter.Add(m.opts.RequestTimeout))
	switch {
	case !sent && (revoked || late), fenced && o.Began == job.BeganNo:
		o.Began = job.BeganNo
		o.Raw = fmt.Sprintf("%s was not launched, nor can it be any more", r.Application)
	default:
		o.Began = job.BeganUnknown
	}
	return nil
}
