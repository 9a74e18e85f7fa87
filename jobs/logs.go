package jobs

import (
	"context"
	"io"
	"regexp"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store/logstore"
)

// Log is one stream of a job's logs, as its cluster's log store has it.
type Log struct {
	logs   *logstore.Logs
	stream *logstore.Stream
	name   string
}

// streamOfApplication: another name would be a log that is empty for ever.
var streamOfApplication = regexp.MustCompile(`^std(out|err)(\.[1-9][0-9]*)?$`)

// Log opens a stream, "stdout" or "stderr", of a job as Get returned it, of an attempt;
// 0 is the last one. The first is there before it has begun, a further one is not; of an
// open job that no worker answers for, every one may have begun.
func (s *Service) Log(ctx context.Context, v View, attempt int, stream string) (*Log, error) {
	cluster, ok := s.options.Clusters[v.Cluster]
	if !ok {
		return nil, job.Errorf(job.CodeNotFound, "job %s has no logs: it came to no cluster that is configured here", v.ID)
	}
	if attempt == 0 {
		attempt = max(v.Attempt, 1)
	}
	if attempt < 1 {
		return nil, job.Invalid("there is no such log", []string{"attempt: counts from 1"})
	}
	logs, err := cluster.Logs.Attempt(job.AttemptOf(v.ID, attempt))
	if err != nil {
		return nil, err
	}
	opened, err := logs.Stream(stream)
	if err != nil || !streamOfApplication.MatchString(stream) {
		return nil, job.Invalid("there is no such log", []string{"stream: must be stdout or stderr"})
	}
	uncounted := v.Attempt == 0 // no worker has said how many there were
	begun := attempt <= max(v.Attempt, 1) || uncounted && v.open
	if uncounted && !begun {
		// One that has written is there.
		streams, err := logs.Streams(ctx)
		if err != nil {
			return nil, err
		}
		begun = len(streams) > 0
	}
	if !begun {
		return nil, job.Errorf(job.CodeNotFound, "job %s has no attempt %d, or it has not begun", v.ID, attempt)
	}
	return &Log{logs: logs, stream: opened, name: stream}, nil
}

// Open returns the log from a byte offset to its present end, and its size. A negative
// offset counts from the end.
func (l *Log) Open(ctx context.Context, offset int64) (io.ReadCloser, int64, error) {
	return l.stream.Open(ctx, offset)
}

// Finished reports whether all of the log is there that ever will be. Missing says
// what is not, of logs that could not be saved whole.
func (l *Log) Finished(ctx context.Context) (finished bool, missing []string, err error) {
	manifest, err := l.logs.Manifest(ctx)
	if err != nil || manifest == nil {
		return false, nil, err
	}
	return true, manifest.Notes, nil
}
