package worker

import (
	"log/slog"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/hdfs"
	"github.com/stoker-spark/stoker/store/webhdfs"
)

type properties = map[string]string

// ha is a name service of two NameNodes, another of one, and a third without
// NameNodes.
var ha = properties{
	"fs.defaultFS": "hdfs://lake", "dfs.nameservices": "lake,pond,unknown",
	"dfs.ha.namenodes.lake":             "a,b",
	"dfs.namenode.rpc-address.lake.a":   "nn-a:8020",
	"dfs.namenode.rpc-address.lake.b":   "nn-b:9000",
	"dfs.namenode.http-address.lake.a":  "nn-a:9870",
	"dfs.namenode.http-address.lake.b":  "nn-b:50070",
	"dfs.namenode.rpc-address.pond":     "nn-p:8020",
	"dfs.namenode.http-address.pond":    "nn-p:9870",
	"dfs.namenode.https-address.lake.a": "nn-a:9871",
	"dfs.namenode.https-address.lake.b": "nn-b:9871",
	"dfs.namenode.https-address.pond":   "nn-p:9871",
}

func with(base, more properties) properties {
	both := maps.Clone(base)
	maps.Copy(both, more)
	return both
}

func TestFileSystems(t *testing.T) {
	t.Parallel()
	rpc, web, local := (*hdfs.Store)(nil), (*webhdfs.Store)(nil), (*file.Store)(nil)
	alone := properties{"fs.defaultFS": "hdfs://nn:9000", "dfs.namenode.http-address": "nn:9870"}
	type served struct {
		url string // as Spark is given it; "" if no store serves it
		by  store.Store
	}
	for name, c := range map[string]struct {
		properties properties
		settings   config.YARN
		want       map[string]served
	}{
		"one NameNode": {alone, config.YARN{HDFS: config.HDFSByRPC}, map[string]served{
			"/x":                    {"hdfs://nn:9000/x", rpc},
			"hdfs:///x":             {"hdfs://nn:9000/x", rpc},
			"hdfs:/x":               {"hdfs://nn:9000/x", rpc},
			"HDFS://NN:9000/x":      {"hdfs://nn:9000/x", rpc},
			"webhdfs://nn:9870/x":   {"webhdfs://nn:9870/x", web},
			"webhdfs://nn/x":        {"webhdfs://nn:9870/x", web},
			"hdfs://nn/x":           {}, // port 8020
			"hdfs://other:9000/x":   {},
			"webhdfs://other/x":     {},
			"swebhdfs://nn:9870/x":  {},
			"file:///x":             {},
			"s3a://bucket/x":        {},
			"webhdfs:///x":          {},
			"http://nn:9870/x":      {},
			"hdfs://nn:9000@evil/x": {},
		}},
		"name services": {ha, config.YARN{HDFS: config.HDFSByRPC}, map[string]served{
			"/x":                    {"hdfs://lake/x", rpc},
			"hdfs:///x":             {"hdfs://lake/x", rpc},
			"hdfs://lake/x":         {"hdfs://lake/x", rpc},
			"hdfs://lake:8020/x":    {"hdfs://lake/x", rpc},
			"hdfs://nn-a/x":         {"hdfs://lake/x", rpc},
			"hdfs://nn-b:9000/x":    {"hdfs://lake/x", rpc},
			"hdfs://nn-b/x":         {},
			"hdfs://pond/x":         {"hdfs://pond/x", rpc},
			"hdfs://nn-p:8020/x":    {"hdfs://pond/x", rpc},
			"hdfs://unknown/x":      {},
			"webhdfs://lake/x":      {"webhdfs://lake/x", web},
			"webhdfs://nn-a/x":      {"webhdfs://lake/x", web},
			"webhdfs://nn-b:50070/": {"webhdfs://lake/", web},
			"webhdfs://pond/x":      {"webhdfs://pond/x", web},
		}},
		"over HTTP alone": {ha, config.YARN{HDFS: config.HDFSByWebHDFS}, map[string]served{
			"/x":                 {"hdfs://lake/x", web},
			"hdfs://nn-b:9000/x": {"hdfs://lake/x", web},
			"hdfs://pond/x":      {"hdfs://pond/x", web},
			"webhdfs://nn-p/x":   {"webhdfs://pond/x", web},
		}},
		"over HTTPS": {with(ha, properties{"dfs.http.policy": "HTTPS_ONLY"}), config.YARN{HDFS: config.HDFSByRPC}, map[string]served{
			"swebhdfs://lake/x":      {"swebhdfs://lake/x", web},
			"swebhdfs://nn-b:9871/x": {"swebhdfs://lake/x", web},
			"webhdfs://lake/x":       {},
		}},
		"without WebHDFS": {with(alone, properties{"dfs.webhdfs.enabled": "false"}), config.YARN{HDFS: config.HDFSByRPC}, map[string]served{
			"/x":                  {"hdfs://nn:9000/x", rpc},
			"webhdfs://nn:9870/x": {},
		}},
		"WebHDFS as default": {properties{"fs.defaultFS": "webhdfs://gateway:14000"}, config.YARN{}, map[string]served{
			"/x":                       {"webhdfs://gateway:14000/x", web},
			"hdfs:///x":                {"webhdfs://gateway:14000/x", web},
			"webhdfs:///x":             {"webhdfs://gateway:14000/x", web},
			"WebHDFS://Gateway:14000/": {"webhdfs://gateway:14000/", web},
			"webhdfs://gateway/x":      {},
			"hdfs://gateway:14000/x":   {},
		}},
		"WebHDFS of a name service as default": {with(ha, properties{"fs.defaultFS": "webhdfs://lake/"}), config.YARN{}, map[string]served{
			"/x":                 {"webhdfs://lake/x", web},
			"webhdfs://nn-a/x":   {"webhdfs://lake/x", web},
			"hdfs://lake/x":      {"hdfs://lake/x", rpc},
			"hdfs://nn-b:9000/x": {"hdfs://lake/x", rpc},
		}},
		"files as default": {properties{"fs.defaultFS": "file:///"}, config.YARN{}, map[string]served{
			"/x":                  {"file:/x", local},
			"file:///x":           {"file:/x", local},
			"hdfs:///x":           {"file:/x", local},
			"hdfs://nn:9000/x":    {},
			"webhdfs://nn:9870/x": {},
		}},
		"more": {alone, config.YARN{HDFS: config.HDFSByRPC, FileSystems: []string{"file:///", "hdfs://far:8020", "webhdfs://gate/"}}, map[string]served{
			"/x":                    {"hdfs://nn:9000/x", rpc},
			"file:/x":               {"file:/x", local},
			"hdfs://far/x":          {"hdfs://far:8020/x", rpc},
			"webhdfs://gate:9870/x": {"webhdfs://gate/x", web},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := openFileSystems(hadoop.New(c.properties), c.settings, "tester", hadoop.NewHTTP(hadoop.HTTPOptions{User: "tester"}), slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			for raw, want := range c.want {
				st, _, err := set.Resolve(raw)
				if want.by == nil {
					require.ErrorIs(t, err, store.ErrNoStore, raw)
					continue
				}
				require.NoError(t, err, raw)
				require.IsType(t, want.by, st, raw)
				url, err := set.CanonicalURL(raw)
				require.NoError(t, err)
				require.Equal(t, want.url, url, raw)
			}
		})
	}
}

func TestAggregatedLogs(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"":                       "hdfs://lake/tmp/logs",
		"/app-logs/":             "hdfs://lake/app-logs",
		"hdfs:///app-logs":       "hdfs://lake/app-logs",
		"hdfs://pond/app-logs":   "hdfs://pond/app-logs",
		"webhdfs://pond/logs":    "webhdfs://pond/logs",
		"s3a://bucket/logs":      "",
		"hdfs://elsewhere/logs/": "",
	} {
		c := hadoop.New(with(ha, properties{"yarn.nodemanager.remote-app-log-dir": location}))
		logger := slog.New(slog.DiscardHandler)
		set, err := openFileSystems(c, config.YARN{HDFS: config.HDFSByRPC}, "tester", hadoop.NewHTTP(hadoop.HTTPOptions{User: "tester"}), logger)
		require.NoError(t, err)
		folders := hadoopCluster{configuration: c, stores: set}.aggregatedLogs(logger)
		if want == "" {
			require.Empty(t, folders, location)
			continue
		}
		require.Len(t, folders, 1)
		require.Equal(t, "logs-tfile", folders[0].Suffix)
		require.Equal(t, want, folders[0].Store.URL(folders[0].Dir), location)
	}
}

func TestFileSystemsThatCanNotBe(t *testing.T) {
	t.Parallel()
	for says, p := range map[string]properties{
		"s3a://bucket":       {"fs.defaultFS": "s3a://bucket"},
		"fs.defaultFS":       {"fs.defaultFS": "hdfs:///"},
		"rpc-address.lake.b": {"fs.defaultFS": "hdfs://lake", "dfs.nameservices": "lake", "dfs.ha.namenodes.lake": "a,b", "dfs.namenode.rpc-address.lake.a": "a:1"},
	} {
		_, err := openFileSystems(hadoop.New(p), config.YARN{HDFS: config.HDFSByRPC}, "tester", hadoop.NewHTTP(hadoop.HTTPOptions{User: "tester"}), slog.New(slog.DiscardHandler))
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		require.ErrorContains(t, err, says)
	}
}
