package hadoop

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// archiveDir on HDFS is for archives that all applications share. YARN caches
// what lies in it for every user, since every directory above is world-readable.
const archiveDir = "/archives"

// queues of the CapacityScheduler: two ordinary ones and two that refuse.
const queues = "default,batch,limited,stopped"

// keyRecovery: the ResourceManager keeps applications over a restart.
const keyRecovery = "yarn.resourcemanager.recovery.enabled"

// stateStore is where the ResourceManager keeps what has been submitted: a LevelDB,
// which saves in a millisecond. Where there is no library of it, files, which take a
// program started for each file's mode and hold a burst of submissions up.
func stateStore(dir, arch string) map[string]string {
	const recovery = "org.apache.hadoop.yarn.server.resourcemanager.recovery."
	if arch == "amd64" {
		return map[string]string{
			"yarn.resourcemanager.store.class":              recovery + "LeveldbRMStateStore",
			"yarn.resourcemanager.leveldb-state-store.path": dir,
		}
	}
	return map[string]string{
		"yarn.resourcemanager.store.class":        recovery + "FileSystemRMStateStore",
		"yarn.resourcemanager.fs.state-store.uri": "file://" + dir,
	}
}

// daemonProperties is the configuration of all five daemons.
func daemonProperties(state string, offset int, user string) map[string]string {
	data := filepath.Join(state, "data")
	p := map[string]string{
		"fs.defaultFS":   addressesAt(offset).DefaultFS,
		"hadoop.tmp.dir": filepath.Join(data, "tmp"),
		// Lets a client name itself with ?user.name= on every web page; without
		// it only the ResourceManager and WebHDFS listen to that.
		"hadoop.http.filter.initializers": "org.apache.hadoop.security.AuthenticationFilterInitializer",

		"dfs.replication":                 "1",
		"dfs.namenode.name.dir":           "file://" + filepath.Join(data, "name"),
		"dfs.datanode.data.dir":           "file://" + filepath.Join(data, "blocks"),
		"dfs.datanode.hostname":           host,
		"dfs.namenode.safemode.extension": "0",
		// A DataNode that is killed is dead to the NameNode after 2 × 5 + 10 × 1 s.
		"dfs.heartbeat.interval":                  "1",
		"dfs.namenode.heartbeat.recheck-interval": "5000",
		"dfs.namenode.stale.datanode.interval":    "10000",

		"yarn.resourcemanager.hostname":  host,
		"yarn.resourcemanager.bind-host": host,
		"yarn.acl.enable":                "true",
		"yarn.admin.acl":                 user,

		// What has been submitted survives the ResourceManager.
		keyRecovery: "true",

		"yarn.resourcemanager.work-preserving-recovery.scheduling-wait-ms": "1000",
		"yarn.resourcemanager.max-completed-applications":                  "1000",
		"yarn.webapp.enable-rest-app-submissions":                          "true",

		"yarn.resourcemanager.nodemanagers.heartbeat-interval-ms":             "250",
		"yarn.resourcemanager.nodemanagers.heartbeat-interval-scaling-enable": "false",

		"yarn.nm.liveness-monitor.expiry-interval-ms": "20000",
		// Counts from the launch to the registration too, and on two busy cores a
		// Spark application was seen to need 48 s for that. An application master
		// that dies is noticed at once; this is for one that hangs.
		"yarn.am.liveness-monitor.expiry-interval-ms": "120000",

		"yarn.scheduler.minimum-allocation-mb":     "128",
		"yarn.scheduler.maximum-allocation-mb":     "8192",
		"yarn.scheduler.maximum-allocation-vcores": "8",
		"yarn.nodemanager.resource.memory-mb":      "8192",
		"yarn.nodemanager.resource.cpu-vcores":     "8",

		// A resource of its own kind and a node label, which no host has at first.
		"yarn.resource-types":                 "unit",
		"yarn.nodemanager.resource-type.unit": "4",
		"yarn.node-labels.enabled":            "true",
		"yarn.node-labels.fs-store.root-dir":  "file://" + filepath.Join(data, "node-labels"),

		"yarn.nodemanager.hostname":     host,
		"yarn.nodemanager.bind-host":    host,
		"yarn.nodemanager.local-dirs":   localDirs(state),
		"yarn.nodemanager.log-dirs":     filepath.Join(data, "container-logs"),
		"yarn.nodemanager.recovery.dir": filepath.Join(data, "nm-recovery"),

		"yarn.nodemanager.vmem-check-enabled":        "false",
		"yarn.nodemanager.pmem-check-enabled":        "false",
		"yarn.nodemanager.container-monitor.enabled": "false",
		// A full disk of a laptop is no reason to run nothing.
		"yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "100.0",

		"yarn.nodemanager.env-whitelist":          "JAVA_HOME,PATH,LANG,TZ",
		"yarn.nodemanager.delete.debug-delay-sec": "0",
		"yarn.log-aggregation-enable":             "true",
		"yarn.nodemanager.remote-app-log-dir":     "/tmp/logs",

		// Not below /tmp, which the history server would make for itself alone.
		"mapreduce.jobhistory.intermediate-done-dir": "/mr-history/new",
		"mapreduce.jobhistory.done-dir":              "/mr-history/done",
		"mapreduce.jobhistory.bind-host":             host,
	}
	for _, e := range endpoints() {
		p[e.key] = addressOf(e.key, offset)
	}
	maps.Copy(p, logServerProperties(offset))
	maps.Copy(p, connectProperties())
	maps.Copy(p, queueProperties(user))
	maps.Copy(p, stateStore(filepath.Join(data, "rm-state"), runtime.GOARCH))
	return p
}

