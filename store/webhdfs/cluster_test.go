//go:build hadoop

package webhdfs_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	client "github.com/colinmarc/hdfs/v2"
	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/hadoop/hadooptest"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/storetest"
	"github.com/stoker-spark/stoker/store/webhdfs"
)

// open makes a store on the cluster for a user, its superuser when that is "".
func open(t testing.TB, user string) *webhdfs.Store {
	t.Helper()
	c := hadooptest.Find(t)
	if user == "" {
		user = c.User
	}
	st, err := webhdfs.New(webhdfs.Options{
		Addresses: []string{c.Addresses.NameNodeWeb},
		HTTP:      hadoop.NewHTTP(hadoop.HTTPOptions{User: user}),
	})
	require.NoError(t, err)
	return st
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) (store.Store, string) {
		t.Helper()
		st := open(t, "")
		return st, storetest.Directory(t, st)
	})
}

const nobody = "stoker-test-nobody"

func TestForbidden(t *testing.T) {
	t.Parallel()
	st := open(t, "")
	dir := storetest.Directory(t, st) + "/forbidden"
	require.NoError(t, st.MkdirAll(t.Context(), dir, 0))
	require.NoError(t, st.Create(t.Context(), dir+"/inside", []byte("x"), 0o600))
	storetest.Forbidden(t, open(t, nobody), dir)
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	st, other := open(t, ""), open(t, nobody)
	dir := storetest.Directory(t, st)
	for name, content := range map[string]string{"/full": "x", "/empty": ""} {
		require.NoError(t, st.Create(t.Context(), dir+name, []byte(content), 0o600))
		_, err := other.Stat(t.Context(), dir+name)
		require.NoError(t, err, "it can be seen")
		_, err = other.Open(t.Context(), dir+name)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.Equal(t, job.CodeUnauthorized, job.CodeOf(err))
		require.NotContains(t, err.Error(), "\n", "no stack trace")
	}
}

func TestModesDoNotDependOnAnyUmask(t *testing.T) {
	t.Parallel()
	c := hadooptest.Find(t)
	st, err := webhdfs.New(webhdfs.Options{
		Addresses: []string{c.Addresses.NameNodeWeb}, DirMode: 0o770,
		HTTP: hadoop.NewHTTP(hadoop.HTTPOptions{User: c.User}),
	})
	require.NoError(t, err)
	dir, ctx := storetest.Directory(t, st), t.Context()
	require.NoError(t, st.Create(ctx, dir+"/a/created", nil, 0o666))
	_, err = st.Write(ctx, dir+"/a/written", strings.NewReader("x"), 0o604)
	require.NoError(t, err)
	require.NoError(t, st.MkdirAll(ctx, dir+"/b/c", 0o773))
	require.NoError(t, st.MkdirAll(ctx, dir+"/b/c", 0o700), "which changes nothing")
	rpc, err := client.NewClient(client.ClientOptions{Addresses: []string{c.Addresses.NameNode}, User: c.User})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, rpc.Close()) })
	for path, mode := range map[string]fs.FileMode{
		"": 0o777, "/a": 0o770, "/a/created": 0o666, "/a/written": 0o604, "/b": 0o773, "/b/c": 0o773,
	} {
		info, err := rpc.Stat(dir + path) // a second opinion
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
}

func TestFromConfiguration(t *testing.T) {
	t.Parallel()
	c := hadooptest.Find(t)
	o, err := webhdfs.FromConfiguration(c.Configuration(t).With(map[string]string{
		"dfs.namenode.http-address": strings.TrimPrefix(c.Addresses.NameNodeWeb, "http://"),
	}), "")
	require.NoError(t, err)
	o.HTTP = hadoop.NewHTTP(hadoop.HTTPOptions{User: c.User})
	st, err := webhdfs.New(o)
	require.NoError(t, err)
	require.Equal(t, c.Addresses.DefaultFS+"/x", st.URL("/x"))
	_, err = st.Stat(t.Context(), "/")
	require.NoError(t, err)
}

// Alone, because it measures memory and time.
func TestLargeFile(t *testing.T) { //nolint:paralleltest // see above
	size := int64(256 << 20)
	if os.Getenv("STOKER_HADOOP_LARGE") != "" {
		size = 2 << 30
	}
	st := open(t, "")
	storetest.Stream(t, st, storetest.Directory(t, st)+"/large", size)
}
