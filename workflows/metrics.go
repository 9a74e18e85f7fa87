package workflows

import (
	"strconv"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/job"
)

// Metrics that jobs count. They go through the SDK's handler, which is silent while a
// history is replayed, so whichever worker goes on with a job counts what is new.
const (
	// MetricFinished counts jobs when their end has been reported, by cluster, kind,
	// outcome and class.
	MetricFinished = "stoker_jobs_finished_total"
	// MetricPhase times each stay in a phase, by cluster and phase, when it ends.
	MetricPhase = "stoker_job_phase_duration_seconds"
	// MetricLaunches counts answers to launches, by cluster and result.
	MetricLaunches = "stoker_launches_total"
)

// TagOnce is a tag that tells one count from any other. A workflow that is queried may run
// ahead over events of which the task has yet to come, live to the SDK; that task then counts
// the same again.
const TagOnce = "once"

// The results of launches.
const (
	// LaunchStarted: the application was sent.
	LaunchStarted = "started"
	// LaunchBusy: the cluster is at its limit, or drained; the job asks again.
	LaunchBusy = "busy"
	// LaunchRevoked: the attempt was ended, or its time was over, before it was sent.
	LaunchRevoked = "revoked"
	// LaunchFailed: it was not sent.
	LaunchFailed = "failed"
	// LaunchUnknown: nobody can tell whether it was sent.
	LaunchUnknown = "unknown"
)

// LaunchResults lists them.
func LaunchResults() []string {
	return []string{LaunchStarted, LaunchBusy, LaunchRevoked, LaunchFailed, LaunchUnknown}
}

// stay is how long a job is in a phase.
type stay struct {
	phase job.Phase
	since time.Time
}

// metricCluster is the cluster as a label. A job that is not valid may name any.
func (b *batchJob) metricCluster() string {
	if !b.valid {
		return ""
	}
	return b.spec.Cluster
}

// counting is the handler for one count.
func (b *batchJob) counting(ctx workflow.Context, tags map[string]string) client.MetricsHandler {
	b.counts++
	tags[TagOnce] = workflow.GetInfo(ctx).WorkflowExecution.RunID + "/" + strconv.Itoa(b.counts)
	tags["cluster"] = b.metricCluster()
	return workflow.GetMetricsHandler(ctx).WithTags(tags)
}

// timePhase ends the stay in a phase when another begins.
func (b *batchJob) timePhase(ctx workflow.Context, next job.Phase) {
	if b.stay.phase == next {
		return
	}
	now := workflow.Now(ctx)
	if !b.stay.since.IsZero() { // else it began in a version that did not carry it on
		b.counting(ctx, map[string]string{"phase": string(b.stay.phase)}).
			Timer(MetricPhase).Record(max(now.Sub(b.stay.since), 0))
	}
	b.stay = stay{next, now}
}

func (b *batchJob) countLaunch(ctx workflow.Context, result string) {
	b.counting(ctx, map[string]string{"result": result}).Counter(MetricLaunches).Inc(1)
}

// countEnd counts the job's end once it will not change any more. An end that was on
// record already was counted then.
func (b *batchJob) countEnd(ctx workflow.Context) {
	if b.settled {
		return
	}
	b.counting(ctx, map[string]string{
		"kind": string(b.spec.Kind), "outcome": string(b.outcome.Result), "class": string(b.outcome.Class),
	}).Counter(MetricFinished).Inc(1)
}
