package file

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

func TestFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		errno syscall.Errno
		code  job.Code
		is    error
		says  string
	}{
		{syscall.ENOENT, job.CodeNotFound, fs.ErrNotExist, "no such file"},
		{syscall.ENOTDIR, job.CodeNotFound, fs.ErrNotExist, "not a directory"},
		{syscall.EACCES, job.CodeUnauthorized, fs.ErrPermission, "permission denied"},
		{syscall.EPERM, job.CodeUnauthorized, fs.ErrPermission, "not permitted"},
		{syscall.EEXIST, job.CodeConflict, fs.ErrExist, "exists"},
		{syscall.ENOSPC, job.CodeUnavailable, syscall.ENOSPC, "free space"},
		{syscall.EDQUOT, job.CodeUnavailable, syscall.EDQUOT, "quota"},
		{syscall.EIO, job.CodeUnavailable, syscall.EIO, "input/output"},
		{syscall.ESTALE, job.CodeUnavailable, syscall.ESTALE, "stale"},
		{syscall.EROFS, job.CodeUnavailable, syscall.EROFS, "read-only"},
		{syscall.EMFILE, job.CodeUnavailable, syscall.EMFILE, "too many"},
		{syscall.ENAMETOOLONG, job.CodeInvalid, syscall.ENAMETOOLONG, "too long"},
		{syscall.EISDIR, job.CodeInvalid, syscall.EISDIR, "directory"},
	} {
		err := failure("open", "/x y", &os.PathError{Op: "open", Path: "/x y", Err: c.errno})
		require.Equal(t, c.code, job.CodeOf(err), c.errno.Error())
		require.ErrorIs(t, err, c.is)
		require.ErrorContains(t, err, c.says)
		require.ErrorContains(t, err, `open "/x y"`)
		for _, other := range []error{fs.ErrNotExist, fs.ErrPermission, fs.ErrExist} {
			require.Equal(t, errors.Is(c.is, other), errors.Is(err, other), "%v is %v", err, other)
		}
		require.Equal(t, c.errno == syscall.ENOSPC || c.errno == syscall.EDQUOT, errors.Is(err, store.ErrFull), err.Error())
	}
}

func TestCreateWithoutHardLinks(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/file"
	require.NoError(t, createExclusive(path, []byte("x"), 0o640))
	require.ErrorIs(t, createExclusive(path, []byte("y"), 0o640), fs.ErrExist)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "x", string(content))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode())
}
