package activities

import (
	"context"
	"errors"
	"slices"

	"go.temporal.io/sdk/activity"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// ReportEnd makes the final report of a job with the content of its outputs and
// its logs, which it archives. The source keeps how a job ended, so a repeated report
// is harmless.
func (t *Transfer) ReportEnd(ctx context.Context, in ReportInput) (ReportResult, error) {
	cluster, err := t.clusters.of(in.Cluster)
	if err != nil {
		return ReportResult{}, classify(err)
	}
	source, err := t.sources.of(in.Key)
	if err != nil {
		return ReportResult{}, classify(err)
	}
	defer beat(ctx, nil)()
	report := in.report()
	if in.Outcome.Succeeded() {
		if report.Outputs, err = collectedOutputs(ctx, cluster, in.Attempt); err != nil {
			// A run that is reset after its end finds its outputs reported and
			// cleaned away.
			if now, loadErr := source.Load(ctx, job.Ref{ID: in.Key.ID}); loadErr == nil && now.Standing.State != job.StandingOpen {
				return ReportResult{Standing: capStanding(now.Standing)}, nil
			}
			return ReportResult{}, classify(err)
		}
	}
	stdout, stderr := source.LogLimits()
	wanted := stdout.Bytes > 0 || stderr.Bytes > 0
	if wanted {
		t.attachLogs(ctx, cluster, in.Attempt, &report, stdout, stderr)
	}
	standing, err := source.Report(ctx, in.Key.ID, report)
	if err == nil && !wanted {
		// Nobody waits for these logs, so the end is told first.
		_, _ = t.archiveLogs(ctx, cluster, in.Attempt, false) // it says so itself, and CLEAN tries again
	}
	return ReportResult{Standing: capStanding(standing)}, classifySource(err)
}

func collectedOutputs(ctx context.Context, cluster Cluster, attempt job.Attempt) ([]job.CollectedOutput, error) {
	dir := spark.JobDir(cluster.Root, attempt)
	record, err := readStaged(ctx, cluster.Stores.Default, dir)
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, job.Errorf(job.CodeInternal, "the staging record of %s is gone before the final report", attempt)
	}
	outputs := make([]job.CollectedOutput, 0, len(record.Outputs))
	for i, output := range record.Outputs {
		content, err := readAtMost(ctx, cluster.Stores.Default, collectedPath(dir, i), cluster.Limits.OutputBytes)
		if err != nil {
			return nil, storeError("read the collected output "+output.FileName, err)
		}
		outputs = append(outputs, job.CollectedOutput{Index: output.Index, FileName: output.FileName, Content: content})
	}
	return outputs, nil
}

// EndOnRecord reads how a job ended in an earlier history. It only reads.
func (t *Transfer) EndOnRecord(ctx context.Context, in EndOnRecordInput) (EndOnRecordResult, error) {
	cluster, err := t.clusters.of(in.Cluster)
	if err != nil {
		return EndOnRecordResult{}, classify(err)
	}
	defer beat(ctx, nil)()
	record, err := cluster.Logs.Record(ctx, in.Job)
	if err != nil || record == nil {
		return EndOnRecordResult{}, classify(err)
	}
	return EndOnRecordResult{
		Outcome: &record.Outcome, Application: record.Application, Attempts: record.Attempts,
		WaitingAt: record.WaitingAt, RunningAt: record.RunningAt, EndedAt: record.EndedAt,
	}, nil
}

// keep puts a record into the log store, unless it is only that of a repetition.
func keep(ctx context.Context, cluster Cluster, record job.Record, endedBefore bool) error {
	if endedBefore {
		if before, err := cluster.Logs.Record(ctx, record.ID); err != nil || before != nil {
			return err
		}
	}
	return putRecord(ctx, cluster, record)
}

// putRecord leaves out of a record that is too large what is large: it will never fit. A
// job that is remembered without what it asked for is better than one that is forgotten,
// whose key is free again.
func putRecord(ctx context.Context, cluster Cluster, record job.Record) error {
	err := cluster.Logs.PutRecord(ctx, record)
	if job.CodeOf(err) != job.CodeInvalid || record.Request == nil {
		return err
	}
	short := *record.Request
	short.Spec = nil
	record.Request = &short
	record.Outcome.Notes = append(slices.Clone(record.Outcome.Notes), "what the job asked for was too large to be kept: it cannot be run again from its record")
	if err = cluster.Logs.PutRecord(ctx, record); job.CodeOf(err) != job.CodeInvalid {
		return err
	}
	record.Spec.Labels, record.Spec.Name = nil, job.Head(record.Spec.Name, job.MaxWord)
	return cluster.Logs.PutRecord(ctx, record)
}

// Archive keeps the record of a job. Done again it replaces it.
func (t *Transfer) Archive(ctx context.Context, in ArchiveInput) error {
	cluster, err := t.clusters.of(in.Cluster)
	if err != nil {
		return classify(err)
	}
	defer beat(ctx, nil)()
	return classify(keep(ctx, cluster, in.Record, in.EndedBefore))
}

// Clean deletes what the attempt left, except the markers of the launch
// protocol, once its logs and the job's record are archived. Nothing there is no
// error.
func (t *Transfer) Clean(ctx context.Context, in CleanInput) error {
	cluster, err := t.clusters.of(in.Cluster)
	if err != nil {
		return classify(err)
	}
	defer beat(ctx, nil)()
	_, err = t.archiveLogs(ctx, cluster, in.Attempt, true)
	var unkept error
	if in.Record != nil {
		unkept = keep(ctx, cluster, *in.Record, in.EndedBefore)
	}
	never := job.CodeOf(unkept) == job.CodeInvalid
	if !never {
		err = errors.Join(err, unkept)
	}
	if err != nil && activity.GetInfo(ctx).Attempt < storeTries {
		return failure(err, job.CodeUnavailable, false)
	}
	if err != nil {
		activity.GetLogger(ctx).Error("cleaning without an archive", "job", in.Attempt.Job, "cluster", in.Cluster, "error", err)
	}
	err = cluster.Manager.Release(ctx, in.Attempt)
	if job.CodeOf(err) == job.CodeConflict {
		// The application is not gone yet; that passes.
		return failure(err, job.CodeUnavailable, false)
	}
	if err == nil && never {
		return classify(job.Errorf(job.CodeInvalid, "the job was cleaned, but its record can never be kept: %w", unkept))
	}
	if err == nil && unkept != nil {
		// That may have made room. Without its record the job would be forgotten, and its key
		// free again, so this is not given up.
		err = keep(ctx, cluster, *in.Record, in.EndedBefore)
		return failureOrNil(err)
	}
	return classify(err)
}

func failureOrNil(err error) error {
	if err == nil {
		return nil
	}
	return failure(err, job.CodeUnavailable, false)
}
