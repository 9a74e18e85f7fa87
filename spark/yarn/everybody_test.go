package yarn

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/store"
)

// counting is a Store that counts what it is asked.
type counting struct {
	store.Store
	mu    sync.Mutex
	calls map[string]int
	stat  func(path string) (store.Info, error) // nil asks the store
}

func count(st store.Store) *counting { return &counting{Store: st, calls: map[string]int{}} }

func (c *counting) called(op string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[op]++
}

func (c *counting) taken() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.calls
	c.calls = map[string]int{}
	return taken
}

func (c *counting) Stat(ctx context.Context, path string) (store.Info, error) {
	c.called("stat")
	if c.stat != nil {
		return c.stat(path)
	}
	return c.Store.Stat(ctx, path)
}

// modes are a tree's permission bits; what isn't in it is 755.
type modes map[string]fs.FileMode

func (m modes) stat(path string) (store.Info, error) {
	mode, ok := m[path]
	if !ok {
		mode = 0o755
	}
	return store.Info{Path: path, Mode: mode}, nil
}

// What is public is what Spark finds: others may read the file and enter all
// directories above it.
func TestEverybodyAsSparkFindsIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.Uint32Range(0, 0o777)
		tree := modes{}
		for _, name := range []string{"/", "/a", "/a/b", "/a/b/file"} {
			tree[name] = fs.FileMode(bits.Draw(t, name))
		}
		if rapid.Bool().Draw(t, "open") {
			tree["/"], tree["/a"], tree["/a/b"] = 0o755, 0o711, 0o001
		}
		want := tree["/a/b/file"]&0o004 != 0
		for dir := "/a/b"; ; dir = path.Dir(dir) {
			want = want && tree[dir]&0o001 != 0
			if dir == "/" {
				break
			}
		}
		e := &everybody{store: &counting{calls: map[string]int{}, stat: tree.stat}}
		for range 2 {
			got, err := e.mayRead(context.Background(), store.Info{Path: "/a/b/file", Mode: tree["/a/b/file"]})
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	})
}

func TestEverybodyAsksLittle(t *testing.T) {
	t.Parallel()
	tree := modes{"/jobs": 0o700}
	st := &counting{calls: map[string]int{}, stat: tree.stat}
	e := &everybody{store: st}
	look := func(path string, mode fs.FileMode) (bool, int) {
		public, err := e.mayRead(t.Context(), store.Info{Path: path, Mode: mode})
		require.NoError(t, err)
		return public, st.taken()["stat"]
	}
	for _, c := range []struct {
		path   string
		mode   fs.FileMode
		public bool
		asked  int
	}{
		{"/jobs/1/driver.py", 0o600, false, 0},
		{"/jobs/1/x", 0o644, false, 2}, // the root and /jobs, and nothing below
		{"/jobs/2/x", 0o644, false, 0},
		{"/lib/3.5/a", 0o644, true, 2},
		{"/lib/3.5/b", 0o644, true, 0},
		{"/lib/c", 0o640, false, 0},
	} {
		public, asked := look(c.path, c.mode)
		require.Equal(t, c.public, public, c.path)
		require.Equal(t, c.asked, asked, c.path)
	}

	// What was found is believed for a while only.
	for dir, found := range e.entered {
		found.until = time.Now().Add(-time.Second)
		e.entered[dir] = found
	}
	tree["/lib"] = 0o750
	public, asked := look("/lib/3.5/a", 0o644)
	require.False(t, public)
	require.Equal(t, 2, asked)
}

func TestEverybodyIsBounded(t *testing.T) {
	t.Parallel()
	e := &everybody{store: &counting{calls: map[string]int{}, stat: modes{}.stat}}
	for i := range mostEntered + 10 {
		_, err := e.mayEnter(t.Context(), "/"+time.Duration(i).String())
		require.NoError(t, err)
		require.LessOrEqual(t, len(e.entered), mostEntered)
	}
}

func TestEverybodyWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	e := &everybody{store: &counting{calls: map[string]int{}, stat: func(string) (store.Info, error) { return store.Info{}, down }}}
	_, err := e.mayRead(t.Context(), store.Info{Path: "/a/b", Mode: 0o644})
	require.ErrorIs(t, err, down)
	require.Empty(t, e.entered, "it is asked again")
}
