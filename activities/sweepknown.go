package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strconv"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/spark"
)

// SweepInterruptedInput names a workflow that no longer looks after its job.
type SweepInterruptedInput struct {
	WorkflowID string `json:"workflowId"`
}

// SweepInterrupted reads what such a workflow knew. It only reads.
func (s *Sweep) SweepInterrupted(ctx context.Context, in SweepInterruptedInput) (InterruptedJob, error) {
	defer beat(ctx, nil)()
	found, err := s.temporal.Interrupted(ctx, in.WorkflowID)
	return found, classify(err)
}

// SweepFindInput names a job whose history is lost.
type SweepFindInput struct {
	Cluster string `json:"cluster"`
	// Job is its name.
	Job string `json:"job"`
}

// SweepFindResult is its last attempt; 0 is none.
type SweepFindResult struct {
	Attempt     int    `json:"attempt"`
	Application string `json:"application,omitempty"`
	// Sent: a request that launches it may have gone out.
	Sent bool `json:"sent,omitempty"`
}

// SweepFind looks for the last attempt of a job that was reserved. Another namespace than
// the one on record is a conflict: the job may be looked after there. It only reads.
func (s *Sweep) SweepFind(ctx context.Context, in SweepFindInput) (SweepFindResult, error) {
	defer beat(ctx, nil)()
	var result SweepFindResult
	cluster, err := s.clusters.of(in.Cluster)
	if err != nil {
		return result, classify(err)
	}
	if _, err := s.sameNamespace(ctx, cluster, false); err != nil {
		return result, classify(err)
	}
	numbers, err := listDirs(ctx, cluster.Stores.Default, path.Join(cluster.Root, in.Job))
	if err != nil {
		return result, classify(err)
	}
	for _, number := range numbers {
		n, err := strconv.Atoi(number)
		if err != nil || n <= result.Attempt {
			continue
		}
		reservation, err := readReservation(ctx, cluster, job.AttemptOf(in.Job, n))
		if err != nil {
			return result, classify(err)
		}
		if reservation != nil && reservation.Installation == cluster.Installation {
			result = SweepFindResult{Attempt: n, Application: reservation.Application}
		}
	}
	if result.Attempt > 0 {
		id, err := identify(ctx, cluster, job.AttemptOf(in.Job, result.Attempt))
		if err != nil {
			return result, classify(err)
		}
		result.Application = cmp.Or(id, result.Application)
		intent := path.Join(spark.JobDir(cluster.Root, job.AttemptOf(in.Job, result.Attempt)), spark.FileIntent)
		switch _, err := cluster.Stores.Default.Stat(ctx, intent); {
		case err == nil:
			result.Sent = true
		case !errors.Is(err, fs.ErrNotExist):
			return result, classify(storeError("look for "+intent, err))
		}
	}
	return result, nil
}

// SweepAdoptInput names an attempt that Temporal does not know.
type SweepAdoptInput struct {
	Cluster string      `json:"cluster"`
	Attempt job.Attempt `json:"attempt"`
}

// SweepUnknownResult is what an attempt's directory says of a job that Temporal does not
// know.
type SweepUnknownResult struct {
	// Key is zero if the job's name does not tell it. Its document does, if it has one.
	Key job.Key `json:"key,omitzero"`
	// Request of a job that was handed to Stoker itself, nil if it was never staged.
	Request *job.Request `json:"request,omitempty"`
	// Spec is what the request says by itself.
	Spec job.Spec `json:"spec,omitzero"`
	// Outcome on record, nil if there is none.
	Outcome *job.Outcome `json:"outcome,omitempty"`
}

// SweepUnknown reads what is left of a job that Temporal does not know. It only reads.
func (s *Sweep) SweepUnknown(ctx context.Context, in SweepAdoptInput) (SweepUnknownResult, error) {
	defer beat(ctx, nil)()
	cluster, err := s.clusters.of(in.Cluster)
	if err != nil {
		return SweepUnknownResult{}, classify(err)
	}
	result, err := unknown(ctx, cluster, in.Attempt)
	return result, classify(err)
}

func unknown(ctx context.Context, cluster Cluster, attempt job.Attempt) (SweepUnknownResult, error) {
	var result SweepUnknownResult
	if key, ok := job.ParseName(attempt.Job); ok {
		result.Key = key
	}
	result.Spec.Cluster = cluster.Name
	name := path.Join(spark.JobDir(cluster.Root, attempt), spark.FileRequest)
	data, err := readFile(ctx, cluster.Stores.Default, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return result, storeError("read "+name, err)
	default:
		if err := json.Unmarshal(data, &result.Request); err != nil || result.Request == nil {
			return result, job.Errorf(job.CodeInvalid, "%s says nothing of job %s", name, attempt.Job)
		}
		result.Spec = jobspec.Header(*result.Request)
	}
	record, err := cluster.Logs.Record(ctx, attempt.Job)
	if err == nil && record != nil {
		result.Outcome = &record.Outcome
	}
	return result, err
}

// SweepAdoptResult says what became of a job that Temporal does not know.
type SweepAdoptResult struct {
	// Adopted: it has a workflow.
	Adopted bool `json:"adopted,omitempty"`
	// Unstaged: nothing says any more what it was, and so it was never launched.
	Unstaged bool `json:"unstaged,omitempty"`
}

// SweepAdopt starts a workflow that goes on with a job that Temporal does not know. One
// that is there already is no error; one whose name does not tell its key is left to
// those who know its document.
func (s *Sweep) SweepAdopt(ctx context.Context, in SweepAdoptInput) (SweepAdoptResult, error) {
	defer beat(ctx, nil)()
	cluster, err := s.clusters.of(in.Cluster)
	if err != nil {
		return SweepAdoptResult{}, classify(err)
	}
	left, err := unknown(ctx, cluster, in.Attempt)
	switch {
	case err != nil:
		return SweepAdoptResult{}, classify(err)
	case left.Key == job.Key{}:
		return SweepAdoptResult{}, nil
	case left.Key.Source == job.SourceAPI && left.Request == nil:
		return SweepAdoptResult{Unstaged: true}, nil
	}
	err = s.temporal.Adopt(ctx, left.Key, left.Request)
	return SweepAdoptResult{Adopted: err == nil}, classify(err)
}
