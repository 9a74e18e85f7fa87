//go:build hadoop

package hdfs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/hadoop/hadooptest"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/hdfs"
	"github.com/stoker-spark/stoker/store/storetest"
	"github.com/stoker-spark/stoker/store/webhdfs"
)

// open makes a store on the cluster, as its superuser unless change says
// otherwise.
func open(t testing.TB, change func(o *hdfs.Options)) *hdfs.Store {
	t.Helper()
	c := hadooptest.Find(t)
	o, err := hdfs.FromConfiguration(c.Configuration(t), "")
	require.NoError(t, err)
	o.User = c.User
	if change != nil {
		change(&o)
	}
	st, err := hdfs.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) (store.Store, string) {
		t.Helper()
		st := open(t, nil)
		return st, storetest.Directory(t, st)
	})
}

func asNobody(o *hdfs.Options) { o.User = "stoker-test-nobody" }

func TestForbidden(t *testing.T) {
	t.Parallel()
	st := open(t, nil)
	dir := storetest.Directory(t, st) + "/forbidden"
	require.NoError(t, st.MkdirAll(t.Context(), dir, 0))
	require.NoError(t, st.Create(t.Context(), dir+"/inside", []byte("x"), 0o600))
	storetest.Forbidden(t, open(t, asNobody), dir)
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	st, other := open(t, nil), open(t, asNobody)
	dir := storetest.Directory(t, st)
	for name, content := range map[string]string{"/full": "x", "/empty": ""} {
		require.NoError(t, st.Create(t.Context(), dir+name, []byte(content), 0o600))
		_, err := other.Stat(t.Context(), dir+name)
		require.NoError(t, err, "it can be seen")
		_, err = other.Open(t.Context(), dir+name)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.Equal(t, job.CodeUnauthorized, job.CodeOf(err))
	}
}

// status is what WebHDFS tells of a file, as a second opinion.
func status(t testing.TB, path string) string {
	t.Helper()
	return ask(t, http.MethodGet, path, url.Values{"op": {"GETFILESTATUS"}})
}

func ask(t testing.TB, method, path string, params url.Values) string {
	t.Helper()
	c := hadooptest.Find(t)
	client := hadoop.NewHTTP(hadoop.HTTPOptions{User: c.User}).Client()
	q, err := http.NewRequestWithContext(t.Context(), method, c.Addresses.NameNodeWeb+"/webhdfs/v1"+path+"?"+params.Encode(), nil)
	require.NoError(t, err)
	reply, err := client.Do(q)
	require.NoError(t, err)
	defer reply.Body.Close() //nolint:errcheck // opened for reading
	body, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, reply.StatusCode, "%s", body)
	return string(body)
}

func TestModesDoNotDependOnAnyUmask(t *testing.T) {
	t.Parallel()
	st := open(t, func(o *hdfs.Options) { o.DirMode = 0o770 })
	dir, ctx := storetest.Directory(t, st), t.Context()
	require.NoError(t, st.Create(ctx, dir+"/a/created", nil, 0o666))
	_, err := st.Write(ctx, dir+"/a/written", strings.NewReader("x"), 0o604)
	require.NoError(t, err)
	require.NoError(t, st.MkdirAll(ctx, dir+"/b/c", 0o773))
	require.NoError(t, st.MkdirAll(ctx, dir+"/b/c", 0o700), "which changes nothing")
	require.NoError(t, st.Create(ctx, dir+"/b/private", nil, 0o600))
	for path, mode := range map[string]string{
		"": "777", "/a": "770", "/a/created": "666", "/a/written": "604", "/b": "773", "/b/c": "773", "/b/private": "600",
	} {
		require.Contains(t, status(t, dir+path), `"permission":"`+mode+`"`, path)
	}
}

func TestListOfManyEntries(t *testing.T) {
	t.Parallel()
	st := open(t, nil)
	dir := storetest.Directory(t, st)
	const count = 2300 // servers answer with 1000 at a time
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := worker; i < count; i += 4 {
				if err := st.MkdirAll(t.Context(), fmt.Sprintf("%s/d/%04d é", dir, i), 0o755); err != nil {
					t.Errorf("make directory: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	for name, lister := range map[string]store.Store{"RPC": st, "WebHDFS": overHTTP(t)} {
		infos, err := lister.List(t.Context(), dir+"/d")
		require.NoError(t, err, name)
		require.Len(t, infos, count, name)
		for i, info := range infos {
			require.Equal(t, fmt.Sprintf("%s/d/%04d é", dir, i), info.Path, name)
		}
	}
}

func overHTTP(t testing.TB) *webhdfs.Store {
	t.Helper()
	c := hadooptest.Find(t)
	st, err := webhdfs.New(webhdfs.Options{
		Addresses: []string{c.Addresses.NameNodeWeb}, As: c.Addresses.DefaultFS,
		HTTP: hadoop.NewHTTP(hadoop.HTTPOptions{User: c.User}),
	})
	require.NoError(t, err)
	return st
}

// recorder is WebHDFS that remembers being used.
type recorder struct {
	store.Store
	mu   sync.Mutex
	used []string
}

func (r *recorder) Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error) {
	r.mu.Lock()
	r.used = append(r.used, "write "+path)
	r.mu.Unlock()
	return r.Store.Write(ctx, path, content, mode)
}

func (r *recorder) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	r.mu.Lock()
	r.used = append(r.used, "open "+path)
	r.mu.Unlock()
	return r.Store.Open(ctx, path)
}

