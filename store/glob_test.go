package store_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// A segment without wildcards is looked up, never listed.
func TestGlobListsOnlyWhereItMust(t *testing.T) {
	t.Parallel()
	var listed, looked []string
	tree := &fakeStore{
		files: map[string]bool{"/": true, "/a": true, "/a/b": true, "/a/b/c1": true, "/a/b/c1/d": false, "/a/b/c2": false},
		list: func(_ context.Context, path string) error {
			listed = append(listed, path)
			return nil
		},
		stat: func(_ context.Context, path string) error {
			looked = append(looked, path)
			return nil
		},
	}
	infos, err := store.Glob(t.Context(), tree, "/a/b/c*/d")
	require.NoError(t, err)
	require.Equal(t, []store.Info{{Path: "/a/b/c1/d"}}, infos)
	require.Equal(t, []string{"/a/b"}, listed)
	require.Equal(t, []string{"/a/b", "/a/b/c1/d"}, looked, "nothing is looked for below the file c2")
}

func TestGlobIsBounded(t *testing.T) {
	t.Parallel()
	_, err := store.Glob(t.Context(), &fakeStore{}, "/"+strings.Repeat("{a/,b/}", 40))
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.ErrorContains(t, err, "more than")
}

func TestGlobErrorsAreTheStores(t *testing.T) {
	t.Parallel()
	down := context.DeadlineExceeded
	fails := func(context.Context, string) error { return down }
	files := map[string]bool{"/": true, "/a": true}
	for _, tree := range []*fakeStore{{files: files, stat: fails}, {files: files, list: fails}} {
		_, err := store.Glob(t.Context(), tree, "/a/*")
		require.ErrorIs(t, err, down)
	}
}

// Every name, escaped, is a pattern that matches just itself.
func TestEscapedNamesMatchThemselves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z*?\[\]{}\\,^!.$()|+é-]{1,8}`).Filter(func(s string) bool { return strings.Trim(s, ".") != "" }).Draw(t, "name")
		tree := &fakeStore{files: map[string]bool{"/": true, "/d": true, "/d/" + name: false, "/d/other": false}}
		pattern := "/d/"
		for _, r := range name {
			pattern += `\` + string(r)
		}
		infos, err := store.Glob(t.Context(), tree, pattern)
		require.NoError(t, err)
		require.Equal(t, []store.Info{{Path: "/d/" + name}}, infos)
		infos, err = store.Glob(t.Context(), tree, "/d/*")
		require.NoError(t, err)
		require.Contains(t, infos, store.Info{Path: "/d/" + name})
	})
}

func FuzzGlob(f *testing.F) {
	for _, s := range []string{"/*", "/{a/b,c}", `/\`, "/[", "/{[,}]", "/[!^]", "/{}{}", "/a/{../b}"} {
		f.Add(s)
	}
	tree := &fakeStore{files: map[string]bool{"/": true, "/a": true, "/a/b": false, "/c": false}}
	f.Fuzz(func(t *testing.T, pattern string) {
		infos, err := store.Glob(t.Context(), tree, pattern)
		if err != nil {
			require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		}
		for _, info := range infos {
			require.Contains(t, tree.files, info.Path)
		}
	})
}
