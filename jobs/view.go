package jobs

import (
	"time"

	"github.com/stoker-spark/stoker/job"
)

// View is a job as people see it.
type View struct {
	// ID names the job everywhere: its workflow is "sparkjob-<ID>".
	ID string `json:"id"`
	// Source is where it came from: "api" or "model-manage".
	Source  string            `json:"source"`
	Kind    job.Kind          `json:"kind,omitempty"`
	Name    string            `json:"name,omitempty"`
	User    string            `json:"user,omitempty"`
	Cluster string            `json:"cluster,omitempty"`
	Queue   string            `json:"queue,omitempty"`
	Profile string            `json:"profile,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`

	Phase job.Phase `json:"phase"`
	// Outcome is null until the job has ended.
	Outcome *Outcome `json:"outcome"`
	// ApplicationID is the cluster's, of the last attempt that was launched.
	ApplicationID string `json:"applicationId,omitempty"`
	// Attempt counts from 1.
	Attempt int   `json:"attempt,omitempty"`
	Times   Times `json:"times"`
	// Progress of an application that runs, as it said last.
	Progress *job.Progress `json:"progress,omitempty"`
	// WaitingFor says what the job cannot go on without, for people.
	WaitingFor string `json:"waitingFor,omitempty"`
	// ClusterSays is the cluster manager's last word.
	ClusterSays string `json:"clusterSays,omitempty"`
	// Cancelling says who asked for the job's end, and why, while that is under way.
	Cancelling string `json:"cancelling,omitempty"`
	Links      Links  `json:"links"`

	// runAt is the job's place in a list.
	runAt time.Time
	// open: its workflow is.
	open bool
}

// Outcome is how a job ended.
type Outcome struct {
	Result job.Result `json:"result"`
	// Class of a failed job.
	Class   job.Class `json:"class,omitempty"`
	Message string    `json:"message,omitempty"`
	// ErrorType and Traceback of the program, if it said so.
	ErrorType string   `json:"errorType,omitempty"`
	Traceback string   `json:"traceback,omitempty"`
	Problems  []string `json:"problems,omitempty"`
	Notes     []string `json:"notes,omitempty"`
}

// Times of a job; those it has not reached are left out.
type Times struct {
	SubmittedAt time.Time `json:"submittedAt,omitzero"`
	WaitingAt   time.Time `json:"waitingAt,omitzero"`
	RunningAt   time.Time `json:"runningAt,omitzero"`
	EndedAt     time.Time `json:"endedAt,omitzero"`
}

// Links lead to more, as paths of the API or URLs of other servers.
type Links struct {
	Self string `json:"self"`
	Logs string `json:"logs"`
	// WebUI is the workflow in Temporal's Web UI.
	WebUI string `json:"webUI,omitempty"`
}

// Ended reports whether the job has.
func (v View) Ended() bool { return v.Outcome != nil }

func outcomeOf(o *job.Outcome) *Outcome {
	if o == nil {
		return nil
	}
	return &Outcome{
		Result: o.Result, Class: o.Class, Message: o.Message, ErrorType: o.ErrorType, Traceback: o.Traceback,
		Problems: o.Problems, Notes: o.Notes,
	}
}

// ofRecord is a job that has ended, as its record has it.
func ofRecord(r job.Record) View {
	return View{
		ID: r.ID, Source: r.Key.Source, Kind: r.Spec.Kind, Name: r.Spec.Name, User: r.Spec.User, Cluster: r.Spec.Cluster,
		Queue: r.Spec.Queue, Profile: r.Spec.Profile, Labels: r.Spec.Labels, Phase: job.PhaseDone,
		Outcome: outcomeOf(&r.Outcome), ApplicationID: r.Application, Attempt: r.Attempts,
		Times: Times{SubmittedAt: r.SubmittedAt, WaitingAt: r.WaitingAt, RunningAt: r.RunningAt, EndedAt: r.EndedAt},
		runAt: r.RunAt,
	}
}
