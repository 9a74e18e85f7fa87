// Package split is a Store made of two, for applications whose driver runs on the
// worker's host and whose executors run on a cluster: job directories lie on the
// host's own disk, but for the directories in them that executors read and write,
// which lie in the cluster's file system. Whatever is not below the root of the job
// directories is the cluster's, too.
//
//	<root>/<job>/<attempt>/<one of Shared>/…   cluster: <Data>/<job>.<attempt>/<it>/…
//	<root>/…                                   host
//	anything else                              cluster
//
// Paths that the Store returns are those that it was asked with. Listing a job
// directory shows the host's part.
package split

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

var _ store.Store = (*Store)(nil)

// Options of a Store.
type Options struct {
	// Host is the host's own file system, Cluster the cluster's default one.
	Host, Cluster store.Store
	// Root of the job directories on the host, Data of their shared directories in
	// the cluster's file system: absolute and clean.
	Root, Data string
	// Shared are the names of the directories of a job directory that the cluster
	// holds.
	Shared []string
}

// Store is the two as one.
type Store struct{ o Options }

// New checks the options.
func New(o Options) (*Store, error) {
	for _, dir := range []string{o.Root, o.Data} {
		if !path.IsAbs(dir) || path.Clean(dir) != dir || dir == "/" {
			return nil, job.Errorf(job.CodeInvalid, "split store: %q is no clean absolute directory", dir)
		}
	}
	if o.Host == nil || o.Cluster == nil {
		return nil, job.Errorf(job.CodeInvalid, "split store: it needs two stores")
	}
	return &Store{o: o}, nil
}

// DataDir is the directory in the cluster's file system that holds the shared
// directories of a job directory "<root>/<job>/<attempt>", which it is given as
// "<job>/<attempt>".
func (s *Store) DataDir(attempt string) string {
	return path.Join(s.o.Data, strings.ReplaceAll(attempt, "/", "."))
}

// place is where a path really is: the store, the path there, and what undoes the
// translation of paths below it.
type place struct {
	store store.Store
	path  string
	// real and given are the beginnings that differ, both "" if none do.
	real, given string
}

func (s *Store) place(p string) place {
	rest, below := strings.CutPrefix(p, s.o.Root+"/")
	if !below && p != s.o.Root {
		return place{store: s.o.Cluster, path: p}
	}
	parts := strings.SplitN(rest, "/", 4)
	if len(parts) < 3 || !slices.Contains(s.o.Shared, parts[2]) {
		return place{store: s.o.Host, path: p}
	}
	at := place{store: s.o.Cluster, real: s.DataDir(parts[0] + "/" + parts[1]), given: path.Join(s.o.Root, parts[0], parts[1])}
	at.path = at.real + strings.TrimPrefix(p, at.given)
	return at
}

// back makes a path of a place one of the Store.
func (p place) back(name string) string {
	if p.real == "" {
		return name
	}
	return p.given + strings.TrimPrefix(name, p.real)
}

func (p place) backAll(infos []store.Info) []store.Info {
	for i := range infos {
		infos[i].Path = p.back(infos[i].Path)
	}
	return infos
}

// Scheme is the cluster's: that of bare paths.
func (s *Store) Scheme() string { return s.o.Cluster.Scheme() }

// URL is that of the file system where the path really is.
func (s *Store) URL(p string) string {
	at := s.place(p)
	return at.store.URL(at.path)
}

// Create is the store's of the path.
func (s *Store) Create(ctx context.Context, p string, data []byte, mode fs.FileMode) error {
	at := s.place(p)
	return at.store.Create(ctx, at.path, data, mode)
}

// Write is the store's of the path.
func (s *Store) Write(ctx context.Context, p string, content io.Reader, mode fs.FileMode) (int64, error) {
	at := s.place(p)
	return at.store.Write(ctx, at.path, content, mode)
}

// MkdirAll is the store's of the path.
func (s *Store) MkdirAll(ctx context.Context, p string, mode fs.FileMode) error {
	at := s.place(p)
	return at.store.MkdirAll(ctx, at.path, mode)
}

// Open is the store's of the path.
func (s *Store) Open(ctx context.Context, p string) (io.ReadCloser, error) {
	at := s.place(p)
	return at.store.Open(ctx, at.path)
}

// Stat is the store's of the path.
func (s *Store) Stat(ctx context.Context, p string) (store.Info, error) {
	at := s.place(p)
	info, err := at.store.Stat(ctx, at.path)
	if err != nil {
		return store.Info{}, err
	}
	info.Path = at.back(info.Path)
	return info, nil
}

// List is the store's of the directory.
func (s *Store) List(ctx context.Context, dir string) ([]store.Info, error) {
	at := s.place(dir)
	infos, err := at.store.List(ctx, at.path)
	return at.backAll(infos), err
}

// Glob is the store's of the pattern, whose wildcards must not stand where the
// stores part.
func (s *Store) Glob(ctx context.Context, pattern string) ([]store.Info, error) {
	at := s.place(pattern)
	infos, err := at.store.Glob(ctx, at.path)
	return at.backAll(infos), err
}

// RemoveAll of a job directory removes its shared directories, too.
func (s *Store) RemoveAll(ctx context.Context, p string) error {
	at := s.place(p)
	err := at.store.RemoveAll(ctx, at.path)
	if rest, below := strings.CutPrefix(p, s.o.Root+"/"); below && strings.Count(rest, "/") == 1 {
		err = errors.Join(err, s.o.Cluster.RemoveAll(ctx, s.DataDir(rest)))
	}
	return err
}
