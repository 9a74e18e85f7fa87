package worker

import (
	"fmt"
	"path"
	"strings"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
)

// apart makes sure that no cluster keeps its jobs where another one keeps anything: each
// sweeps its own root, and ends there what it finds by its own means.
func apart(c config.Config, clusters map[string]activities.Cluster) error {
	type place struct {
		cluster, field, url string
		jobs                bool
	}
	var places []place
	host := store.Store(file.New(file.Options{}))
	for _, name := range c.ClusterNames() {
		cluster, ok := clusters[name]
		if !ok {
			continue
		}
		add := func(field string, st store.Store, dir string, jobs bool) {
			places = append(places, place{name, field, st.URL(path.Clean(dir)), jobs})
		}
		st, settings := cluster.Stores.Default, c.Clusters[name]
		if settings.Type == config.TypeYARN && settings.OnHost() {
			add("yarn.hostDir", host, settings.YARN.HostDir, true)
		}
		add("root", st, settings.Root, true)
		add("logs.root", st, settings.LogsRoot(), false)
		add("artifacts.root", st, settings.ArtifactsRoot(), false)
	}
	var problems []string
	for i, a := range places {
		for _, b := range places[i+1:] {
			overlap := a.url == b.url || strings.HasPrefix(a.url, b.url+"/") || strings.HasPrefix(b.url, a.url+"/")
			if a.cluster != b.cluster && (a.jobs || b.jobs) && overlap {
				problems = append(problems, fmt.Sprintf("clusters.%s.%s: must neither be in clusters.%s.%s nor hold it (%s, %s)",
					b.cluster, b.field, a.cluster, a.field, b.url, a.url))
			}
		}
	}
	if len(problems) > 0 {
		return job.Invalid("clusters share directories", problems)
	}
	return nil
}
