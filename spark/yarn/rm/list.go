package rm

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// Filter chooses applications; its fields are joined by and, the elements of one
// by or. Empty fields choose nothing away.
type Filter struct {
	// Tags are compared in lower case.
	Tags   []string
	States []State
	// Types such as "SPARK".
	Types []string
	User  string
	Queue string
	// StartedFrom and FinishedFrom: submitted, or ended, at this time or later.
	StartedFrom, FinishedFrom time.Time
	// FinishedTo: ended at this time or earlier; choose states that have ended with it,
	// for an application that lives ended in 1970.
	FinishedTo time.Time
	// Limit of the number of applications; 0 is none. It does not choose the
	// newest: which ones are left out is undefined.
	Limit int
	// DeSelects leaves parts out of the reply, to keep it small; see Lean.
	DeSelects []string
}

// Lean leaves out what makes replies large and is not in Application.
var Lean = []string{"resourceRequests", "timeouts", "resourceInfo"}

func (f Filter) query() url.Values {
	q := url.Values{}
	set := func(key, value string) {
		if value != "" {
			q.Set(key, value)
		}
	}
	words := make([]string, len(f.States))
	for i, s := range f.States {
		words[i] = string(s)
	}
	set("states", strings.Join(words, ","))
	set("applicationTags", strings.ToLower(strings.Join(f.Tags, ",")))
	set("applicationTypes", strings.Join(f.Types, ","))
	set("user", f.User)
	set("queue", f.Queue)
	set("deSelects", strings.Join(f.DeSelects, ","))
	if !f.StartedFrom.IsZero() {
		q.Set("startedTimeBegin", strconv.FormatInt(f.StartedFrom.UnixMilli(), 10))
	}
	if !f.FinishedFrom.IsZero() {
		q.Set("finishedTimeBegin", strconv.FormatInt(f.FinishedFrom.UnixMilli(), 10))
	}
	if !f.FinishedTo.IsZero() {
		q.Set("finishedTimeEnd", strconv.FormatInt(f.FinishedTo.UnixMilli(), 10))
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}

func (f Filter) validate() error {
	for _, tag := range f.Tags {
		if tag == "" || strings.Contains(tag, ",") {
			return job.Errorf(job.CodeInvalid, "applications cannot be listed by the tag %q", job.Head(tag, 100))
		}
	}
	return nil
}

// List lists applications in no particular order. The ResourceManager walks
// through all it knows, under locks: ask once for many, not once each.
func (c *Client) List(ctx context.Context, filter Filter) ([]Application, error) {
	if err := filter.validate(); err != nil {
		return nil, err
	}
	var apps []Application
	err := c.do(ctx, request{method: http.MethodGet, path: "apps", query: filter.query(), read: func(r reply) error {
		listed, err := r.applications()
		if err != nil {
			return err
		}
		apps = make([]Application, 0, len(listed))
		for _, w := range listed {
			app, err := w.application()
			if err != nil {
				return err
			}
			apps = append(apps, app)
		}
		return nil
	}})
	return apps, err
}

// applications reads a list in whichever shape it has. Thousands of applications
// come in the one of today, which is read in one pass.
func (r reply) applications() ([]wireApplication, error) {
	var today struct {
		Apps struct {
			App []wireApplication `json:"app"`
		} `json:"apps"`
	}
	if json.Unmarshal(r.body, &today) == nil && len(today.Apps.App) > 0 {
		return today.Apps.App, nil
	}
	var got struct {
		Apps object[struct {
			App list[wireApplication] `json:"app"`
		}] `json:"apps"`
	}
	if err := r.decode(&got); err != nil {
		return nil, err
	}
	if !r.says("apps") && len(r.keys()) > 0 {
		return nil, unexpected("no applications")
	}
	return got.Apps.value.App, nil
}

// keys of the reply's outermost object.
func (r reply) keys() map[string]json.RawMessage {
	var keys map[string]json.RawMessage
	_ = json.Unmarshal(r.body, &keys) // it was decoded before
	return keys
}

// says reports whether the reply has a key at all, if only with null.
func (r reply) says(key string) bool {
	_, ok := r.keys()[key]
	return ok
}
