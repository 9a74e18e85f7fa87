package local

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Names inside a job directory, beside those of package spark.
const (
	fileClaim = "claim.json"
	fileChild = "child.json"
	fileExit  = "exit.json"

	fileSupervisorLock = "supervisor.lock"
	fileChildLock      = "child.lock"
	fileSupervisorLog  = "supervisor.log"
	// fileProperties holds resolved secrets; it lives from the launch until the
	// program has started.
	fileProperties = "spark.properties"
	// fileExitReserve becomes exit.json; it is written before the launch so
	// that a full disk cannot hide how an application ended.
	fileExitReserve = ".exit.reserve"
	// dirEventLog holds the events of the driver, for Progress.
	dirEventLog = "eventlog"
)

// Names directly under the root.
const (
	fileRootLock = ".lock"
	fileHost     = ".host"
	fileHostID   = ".host-id"
	// dirLive holds one entry per claimed application that has not ended.
	dirLive = ".live"
	// dirWaiting holds one entry per application that found the cluster at its
	// limit: it is told when another ends.
	dirWaiting = ".waiting"
	// dirEvents holds one file per application, rewritten at each change: the
	// one directory that Changes watches.
	dirEvents = ".events"
)

const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
	// maxRecord bounds what is read of any record, status file or marker.
	maxRecord = 64 << 10
)

// jobDir is the directory of one attempt.
type jobDir string

func (d jobDir) path(name ...string) string {
	return filepath.Join(append([]string{string(d)}, name...)...)
}

// createExclusive makes a file with its whole content, or fails with
// fs.ErrExist: of any number of concurrent calls one succeeds, and nobody sees
// half of the content, even after a crash. Both are on disk when it returns.
func createExclusive(path string, data []byte) error {
	temp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp) }() // a left-over goes with Release
	if err := os.Link(temp, path); err != nil {
		return fmt.Errorf("create %s: %w", path, unwrapLink(err))
	}
	return syncDir(filepath.Dir(path))
}

func createJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return createExclusive(path, append(data, '\n'))
}

// replaceJSON puts a file in place by renaming. It does not sync: for hints.
func replaceJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	temp := tempName(path)
	if err := os.WriteFile(temp, append(data, '\n'), fileMode); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		_ = os.Remove(temp) // the rename's error says more
		return err
	}
	return nil
}

func tempName(path string) string {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+hex.EncodeToString(random[:])+".tmp")
}

func writeTemp(path string, data []byte) (string, error) {
	temp := tempName(path)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(temp) // the write's error says more
		return "", err
	}
	return temp, nil
}

// unwrapLink keeps the reason of a failed link without the temporary name.
func unwrapLink(err error) error {
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// readLimited reads a regular file of at most limit bytes (the rest is cut).
// It neither follows a symbolic link nor blocks on a pipe: user code may have
// put anything there.
func readLimited(path string, limit int64) ([]byte, error) {
	f, _, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	return io.ReadAll(io.LimitReader(f, limit))
}

func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		_ = f.Close() // only opened
		return nil, nil, err
	}
	return f, info, nil
}

// readJSON reads a record of ours. A missing one is (nil, nil).
func readJSON[T any](path string) (*T, error) {
	data, err := readLimited(path, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value := new(T)
	if err := json.Unmarshal(data, value); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return value, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// replaceFile puts a file on disk by renaming.
func replaceFile(path string, data []byte) error {
	temp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	return os.Rename(temp, path)
}
