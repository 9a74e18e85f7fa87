package logstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// Stream is one log of an attempt. It is not safe for concurrent use; several
// Streams of the same log are, in any number of processes.
type Stream struct {
	files store.Store
	dir   string
	// known says that end and count, of the chunks below it, are.
	known bool
	end   int64
	count int
}

// chunk is a piece of a stream as it is read: skip bytes of the file belong to the
// chunk before.
type chunk struct {
	path       string
	begin, end int64
	skip       int64
}

var chunkName = regexp.MustCompile(`^[0-9]{20}$`)

func (s *Stream) path(offset int64) string { return path.Join(s.dir, fmt.Sprintf("%020d", offset)) }

// list finds the chunks that make the stream.
func (s *Stream) list(ctx context.Context) ([]chunk, error) {
	entries, err := s.files.List(ctx, s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failure("list the chunks in "+s.dir, err)
	}
	var chunks []chunk
	end := int64(0)
	for _, e := range entries {
		name := path.Base(e.Path)
		offset, err := strconv.ParseInt(name, 10, 64)
		if e.Dir || err != nil || !chunkName.MatchString(name) || offset+e.Size <= end {
			continue // no chunk, or one that adds nothing
		}
		if offset > end {
			break // a gap, which the next writer fills
		}
		chunks = append(chunks, chunk{path: e.Path, begin: end, end: offset + e.Size, skip: end - offset})
		end = offset + e.Size
	}
	return chunks, nil
}

// look finds the stream's end.
func (s *Stream) look(ctx context.Context) error {
	chunks, err := s.list(ctx)
	if err != nil {
		return err
	}
	s.known, s.end, s.count = true, 0, len(chunks)
	if len(chunks) > 0 {
		s.end = chunks[len(chunks)-1].end
	}
	return nil
}

// Size returns how many bytes and chunks there are. It looks only once: what
// others append is seen after the next Append or Open.
func (s *Stream) Size(ctx context.Context) (bytes int64, chunks int, err error) {
	if !s.known {
		err = s.look(ctx)
	}
	return s.end, s.count, err
}

const (
	// maxRaces bounds how often Append gives way at one offset, where a chunk is but
	// holds nothing.
	maxRaces = 5
	// raceRest is the pause after that, which the other uses to get ahead.
	raceRest = 100 * time.Millisecond
)

// Append adds what source writes, which must be the log from the byte offset that
// it is given on, in chunks of at most chunkBytes. Memory for one chunk is used.
// When source fails, the chunks that were full stay and the rest is dropped: the
// same bytes are asked for again the next time. Where another writer was first,
// source is called again from the new end.
func (s *Stream) Append(ctx context.Context, chunkBytes int, source func(w io.Writer, from int64) error) (appended int64, err error) {
	lost, at := 0, int64(-1)
	for lost < maxRaces {
		if _, _, err := s.Size(ctx); err != nil {
			return appended, err
		}
		if s.end > at {
			lost, at = 0, s.end // the stream grows, by whomever
		}
		a := &appender{ctx: ctx, stream: s, most: max(chunkBytes, 1)}
		err := source(a, s.end)
		if err == nil {
			err = a.flush()
		}
		appended += a.appended
		if a.err != nil {
			s.known = false // a chunk may be there although its creation failed
			err = a.err
		}
		if !errors.Is(err, errTaken) {
			return appended, err
		}
		lost++
		select {
		case <-ctx.Done():
		case <-time.After(raceRest):
		}
	}
	return appended, job.Errorf(job.CodeUnavailable, "append to %s at %d: another writer was always first", s.dir, s.end)
}

// errTaken: another writer has made this chunk.
var errTaken = errors.New("another writer was first")

// appender makes chunks of what is written to it.
type appender struct {
	ctx      context.Context
	stream   *Stream
	most     int
	buffer   []byte
	appended int64
	err      error
}

