package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// collect decides how an ended application ended, gathering its embedded
// outputs first if it may have succeeded. A cancel that comes in meanwhile is
// too late and only noted.
func (b *batchJob) collect(ctx workflow.Context) job.Outcome {
	if b.observation.Released {
		return b.onRecord(ctx)
	}
	evidence := job.Evidence{Observation: b.observation, PythonDriver: b.spec.PythonDriver}
	outcome := job.Decide(evidence)
	if !outcome.Succeeded() {
		return outcome
	}
	b.enter(ctx, job.PhaseCollecting)
	if b.spec.EmbeddedOutputs > 0 {
		var result activities.CollectResult
		err := b.throughOutages(ctx, func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(
				transferOptions(ctx, b.spec.Cluster, "collect embedded outputs"), transfer.Collect,
				activities.CollectInput{Cluster: b.spec.Cluster, Attempt: b.jobAttempt()},
			).Get(ctx, &result)
		})
		if codeOf(err) == job.CodeNotFound {
			return b.onRecord(ctx)
		}
		if err != nil {
			return job.Failed(job.ClassInfrastructure, job.PhaseCollecting,
				"the application succeeded, but its outputs could not be collected: %s", cause(err))
		}
		evidence.CollectProblems = result.Problems
		outcome = job.Decide(evidence)
	}
	if b.stop.asked() && outcome.Succeeded() {
		outcome.Notes = append(outcome.Notes, b.stop.words()+", but the application had already succeeded")
	}
	return outcome
}

// onRecord is the outcome of an application whose files were cleaned already: a
// reset took this history back, and the source keeps how the job ended. Of a job that
// was handed to Stoker itself only its own record does.
func (b *batchJob) onRecord(ctx workflow.Context) job.Outcome {
	b.repeated = true
	if b.request != nil && workflow.GetVersion(ctx, changeRecord, workflow.DefaultVersion, 1) == 1 {
		if outcome := b.recorded(ctx); outcome != nil {
			return *outcome
		}
	}
	var loaded activities.LoadResult
	options := registryOptions(ctx, "look up the end on record")
	err := workflow.ExecuteActivity(options, registry.Load, activities.LoadInput{Key: b.key, Request: b.request}).Get(ctx, &loaded)
	if err == nil && loaded.Standing.State != job.StandingOpen {
		b.settled = true
		return *endedBefore(loaded.Standing, b.phase, "its files were cleaned away")
	}
	return job.Failed(job.ClassInfrastructure, job.PhaseCollecting,
		"the application's files were cleaned away, and its job has no end on record")
}

// changeRecord is the version marker of histories that look for the job's own record.
const changeRecord = "end-on-record"

// recorded is how the job ended by its own record, nil if there is none.
func (b *batchJob) recorded(ctx workflow.Context) *job.Outcome {
	var end activities.EndOnRecordResult
	err := b.throughOutages(ctx, func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(transferOptions(ctx, b.spec.Cluster, "look up the end on record"), transfer.EndOnRecord,
			activities.EndOnRecordInput{Cluster: b.spec.Cluster, Job: b.key.Name()}).Get(ctx, &end)
	})
	if err != nil {
		b.log.Error("the record could not be read", "error", err)
	}
	if err != nil || end.Outcome == nil {
		return nil
	}
	b.settled = true
	b.attempt, b.application, b.sent = max(end.Attempts, b.attempt), end.Application, end.Application != ""
	b.waitingAt, b.runningAt, b.endedAt = end.WaitingAt, end.RunningAt, end.EndedAt
	return end.Outcome
}

// killTimeout bounds one Kill: the grace of the process group and the look that
// confirms it.
const killTimeout = 2 * time.Minute

// kill ends the attempt's application and reports whether that is confirmed.
func (b *batchJob) kill(ctx workflow.Context, reason string) bool {
	err := b.throughOutages(ctx, func(ctx workflow.Context) error {
		ctx = controlOptions(ctx, b.spec.Cluster, "kill the application and confirm", killTimeout)
		return workflow.ExecuteActivity(ctx, control.Kill, activities.KillInput{
			Cluster: b.spec.Cluster, Attempt: b.jobAttempt(), Reason: reason,
		}).Get(ctx, nil)
	})
	if err != nil {
		b.log.Error("kill not confirmed", "app", b.application, "error", err)
		b.unconfirmed = true
		return false
	}
	return true
}

