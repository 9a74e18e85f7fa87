// Package logs reads what the master of a YARN application wrote: stdout, stderr
// or any other file of its container's log directory, while it runs and
// afterwards. On which cluster, and as whom, is said by Options; submitting and
// following applications is done by package rm.
//
// # Where a log lies
//
//	the container is …   the log is …                      it is served by
//	running              on the node's disk                its NodeManager
//	ended                there, until aggregation is done   its NodeManager
//	aggregated           in a TFile per node, in HDFS       the history server; HDFS itself
//
// A NodeManager deletes its copy only after the aggregated file is complete, so
// whoever asks it first and the others then finds every byte: that is the order as
// long as the ResourceManager does not say that aggregation succeeded. The
// aggregated file appears under its name before its last bytes, and all its copies
// say how long a log is; nothing shorter is taken for the whole.
//
// # Wire contract
//
//	NodeManager   GET /ws/v1/node/containerlogs/{container}/{file}?size=N     a frame
//	              GET /ws/v1/node/containers/{container}/logs                 a list
//	history       GET /ws/v1/history/containers/{container}/logs              a list
//	              GET /ws/v1/history/containerlogs/{container}/{file}?size=N  a frame per part
//	              GET /ws/v1/history/aggregatedlogs?appid={application}       a list
//
// A frame is a header that ends with LogLength and LogContents, the content, and a
// trailer (org.apache.hadoop.yarn.logaggregation.LogToolUtils). LogLength is the
// length of the file whatever was asked for; a positive size is the first N bytes,
// a negative one the last N, and there is no offset. What a NodeManager does not
// have it redirects (307) to a path that the history server does not serve, so no
// redirect is followed. The history server answers 503 or 404 for what is not
// there. The shapes of lists differ between versions; see list.
//
// Sources: NMWebServices, HsWebServices, LogServlet, LogAggregationTFileController
// of Hadoop 3.3 to 3.5.
//
// # Errors
//
// All but those of a writer are job.Error.
//
//	code          retry  when
//	invalid       no     a stream's name or an id that is none; aggregated logs that no option leads to
//	unauthorized  no     the caller may not see this log
//	not_found     no     there is no such log and will be none: NoLogError; an unknown application
//	unavailable   yes    not there yet; a server that is down, slow or talks nonsense
package logs
