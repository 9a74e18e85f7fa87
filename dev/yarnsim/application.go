package yarnsim

import (
	"context"
	"fmt"
	"time"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// application is one application. Server.mu guards it.
type application struct {
	id, user   string
	queue      string // as it is shown: a path once the scheduler has taken it
	tags       []string
	kind       string
	submission rm.SubmissionContext

	state       rm.State
	final       rm.FinalStatus
	diagnostics string
	// killing: a kill is under way.
	killing  bool
	priority int64

	startedAt, launchedAt, endedAt time.Time
	// container of the master, "" until it has one.
	container string

	// timer makes the next step; stop ends what Options.Run does.
	timer *time.Timer
	stop  context.CancelFunc
}

// halt keeps the application as it is.
func (a *application) halt() {
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.stop != nil {
		a.stop()
	}
}

func (a *application) view() App {
	return App{
		ID: a.id, User: a.user, State: a.state, FinalStatus: a.final,
		Submission: a.submission, EndedAt: a.endedAt,
	}
}

// after lets an application go on later. A step that was planned before is
// dropped. s.mu is held here and in step.
func (s *Server) after(app *application, d time.Duration, step func()) {
	if app.timer != nil {
		app.timer.Stop()
	}
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed && s.apps[app.id] == app && app.timer == timer {
			step()
		}
	})
	app.timer = timer
}

// save starts an application's life.
func (s *Server) save(app *application) {
	app.state = rm.StateNewSaving
	s.after(app, s.options.Saving/2, func() {
		app.state = rm.StateSubmitted
		s.after(app, s.options.Saving/2, func() { s.accept(app) })
	})
}

// accept is the scheduler's word on an application that is saved.
func (s *Server) accept(app *application) {
	if !s.hasQueue(app.queue) {
		s.end(app, rm.StateFailed, rm.FinalFailed, fmt.Sprintf(
			"Application %s submitted by user %s to unknown queue: %s", app.id, app.user, app.queue))
		return
	}
	app.queue = queuePath(app.queue)
	app.state = rm.StateAccepted
	app.container = s.containerID(app)
	app.launchedAt = time.Now()
	app.diagnostics = "AM container is launched, waiting for AM container to Register with RM"
	s.after(app, s.options.Starting, func() { s.run(app) })
}

// containerID of a master: with an epoch after a restart.
func (s *Server) containerID(app *application) string {
	number := app.id[len("application_"):]
	if s.epoch == 0 {
		return fmt.Sprintf("container_%s_01_000001", number)
	}
	return fmt.Sprintf("container_e%02d_%s_01_000001", s.epoch, number)
}

func (s *Server) run(app *application) {
	app.state, app.diagnostics = rm.StateRunning, ""
	if s.options.Run == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	app.stop = cancel
	go s.options.Run(ctx, app.view())
}

// end ends an application, and forgets the oldest ended ones beyond the limit.
func (s *Server) end(app *application, state rm.State, final rm.FinalStatus, diagnostics string) {
	app.halt()
	app.state, app.final, app.diagnostics = state, final, diagnostics
	app.killing = false
	app.endedAt = time.Now()
	s.ended = append(s.ended, app)
	for len(s.ended) > s.options.MaxCompleted {
		if oldest := s.ended[0]; s.apps[oldest.id] == oldest {
			delete(s.apps, oldest.id)
		}
		s.ended = s.ended[1:]
	}
}
