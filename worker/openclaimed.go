package worker

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/drain"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/spark/yarn"
)

// hostOptions is how spark-submit runs on this host for a YARN cluster: the records
// lie in the cluster's directory on this host, and the environment leads to the
// cluster. The driver's own place decides what else is set.
func hostOptions(c config.Config, name string, settings config.Cluster, h hadoopCluster) local.Options {
	options := localOptions(c, name, settings)
	options.Root, options.DeployMode = settings.YARN.HostDir, settings.Spark.DeployMode
	options.Gate = drain.Gate(name, h.stores.Default, settings.Root)
	options.SecretsDir = cmp.Or(settings.YARN.SecretsDir, settings.Local.SecretsDir)
	options.Env = map[string]string{"HADOOP_CONF_DIR": absolute(h.confDirs[0]), "HADOOP_USER_NAME": h.user}
	if len(h.confDirs) > 1 {
		options.Env["YARN_CONF_DIR"] = absolute(h.confDirs[1])
	}
	if h.sparkConfDir != "" {
		options.Env["SPARK_CONF_DIR"] = absolute(h.sparkConfDir)
	}
	maps.Copy(options.Env, settings.Local.Env)
	return options
}

// absolute is for programs that run in another directory.
func absolute(dir string) string {
	if full, err := filepath.Abs(dir); err == nil {
		return full
	}
	return dir // without a working directory only absolute paths were found
}

// openClaimed puts spark-submit on this host in the place of the REST API.
func openClaimed(c config.Config, name string, settings config.Cluster, h hadoopCluster, o Openings, options yarn.Options) (spark.Manager, error) {
	host := hostOptions(c, name, settings, h)
	host.Python = settings.YARN.Python // of the cluster's hosts
	var err error
	if host.Supervisor, err = o.Hold.supervisor(o.Supervisor); err != nil {
		return nil, err
	}
	host.Logger = o.Logger
	submitter, err := local.New(host)
	if err != nil {
		return nil, err
	}
	for _, warning := range submitter.Warnings() {
		o.Logger.Warn("cluster needs attention", "cluster", name, "warning", warning)
	}
	return yarn.NewClaimed(yarn.ClaimedOptions{
		Options: options, Submitter: submitter, Settings: yarnSettings(settings, h), SparkVersion: spark.VersionAt(host.SparkHome),
	})
}

// holdIn is what blocks inside a launch, for fault tests; nil never does.
func (o Openings) holdIn() func(ctx context.Context, point string) {
	if o.Hold.Point == "" {
		return nil
	}
	return func(ctx context.Context, point string) { o.Hold.At(ctx, point) }
}
