package config

import (
	"path"
	"strings"
)

// Logs is where the logs of a cluster's jobs are kept.
type Logs struct {
	// Root is the directory of the log store, an absolute path in the cluster's
	// default file system, outside of the cluster's root; "" is that root with "-logs"
	// behind it. Nothing in it is deleted when a job is cleaned.
	Root string `koanf:"root"`
	// Follow copies logs, and asks for progress, while applications run. Without it
	// logs come into the store when jobs end.
	Follow bool `koanf:"follow"`
}

// LogsRoot is the directory of the cluster's log store.
func (c Cluster) LogsRoot() string {
	if c.Logs.Root != "" {
		return path.Clean(c.Logs.Root)
	}
	return path.Clean(c.Root) + "-logs"
}

func (l Logs) validate(at, root string, addf func(string, ...any)) {
	if l.Root == "" {
		return
	}
	own, jobs := path.Clean(l.Root), path.Clean(root)
	switch {
	case !path.IsAbs(l.Root) || own == "/":
		addf("%s.root: must be an absolute directory, got %q", at, l.Root)
	case within(own, jobs), within(jobs, own):
		addf("%s.root: must neither be in the cluster's root nor hold it (%q), got %q", at, root, l.Root)
	}
}

// within reports whether a path is a directory or below it. Both are clean.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}