// One DataNode can't hold erasure-coded blocks, but it can hold files that are
// erasure-coded and empty.
func TestErasureCodedGoesThroughWebHDFS(t *testing.T) {
	t.Parallel()
	web := &recorder{Store: overHTTP(t)}
	st := open(t, func(o *hdfs.Options) { o.WebHDFS = web })
	dir := storetest.Directory(t, st)
	require.NoError(t, st.MkdirAll(t.Context(), dir+"/coded", 0o755))
	ask(t, http.MethodPut, dir+"/coded", url.Values{"op": {"SETECPOLICY"}, "ecpolicy": {"RS-6-3-1024k"}})

	_, err := st.Write(t.Context(), dir+"/coded/file", strings.NewReader(""), 0o640)
	require.NoError(t, err)
	require.Contains(t, status(t, dir+"/coded/file"), `"ecPolicy":"RS-6-3-1024k"`)
	require.Contains(t, status(t, dir+"/coded/file"), `"permission":"640"`)
	r, err := st.Open(t.Context(), dir+"/coded/file")
	require.NoError(t, err)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Empty(t, content)
	require.NoError(t, r.Close())
	require.Equal(t, []string{"write " + dir + "/coded/file", "open " + dir + "/coded/file"}, web.used)
	infos, err := st.List(t.Context(), dir+"/coded")
	require.NoError(t, err)
	require.Len(t, infos, 1, "nothing temporary is left")

	_, err = st.Write(t.Context(), dir+"/plain", strings.NewReader("x"), 0o644)
	require.NoError(t, err)
	require.Len(t, web.used, 2, "RPC serves what is replicated")
}

// A writer that is gone in the middle leaves a dot file and never the name.
func TestAbandonedWrite(t *testing.T) {
	t.Parallel()
	st := open(t, nil)
	dir := storetest.Directory(t, st)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	half := make(chan struct{})
	var once sync.Once
	content := readerFunc(func(p []byte) (int, error) {
		once.Do(func() { close(half) })
		return len(p), nil
	})
	ended := make(chan error, 1)
	go func() { _, err := st.Write(ctx, dir+"/file", content, 0o644); ended <- err }()
	<-half
	_, err := st.Stat(t.Context(), dir+"/file")
	require.ErrorIs(t, err, fs.ErrNotExist)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	infos, err := st.List(t.Context(), dir)
	require.NoError(t, err)
	require.Empty(t, infos)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Files of several blocks, with a border in the middle of a packet.
func TestSeveralBlocks(t *testing.T) {
	t.Parallel()
	st := open(t, func(o *hdfs.Options) { o.BlockSize = 1 << 20 })
	dir := storetest.Directory(t, st)
	for _, size := range []int{1<<20 - 1, 1 << 20, 1<<20 + 1, 5<<20 + 333} {
		want := make([]byte, size)
		_, _ = rand.Read(want)
		path := fmt.Sprintf("%s/%d", dir, size)
		n, err := st.Write(t.Context(), path, bytes.NewReader(want), 0o644)
		require.NoError(t, err)
		require.Equal(t, int64(size), n)
		r, err := st.Open(t.Context(), path)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.True(t, bytes.Equal(want, got), "%d bytes", size)
	}
}

// Alone, because it measures memory and time.
func TestLargeFile(t *testing.T) { //nolint:paralleltest // see above
	size := int64(256 << 20)
	if os.Getenv("STOKER_HADOOP_LARGE") != "" {
		size = 2 << 30
	}
	st := open(t, nil)
	storetest.Stream(t, st, storetest.Directory(t, st)+"/large", size)
}

// The figures that staging over RPC was chosen for, with room for a busy machine.
func TestSmallFilesAreQuick(t *testing.T) { //nolint:paralleltest // it measures time
	st := open(t, nil)
	dir := storetest.Directory(t, st)
	content := strings.Repeat("x", 6000)
	write := func(name string) {
		if _, err := st.Write(t.Context(), dir+"/"+name, strings.NewReader(content), 0o644); err != nil {
			t.Errorf("write: %v", err)
		}
	}
	write("first")
	one, four := time.Hour, time.Hour
	for i := range 20 {
		begun := time.Now()
		write(fmt.Sprint(i))
		one = min(one, time.Since(begun))
		begun = time.Now()
		var all sync.WaitGroup
		for part := range 4 {
			all.Go(func() { write(fmt.Sprintf("%d-%d", i, part)) })
		}
		all.Wait()
		four = min(four, time.Since(begun))
	}
	t.Logf("6 kB: %v; four at a time: %v", one, four)
	require.Less(t, one, 200*time.Millisecond, "WebHDFS takes 400 ms")
	require.Less(t, four, 400*time.Millisecond)
}

func BenchmarkWrite6kB(b *testing.B) {
	for name, st := range map[string]store.Store{"RPC": open(b, nil), "WebHDFS": overHTTP(b)} {
		b.Run(name, func(b *testing.B) {
			dir := storetest.Directory(b, st)
			for i := 0; b.Loop(); i++ {
				_, err := st.Write(b.Context(), fmt.Sprintf("%s/%d", dir, i), strings.NewReader(strings.Repeat("x", 6000)), 0o644)
				require.NoError(b, err)
			}
		})
		b.Run(name+"/four", func(b *testing.B) {
			dir := storetest.Directory(b, st)
			for i := 0; b.Loop(); i++ {
				var all sync.WaitGroup
				for part := range 4 {
					all.Go(func() {
						_, err := st.Write(b.Context(), fmt.Sprintf("%s/%d-%d", dir, i, part), strings.NewReader(strings.Repeat("x", 6000)), 0o644)
						if err != nil {
							b.Error(err)
						}
					})
				}
				all.Wait()
			}
		})
	}
}
