package hdfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	client "github.com/colinmarc/hdfs/v2"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/store"
)

const (
	// copyBuffer is how much is copied between two looks at ctx.
	copyBuffer = 128 << 10
	// cleanupLimit bounds the removal of a temporary file after a failure.
	cleanupLimit = 5 * time.Second
)

// Create takes the name last of all, by a rename that may not replace.
func (d *direct) Create(ctx context.Context, p string, data []byte, mode fs.FileMode) error {
	if p == "/" {
		return fs.ErrExist
	}
	_, err := d.Stat(ctx, p) // the common case in a retry, for less
	if err == nil {
		return fs.ErrExist
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err = d.put(ctx, "create", p, bytes.NewReader(data), mode, false)
	return err
}

// Write replaces in one step.
func (d *direct) Write(ctx context.Context, p string, content io.Reader, mode fs.FileMode) (int64, error) {
	if p == "/" {
		return 0, hadoop.IsDirectory("write", p)
	}
	return d.put(ctx, "write", p, content, mode, true)
}

// writer is a temporary file being written.
type writer struct {
	s    *session
	file *client.FileWriter
	temp string
	id   uint64
	// written says that the content is complete and the file closed.
	written bool
}

func (d *direct) put(ctx context.Context, op, p string, content io.Reader, mode fs.FileMode, replace bool) (int64, error) {
	w, err := d.begin(ctx, op, p, mode)
	if err != nil {
		return 0, err
	}
	release := w.s.obey(ctx)
	n, err := w.fill(ctx, p, content, d.o.Timeout)
	if err == nil {
		err = w.s.within(d.o.Timeout, func() error { return w.s.rename(w.temp, p, replace) })
	}
	release()
	if err == nil {
		d.pool.give(w.s)
		return n, nil
	}
	lost := w.s.over()
	if lost || !w.written {
		w.abandon()
	} else {
		d.pool.give(w.s)
	}
	if lost && w.written && d.arrived(ctx, w, p) {
		return n, nil
	}
	d.remove(ctx, w.temp)
	if errors.Is(err, fs.ErrExist) || !w.written || lost {
		return 0, err
	}
	if info, statErr := d.Stat(ctx, p); statErr == nil && info.Dir { // what NameNodes have no exception for
		return 0, fs.ErrExist
	}
	return 0, err
}

// begin makes a temporary file beside p that RPC can write. Of its content
// nothing is read yet.
func (d *direct) begin(ctx context.Context, op, p string, mode fs.FileMode) (*writer, error) {
	var w *writer
	s, err := d.pool.exchange(ctx, func(s *session) error {
		w = &writer{s: s, temp: store.TempName(p)}
		err := d.create(w, mode)
		if errors.Is(err, fs.ErrNotExist) && !fileInTheWay(err) {
			if err := s.mkdirAll(op, parentOf(p), d.o.DirMode); err != nil {
				return err
			}
			err = d.create(w, mode)
		}
		if fileInTheWay(err) {
			return hadoop.InTheWay(op, p)
		}
		if err != nil {
			return err
		}
		info, err := s.stat(w.temp)
		if err != nil {
			return err
		}
		if err := special(info); err != nil {
			if removeErr := s.removeAll(w.temp); removeErr != nil {
				return removeErr
			}
			return err
		}
		w.id = fileID(info)
		if info.Mode().Perm() != mode.Perm() { // a default ACL had its say
			return s.answer(s.client.Chmod(w.temp, mode.Perm()))
		}
		return nil
	})
	if err != nil {
		if s != nil {
			d.pool.give(s)
		}
		return nil, err
	}
	return w, nil
}

func (d *direct) create(w *writer, mode fs.FileMode) error {
	replication, blockSize := d.o.Replication, d.o.BlockSize
	if replication == 0 || blockSize == 0 {
		defaults, err := w.s.client.ServerDefaults()
		if err != nil {
			return w.s.answer(err)
		}
		if replication == 0 {
			replication = defaults.Replication
		}
		if blockSize == 0 {
			blockSize = defaults.BlockSize
		}
	}
	var err error
	w.file, err = w.s.client.CreateFile(w.temp, replication, blockSize, mode.Perm())
	return w.s.answer(err)
}

// fill copies the content, keeping the content's own error, which HDFS has no
// part in, and closes the file.
func (w *writer) fill(ctx context.Context, p string, content io.Reader, limit time.Duration) (int64, error) {
	buffer := make([]byte, bufferFor(content))
	var total int64
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, readErr := content.Read(buffer)
		if n > 0 {
			if err := w.write(buffer[:n]); err != nil {
				return total, err
			}
			total += int64(n)
		}
		if errors.Is(readErr, io.EOF) {
			return total, w.s.within(limit, func() error { return w.close(ctx) })
		}
		if readErr != nil {
			return total, hadoop.ContentFailure(p, readErr)
		}
	}
}

// bufferFor is no larger than content that knows how long it is.
func bufferFor(content io.Reader) int {
	if known, ok := content.(interface{ Len() int }); ok {
		return min(known.Len()+1, copyBuffer)
	}
	return copyBuffer
}

func (w *writer) write(p []byte) error {
	return w.s.guard(func() error {
		_, err := w.file.Write(p)
		if err == nil {
			err = w.s.dataFailed()
		}
		w.s.progress()
		return w.s.answer(err)
	})
}

// close repeats itself while DataNodes have not yet told the NameNode of the last
// block. Asking every 2 ms makes a small file take 15 ms; Hadoop's own client
// waits 400 ms before it asks again. After 50 ms there is less haste.
func (w *writer) close(ctx context.Context) error {
	const most = 50 * time.Millisecond
	pause, begun := 2*time.Millisecond, time.Now()
	for {
		err := w.file.Close()
		if !client.IsErrReplicating(err) {
			if err == nil {
				err = w.s.dataFailed()
			}
			w.written = err == nil
			return w.s.answer(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return w.s.lost(ctx.Err())
		case <-w.s.dialing.Done():
			return w.s.lost(errSessionClosed)
		}
		if time.Since(begun) > most {
			pause = min(2*pause, most)
		}
	}
}

// abandon ends the session, and then the library's goroutines for the block that
// was being written: they can only fail now. A file is closed once.
func (w *writer) abandon() {
	w.s.end(errSessionClosed)
	if !w.written {
		_ = w.s.within(time.Minute, func() error { return w.file.Close() }) // it fails, as intended
	}
}

// arrived reports whether a file has its name although the answer to the rename
// was lost.
func (d *direct) arrived(ctx context.Context, w *writer, p string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	found := uint64(0)
	err := d.pool.call(ctx, func(s *session) error {
		info, err := s.stat(p)
		if err == nil {
			found = fileID(info)
		}
		return err
	})
	return err == nil && found != 0 && found == w.id
}

// remove is best effort: what stays is a dot file.
func (d *direct) remove(ctx context.Context, temp string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	if err := d.RemoveAll(ctx, temp); err != nil {
		d.o.Logger.WarnContext(ctx, "a temporary file is left", "path", temp, "error", fmt.Sprint(hadoop.Failure("remove", temp, err)))
	}
}