// endEarly is the one path of every cancel and deadline: revoke, kill, confirm
// gone, and only then say how the job ended.
func (b *batchJob) endEarly(ctx workflow.Context) job.Outcome {
	phase := b.phase
	b.log.Info("ending early", "phase", string(phase), "reason", b.stop.words())
	b.describe(ctx)
	if !b.reserved {
		return b.stop.outcome(phase)
	}
	// The outage clock starts anew: it is the kill that is waited for now.
	b.outageSince = time.Time{}
	confirmed := b.kill(ctx, b.stop.words())
	if confirmed {
		if observation, err := b.look(ctx); err == nil && observation.State.Terminal() {
			b.observation = observation
			b.noteEnd(observation)
			if observation.Released {
				return b.onRecord(ctx)
			}
			if observation.State == job.StateSucceeded {
				if outcome := b.collect(ctx); outcome.Succeeded() {
					return outcome
				}
			}
		}
	}
	outcome := b.stop.outcome(phase)
	if !confirmed {
		outcome.Notes = append(outcome.Notes,
			"kill not confirmed: the cluster could not be reached; the application may still run")
	}
	return outcome
}

// retire makes sure that the attempt is gone and takes its files away, so that
// another may follow.
func (b *batchJob) retire(ctx workflow.Context) bool {
	if !b.kill(ctx, "superseded by another attempt") {
		return false
	}
	return b.release(ctx, "clean the attempt before", nil) == nil
}

// conclude fixes the outcome: from here on a cancel is too late.
func (b *batchJob) conclude(ctx workflow.Context, outcome job.Outcome) {
	outcome.Message = job.Head(outcome.Message, job.MaxMessage)
	outcome.Traceback = job.Tail(outcome.Traceback, job.MaxTraceback)
	b.outcome = &outcome
	if b.endedAt.IsZero() {
		b.endedAt = workflow.Now(ctx)
	}
	b.obstacle = ""
	b.log.Info("outcome", "outcome", outcome.String(), "app", b.application)
}

// reportLimit bounds how long a final report is tried: after it the job closes
// without having been able to tell its source.
const reportLimit = 7 * 24 * time.Hour

// report tells the source how the job ended.
func (b *batchJob) report(ctx workflow.Context) {
	if b.settled {
		return
	}
	b.enter(ctx, job.PhaseReporting)
	b.reporter.finish(ctx)
	input := activities.ReportInput{
		Key: b.key, Milestone: job.MilestoneEnded, Application: b.launched(), Outcome: *b.outcome,
		WaitingAt: b.waitingAt, RunningAt: b.runningAt, EndedAt: b.endedAt,
		Cluster: b.spec.Cluster, Attempt: b.jobAttempt(),
	}
	var err error
	switch {
	case b.staged && b.outcome.Succeeded():
		// Content lies at the cluster's edge, so this waits for its worker.
		err = b.reportFromCluster(ctx, input, reportLimit)
		if codeOf(err) != job.CodeInvalid {
			break
		}
		// The source refuses the content for good. An end without it is told in its
		// place: a job must not stay open for ever.
		b.log.Error("the outputs were refused", "error", err)
		failed := job.Failed(job.ClassInfrastructure, job.PhaseReporting,
			"the application succeeded, but the report of its outputs was refused: %s", cause(err))
		failed.Notes = b.outcome.Notes
		b.outcome, input.Outcome = &failed, failed
		fallthrough
	case b.staged:
		// The logs lie there too, but an end is better told without them than
		// not at all.
		if err = b.reportFromCluster(ctx, input, scheduleToStart); err != nil {
			err = b.reportCentrally(ctx, input)
		}
	default:
		err = b.reportCentrally(ctx, input)
	}
	if err != nil {
		b.log.Error("final report not delivered", "error", err)
		b.outcome.Notes = append(b.outcome.Notes, "the final report was not delivered: "+cause(err))
	}
}

// launched is the application's id if it may ever have been sent: an id that
// was only reserved would have people look for what never was.
func (b *batchJob) launched() string {
	if !b.sent {
		return ""
	}
	return b.application
}

func (b *batchJob) reportFromCluster(ctx workflow.Context, input activities.ReportInput, limit time.Duration) error {
	ctx = transferOptions(ctx, b.spec.Cluster, "final report")
	options := workflow.GetActivityOptions(ctx)
	options.ScheduleToStartTimeout = limit
	options.ScheduleToCloseTimeout = reportLimit
	options.RetryPolicy = &temporal.RetryPolicy{
		InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		MaximumAttempts: untilTimeout,
	}
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), transfer.ReportEnd, input).Get(ctx, nil)
}

