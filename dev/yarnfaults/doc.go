// Package yarnfaults strikes at a Stoker whose jobs run on a real YARN cluster:
// workers are killed with -9, ResourceManager, NameNode and NodeManager are
// killed and come back, answers are lost, applications are killed from outside.
// It holds tests only, under the build tag hadoop.
//
// The tests share one Hadoop cluster, of their own ports and state (the folder
// .state/yarnfaults of this repository), with a Spark in its file system. What
// strikes at the cluster runs alone; what strikes at one job runs beside others.
// Each test has an installation of its own (package dev/faults/bench), whose
// worker reaches the ResourceManager through a gate that counts what is sent and
// loses what the test wants lost.
//
// A model counts its own starts in a file on this host. However a job was
// struck, it must have started exactly as often as the test says, ended alike in
// its document and in Temporal, with one application at the ResourceManager per
// attempt, nothing but markers in its job directory and no process left.
//
// `go test -short -tags hadoop` leaves out what takes long. STOKER_BIN names the
// directory of the binaries; STOKER_FAULTS_KEEP=1 keeps the cluster running for
// the next run.
package yarnfaults