// clientProperties is all that a client needs: spark-submit sends the directory
// along with every application.
func clientProperties(offset int) map[string]string {
	p := map[string]string{
		"fs.defaultFS":                  addressesAt(offset).DefaultFS,
		"dfs.replication":               "1",
		"yarn.resourcemanager.hostname": host,
	}
	for _, key := range []string{keyNameNodeWeb, keyResourceManager, keyScheduler, keyResourceManagerWeb} {
		p[key] = addressOf(key, offset)
	}
	maps.Copy(p, logServerProperties(offset))
	maps.Copy(p, connectProperties())
	return p
}

func logServerProperties(offset int) map[string]string {
	history := addressesAt(offset).HistoryWeb
	return map[string]string{
		"yarn.log.server.url":             history + "/jobhistory/logs",
		"yarn.log.server.web-service.url": history + "/ws/v1/history",
	}
}

// connectProperties make daemons and applications find a ResourceManager that is
// back within a second; the default is half a minute.
func connectProperties() map[string]string {
	return map[string]string{"yarn.resourcemanager.connect.retry-interval.ms": "500"}
}

func queueProperties(user string) map[string]string {
	const root = "yarn.scheduler.capacity.root."
	p := map[string]string{
		root + "queues":   queues,
		root + "capacity": "100",
		// Without it nothing but memory counts.
		"yarn.scheduler.capacity.resource-calculator": "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",

		root + "accessible-node-labels":                         "*",
		root + "accessible-node-labels.labelled.capacity":       "100",
		root + "batch.accessible-node-labels.labelled.capacity": "100",
		// The default, *, is inherited by every queue and would let anyone kill
		// anyone's application. A space is nobody.
		root + "acl_administer_queue":    user,
		root + "acl_submit_applications": " ",

		// About two small applications at a time, as many as a laptop bears.
		"yarn.scheduler.capacity.maximum-am-resource-percent": "0.35",

		root + "default.capacity":             "80",
		root + "batch.capacity":               "15",
		root + "limited.capacity":             "5",
		root + "limited.maximum-applications": "1",
		root + "stopped.capacity":             "0",
		root + "stopped.state":                "STOPPED",
	}
	for queue := range strings.SplitSeq(queues, ",") {
		p[root+queue+".acl_submit_applications"] = "*"
		p[root+queue+".acl_administer_queue"] = user
		p[root+queue+".maximum-capacity"] = "100"
		p[root+queue+".user-limit-factor"] = "100"
	}
	return p
}

