package config

import (
	"net"
	"path"
	"path/filepath"
	"time"

	"github.com/stoker-spark/stoker/jobspec"
)

// API is the role that people and programs submit jobs to.
type API struct {
	// Address to serve on. Without a usersFile it must be one of loopback: whoever
	// reaches it may do everything.
	Address string `koanf:"address"`
	// UsersFile lists users, their roles and the digests of their tokens; see the
	// guide to security.
	UsersFile string `koanf:"usersFile"`
	// DefaultCluster of jobs that name none; "" is the only one there is, or none.
	DefaultCluster string `koanf:"defaultCluster"`
	// FileRoots are the directories of the worker's host below which jobs may name
	// files by file: URL, on clusters of type local. A symbolic link must not lead out of
	// them. API and workers need the same.
	FileRoots []string `koanf:"fileRoots"`
	// RatePerSecond is how many requests one user may make in the long run, Burst how
	// many at once.
	RatePerSecond float64 `koanf:"ratePerSecond"`
	Burst         int     `koanf:"burst"`
	// WebUI is the address of Temporal's Web UI, for links: "http://127.0.0.1:8233";
	// "" makes none.
	WebUI string `koanf:"webUI"`
}

// DefaultAPI is what the API has unless it says otherwise.
func DefaultAPI() API { return API{Address: "127.0.0.1:8998", RatePerSecond: 50, Burst: 200} }

func (a API) validate(c Config, addf func(string, ...any)) {
	host, _, err := net.SplitHostPort(a.Address)
	switch {
	case err != nil:
		addf("api.address: must be host:port, got %q", a.Address)
	case a.UsersFile == "" && !isLoopback(host):
		addf("api.address: %q can be reached from other hosts, which needs api.usersFile; without one, serve on 127.0.0.1", a.Address)
	}
	if _, ok := c.Clusters[a.DefaultCluster]; !ok && a.DefaultCluster != "" {
		addf("api.defaultCluster: %q is not a configured cluster", a.DefaultCluster)
	}
	for i, root := range a.FileRoots {
		if !filepath.IsAbs(root) || filepath.Clean(root) != root {
			addf("api.fileRoots[%d]: must be an absolute directory without .. or a '/' at the end, got %q", i, root)
		}
	}
	if a.RatePerSecond <= 0 || a.Burst < 1 {
		addf("api: ratePerSecond must be positive and burst at least 1, got %g and %d", a.RatePerSecond, a.Burst)
	}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Artifacts is where uploaded files are kept.
type Artifacts struct {
	// Root is the directory of uploaded files, an absolute path in the cluster's default
	// file system, outside of the cluster's root and logs; "" is that root with
	// "-artifacts" behind it.
	Root string `koanf:"root"`
	// MaxBytes bounds one file.
	MaxBytes int64 `koanf:"maxBytes"`
	// Expiry is how long a file is kept after it was uploaded or used last. It must not
	// be below jobs.maxDeadline.
	Expiry time.Duration `koanf:"expiry"`
}

// ArtifactsRoot is the directory of the cluster's uploaded files.
func (c Cluster) ArtifactsRoot() string {
	if c.Artifacts.Root != "" {
		return path.Clean(c.Artifacts.Root)
	}
	return path.Clean(c.Root) + "-artifacts"
}

func (a Artifacts) validate(at string, c Cluster, addf func(string, ...any)) {
	if a.Root != "" {
		a.validateRoot(at, c, addf)
	}
	if a.MaxBytes <= 0 {
		addf("%s.maxBytes: must be positive, got %d", at, a.MaxBytes)
	}
	if a.Expiry <= 0 {
		addf("%s.expiry: must be positive, got %s", at, a.Expiry)
	}
}

func (a Artifacts) validateRoot(at string, c Cluster, addf func(string, ...any)) {
	own := c.ArtifactsRoot()
	for _, other := range []struct{ what, root string }{{"root", path.Clean(c.Root)}, {"logs", c.LogsRoot()}} {
		if within(own, other.root) || within(other.root, own) {
			addf("%s.root: must neither be in the cluster's %s nor hold it (%q), got %q", at, other.what, other.root, own)
		}
	}
	if !path.IsAbs(own) || own == "/" {
		addf("%s.root: must be an absolute directory, got %q", at, a.Root)
	}
}

// JobRules are what turning a submitted job into one that runs needs to know.
func (c Config) JobRules() jobspec.Rules {
	rules := jobspec.Rules{
		Clusters: make(map[string]jobspec.Cluster, len(c.Clusters)), Default: c.API.DefaultCluster, FileRoots: c.API.FileRoots,
		Deadline: c.Jobs.Deadline, MaxDeadline: c.Jobs.MaxDeadline, RunLimit: c.Jobs.RunLimit,
		OutageLimit: c.Jobs.OutageLimit, Retry: c.Jobs.retry(),
	}
	for name, cluster := range c.Clusters {
		rules.Clusters[name] = jobspec.Cluster{
			Spark: cluster.Spark, OnHost: cluster.Type == TypeLocal, NeedsClass: cluster.Type == TypeYARN && !cluster.OnHost(),
		}
		if len(c.Clusters) == 1 && rules.Default == "" {
			rules.Default = name
		}
	}
	return rules
}

// validateExpiry makes sure that no job outlives its files.
func (c Config) validateExpiry(addf func(string, ...any)) {
	for _, name := range c.ClusterNames() {
		if e := c.Clusters[name].Artifacts.Expiry; e > 0 && e < c.Jobs.MaxDeadline {
			addf("clusters.%s.artifacts.expiry: must not be below jobs.maxDeadline (%s), got %s", name, c.Jobs.MaxDeadline, e)
		}
	}
}
