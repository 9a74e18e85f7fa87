// Package jobspec reads what people submit: the JSON that the REST API takes and the
// command line makes, one program of their own with its files, arguments and options.
//
// It turns a Spec into the job that a workflow runs, through the same rule table as
// the jobs of any other source, and is itself the source of such jobs for the
// activities. How a Spec comes in, and who may send one, is package api's matter.
package jobspec
