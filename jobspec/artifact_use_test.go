package jobspec_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/store/file"
)

// That an artifact is used is noted beside it, not with every use.
func TestUseOfAnArtifactIsNoted(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	a := jobspec.Artifact{SHA256: digest, Name: "job.py"}
	files := file.New(file.Options{DirMode: 0o700})
	note := filepath.Join(root, digest, ".used")
	age := func(d time.Duration) time.Time {
		at := time.Now().Add(-d).Truncate(time.Second)
		require.NoError(t, os.Chtimes(note, at, at))
		return at
	}
	modified := func() time.Time {
		info, err := os.Stat(note)
		require.NoError(t, err)
		return info.ModTime()
	}
	require.NoError(t, a.Use(t.Context(), files, root))
	at := age(time.Minute)
	require.NoError(t, a.Use(t.Context(), files, root))
	require.Equal(t, at, modified())
	at = age(2 * time.Hour)
	require.NoError(t, a.Use(t.Context(), files, root))
	require.True(t, modified().After(at))
}
