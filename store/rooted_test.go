package store_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
)

func modeOf(t *testing.T, name string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	return info.Mode().Perm()
}

// Whoever comes first, the root is nobody else's and what is above it everybody's.
func TestRooted(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(ctx context.Context, st store.Store, root string) error{
		"the root": func(ctx context.Context, st store.Store, root string) error { return st.MkdirAll(ctx, root, 0o700) },
		"a directory": func(ctx context.Context, st store.Store, root string) error {
			return st.MkdirAll(ctx, root+"/7/1", 0o700)
		},
		"a record": func(ctx context.Context, st store.Store, root string) error {
			return st.Create(ctx, root+"/7/1/reservation.json", []byte("{}"), 0o600)
		},
		"a file": func(ctx context.Context, st store.Store, root string) error {
			_, err := st.Write(ctx, root+"/7/1/launch.json", strings.NewReader("{}"), 0o600)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			root := filepath.Join(dir, "stoker", "lake", "jobs")
			st := store.Rooted(file.New(file.Options{DirMode: 0o700}), root)
			require.NoError(t, first(t.Context(), st, root))
			require.Equal(t, fs.FileMode(0o700), modeOf(t, root))
			require.Equal(t, fs.FileMode(0o755), modeOf(t, filepath.Dir(root)))
			require.Equal(t, fs.FileMode(0o755), modeOf(t, filepath.Join(dir, "stoker")))
		})
	}
}

// What is there stays as it is, and what is below no root is none of its business.
func TestRootedLeavesTheRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root := filepath.Join(dir, "private", "jobs")
	require.NoError(t, os.Mkdir(filepath.Dir(root), 0o700))
	st := store.Rooted(file.New(file.Options{DirMode: 0o700}), root)
	require.NoError(t, st.MkdirAll(t.Context(), root, 0o700))
	require.Equal(t, fs.FileMode(0o700), modeOf(t, filepath.Dir(root)))
	other := filepath.Join(dir, "other", "jobs-logs")
	require.NoError(t, st.MkdirAll(t.Context(), other, 0o700))
	require.Equal(t, fs.FileMode(0o700), modeOf(t, filepath.Dir(other)))
}

type unseen struct{ store.Store }

var errUnseen = errors.New("connection refused")

func (unseen) Stat(context.Context, string) (store.Info, error) { return store.Info{}, errUnseen }

// A store that can't be asked is not taken for one without the directory.
func TestRootedPassesErrorsOn(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "stoker", "jobs")
	st := store.Rooted(unseen{file.New(file.Options{})}, root)
	require.ErrorIs(t, st.MkdirAll(t.Context(), root, 0o700), errUnseen)
	require.ErrorIs(t, st.Create(t.Context(), root+"/x", nil, 0o600), errUnseen)
	_, err := st.Write(t.Context(), root+"/x", strings.NewReader(""), 0o600)
	require.ErrorIs(t, err, errUnseen)
	require.NoDirExists(t, filepath.Dir(root))
}
