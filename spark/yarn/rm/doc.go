// Package rm is a client of the REST API of YARN's ResourceManager,
// /ws/v1/cluster: reserve an id, submit an application, follow it, kill it. What
// a Spark application consists of does not belong here (see submission), nor do
// files and logs.
//
// # Wire contract
//
// Requests with a body are XML, which every Hadoop of the 3.x line reads alike;
// replies are JSON, read tolerantly, because their shapes differ between
// versions: a list of one may be an object, an empty one null, {} or missing, a
// number a string.
//
//	call            request                            reply
//	NewApplication  POST apps/new-application          200, an id that nobody else gets
//	Submit          POST apps                          202, also for an id submitted before
//	Application     GET  apps/{id}                     200
//	Attempts        GET  apps/{id}/appattempts         200
//	List            GET  apps?…                        200
//	Kill            PUT  apps/{id}/state               202 while it ends, 200 once it has
//	Info            GET  info                          200, from standbys too
//	Scheduler       GET  scheduler                     200
//	Metrics         GET  metrics                       200
//
// A reserved id is recorded nowhere and never expires. Submitting the same id
// twice starts one application; the ResourceManager does not compare user or
// content, so whoever submits again must look at what is there (Application).
//
// # Errors
//
// All are job.Error; the column says whether the same call may succeed later.
//
//	code          retry  when
//	invalid       no     400: the ResourceManager's own explanation is in the message
//	unauthorized  no     401, 403; ErrSubmissionDisabled if REST submission is switched off
//	not_found     no     404 from a ResourceManager that says so; any other 404 is unavailable
//	unavailable   yes    everything else: no answer, no active ResourceManager, 5xx, a reply that is none
//
// # High availability
//
// With several addresses one ResourceManager is active. A standby answers 307, with
// or without a Location, or 200 with the text "There is no active RM". No redirect is
// followed: the addresses are tried in turn, beginning with the one that answered
// last. All calls may be sent twice, POSTs included.
package rm
