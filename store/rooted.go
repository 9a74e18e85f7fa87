package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// modeParent is the mode of directories above a root.
const modeParent fs.FileMode = 0o755

// Rooted returns the store with directories that belong to one owner, its roots:
// whoever makes something below one also makes what is missing above it, for
// everybody. A store gives all directories that it makes one mode, and a root that is
// nobody else's would close what others keep beside it. The roots are clean absolute
// paths.
func Rooted(st Store, roots ...string) Store {
	return &rooted{Store: st, roots: roots}
}

type rooted struct {
	Store
	roots []string
	// there are the parents that need no more looking at.
	there sync.Map
}

// above makes the directories above the root that a path is below.
func (r *rooted) above(ctx context.Context, p string) error {
	for _, root := range r.roots {
		if p != root && !strings.HasPrefix(p, root+"/") {
			continue
		}
		parent := path.Dir(root)
		if _, known := r.there.Load(parent); known {
			continue
		}
		_, err := r.Stat(ctx, parent)
		if errors.Is(err, fs.ErrNotExist) {
			err = r.Store.MkdirAll(ctx, parent, modeParent)
		}
		if err != nil {
			return err
		}
		r.there.Store(parent, nil)
	}
	return nil
}

func (r *rooted) Create(ctx context.Context, p string, data []byte, mode fs.FileMode) error {
	if err := r.above(ctx, p); err != nil {
		return err
	}
	return r.Store.Create(ctx, p, data, mode)
}

func (r *rooted) Write(ctx context.Context, p string, content io.Reader, mode fs.FileMode) (int64, error) {
	if err := r.above(ctx, p); err != nil {
		return 0, err
	}
	return r.Store.Write(ctx, p, content, mode)
}

func (r *rooted) MkdirAll(ctx context.Context, p string, mode fs.FileMode) error {
	if err := r.above(ctx, p); err != nil {
		return err
	}
	return r.Store.MkdirAll(ctx, p, mode)
}
