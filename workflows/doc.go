// Package workflows holds the deterministic code: SparkBatchJob, the durable
// life of one job, and ClusterWatch, which wakes jobs when their cluster says
// that something changed. What touches the world is in package activities.
package workflows
