package webhdfs

import (
	"context"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/storetest"
)

func TestConformanceOnAFake(t *testing.T) {
	t.Parallel()
	for name, peculiar := range map[string]func(f *fake){
		"as Hadoop 3":      func(*fake) {},
		"older or gateway": func(f *fake) { f.redirects, f.noBatch = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) (store.Store, string) {
				t.Helper()
				f := newFake(t)
				peculiar(f)
				st := within(t, time.Minute, f.name.URL)
				require.NoError(t, st.MkdirAll(t.Context(), "/root of all", 0o755))
				return st, "/root of all"
			})
		})
	}
}

// A server whose rename knows no options never replaces and moves into
// directories.
func TestOldRename(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.oldRename = true
	st, ctx := storeOn(t, f.name.URL), t.Context()
	write := func(p string) error {
		_, err := st.Write(ctx, p, strings.NewReader("x"), 0o600)
		return err
	}
	require.NoError(t, write("/d/file"))
	require.NoError(t, write("/d/file"), "replaced")
	require.NoError(t, st.Create(ctx, "/d/claim", nil, 0o600))
	require.ErrorIs(t, st.Create(ctx, "/d/claim", nil, 0o600), fs.ErrExist)
	require.ErrorIs(t, write("/d"), fs.ErrExist)
	require.Equal(t, []string{"/", "/d", "/d/claim", "/d/file"}, f.paths(), "nothing temporary is left")
}

func TestModesAreAsAskedFor(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.beforeData = func(_ http.ResponseWriter, r *http.Request) bool { // a gateway with a umask
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "permission=666", "permission=644", 1)
		return false
	}
	st := storeOn(t, f.name.URL)
	require.NoError(t, st.Create(t.Context(), "/a/x", nil, 0o600))
	require.Zero(t, f.count("SETPERMISSION"))
	require.NoError(t, st.Create(t.Context(), "/a/y", nil, 0o666))
	require.Equal(t, "600", f.tree["/a/x"].perm)
	require.Equal(t, "666", f.tree["/a/y"].perm)
	require.Equal(t, "755", f.tree["/a"].perm, "a parent's mode is not the file's")
}

func TestLostAnswerOfARename(t *testing.T) {
	t.Parallel()
	for name, mine := range map[string]bool{"my file": true, "another's": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.before = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.URL.Query().Get("op") != "RENAME" {
					return false
				}
				f.mu.Lock()
				from := strings.TrimPrefix(r.URL.Path, prefix)
				if mine {
					f.tree["/claim"] = f.tree[from]
					delete(f.tree, from)
				} else {
					f.add("/claim", false, "600")
				}
				f.mu.Unlock()
				panic(http.ErrAbortHandler)
			}
			err := storeOn(t, f.name.URL).Create(t.Context(), "/claim", nil, 0o600)
			if mine {
				require.NoError(t, err)
			} else {
				unavailable(t, err)
			}
			require.Equal(t, 1, f.count("RENAME"), "it is not repeated")
			require.Equal(t, []string{"/", "/claim"}, f.paths())
		})
	}
}

