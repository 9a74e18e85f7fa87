package yarnsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const prefix = "/ws/v1/cluster/"

func (s *Server) route() {
	s.routes = http.NewServeMux()
	for pattern, route := range map[string]struct {
		kind   Kind
		handle http.HandlerFunc
	}{
		"POST apps/new-application": {KindNew, s.newApplication},
		"POST apps":                 {KindSubmit, s.submit},
		"GET apps":                  {KindList, s.list},
		"GET apps/{id}":             {KindApplication, s.application},
		"GET apps/{id}/appattempts": {KindAttempts, s.attempts},
		"GET apps/{id}/state":       {KindState, s.applicationState},
		"PUT apps/{id}/state":       {KindKill, s.kill},
		"GET info":                  {KindInfo, s.info},
		"GET metrics":               {KindMetrics, s.metrics},
		"GET scheduler":             {KindScheduler, s.scheduler},

		"GET /ws/v1/node/containers/{container}/logs":      {KindNodeLogs, s.nodeLogs},
		"GET /ws/v1/node/containerlogs/{container}/{file}": {KindNodeLog, s.nodeLog},
		"GET /proxy/{id}/{path...}":                        {KindProxy, s.proxied},
	} {
		method, path, _ := strings.Cut(pattern, " ")
		if path[0] != '/' {
			path = prefix + path
		}
		s.routes.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			s.serve(route.kind, route.handle, w, r)
		})
	}
}

// serve counts a request, delays it, and lets a fault befall it.
func (s *Server) serve(kind Kind, handle http.HandlerFunc, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests[kind]++
	latency, fault := s.latency, s.takeFault(kind)
	s.mu.Unlock()
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case fault == nil:
		handle(w, r)
	case fault.Late:
		handle(discarding{}, r)
		fault.befall(w)
	default:
		fault.befall(w)
	}
}

// caller is who asks; false is nobody, who has been told so.
func caller(w http.ResponseWriter, r *http.Request) (string, bool) {
	user := r.URL.Query().Get("user.name")
	if user == "" {
		refuse(w, http.StatusUnauthorized, "org.apache.hadoop.security.authorize.AuthorizationException",
			"Unable to obtain user name, user not authenticated")
	}
	return user, user != ""
}

// find returns the application that a path names; nil if there is none, which
// has been told. s.mu is held.
func (s *Server) find(w http.ResponseWriter, r *http.Request) *application {
	id := r.PathValue("id")
	switch app := s.apps[id]; {
	case app != nil:
		return app
	case !strings.HasPrefix(id, "application_"):
		bad(w, "java.lang.IllegalArgumentException: Invalid ApplicationId prefix: %s. The valid ApplicationId should start with prefix application", id)
	default:
		refuse(w, http.StatusNotFound, "org.apache.hadoop.yarn.webapp.NotFoundException",
			fmt.Sprintf("java.lang.Exception: app with id: %s not found", id))
	}
	return nil
}

func (s *Server) newApplication(w http.ResponseWriter, r *http.Request) {
	if _, ok := caller(w, r); !ok {
		return
	}
	s.mu.Lock()
	s.next++
	id := fmt.Sprintf("application_%d_%04d", s.started, s.next)
	s.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{
		"application-id": id, "maximum-resource-capability": resource(s.options.MaxMemoryMB, s.options.MaxVCores),
	})
}

func (s *Server) application(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	app := s.find(w, r)
	if app == nil {
		s.mu.Unlock()
		return
	}
	shown := s.show(app, selection{}, r.Host)
	s.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"app": shown})
}

func (s *Server) attempts(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	app := s.find(w, r)
	if app == nil {
		s.mu.Unlock()
		return
	}
	list := map[string]any{}
	if app.container != "" {
		list["appAttempt"] = []any{showAttempt(app, s.options.NodeAddress)}
	}
	s.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"appAttempts": list})
}

func (s *Server) applicationState(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	app := s.find(w, r)
	if app == nil {
		s.mu.Unlock()
		return
	}
	state := app.inner()
	s.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"state": state})
}

// inner is the state that only this resource shows: how an application ends.
func (a *application) inner() string {
	switch {
	case !a.killing:
		return string(a.state)
	case a.container == "":
		return "FINAL_SAVING"
	}
	return "KILLING"
}

// kill ends an application, a little later.
func (s *Server) kill(w http.ResponseWriter, r *http.Request) {
	user, ok := caller(w, r)
	if !ok {
		return
	}
	target, ok := readTarget(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.find(w, r)
	switch {
	case app == nil:
		return
	case target.State != rm.StateKilled:
		bad(w, "java.lang.Exception: Only 'KILLED' is allowed as a target state.")
		return
	case app.state.Ended(): // whoever asks
		reply(w, http.StatusOK, map[string]any{"state": app.state})
		return
	case user != app.user && !s.admin(user):
		header(w, http.StatusForbidden)
		_, _ = fmt.Fprintf(w, "Unauthorized attempt to kill appid %s by remote user %s", app.id, user) // the client may be gone
		return
	}
	if !app.killing {
		app.killing = true
		words := fmt.Sprintf("Application %s was killed by user %s", app.id, user)
		if target.Diagnostics != "" {
			words += " with diagnostic message: " + target.Diagnostics
		}
		s.after(app, s.options.Killing, func() { s.end(app, rm.StateKilled, rm.FinalKilled, words) })
	}
	w.Header().Set("Location", "http://"+r.Host+r.URL.Path)
	reply(w, http.StatusAccepted, map[string]any{"state": app.inner()})
}

func header(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
}

func reply(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header(w, status)
	_, _ = w.Write(data) // the client may be gone
}

// refuse answers with an exception, as Hadoop writes it.
func refuse(w http.ResponseWriter, status int, class, message string) {
	exception := map[string]any{"exception": class[strings.LastIndexByte(class, '.')+1:], "javaClassName": class}
	if message != "" {
		exception["message"] = message
	}
	reply(w, status, map[string]any{"RemoteException": exception})
}

func bad(w http.ResponseWriter, format string, args ...any) {
	refuse(w, http.StatusBadRequest, "org.apache.hadoop.yarn.webapp.BadRequestException", fmt.Sprintf(format, args...))
}
