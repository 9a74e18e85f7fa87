package yarn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// tagClaim begins the tag of one reservation: another root, or an earlier life of
// this one, may have had the same attempt.
const tagClaim = options.TagPrefix + "claim-"

// claimTag is the tag by which the application of a reservation is found.
func claimTag(r spark.Reservation) string {
	sum := sha256.Sum256([]byte(r.Installation + "\x00" + r.Application + "\x00" + r.CreatedAt.UTC().Format(time.RFC3339Nano)))
	return tagClaim + hex.EncodeToString(sum[:10])
}

// tags of a reservation's application.
func (m *Manager) tags(r spark.Reservation) []string {
	return append(m.marks(r.Attempt), claimTag(r))
}

// findTagged looks for a reservation's application by its tag, in any state; ok is
// false if the ResourceManager knows none. One with the tag that is not ours is a
// conflict.
func (m *Manager) findTagged(ctx context.Context, r spark.Reservation) (app rm.Application, ok bool, err error) {
	tag := claimTag(r)
	apps, err := m.opts.ResourceManager.List(ctx, rm.Filter{Tags: []string{tag}, DeSelects: rm.Lean})
	if err != nil {
		return rm.Application{}, false, err
	}
	for _, app := range apps {
		switch {
		case !slices.Contains(app.Tags, tag):
			// A ResourceManager that filters nothing.
		case app.User != m.opts.User || !ours(app, r.Attempt):
			return rm.Application{}, false, job.Errorf(job.CodeConflict, "application %s on cluster %s is not ours: it belongs to user %s and has tags %q",
				app.ID, m.opts.Cluster, app.User, app.Tags)
		default:
			return app, true, nil
		}
	}
	return rm.Application{}, false, nil
}
