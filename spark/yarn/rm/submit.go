package rm

import (
	"context"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// Reserved is an id for an application, with the largest container that the
// cluster would give it.
type Reserved struct {
	ID string
	// MaxMemoryMB in MiB and MaxVCores are 0 where not reported.
	MaxMemoryMB, MaxVCores int64
}

// NewApplication reserves an id. Nothing is recorded at the cluster, and an id
// that is not used costs nothing; the id is accepted also after a restart of the
// ResourceManager.
func (c *Client) NewApplication(ctx context.Context) (Reserved, error) {
	var reserved Reserved
	err := c.do(ctx, request{method: http.MethodPost, path: "apps/new-application", body: []byte{}, read: func(r reply) error {
		var got struct {
			ID  text `json:"application-id"`
			Max struct {
				Memory number `json:"memory"`
				VCores number `json:"vCores"`
			} `json:"maximum-resource-capability"`
		}
		if err := r.decode(&got); err != nil {
			return err
		}
		if !ValidID(string(got.ID)) {
			return unexpected("%q is no id of an application", got.ID)
		}
		reserved = Reserved{ID: string(got.ID), MaxMemoryMB: got.Max.Memory.count(), MaxVCores: got.Max.VCores.count()}
		return nil
	}})
	return reserved, err
}

// Submit sends an application. Nil means that the ResourceManager took the
// request, or knew the id already, whoever's and in whatever state: ask
// Application whether it is there, with the right user, name and tags, and wait
// until its state is Saved. What the scheduler refuses, such as an unknown queue,
// shows as state FAILED.
func (c *Client) Submit(ctx context.Context, submission SubmissionContext) error {
	if !ValidID(submission.ID) {
		return job.Errorf(job.CodeInvalid, "%q is no id of an application", job.Head(submission.ID, 100))
	}
	body, err := submission.Marshal()
	if err != nil {
		return err
	}
	err = c.do(ctx, request{method: http.MethodPost, path: "apps", body: body, read: func(r reply) error {
		if r.status != http.StatusAccepted {
			var got map[string]any
			if err := r.decode(&got); err != nil {
				return err
			}
			return unexpected("status %d", r.status)
		}
		return nil
	}})
	// Of two first requests at the same time one loses; the application is there.
	if job.CodeOf(err) == job.CodeInvalid && strings.Contains(err.Error(), "Cannot add a duplicate") {
		return nil
	}
	return err
}

// passing are states that only the reply to Kill names: elsewhere they are
// reported as the state before.
var passing = []State{"FINAL_SAVING", "FINISHING", "KILLING"}

// Kill ends an application. True means that it has ended, by this or before;
// false that it is ending: call again, or follow Application. The error is not_found
// as in Application, unauthorized for somebody else's.
func (c *Client) Kill(ctx context.Context, id, diagnostics string) (ended bool, err error) {
	path, err := pathOf(id)
	if err != nil {
		return false, err
	}
	body, err := xml.Marshal(struct {
		XMLName     xml.Name `xml:"appstate"`
		State       State    `xml:"state"`
		Diagnostics string   `xml:"diagnostics,omitempty"`
	}{State: StateKilled, Diagnostics: job.Head(diagnostics, maxText)})
	if err != nil {
		return false, job.Errorf(job.CodeInternal, "kill %s: %w", id, err)
	}
	err = c.doOf(ctx, request{method: http.MethodPut, path: path + "/state", body: body, read: func(r reply) error {
		var got struct {
			State text `json:"state"`
		}
		if err := r.decode(&got); err != nil {
			return err
		}
		state := State(got.State)
		if !slices.Contains(states, state) && !slices.Contains(passing, state) {
			return unexpected("state %q", state)
		}
		ended = r.status == http.StatusOK && state.Ended()
		return nil
	}})
	return ended && err == nil, err
}
