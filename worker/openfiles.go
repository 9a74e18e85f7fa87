package worker

import (
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
)

// OpenFiles opens the files of all configured clusters, for who reads logs and records
// and takes uploads: without their managers, and without connecting to any.
func OpenFiles(c config.Config, o Openings) (map[string]jobs.Cluster, error) {
	clusters := make(map[string]jobs.Cluster, len(c.Clusters))
	for _, name := range c.ClusterNames() {
		settings := c.Clusters[name]
		opened := jobs.Cluster{Root: settings.Root, Artifacts: settings.ArtifactsRoot(), MaxArtifactBytes: settings.Artifacts.MaxBytes}
		if settings.Type == config.TypeYARN {
			h, err := openHadoop(name, settings, o)
			if err != nil {
				return nil, err
			}
			opened.Files = h.stores.Default
		} else {
			opened.Files = file.New(file.Options{DirMode: dirMode})
		}
		opened.Logs = logstore.New(opened.Files, settings.LogsRoot())
		clusters[name] = opened
	}
	return clusters, nil
}
