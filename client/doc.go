// Package client is the Go client of Stoker's REST API (api/openapi.yaml): what the
// command line uses, and what other programs may.
//
// Every call has a deadline, and is made again only where that does no harm: reading,
// uploads, cancels, and submissions, which always carry an Idempotency-Key, so that a
// submission whose answer was lost is still one job. What is no success is a job.Error
// whose text says what was tried and what the server said. Tokens are in no error.
//
// What people see of it, and where servers and tokens come from, is the command's
// matter.
package client
