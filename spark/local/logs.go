package local

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// maxLogs bounds one read of a log, in bytes.
const maxLogs = 4 << 20

// Logs implements spark.Manager. A stream of an application that was not
// launched yet, or was released, is empty.
func (m *Manager) Logs(_ context.Context, attempt job.Attempt, stream string, offset int64, limit int) (data []byte, size int64, err error) {
	dir, err := m.dir(attempt)
	if err != nil {
		return nil, 0, err
	}
	if stream != "stdout" && stream != "stderr" {
		return nil, 0, job.Errorf(job.CodeInvalid, "%q is no log of an application: ask for stdout or stderr", stream)
	}
	f, info, err := openRegular(dir.path(spark.DirLogs, stream))
	if errors.Is(err, fs.ErrNotExist) {
		if !exists(dir.path(spark.FileReservation)) {
			return nil, 0, job.Errorf(job.CodeNotFound, "%s is not reserved on cluster %s", attempt, m.opts.Cluster)
		}
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, m.unavailable("read the logs of "+attempt.String(), err)
	}
	defer func() { _ = f.Close() }() // only read from
	size = info.Size()
	if offset < 0 {
		offset = max(0, size+offset)
	}
	length := min(int64(limit), maxLogs, size-offset)
	if length <= 0 {
		return nil, size, nil
	}
	data = make([]byte, length)
	n, err := f.ReadAt(data, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, m.unavailable("read the logs of "+attempt.String(), err)
	}
	return data[:n], size, nil
}
