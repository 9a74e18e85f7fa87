package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	client "github.com/colinmarc/hdfs/v2"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/store"
)

// direct is the Store over RPC alone. Paths are clean.
type direct struct {
	o    Options
	pool *pool
}

var _ backend = (*direct)(nil)

// Stat asks the NameNode.
func (d *direct) Stat(ctx context.Context, p string) (store.Info, error) {
	var info store.Info
	err := d.pool.call(ctx, func(s *session) error {
		found, err := s.stat(p)
		if err == nil {
			info = infoOf(p, found)
		}
		return err
	})
	return info, err
}

// List sorts, because NameNodes order names by signed bytes: é before a.
func (d *direct) List(ctx context.Context, dir string) ([]store.Info, error) {
	var infos []store.Info
	err := d.pool.call(ctx, func(s *session) error {
		infos = nil
		f, err := s.client.Open(dir)
		if err != nil {
			return s.answer(err)
		}
		defer f.Close() //nolint:errcheck // a directory has no connection
		if !f.Stat().IsDir() {
			return fmt.Errorf("%w: it is a file", fs.ErrNotExist)
		}
		entries, err := f.Readdir(0)
		if err != nil {
			return s.answer(err)
		}
		for _, e := range entries {
			infos = append(infos, infoOf(strings.TrimSuffix(dir, "/")+"/"+e.Name(), e))
		}
		return nil
	})
	slices.SortFunc(infos, func(a, b store.Info) int { return strings.Compare(a.Path, b.Path) })
	return infos, err
}

// MkdirAll leaves the way there to the NameNode, which gives all it makes the
// same mode.
func (d *direct) MkdirAll(ctx context.Context, p string, mode fs.FileMode) error {
	return d.pool.call(ctx, func(s *session) error { return s.mkdirAll("make directory", p, mode) })
}

// RemoveAll takes below a file for nothing there.
func (d *direct) RemoveAll(ctx context.Context, p string) error {
	return d.pool.call(ctx, func(s *session) error { return s.removeAll(p) })
}

func (s *session) stat(p string) (fs.FileInfo, error) {
	info, err := s.client.Stat(p)
	return info, s.answer(err)
}

func (s *session) mkdirAll(op, p string, mode fs.FileMode) error {
	err := s.answer(s.client.MkdirAll(p, mode.Perm()))
	if errors.Is(err, fs.ErrExist) || fileInTheWay(err) {
		return hadoop.InTheWay(op, p)
	}
	return err
}

func (s *session) removeAll(p string) error {
	err := s.answer(s.client.RemoveAll(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func fileInTheWay(err error) bool {
	var e *hadoop.Exception
	return errors.As(err, &e) && e.FileInTheWay()
}

func infoOf(p string, info fs.FileInfo) store.Info {
	return store.Info{Path: p, Size: info.Size(), Dir: info.IsDir(), ModTime: info.ModTime(), Mode: info.Mode().Perm()}
}

// special tells why RPC can't serve a file's content: the library reads and
// writes blocks as they are, so encrypted ones would come out as noise and
// erasure-coded ones in shreds.
func special(info fs.FileInfo) error {
	status, ok := info.Sys().(*client.FileStatus)
	switch {
	case !ok:
		return nil
	case status.GetFileEncryptionInfo() != nil:
		return fmt.Errorf("%w over RPC: it is encrypted, and needs WebHDFS", errors.ErrUnsupported)
	case status.GetEcPolicy().GetId() != 0: // 0 is plain replication
		return fmt.Errorf("%w over RPC: it is erasure-coded, and needs WebHDFS", errors.ErrUnsupported)
	case len(status.GetSymlink()) > 0:
		return fmt.Errorf("%w over RPC: it is a symbolic link, and needs WebHDFS", errors.ErrUnsupported)
	}
	return nil
}

// fileID is a file's own number, which it keeps when it is renamed; 0 if unknown.
func fileID(info fs.FileInfo) uint64 {
	if status, ok := info.Sys().(*client.FileStatus); ok {
		return status.GetFileId()
	}
	return 0
}

func parentOf(p string) string { return path.Dir(p) }