// localDirs is where the NodeManager keeps containers; its path is in the
// environment of each of them.
func localDirs(state string) string { return filepath.Join(state, "data", "containers") }

// files of a configuration directory.
var files = []string{"core-site.xml", "hdfs-site.xml", "yarn-site.xml", "mapred-site.xml", "capacity-scheduler.xml"}

// fileOf tells which file a property belongs to: Hadoop's defaults for the
// property would hide it in a file read earlier.
func fileOf(property string) string {
	switch {
	case strings.HasPrefix(property, "yarn.scheduler.capacity."):
		return "capacity-scheduler.xml"
	case strings.HasPrefix(property, "yarn."):
		return "yarn-site.xml"
	case strings.HasPrefix(property, "mapreduce."):
		return "mapred-site.xml"
	case strings.HasPrefix(property, "dfs."):
		return "hdfs-site.xml"
	default:
		return "core-site.xml"
	}
}

type xmlProperty struct {
	Name  string `xml:"name"`
	Value string `xml:"value"`
}

type xmlConfiguration struct {
	XMLName    xml.Name      `xml:"configuration"`
	Properties []xmlProperty `xml:"property"`
}

// render returns one file of Hadoop configuration, sorted by name.
func render(properties map[string]string) ([]byte, error) {
	var c xmlConfiguration
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		c.Properties = append(c.Properties, xmlProperty{name, properties[name]})
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	encoder := xml.NewEncoder(&b)
	encoder.Indent("", "  ")
	if err := encoder.Encode(c); err != nil {
		return nil, fmt.Errorf("write Hadoop configuration: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// log4j sends everything to the daemon's own log, which is its standard error.
const log4j = `log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
`

// writeClientConf writes HADOOP_CONF_DIR of clients.
func (c *Cluster) writeClientConf() error {
	properties := clientProperties(c.PortOffset)
	// Clients are told what the ResourceManager does.
	properties[keyRecovery] = "true"
	for _, config := range []map[string]string{c.Config[All], c.Config[ResourceManager]} {
		if value, given := config[keyRecovery]; given {
			properties[keyRecovery] = value
		}
	}
	maps.Copy(properties, c.Config[Client])
	return writeFiles(c.ConfDir, properties, files[:3])
}

// writeDaemonConf writes the configuration directory of a daemon.
func (c *Cluster) writeDaemonConf(d Daemon) error {
	properties := daemonProperties(c.State, c.PortOffset, c.User)
	maps.Copy(properties, c.Config[All])
	maps.Copy(properties, c.Config[d])
	dir := c.confDir(d)
	// The daemons' web servers look for these on the class path; what would be
	// in them is not published as jars.
	for _, name := range []string{"hdfs", "datanode", "static", "secondary"} {
		if err := os.MkdirAll(filepath.Join(dir, "webapps", name), 0o755); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(dir, "log4j.properties"), []byte(log4j)); err != nil {
		return err
	}
	return writeFiles(dir, properties, files)
}

func writeFiles(dir string, properties map[string]string, names []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	byFile := map[string]map[string]string{}
	for _, name := range names {
		byFile[name] = map[string]string{}
	}
	for name, value := range properties {
		if byFile[fileOf(name)] == nil {
			return fmt.Errorf("the setting %s belongs into %s, which clients have not", name, fileOf(name))
		}
		byFile[fileOf(name)][name] = value
	}
	for _, name := range names {
		data, err := render(byFile[name])
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file in one step: a reader sees the old or the new.
func writeFile(path string, data []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
