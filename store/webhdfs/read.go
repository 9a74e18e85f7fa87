package webhdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
)

// Open fails at once for a missing or forbidden file. Reading stops when ctx
// ends, and fails if the file ends early: where the connection says so, and where a
// server sends fewer or more bytes than the NameNode knows the file to have.
func (s *Store) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	p, err := ready(ctx, path)
	if err != nil {
		return nil, hadoop.Failure("open", path, err)
	}
	known, err := s.status(ctx, p)
	if err == nil && known.Type == typeDirectory { // of which servers say that there is no such file
		err = hadoop.IsDirectory("open", p)
	}
	if err != nil {
		return nil, hadoop.Failure("open", p, err)
	}
	r, err := s.open(ctx, p)
	if err != nil {
		return nil, hadoop.Failure("open", p, err)
	}
	r.whole = func(n int64) error { return s.whole(ctx, p, known, n) }
	return r, nil
}

// whole says whether n bytes are all of a file that was known as it is given. One
// that has grown or was replaced since is looked at again.
func (s *Store) whole(ctx context.Context, p string, known *fileStatus, n int64) error {
	if known.Type != typeFile || *known.Length == n {
		return nil
	}
	now, err := s.status(ctx, p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // removed: nobody can tell
	case err != nil:
		return err
	case now.FileID != known.FileID || *known.Length < n && n <= *now.Length:
		return nil
	}
	return fmt.Errorf("of %d bytes %d came", *known.Length, n)
}

func (s *Store) open(ctx context.Context, p string) (*reader, error) {
	t, err := s.locate(ctx, request{method: get, op: "OPEN", path: p, params: url.Values{}})
	if err != nil {
		return nil, err
	}
	whole, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(s.timeout, cancel)
	reply, err := t.do(whole, get, nil)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = refusal(reply)
		_ = reply.Body.Close() // err is the one that matters
	}
	// Without a length and without chunks nobody could tell where the file ends.
	if err == nil && reply.ContentLength < 0 && len(reply.TransferEncoding) == 0 {
		err = fmt.Errorf("%s doesn't say how long the file is", t.url.Host)
		_ = reply.Body.Close() // err is the one that matters
	}
	if !timer.Stop() && err == nil {
		_ = reply.Body.Close() // it came too late
		err = context.Canceled
	}
	if err != nil {
		late := whole.Err() != nil && ctx.Err() == nil
		cancel()
		if late {
			return nil, fmt.Errorf("%s: no answer within %v", t.url.Host, s.timeout)
		}
		return nil, err
	}
	return &reader{ctx: ctx, path: p, host: t.url.Host, body: reply.Body, cancel: cancel}, nil
}

// do sends a request where the content is. Its errors hold no URL.
func (t *target) do(ctx context.Context, method string, body io.Reader) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, "http://host/", body)
	if err != nil {
		return nil, err
	}
	q.URL, q.Host = t.url, t.url.Host
	if body != nil {
		q.Header.Set("Content-Type", "application/octet-stream") // gateways insist
		q.Header.Set("Expect", "100-continue")                   // nothing is sent to who doesn't want it
	}
	reply, err := t.client.Do(q)
	if err != nil {
		return nil, hadoop.Unreachable(t.url.Host, withoutURL(err))
	}
	return reply, nil
}

type reader struct {
	ctx    context.Context //nolint:containedctx // a reader outlives the call that made it
	path   string
	host   string
	body   io.ReadCloser
	n      int64 // bytes read
	whole  func(n int64) error
	cancel context.CancelFunc
	once   sync.Once
}

// Read ends with io.EOF only where the file ends.
func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, hadoop.Failure("read", r.path, err)
	}
	n, err := r.body.Read(p)
	r.n += int64(n)
	if err == io.EOF { //nolint:errorlint // net/http returns io.EOF bare at a body's end
		if short := r.whole(r.n); short != nil {
			err = short
		}
	}
	if err != nil && err != io.EOF { //nolint:errorlint // as above
		if ended := r.ctx.Err(); ended != nil {
			err = ended
		}
		err = hadoop.Failure("read", r.path, hadoop.Unreachable(r.host, err))
	}
	return n, err
}

// Close gives up what has not been read.
func (r *reader) Close() error {
	r.once.Do(func() {
		r.cancel()
		_ = r.body.Close() // nothing was written
	})
	return nil
}
