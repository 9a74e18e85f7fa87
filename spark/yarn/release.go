package yarn

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// Release implements spark.Manager. The staging directory, which an application
// master that was killed hard leaves behind, lies in the job directory and goes
// with it.
func (m *Manager) Release(ctx context.Context, attempt job.Attempt) error {
	dir, reservation, err := m.look(ctx, attempt)
	if err != nil || reservation == nil {
		return err
	}
	app, known, err := m.ask(ctx, reservation.Application)
	if err != nil {
		if never, lookErr := dir.neverSent(ctx); lookErr != nil || !never {
			return err
		}
	}
	if known && !app.State.Ended() {
		return job.Errorf(job.CodeConflict, "%s has not ended: kill it before its directory is released", reservation.Application)
	}
	acknowledged, err := dir.exists(ctx, spark.FileAcknowledged)
	if err != nil {
		return m.unavailable("release "+attempt.String(), err)
	}
	if !known && !acknowledged {
		// Nothing is launched from an empty directory.
		return m.clear(ctx, dir, attempt, spark.FileRevoked, note{Reason: "released before it was launched", At: time.Now().UTC()})
	}
	return m.clear(ctx, dir, attempt, spark.FileReleased, note{Application: reservation.Application, At: time.Now().UTC()})
}

// clear marks a job directory and then deletes all of it but the markers.
func (m *Manager) clear(ctx context.Context, dir jobDir, attempt job.Attempt, marker string, content note) error {
	if err := dir.mark(ctx, marker, content); err != nil {
		return m.unavailable("release "+attempt.String(), err)
	}
	entries, err := dir.store.List(ctx, dir.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return m.unavailable("release "+attempt.String(), err)
	}
	for _, entry := range entries {
		if !entry.Dir && spark.IsMarker(path.Base(entry.Path)) {
			continue
		}
		if err := dir.store.RemoveAll(ctx, entry.Path); err != nil {
			return m.unavailable("release "+attempt.String(), err)
		}
	}
	return nil
}
