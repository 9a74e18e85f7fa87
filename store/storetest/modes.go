package storetest

import (
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/store"
)

// modes proves that files and directories have the modes that were asked for,
// whatever any umask says, and that a file's mode is not that of the directories
// above it: those of a file of mode 600 would be nobody's to enter.
func modes(b *bundle) {
	content := func() *strings.Reader { return strings.NewReader("x") }
	_, err := b.st.Write(b.ctx, b.at("w/below/public"), content(), 0o644)
	require.NoError(b.t, err)
	_, err = b.st.Write(b.ctx, b.at("w/below/private"), content(), 0o600)
	require.NoError(b.t, err)
	_, err = b.st.Write(b.ctx, b.at("w/below/all"), content(), 0o666)
	require.NoError(b.t, err)
	require.NoError(b.t, b.st.Create(b.ctx, b.at("c/below/public"), []byte("x"), 0o644))
	require.NoError(b.t, b.st.Create(b.ctx, b.at("c/below/private"), nil, 0o600))
	require.NoError(b.t, b.st.MkdirAll(b.ctx, b.at("m/private/below"), 0o700))
	require.NoError(b.t, b.st.MkdirAll(b.ctx, b.at("m/private/below/open"), 0o755))
	require.NoError(b.t, b.st.MkdirAll(b.ctx, b.at("m/private/below"), 0o777), "which changes nothing")
	require.NoError(b.t, b.st.MkdirAll(b.ctx, b.at("all"), 0o777))

	for name, want := range map[string]fs.FileMode{
		"w": 0o755, "w/below": 0o755, "w/below/public": 0o644, "w/below/private": 0o600, "w/below/all": 0o666,
		"c": 0o755, "c/below": 0o755, "c/below/public": 0o644, "c/below/private": 0o600,
		"m": 0o700, "m/private": 0o700, "m/private/below": 0o700, "m/private/below/open": 0o755, "all": 0o777,
	} {
		info, err := b.st.Stat(b.ctx, b.at(name))
		require.NoError(b.t, err)
		require.Equal(b.t, want, info.Mode, "%s as it is looked at", name)
		listed, err := b.st.List(b.ctx, path.Dir(b.at(name)))
		require.NoError(b.t, err)
		require.Contains(b.t, modesOf(listed), b.at(name))
		require.Equal(b.t, want, modesOf(listed)[b.at(name)], "%s as it is listed", name)
		found, err := b.st.Glob(b.ctx, b.at(name)+"*")
		require.NoError(b.t, err)
		require.Equal(b.t, want, modesOf(found)[b.at(name)], "%s as it is found", name)
	}

	// A file that is replaced has the new mode.
	_, err = b.st.Write(b.ctx, b.at("w/below/public"), content(), 0o600)
	require.NoError(b.t, err)
	info, err := b.st.Stat(b.ctx, b.at("w/below/public"))
	require.NoError(b.t, err)
	require.Equal(b.t, fs.FileMode(0o600), info.Mode)
}

func modesOf(infos []store.Info) map[string]fs.FileMode {
	modes := map[string]fs.FileMode{}
	for _, info := range infos {
		modes[info.Path] = info.Mode
	}
	return modes
}

// replaceOnlyFiles proves what a rename may replace: a file, whole, never a
// directory, be it empty.
func replaceOnlyFiles(b *bundle) {
	b.write("dir/inside", "x")
	require.NoError(b.t, b.st.MkdirAll(b.ctx, b.at("empty"), 0o755))
	for _, name := range []string{"dir", "empty"} {
		_, err := b.st.Write(b.ctx, b.at(name), strings.NewReader("new"), 0o644)
		require.ErrorIs(b.t, err, fs.ErrExist)
		require.ErrorIs(b.t, b.st.Create(b.ctx, b.at(name), []byte("new"), 0o644), fs.ErrExist)
	}
	require.Equal(b.t, []string{"dir", "empty"}, b.list(""), "nothing temporary is left")
	require.Equal(b.t, []string{"dir/inside"}, b.list("dir"), "nothing was moved into it")
	require.Empty(b.t, b.list("empty"))

	// Of concurrent writers one is last, and what it wrote is whole.
	contents := []string{}
	var all sync.WaitGroup
	for _, c := range "abcdef" {
		content := strings.Repeat(string(c), 70000)
		contents = append(contents, content)
		all.Go(func() {
			if _, err := b.st.Write(b.ctx, b.at("file"), strings.NewReader(content), 0o644); err != nil {
				b.t.Errorf("write at the same time: %v", err)
			}
		})
	}
	all.Wait()
	require.Contains(b.t, contents, b.read("file"))
	require.Equal(b.t, []string{"dir", "empty", "file"}, b.list(""))
}

// removeTogether proves that a tree may be removed by several at once.
func removeTogether(b *bundle) {
	for i := range 12 {
		b.write("tree/"+strings.Repeat("d/", i)+"file", "x")
	}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range 2 {
				if err := b.st.RemoveAll(b.ctx, b.at("tree")); err != nil {
					b.t.Errorf("remove at the same time: %v", err)
				}
			}
		})
	}
	all.Wait()
	require.Empty(b.t, b.list(""))
}
