// Package hadooptest finds the real Hadoop cluster that tests with the build tag
// hadoop run on.
package hadooptest

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
)

// Variable names the file that describes the cluster.
const Variable = "STOKER_HADOOP"

// Cluster is what tests need to know of a cluster.
type Cluster struct {
	Version   string `json:"version"`
	Addresses struct {
		// DefaultFS is a URI, NameNode and DataNode are host:port of RPC and of data.
		DefaultFS string `json:"defaultFS"`
		NameNode  string `json:"nameNode"`
		DataNode  string `json:"dataNode"`
		// These are URLs.
		NameNodeWeb        string `json:"nameNodeWeb"`
		DataNodeWeb        string `json:"dataNodeWeb"`
		ResourceManagerWeb string `json:"resourceManagerWeb"`
		HistoryWeb         string `json:"historyWeb"`
	} `json:"addresses"`
	// ConfDir is HADOOP_CONF_DIR of clients.
	ConfDir string `json:"confDir"`
	// User is HDFS' superuser.
	User string `json:"user"`
}

// Find reads the file that STOKER_HADOOP names. Without the variable the test
// fails: a test of a cluster that is skipped proves nothing.
func Find(t testing.TB) *Cluster {
	t.Helper()
	path := os.Getenv(Variable)
	require.NotEmpty(t, path, "%s is not set: run make hadoop-up and set it to the absolute path of .state/hadoop/cluster.json", Variable)
	data, err := os.ReadFile(path)
	require.NoError(t, err, "no cluster is described there: run make hadoop-up")
	var c Cluster
	require.NoError(t, json.Unmarshal(data, &c), path)
	return &c
}

// Configuration is that of the cluster's clients.
func (c *Cluster) Configuration(t testing.TB) *hadoop.Configuration {
	t.Helper()
	conf, err := hadoop.Load(c.ConfDir)
	require.NoError(t, err)
	return conf
}
