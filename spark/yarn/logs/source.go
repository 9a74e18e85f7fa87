package logs

import (
	"context"
	"io"
)

// container is where a master ran.
type container struct {
	application string
	attempt     int64
	id          string
	// user who owns the application, "" if unknown.
	user string
	// node is the NodeManager's id, "host:port", and nodeWeb its address,
	// "http://host:port"; "" if unknown.
	node, nodeWeb string
	// ended: it writes no more.
	ended bool
}

// source is a place where logs are.
type source interface {
	// open returns a stream from an offset on; of a negative one, from that many
	// bytes before the end. Who asks will read want bytes at most, or all if that
	// is negative. The error is errUnknown, absentError, or says why the source
	// can't tell.
	open(ctx context.Context, c container, stream string, offset, want int64) (*section, error)
	// name of the source in messages.
	name(c container) string
}

// section is the part of a stream from start to its end.
type section struct {
	start, size int64
	// body has what was wanted of the size-start bytes, nil for none, and must be
	// closed. Where it ends early the error is another than io.EOF.
	body io.ReadCloser
	// attempt that the stream is of, and from where it comes.
	attempt int64
	from    string
	// growing says, once body was read to its end, whether the program may write
	// more; nil is no.
	growing func() bool
}

func (s *section) close() {
	if s.body != nil {
		_ = s.body.Close() // what was read was read
	}
}

// resolve turns an offset into one from the start, within a stream of this size.
func resolve(offset, size int64) int64 {
	if offset < 0 {
		return max(0, size+offset)
	}
	return min(offset, size)
}

// body closes what its content comes from.
type body struct {
	io.Reader
	io.Closer
}

// sectionOf makes a section of content that begins skip bytes before start.
func sectionOf(start, size, skip int64, content io.Reader, closer io.Closer) (*section, error) {
	if start >= size {
		_ = closer.Close() // nothing of it is needed
		return &section{start: size, size: size}, nil
	}
	if n, err := io.CopyN(io.Discard, content, skip); err != nil {
		_ = closer.Close()              // err is the one that matters
		if n == skip || err == io.EOF { //nolint:errorlint // a reader's bare end
			err = broken("sent a log that is not as long as it says")
		}
		return nil, err
	}
	return &section{start: start, size: size, body: body{content, closer}}, nil
}
