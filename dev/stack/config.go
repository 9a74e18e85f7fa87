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
	c.Starter.PollInterval = time.Second
	c.Worker.HTTPAddress = fmt.Sprintf("127.0.0.1:%d", o.Ports.Metrics)
	cluster := config.DefaultCluster()
	cluster.Root = filepath.Join(o.State, "clusters", "local")
	cluster.Spark = options.Cluster{Master: "local[1]", DeployMode: "client", Profile: options.Profile{
		Name: "dev",
		Conf: map[string]string{"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1"},
	}}
	cluster.Local = config.Local{
		SparkHome: o.Spark.Home, Python: o.Spark.Python, JavaHome: o.Spark.JavaHome, Concurrency: 2,
		KillGrace: 5 * time.Second, Env: map[string]string{"SPARK_LOCAL_IP": "127.0.0.1"},
	}
	c.Clusters = map[string]config.Cluster{"local": cluster}
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

// save writes what differs from a bare file of defaults: enough to read the same
// configuration back.
func save(path string, c config.Config) error {
	cluster := c.Clusters["local"]
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
		"starter": map[string]any{"pollInterval": c.Starter.PollInterval.String()},
		"worker": map[string]any{
			"httpAddress": c.Worker.HTTPAddress, "stopTimeout": c.Worker.StopTimeout.String(),
			"withoutClusterWatch": c.Worker.WithoutClusterWatch,
		},
		"clusters": map[string]any{"local": map[string]any{
			"type": "local", "root": cluster.Root,
			"spark": map[string]any{
				"master": cluster.Spark.Master, "deployMode": cluster.Spark.DeployMode,
				"profile": map[string]any{"name": cluster.Spark.Profile.Name, "conf": cluster.Spark.Profile.Conf},
			},
			"local": map[string]any{
				"sparkHome": cluster.Local.SparkHome, "python": cluster.Local.Python, "javaHome": cluster.Local.JavaHome,
				"concurrency": cluster.Local.Concurrency, "killGrace": cluster.Local.KillGrace.String(),
				"env": cluster.Local.Env, "secretsDir": cluster.Local.SecretsDir,
			},
			"unverifiableInputs": string(cluster.UnverifiableInputs), "header": string(cluster.Header),
			"maxOutputBytes": cluster.MaxOutputBytes, "maxOutputsBytes": cluster.MaxOutputsBytes,
		}},
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
