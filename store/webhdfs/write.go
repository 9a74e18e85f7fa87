package webhdfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/store"
)

// cleanupLimit bounds the removal of a temporary file after a failure.
const cleanupLimit = 5 * time.Second

// Create is atomic: the name appears with its content. An error other than
// fs.ErrExist doesn't prove that the file was not made.
func (s *Store) Create(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	p, err := ready(ctx, path)
	if err != nil {
		return hadoop.Failure("create", path, err)
	}
	_, err = s.status(ctx, p) // the common case in a retry, for less
	switch {
	case err == nil:
		err = fs.ErrExist
	case errors.Is(err, fs.ErrNotExist):
		_, err = s.put(ctx, "create", p, bytes.NewReader(data), mode, false)
	}
	return hadoop.Failure("create", p, err)
}

// Write renames over whatever file has the name; a directory stays, and fails the
// call with fs.ErrExist. ctx is looked at between reads of content; a read that
// hangs must be ended by its maker.
func (s *Store) Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error) {
	p, err := ready(ctx, path)
	if err != nil {
		return 0, hadoop.Failure("write", path, err)
	}
	if p == "/" {
		return 0, hadoop.IsDirectory("write", p)
	}
	n, err := s.put(ctx, "write", p, content, mode, true)
	return n, hadoop.Failure("write", p, err)
}

func (s *Store) put(ctx context.Context, op, p string, content io.Reader, mode fs.FileMode, replace bool) (int64, error) {
	if err := s.makeParent(ctx, op, p); err != nil {
		return 0, err
	}
	temp := store.TempName(p)
	n, arrival, err := s.upload(ctx, p, temp, content, mode)
	var id uint64
	if err == nil {
		id, err = s.seal(ctx, temp, n, mode)
	}
	if err == nil {
		err = s.rename(ctx, temp, p, id, replace)
	}
	if err == nil {
		return n, nil
	}
	s.discard(ctx, temp, arrival)
	return 0, err
}

// arrival says what is known of a temporary file.
type arrival int

const (
	never  arrival = iota // no DataNode was asked to make it
	coming                // one was, and may yet do so
	there                 // it answered
)

// discard is best effort: what stays is a dot file. A DataNode that was given up
// on in the middle may make the file only after it has been removed.
func (s *Store) discard(ctx context.Context, temp string, a arrival) {
	const longest = 250 * time.Millisecond
	if a == never {
		return
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	for pause := 4 * time.Millisecond; ; pause *= 2 {
		removed, err := s.remove(cleanup, temp, false)
		if err != nil || removed || a == there || pause > longest {
			return
		}
		time.Sleep(pause)
	}
}

// makeParent makes the parents first: CREATE would give them modes of its own.
func (s *Store) makeParent(ctx context.Context, op, p string) error {
	parent := path.Dir(p)
	found, err := s.status(ctx, parent)
	var e *hadoop.Exception
	switch {
	case errors.As(err, &e) && e.FileInTheWay(), err == nil && found.Type == typeFile:
		return hadoop.InTheWay(op, p)
	case errors.Is(err, fs.ErrNotExist):
		return s.mkdirs(ctx, op, parent, s.dirMode)
	default:
		return err
	}
}

// upload sends the content to where a NameNode says. An error of the content stays
// as it is.
func (s *Store) upload(ctx context.Context, p, temp string, content io.Reader, mode fs.FileMode) (int64, arrival, error) {
	t, err := s.locate(ctx, request{method: put, op: "CREATE", path: temp, params: url.Values{
		"overwrite": {"false"}, "createparent": {"false"}, "permission": {octal(mode)},
	}})
	if err != nil {
		return 0, never, err
	}
	body := &body{ctx: ctx, content: content, closed: make(chan struct{})}
	reply, err := t.do(ctx, put, body)
	<-body.closed // until then net/http may read the content
	if reply != nil {
		defer reply.Body.Close() //nolint:errcheck // opened for reading
	}
	switch {
	case ctx.Err() != nil:
		return 0, coming, ctx.Err()
	case body.err != nil:
		return 0, coming, hadoop.ContentFailure(p, body.err)
	case err != nil:
		return 0, coming, err
	case reply.StatusCode != http.StatusCreated && reply.StatusCode != http.StatusOK:
		return 0, there, refusal(reply)
	case !body.ended:
		return 0, there, fmt.Errorf("%s took the file for complete before it was", t.url.Host)
	}
	return body.n, there, nil
}

// body counts what net/http reads of the content, and tells when it is done.
type body struct {
	ctx     context.Context //nolint:containedctx // a body is read by net/http
	content io.Reader
	n       int64
	ended   bool
	err     error
	once    sync.Once
	closed  chan struct{}
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.content.Read(p)
	b.n += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		b.ended = true
		err = io.EOF
	case err != nil:
		b.err = err
	}
	return n, err
}

func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// seal sees to it that a file is what was sent, under its mode.
func (s *Store) seal(ctx context.Context, temp string, n int64, mode fs.FileMode) (id uint64, err error) {
	found, err := s.status(ctx, temp)
	if err != nil {
		return 0, err
	}
	if *found.Length != n {
		return 0, fmt.Errorf("of %d bytes sent %d arrived", n, *found.Length)
	}
	if found.hasMode(mode) {
		return found.FileID, nil
	}
	err = s.ask(ctx, request{ // a default ACL, or a gateway, had its say
		method: put, op: "SETPERMISSION", path: temp, repeatable: true,
		params: url.Values{"permission": {octal(mode)}},
	}, nil)
	return found.FileID, err
}

// rename gives a file its name in one step.
func (s *Store) rename(ctx context.Context, temp, p string, id uint64, replace bool) error {
	option := "NONE"
	if replace {
		option = "OVERWRITE"
	}
	var done boolean
	err := s.ask(ctx, request{
		method: put, op: "RENAME", path: temp,
		params: url.Values{"destination": {p}, "renameoptions": {option}},
	}, &done)
	if err == nil && done.Boolean == nil {
		return nil
	}
	if err == nil {
		return s.renameOldWay(ctx, temp, p, *done.Boolean, replace)
	}
	// The answer may be lost of a rename that was done; and of a directory in the
	// way the exception doesn't tell.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	found, statErr := s.status(after, p)
	switch {
	case statErr != nil:
		return err
	case found.Type == typeDirectory:
		return fs.ErrExist
	case id != 0 && found.FileID == id:
		return nil
	}
	return err
}

// renameOldWay goes on where a server, such as HttpFS, knows no options: it says
// whether it renamed, never replaces a file, and moves into a directory.
func (s *Store) renameOldWay(ctx context.Context, temp, p string, renamed, replace bool) error {
	const tries = 3
	for again := 0; ; again++ {
		found, err := s.status(ctx, p)
		switch {
		case err == nil && found.Type == typeDirectory:
			if renamed {
				if _, err := s.remove(ctx, path.Join(p, path.Base(temp)), false); err != nil {
					return err
				}
			}
			return fs.ErrExist
		case renamed:
			return err
		case err == nil && !replace:
			return fs.ErrExist
		case again == tries:
			return fmt.Errorf("the server renamed nothing in %d tries, and doesn't say why", tries)
		case err == nil:
			// For a moment there is no file; half a one is never seen.
			if _, err := s.remove(ctx, p, false); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		var done boolean
		err = s.ask(ctx, request{method: put, op: "RENAME", path: temp, params: url.Values{"destination": {p}}}, &done)
		if err == nil {
			err = done.given()
		}
		if err != nil {
			return err
		}
		renamed = *done.Boolean
	}
}
