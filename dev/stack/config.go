package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/spark/options"
)

// ConfigFile is where a state's configuration is written, for the processes
// that are run beside stoker-dev.
func ConfigFile(state string) string { return filepath.Join(state, "stoker.yaml") }

// WriteConfig makes the configuration of a stack and writes it to its state.
func WriteConfig(o Options) (config.Config, error) {
	c := config.Default()
	c.Installation = "stoker-dev"
	c.ModelManage.BaseURL = fmt.Sprintf("http://127.0.0.1:%d", o.Ports.ModelManage)
	c.ModelManage.Messages.Stdout, c.ModelManage.Messages.Stderr = "tail", "off"
	c.ModelManage.Messages.StreamBytes = 8 << 10
	c.Starter.PollInterval, c.Starter.HTTPAddress = time.Second, "" // the worker's page shows all that one process counts
	c.Worker.HTTPAddress = fmt.Sprintf("127.0.0.1:%d", o.Ports.Metrics)
	c.API.Address = fmt.Sprintf("127.0.0.1:%d", o.Ports.API)
	c.API.WebUI = fmt.Sprintf("http://127.0.0.1:%d", o.Ports.WebUI)
	c.API.FileRoots = []string{filepath.Clean(os.TempDir())}
	if dir, err := os.Getwd(); err == nil {
		c.API.FileRoots = append(c.API.FileRoots, dir)
	}
	if o.Hadoop != nil {
		c.Clusters = map[string]config.Cluster{"yarn": o.yarn()}
		for i := range c.ModelManage.Engines {
			c.ModelManage.Engines[i].Cluster = "yarn"
		}
	} else {
		c.Clusters = map[string]config.Cluster{"local": o.local()}
	}
	if o.Configure != nil {
		o.Configure(&c)
	}
	if err := c.Validate(); err != nil {
		return config.Config{}, err
	}
	if err := os.MkdirAll(o.State, 0o700); err != nil {
		return config.Config{}, err
	}
	return c, save(ConfigFile(o.State), c)
}

// Hadoop is where a Hadoop cluster is.
type Hadoop struct {
	ConfDir string
	User    string
	// JavaHome on the cluster's hosts; "" is the NodeManagers' own.
	JavaHome string
}

// profile keeps jobs small and on loopback.
func profile(conf map[string]string) options.Profile {
	conf["spark.sql.shuffle.partitions"] = "1"
	return options.Profile{Name: "dev", Conf: conf}
}

func (o Options) local() config.Cluster {
	cluster := config.DefaultCluster(config.TypeLocal)
	cluster.Root = filepath.Join(o.State, "clusters", "local")
	cluster.Spark.Profile = profile(map[string]string{"spark.ui.enabled": "false"})
	cluster.Local = config.Local{
		SparkHome: o.Spark.Home, Python: o.Spark.Python, JavaHome: o.Spark.JavaHome, Concurrency: 2,
		KillGrace: 5 * time.Second, Env: map[string]string{"SPARK_LOCAL_IP": "127.0.0.1"},
	}
	return cluster
}

func (o Options) yarn() config.Cluster {
	cluster := config.DefaultCluster(config.TypeYARN)
	cluster.Root = "/user/" + o.Hadoop.User + "/stoker-dev"
	cluster.Spark.Profile = profile(map[string]string{
		"spark.driver.memory": "512m", "spark.executor.memory": "512m", "spark.executor.instances": "1",
		"spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1", "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
	})
	cluster.YARN.ConfDirs, cluster.YARN.User = []string{o.Hadoop.ConfDir}, o.Hadoop.User
	cluster.YARN.JavaHome, cluster.YARN.Python = o.Hadoop.JavaHome, o.Spark.Python
	return cluster
}

