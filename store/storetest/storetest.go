// Package storetest is the conformance suite that every store.Store passes: it
// proves what the comments in package store promise, and what its callers rely
// on beyond them. Tests of one kind of store only belong beside that store.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/store"
)

// limit bounds each test, so that a store that hangs fails instead.
const limit = 2 * time.Minute

// bundle is a store, an empty directory in it, and shorthands that must not fail.
type bundle struct {
	t    *testing.T
	ctx  context.Context
	st   store.Store
	root string
}

// Run proves the contract. Each call of open gives a store, which makes parents of
// its own accord with mode 755, and an empty directory in it that nothing else uses;
// it may be called concurrently.
//
// What a store says about forbidden files is proved by Forbidden.
func Run(t *testing.T, open func(t *testing.T) (st store.Store, root string)) {
	t.Helper()
	cases := []struct {
		name string
		run  func(b *bundle)
	}{
		{"create and read", createAndRead},
		{"create is exclusive", createIsExclusive},
		{"create over what is there", createOver},
		{"create is never seen half", createIsNeverSeenHalf},
		{"write replaces", writeReplaces},
		{"write is never seen half", writeIsNeverSeenHalf},
		{"write keeps nothing of broken content", writeBroken},
		{"write stops when ctx ends", writeStops},
		{"names are taken as they are", oddNames},
		{"any names come back", randomNames},
		{"missing", missing},
		{"a file is no directory", fileIsNoDirectory},
		{"make directories", makeDirectories},
		{"stat", stat},
		{"list in byte order", list},
		{"glob", glob},
		{"glob of odd names", globOddNames},
		{"bad patterns", badPatterns},
		{"remove", remove},
		{"paths that are none", badPaths},
		{"urls are locations", urls},
		{"ended ctx", endedContext},
		{"modes", modes},
		{"only files are replaced", replaceOnlyFiles},
		{"remove at the same time", removeTogether},
		{"long names", longNames},
		{"many entries", manyEntries},
		{"read in pieces", pieces},
	}
	run := func(t *testing.T, test func(b *bundle)) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		st, root := open(t)
		test(&bundle{t: t, ctx: ctx, st: st, root: root})
	}
	// Alone, because it measures memory.
	t.Run("large file in bounded memory", func(t *testing.T) { run(t, largeFile) }) //nolint:paralleltest // see above
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, c.run)
		})
	}
}

// Forbidden proves what a store says about a directory that is there but may
// neither be read, searched nor written by the user the store works as. It runs
// in the caller's goroutine only.
func Forbidden(t *testing.T, st store.Store, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	inside := path.Join(dir, "inside")

	_, err := st.Stat(ctx, inside)
	require.ErrorIs(t, err, fs.ErrPermission, "stat")
	_, err = st.Open(ctx, inside)
	require.ErrorIs(t, err, fs.ErrPermission, "open")
	_, err = st.List(ctx, dir)
	require.ErrorIs(t, err, fs.ErrPermission, "list")
	_, err = st.Glob(ctx, dir+"/*")
	require.ErrorIs(t, err, fs.ErrPermission, "glob")
	_, err = st.Glob(ctx, inside)
	require.ErrorIs(t, err, fs.ErrPermission, "glob without wildcards")
	err = st.Create(ctx, inside, nil, 0o644)
	require.ErrorIs(t, err, fs.ErrPermission, "create")
	_, err = st.Write(ctx, inside, strings.NewReader("x"), 0o644)
	require.ErrorIs(t, err, fs.ErrPermission, "write")
	err = st.MkdirAll(ctx, inside, 0o755)
	require.ErrorIs(t, err, fs.ErrPermission, "make directory")
	err = st.RemoveAll(ctx, inside)
	require.ErrorIs(t, err, fs.ErrPermission, "remove")
}

func (b *bundle) at(name string) string { return b.root + "/" + name }

func (b *bundle) write(name, content string) {
	b.t.Helper()
	n, err := b.st.Write(b.ctx, b.at(name), strings.NewReader(content), 0o644)
	require.NoError(b.t, err)
	require.Equal(b.t, int64(len(content)), n)
}

