package hadoop

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// DefaultVersion is the newest Hadoop of the 3.4 line; 3.5.0 works as well.
const DefaultVersion = "3.4.3"

// Daemon is one of the cluster's processes, by the name Hadoop gives it.
type Daemon string

// The daemons.
const (
	NameNode         Daemon = "NameNode"
	DataNode         Daemon = "DataNode"
	ResourceManager  Daemon = "ResourceManager"
	NodeManager      Daemon = "NodeManager"
	JobHistoryServer Daemon = "JobHistoryServer"
)

// Further keys of Options.Config.
const (
	// All stands for the five daemons.
	All Daemon = "All"
	// Client stands for the clients' configuration.
	Client Daemon = "Client"
)

// Daemons lists all there are, in the order in which they depend on each other.
func Daemons() []Daemon {
	return []Daemon{NameNode, DataNode, ResourceManager, NodeManager, JobHistoryServer}
}

// ParseDaemon reads a daemon's name, in any case. All and Client are names too.
func ParseDaemon(name string) (Daemon, error) {
	known := append(Daemons(), All, Client)
	for _, d := range known {
		if strings.EqualFold(name, string(d)) {
			return d, nil
		}
	}
	return "", fmt.Errorf("no daemon is called %q; there are %v", name, known)
}

// Config holds Hadoop properties by daemon. A property's name tells the file it
// belongs to. Those that tests change most:
//
//	yarn.nodemanager.delete.debug-delay-sec          0; s, keeps the files of ended containers
//	yarn.webapp.enable-rest-app-submissions          true
//	yarn.resourcemanager.max-completed-applications  1000
//	yarn.nm.liveness-monitor.expiry-interval-ms      20000
//	yarn.am.liveness-monitor.expiry-interval-ms      120000
type Config map[Daemon]map[string]string

// Options of a cluster.
type Options struct {
	// State is the directory of all that the cluster writes. Required.
	State string
	// Tools is the directory of downloads, one folder per version; any number of
	// clusters share it. Required.
	Tools string
	// Version of Hadoop; empty is DefaultVersion.
	Version string
	// PortOffset shifts all ports. Clusters whose offsets are multiples of 100,
	// less than 11800 apart, share none.
	PortOffset int
	// JavaHome of the daemons and of the containers; empty is that of the
	// environment, then that of the java on the PATH.
	JavaHome string
	// Fresh stops a running cluster of this state and forgets its data first.
	Fresh bool
	// Config is put on top of the cluster's own.
	Config Config
	// Progress is told what takes long, line by line; nil is silent.
	Progress func(line string)
}

var (
	// plainPath is what may stand unescaped in class paths, URIs, Hadoop's lists
	// of directories and shell scripts.
	plainPath    = regexp.MustCompile(`^/[A-Za-z0-9/._+@=-]+$`)
	plainVersion = regexp.MustCompile(`^3\.[0-9]+\.[0-9]+$`)
)

// withDefaults returns checked options with absolute paths.
func (o Options) withDefaults() (Options, error) {
	if o.State == "" || o.Tools == "" {
		return o, errors.New("a Hadoop cluster needs a state directory and one for downloads")
	}
	for _, dir := range []*string{&o.State, &o.Tools} {
		absolute, err := filepath.Abs(*dir)
		if err != nil {
			return o, err
		}
		if !plainPath.MatchString(absolute) {
			return o, fmt.Errorf("the directory %q is not for Hadoop: use letters, digits and ._+@=- only", absolute)
		}
		*dir = absolute
	}
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	if !plainVersion.MatchString(o.Version) {
		return o, fmt.Errorf("%q is no version of Hadoop 3, such as %s", o.Version, DefaultVersion)
	}
	if err := checkOffset(o.PortOffset); err != nil {
		return o, err
	}
	for d := range o.Config {
		if !slices.Contains(append(Daemons(), All, Client), d) {
			return o, fmt.Errorf("settings for a daemon called %q, which there is not", d)
		}
	}
	if o.Progress == nil {
		o.Progress = silent
	}
	return o, nil
}

func silent(string) {}

// with returns a configuration with one more setting.
func (c Config) with(d Daemon, key, value string) Config {
	result := Config{}
	for daemon, settings := range c {
		result[daemon] = maps.Clone(settings)
	}
	if result[d] == nil {
		result[d] = map[string]string{}
	}
	result[d][key] = value
	return result
}

// ParseSetting reads "[daemon:]key=value" and returns the configuration with it;
// without a daemon it is for all of them.
func (c Config) ParseSetting(setting string) (Config, error) {
	name, value, ok := strings.Cut(setting, "=")
	daemon := All
	if prefix, key, found := strings.Cut(name, ":"); found {
		var err error
		if daemon, err = ParseDaemon(prefix); err != nil {
			return nil, err
		}
		name = key
	}
	if !ok || name == "" {
		return nil, fmt.Errorf("%q is no setting: write [daemon:]key=value", setting)
	}
	return c.with(daemon, name, value), nil
}
