package worker

import (
	"path"
	"slices"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/split"
)

// openEdge opens a YARN cluster whose drivers run on this host: job directories lie
// in the host's own directory, but for what executors read and write.
func openEdge(c config.Config, name string, settings config.Cluster, o Openings) (activities.Cluster, error) {
	h, err := openHadoop(name, settings, o)
	if err != nil {
		return activities.Cluster{}, err
	}
	h.sayApplied(name, o.Logger)
	resourceManager, _, err := h.resourceManager(settings.YARN)
	if err != nil {
		return activities.Cluster{}, err
	}
	root := path.Clean(settings.YARN.HostDir)
	both, err := split.New(split.Options{
		Host: file.New(file.Options{DirMode: 0o700}), Cluster: h.stores.Default, Root: root, Data: path.Clean(settings.Root),
		Shared: []string{spark.DirInputs, spark.DirOutputs},
	})
	if err != nil {
		return activities.Cluster{}, err
	}
	host := hostOptions(c, name, settings, h)
	if host.Supervisor, err = o.Hold.supervisor(o.Supervisor); err != nil {
		return activities.Cluster{}, err
	}
	host.Root, host.Logger, host.Hold = root, o.Logger, o.holdIn()
	manager, err := yarn.NewEdge(yarn.EdgeOptions{
		Options: yarn.Options{
			Cluster: name, Installation: c.Installation, Root: settings.Root, Store: h.stores.Default,
			ResourceManager: resourceManager, User: h.user, RequestTimeout: settings.YARN.RequestTimeout, Logger: o.Logger,
		},
		Host: host, Settings: yarnSettings(settings, h), SparkVersion: spark.VersionAt(host.SparkHome), DataDir: both.DataDir,
	})
	if err != nil {
		return activities.Cluster{}, err
	}
	for _, warning := range manager.Warnings() {
		o.Logger.Warn("cluster needs attention", "cluster", name, "warning", warning)
	}
	return activities.Cluster{
		Name: name, Manager: manager, Root: root,
		Stores: store.Set{
			Default: both, Stores: slices.Concat([]store.Store{h.stores.Default}, h.stores.Stores), Aliases: h.stores.Aliases,
		},
		UnverifiableInputs: settings.UnverifiableInputs, Header: settings.Header,
		Limits: activities.Limits{OutputBytes: settings.MaxOutputBytes, OutputsBytes: settings.MaxOutputsBytes},
	}, nil
}

// resourceManager makes the client of the ResourceManagers, and lists their addresses.
func (h hadoopCluster) resourceManager(y config.YARN) (c *rm.Client, addresses []string, err error) {
	managers, err := h.configuration.ResourceManagers()
	if err != nil {
		return nil, nil, err
	}
	for _, m := range managers {
		addresses = append(addresses, m.Web)
	}
	c, err = rm.New(rm.Options{Addresses: addresses, HTTP: h.http, Timeout: y.RequestTimeout})
	return c, addresses, err
}