func (b *bundle) read(name string) string {
	b.t.Helper()
	r, err := b.st.Open(b.ctx, b.at(name))
	require.NoError(b.t, err)
	content, err := io.ReadAll(r)
	require.NoError(b.t, err)
	require.NoError(b.t, r.Close())
	return string(content)
}

// names are the paths below root.
func (b *bundle) names(infos []store.Info) []string {
	b.t.Helper()
	names := []string{}
	for _, info := range infos {
		name, below := strings.CutPrefix(info.Path, b.root+"/")
		require.True(b.t, below, "%q is not below %q", info.Path, b.root)
		names = append(names, name)
	}
	return names
}

func (b *bundle) list(dir string) []string {
	b.t.Helper()
	infos, err := b.st.List(b.ctx, strings.TrimSuffix(b.at(dir), "/"))
	require.NoError(b.t, err)
	return b.names(infos)
}

func (b *bundle) glob(pattern string) []string {
	b.t.Helper()
	infos, err := b.st.Glob(b.ctx, b.at(pattern))
	require.NoError(b.t, err, pattern)
	return b.names(infos)
}

func createAndRead(b *bundle) {
	for _, content := range []string{"", "x", "two\nlines\x00\xff"} {
		name := fmt.Sprintf("a/b/%d", len(content))
		require.NoError(b.t, b.st.Create(b.ctx, b.at(name), []byte(content), 0o600))
		require.Equal(b.t, content, b.read(name))
	}
	require.Equal(b.t, []string{"a/b/0", "a/b/1", "a/b/11"}, b.list("a/b"), "nothing else is left")
}

func createIsExclusive(b *bundle) {
	const callers = 16
	for round := range 8 {
		name := fmt.Sprintf("round %d/claim", round)
		var winners, losers atomic.Int32
		var winner atomic.Value
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range callers {
			wg.Go(func() {
				me := strings.Repeat(string(rune('a'+i)), 1000)
				<-start
				err := b.st.Create(b.ctx, b.at(name), []byte(me), 0o600)
				switch {
				case err == nil:
					winners.Add(1)
					winner.Store(me)
				case errors.Is(err, fs.ErrExist):
					losers.Add(1)
				default:
					b.t.Errorf("neither won nor lost: %v", err)
				}
			})
		}
		close(start)
		wg.Wait()
		require.Equal(b.t, int32(1), winners.Load())
		require.Equal(b.t, int32(callers-1), losers.Load())
		require.Equal(b.t, winner.Load(), b.read(name), "the file is the winner's")
		require.Len(b.t, b.list(path.Dir(name)), 1, "losers leave nothing")
	}
}

func createOver(b *bundle) {
	b.write("file", "old")
	require.ErrorIs(b.t, b.st.Create(b.ctx, b.at("file"), []byte("new"), 0o600), fs.ErrExist)
	require.Equal(b.t, "old", b.read("file"))
	require.NoError(b.t, b.st.MkdirAll(b.ctx, b.at("dir"), 0o755))
	require.ErrorIs(b.t, b.st.Create(b.ctx, b.at("dir"), []byte("new"), 0o600), fs.ErrExist)

	require.NoError(b.t, b.st.RemoveAll(b.ctx, b.at("file")))
	require.NoError(b.t, b.st.Create(b.ctx, b.at("file"), []byte("new"), 0o600))
	require.Equal(b.t, "new", b.read("file"))
}

func createIsNeverSeenHalf(b *bundle) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 16<<10)
	for round := range 4 {
		name := fmt.Sprintf("%d", round)
		watch(b, name, func() { require.NoError(b.t, b.st.Create(b.ctx, b.at(name), content, 0o600)) },
			func(got string) bool { return got == string(content) })
	}
}

func writeReplaces(b *bundle) {
	b.write("a/b/file", "a long first content")
	b.write("a/b/file", "short")
	require.Equal(b.t, "short", b.read("a/b/file"))
	b.write("a/b/file", "")
	require.Empty(b.t, b.read("a/b/file"))
	require.Equal(b.t, []string{"a/b/file"}, b.list("a/b"), "no temporary names are left")
}