func (a *appender) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if a.err != nil {
			return n, a.err
		}
		take := min(len(p)-n, a.most-len(a.buffer))
		a.buffer = append(a.buffer, p[n:n+take]...)
		n += take
		if len(a.buffer) == a.most {
			if err := a.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (a *appender) flush() error {
	if a.err != nil || len(a.buffer) == 0 {
		return a.err
	}
	name := a.stream.path(a.stream.end)
	err := a.stream.files.Create(a.ctx, name, a.buffer, modeFile)
	switch {
	case errors.Is(err, fs.ErrExist):
		a.err = errTaken
	case err != nil:
		a.err = failure("create the chunk "+name, err)
	default:
		written := int64(len(a.buffer))
		a.stream.end, a.stream.count, a.appended = a.stream.end+written, a.stream.count+1, a.appended+written
		a.buffer = a.buffer[:0]
	}
	return a.err
}

// DropLast takes the last chunk away, of a stream that will stay incomplete: where a
// store is full, that makes room. It returns how many bytes and chunks are left; of a
// stream without chunks there is nothing to take, and no error.
func (s *Stream) DropLast(ctx context.Context) (bytes int64, chunks int, err error) {
	list, err := s.list(ctx)
	if err == nil && len(list) > 0 {
		s.known = false
		last := list[len(list)-1].path
		err = failure("drop the chunk "+last, s.files.RemoveAll(ctx, last))
	}
	if err != nil {
		return 0, 0, err
	}
	err = s.look(ctx)
	return s.end, s.count, err
}

// Open returns the stream from a byte offset to its present end, and its size. A
// negative offset counts from the end; past the end there are no bytes. Nothing
// there is an empty stream.
func (s *Stream) Open(ctx context.Context, offset int64) (content io.ReadCloser, size int64, err error) {
	chunks, err := s.list(ctx)
	if err != nil {
		return nil, 0, err
	}
	if len(chunks) > 0 {
		size = chunks[len(chunks)-1].end
	}
	if offset < 0 {
		offset = max(0, size+offset)
	}
	for len(chunks) > 0 && chunks[0].end <= offset {
		chunks = chunks[1:]
	}
	if len(chunks) > 0 {
		chunks[0].skip, chunks[0].begin = chunks[0].skip+offset-chunks[0].begin, offset
	}
	return &reader{ctx: ctx, files: s.files, chunks: chunks}, size, nil
}

// Read returns at most limit bytes from an offset as for Open, and the size.
func (s *Stream) Read(ctx context.Context, offset int64, limit int) (data []byte, size int64, err error) {
	content, size, err := s.Open(ctx, offset)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = content.Close() }() // only read
	data, err = io.ReadAll(io.LimitReader(content, int64(max(limit, 0))))
	return data, size, err
}

// reader reads chunks one after the other.
type reader struct {
	ctx    context.Context
	files  store.Store
	chunks []chunk
	now    io.ReadCloser
	left   int64
}

func (r *reader) Read(p []byte) (int, error) {
	for r.now == nil {
		if len(r.chunks) == 0 {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n, err := r.now.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case r.left == 0:
		_ = r.Close() // all of it was read
		return n, nil
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		err = failure("read the chunks in "+path.Dir(r.chunks[0].path), err)
	}
	return n, err
}

// next opens the next chunk; it stays the first of chunks until it was read.
func (r *reader) next() error {
	c := r.chunks[0]
	in, err := r.files.Open(r.ctx, c.path)
	if err != nil {
		return failure("read the chunk "+c.path, err)
	}
	if _, err := io.CopyN(io.Discard, in, c.skip); err != nil {
		_ = in.Close() // err is the one that matters
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return failure("read the chunk "+c.path, err)
	}
	r.now, r.left = in, c.end-c.begin
	return nil
}

func (r *reader) Close() error {
	if r.now == nil {
		return nil
	}
	err := r.now.Close()
	r.now, r.chunks = nil, r.chunks[1:]
	return err
}
