package yarn

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// fakeRM is a ResourceManager as far as ids and states go: it takes a known id
// for a duplicate, forgets what it is told to, and saves when it likes.
type fakeRM struct {
	mu      sync.Mutex
	started int64
	next    int
	apps    map[string]*fakeApp
	// launches counts how often an id was really taken.
	launches map[string]int
	// refuses fails new applications without an attempt, as for an unknown queue.
	refuses bool
	// container is the largest, if it is told.
	container map[string]any
	// unsaved keeps new applications in NEW_SAVING.
	unsaved bool
	// loseNext forgets the next application right after the answer.
	loseNext bool
	// before, if not nil, runs before a request; true means that it answered.
	before func(w http.ResponseWriter, r *http.Request) bool
	lists  int
	// properties that it runs with; others it does not tell.
	properties map[string]string
	// older: it knows an application that ended long ago. completed is how many ended
	// ones it knows in all.
	older     bool
	completed int
	// queue is the scheduler's only one, nil for a scheduler that does not tell.
	queue map[string]any
}

type fakeApp struct {
	id, user, name, state, final string
	tags                         []string
	// diagnostics, "" for what is said after a restart; logs of its master's container.
	diagnostics, logs string
}

func newFakeRM(t *testing.T) (*fakeRM, string) {
	t.Helper()
	f := &fakeRM{started: 1700000000000, apps: map[string]*fakeApp{}, launches: map[string]int{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server.URL
}

// restart forgets everything if it does not recover, and what was not saved in
// any case.
func (f *fakeRM) restart(recovers bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started += 60000
	for id, app := range f.apps {
		if !recovers || app.state == "NEW_SAVING" {
			delete(f.apps, id)
		}
	}
}

func (f *fakeRM) set(id, state, final string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.apps[id].state, f.apps[id].final = state, final
}

func (f *fakeRM) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.apps, id)
}

func (f *fakeRM) taken(id string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.launches[id]
}

func (f *fakeRM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.before != nil && f.before(w, r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/ws/v1/cluster/")
	switch {
	case path == "/conf":
		name := r.URL.Query().Get("name")
		value, ok := f.properties[name]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		reply(w, http.StatusOK, map[string]any{"property": map[string]any{"key": name, "value": value}})
	case path == "scheduler" && f.queue != nil:
		reply(w, http.StatusOK, map[string]any{"scheduler": map[string]any{"schedulerInfo": map[string]any{
			"queueName": "root", "queuePath": "root", "queues": map[string]any{"queue": []any{f.queue}},
		}}})
	case path == "appstatistics":
		reply(w, http.StatusOK, map[string]any{"appStatInfo": map[string]any{"statItem": []any{
			map[string]any{"state": "FINISHED", "type": "*", "count": strconv.Itoa(f.completed)},
		}}})
	case path == "info":
		reply(w, http.StatusOK, map[string]any{"clusterInfo": map[string]any{"haState": "ACTIVE", "startedOn": f.started, "hadoopVersion": "3.4.3"}})
	case path == "apps/new-application":
		f.next++
		reply(w, http.StatusOK, map[string]any{"application-id": fmt.Sprintf("application_%d_%04d", f.started, f.next), "maximum-resource-capability": f.container})
	case path == "apps" && r.Method == http.MethodPost:
		f.submit(w, r)
	case path == "apps":
		f.lists++
		f.list(w, r)
	case strings.HasSuffix(path, "/appattempts"):
		f.attempts(w, strings.TrimSuffix(strings.TrimPrefix(path, "apps/"), "/appattempts"))
	case strings.HasSuffix(path, "/state"):
		f.kill(w, strings.TrimSuffix(strings.TrimPrefix(path, "apps/"), "/state"))
	default:
		app, ok := f.apps[strings.TrimPrefix(path, "apps/")]
		if !ok {
			unknown(w)
			return
		}
		reply(w, http.StatusOK, map[string]any{"app": app.json()})
	}
}

func (f *fakeRM) submit(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	var s rm.SubmissionContext
	if err := xml.Unmarshal(data, &s); err != nil {
		reply(w, http.StatusBadRequest, map[string]any{})
		return
	}
	w.Header().Set("Location", "http://rm/ws/v1/cluster/apps/"+s.ID)
	w.WriteHeader(http.StatusAccepted)
	if f.apps[s.ID] != nil {
		return
	}
	state := "ACCEPTED"
	switch {
	case f.refuses:
		state = "FAILED"
	case f.unsaved:
		state = "NEW_SAVING"
	}
	if !f.refuses {
		f.launches[s.ID]++
	}
	var tags []string
	for _, tag := range s.Tags {
		tags = append(tags, strings.ToLower(tag))
	}
	f.apps[s.ID] = &fakeApp{id: s.ID, user: r.URL.Query().Get("user.name"), name: s.Name, state: state, final: "UNDEFINED", tags: tags}
	if f.loseNext {
		f.loseNext = false
		delete(f.apps, s.ID)
		f.launches[s.ID]-- // it never ran
	}
}

func (f *fakeRM) attempts(w http.ResponseWriter, id string) {
	attempts := map[string]any{}
	if f.launches[id] > 0 {
		attempts["appAttempt"] = []any{map[string]any{"id": 1, "appAttemptState": "FAILED"}}
	}
	reply(w, http.StatusOK, map[string]any{"appAttempts": attempts})
}

func (f *fakeRM) kill(w http.ResponseWriter, id string) {
	app, ok := f.apps[id]
	switch {
	case !ok:
		unknown(w)
	case app.state == "FINISHED" || app.state == "FAILED" || app.state == "KILLED":
		reply(w, http.StatusOK, map[string]any{"state": app.state})
	default:
		app.state, app.final = "KILLED", "KILLED"
		reply(w, http.StatusAccepted, map[string]any{"state": "ACCEPTED"})
	}
}

func (f *fakeRM) list(w http.ResponseWriter, r *http.Request) {
	var apps []any
	if r.URL.Query().Get("finishedTimeEnd") != "" && f.older {
		apps = append(apps, (&fakeApp{id: "application_1_0001", state: "FINISHED"}).json())
	}
	for _, app := range f.apps {
		wanted := r.URL.Query().Get("states") == "" || strings.Contains(","+r.URL.Query().Get("states")+",", ","+app.state+",")
		tagged := false
		for _, tag := range strings.Split(r.URL.Query().Get("applicationTags"), ",") {
			for _, own := range app.tags {
				tagged = tagged || tag == own
			}
		}
		if wanted && tagged {
			apps = append(apps, app.json())
		}
	}
	if len(apps) == 0 {
		reply(w, http.StatusOK, map[string]any{"apps": map[string]any{}})
		return
	}
	reply(w, http.StatusOK, map[string]any{"apps": map[string]any{"app": apps}})
}

func (a *fakeApp) json() map[string]any {
	return map[string]any{
		"id": a.id, "user": a.user, "name": a.name, "state": a.state, "finalStatus": a.final,
		"queue": "root.default", "applicationTags": strings.Join(a.tags, ","), "diagnostics": cmp.Or(a.diagnostics, "Attempt recovered after RM restart"), "amContainerLogs": a.logs,
		"startedTime": 1700000001000, "launchTime": 1700000002000, "finishedTime": 1700000009000,
	}
}

func unknown(w http.ResponseWriter) {
	reply(w, http.StatusNotFound, map[string]any{"RemoteException": map[string]any{
		"exception": "NotFoundException", "message": "app not found", "javaClassName": "org.apache.hadoop.yarn.webapp.NotFoundException",
	}})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
