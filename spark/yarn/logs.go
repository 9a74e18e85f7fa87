package yarn

import (
	"context"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// LogReader reads the logs of an application's master.
type LogReader interface {
	// Read returns at most limit bytes of a stream from an offset, and how long
	// the stream is now. A negative offset counts from the end.
	Read(ctx context.Context, application, stream string, offset int64, limit int) (data []byte, size int64, err error)
}

// Logs implements spark.Manager. The log of an application that was never sent is
// empty.
func (m *Manager) Logs(ctx context.Context, attempt job.Attempt, stream string, offset int64, limit int) ([]byte, int64, error) {
	dir, reservation, err := m.look(ctx, attempt)
	if err != nil {
		return nil, 0, err
	}
	if reservation == nil {
		return nil, 0, job.Errorf(job.CodeNotFound, "%s was not launched on cluster %s", attempt, m.opts.Cluster)
	}
	if m.opts.Logs == nil {
		return nil, 0, job.Errorf(job.CodeNotFound, "cluster %s serves no logs", m.opts.Cluster)
	}
	data, size, err := m.opts.Logs.Read(ctx, reservation.Application, stream, offset, limit)
	if job.CodeOf(err) == job.CodeNotFound {
		sent, lookErr := dir.exists(ctx, spark.FileIntent)
		if lookErr != nil {
			return nil, 0, m.unavailable("look for a launch of "+attempt.String(), lookErr)
		}
		if !sent {
			return []byte{}, 0, nil
		}
	}
	return data, size, err
}
