package logs

import (
	"context"
	"errors"

	"github.com/stoker-spark/stoker/job"
)

// Ran reports whether the cluster's file system or the history server keeps logs of
// an application, whose containers ran then. Logs come there some time after an
// application's end, if at all, so that there are none proves nothing. The error says
// why a place could not tell, if no other has any.
func (r *Reader) Ran(ctx context.Context, application string) (bool, error) {
	c := container{application: application, user: r.user}
	v := &verdict{}
	if r.aggregated != nil && v.any(ctx, r.aggregated, c) || r.history != nil && len(v.list(ctx, r.history, c)) > 0 {
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

// any reports whether there is a file of an application. It opens none: whatever the
// format, a NodeManager writes one only for containers that it ran, and to read
// those of a large application takes longer than whoever asks can wait.
func (v *verdict) any(ctx context.Context, from *aggregated, c container) bool {
	files, err := from.files(ctx, c)
	if err != nil && !errors.Is(err, errArchive) {
		v.add(from, c, err)
	}
	return len(files) > 0 || errors.Is(err, errArchive)
}
