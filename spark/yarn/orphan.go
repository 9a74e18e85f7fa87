package yarn

import (
	"context"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

var (
	_ spark.OrphanKiller = (*Manager)(nil)
	_ spark.OrphanKiller = (*Claimed)(nil)
)

// KillOrphan implements spark.OrphanKiller: an application says by its user and tags
// whose it is.
func (m *Manager) KillOrphan(ctx context.Context, attempt job.Attempt, application, reason string) error {
	app, known, err := m.application(ctx, application)
	if err != nil || !known || app.State.Ended() {
		return err
	}
	if app.User != m.opts.User || !ours(app, attempt) || !m.mine(app) {
		return job.Errorf(job.CodeConflict, "application %s on cluster %s is not ours: it belongs to user %s and has tags %q",
			application, m.opts.Cluster, app.User, app.Tags)
	}
	_, err = m.end(ctx, application, reason)
	return err
}

// KillOrphan implements spark.OrphanKiller.
func (c *Claimed) KillOrphan(ctx context.Context, attempt job.Attempt, application, reason string) error {
	return c.m.KillOrphan(ctx, attempt, application, reason)
}