// writeIsNeverSeenHalf replaces a file by shorter and longer ones: a reader may not
// take one's length for another's.
func writeIsNeverSeenHalf(b *bundle) {
	sizes := []int{256 << 10, 100, 300, 80 << 10, 7}
	put := func(i int) {
		i %= len(sizes)
		b.write("file", strings.Repeat(string(rune('a'+i)), sizes[i]))
	}
	put(0)
	watch(b, "file", func() {
		for i, begun := 1, time.Now(); i < 2*len(sizes) || time.Since(begun) < 2*time.Second; i++ {
			put(i)
		}
	}, func(got string) bool {
		return got != "" && int(got[0]-'a') < len(sizes) && len(got) == sizes[got[0]-'a'] && strings.Count(got, got[:1]) == len(got)
	})
}

// watch reads a file again and again while change runs; missing is fine.
func watch(b *bundle, name string, change func(), whole func(string) bool) {
	b.t.Helper()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for last := false; !last; {
				select {
				case <-done:
					last = true // one more look, at the final state
				default:
				}
				r, err := b.st.Open(b.ctx, b.at(name))
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					b.t.Errorf("open: %v", err)
					return
				}
				got, err := io.ReadAll(r)
				_ = r.Close()
				if err != nil || !whole(string(got)) {
					b.t.Errorf("half a file was seen: %d bytes, %v", len(got), err)
					return
				}
			}
		})
	}
	change()
	close(done)
	wg.Wait()
}

type brokenContent struct{ left int }

var errBroken = errors.New("the content is broken")

func (c *brokenContent) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errBroken
	}
	n := min(c.left, len(p))
	c.left -= n
	return n, nil
}

func writeBroken(b *bundle) {
	b.write("old", "old")
	for _, name := range []string{"old", "new"} {
		_, err := b.st.Write(b.ctx, b.at(name), &brokenContent{left: 1 << 20}, 0o644)
		require.ErrorIs(b.t, err, errBroken)
	}
	require.Equal(b.t, "old", b.read("old"))
	require.Equal(b.t, []string{"old"}, b.list(""), "nothing is left of the new one")
}

// contentFunc is content without end that calls itself for each read.
type contentFunc func()

func (f contentFunc) Read(p []byte) (int, error) { f(); return len(p), nil }

func writeStops(b *bundle) {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	reads := 0
	_, err := b.st.Write(ctx, b.at("file"), contentFunc(func() {
		if reads++; reads == 3 {
			cancel()
		}
	}), 0o644)
	require.ErrorIs(b.t, err, context.Canceled)
	require.Empty(b.t, b.list(""))
}

func largeFile(b *bundle) {
	stream(b.t, b.ctx, b.st, b.at("large"), 64<<20)
}

// odd are names that a store must neither decode nor interpret.
var odd = []string{
	"with space.csv", " leading and trailing ", "per%20cent.csv", "100%", "%2e%2e", "plus+plus", "a&b=c",
	"hash#tag", "ümläut-é.csv", "日本語", "😀", "e\u0301 decomposed", "quote'\"`$x;", "comma,semi;", "eq=uals", "..dots..",
	"~tilde", "-dash", "[x]", "{y,z}", "star*", "what?", "new\nline",
}

func oddNames(b *bundle) {
	for _, name := range odd {
		b.write("d/"+name, name)
		require.NoError(b.t, b.st.Create(b.ctx, b.at(name+"/claim"), []byte(name), 0o600))
	}
	for _, name := range odd {
		require.Equal(b.t, name, b.read("d/"+name))
		require.Equal(b.t, []string{name + "/claim"}, b.list(name))
		info, err := b.st.Stat(b.ctx, b.at("d/"+name))
		require.NoError(b.t, err)
		require.Equal(b.t, b.at("d/"+name), info.Path)
	}
	want := []string{}
	for _, name := range odd {
		want = append(want, "d/"+name)
	}
	slices.Sort(want)
	require.Equal(b.t, want, b.list("d"))
	for _, name := range odd {
		require.NoError(b.t, b.st.RemoveAll(b.ctx, b.at("d/"+name)))
	}
	require.Empty(b.t, b.list("d"))
}

