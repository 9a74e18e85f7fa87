package yarnsim

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// End lets an application that runs unregister: it becomes FINISHED, with what
// it says of itself.
func (s *Server) End(id string, final rm.FinalStatus, diagnostics string) error {
	return s.live(id, func(app *application) error {
		if app.state != rm.StateRunning {
			return fmt.Errorf("%s is %s: only what runs can finish", id, app.state)
		}
		s.end(app, rm.StateFinished, final, diagnostics)
		return nil
	})
}

// Fail lets an application's master die.
func (s *Server) Fail(id, diagnostics string) error {
	return s.live(id, func(app *application) error {
		s.end(app, rm.StateFailed, rm.FinalFailed, diagnostics)
		return nil
	})
}

// Kill ends an application as an administrator would, at once.
func (s *Server) Kill(id, diagnostics string) error {
	return s.live(id, func(app *application) error {
		s.end(app, rm.StateKilled, rm.FinalKilled, diagnostics)
		return nil
	})
}

func (s *Server) live(id string, change func(*application) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	app, ok := s.apps[id]
	switch {
	case !ok:
		return fmt.Errorf("%s is unknown", id)
	case app.state.Ended():
		return fmt.Errorf("%s has ended: %s", id, app.state)
	}
	return change(app)
}

// Evict forgets an application that has ended.
func (s *Server) Evict(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	app, ok := s.apps[id]
	if !ok || !app.state.Ended() {
		return fmt.Errorf("%s is unknown or lives", id)
	}
	delete(s.apps, id)
	s.ended = slices.DeleteFunc(s.ended, func(e *application) bool { return e == app })
	return nil
}

// Restart is a ResourceManager killed and started again. Without recovery it
// knows nothing, and NodeManagers end what ran; with it, what was saved goes on.
func (s *Server) Restart(recovery bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = max(time.Now().UnixMilli(), s.started+1)
	s.epoch++
	s.next = 0
	for id, app := range s.apps {
		if recovery && app.state.Saved() {
			if app.container != "" {
				app.diagnostics = "Attempt recovered after RM restart" + app.diagnostics
			}
			continue
		}
		app.halt()
		delete(s.apps, id)
	}
	s.ended = slices.DeleteFunc(s.ended, func(e *application) bool { return s.apps[e.id] != e })
}

// SetLatency delays every reply.
func (s *Server) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = d
}

// Fault befalls requests.
type Fault struct {
	// Kind of the requests; "" is all.
	Kind Kind
	// Times it happens; 0 is for ever.
	Times int
	// Status that is answered, with Body; 0 cuts the connection.
	Status int
	Body   string
	// Late: the request is carried out, only its reply is lost.
	Late bool

	left int
}

// Inject adds a fault to those that are there; the first that fits befalls a
// request.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.left = f.Times
	s.faults = append(s.faults, &f)
}

// Heal removes all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault is the fault that befalls a request now; nil if none. s.mu is held.
func (s *Server) takeFault(kind Kind) *Fault {
	for i, f := range s.faults {
		if f.Kind != "" && f.Kind != kind {
			continue
		}
		if f.Times > 0 {
			if f.left--; f.left == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return f
	}
	return nil
}

func (f *Fault) befall(w http.ResponseWriter) {
	if f.Status == 0 {
		panic(http.ErrAbortHandler) // net/http cuts the connection and logs nothing
	}
	header(w, f.Status)
	_, _ = w.Write([]byte(f.Body)) // the client may be gone
}

// discarding is a reply that gets lost.
type discarding struct{}

func (discarding) Header() http.Header         { return http.Header{} }
func (discarding) Write(p []byte) (int, error) { return len(p), nil }
func (discarding) WriteHeader(int)             {}
