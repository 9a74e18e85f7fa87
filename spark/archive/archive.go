// Package archive brings the logs of applications from their cluster into its log
// store: a Follower while they run, so that people can read along, and Finish when
// they have ended, which alone is what completeness depends on. How a log store
// looks is package logstore's matter, and how a cluster is asked that of its
// spark.Manager.
package archive

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store/logstore"
)

const (
	// liveChunk bounds a chunk while the application runs, lastChunk one at its end, or
	// of a log that is that far behind, in bytes.
	liveChunk = 256 << 10
	lastChunk = 4 << 20
	// wholeRead bounds one read from a Manager that copies no logs, in bytes.
	wholeRead = 1 << 20
)

// source reads an attempt's logs through any Manager.
type source struct {
	manager spark.Manager
	attempt job.Attempt
}

// streams lists the streams of an ended application.
func (s source) streams(ctx context.Context) ([]string, error) {
	if copier, ok := s.manager.(spark.LogCopier); ok {
		streams, err := copier.LogStreams(ctx, s.attempt)
		if len(streams) > 0 {
			return streams, err
		}
	}
	return []string{"stdout", "stderr"}, nil
}

// sizes says how long the streams of a running application are.
func (s source) sizes(ctx context.Context) (map[string]int64, error) {
	if copier, ok := s.manager.(spark.LogCopier); ok {
		return copier.LogSizes(ctx, s.attempt)
	}
	sizes := map[string]int64{}
	for _, stream := range []string{"stdout", "stderr"} {
		_, size, err := s.manager.Logs(ctx, s.attempt, stream, 0, 0)
		if err != nil {
			return nil, err
		}
		sizes[stream] = size
	}
	return sizes, nil
}

// copy writes a stream from an offset to its present end.
func (s source) copy(ctx context.Context, stream string, from int64, w io.Writer) (spark.LogCopy, error) {
	if copier, ok := s.manager.(spark.LogCopier); ok {
		return copier.CopyLog(ctx, s.attempt, stream, from, w)
	}
	for {
		data, size, err := s.manager.Logs(ctx, s.attempt, stream, from, wholeRead)
		if err != nil || len(data) == 0 {
			return spark.LogCopy{Size: size}, err
		}
		if _, err := w.Write(data); err != nil {
			return spark.LogCopy{}, err
		}
		from += int64(len(data))
	}
}

// moved says what one move of bytes into the store did.
type moved struct {
	appended int64
	spark.LogCopy
	// err of the source; the store's is returned apart.
	err error
}

// move brings a stream of the store up to date. Each time that many bytes as a
// chunk has were copied it calls full, if that is not nil.
func (s source) move(ctx context.Context, to *logstore.Stream, name string, chunk int, full func()) (m moved, err error) {
	m.appended, err = to.Append(ctx, chunk, func(w io.Writer, from int64) error {
		watched := &watchedWriter{w: w, every: int64(chunk), full: full}
		m.LogCopy, m.err = s.copy(ctx, name, from, watched)
		if watched.err != nil {
			m.err = nil
			return watched.err
		}
		return m.err
	})
	if m.err != nil {
		return m, nil
	}
	return m, err
}

// watchedWriter tells a writer's error from a reader's, and what was written.
type watchedWriter struct {
	w     io.Writer
	n     int64
	every int64
	full  func()
	err   error
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.err = err
	if w.n += int64(n); w.n >= w.every && w.full != nil {
		w.n = 0
		w.full()
	}
	return n, err
}

// absent reports whether an error says that there is no log and will be none.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || job.CodeOf(err) == job.CodeNotFound
}

// Final says which logs to finish, and how.
type Final struct {
	Manager spark.Manager
	Store   *logstore.Store
	Attempt job.Attempt
	// Application is its id, "" if none was reserved.
	Application string
	// Patience is how long to wait for logs that are not there yet, or not whole, in
	// all; 0 takes what is there.
	Patience time.Duration
	// Again completes logs that were finished before and found incomplete. Else
	// whatever was finished stays as it is.
	Again bool
}

const (
	// Patience is enough for a cluster that gathers logs as it should.
	Patience = 25 * time.Second
	// closing bounds what must be done although Patience is over.
	closing = 5 * time.Second
	// againAfter is the pause between two looks for the rest of a log.
	againAfter = 500 * time.Millisecond
	// longest bounds it all, however fast an application still writes.
	longest = 15 * time.Minute
)

// Finish brings the rest of an ended application's logs into the store and writes
// the manifest. It may be repeated, and run beside a Follower or itself. What is
// missing is said in the manifest; an error means that the store could not be
// written. With a manifest it is that the store was full: the manifest then says where
// the logs break off.
func Finish(ctx context.Context, f Final) (*logstore.Manifest, error) {
	logs, err := f.Store.Attempt(f.Attempt)
	if err != nil {
		return nil, err
	}
	// Whatever hangs, it ends Patience after something has been achieved last.
	waiting, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	idle := time.AfterFunc(f.Patience+closing, cancel)
	defer idle.Stop()
	was, err := logs.Manifest(waiting)
	if err != nil && job.CodeOf(err) != job.CodeInternal { // a broken one is written anew
		return nil, err
	}
	if was != nil && (was.Complete || !f.Again) {
		return was, nil
	}
	if was != nil {
		f.Patience = 0 // it was waited for then
		idle.Reset(closing)
	}
	g := &gathering{
		Final: f, logs: logs, source: source{f.Manager, f.Attempt}, deadline: time.Now().Add(f.Patience),
		brokenOff: map[string]error{},
		full:      func() { idle.Reset(f.Patience + closing) },
	}
	manifest, storeErr := g.gather(waiting)
	if storeErr != nil {
		return nil, storeErr
	}
	last, cancelLast := context.WithTimeout(ctx, closing)
	defer cancelLast()
	manifest.ArchivedAt = time.Now().UTC()
	if len(g.brokenOff) > 0 {
		return g.finishFull(last, *manifest)
	}
	if err := logs.Finish(last, *manifest); err != nil {
		return nil, err
	}
	return manifest, nil
}
