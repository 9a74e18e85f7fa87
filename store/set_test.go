package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

var (
	local = &fakeStore{scheme: "file"}
	hdfs  = &fakeStore{scheme: "hdfs", authority: "nn:8020"}
	other = &fakeStore{scheme: "hdfs", authority: "other"}
	web   = &fakeStore{scheme: "webhdfs", authority: "nn:9870"}
)

func TestResolve(t *testing.T) {
	t.Parallel()
	onLocal := store.Set{Default: local}
	onYARN := store.Set{Default: hdfs, Stores: []store.Store{local, other}}
	onHTTP := store.Set{Default: web, Aliases: []store.Alias{{Name: "hdfs://nn1", Store: web}, {Name: "hdfs://nn2:9000", Store: web}}}
	for _, c := range []struct {
		name  string
		set   store.Set
		raw   string
		store store.Store // nil: ErrNoStore
		path  string
		url   string
	}{
		{"bare on local", onLocal, "/data/a b%20", local, "/data/a b%20", "file:/data/a b%20"},
		{"hdfs default on local", onLocal, "hdfs:///data/x", local, "/data/x", "file:/data/x"},
		{"hdfs default without slashes", onLocal, "hdfs:/data/x", local, "/data/x", "file:/data/x"},
		{"file on local", onLocal, "file:///x//y", local, "/x/y", "file:/x/y"},
		{"pattern", onLocal, `hdfs:///d/*.{a,b}\?`, local, `/d/*.{a,b}\?`, `file:/d/*.{a,b}\?`},
		{"named hdfs on local", onLocal, "hdfs://nn:8020/x", nil, "", "hdfs://nn:8020/x"},
		{"s3 on local", onLocal, "s3a://B/k//x/", nil, "", "s3a://B/k//x/"},
		{"bare on yarn", onYARN, "/x", hdfs, "/x", "hdfs://nn:8020/x"},
		{"default on yarn", onYARN, "hdfs:///x", hdfs, "/x", "hdfs://nn:8020/x"},
		{"named on yarn", onYARN, "hdfs://nn:8020/x", hdfs, "/x", "hdfs://nn:8020/x"},
		{"default port, other case", onYARN, "HDFS://NN/x", hdfs, "/x", "hdfs://nn:8020/x"},
		{"other port", onYARN, "hdfs://nn:9000/x", nil, "", "hdfs://nn:9000/x"},
		{"other hdfs", onYARN, "hdfs://other:8020/x", other, "/x", "hdfs://other/x"},
		{"file on yarn", onYARN, "file:/x", local, "/x", "file:/x"},
		{"nothing", store.Set{}, "/x", nil, "", "/x"},
		{"no default", store.Set{Stores: []store.Store{local}}, "hdfs:///x", nil, "", "hdfs:///x"},
		{"webhdfs is not hdfs", onYARN, "webhdfs:///x", nil, "", "webhdfs:///x"},
		{"bare over HTTP", onHTTP, "/x", web, "/x", "webhdfs://nn:9870/x"},
		{"default over HTTP", onHTTP, "hdfs:///x", web, "/x", "webhdfs://nn:9870/x"},
		{"default by its scheme", onHTTP, "webhdfs:///x", web, "/x", "webhdfs://nn:9870/x"},
		{"default port of HTTP", onHTTP, "WebHDFS://NN/x", web, "/x", "webhdfs://nn:9870/x"},
		{"other port of HTTP", onHTTP, "webhdfs://nn:8020/x", nil, "", "webhdfs://nn:8020/x"},
		{"other scheme of HTTP", onHTTP, "swebhdfs://nn:9870/x", nil, "", "swebhdfs://nn:9870/x"},
		{"another name", onHTTP, "hdfs://nn2:9000/x", web, "/x", "webhdfs://nn:9870/x"},
		{"another name, default port", onHTTP, "hdfs://nn1:8020/x", web, "/x", "webhdfs://nn:9870/x"},
		{"no name", onHTTP, "hdfs://nn2/x", nil, "", "hdfs://nn2/x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st, path, err := c.set.Resolve(c.raw)
			if c.store == nil {
				require.ErrorIs(t, err, store.ErrNoStore)
				require.Equal(t, job.CodeInvalid, job.CodeOf(err))
			} else {
				require.NoError(t, err)
				require.Same(t, c.store, st)
				require.Equal(t, c.path, path)
			}
			url, err := c.set.CanonicalURL(c.raw)
			require.NoError(t, err)
			require.Equal(t, c.url, url)
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	set := store.Set{Default: local}
	_, _, err := set.Resolve("/a/../b")
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.NotErrorIs(t, err, store.ErrNoStore)
	_, err = set.CanonicalURL("s3a://b/../k")
	require.Equal(t, job.CodeInvalid, job.CodeOf(err), "also without a store")
}
