// Package activities holds the steps of a job that touch the world: reading
// and reporting jobs at their source, staging, launching, watching, killing,
// collecting and cleaning. One file per concern.
//
// The structs group the activities by the task queue they are served on:
// Registry on the central queue, Control and Transfer on a cluster's own
// queues. Inputs and results are small; data moves inside an activity, between
// the source and the cluster's store, and never through Temporal. What order
// the steps come in is the workflows' business.
package activities
