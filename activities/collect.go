package activities

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"go.temporal.io/sdk/activity"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store/parts"
)

// Collect gathers each embedded output, a file or Spark's directory of parts,
// into one file in the job directory. Sizes are checked before anything is
// written. Done again it gathers again.
func (t *Transfer) Collect(ctx context.Context, in CollectInput) (CollectResult, error) {
	cluster, err := t.clusters.of(in.Cluster)
	if err != nil {
		return CollectResult{}, classify(err)
	}
	var done progress
	defer beat(ctx, &done)()
	dir := spark.JobDir(cluster.Root, in.Attempt)
	record, err := readStaged(ctx, cluster.Stores.Default, dir)
	if err != nil {
		return CollectResult{}, classify(err)
	}
	if record == nil {
		return CollectResult{}, classify(job.Errorf(job.CodeNotFound, "the staging record of %s is gone", in.Attempt))
	}
	result, err := measureOutputs(ctx, cluster, record.Outputs)
	if err != nil || len(result.Problems) > 0 {
		return result, classify(err)
	}
	for i, output := range record.Outputs {
		_, err := parts.CollectTo(ctx, cluster.Stores.Default, output.Path,
			cluster.Stores.Default, collectedPath(dir, i), modeFile, parts.Options{
				Name: output.FileName, Format: output.Format, Header: cluster.Header,
				MaxBytes: cluster.Limits.OutputBytes, Progress: func(n int64) { done.bytes.Store(n) },
			})
		problem, err := outputProblem(output, err, activity.GetInfo(ctx).Attempt)
		if err != nil {
			return CollectResult{}, classify(err)
		}
		if problem != "" {
			result.Problems = append(result.Problems, problem)
		}
	}
	result.Problems = capProblems(result.Problems)
	return result, nil
}

func collectedPath(dir string, i int) string {
	return path.Join(dir, spark.DirCollected, strconv.Itoa(i))
}

// measureOutputs finds missing and oversized outputs before any is written.
func measureOutputs(ctx context.Context, cluster Cluster, outputs []stagedOutput) (CollectResult, error) {
	var result CollectResult
	for _, output := range outputs {
		size, err := parts.Measure(ctx, cluster.Stores.Default, output.Path)
		if err == nil && size.Bytes > cluster.Limits.OutputBytes {
			err = &parts.TooLargeError{Name: output.FileName, Size: size.Bytes, Limit: cluster.Limits.OutputBytes}
		}
		problem, err := outputProblem(output, err, activity.GetInfo(ctx).Attempt)
		if err != nil {
			return CollectResult{}, err
		}
		if problem != "" {
			result.Problems = append(result.Problems, problem)
		}
		result.Bytes += size.Bytes
	}
	if result.Bytes > cluster.Limits.OutputsBytes && len(result.Problems) == 0 {
		result.Problems = []string{fmt.Sprintf("the embedded outputs hold %d bytes together, more than the %d that one job may embed; write them to a URL",
			result.Bytes, cluster.Limits.OutputsBytes)}
	}
	result.Problems = capProblems(result.Problems)
	return result, nil
}

// changeTries is how often an output that changes while it is read is tried: the
// application has ended, so what writes it will not end by itself.
const changeTries = 3

// outputProblem separates what is wrong with an output, which fails the job,
// from what is wrong with the store, which is retried.
func outputProblem(output stagedOutput, err error, tries int32) (string, error) {
	switch {
	case err == nil:
		return "", nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("output %d (%s) was not written", output.Index+1, output.FileName), nil
	case errors.Is(err, parts.ErrChanged) && tries >= changeTries:
		return fmt.Sprintf("output %d (%s): %s", output.Index+1, output.FileName, err), nil
	case errors.Is(err, fs.ErrPermission), job.CodeOf(err) == job.CodeInvalid:
		return fmt.Sprintf("output %d (%s): %s", output.Index+1, output.FileName, err), nil
	}
	return "", storeError("collect "+output.FileName, err)
}
