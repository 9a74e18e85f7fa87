// Package local runs Spark applications on the worker's own host: spark-submit
// as the child of a small supervisor process that outlives the worker.
//
// It belongs here whatever knows of processes, of the files below the root of
// a local cluster and of spark-submit's command line. What a job reads and
// writes does not: staging and collecting are activities.
//
// # The records of one application
//
// Beside the markers of the launch protocol (package spark) a job directory
// holds three more, which outlive Release too:
//
//	claim.json   a supervisor took the application, for ever: nobody else may launch it
//	child.json   spark-submit's process: pid, start time, boot id
//	exit.json    how it ended; written when every process of it is gone
//
// Two locks tell who lives, across worker restarts and PID namespaces:
// supervisor.lock is held by the supervisor that made the claim, child.lock by
// spark-submit itself, which inherits it. A process is only ever taken for
// ours, or signalled, when its start time and boot id match the record or its
// environment carries STOKER_APPLICATION with this application's id.
//
// # Order
//
//	Submit:      intent.json → start supervisor → read its answer
//	supervisor:  lock root → revoked? expired? claimed? busy? → claim.json → unlock
//	             → revoked? → fork → child.json → acknowledged → … → exit.json
//	Kill:        revoked → lock and unlock root → end every process → exit.json
//
// The claim is made, and the root lock passed by Kill, in such an order that
// after Kill's barrier either a claim exists that Kill can see, or none ever
// will.
package local
