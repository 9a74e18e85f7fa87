package worker

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"time"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/drain"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/sparkui"
	"github.com/stoker-spark/stoker/store"
)

// hadoopCluster is the Hadoop cluster behind a cluster of type yarn.
type hadoopCluster struct {
	configuration *hadoop.Configuration
	confDirs      []string
	user          string
	// http makes all requests to the cluster's web servers.
	http   *hadoop.HTTP
	stores store.Set
	// sparkConfDir is the directory of Spark's configuration, "" for none; ofEnv:
	// SPARK_CONF_DIR names it, and it may be missing.
	sparkConfDir string
	ofEnv        bool
}

// dialTimeout bounds how long a web server may take to accept a connection: with
// several of a kind another one is asked then.
const dialTimeout = 5 * time.Second

// openHadoop reads the client configuration and opens the file systems.
func openHadoop(name string, settings config.Cluster, o Openings) (hadoopCluster, error) {
	y := settings.YARN
	h := hadoopCluster{confDirs: y.ConfDirs, user: y.User, sparkConfDir: cmp.Or(y.SparkConfDir, os.Getenv("SPARK_CONF_DIR")), ofEnv: y.SparkConfDir == ""}
	if len(h.confDirs) == 0 {
		for _, variable := range []string{"HADOOP_CONF_DIR", "YARN_CONF_DIR"} {
			if dir := os.Getenv(variable); dir != "" && !slices.Contains(h.confDirs, dir) {
				h.confDirs = append(h.confDirs, dir)
			}
		}
	}
	if len(h.confDirs) == 0 {
		return h, job.Errorf(job.CodeInvalid, "clusters.%s.yarn.confDirs: is needed, or HADOOP_CONF_DIR in the environment", name)
	}
	var err error
	if h.configuration, err = hadoop.Load(h.confDirs...); err != nil {
		return h, err
	}
	if h.user == "" {
		if h.user, err = hadoop.CurrentUser(); err != nil {
			return h, err
		}
	}
	h.http = hadoop.NewHTTP(hadoop.HTTPOptions{User: h.user, Dialer: hadoop.Dialer{Timeout: dialTimeout}})
	if h.stores, err = openFileSystems(h.configuration, y, h.user, h.http, o.Logger); err != nil {
		return h, err
	}
	// What others have beside them stays open to them.
	h.stores.Default = store.Rooted(h.stores.Default, path.Clean(settings.Root), settings.LogsRoot(), settings.ArtifactsRoot())
	return h, nil
}

// aggregatedLogs is where the logs of ended applications lie; without the places at
// which Stoker can't look, of which the history server has to tell.
func (h hadoopCluster) aggregatedLogs(logger *slog.Logger) []logs.Folder {
	var folders []logs.Folder
	for _, f := range h.configuration.AggregatedLogs() {
		st, dir, err := h.stores.Resolve(f.Dir)
		if err != nil {
			logger.Warn("aggregated logs there are read from the history server alone", "directory", f.Dir, "reason", err.Error())
			continue
		}
		folders = append(folders, logs.Folder{Store: st, Dir: dir, Suffix: f.Suffix})
	}
	return folders
}

// sayApplied logs which directory of Spark's configuration applications get.
func (h hadoopCluster) sayApplied(name string, logger *slog.Logger) {
	if h.sparkConfDir == "" {
		logger.Info("no configuration of Spark is applied: neither yarn.sparkConfDir nor SPARK_CONF_DIR names one", "cluster", name)
		return
	}
	if _, err := os.Stat(h.sparkConfDir); errors.Is(err, fs.ErrNotExist) {
		if h.ofEnv {
			logger.Warn("no configuration of Spark is applied: SPARK_CONF_DIR names a directory that is missing", "cluster", name, "dir", h.sparkConfDir)
		} else {
			logger.Error("yarn.sparkConfDir names a directory that is missing", "cluster", name, "dir", h.sparkConfDir)
		}
		return
	}
	logger.Info("a configuration of Spark is applied", "cluster", name, "dir", h.sparkConfDir)
}

