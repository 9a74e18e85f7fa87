package webhdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
)

const (
	get = http.MethodGet
	put = http.MethodPut
	del = http.MethodDelete
)

// prefix stands before every path.
const prefix = "/webhdfs/v1"

// request is one operation of WebHDFS, asked of a NameNode.
type request struct {
	method, op, path string
	params           url.Values
	// repeatable says that to do it twice does no harm.
	repeatable bool
}

// ask asks one NameNode after the other and decodes the reply, JSON, into what
// out points to.
func (s *Store) ask(ctx context.Context, r request, out any) error {
	return s.each(ctx, r, func(_ *url.URL, reply *http.Response) error {
		if reply.StatusCode != http.StatusOK {
			return refusal(reply)
		}
		return decode(reply, out)
	})
}

// each makes a request of one NameNode after the other until one is in charge,
// and has its reply read.
func (s *Store) each(ctx context.Context, r request, read func(address *url.URL, reply *http.Response) error) error {
	names := s.order()
	limit := s.timeout / time.Duration(len(names))
	var last error
	for _, name := range names {
		err := s.one(ctx, name, r, limit, read)
		var e *hadoop.Exception
		answered := err == nil || errors.As(err, &e)
		switch {
		case answered && (err == nil || !e.Elsewhere()):
			s.prefer(name)
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case !answered && !r.repeatable && !unsent(err):
			return hadoop.Unreachable(name.Host, err)
		case answered:
			last = err
		default:
			last = hadoop.Unreachable(name.Host, err)
		}
	}
	return last
}

// one makes a request of one NameNode. An error other than an Exception leaves
// open what became of it.
func (s *Store) one(ctx context.Context, name *url.URL, r request, limit time.Duration, read func(*url.URL, *http.Response) error) error {
	late := fmt.Errorf("no answer within %v", limit)
	bounded, cancel := context.WithTimeoutCause(ctx, limit, late)
	defer cancel()
	u := *name
	u.Path, u.RawPath = name.Path+prefix+r.path, name.EscapedPath()+prefix+escape(r.path)
	params := url.Values{}
	for key, values := range r.params {
		params[key] = values
	}
	params.Set("op", r.op)
	u.RawQuery = params.Encode()
	q, err := http.NewRequestWithContext(bounded, r.method, u.String(), nil)
	if err != nil {
		return withoutURL(err)
	}
	if r.repeatable {
		q.Header["Idempotency-Key"] = nil // not sent: it lets a stale connection be replaced
	}
	reply, err := s.http.Client().Do(q)
	if err == nil {
		defer reply.Body.Close() //nolint:errcheck // opened for reading
		err = read(name, reply)
	}
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return late
	}
	return withoutURL(err)
}

// order copies the NameNodes.
func (s *Store) order() []*url.URL {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.names)
}

// prefer puts the NameNode that answered in front.
func (s *Store) prefer(name *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := slices.Index(s.names, name); at > 0 {
		s.names = slices.Insert(slices.Delete(s.names, at, at+1), 0, name)
	}
}

// unsent reports whether a request never reached a server.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// withoutURL takes off what net/http puts before its errors: the URL, which may
// carry a token.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF // the reader of a file would take io.EOF for its end
	}
	return err
}

// escape encodes a path so that neither Jetty nor Netty can take a part of it for
// something else.
func escape(path string) string {
	const upper = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(upper[c>>4])
			b.WriteByte(upper[c&15])
		}
	}
	return b.String()
}
