package job

import "time"

// RecordVersion is the version of Record that this program writes.
const RecordVersion = 1

// Record is what is kept of a job that has ended, beside its logs: enough to show
// it, and to run it again, when nothing else of it is left. It holds no secret.
type Record struct {
	Version int `json:"version"`
	// ID is Key.Name().
	ID   string `json:"id"`
	Key  Key    `json:"key"`
	Spec Spec   `json:"spec"`
	// Request is set for a job that was handed to Stoker itself.
	Request *Request `json:"request,omitempty"`
	Outcome Outcome  `json:"outcome"`
	// Application is that of the last attempt, "" if nothing was launched; Attempts
	// counts from 1.
	Application string `json:"application,omitempty"`
	Attempts    int    `json:"attempts,omitempty"`
	// SubmittedAt is when the job's workflow started, RunAt when its last run did (a
	// long job's history is cut into several). The others are zero if never reached.
	SubmittedAt time.Time `json:"submittedAt"`
	RunAt       time.Time `json:"runAt"`
	WaitingAt   time.Time `json:"waitingAt,omitzero"`
	RunningAt   time.Time `json:"runningAt,omitzero"`
	EndedAt     time.Time `json:"endedAt,omitzero"`
	// WorkflowID and RunID lead to the history, for as long as that is kept.
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
}