// OpenRuntimes opens what "stoker runtime stage" needs of a cluster: its file
// system, and where runtimes lie in it.
func OpenRuntimes(c config.Config, name string, o Openings) (st store.Store, dir string, err error) {
	settings, ok := c.Clusters[name]
	if !ok || settings.Type != config.TypeYARN {
		return nil, "", job.Errorf(job.CodeInvalid, "cluster %q is not a configured cluster of type yarn; the configured ones are %v", name, c.ClusterNames())
	}
	h, err := openHadoop(name, settings, o)
	return h.stores.Default, settings.YARN.Runtimes, err
}

func openYARN(c config.Config, name string, settings config.Cluster, o Openings) (activities.Cluster, error) {
	h, err := openHadoop(name, settings, o)
	if err != nil {
		return activities.Cluster{}, err
	}
	h.sayApplied(name, o.Logger)
	resourceManager, addresses, err := h.resourceManager(settings.YARN)
	if err != nil {
		return activities.Cluster{}, err
	}
	builder, err := yarn.NewBuilder(yarn.BuilderOptions{
		Store: h.stores.Default, Configuration: h.configuration, ConfDirs: h.confDirs,
		Settings: yarnSettings(settings, h), Cluster: resourceManager, Logger: o.Logger,
	})
	if err != nil {
		return activities.Cluster{}, err
	}
	reader, err := logs.New(logs.Options{
		ResourceManager: resourceManager, HistoryAddress: h.configuration.HistoryServer(), User: h.user, HTTP: h.http,
		Folders: h.aggregatedLogs(o.Logger), Timeout: settings.YARN.RequestTimeout,
	})
	if err != nil {
		return activities.Cluster{}, err
	}
	progress, err := sparkui.New(sparkui.Options{Addresses: addresses, HTTP: h.http})
	if err != nil {
		return activities.Cluster{}, err
	}
	options := yarn.Options{
		Cluster: name, Installation: c.Installation, Root: settings.Root, Store: h.stores.Default,
		ResourceManager: resourceManager, User: h.user, Builder: builder, Logs: reader, History: reader, Progress: progress,
		Recovery:       h.configuration.Get("yarn.resourcemanager.recovery.enabled") == "true",
		RequestTimeout: settings.YARN.RequestTimeout, Logger: o.Logger,
	}
	options.Gate = drain.Gate(name, h.stores.Default, settings.Root)
	options.Hold = o.holdIn()
	manager, err := openLauncher(c, name, settings, h, o, options)
	if err != nil {
		return activities.Cluster{}, err
	}
	return activities.Cluster{
		Name: name, Manager: manager, Root: settings.Root, Stores: h.stores,
		UnverifiableInputs: settings.UnverifiableInputs, Header: settings.Header,
		Limits: activities.Limits{OutputBytes: settings.MaxOutputBytes, OutputsBytes: settings.MaxOutputsBytes},
	}, nil
}

// openLauncher chooses how applications are sent.
func openLauncher(c config.Config, name string, settings config.Cluster, h hadoopCluster, o Openings, options yarn.Options) (spark.Manager, error) {
	if settings.YARN.Launcher == config.LauncherSparkSubmit {
		return openClaimed(c, name, settings, h, o, options)
	}
	return yarn.New(options)
}

// yarnSettings are how a cluster's applications are built.
func yarnSettings(settings config.Cluster, h hadoopCluster) yarn.Settings {
	y := settings.YARN
	return yarn.Settings{
		Queue: y.Queue, SparkVersion: y.SparkVersion, Runtimes: y.Runtimes, SparkConfDir: h.sparkConfDir, SparkConfOfEnv: h.ofEnv,
		Python: y.Python, JavaHome: y.JavaHome, JavaMajor: y.JavaMajor, SecretsDir: y.SecretsDir,
	}
}
