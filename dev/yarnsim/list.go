package yarnsim

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

var states = []rm.State{
	rm.StateNew, rm.StateNewSaving, rm.StateSubmitted, rm.StateAccepted,
	rm.StateRunning, rm.StateFinished, rm.StateFailed, rm.StateKilled,
}

var deSelects = []string{"resourceRequests", "timeouts", "appNodeLabelExpression", "amNodeLabelExpression", "resourceInfo"}

// filter is a list's query. Nil and zero choose everything.
type filter struct {
	states, tags, kinds       []string
	user, queue               string
	startedFrom, finishedFrom int64
	limit                     int
	hide                      []string
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	f, problem := readFilter(r.URL.Query())
	if problem == "" && f.queue != "" && !s.hasQueue(f.queue) {
		problem = "Unknown queue: " + f.queue
	}
	if problem != "" {
		bad(w, "java.lang.Exception: %s", problem)
		return
	}
	hide := selection{}
	for _, name := range f.hide {
		hide[name] = true
	}
	s.mu.Lock()
	var shown []wireApp
	for _, app := range s.apps { // the order is the map's own, as in YARN
		if f.limit > 0 && len(shown) == f.limit {
			break
		}
		if f.chooses(app) {
			shown = append(shown, s.show(app, hide, r.Host))
		}
	}
	s.mu.Unlock()
	list := map[string]any{}
	if len(shown) > 0 {
		list["app"] = shown
	}
	reply(w, http.StatusOK, map[string]any{"apps": list})
}

// readFilter returns the problem of a query that YARN refuses.
func readFilter(q url.Values) (f filter, problem string) {
	f = filter{
		tags: words(q, "applicationTags"), kinds: words(q, "applicationTypes"), hide: words(q, "deSelects"),
		user: q.Get("user"), queue: q.Get("queue"),
	}
	for _, state := range append(words(q, "states"), words(q, "state")...) {
		upper := strings.ToUpper(state)
		if !slices.Contains(states, rm.State(upper)) {
			return f, "Invalid application-state " + state + " specified. It should be one of [NEW, NEW_SAVING, SUBMITTED, ACCEPTED, RUNNING, FINISHED, FAILED, KILLED]"
		}
		f.states = append(f.states, upper)
	}
	for _, name := range f.hide {
		if !slices.Contains(deSelects, name) {
			return f, "Invalid deSelects string " + name + " specified. It should be one of [" + strings.Join(deSelects, ", ") + "]"
		}
	}
	for i, tag := range f.tags {
		f.tags[i] = strings.ToLower(tag)
	}
	var err error
	if text := q.Get("limit"); text != "" {
		if f.limit, err = strconv.Atoi(text); err != nil {
			return f, "limit value must be a number!"
		}
		if f.limit <= 0 {
			return f, "limit value must be greater then 0"
		}
	}
	for key, into := range map[string]*int64{"startedTimeBegin": &f.startedFrom, "finishedTimeBegin": &f.finishedFrom} {
		text := q.Get(key)
		if text == "" {
			continue
		}
		if *into, err = strconv.ParseInt(text, 10, 64); err != nil {
			return f, key + " value must be a number!"
		}
		if *into < 0 {
			return f, key + " must be greater than 0"
		}
	}
	return f, ""
}

// words of a query that are joined by commas, or given several times.
func words(q url.Values, key string) []string {
	var all []string
	for _, value := range q[key] {
		for word := range strings.SplitSeq(value, ",") {
			if word = strings.TrimSpace(word); word != "" {
				all = append(all, word)
			}
		}
	}
	return all
}

// chooses an application: its tags by or, all else by and. One that lives
// finished in 1970.
func (f filter) chooses(app *application) bool {
	switch {
	case f.states != nil && !slices.Contains(f.states, string(app.state)),
		f.kinds != nil && !slices.ContainsFunc(f.kinds, func(kind string) bool { return strings.EqualFold(kind, app.kind) }),
		f.user != "" && f.user != app.user,
		f.queue != "" && queuePath(f.queue) != queuePath(app.queue),
		app.startedAt.UnixMilli() < f.startedFrom,
		millis(app.endedAt) < f.finishedFrom:
		return false
	}
	return f.tags == nil || slices.ContainsFunc(app.tags, func(tag string) bool { return slices.Contains(f.tags, tag) })
}

// millis since 1970; 0 for what has not happened.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
