package hadoop_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
)

type properties = map[string]string

var ha = properties{
	"fs.defaultFS": "hdfs://ns1", "dfs.nameservices": "ns1, ns2, ns3", "dfs.ha.namenodes.ns1": "nn1,nn2",
	"dfs.namenode.rpc-address.ns1.nn1": "h1:9000", "dfs.namenode.rpc-address.ns1.nn2": "h2",
	"dfs.namenode.http-address.ns1.nn1": "h1:50070", "dfs.namenode.https-address.ns1.nn2": "h2:50470",
	"dfs.namenode.rpc-address.ns2": "h3:8020", "dfs.namenode.http-address.ns2": "0.0.0.0:9999",
	"dfs.ha.namenodes.broken": "nn1",
}

func TestNameNodes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		properties properties
		authority  string
		rpc, web   []string
	}{
		"default, alone":      {properties{"fs.defaultFS": "hdfs://nn:9000/"}, "", []string{"nn:9000"}, []string{"http://nn:9870"}},
		"without a port":      {properties{"fs.defaultFS": "hdfs://nn"}, "", []string{"nn:8020"}, []string{"http://nn:9870"}},
		"the old name":        {properties{"fs.default.name": "hdfs://nn"}, "", []string{"nn:8020"}, []string{"http://nn:9870"}},
		"web elsewhere":       {properties{"fs.defaultFS": "hdfs://nn", "dfs.namenode.http-address": "web:1"}, "", []string{"nn:8020"}, []string{"http://web:1"}},
		"web anywhere":        {properties{"fs.defaultFS": "hdfs://nn", "dfs.namenode.http-address": "0.0.0.0:1"}, "nn", []string{"nn:8020"}, []string{"http://nn:1"}},
		"web without a port":  {properties{"fs.defaultFS": "hdfs://nn", "dfs.namenode.http-address": "web"}, "NN", []string{"NN:8020"}, []string{"http://web:9870"}},
		"https":               {properties{"fs.defaultFS": "hdfs://nn", "dfs.http.policy": "HTTPS_ONLY"}, "", []string{"nn:8020"}, []string{"https://nn:9871"}},
		"another host":        {properties{"fs.defaultFS": "hdfs://nn", "dfs.namenode.http-address": "web:1"}, "other:7", []string{"other:7"}, []string{"http://other:9870"}},
		"no HDFS by default":  {properties{}, "nn", []string{"nn:8020"}, []string{"http://nn:9870"}},
		"IPv6":                {properties{}, "[::1]:8020", []string{"[::1]:8020"}, []string{"http://[::1]:9870"}},
		"name service":        {ha, "", []string{"h1:9000", "h2:8020"}, []string{"http://h1:50070", "http://h2:9870"}},
		"service of one":      {ha, "ns2", []string{"h3:8020"}, []string{"http://h3:9999"}},
		"host, not a service": {ha, "ns3", []string{"ns3:8020"}, []string{"http://ns3:9870"}},
	} {
		conf := hadoop.New(c.properties)
		rpc, err := conf.NameNodes(c.authority)
		require.NoError(t, err, name)
		require.Equal(t, c.rpc, rpc, name)
		web, err := conf.NameNodeWeb(c.authority)
		require.NoError(t, err, name)
		require.Equal(t, c.web, web, name)
	}
	secure := hadoop.New(ha).With(properties{"dfs.http.policy": "https_only"})
	web, err := secure.NameNodeWeb("ns1")
	require.NoError(t, err)
	require.Equal(t, []string{"https://h1:9871", "https://h2:50470"}, web)
}

func TestNameNodesThatCanNotBeFound(t *testing.T) {
	t.Parallel()
	for authority, says := range map[string]string{"broken": "dfs.namenode.rpc-address.broken.nn1"} {
		_, err := hadoop.New(ha).NameNodes(authority)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		require.ErrorContains(t, err, says)
		_, err = hadoop.New(ha).NameNodeWeb(authority)
		require.ErrorContains(t, err, says)
	}
	for _, uri := range []string{"", "file:///", "s3a://bucket", "hdfs:///", "viewfs://x"} {
		_, err := hadoop.New(properties{"fs.defaultFS": uri}).NameNodes("")
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), uri)
	}
	dir := write(t, map[string]string{"core-site.xml": p("fs.defaultFS", "s3a://bucket")})
	_, err := load(t, dir).NameNodes("")
	require.ErrorContains(t, err, dir+"/core-site.xml:3", "where to correct it")
}

func TestNameServices(t *testing.T) {
	t.Parallel()
	require.Empty(t, hadoop.New(nil).NameServices())
	c := hadoop.New(properties{
		"dfs.nameservices": "one, two ,three", "dfs.ha.namenodes.one": "a,b", "dfs.namenode.rpc-address.three": "nn:1",
	})
	require.Equal(t, []string{"one", "three"}, c.NameServices(), "of two nothing is known but the name")
}

func TestDefaultFS(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"": "file://", "file:///": "file://", "file:/": "file://", "hdfs://ns/": "hdfs://ns", "hdfs://nn:1": "hdfs://nn:1", "s3a://b/": "s3a://b",
	} {
		require.Equal(t, want, hadoop.New(properties{"fs.defaultFS": uri}).DefaultFS(), uri)
	}
}

