// Package eventlog tells how far a Spark application is by the log of events that
// its driver writes. It needs no port of the driver's, and no web UI.
//
// # Wire contract
//
// Spark writes one file for each SparkContext: "<application id>.inprogress", which
// loses its ending when the context is stopped, with a JSON object in each line
// whose first field is the name of the event:
//
//	event                        fields that count
//	SparkListenerJobStart        Job ID, Stage Infos: Stage ID, Number of Tasks
//	SparkListenerStageSubmitted  Stage Info: Stage ID
//	SparkListenerTaskStart       Stage ID
//	SparkListenerTaskEnd         Stage ID, Task End Reason: Reason
//	SparkListenerStageCompleted  Stage Info: Stage ID, Failure Reason
//	SparkListenerJobEnd          Job ID, Job Result: Result
//
// All other events are passed over. Spark flushes the file at the beginning and end
// of jobs and at the end of stages, and whenever 8 KiB have come together: a few
// tasks. So of a stage with few, long tasks nothing is seen to run.
//
// Sources: EventLoggingListener, EventLogFileWriters, JsonProtocol and, for what is
// counted how, AppStatusListener of Spark 3.5.
package eventlog
