// Package jobs is what a front can do with jobs, whatever it looks like to its callers:
// submit, look, list, read logs, cancel and run again.
//
// What there is to know of a job comes from its workflow and, when that is gone or
// nobody serves it, from the record and the logs in its cluster's log store. Nothing
// here speaks to a cluster. Who may see or touch a job is the front's matter.
package jobs