func (b *batchJob) reportCentrally(ctx workflow.Context, input activities.ReportInput) error {
	ctx = registryOptions(ctx, "final report")
	options := workflow.GetActivityOptions(ctx)
	options.ScheduleToCloseTimeout = reportLimit
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), registry.Report, input).Get(ctx, nil)
}

// clean takes the job's files away. It never fails the job, and never touches
// the directory of an application that is not confirmed gone.
func (b *batchJob) clean(ctx workflow.Context) {
	if !b.reserved {
		if b.valid || b.request != nil || b.keepsInvalid(ctx) {
			b.archive(ctx)
		}
		return
	}
	b.enter(ctx, job.PhaseCleaning)
	if b.unconfirmed {
		b.cleanProblem = "the application was not confirmed gone; its directory is left"
		b.archive(ctx)
		return
	}
	record := b.record(ctx)
	if err := b.release(ctx, "archive, and clean the job directory", &record); err != nil {
		b.cleanProblem = cause(err)
		b.log.Error("not cleaned", "error", err)
	}
}

// changeInvalid is the version marker of histories that keep a record of an invalid
// document, too.
const changeInvalid = "record-of-invalid"

// keepsInvalid reports whether an invalid document's end is recorded: only a cluster that
// is known has a store for it.
func (b *batchJob) keepsInvalid(ctx workflow.Context) bool {
	return b.loaded && b.spec.Cluster != "" &&
		workflow.GetVersion(ctx, changeInvalid, workflow.DefaultVersion, 1) == 1
}

// archive keeps the record of a job whose directory is left as it is. A job that
// another service holds has its end there, and is not held up by a cluster without a
// worker; of a job that was handed to Stoker nothing else is left.
func (b *batchJob) archive(ctx workflow.Context) {
	record := b.record(ctx)
	ctx = transferOptions(ctx, record.Spec.Cluster, "archive the job's record")
	if b.request != nil {
		ctx = workflow.WithActivityOptions(ctx, patient(ctx))
	}
	err := workflow.ExecuteActivity(ctx, transfer.Archive,
		activities.ArchiveInput{Cluster: record.Spec.Cluster, Record: record, EndedBefore: b.settled || b.repeated}).Get(ctx, nil)
	if err != nil {
		b.log.Error("record not archived", "error", err)
		problem := "the job's record is not kept: " + cause(err)
		if b.cleanProblem != "" {
			problem = b.cleanProblem + "; " + problem
		}
		b.cleanProblem = problem
	}
}

// record is what is kept of the job.
func (b *batchJob) record(ctx workflow.Context) job.Record {
	info := workflow.GetInfo(ctx)
	spec := b.spec
	if !b.loaded && b.request != nil {
		spec = jobspec.Header(*b.request)
	}
	return job.Record{
		Version: job.RecordVersion, ID: b.key.Name(), Key: b.key, Spec: spec, Request: b.request, Outcome: *b.outcome,
		Application: b.launched(), Attempts: b.attempt, SubmittedAt: b.startedAt, RunAt: info.WorkflowStartTime,
		WaitingAt: b.waitingAt, RunningAt: b.runningAt, EndedAt: b.endedAt,
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
	}
}

// cleanLimit bounds how long cleaning is tried.
const cleanLimit = 24 * time.Hour

// patient are the options of an activity that is tried for as long as cleanLimit.
func patient(ctx workflow.Context) workflow.ActivityOptions {
	options := workflow.GetActivityOptions(ctx)
	options.ScheduleToStartTimeout = cleanLimit
	options.ScheduleToCloseTimeout = cleanLimit
	options.RetryPolicy = &temporal.RetryPolicy{
		InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute,
		MaximumAttempts: untilTimeout,
	}
	return options
}

func (b *batchJob) release(ctx workflow.Context, summary string, record *job.Record) error {
	ctx = transferOptions(ctx, b.spec.Cluster, summary)
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, patient(ctx)), transfer.Clean,
		activities.CleanInput{Cluster: b.spec.Cluster, Attempt: b.jobAttempt(), Record: record, EndedBefore: b.settled || b.repeated}).Get(ctx, nil)
}
