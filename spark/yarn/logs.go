package yarn

import (
	"context"

	"github.com/stoker-spark/stoker/job"
)

// LogReader reads the logs of an application's master.
type LogReader interface {
	// Read returns at most limit bytes of a stream from an offset, and how long
	// the stream is now. A negative offset counts from the end.
	Read(ctx context.Context, application, stream string, offset int64, limit int) (data []byte, size int64, err error)
}

// Logs implements spark.Manager.
func (m *Manager) Logs(ctx context.Context, attempt job.Attempt, stream string, offset int64, limit int) ([]byte, int64, error) {
	_, reservation, err := m.look(ctx, attempt)
	if err != nil {
		return nil, 0, err
	}
	if reservation == nil {
		return nil, 0, job.Errorf(job.CodeNotFound, "%s was not launched on cluster %s", attempt, m.opts.Cluster)
	}
	if m.opts.Logs == nil {
		return nil, 0, job.Errorf(job.CodeNotFound, "cluster %s serves no logs", m.opts.Cluster)
	}
	return m.opts.Logs.Read(ctx, reservation.Application, stream, offset, limit)
}
