package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// copyBuffer is how much is copied between two looks at ctx.
const copyBuffer = 256 << 10

// Create makes the file by linking a complete temporary file to its name, so
// that of concurrent callers one wins and a crash leaves no empty file that
// would count as made. Where hard links aren't to be had it falls back on
// O_EXCL. The file has exactly this mode, whatever the umask.
//
// As with any store, an error other than fs.ErrExist doesn't prove that the file
// was not made.
func (s *Store) Create(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	if err := ready(ctx, "create", path); err != nil {
		return err
	}
	path = filepath.Clean(path)
	if _, err := os.Lstat(path); err == nil { // the common case in a retry, for less
		return failure("create", path, fs.ErrExist)
	}
	temp, _, err := s.writeTemp(ctx, path, bytes.NewReader(data), mode)
	if err != nil {
		return failure("create", path, err)
	}
	err = os.Link(temp, path)
	if errors.Is(err, fs.ErrExist) && sameFile(temp, path) {
		err = nil // a network file system's answer was lost and the call repeated
	}
	removeErr := os.Remove(temp)
	if noHardLinks(err) {
		err, removeErr = createExclusive(path, data, mode), nil
	}
	if err != nil {
		return failure("create", path, err)
	}
	if removeErr != nil && !missing(removeErr) {
		return failure("create", temp, removeErr)
	}
	return syncDir(filepath.Dir(path))
}

// Write renames over whatever file or link has the name; a directory stays, and
// fails the call with fs.ErrExist. The file has exactly this mode, whatever the
// umask. ctx is looked at between reads of content; a read that hangs must be
// ended by its maker.
func (s *Store) Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error) {
	if err := ready(ctx, "write", path); err != nil {
		return 0, err
	}
	path = filepath.Clean(path)
	temp, n, err := s.writeTemp(ctx, path, content, mode)
	if err != nil {
		return 0, err
	}
	if err := os.Rename(temp, path); err != nil {
		_ = os.Remove(temp) // the rename's error is the one that matters
		return 0, failure("write", path, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return 0, err
	}
	return n, nil
}

// MkdirAll gives the directories it makes exactly this mode, whatever the
// umask, and leaves those that are there as they are.
func (s *Store) MkdirAll(ctx context.Context, path string, mode fs.FileMode) error {
	if err := ready(ctx, "make directory", path); err != nil {
		return err
	}
	return mkdirAll(filepath.Clean(path), mode)
}

func mkdirAll(path string, mode fs.FileMode) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil || errors.Is(err, syscall.ENOTDIR) {
		return job.Errorf(job.CodeInvalid, "make directory %q: a file is in the way", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return failure("make directory", path, err)
	}
	parent := filepath.Dir(path)
	if err := mkdirAll(parent, mode); err != nil {
		return err
	}
	if err := os.Mkdir(path, mode.Perm()); err != nil {
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return nil // somebody else made it
		}
		return failure("make directory", path, err)
	}
	info, err = os.Stat(path)
	if err == nil && info.Mode().Perm() != mode.Perm() {
		// The umask took bits away; the set-group-id bit comes from the parent.
		err = os.Chmod(path, mode.Perm()|info.Mode()&fs.ModeSetgid)
	}
	if err != nil {
		return failure("make directory", path, err)
	}
	return syncDir(parent)
}

// writeTemp writes and syncs a file beside path, making parents, and removes it
// again if that fails.
func (s *Store) writeTemp(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (temp string, n int64, err error) {
	if path == "/" {
		return "", 0, job.Errorf(job.CodeInvalid, "write %q: is the root directory", path)
	}
	temp = store.TempName(path)
	open := func() (*os.File, error) { return os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) }
	f, err := open()
	if errors.Is(err, fs.ErrNotExist) {
		if err := mkdirAll(filepath.Dir(path), s.dirMode); err != nil {
			return "", 0, err
		}
		f, err = open()
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return "", 0, job.Errorf(job.CodeInvalid, "write %q: a file is in the way of a directory", path)
	}
	if err != nil {
		return "", 0, failure("write", path, err)
	}
	n, err = copyTo(ctx, f, path, content)
	if err == nil {
		err = seal(f, path, mode)
	}
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = failure("write", path, closeErr)
	}
	if err != nil {
		_ = os.Remove(temp) // err is the one that matters; the name tells what a leftover is
		return "", 0, err
	}
	return temp, n, nil
}

// seal makes the content durable under its mode.
func seal(f *os.File, path string, mode fs.FileMode) error {
	if err := f.Chmod(mode.Perm()); err != nil {
		return failure("write", path, err)
	}
	if err := f.Sync(); err != nil {
		return failure("write", path, err)
	}
	return nil
}

// copyTo keeps the content's own error, which the file system has no part in.
func copyTo(ctx context.Context, f *os.File, path string, content io.Reader) (int64, error) {
	buffer := make([]byte, copyBuffer)
	var total int64
	for {
		if err := ctx.Err(); err != nil {
			return total, failure("write", path, err)
		}
		n, readErr := content.Read(buffer)
		if n > 0 {
			written, err := f.Write(buffer[:n])
			total += int64(written)
			if err != nil {
				return total, failure("write", path, err)
			}
		}
		if errors.Is(readErr, io.EOF) {
			return total, nil
		}
		if readErr != nil {
			return total, fmt.Errorf("write %q: read the content: %w", path, readErr)
		}
	}
}

// createExclusive is Create without hard links. If it fails half-way it gives
// the name up again, since it is the one that took it.
func createExclusive(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = seal(f, path, mode)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(path) // err is the one that matters
	}
	return err
}

func noHardLinks(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EOPNOTSUPP) ||
		errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EMLINK)
}

func sameFile(a, b string) bool {
	infoA, errA := os.Lstat(a)
	infoB, errB := os.Lstat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// syncDir makes a name in a directory durable. Directories that can't be opened
// for reading, and file systems that don't sync directories, are left at that:
// there is nothing more to do for them.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return failure("sync", dir, err)
	}
	defer d.Close() //nolint:errcheck // opened for reading
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EOPNOTSUPP) {
		return failure("sync", dir, err)
	}
	return nil
}
