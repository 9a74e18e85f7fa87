package simulator

import (
	"net/http"
	"time"
)

// Revision is one write that took effect on a job. Its order among the revisions
// of a job is the order in which the writes took effect.
type Revision struct {
	// Version is the document's version after the write; a deletion keeps the
	// last one. A job made again under the same id starts at 0.
	Version int64 `json:"version"`
	// At is when it took effect, UTC, to the millisecond.
	At time.Time `json:"at"`
	// Method is the HTTP method, also for a write made in process.
	Method string `json:"method"`
	// Status is the HTTP status answered, or meant to be when the reply was lost.
	Status int `json:"status"`
	// Document is the document after the write, without _links; nil after a
	// deletion. Numbers are json.Number.
	Document map[string]any `json:"document"`
}

// Deleted reports whether the job was gone after this write.
func (r Revision) Deleted() bool { return r.Method == http.MethodDelete }

// clone copies r for a caller who may change the document.
func (r Revision) clone() Revision {
	r.Document = cloneObject(r.Document)
	return r
}

// entry is a revision with the job it belongs to: one line of the journal.
type entry struct {
	ID string `json:"id"`
	Revision
}
