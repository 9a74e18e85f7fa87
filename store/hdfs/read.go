package hdfs

import (
	"context"
	"errors"
	"io"
	"sync"

	client "github.com/colinmarc/hdfs/v2"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
)

// firstBytes is how much Open reads: only then are the rights to the file and its
// blocks known.
const firstBytes = 64 << 10

// mostReplaced bounds how often a file is opened anew because it was replaced
// meanwhile.
const mostReplaced = 20

// Open returns a reader with a session of its own.
func (d *direct) Open(ctx context.Context, p string) (io.ReadCloser, error) {
	r := &reader{ctx: ctx, path: p, pool: d.pool}
	s, err := d.pool.exchange(ctx, func(s *session) error {
		for range mostReplaced {
			whole, err := r.begin(s)
			if whole || err != nil {
				return err
			}
		}
		return job.Errorf(job.CodeUnavailable, "it was replaced %d times while it was opened", mostReplaced)
	})
	if err != nil {
		if s != nil {
			d.pool.give(s)
		}
		return nil, err
	}
	r.release = s.obey(ctx)
	return r, nil
}

// begin opens the file and reads its first bytes. The library asks for the file and
// then, by its name, for its blocks; a file that was replaced between the two would
// be read with another's length, so the name must still be the same file's
// afterwards.
func (r *reader) begin(s *session) (whole bool, err error) {
	f, err := s.client.Open(r.path)
	if err != nil {
		return false, s.answer(err)
	}
	info := f.Stat()
	if info.IsDir() {
		return false, hadoop.IsDirectory("open", r.path)
	}
	if err := special(info); err != nil {
		return false, err
	}
	var first []byte
	var readErr error
	if info.Size() == 0 {
		_, readErr = f.Checksum() // of no blocks: it asks for them, no more
	} else {
		first = make([]byte, min(info.Size(), firstBytes))
		var n int
		n, readErr = f.Read(first)
		first = first[:n]
	}
	if errors.Is(readErr, io.EOF) {
		readErr = nil
	}
	if now, err := s.client.Stat(r.path); err == nil && fileID(now) != fileID(info) {
		_ = f.Close() // only read
		s.rest()
		return false, nil
	} else if readErr == nil {
		readErr = err
	}
	if readErr != nil {
		_ = f.Close() // readErr is the one that matters
		return false, s.answer(readErr)
	}
	s.progress()
	r.file, r.s, r.first = f, s, first
	return true, nil
}

type reader struct {
	ctx     context.Context //nolint:containedctx // a reader outlives the call that made it
	path    string
	pool    *pool
	s       *session
	file    *client.FileReader
	first   []byte
	release func()
	once    sync.Once
}

// Read ends with io.EOF only where the file ends.
func (r *reader) Read(p []byte) (n int, err error) {
	if err := r.ctx.Err(); err != nil {
		return 0, hadoop.Failure("read", r.path, err)
	}
	if len(r.first) > 0 {
		n := copy(p, r.first)
		r.first = r.first[n:]
		return n, nil
	}
	err = r.s.guard(func() error {
		n, err = r.file.Read(p)
		if n > 0 {
			r.s.progress()
		}
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return r.s.answer(err)
	})
	if err == io.EOF { //nolint:errorlint // from above
		return n, err
	}
	return n, hadoop.Failure("read", r.path, err)
}

// Close gives the session back.
func (r *reader) Close() error {
	r.once.Do(func() {
		r.release()
		_ = r.file.Close() // nothing was written
		r.pool.give(r.s)
	})
	return nil
}
