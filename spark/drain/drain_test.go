package drain

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestSetReadClear(t *testing.T) {
	t.Parallel()
	s, root := file.New(file.Options{DirMode: 0o700}), filepath.Join(t.TempDir(), "not", "yet")
	got, err := Read(t.Context(), s, root)
	require.NoError(t, err)
	require.Nil(t, got)
	require.NoError(t, Clear(t.Context(), s, root))

	require.NoError(t, Set(t.Context(), s, root, Note{By: "ana", Reason: strings.Repeat("x", job.MaxMessage+100), Since: noon}))
	require.NoError(t, Set(t.Context(), s, root, Note{By: "bob", Reason: "new disks", Since: noon}))
	got, err = Read(t.Context(), s, root)
	require.NoError(t, err)
	require.Equal(t, &Note{By: "bob", Reason: "new disks", Since: noon}, got)

	require.NoError(t, Clear(t.Context(), s, root))
	got, err = Read(t.Context(), s, root)
	require.NoError(t, err)
	require.Nil(t, got)
}

// Whatever lies there, somebody wanted the cluster closed.
func TestNoteThatCannotBeUnderstood(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", "null{", strings.Repeat("[", maxNote*2)} {
		root := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(root, noteFile), []byte(text), 0o600))
		err := Gate("lake", file.New(file.Options{}), root)(t.Context())
		require.ErrorIs(t, err, spark.ErrBusy)
		require.ErrorContains(t, err, "stoker drain --resume removes it")
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for want, n := range map[string]Note{
		"cluster lake is drained since 2026-11-21T12:00:00Z":                   {Since: noon},
		"cluster lake is drained by ana since 2026-11-21T12:00:00Z":            {By: "ana", Since: noon},
		"cluster lake is drained by ana since 2026-11-21T12:00:00Z: new disks": {By: "ana", Reason: "new disks", Since: noon},
	} {
		require.Equal(t, want, n.words("lake"))
		require.True(t, n.Holds("lake", n.words("lake")))
		require.False(t, n.Holds("lak", n.words("lake")))
		require.False(t, Note{Since: noon.Add(time.Second)}.Holds("lake", n.words("lake")), "of a drain before")
		require.False(t, n.Holds("lake", "the cluster is at its concurrency limit"))
		require.False(t, n.Holds("lake", ""))
	}
}

// away is a store that cannot be reached.
type away struct{ store.Store }

func (away) Open(context.Context, string) (io.ReadCloser, error) {
	return nil, errors.New("connection refused")
}

func TestGate(t *testing.T) {
	t.Parallel()
	root, s := t.TempDir(), file.New(file.Options{})
	gate := Gate("lake", s, root)
	require.NoError(t, gate(t.Context()))
	require.NoError(t, Set(t.Context(), s, root, Note{Since: noon}))
	err := gate(t.Context())
	require.ErrorIs(t, err, spark.ErrBusy)
	var held *spark.HeldError
	require.ErrorAs(t, err, &held)
	require.True(t, Note{Since: noon}.Holds("lake", held.Reason))
	require.NoError(t, Clear(t.Context(), s, root))
	require.NoError(t, gate(t.Context()))

	// Nobody can tell: nothing is launched.
	err = Gate("lake", away{s}, root)(t.Context())
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.NotErrorIs(t, err, spark.ErrBusy)
}
