package store_test

import (
	"context"
	"io"
	"io/fs"
	"strings"

	"github.com/stoker-spark/stoker/store"
)

// fakeStore is a Store whose files are names; a function field that is set takes
// the place of what is looked up.
type fakeStore struct {
	store.Store // panics for what no test expects
	scheme      string
	authority   string
	files       map[string]bool // true for directories
	open        func(ctx context.Context, path string) error
	stat        func(ctx context.Context, path string) error
	list        func(ctx context.Context, path string) error
}

func (f *fakeStore) Scheme() string { return f.scheme }

func (f *fakeStore) URL(path string) string {
	if f.authority == "" {
		return f.scheme + ":" + path
	}
	return f.scheme + "://" + f.authority + path
}

func (f *fakeStore) Stat(ctx context.Context, path string) (store.Info, error) {
	if f.stat != nil {
		if err := f.stat(ctx, path); err != nil {
			return store.Info{}, err
		}
	}
	dir, there := f.files[path]
	if !there {
		return store.Info{}, fs.ErrNotExist
	}
	return store.Info{Path: path, Dir: dir}, nil
}

func (f *fakeStore) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	if f.open != nil {
		if err := f.open(ctx, path); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(strings.NewReader("")), nil
}

func (f *fakeStore) List(ctx context.Context, dir string) ([]store.Info, error) {
	if f.list != nil {
		if err := f.list(ctx, dir); err != nil {
			return nil, err
		}
	}
	var infos []store.Info
	for path, isDir := range f.files {
		rest, below := strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/")
		if below && rest != "" && !strings.Contains(rest, "/") {
			infos = append(infos, store.Info{Path: path, Dir: isDir})
		}
	}
	return infos, nil
}

func (f *fakeStore) Glob(ctx context.Context, pattern string) ([]store.Info, error) {
	return store.Glob(ctx, f, pattern)
}