func TestOtherNameNodes(t *testing.T) {
	t.Parallel()
	active := newFake(t)
	var asked atomic.Int32
	standby := newFake(t)
	standby.before = func(w http.ResponseWriter, _ *http.Request) bool {
		asked.Add(1)
		refuse(w, http.StatusForbidden, "org.apache.hadoop.ipc.StandbyException", "Operation category READ is not supported in state standby")
		return true
	}
	for name, first := range map[string]string{"standby": standby.name.URL, "dead": "http://127.0.0.1:1", "silent": silent(t)} {
		t.Run(name, func(t *testing.T) {
			st := within(t, 4*time.Second, first, active.name.URL)
			for i := range 3 {
				_, err := st.Stat(t.Context(), "/")
				require.NoError(t, err)
				if i == 0 && name == "standby" {
					require.Equal(t, int32(1), asked.Load())
				}
			}
			require.Equal(t, active.name.URL, st.order()[0].String(), "who is active is remembered")
		})
	}
	require.Equal(t, int32(1), asked.Load())

	alone := storeOn(t, standby.name.URL)
	_, err := alone.Stat(t.Context(), "/")
	unavailable(t, err)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	web := hadoop.NewHTTP(hadoop.HTTPOptions{})
	for _, o := range []Options{
		{HTTP: web},
		{Addresses: []string{"http://nn:9870"}},
		{HTTP: web, Addresses: []string{"nn:9870"}},
		{HTTP: web, Addresses: []string{"http://user:password@nn:9870"}},
		{HTTP: web, Addresses: []string{"http://nn:9870"}, As: "hdfs:"},
		{HTTP: web, Addresses: []string{"http://nn:9870"}, As: "hdfs://ns/path"},
		{HTTP: web, Addresses: []string{"http://nn:9870"}, Timeout: -1},
	} {
		_, err := New(o)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%+v", o)
		require.NotContains(t, strings.Join(job.ProblemsOf(err), " "), "password@")
	}
	for address, want := range map[string]string{"http://nn:9870/": "webhdfs://nn:9870/a b", "https://nn:9871": "swebhdfs://nn:9871/a b"} {
		st, err := New(Options{HTTP: web, Addresses: []string{address}})
		require.NoError(t, err)
		require.Equal(t, want, st.URL("/a b"))
	}
	st, err := New(Options{HTTP: web, Addresses: []string{"http://nn:9870"}, As: "hdfs://ns"})
	require.NoError(t, err)
	require.Equal(t, "hdfs", st.Scheme())
	require.Equal(t, "hdfs://ns/x", st.URL("/x"))
}

func TestGatewayPath(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.name.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var through bool
		if r.URL.Path, through = strings.CutPrefix(r.URL.Path, "/gateway/x y"); !through {
			t.Errorf("the gateway's own path is missing: %s", r.URL)
		}
		f.serveName(w, r)
	})
	st := storeOn(t, f.name.URL+"/gateway/x%20y/")
	_, err := st.Write(t.Context(), "/ä b/c", strings.NewReader("x"), 0o600)
	require.NoError(t, err)
}

func TestContentIsNotReadAfterwards(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.beforeData = func(w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, http.StatusForbidden, "org.apache.hadoop.security.AccessControlException", "Permission denied")
		return true
	}
	var over atomic.Bool
	_, err := storeOn(t, f.name.URL).Write(t.Context(), "/x", readerFunc(func(p []byte) (int, error) {
		if over.Load() {
			t.Error("the content is read after Write has returned")
		}
		return len(p), nil
	}), 0o600)
	over.Store(true)
	require.ErrorIs(t, err, fs.ErrPermission)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestReadStopsWhenContextEnds(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	st := storeOn(t, f.name.URL)
	_, err := st.Write(t.Context(), "/x", strings.NewReader(strings.Repeat("x", 4<<20)), 0o600)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := st.Open(ctx, "/x")
	require.NoError(t, err)
	_, err = io.ReadFull(r, make([]byte, 10))
	require.NoError(t, err)
	cancel()
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, r.Close())
}

// A file that was replaced or has grown while it was being opened is no broken one.
func TestReadingWhatChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(f *fake, st *Store) error{
		"replaced by less": func(_ *fake, st *Store) error {
			_, err := st.Write(context.Background(), "/x", strings.NewReader("new"), 0o600)
			return err
		},
		"grown": func(f *fake, _ *Store) error {
			return os.WriteFile(f.content(f.tree["/x"]), []byte("old and longer"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			st := storeOn(t, f.name.URL)
			_, err := st.Write(t.Context(), "/x", strings.NewReader("the old one"), 0o600)
			require.NoError(t, err)
			var once sync.Once
			f.before = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.URL.Query().Get("op") == "OPEN" {
					once.Do(func() {
						if err := change(f, st); err != nil {
							t.Errorf("change: %v", err)
						}
					})
				}
				return false
			}
			r, err := st.Open(t.Context(), "/x")
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Contains(t, []string{"new", "old and longer"}, string(got))
			require.NoError(t, r.Close())
		})
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	require.Equal(t, "/aZ09-._~/%20%25%2B%23%3F%3B%26%3D%C3%A9%0A%5C", escape("/aZ09-._~/ %+#?;&=é\n\\"))
}
