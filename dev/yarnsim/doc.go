// Package yarnsim is YARN's ResourceManager as far as its REST API shows it: for
// tests and benchmarks that need more applications, or more faults, than a real
// one stands. No container runs; what an application does is up to the test
// (Options.Run, Server.End). A differential test compares it with a real
// ResourceManager of Hadoop 3.4.
//
// # Wire contract
//
// Paths are below /ws/v1/cluster/; replies are JSON in the shapes of 3.4.
//
//	request                     reply
//	POST apps/new-application   200: an id of this start's time stamp and a counter, recorded nowhere
//	POST apps                   202 without a body. An id that is known, in whatever state and whoever's,
//	                            is 202 and changes nothing. 400 for more memory or cores than a container
//	                            may have, for more than ten tags, or one that is too long or not ASCII
//	GET  apps/{id}              200; 404 for an unknown id, 400 for what is none
//	GET  apps/{id}/appattempts  200
//	GET  apps/{id}/state        200
//	PUT  apps/{id}/state        202 while the application ends, 200 once it has; 403 for another's
//	GET  apps?…                 200; no application is {"apps":{}}. finishedTimeBegin leaves out what lives;
//	                            limit cuts the list anywhere
//	GET  info, metrics, scheduler
//
// A caller is who user.name says. One without a name may read; a change is 401.
// An unknown queue is no refusal: the application becomes FAILED. Beyond a number
// of them, ended applications are forgotten, the oldest first, and their ids are
// as good as new. Ids of an earlier start are taken like any other.
//
// # Life of an application
//
//	NEW_SAVING → SUBMITTED → ACCEPTED → RUNNING → FINISHED
//	any of them → FAILED, KILLED
//
// What is in NEW_SAVING or SUBMITTED is lost in a restart, even with recovery.
package yarnsim
