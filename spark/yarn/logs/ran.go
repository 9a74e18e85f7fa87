package logs

import (
	"context"

	"github.com/stoker-spark/stoker/job"
)

// Ran reports whether the history server or the cluster's file system keeps logs of
// an application, whose containers ran then. Logs come there some time after an
// application's end, if at all, so that there are none proves nothing. The error says
// why a place could not tell, if no other has any.
func (r *Reader) Ran(ctx context.Context, application string) (bool, error) {
	c := container{application: application, user: r.user}
	v := &verdict{}
	if r.history != nil && len(v.list(ctx, r.history, c)) > 0 || r.aggregated != nil && len(v.list(ctx, r.aggregated, c)) > 0 {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, job.Errorf(job.CodeUnavailable, "look for logs of %s: %w", application, ctx.Err())
	}
	if len(v.failures) > 0 {
		return false, v.failure(application, "logs")
	}
	return false, nil
}
