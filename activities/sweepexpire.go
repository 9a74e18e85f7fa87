package activities

import (
	"context"
	"path"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

// SweepExpireInput says what is old.
type SweepExpireInput struct {
	Cluster string `json:"cluster"`
	// Markers is how long the markers of a job outlive its workflow and its cleaning,
	// Artifacts how long an upload is kept after it was used last, Logs how long logs
	// and records are after the job; 0 keeps them for ever.
	Markers   time.Duration `json:"markers,omitempty"`
	Artifacts time.Duration `json:"artifacts,omitempty"`
	Logs      time.Duration `json:"logs,omitempty"`
}

// SweepExpireResult counts what was deleted.
type SweepExpireResult struct {
	Jobs      int `json:"jobs,omitempty"`
	Artifacts int `json:"artifacts,omitempty"`
	Logs      int `json:"logs,omitempty"`
}

// SweepExpire deletes what is old: markers of jobs, artifacts, logs. Done again it
// deletes what has become old since.
func (s *Sweep) SweepExpire(ctx context.Context, in SweepExpireInput) (SweepExpireResult, error) {
	defer beat(ctx, nil)()
	var result SweepExpireResult
	cluster, err := s.clusters.of(in.Cluster)
	if err != nil {
		return result, classify(err)
	}
	if in.Markers > 0 {
		if result.Jobs, err = s.expireMarkers(ctx, cluster, in.Markers); err != nil {
			return result, classify(err)
		}
	}
	if result.Artifacts, err = expireArtifacts(ctx, cluster, in.Artifacts); err != nil {
		return result, classify(err)
	}
	if in.Logs > 0 {
		if result.Logs, err = cluster.Logs.Expire(ctx, time.Now().Add(-in.Logs)); err != nil {
			return result, classify(err)
		}
	}
	return result, nil
}

// expireMarkers deletes the directories of jobs that are clean and long over.
func (s *Sweep) expireMarkers(ctx context.Context, cluster Cluster, keep time.Duration) (int, error) {
	attempts, err := attemptDirs(ctx, cluster)
	if err != nil {
		return 0, err
	}
	byJob := map[string][]job.Attempt{}
	var order []string
	for _, a := range attempts {
		if byJob[a.Job] == nil {
			order = append(order, a.Job)
		}
		byJob[a.Job] = append(byJob[a.Job], a)
	}
	deleted := 0
	for _, name := range order {
		over, err := s.over(ctx, cluster, byJob[name], keep)
		if err != nil {
			return deleted, err
		}
		if !over {
			continue
		}
		dir := path.Join(cluster.Root, name)
		if err := cluster.Stores.Default.RemoveAll(ctx, dir); err != nil {
			return deleted, storeError("delete "+dir, err)
		}
		deleted++
	}
	return deleted, nil
}

// over reports whether nothing of a job can need its markers any more: all its
// attempts are of this installation, clean and old, and so is its workflow.
func (s *Sweep) over(ctx context.Context, cluster Cluster, attempts []job.Attempt, keep time.Duration) (bool, error) {
	for _, a := range attempts {
		info, err := cluster.Stores.Default.Stat(ctx, spark.JobDir(cluster.Root, a))
		if err != nil {
			return false, storeError("look at the directory of "+a.String(), err)
		}
		if time.Since(info.ModTime) < keep {
			return false, nil // most jobs, for the price of one look
		}
		reservation, err := readReservation(ctx, cluster, a)
		if err != nil || reservation != nil && reservation.Installation != cluster.Installation {
			return false, err
		}
		if clean, err := onlyMarkers(ctx, cluster, a); err != nil || !clean {
			return false, err
		}
	}
	state, err := s.temporal.Workflow(ctx, attempts[0].WorkflowID)
	if err != nil || state.Open {
		return false, err
	}
	return !state.Found || time.Since(state.ClosedAt) >= keep, nil
}

// keepUnfinished is how long an upload that nobody finished lies beside its name. HDFS keeps
// no time of a file's writes but its first and its last, so one that goes on looks as old as
// it is: the API cuts off each that takes half as long.
const keepUnfinished = 24 * time.Hour

// expireArtifacts deletes the uploads that were not used for a while, 0 for none, and what
// is left of those that an API could not end because it was killed.
func expireArtifacts(ctx context.Context, cluster Cluster, keep time.Duration) (int, error) {
	st, deleted := cluster.Stores.Default, 0
	digests, err := listDirs(ctx, st, cluster.Artifacts)
	if err != nil {
		return 0, err
	}
	for _, digest := range digests {
		dir := path.Join(cluster.Artifacts, digest)
		files, err := st.List(ctx, dir)
		if err != nil {
			return deleted, storeError("list "+dir, err)
		}
		old := keep > 0
		for _, f := range files {
			age := time.Since(f.ModTime)
			old = old && age >= keep
			if store.IsTempName(path.Base(f.Path)) && age >= keepUnfinished {
				if err := st.RemoveAll(ctx, f.Path); err != nil {
					return deleted, storeError("delete "+f.Path, err)
				}
			}
		}
		if !old {
			continue
		}
		if err := st.RemoveAll(ctx, dir); err != nil {
			return deleted, storeError("delete "+dir, err)
		}
		deleted++
	}
	return deleted, nil
}
