package hadoop

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// read returns the properties of a written configuration directory by file.
func read(t *testing.T, dir string) map[string]map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	require.NoError(t, err)
	result := map[string]map[string]string{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		var c xmlConfiguration
		require.NoError(t, xml.Unmarshal(data, &c))
		properties := map[string]string{}
		for _, p := range c.Properties {
			properties[p.Name] = p.Value
		}
		result[filepath.Base(path)] = properties
	}
	return result
}

func cluster(t *testing.T, offset int, config Config) *Cluster {
	t.Helper()
	state := t.TempDir()
	return &Cluster{
		State: state, PortOffset: offset, Addresses: addressesAt(offset), ConfDir: filepath.Join(state, "client"),
		User: "ada", JavaHome: "/java", Lib: "/lib", Config: config, progress: silent,
	}
}

func TestConfigOfADaemon(t *testing.T) {
	t.Parallel()
	c := cluster(t, 200, Config{
		All:             {"yarn.nodemanager.delete.debug-delay-sec": "3600", "dfs.replication": "2"},
		ResourceManager: {"yarn.webapp.enable-rest-app-submissions": "false", "dfs.replication": "3"},
		NodeManager:     {"yarn.webapp.enable-rest-app-submissions": "wrong"},
		Client:          {"dfs.replication": "4"},
	})
	require.NoError(t, c.writeDaemonConf(ResourceManager))
	conf := read(t, c.confDir(ResourceManager))

	require.Equal(t, "hdfs://localhost:9200", conf["core-site.xml"]["fs.defaultFS"])
	require.Equal(t, "localhost:10064", conf["hdfs-site.xml"]["dfs.datanode.http.address"])
	require.Equal(t, "localhost:8288", conf["yarn-site.xml"]["yarn.resourcemanager.webapp.address"])
	require.Equal(t, "http://localhost:20088/ws/v1/history", conf["yarn-site.xml"]["yarn.log.server.web-service.url"])
	require.Equal(t, "localhost:20088", conf["mapred-site.xml"]["mapreduce.jobhistory.webapp.address"])
	for key, value := range stateStore(c.State+"/data/rm-state", runtime.GOARCH) {
		require.Equal(t, value, conf["yarn-site.xml"][key])
	}
	require.Equal(t, "ada", conf["capacity-scheduler.xml"]["yarn.scheduler.capacity.root.batch.acl_administer_queue"])
	require.Equal(t, "3600", conf["yarn-site.xml"]["yarn.nodemanager.delete.debug-delay-sec"], "of all daemons")
	require.Equal(t, "false", conf["yarn-site.xml"]["yarn.webapp.enable-rest-app-submissions"], "of this daemon")
	require.Equal(t, "3", conf["hdfs-site.xml"]["dfs.replication"], "a daemon's own goes before that of all")
	require.DirExists(t, filepath.Join(c.confDir(ResourceManager), "webapps", "hdfs"))
}

func TestConfigOfClients(t *testing.T) {
	t.Parallel()
	c := cluster(t, 200, Config{
		All:    {"yarn.nodemanager.delete.debug-delay-sec": "3600"},
		Client: {"hadoop.rpc.protection": "a<b&c"},
	})
	require.NoError(t, c.writeClientConf())
	conf := read(t, c.ConfDir)

	require.Len(t, conf, 3)
	require.Equal(t, map[string]string{"fs.defaultFS": "hdfs://localhost:9200", "hadoop.rpc.protection": "a<b&c"}, conf["core-site.xml"])
	require.Equal(t, "localhost:8230", conf["yarn-site.xml"]["yarn.resourcemanager.scheduler.address"])
	for file, properties := range conf {
		for name, value := range properties {
			require.NotContains(t, value, c.State, "%s in %s is the daemons' own", name, file)
			require.NotContains(t, name, "nodemanager")
		}
	}
	c.Config = Config{Client: {"mapreduce.framework.name": "yarn"}}
	require.ErrorContains(t, c.writeClientConf(), "mapred-site.xml")
}

// Queues whose capacities do not add up keep the ResourceManager from starting.
func TestQueues(t *testing.T) {
	t.Parallel()
	properties := queueProperties("ada")
	sum := 0
	for queue := range strings.SplitSeq(queues, ",") {
		require.Equal(t, "*", properties["yarn.scheduler.capacity.root."+queue+".acl_submit_applications"])
		require.Equal(t, "ada", properties["yarn.scheduler.capacity.root."+queue+".acl_administer_queue"])
		sum += map[string]int{"0": 0, "5": 5, "15": 15, "80": 80}[properties["yarn.scheduler.capacity.root."+queue+".capacity"]]
	}
	require.Equal(t, 100, sum)
	require.Equal(t, " ", properties["yarn.scheduler.capacity.root.acl_submit_applications"])
}

func TestRenderSorted(t *testing.T) {
	t.Parallel()
	data, err := render(map[string]string{"b": "2", "a": "<1>"})
	require.NoError(t, err)
	require.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <property>
    <name>a</name>
    <value>&lt;1&gt;</value>
  </property>
  <property>
    <name>b</name>
    <value>2</value>
  </property>
</configuration>
`, string(data))
}
