package hadoop

import (
	"fmt"
	"net"
	"strconv"
)

// host is a name, not 127.0.0.1: it ends up in node ids and in principals.
const host = "localhost"

// endpoint is one port that a daemon listens on.
type endpoint struct {
	daemon Daemon
	what   string
	// key is the property that holds its address, host:port.
	key string
	// port without an offset: Hadoop's own default, but a fixed one for the
	// NodeManager, where it is random, and 10035 instead of 10033 for the history
	// server, which would be the ResourceManager's 8033 at an offset of 2000.
	port int
}

const (
	keyNameNode           = "dfs.namenode.rpc-address"
	keyNameNodeWeb        = "dfs.namenode.http-address"
	keyDataNode           = "dfs.datanode.address"
	keyDataNodeWeb        = "dfs.datanode.http.address"
	keyDataNodeIPC        = "dfs.datanode.ipc.address"
	keyResourceManager    = "yarn.resourcemanager.address"
	keyScheduler          = "yarn.resourcemanager.scheduler.address"
	keyTracker            = "yarn.resourcemanager.resource-tracker.address"
	keyAdmin              = "yarn.resourcemanager.admin.address"
	keyResourceManagerWeb = "yarn.resourcemanager.webapp.address"
	keyNodeManager        = "yarn.nodemanager.address"
	keyLocalizer          = "yarn.nodemanager.localizer.address"
	keyNodeManagerWeb     = "yarn.nodemanager.webapp.address"
	keyHistory            = "mapreduce.jobhistory.address"
	keyHistoryWeb         = "mapreduce.jobhistory.webapp.address"
	keyHistoryAdmin       = "mapreduce.jobhistory.admin.address"
)

func endpoints() []endpoint {
	return []endpoint{
		{NameNode, "RPC", keyNameNode, 9000},
		{NameNode, "web", keyNameNodeWeb, 9870},
		{DataNode, "data", keyDataNode, 9866},
		{DataNode, "web", keyDataNodeWeb, 9864},
		{DataNode, "RPC", keyDataNodeIPC, 9867},
		{ResourceManager, "RPC", keyResourceManager, 8032},
		{ResourceManager, "scheduler", keyScheduler, 8030},
		{ResourceManager, "tracker", keyTracker, 8031},
		{ResourceManager, "admin", keyAdmin, 8033},
		{ResourceManager, "web", keyResourceManagerWeb, 8088},
		{NodeManager, "RPC", keyNodeManager, 8041},
		{NodeManager, "localizer", keyLocalizer, 8040},
		{NodeManager, "web", keyNodeManagerWeb, 8042},
		{JobHistoryServer, "RPC", keyHistory, 10020},
		{JobHistoryServer, "web", keyHistoryWeb, 19888},
		{JobHistoryServer, "admin", keyHistoryAdmin, 10035},
	}
}

// addressOf returns the host:port of the endpoint with a key.
func addressOf(key string, offset int) string {
	for _, e := range endpoints() {
		if e.key == key {
			return net.JoinHostPort(host, strconv.Itoa(e.port+offset))
		}
	}
	panic("no endpoint has the key " + key) // keys are constants
}

// maxOffset keeps the highest port, 19888, below 65536.
const maxOffset = 45000

func checkOffset(offset int) error {
	if offset < 0 || offset > maxOffset {
		return fmt.Errorf("a port offset of %d is none: use one from 0 to %d", offset, maxOffset)
	}
	return nil
}

// checkFree reports the first port of a daemon that somebody else listens on.
func checkFree(d Daemon, offset int) error {
	for _, e := range endpoints() {
		if e.daemon != d {
			continue
		}
		listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", e.port+offset))
		if err != nil {
			return fmt.Errorf("port %d for the %s (%s) is taken: stop what uses it, or shift all ports with --port-offset %d (make hadoop-up HADOOP_ARGS=\"--port-offset %d\")",
				e.port+offset, d, e.what, offset+100, offset+100)
		}
		if err := listener.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Addresses of a cluster, as its clients need them.
type Addresses struct {
	// DefaultFS is the URI of HDFS.
	DefaultFS string `json:"defaultFS"`
	// NameNode, DataNode and ResourceManager are host:port of their RPC, or of
	// the DataNode's data transfer.
	NameNode        string `json:"nameNode"`
	DataNode        string `json:"dataNode"`
	DataNodeRPC     string `json:"dataNodeRpc"`
	ResourceManager string `json:"resourceManager"`
	// Those below are URLs without a slash at the end. WebHDFS is at the
	// NameNode's under /webhdfs/v1.
	NameNodeWeb        string `json:"nameNodeWeb"`
	DataNodeWeb        string `json:"dataNodeWeb"`
	ResourceManagerWeb string `json:"resourceManagerWeb"`
	NodeManagerWeb     string `json:"nodeManagerWeb"`
	HistoryWeb         string `json:"historyWeb"`
}

func addressesAt(offset int) Addresses {
	address := func(key string) string { return addressOf(key, offset) }
	return Addresses{
		DefaultFS:          "hdfs://" + address(keyNameNode),
		NameNode:           address(keyNameNode),
		DataNode:           address(keyDataNode),
		DataNodeRPC:        address(keyDataNodeIPC),
		ResourceManager:    address(keyResourceManager),
		NameNodeWeb:        "http://" + address(keyNameNodeWeb),
		DataNodeWeb:        "http://" + address(keyDataNodeWeb),
		ResourceManagerWeb: "http://" + address(keyResourceManagerWeb),
		NodeManagerWeb:     "http://" + address(keyNodeManagerWeb),
		HistoryWeb:         "http://" + address(keyHistoryWeb),
	}
}
