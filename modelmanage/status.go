package modelmanage

import "github.com/stoker-spark/stoker/job"

// Status is a document's jobStatus.
//
//	CREATED → WAITING → RUNNING → COMPLETE | ERROR | CANCELLED
//
// A report may go forward or skip, never back, and a terminal status stays.
type Status string

// The statuses that model-manage is known to use.
const (
	StatusCreated   Status = "CREATED"
	StatusWaiting   Status = "WAITING"
	StatusRunning   Status = "RUNNING"
	StatusComplete  Status = "COMPLETE"
	StatusError     Status = "ERROR"
	StatusCancelled Status = "CANCELLED"
)

// The values of jobResult.
const (
	ResultSuccess = "SUCCESS"
	ResultUnknown = "UNKNOWN"
)

// Terminal reports whether the document says that the job has ended.
func (s Status) Terminal() bool {
	return s == StatusComplete || s == StatusError || s == StatusCancelled
}

// Rank orders statuses by progress: CREATED < WAITING < RUNNING < terminal.
// No status ranks as CREATED. One that Stoker does not know ranks as RUNNING:
// only the end of the job may replace it.
func (s Status) Rank() int {
	switch s {
	case "", StatusCreated:
		return 0
	case StatusWaiting:
		return 1
	case StatusRunning:
		return 2
	case StatusComplete, StatusError, StatusCancelled:
		return 3
	}
	return 2
}

// StatusOf is the table from a job's outcome to jobStatus and jobResult.
// killed is the status of an application killed from outside, ERROR unless the
// configuration says otherwise.
func StatusOf(o job.Outcome, killed Status) (Status, string) {
	switch o.Result {
	case job.ResultSucceeded:
		return StatusComplete, ResultSuccess
	case job.ResultCancelled:
		return StatusCancelled, ResultUnknown
	case job.ResultFailed:
		if o.Class == job.ClassKilled && killed == StatusCancelled {
			return StatusCancelled, ResultUnknown
		}
	case job.ResultLost:
	}
	return StatusError, ResultUnknown
}

// StatusOfMilestone is the table from what a report tells of to jobStatus, ""
// where that does not change; MilestoneEnded is for StatusOf.
func StatusOfMilestone(m job.Milestone) Status {
	switch m {
	case job.MilestoneWaiting:
		return StatusWaiting
	case job.MilestoneRunning:
		return StatusRunning
	case job.MilestoneStaged, job.MilestoneEnded:
	}
	return ""
}
