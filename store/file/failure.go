package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// failure turns what the operating system said into a job error.
func failure(op, path string, err error) error {
	var known *job.Error
	if errors.As(err, &known) {
		return err
	}
	what := fmt.Sprintf("%s %q", op, path)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno // without the path that PathError and LinkError repeat
	}
	code := job.CodeUnavailable
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		what += ": the disk or the quota is full; free space there or give it more, then try again"
		err = store.Full(err)
	case missing(err):
		code = job.CodeNotFound
		if !errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
		}
	case errors.Is(err, fs.ErrPermission):
		code = job.CodeUnauthorized
	case errors.Is(err, fs.ErrExist):
		code = job.CodeConflict
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EISDIR),
		errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENXIO):
		code = job.CodeInvalid
	}
	return &job.Error{Code: code, Message: what, Cause: err}
}

// missing is also true where a parent is a file: nothing can be below it.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	default:
		return "device"
	}
}