func missing(b *bundle) {
	for _, name := range []string{"none", "none/below"} {
		_, err := b.st.Stat(b.ctx, b.at(name))
		require.ErrorIs(b.t, err, fs.ErrNotExist)
		_, err = b.st.Open(b.ctx, b.at(name))
		require.ErrorIs(b.t, err, fs.ErrNotExist)
		_, err = b.st.List(b.ctx, b.at(name))
		require.ErrorIs(b.t, err, fs.ErrNotExist)
		require.NotErrorIs(b.t, err, fs.ErrPermission)
		require.NotErrorIs(b.t, err, fs.ErrExist)
		require.ErrorContains(b.t, err, name, "the error names the path")
	}
}

func fileIsNoDirectory(b *bundle) {
	b.write("file", "x")
	_, err := b.st.Stat(b.ctx, b.at("file/below"))
	require.ErrorIs(b.t, err, fs.ErrNotExist)
	_, err = b.st.Open(b.ctx, b.at("file/below"))
	require.ErrorIs(b.t, err, fs.ErrNotExist)
	_, err = b.st.List(b.ctx, b.at("file"))
	require.ErrorIs(b.t, err, fs.ErrNotExist)
	require.NoError(b.t, b.st.RemoveAll(b.ctx, b.at("file/below")))
	require.Error(b.t, b.st.MkdirAll(b.ctx, b.at("file"), 0o755))
	require.Error(b.t, b.st.Create(b.ctx, b.at("file/below"), nil, 0o644))
	require.Equal(b.t, "x", b.read("file"))

	require.NoError(b.t, b.st.MkdirAll(b.ctx, b.at("dir/sub"), 0o755))
	_, err = b.st.Open(b.ctx, b.at("dir"))
	require.Error(b.t, err)
	_, err = b.st.Write(b.ctx, b.at("dir"), strings.NewReader("x"), 0o644)
	require.Error(b.t, err)
	require.Equal(b.t, []string{"dir", "file"}, b.list(""))
	require.Equal(b.t, []string{"dir/sub"}, b.list("dir"))
}

func makeDirectories(b *bundle) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := b.st.MkdirAll(b.ctx, b.at("a/b/c"), 0o755); err != nil {
				b.t.Errorf("make directories at the same time: %v", err)
			}
		})
	}
	wg.Wait()
	b.write("a/b/c/file", "x")
	require.NoError(b.t, b.st.MkdirAll(b.ctx, b.at("a/b/c"), 0o755))
	require.Equal(b.t, "x", b.read("a/b/c/file"))
}

func stat(b *bundle) {
	before := time.Now().Add(-time.Minute) // clocks and their resolution differ
	b.write("dir/file", "12345")
	info, err := b.st.Stat(b.ctx, b.at("dir/file"))
	require.NoError(b.t, err)
	require.Equal(b.t, b.at("dir/file"), info.Path)
	require.Equal(b.t, int64(5), info.Size)
	require.False(b.t, info.Dir)
	require.True(b.t, info.ModTime.After(before))

	for _, p := range []string{b.at("dir"), b.at("dir/"), "/"} {
		info, err = b.st.Stat(b.ctx, p)
		require.NoError(b.t, err)
		require.True(b.t, info.Dir)
		require.Equal(b.t, path.Clean(p), info.Path)
	}
}

func list(b *bundle) {
	require.NoError(b.t, b.st.MkdirAll(b.ctx, b.at("d/sub/below"), 0o755))
	for _, name := range []string{"b", "B", "a10", "a2", "a", ".hidden", "_under", "é", "z", "sub-", "sub.x"} {
		b.write("d/"+name, name)
	}
	infos, err := b.st.List(b.ctx, b.at("d"))
	require.NoError(b.t, err)
	require.Equal(b.t, []string{
		"d/.hidden", "d/B", "d/_under", "d/a", "d/a10", "d/a2", "d/b", "d/sub", "d/sub-", "d/sub.x", "d/z", "d/é",
	}, b.names(infos))
	for _, info := range infos {
		require.Equal(b.t, info.Path == b.at("d/sub"), info.Dir, info.Path)
		if !info.Dir {
			require.Equal(b.t, int64(len(path.Base(info.Path))), info.Size, info.Path)
		}
	}
	require.Empty(b.t, b.list("d/sub/below"))
}

