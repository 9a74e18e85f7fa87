// Package hadoop runs a real one-machine Hadoop cluster on loopback: NameNode,
// DataNode, ResourceManager, NodeManager and JobHistoryServer, each a process of
// its own, from the jars that Apache publishes. It is for tests and for trying
// Stoker out, never for production: there is one replica and no security.
//
// The daemons outlive the process that starts them; another process finds them
// with Load. Everything of a cluster lies in its state directory:
//
//	cluster.json   what Up returned, for other processes
//	client/        Hadoop configuration for clients: HADOOP_CONF_DIR
//	conf/<daemon>/ configuration of each daemon
//	data/          HDFS, the ResourceManager's state store, containers
//	logs/          output of each daemon
//	run/           process of each daemon, by pid and start time
//
// Only data/ matters to the next Up on the same state.
package hadoop
