package split_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/split"
	"github.com/stoker-spark/stoker/store/storetest"
)

// named is a store whose URLs tell it from another.
type named struct {
	store.Store
	name string
}

func (n named) Scheme() string         { return n.name }
func (n named) URL(path string) string { return n.name + "://" + path }
func (n named) String() string         { return n.name }
func fileStore(name string) named      { return named{file.New(file.Options{DirMode: 0o755}), name} }
func read(t *testing.T, p string) string {
	t.Helper()
	data, err := os.ReadFile(p)
	require.NoError(t, err)
	return string(data)
}

func setup(t *testing.T) (st *split.Store, root, data string) {
	t.Helper()
	root, data = filepath.Join(t.TempDir(), "host"), filepath.Join(t.TempDir(), "data")
	st, err := split.New(split.Options{Host: fileStore("host"), Cluster: fileStore("cluster"), Root: root, Data: data, Shared: []string{"in", "out"}})
	require.NoError(t, err)
	return st, root, data
}

// What is on one side as it is passes what every store passes.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, below := range map[string]string{"host": "j/1/work", "outside": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) (store.Store, string) {
				t.Helper()
				root, own := filepath.Join(t.TempDir(), "host"), file.New(file.Options{DirMode: 0o755})
				st, err := split.New(split.Options{Host: own, Cluster: own, Root: root, Data: "/data", Shared: []string{"in", "out"}})
				require.NoError(t, err)
				if below == "" {
					return st, t.TempDir()
				}
				require.NoError(t, os.MkdirAll(filepath.Join(root, below), 0o755))
				return st, filepath.Join(root, below)
			})
		})
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	st, root, data := setup(t)
	require.Equal(t, "cluster", st.Scheme())
	for path, want := range map[string]string{
		root:                       "host://" + root,
		root + "/j/1/job.json":     "host://" + root + "/j/1/job.json",
		root + "/j/1/in":           "cluster://" + data + "/j.1/in",
		root + "/j/1/in/0/a b":     "cluster://" + data + "/j.1/in/0/a b",
		root + "/j/1/out/0/x/in":   "cluster://" + data + "/j.1/out/0/x/in",
		root + "/j/1/inner/0":      "host://" + root + "/j/1/inner/0",
		root + "/j/1/work/in/file": "host://" + root + "/j/1/work/in/file",
		root + "/in/1/x":           "host://" + root + "/in/1/x",
		root + "er/j/1/job.json":   "cluster://" + root + "er/j/1/job.json",
		"/data/table":              "cluster:///data/table",
	} {
		require.Equal(t, want, st.URL(path), path)
	}
}

func TestOneJobDirectoryInTwoPlaces(t *testing.T) {
	t.Parallel()
	st, root, data := setup(t)
	ctx := t.Context()
	for _, name := range []string{"job.json", "in/0/a.csv", "out/0/part-0", "out/0/part-1"} {
		_, err := st.Write(ctx, root+"/j/1/"+name, strings.NewReader(name), 0o600)
		require.NoError(t, err)
	}
	require.Equal(t, "job.json", read(t, root+"/j/1/job.json"))
	require.Equal(t, "in/0/a.csv", read(t, data+"/j.1/in/0/a.csv"))
	require.NoDirExists(t, root+"/j/1/in")

	info, err := st.Stat(ctx, root+"/j/1/in/0/a.csv")
	require.NoError(t, err)
	require.Equal(t, root+"/j/1/in/0/a.csv", info.Path)
	for _, found := range []func() ([]store.Info, error){
		func() ([]store.Info, error) { return st.List(ctx, root+"/j/1/out/0") },
		func() ([]store.Info, error) { return st.Glob(ctx, root+"/j/1/out/0/part-*") },
	} {
		infos, err := found()
		require.NoError(t, err)
		require.Len(t, infos, 2)
		require.Equal(t, root+"/j/1/out/0/part-1", infos[1].Path)
	}

	require.NoError(t, st.RemoveAll(ctx, root+"/j/1/out/0/part-0"))
	require.FileExists(t, data+"/j.1/out/0/part-1")
	require.NoError(t, st.RemoveAll(ctx, root+"/j/1"))
	require.NoDirExists(t, data+"/j.1")
	_, err = st.Stat(ctx, root+"/j/1/job.json")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	good := split.Options{Host: fileStore("a"), Cluster: fileStore("b"), Root: "/a", Data: "/b"}
	for _, change := range []func(*split.Options){
		func(o *split.Options) { o.Root = "a" },
		func(o *split.Options) { o.Root = "/a/" },
		func(o *split.Options) { o.Data = "/" },
		func(o *split.Options) { o.Host = nil },
		func(o *split.Options) { o.Cluster = nil },
	} {
		o := good
		change(&o)
		_, err := split.New(o)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	}
	_, err := split.New(good)
	require.NoError(t, err)
}
