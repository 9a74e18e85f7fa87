// Package simulator is a model-manage that behaves like the Spring Data REST
// service behind ModelOp Center, for tests and for the development stack. It
// holds job documents, speaks HAL, and adds a control plane under /sim with
// which a test injects faults and reads what was written when.
//
// It knows nothing of Spark, Temporal or the client under test: a rule belongs
// here when the real service shows it on the wire.
//
// # Wire contract
//
// The base is /model-manage/api. Collections are jobs, and by jobType
// modelBatchJob, modelBatchTestJob and modelBatchTrainingJob; the latter three
// answer 404 for a job of another type.
//
//	request                         replies
//	POST   /jobs                    201 + Location + ETag "0"; 400 no JSON object; 409 id taken
//	GET    /{collection}            200, a page: ?page, ?size (20, at most 1000), ?sort=field,asc|desc
//	GET    /jobs/search/findAllByJobStatus?jobStatus=S    200, a page
//	GET    /{collection}/{id}       200 + ETag "version"; 304 If-None-Match holds
//	PUT    /{collection}/{id}       204, or 200 and the document; a field not sent becomes null
//	PATCH  /{collection}/{id}       204, or 200 and the document; see [ArrayMode]
//	DELETE /{collection}/{id}       204, or 200 and the document that was
//
// Without an Accept header a write answers without a body, with any it answers
// with one. Every write to an item obeys If-Match: a stale one is 412, and the
// ETag of that reply is the one the client sent, not the current one. A missing
// id is 404 without a body, a method not listed 405, a body that cannot be read
// or applied 400, a Content-Type that is not JSON 415. A document past MongoDB's
// 16 MiB is 500, as the driver's exception surfaces in the real service.
//
// Every write raises version by one and renews lastModifiedDate. The id, version
// and _links of a body are ignored. A merge patch stores null as null; only a
// JSON Patch remove, or the empty object sent for a free-form map, drops a key.
//
// Links in replies lack the gateway prefix /model-manage, as they do in reality:
// following one through the gateway is a 404.
//
// # Control plane
//
//	GET            /sim/jobs/{id}/revisions   every [Revision] of a job, oldest first
//	GET|PUT|DELETE /sim/faults                the list of [Fault] rules
//	GET|DELETE     /sim/requests              requests to model-manage by method and route
//	PUT            /sim/token                 {"token":"..."}: the bearer token asked for; empty for none
//	GET            /healthz                   200
//
// Faults, counting and the token apply to /model-manage only.
package simulator