// save writes what differs from a bare file of defaults: enough to read the same
// configuration back.
func save(path string, c config.Config) error {
	clusters := map[string]any{}
	for name, cluster := range c.Clusters {
		clusters[name] = clusterContent(cluster)
	}
	content := map[string]any{
		"installation": c.Installation,
		"modelManage": map[string]any{
			"baseUrl": c.ModelManage.BaseURL,
			"messages": map[string]any{
				"stdout": string(c.ModelManage.Messages.Stdout), "stderr": string(c.ModelManage.Messages.Stderr),
				"streamBytes": c.ModelManage.Messages.StreamBytes,
			},
		},
		"jobs": map[string]any{
			"deadline": c.Jobs.Deadline.String(), "maxDeadline": c.Jobs.MaxDeadline.String(),
			"runLimit": c.Jobs.RunLimit.String(), "outageLimit": c.Jobs.OutageLimit.String(),
			"infrastructureRetries": c.Jobs.InfrastructureRetries,
		},
		"starter": map[string]any{"pollInterval": c.Starter.PollInterval.String(), "reconcileInterval": c.Starter.ReconcileInterval.String(), "httpAddress": c.Starter.HTTPAddress},
		"sweep": map[string]any{
			"interval": c.Sweep.Interval.String(), "grace": c.Sweep.Grace.String(),
			"keepMarkers": c.Sweep.KeepMarkers.String(), "keepLogs": c.Sweep.KeepLogs.String(),
		},
		"api": map[string]any{
			"address": c.API.Address, "usersFile": c.API.UsersFile, "defaultCluster": c.API.DefaultCluster,
			"fileRoots": c.API.FileRoots, "ratePerSecond": c.API.RatePerSecond, "burst": c.API.Burst, "webUI": c.API.WebUI,
		},
		"worker": map[string]any{
			"httpAddress": c.Worker.HTTPAddress, "stopTimeout": c.Worker.StopTimeout.String(),
			"withoutClusterWatch": c.Worker.WithoutClusterWatch,
			"deployment":          map[string]any{"name": c.Worker.Deployment.Name, "buildId": c.Worker.Deployment.BuildID},
		},
		"clusters": clusters,
	}
	if len(c.ModelManage.Engines) > 0 {
		var engines []any
		for _, e := range c.ModelManage.Engines {
			engines = append(engines, map[string]any{"type": e.Type, "name": e.Name, "cluster": e.Cluster})
		}
		content["modelManage"].(map[string]any)["engines"] = engines // made above
	}
	data, err := yaml.Marshal(content)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return os.Rename(temporary, path)
}

func clusterContent(c config.Cluster) map[string]any {
	content := map[string]any{
		"type": c.Type, "root": c.Root,
		"spark": map[string]any{
			"master": c.Spark.Master, "deployMode": c.Spark.DeployMode,
			"profile": map[string]any{"name": c.Spark.Profile.Name, "conf": c.Spark.Profile.Conf},
		},
		"unverifiableInputs": string(c.UnverifiableInputs), "header": string(c.Header),
		"maxOutputBytes": c.MaxOutputBytes, "maxOutputsBytes": c.MaxOutputsBytes,
		"logs": map[string]any{"root": c.Logs.Root, "follow": c.Logs.Follow},
	}
	switch c.Type {
	case config.TypeYARN:
		content["yarn"] = map[string]any{
			"confDirs": c.YARN.ConfDirs, "user": c.YARN.User, "queue": c.YARN.Queue, "runtimes": c.YARN.Runtimes,
			"python": c.YARN.Python, "javaHome": c.YARN.JavaHome, "javaMajor": c.YARN.JavaMajor,
			"requestTimeout": c.YARN.RequestTimeout.String(), "secretsDir": c.YARN.SecretsDir,
		}
	default:
		content["local"] = map[string]any{
			"sparkHome": c.Local.SparkHome, "python": c.Local.Python, "javaHome": c.Local.JavaHome,
			"concurrency": c.Local.Concurrency, "killGrace": c.Local.KillGrace.String(),
			"env": c.Local.Env, "secretsDir": c.Local.SecretsDir,
		}
	}
	return content
}
