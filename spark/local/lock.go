package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// errHeld: somebody else holds the lock.
var errHeld = errors.New("the lock is held by another process")

// Locks are open-file-description locks: like flock they belong to the open
// file, so a child can inherit one and keep it after its parent's death, but
// they can be asked about without being taken.

// tryLock takes an exclusive lock on a file, made if needed, until the file is
// closed in every process that has it open.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, fileMode)
	if err != nil {
		return nil, err
	}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart})
	if err == nil {
		return f, nil
	}
	_ = f.Close() // nothing was written
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return nil, errHeld
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// held reports whether some process holds the lock, without touching it. A
// lock file that is not there is held by nobody.
func held(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only asked
	query := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &query); err != nil {
		return false
	}
	return query.Type != unix.F_UNLCK
}

// lockRoot takes the lock of a whole local cluster. It waits until ctx ends.
func lockRoot(ctx context.Context, root string) (unlock func(), err error) {
	path := filepath.Join(root, fileRootLock)
	for {
		f, err := tryLock(path)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing is unlocking; nothing was written
		}
		if !errors.Is(err, errHeld) {
			return nil, err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return nil, fmt.Errorf("%w: %w", errHeld, err)
		}
	}
}

// pause waits, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
