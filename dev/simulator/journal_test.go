package simulator

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// state is everything a journal has to bring back.
type state struct {
	IDs       []string
	Documents map[string]map[string]any
	Revisions map[string][]Revision
}

// stateOf reads the state; ids are all that ever existed.
func stateOf(s *Server, ids []string) state {
	got := state{IDs: s.IDs(), Documents: map[string]map[string]any{}, Revisions: map[string][]Revision{}}
	for _, id := range ids {
		if doc, ok := s.Document(id); ok {
			got.Documents[id] = doc
		}
		if revisions := s.Revisions(id); len(revisions) > 0 {
			got.Revisions[id] = revisions
		}
	}
	return got
}

func TestJournalBringsEverythingBack(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	b := setup(t, func(o *Options) { o.Dir = dir })
	ids := []string{"z", "a", "gone", "m"}
	for _, id := range ids {
		b.create(`{"id":"` + id + `","n":1.50,"text":"<\u2028>"}`)
	}
	b.do("PATCH", jobPath("a"), `{"n":null}`)
	b.do("DELETE", jobPath("gone"), "")
	b.do("DELETE", jobPath("z"), "")
	b.create(`{"id":"z"}`)
	want := stateOf(b.sim, ids)
	require.Equal(t, []string{"a", "m", "z"}, want.IDs)
	require.NoError(t, b.sim.Close())

	again, err := New(Options{Dir: dir})
	require.NoError(t, err)
	require.Equal(t, want, stateOf(again, ids))
	require.NoError(t, again.Merge("a", object{}))
	require.NoError(t, again.Close())
	require.NoError(t, again.Close())
}

func TestJournalThatIsDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, JournalName)
	first, err := New(Options{Dir: dir})
	require.NoError(t, err)
	_, err = first.Create(object{"id": "a"})
	require.NoError(t, err)
	_, err = first.Create(object{"id": "b"})
	require.NoError(t, err)
	require.NoError(t, first.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	lineA := bytes.SplitAfter(whole, []byte{'\n'})[0]

	t.Run("half a last line is cut off", func(t *testing.T) {
		require.NoError(t, os.WriteFile(path, whole[:len(whole)-1], 0o600))
		s, err := New(Options{Dir: dir})
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, s.IDs())
		cut, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, lineA, cut)
		_, err = s.Create(object{"id": "c"})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		s, err = New(Options{Dir: dir})
		require.NoError(t, err)
		require.Equal(t, []string{"a", "c"}, s.IDs())
		require.NoError(t, s.Close())
	})
	t.Run("any other bad line is an error that names it", func(t *testing.T) {
		for _, bad := range []string{"{\n", "{}\n", "\n", `{"id":"x","method":"PUT","document":null}` + "\n"} {
			require.NoError(t, os.WriteFile(path, append(bytes.Clone(lineA), bad...), 0o600))
			_, err := New(Options{Dir: dir})
			require.ErrorContains(t, err, "line 2", "%q", bad)
		}
	})
}

// TestAppendFailure has the disk refuse a write: nothing is stored, and a reply of
// success is not given.
func TestAppendFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Dir = t.TempDir() })
	id := b.create(`{}`)
	require.NoError(t, b.sim.store.journal.file.Close())
	require.Equal(t, 500, b.do("PATCH", jobPath(id), `{"k":1}`).status)
	require.Equal(t, 500, b.do("POST", Prefix+"/jobs", `{}`).status)
	require.Equal(t, `{}`, b.document(id))
	require.Len(t, b.sim.IDs(), 1)
	b.sim.store.journal = nil // so that the clean-up's Close succeeds
}
