package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Roots are directories, by absolute path, that are open to somebody who may use no
// others. A root may be a symbolic link itself.
type Roots []string

// Hold reports whether a path really leads to a root or below one: where symbolic links
// lead counts, now. A directory's own entries are not looked at. A path that leads nowhere is
// not_found, as of a Store.
func (r Roots) Hold(ctx context.Context, path string) (bool, error) {
	real, err := resolve(ctx, path)
	if err != nil {
		return false, err
	}
	for _, root := range r {
		root, err := resolve(ctx, root)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue // nothing can be found below it
		}
		if err != nil {
			return false, err
		}
		if real == root || strings.HasPrefix(real, strings.TrimSuffix(root, "/")+"/") {
			return true, nil
		}
	}
	return false, nil
}

// resolve follows every symbolic link of a path.
func resolve(ctx context.Context, path string) (string, error) {
	if err := ready(ctx, "resolve", path); err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil { // which tells a loop from a disk that fails
		return "", failure("resolve", path, err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", failure("resolve", path, err)
	}
	return real, nil
}
