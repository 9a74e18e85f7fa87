// Package modelmanage speaks with ModelOp's model-manage: it lists and reads
// job documents, turns a document into a [job.Spec] and a [job.Manifest], and
// reports a job's progress and end back. Staging files, launching Spark and
// deciding an outcome do not belong here.
//
// # Wire contract
//
// The service is Spring Data REST over MongoDB. It publishes no interface
// description, so every path and habit is configuration (see [Config]) and
// decoding is tolerant: unknown fields are kept, missing ones are empty, and
// links in replies are never followed because they lack the gateway's prefix.
//
//	call        request                                   idempotent because
//	List        GET   {prefix}/{jobs}?page=&size=&sort=    it reads
//	            GET   {prefix}/{search}?{parameter}=S&…    it reads
//	Get         GET   {prefix}/{jobs}/{id}                 it reads
//	Report      GET, then PATCH or PUT {prefix}/{item}/{id} status rank, lines and content are compared first
//
// Writes carry If-Match with the ETag of the reading before, where the server
// sends one. A reply of 200 is read and checked; after a 204 the document is
// read again.
//
//	reply                                       job.Code      retry
//	404 of model-manage itself                  not_found     no
//	400, 405, 415, 422 and other 4xx            invalid       no
//	401, 403                                    unauthorized  yes: it delays a job, it loses nothing
//	409, 412 after several re-readings          conflict      yes
//	408, 425, 429, 5xx, any redirect, a network
//	error, a time-out, HTML, truncated JSON     unavailable   yes
//
// # Fields that Stoker writes
//
//	jobStatus, jobResult, jobMessages (complete array), jobWaitTime, jobRunTime,
//	jobEndTime (epoch milliseconds), lastUpdateFromRuntime (ISO 8601),
//	jobParameters.SPARK_APPLICATION_ID, jobParameters.TMP_EXTERNAL_OUTPUT while
//	the job runs, and with COMPLETE outputData (complete array) with fileContent
//	and fileSize of the collected outputs.
//
// A terminal document keeps its status and content, whoever wrote them.
package modelmanage
