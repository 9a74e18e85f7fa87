//go:build hadoop

package logstore_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/hadoop/hadooptest"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/hdfs"
	"github.com/stoker-spark/stoker/store/webhdfs"
)

// On a real cluster, over both protocols.
func TestOnHDFS(t *testing.T) {
	t.Parallel()
	c := hadooptest.Find(t)
	options, err := hdfs.FromConfiguration(c.Configuration(t), "")
	require.NoError(t, err)
	options.User, options.DirMode = c.User, 0o700
	rpc, err := hdfs.New(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, rpc.Close()) })
	web, err := webhdfs.New(webhdfs.Options{
		Addresses: []string{c.Addresses.NameNodeWeb}, HTTP: hadoop.NewHTTP(hadoop.HTTPOptions{User: c.User}), DirMode: 0o700,
	})
	require.NoError(t, err)
	for name, st := range map[string]store.Store{"rpc": rpc, "http": web} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := "/tmp/stoker-test/" + strings.ToLower(rand.Text())
			t.Cleanup(func() { require.NoError(t, st.RemoveAll(context.Background(), root)) })
			appendAndRead(on(t, st, root+"/a"))
			writersAtOnce(on(t, st, root+"/b"), 10)
		})
	}
}