// The table is what Hadoop 3.3.4's globStatus answers for this tree.
func glob(b *bundle) {
	for _, name := range []string{
		"a.csv", "b.csv", "ab.csv", ".hidden.csv", "_under.csv", "sp ace.csv", "p%20.csv", "e,f.csv", "é.csv", "日本.csv",
		"a-b", "]br", "d1/x.csv", "d1/y.csv", "d2/x.csv", "d2/sub/z.csv", ".dd/x.csv",
	} {
		b.write(name, "")
	}
	for pattern, want := range map[string][]string{
		"*.csv":                   {".hidden.csv", "_under.csv", "a.csv", "ab.csv", "b.csv", "e,f.csv", "p%20.csv", "sp ace.csv", "é.csv", "日本.csv"},
		"?.csv":                   {"a.csv", "b.csv", "é.csv"},
		"??.csv":                  {"ab.csv", "日本.csv"},
		"[ab].csv":                {"a.csv", "b.csv"},
		"[a-b].csv":               {"a.csv", "b.csv"},
		"[a\\-b].csv":             {"a.csv", "b.csv"},
		"[^a].csv":                {"b.csv", "é.csv"},
		"[!a].csv":                {"b.csv", "é.csv"},
		"[]]br":                   {"]br"},
		"[.]hidden.csv":           {".hidden.csv"},
		"{a,b}.csv":               {"a.csv", "b.csv"},
		"{a,ab}*":                 {"a-b", "a.csv", "ab.csv"},
		"{,a}b.csv":               {"ab.csv", "b.csv"},
		"{a,{b,ab}}.csv":          {"a.csv", "ab.csv", "b.csv"},
		"{[ab],x}.csv":            {"a.csv", "b.csv"},
		"{e\\,f,a}.csv":           {"a.csv", "e,f.csv"},
		"{}":                      {},
		"d*/x.csv":                {"d1/x.csv", "d2/x.csv"},
		"d?/*":                    {"d1/x.csv", "d1/y.csv", "d2/sub", "d2/x.csv"},
		"*/*":                     {".dd/x.csv", "d1/x.csv", "d1/y.csv", "d2/sub", "d2/x.csv"},
		"*/*/*":                   {"d2/sub/z.csv"},
		"**/x.csv":                {".dd/x.csv", "d1/x.csv", "d2/x.csv"},
		"d2/**":                   {"d2/sub", "d2/x.csv"},
		"{d1/x,d2/x}.csv":         {"d1/x.csv", "d2/x.csv"},
		"{d1/x.csv,d2/sub/z.csv}": {"d1/x.csv", "d2/sub/z.csv"},
		"{d1,d2/sub}/*":           {"d1/x.csv", "d1/y.csv", "d2/sub/z.csv"},
		"{d1,d2}/{x,y}.csv":       {"d1/x.csv", "d1/y.csv", "d2/x.csv"},
		"{d1/x.csv,d1/*}":         {"d1/x.csv", "d1/y.csv"},
		"a.csv":                   {"a.csv"},
		"\\a.csv":                 {"a.csv"},
		"e,f.csv":                 {"e,f.csv"},
		"e[,]f.csv":               {"e,f.csv"},
		"sp ace.csv":              {"sp ace.csv"},
		"*%20*":                   {"p%20.csv"},
		"d1":                      {"d1"},
		"d1/":                     {"d1"},
		".*":                      {".dd", ".hidden.csv"},
		"nope.csv":                {},
		"nope/*":                  {},
		"a.csv/*":                 {},
		"a.csv/x":                 {},
		"*/nope":                  {},
		"(a|b).csv":               {},
		"a+.csv":                  {},
		"a}":                      {},
		"?":                       {},
	} {
		require.Equal(b.t, want, b.glob(pattern), pattern)
	}
	infos, err := b.st.Glob(b.ctx, b.at("d2/*"))
	require.NoError(b.t, err)
	require.True(b.t, infos[0].Dir, "sub is a directory")
	require.False(b.t, infos[1].Dir, "x.csv is a file")
}

