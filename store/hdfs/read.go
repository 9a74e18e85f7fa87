package hdfs

import (
	"context"
	"errors"
	"io"
	"sync"

	client "github.com/colinmarc/hdfs/v2"

	"github.com/stoker-spark/stoker/hadoop"
)

// firstBytes is how much Open reads: only then are the rights to the file and its
// blocks known.
const firstBytes = 64 << 10

// Open returns a reader with a session of its own.
func (d *direct) Open(ctx context.Context, p string) (io.ReadCloser, error) {
	r := &reader{ctx: ctx, path: p, pool: d.pool}
	s, err := d.pool.exchange(ctx, func(s *session) error {
		f, err := s.client.Open(p)
		if err != nil {
			return s.answer(err)
		}
		info := f.Stat()
		if info.IsDir() {
			return hadoop.IsDirectory("open", p)
		}
		if err := special(info); err != nil {
			return err
		}
		if info.Size() == 0 {
			_, err = f.Checksum() // of no blocks: it asks for them, no more
		} else {
			r.first = make([]byte, min(info.Size(), firstBytes))
			var n int
			n, err = f.Read(r.first)
			r.first = r.first[:n]
		}
		if err != nil && !errors.Is(err, io.EOF) {
			_ = f.Close() // err is the one that matters
			return s.answer(err)
		}
		s.progress()
		r.file, r.s = f, s
		return nil
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
