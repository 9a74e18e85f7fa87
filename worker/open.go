package worker

import (
	"cmp"
	"context"
	"log/slog"
	"os"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/spark/drain"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
)

// Openings is how clusters are opened, beside their configuration.
type Openings struct {
	// Supervisor is the command line that runs a local supervisor; empty takes
	// this process's own binary.
	Supervisor []string
	Hold       Hold
	// Logger says nothing if it is nil.
	Logger *slog.Logger
}

// OpenSources opens the sources of jobs that the configuration names. Without a
// model-manage the client is nil.
func OpenSources(c config.Config) (map[string]activities.Source, *modelmanage.Client, error) {
	sources := map[string]activities.Source{job.SourceAPI: jobspec.NewSource(c.JobRules())}
	if !c.HasModelManage() {
		return sources, nil, nil
	}
	client, err := modelmanage.NewClient(c.ModelManage, nil)
	if err != nil {
		return nil, nil, err
	}
	sources[job.SourceModelManage] = modelmanage.NewSource(client, c.ModelManage, c.Conversion())
	return sources, client, nil
}

// OpenClusters opens the named clusters of the configuration.
func OpenClusters(c config.Config, names []string, o Openings) (map[string]activities.Cluster, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	clusters := make(map[string]activities.Cluster, len(names))
	for _, name := range names {
		settings, ok := c.Clusters[name]
		if !ok {
			return nil, job.Errorf(job.CodeInvalid, "cluster %q is not configured; the configured ones are %v", name, c.ClusterNames())
		}
		cluster, err := openCluster(c, name, settings, o)
		if err != nil {
			return nil, err
		}
		cluster.Logs = logstore.New(cluster.Stores.Default, settings.LogsRoot())
		cluster.Artifacts = settings.ArtifactsRoot()
		cluster.Installation = c.Installation
		clusters[name] = cluster
	}
	if err := apart(c, clusters); err != nil {
		return nil, err
	}
	return clusters, nil
}

// localOptions is how applications run on this host.
func localOptions(c config.Config, name string, settings config.Cluster) local.Options {
	return local.Options{
		Cluster: name, Root: settings.Root, Installation: c.Installation,
		SparkHome: cmp.Or(settings.Local.SparkHome, os.Getenv("SPARK_HOME")),
		Python:    cmp.Or(settings.Local.Python, os.Getenv("PYSPARK_PYTHON"), "python3"),
		Java:      settings.Local.JavaHome, // the manager knows where else to look
		Master:    settings.Spark.Master, Concurrency: settings.Local.Concurrency, Env: settings.Local.Env,
		SecretsDir: settings.Local.SecretsDir, KillGrace: settings.Local.KillGrace, Events: settings.Logs.Follow,
	}
}

func openCluster(c config.Config, name string, settings config.Cluster, o Openings) (activities.Cluster, error) {
	if settings.Type == config.TypeYARN && settings.DriverOnHost() {
		return openEdge(c, name, settings, o)
	}
	if settings.Type == config.TypeYARN {
		return openYARN(c, name, settings, o)
	}
	supervisor, err := o.Hold.supervisor(o.Supervisor)
	if err != nil {
		return activities.Cluster{}, err
	}
	options := localOptions(c, name, settings)
	options.Supervisor, options.Logger = supervisor, o.Logger
	files := file.New(file.Options{DirMode: 0o700})
	options.Gate = drain.Gate(name, files, settings.Root)
	if o.Hold.Point != "" {
		options.Hold = func(ctx context.Context, point string) { o.Hold.At(ctx, point) }
	}
	manager, err := local.New(options)
	if err != nil {
		return activities.Cluster{}, err
	}
	for _, warning := range manager.Warnings() {
		o.Logger.Warn("cluster needs attention", "cluster", name, "warning", warning)
	}
	return activities.Cluster{
		Name: name, Manager: manager, Root: settings.Root,
		Stores:             store.Set{Default: files},
		HostFiles:          file.Roots(c.API.FileRoots),
		UnverifiableInputs: settings.UnverifiableInputs,
		Header:             settings.Header,
		Limits:             activities.Limits{OutputBytes: settings.MaxOutputBytes, OutputsBytes: settings.MaxOutputsBytes},
	}, nil
}
