package job

import "time"

// Standing is where a job stands with its source, as read or left by a call.
type Standing struct {
	State StandingState `json:"state"`
	// Status is the source's own word, for people.
	Status string `json:"status,omitempty"`
	// Result that the source shows, when it has ended there.
	Result Result `json:"result,omitempty"`
	// Application recorded at the source, "" if none.
	Application string `json:"application,omitempty"`
}

// StandingState says whether the source still wants the job.
type StandingState string

// The standings of a job with its source.
const (
	// StandingOpen: the job is wanted and ours to move.
	StandingOpen StandingState = "open"
	// StandingCancelled: somebody cancelled it at the source.
	StandingCancelled StandingState = "cancelled"
	// StandingEnded: the source shows another end already.
	StandingEnded StandingState = "ended"
)

// Milestone is how far a report takes the job at its source.
type Milestone string

// The milestones, in order. A report never takes a job back.
const (
	MilestoneStaged  Milestone = "staged"
	MilestoneWaiting Milestone = "waiting"
	MilestoneRunning Milestone = "running"
	MilestoneEnded   Milestone = "ended"
)

// Report is what a source is told about a job.
type Report struct {
	Milestone   Milestone
	Application string
	// Times are zero while unknown.
	WaitingAt, RunningAt, EndedAt time.Time
	// ExternalOutputs are the embedded outputs as the job writes them, at
	// MilestoneStaged.
	ExternalOutputs []map[string]any

	// Outcome, Outputs and logs come with MilestoneEnded only.
	Outcome Outcome
	Outputs []CollectedOutput
	// Stdout and Stderr as far as the source wants them.
	Stdout, Stderr string
}

// CollectedOutput is one embedded output, ready to be handed over.
type CollectedOutput struct {
	// Index of the asset in the source's list of outputs, and its file name.
	Index    int
	FileName string
	Content  []byte
}
