// Package file is the Store on the local file system. It belongs to one host,
// or to all that mount the same file system at the same place.
//
// Files appear whole or not at all, also across a crash: content is written
// under a temporary name ".<name>.tmp-<random>" and synced, then linked or
// renamed, then the directory is synced. What a crash leaves is such a dot file,
// which Spark does not read.
//
// Open, Stat and List follow symbolic links. Create and Write don't follow one
// at the end of the path: Create finds that the name exists, Write replaces the
// link. RemoveAll removes links, never what they lead to.
//
// Errors are job errors: not_found, unauthorized and conflict for the three that
// store.Store names; invalid for what can never work (a relative path, a name
// too long, a directory where a file should be, a device); unavailable for the
// rest, such as a full disk.
package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

var _ store.Store = (*Store)(nil)

// Options of a Store.
type Options struct {
	// DirMode is the mode of parent directories that Create and Write make;
	// 0755 when it is 0.
	DirMode fs.FileMode
}

// Store reads and writes the local file system.
type Store struct {
	dirMode fs.FileMode
}

// New makes a Store.
func New(o Options) *Store {
	if o.DirMode == 0 {
		o.DirMode = 0o755
	}
	return &Store{dirMode: o.DirMode}
}

// Scheme is "file".
func (s *Store) Scheme() string { return "file" }

// URL is "file:" and the path as it is: Hadoop's Path decodes nothing, so
// "file:/tmp/a b%20.csv" is the file "a b%20.csv". Nor are the characters of
// Hadoop's globs escaped.
func (s *Store) URL(path string) string { return "file:" + path }

// Open fails at once for a missing or forbidden file. Pipes and devices are
// refused: their content has no end. Reading stops when ctx ends.
func (s *Store) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	if err := ready(ctx, "open", path); err != nil {
		return nil, err
	}
	// Without O_NONBLOCK, opening a pipe waits for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, failure("open", path, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = job.Errorf(job.CodeInvalid, "open %q: is a %s, not a file", path, kindOf(info.Mode()))
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, failure("open", path, err)
	}
	return &reader{ctx: ctx, path: path, file: f}, nil
}

type reader struct {
	ctx  context.Context //nolint:containedctx // a reader outlives the call that made it
	path string
	file *os.File
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, failure("read", r.path, err)
	}
	n, err := r.file.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // os.File returns io.EOF bare
		err = failure("read", r.path, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.file.Close() }

// Stat follows symbolic links; one that leads nowhere is missing.
func (s *Store) Stat(ctx context.Context, path string) (store.Info, error) {
	if err := ready(ctx, "stat", path); err != nil {
		return store.Info{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return store.Info{}, failure("stat", path, err)
	}
	return infoOf(filepath.Clean(path), info), nil
}

// List describes links by what they lead to, and one that leads nowhere by
// itself. Listing a file fails as missing: there is no such directory.
func (s *Store) List(ctx context.Context, dir string) ([]store.Info, error) {
	if err := ready(ctx, "list", dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, failure("list", dir, err)
	}
	infos := make([]store.Info, 0, len(entries))
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, failure("list", dir, err)
		}
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		if err != nil && e.Type()&fs.ModeSymlink != 0 {
			info, err = os.Lstat(path)
		}
		if missing(err) { // removed since it was read
			continue
		}
		if err != nil {
			return nil, failure("list", path, err)
		}
		infos = append(infos, infoOf(path, info))
	}
	return infos, nil
}

// Glob is store.Glob.
func (s *Store) Glob(ctx context.Context, pattern string) ([]store.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, failure("glob", pattern, err)
	}
	return store.Glob(ctx, s, pattern)
}

// RemoveAll goes on to the end once it has begun; ctx is asked before.
func (s *Store) RemoveAll(ctx context.Context, path string) error {
	if err := ready(ctx, "remove", path); err != nil {
		return err
	}
	path = filepath.Clean(path)
	if path == "/" {
		return job.Errorf(job.CodeInvalid, "remove %q: the root is never removed", path)
	}
	if err := os.RemoveAll(path); err != nil && !missing(err) {
		var below *fs.PathError
		if errors.As(err, &below) {
			path = below.Path
		}
		return failure("remove", path, err)
	}
	return nil
}

func infoOf(path string, info fs.FileInfo) store.Info {
	return store.Info{Path: path, Size: info.Size(), Dir: info.IsDir(), ModTime: info.ModTime(), Mode: info.Mode().Perm()}
}

// ready says why a call can't begin.
func ready(ctx context.Context, op, path string) error {
	if err := ctx.Err(); err != nil {
		return failure(op, path, err)
	}
	if err := store.CheckPath(path); err != nil {
		return failure(op, path, err)
	}
	return nil
}
