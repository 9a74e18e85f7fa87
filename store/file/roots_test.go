package file

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

func TestRoots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"data/sub/a", "data2/a", "secret/a"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(at(name)), 0o700))
		require.NoError(t, os.WriteFile(at(name), []byte("x"), 0o600))
	}
	for name, to := range map[string]string{
		"linked": at("data"), "data/inside": "sub/a", "data/out": at("secret/a"), "data/up": "../secret/a", "data/dir": at("secret"),
		"data/again": "out", "data/around": "../linked/sub/a", "data/beside": at("data2/a"), "data/loop": "loop", "data/nowhere": at("gone"),
		"secret/back": at("data/sub/a"),
	} {
		require.NoError(t, os.Symlink(to, at(name)))
	}
	for _, roots := range []Roots{{at("data")}, {at("gone"), at("linked")}, {at("data/sub"), at("data")}} {
		for name, want := range map[string]bool{
			"data": true, "data/sub/a": true, "data/inside": true, "data/around": true, "linked/sub/a": true, "secret/back": true,
			"data/out": false, "data/up": false, "data/dir/a": false, "data/again": false, "data/beside": false, "data2/a": false, "secret/a": false,
		} {
			got, err := roots.Hold(t.Context(), at(name))
			require.NoError(t, err)
			require.Equal(t, want, got, "%s below %s", name, roots)
		}
		for _, name := range []string{"data/nowhere", "gone", "data/sub/a/b"} {
			_, err := roots.Hold(t.Context(), at(name))
			require.ErrorIs(t, err, fs.ErrNotExist)
		}
		_, err := roots.Hold(t.Context(), at("data/loop"))
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	}
	got, err := Roots{"/"}.Hold(t.Context(), at("secret/a"))
	require.NoError(t, err)
	require.True(t, got)
	got, err = Roots{}.Hold(t.Context(), at("secret/a"))
	require.NoError(t, err)
	require.False(t, got)
	_, err = Roots{at("data")}.Hold(t.Context(), "data/a")
	require.Error(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Roots{at("data")}.Hold(ended, at("data"))
	require.ErrorIs(t, err, context.Canceled)
}
