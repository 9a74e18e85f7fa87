package activities

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"go.temporal.io/sdk/activity"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// ReportEnd makes the final report of a job with the content of its outputs and
// its logs, read at the cluster. The source keeps how a job ended, so a
// repeated report is harmless.
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
			if now, loadErr := source.Load(ctx, in.Key.ID); loadErr == nil && now.Standing.State != job.StandingOpen {
				return ReportResult{Standing: capStanding(now.Standing)}, nil
			}
			return ReportResult{}, classify(err)
		}
	}
	stdout, stderr := source.LogLimits()
	if report.Stdout, err = readLog(ctx, cluster, in.Attempt, "stdout", stdout); err == nil {
		report.Stderr, err = readLog(ctx, cluster, in.Attempt, "stderr", stderr)
	}
	if err != nil && activity.GetInfo(ctx).Attempt < logTries {
		return ReportResult{}, classify(err)
	}
	if err != nil {
		report.Outcome.Notes = append(slices.Clone(report.Outcome.Notes), "the logs could not be read: "+job.Head(err.Error(), job.MaxWord))
	}
	standing, err := source.Report(ctx, in.Key.ID, report)
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

// logTries is how often a report waits for logs, which a cluster may gather only
// after the end: how a job ended is told without them rather than not at all.
const logTries = 6

// readLog reads as much of a log as the source wants. A log that is not there
// is empty: an application may never have been launched.
func readLog(ctx context.Context, cluster Cluster, attempt job.Attempt, stream string, limit job.LogLimit) (string, error) {
	if limit.Bytes <= 0 {
		return "", nil
	}
	offset := int64(0)
	if limit.Tail {
		offset = -int64(limit.Bytes)
	}
	data, _, err := cluster.Manager.Logs(ctx, attempt, stream, offset, limit.Bytes)
	if errors.Is(err, fs.ErrNotExist) || job.CodeOf(err) == job.CodeNotFound {
		return "", nil
	}
	return string(data), err
}

// Clean deletes what the attempt left, except the markers of the launch
// protocol. Nothing there is no error.
func (t *Transfer) Clean(ctx context.Context, in CleanInput) error {
	cluster, err := t.clusters.of(in.Cluster)
	if err != nil {
		return classify(err)
	}
	defer beat(ctx, nil)()
	err = cluster.Manager.Release(ctx, in.Attempt)
	if job.CodeOf(err) == job.CodeConflict {
		// The application is not gone yet; that passes.
		return failure(err, job.CodeUnavailable, false)
	}
	return classify(err)
}
