package file_test

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) (store.Store, string) {
		t.Helper()
		return file.New(file.Options{}), t.TempDir()
	})
}

// asNobody runs fn as a user without rights: root's go with the file system
// user id of this one thread.
func asNobody(t *testing.T, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn()
		return
	}
	const nobody = 65534
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, err := unix.SetfsuidRetUid(nobody)
	require.NoError(t, err)
	defer unix.SetfsuidRetUid(0) //nolint:errcheck // checked by whatever comes next
	fn()
}

func TestForbidden(t *testing.T) {
	t.Parallel()
	root := openTempDir(t)
	dir := filepath.Join(root, "forbidden")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "inside"), []byte("x"), 0o600))
	require.NoError(t, os.Chmod(dir, 0))
	t.Cleanup(func() { require.NoError(t, os.Chmod(dir, 0o755)) })
	asNobody(t, func() { storetest.Forbidden(t, file.New(file.Options{}), dir) })
}

// openTempDir is a directory that every user may search.
func openTempDir(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	return root
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(openTempDir(t), "secret.csv")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0))
	st := file.New(file.Options{})
	asNobody(t, func() {
		_, err := st.Stat(t.Context(), path)
		require.NoError(t, err, "it can be seen")
		_, err = st.Open(t.Context(), path)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.Equal(t, job.CodeUnauthorized, job.CodeOf(err))
	})
}

func TestModesDoNotDependOnTheUmask(t *testing.T) {
	t.Parallel()
	root, st, ctx := t.TempDir(), file.New(file.Options{DirMode: 0o777}), t.Context()
	require.NoError(t, st.Create(ctx, root+"/a/created", nil, 0o666))
	_, err := st.Write(ctx, root+"/a/written", strings.NewReader(""), 0o604)
	require.NoError(t, err)
	require.NoError(t, st.MkdirAll(ctx, root+"/b/c", 0o773))
	require.NoError(t, st.MkdirAll(ctx, root+"/b/c", 0o700), "which changes nothing")
	for path, want := range map[string]fs.FileMode{
		"/a": 0o777, "/a/created": 0o666, "/a/written": 0o604, "/b": 0o773, "/b/c": 0o773,
	} {
		info, err := os.Stat(root + path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
}

func TestSetGroupIDIsInherited(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o777|fs.ModeSetgid))
	require.NoError(t, file.New(file.Options{}).MkdirAll(t.Context(), root+"/a/b", 0o777))
	info, err := os.Stat(root + "/a/b")
	require.NoError(t, err)
	require.Equal(t, 0o777|fs.ModeSetgid|fs.ModeDir, info.Mode())
}

func TestSymbolicLinks(t *testing.T) {
	t.Parallel()
	root, st, ctx := t.TempDir(), file.New(file.Options{}), t.Context()
	require.NoError(t, os.MkdirAll(root+"/target/sub", 0o755))
	require.NoError(t, os.WriteFile(root+"/target/file", []byte("12345"), 0o644))
	require.NoError(t, os.Mkdir(root+"/links", 0o755))
	require.NoError(t, os.Symlink(root+"/target", root+"/links/dir"))
	require.NoError(t, os.Symlink(root+"/target/file", root+"/links/file"))
	require.NoError(t, os.Symlink(root+"/nowhere", root+"/links/none"))

	infos, err := st.List(ctx, root+"/links")
	require.NoError(t, err)
	require.Len(t, infos, 3)
	require.True(t, infos[0].Dir)
	require.Equal(t, int64(5), infos[1].Size)
	require.Equal(t, root+"/links/none", infos[2].Path)

	info, err := st.Stat(ctx, root+"/links/dir")
	require.NoError(t, err)
	require.True(t, info.Dir)
	_, err = st.Stat(ctx, root+"/links/none")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, st.Create(ctx, root+"/links/none", nil, 0o644), fs.ErrExist)

	_, err = st.Write(ctx, root+"/links/file", strings.NewReader("new"), 0o644)
	require.NoError(t, err)
	content, err := os.ReadFile(root + "/target/file")
	require.NoError(t, err)
	require.Equal(t, "12345", string(content), "the link was replaced, not its target")

	for _, path := range []string{"/links/dir/", "/links/none", "/links"} {
		require.NoError(t, st.RemoveAll(ctx, root+path))
		_, err := os.Lstat(strings.TrimSuffix(root+path, "/"))
		require.ErrorIs(t, err, fs.ErrNotExist, path)
	}
	infos, err = st.List(ctx, root+"/target")
	require.NoError(t, err)
	require.Len(t, infos, 2, "what the links led to is still there")
}

func TestPipesAndDevicesAreRefused(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, unix.Mkfifo(pipe, 0o644))
	for _, path := range []string{pipe, "/dev/zero", t.TempDir()} {
		_, err := file.New(file.Options{}).Open(t.Context(), path)
		require.Error(t, err)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), err.Error())
	}
}

func TestLongNames(t *testing.T) {
	t.Parallel()
	root, st, ctx := t.TempDir(), file.New(file.Options{}), t.Context()
	for _, name := range []string{strings.Repeat("x", 255), strings.Repeat("é", 127)} {
		_, err := st.Write(ctx, root+"/"+name, strings.NewReader("x"), 0o644)
		require.NoError(t, err)
	}
	_, err := st.Write(ctx, root+"/"+strings.Repeat("x", 256), strings.NewReader("x"), 0o644)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	infos, err := st.List(ctx, root)
	require.NoError(t, err)
	require.Len(t, infos, 2, "nothing temporary is left")
}

func TestReadStopsWhenContextEnds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	r, err := file.New(file.Options{}).Open(ctx, path)
	require.NoError(t, err)
	_, err = io.ReadFull(r, make([]byte, 10))
	require.NoError(t, err)
	cancel()
	_, err = r.Read(make([]byte, 10))
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, r.Close())
}

func TestCodes(t *testing.T) {
	t.Parallel()
	root, st, ctx := t.TempDir(), file.New(file.Options{}), t.Context()
	_, err := st.Stat(ctx, root+"/none")
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	require.NoError(t, st.Create(ctx, root+"/there", nil, 0o644))
	require.Equal(t, job.CodeConflict, job.CodeOf(st.Create(ctx, root+"/there", nil, 0o644)))
	require.Equal(t, job.CodeInvalid, job.CodeOf(st.MkdirAll(ctx, root+"/there/below", 0o755)))
	require.Equal(t, job.CodeInvalid, job.CodeOf(st.RemoveAll(ctx, "relative")))
	_, err = st.Write(ctx, root+"/there/below", strings.NewReader(""), 0o644)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
}

// A full disk is made of a small tmpfs, which takes the right to mount.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no right to mount: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(root, 0)) })
	st := file.New(file.Options{})
	_, err := st.Write(t.Context(), root+"/large", strings.NewReader(strings.Repeat("x", 2<<20)), 0o644)
	require.ErrorIs(t, err, unix.ENOSPC)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.ErrorContains(t, err, "free space")
	infos, err := st.List(t.Context(), root)
	require.NoError(t, err)
	require.Empty(t, infos, "and the space is given back")
}
