package job

import "time"

// Progress is how far a running application says it is. It decides nothing.
type Progress struct {
	// Time when it was asked.
	Time time.Time `json:"time"`
	// Jobs are Spark's own, one for each action; an application that runs begins
	// more of them. So none of these numbers is a share of the whole.
	Jobs   Count `json:"jobs"`
	Stages Count `json:"stages"`
	Tasks  Count `json:"tasks"`
}

// Count of things that run and end. What Spark skips, because its result is there
// already, is in none of them.
type Count struct {
	Total     int64 `json:"total"`
	Running   int64 `json:"running"`
	Completed int64 `json:"completed"`
	Failed    int64 `json:"failed,omitempty"`
}
