package hadoop

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSetting(t *testing.T) {
	t.Parallel()
	var c Config
	var err error
	for _, setting := range []string{"dfs.replication=2", "nodemanager:a.b=c=d:e", "Client:x=", "NodeManager:f=g"} {
		c, err = c.ParseSetting(setting)
		require.NoError(t, err)
	}
	require.Equal(t, Config{
		All: {"dfs.replication": "2"}, NodeManager: {"a.b": "c=d:e", "f": "g"}, Client: {"x": ""},
	}, c)
	for _, wrong := range []string{"", "a", "=b", "nodemanager:=b", "nobody:a=b"} {
		_, err := c.ParseSetting(wrong)
		require.Error(t, err, wrong)
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		o    Options
		says string
	}{
		{Options{Tools: "t"}, "needs a state directory"},
		{Options{State: "s"}, "one for downloads"},
		{Options{State: "/a,b", Tools: "t"}, `"/a,b" is not for Hadoop`},
		{Options{State: "/a b", Tools: "t"}, `"/a b" is not for Hadoop`},
		{Options{State: "s", Tools: "t", Version: "../x"}, "no version of Hadoop 3"},
		{Options{State: "s", Tools: "t", PortOffset: 46000}, "from 0 to 45000"},
		{Options{State: "s", Tools: "t", PortOffset: -1}, "from 0 to 45000"},
		{Options{State: "s", Tools: "t", Config: Config{"namenode": nil}}, `"namenode"`},
	} {
		_, err := test.o.withDefaults()
		require.ErrorContains(t, err, test.says)
	}
	o, err := Options{State: "s", Tools: "t"}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, DefaultVersion, o.Version)
	require.NotNil(t, o.Progress)
}

func TestOffsetsDoNotMeet(t *testing.T) {
	t.Parallel()
	for offset := 0; offset < 11800; offset += 100 {
		for _, e := range endpoints() {
			for _, other := range endpoints() {
				same := offset == 0 && e.key == other.key
				require.Equal(t, same, e.port+offset == other.port, "%s and %s at offset %d", e.key, other.key, offset)
			}
		}
	}
	require.Less(t, 19888+maxOffset, 65536)
	require.Equal(t, "http://localhost:9988", addressesAt(1900).ResourceManagerWeb)
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	port := listener.Addr().(*net.TCPAddr).Port
	err = checkFree(ResourceManager, port-8088)
	require.EqualError(t, err, fmt.Sprintf(
		"port %d for the ResourceManager (web) is taken: stop what uses it, or shift all ports with --port-offset %d (make hadoop-up HADOOP_ARGS=\"--port-offset %d\")",
		port, port-8088+100, port-8088+100))
}