func TestResourceManagers(t *testing.T) {
	t.Parallel()
	type managers = []hadoop.ResourceManager
	for name, c := range map[string]struct {
		properties properties
		want       managers
	}{
		"by host":    {properties{"yarn.resourcemanager.hostname": "rm"}, managers{{"", "http://rm:8088"}}},
		"by address": {properties{"yarn.resourcemanager.hostname": "rm", "yarn.resourcemanager.webapp.address": "web:1"}, managers{{"", "http://web:1"}}},
		"expanded": {
			properties{"yarn.resourcemanager.hostname": "rm", "yarn.resourcemanager.webapp.address": "${yarn.resourcemanager.hostname}:7"},
			managers{{"", "http://rm:7"}},
		},
		"any address": {properties{"yarn.resourcemanager.hostname": "rm", "yarn.resourcemanager.webapp.address": "0.0.0.0:1"}, managers{{"", "http://rm:1"}}},
		"https":       {properties{"yarn.resourcemanager.hostname": "rm", "yarn.http.policy": "HTTPS_ONLY"}, managers{{"", "https://rm:8090"}}},
		"several": {
			properties{
				"yarn.resourcemanager.ha.enabled": "true", "yarn.resourcemanager.ha.rm-ids": "a,b",
				"yarn.resourcemanager.hostname.a": "ra", "yarn.resourcemanager.webapp.address.b": "rb:1",
			},
			managers{{"a", "http://ra:8088"}, {"b", "http://rb:1"}},
		},
	} {
		got, err := hadoop.New(c.properties).ResourceManagers()
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
	for _, bad := range []properties{
		{},
		{"yarn.resourcemanager.webapp.address": "0.0.0.0:8088"},
		{"yarn.resourcemanager.hostname": "0.0.0.0"},
		{"yarn.resourcemanager.ha.enabled": "true"},
		{"yarn.resourcemanager.ha.enabled": "true", "yarn.resourcemanager.ha.rm-ids": "a"},
	} {
		_, err := hadoop.New(bad).ResourceManagers()
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%v", bad)
	}
}

func TestHistoryServer(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]properties{
		"":                   {},
		"http://jhs:19888":   {"mapreduce.jobhistory.webapp.address": "jhs"},
		"http://jhs:1":       {"mapreduce.jobhistory.webapp.address": "jhs:1", "yarn.log.server.url": "http://other:2/x"},
		"https://jhs:19890":  {"mapreduce.jobhistory.http.policy": "HTTPS_ONLY", "mapreduce.jobhistory.webapp.https.address": "jhs"},
		"http://logs:3":      {"mapreduce.jobhistory.webapp.address": "0.0.0.0:1", "yarn.log.server.url": "http://logs:3/jobhistory/logs"},
		"https://services:4": {"yarn.log.server.web-service.url": "https://services:4/ws/v1/history", "yarn.log.server.url": "http://logs:3/x"},
		"http://jhs:5": {
			"yarn.log.server.web-service.url": "http://timeline:8188/ws/v1/applicationhistory", "yarn.log.server.url": "http://jhs:5/jobhistory/logs/",
		},
		"https://gateway:6/lake": {"yarn.log.server.web-service.url": "https://gateway:6/lake/ws/v1/history/"},
		"http://jhs:7":           {"yarn.log.server.url": "http://jhs:7/jobhistory"},
	} {
		require.Equal(t, want, hadoop.New(c).HistoryServer())
	}
	for _, other := range []string{"http://timeline:8188/applicationhistory/logs", "http://timeline:8188/ws/v1/historyserver", "http://x:1", "http://x:1/", "x", ":"} {
		require.Empty(t, hadoop.New(properties{"yarn.log.server.web-service.url": other, "yarn.log.server.url": other}).HistoryServer(), other)
	}
}

// The folders are those in which NodeManagers of Hadoop 3.4.3 were seen to put logs.
func TestAggregatedLogs(t *testing.T) {
	t.Parallel()
	const formats, dir, suffix = "yarn.log-aggregation.file-formats", "yarn.nodemanager.remote-app-log-dir", "yarn.nodemanager.remote-app-log-dir-suffix"
	const tfile = "yarn.log-aggregation.TFile.remote-app-log-dir"
	type folders = []hadoop.LogFolder
	for name, c := range map[string]struct {
		properties properties
		want       folders
	}{
		"default":         {nil, folders{{"/tmp/logs", "logs-tfile"}}},
		"dir and suffix":  {properties{dir: "/logs", suffix: "mine"}, folders{{"/logs", "mine-tfile"}}},
		"of the format":   {properties{dir: "/logs", suffix: "mine", tfile: "hdfs://far/logs", tfile + "-suffix": "exact"}, folders{{"hdfs://far/logs", "exact"}}},
		"several formats": {properties{formats: "IFile, TFile"}, folders{{"/tmp/logs", "logs-ifile"}, {"/tmp/logs", "logs-tfile"}}},
		"a name of one's own": {
			properties{formats: "Mine", "yarn.log-aggregation.Mine.remote-app-log-dir": "/own", tfile: "/logs"},
			folders{{"/own", "logs-mine"}, {"/logs", "logs-tfile"}},
		},
	} {
		require.Equal(t, c.want, hadoop.New(c.properties).AggregatedLogs(), name)
	}
}