func globOddNames(b *bundle) {
	escape := strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `{`, `\{`, `\`, `\\`)
	for _, name := range odd {
		b.write(name, "")
	}
	for _, name := range odd {
		require.Equal(b.t, []string{name}, b.glob(escape.Replace(name)), name)
	}
	require.Len(b.t, b.glob("*"), len(odd))
}

func badPatterns(b *bundle) {
	b.write("a", "")
	for _, p := range []string{"[", "[a", "{a", "a\\", "[]", "[^]", "[b-a]", "[[]a"} {
		_, err := b.st.Glob(b.ctx, b.at(p))
		require.Error(b.t, err, p)
		require.NotErrorIs(b.t, err, fs.ErrNotExist, p)
	}
}

func remove(b *bundle) {
	require.NoError(b.t, b.st.RemoveAll(b.ctx, b.at("none")))
	require.NoError(b.t, b.st.RemoveAll(b.ctx, b.at("none/below")))
	b.write("keep", "x")
	b.write("file", "x")
	require.NoError(b.t, b.st.RemoveAll(b.ctx, b.at("file")))
	for i := range 20 {
		b.write(fmt.Sprintf("tree/%d/a/b", i), "x")
	}
	b.write("tree.not", "x")
	require.NoError(b.t, b.st.RemoveAll(b.ctx, b.at("tree/")))
	require.NoError(b.t, b.st.RemoveAll(b.ctx, b.at("tree")))
	require.Equal(b.t, []string{"keep", "tree.not"}, b.list(""))
}

func badPaths(b *bundle) {
	b.write("a/file", "x")
	for _, p := range []string{"", "relative", "./x", b.root + "/a/../a/file", b.at("nul\x00"), ".."} {
		_, err := b.st.Stat(b.ctx, p)
		require.Error(b.t, err, p)
		_, err = b.st.Open(b.ctx, p)
		require.Error(b.t, err, p)
		_, err = b.st.List(b.ctx, p)
		require.Error(b.t, err, p)
		_, err = b.st.Glob(b.ctx, p)
		require.Error(b.t, err, p)
		require.Error(b.t, b.st.Create(b.ctx, p, nil, 0o644), p)
		_, err = b.st.Write(b.ctx, p, strings.NewReader(""), 0o644)
		require.Error(b.t, err, p)
		require.Error(b.t, b.st.MkdirAll(b.ctx, p, 0o755), p)
		require.Error(b.t, b.st.RemoveAll(b.ctx, p), p)
	}
	require.Error(b.t, b.st.RemoveAll(b.ctx, "/"), "the root is never removed")
	require.Equal(b.t, "x", b.read("a/file"))
}

func urls(b *bundle) {
	set := store.Set{Stores: []store.Store{b.st}}
	for _, name := range []string{"plain", "with space", "per%20cent", "hash#", "日本"} {
		url := b.st.URL(b.at(name))
		require.True(b.t, strings.HasPrefix(url, b.st.Scheme()+":"), url)
		require.True(b.t, strings.HasSuffix(url, b.at(name)), url)
		st, p, err := set.Resolve(url)
		require.NoError(b.t, err)
		require.Equal(b.t, b.st, st)
		require.Equal(b.t, b.at(name), p)
	}
}

func endedContext(b *bundle) {
	b.write("file", "x")
	open, err := b.st.Open(b.ctx, b.at("file"))
	require.NoError(b.t, err)
	require.NoError(b.t, open.Close())

	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	_, err = b.st.Stat(ctx, b.at("file"))
	require.ErrorIs(b.t, err, context.Canceled)
	_, err = b.st.Open(ctx, b.at("file"))
	require.ErrorIs(b.t, err, context.Canceled)
	_, err = b.st.List(ctx, b.root)
	require.ErrorIs(b.t, err, context.Canceled)
	_, err = b.st.Glob(ctx, b.at("*"))
	require.ErrorIs(b.t, err, context.Canceled)
	require.ErrorIs(b.t, b.st.Create(ctx, b.at("new"), nil, 0o644), context.Canceled)
	_, err = b.st.Write(ctx, b.at("new"), strings.NewReader("x"), 0o644)
	require.ErrorIs(b.t, err, context.Canceled)
	require.ErrorIs(b.t, b.st.MkdirAll(ctx, b.at("new"), 0o755), context.Canceled)
	require.ErrorIs(b.t, b.st.RemoveAll(ctx, b.at("file")), context.Canceled)
	require.Equal(b.t, []string{"file"}, b.list(""))
}
