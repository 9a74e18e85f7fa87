// Package store reads and writes the file trees of jobs: embedded inputs and
// outputs, sources, and the files a job names by URL. The packages below it
// each speak to one kind of store. What the files mean is not known here.
package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

// Store is one file system. Paths are absolute, with '/', and taken as they
// are: never percent-decoded.
//
// Errors answer errors.Is with fs.ErrNotExist (missing), fs.ErrPermission
// (forbidden), fs.ErrExist and ErrFull; every other error means that the store
// could not be asked, and is worth a retry.
type Store interface {
	// Scheme is the URL scheme, "file" or "hdfs".
	Scheme() string
	// URL makes the URL under which Spark finds a path of this store.
	URL(path string) string

	// Create makes a new file with this content. Of any number of concurrent
	// calls one succeeds; the others fail with fs.ErrExist. Parents are made.
	Create(ctx context.Context, path string, data []byte, mode fs.FileMode) error
	// Write puts a file in place by writing under a temporary name and renaming,
	// so that no reader sees half of it. It replaces a file that is there.
	// Parents are made. It returns the bytes written.
	Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error)
	// MkdirAll makes a directory and its parents.
	MkdirAll(ctx context.Context, path string, mode fs.FileMode) error
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	// Stat follows symbolic links.
	Stat(ctx context.Context, path string) (Info, error)
	// List returns a directory's entries in byte order of their names.
	List(ctx context.Context, dir string) ([]Info, error)
	// Glob returns what matches a pattern in Hadoop's syntax (* ? [a-b] [^a]
	// {x,y} and \ to escape), in byte order. A path without such characters
	// matches itself if it is there.
	Glob(ctx context.Context, pattern string) ([]Info, error)
	// RemoveAll removes a file or tree; nothing there is no error.
	RemoveAll(ctx context.Context, path string) error
}

// ErrFull says that there is no room for what was to be written, on a disk or within a
// quota. Nothing is left of it; trying again helps only once somebody has made room.
var ErrFull = errors.New("the store is full")

// Full makes of what a file system said an ErrFull that says the same.
func Full(said error) error { return full{said} }

type full struct{ error }

func (full) Is(target error) bool { return target == ErrFull }

func (f full) Unwrap() error { return f.error }

// Info describes a file or directory.
type Info struct {
	// Path is absolute.
	Path string
	// Size in bytes; of a directory, undefined.
	Size    int64
	Dir     bool
	ModTime time.Time
	// Mode is the permission bits, 0 to 0777, and nothing else: what its owner, its
	// group and all others may do with it, as far as the store knows.
	Mode fs.FileMode
}
