package hadoop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"github.com/stoker-spark/stoker/dev/flock"
)

// ErrNoCluster says that no cluster is known in a state directory.
var ErrNoCluster = errors.New("no Hadoop cluster")

// Cluster is a cluster that was started, by this process or by another. Its
// exported fields are what cluster.json holds.
type Cluster struct {
	Version    string    `json:"version"`
	State      string    `json:"state"`
	PortOffset int       `json:"portOffset"`
	Addresses  Addresses `json:"addresses"`
	// ConfDir is HADOOP_CONF_DIR for clients.
	ConfDir string `json:"confDir"`
	// ArchiveDir on HDFS is for archives that everyone may read.
	ArchiveDir string `json:"archiveDir"`
	// User runs the daemons and so is HDFS's superuser and YARN's administrator.
	User     string `json:"user"`
	JavaHome string `json:"javaHome"`
	// Lib is the folder of Hadoop's jars.
	Lib    string `json:"lib"`
	Config Config `json:"config"`
	// Ready: Up has come to its end.
	Ready bool `json:"ready"`
	// PIDs of the daemons that ran when this was written or loaded.
	PIDs map[Daemon]int `json:"pids"`

	progress func(line string)
}

func clusterFile(state string) string { return filepath.Join(state, "cluster.json") }

// Load finds the cluster of a state directory; its daemons need not run. The
// error is ErrNoCluster if none was started since the last Down.
func Load(state string) (*Cluster, error) {
	data, err := os.ReadFile(clusterFile(state))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s: start one with make hadoop-up", ErrNoCluster, state)
	}
	if err != nil {
		return nil, err
	}
	c := &Cluster{progress: silent}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("read %s: %w", clusterFile(state), err)
	}
	c.PIDs = c.pids()
	return c, nil
}

// save writes cluster.json.
func (c *Cluster) save() error {
	c.PIDs = c.pids()
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(clusterFile(c.State), append(data, '\n'))
}

func (c *Cluster) pids() map[Daemon]int {
	pids := map[Daemon]int{}
	for _, d := range Daemons() {
		if p := c.process(d); p.alive() {
			pids[d] = p.PID
		}
	}
	return pids
}

// process of a daemon; the zero process, which is not alive, if there is none.
func (c *Cluster) process(d Daemon) process {
	p, err := readProcess(c.pidFile(d))
	if err != nil {
		return process{}
	}
	return p
}

// Running reports whether a daemon's process is there, frozen or not.
func (c *Cluster) Running(d Daemon) bool { return c.process(d).alive() }

func lockFile(state string) string { return filepath.Join(state, "lock") }

// Up makes sure that a cluster runs and works, and returns it. What runs already
// is left as it is, with the configuration it was started with; what does not is
// started; if they do not work together then, all are killed.
func Up(ctx context.Context, o Options) (*Cluster, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.State, 0o755); err != nil {
		return nil, err
	}
	unlock, err := flock.Lock(ctx, lockFile(o.State))
	if err != nil {
		return nil, err
	}
	defer unlock()
	c := &Cluster{State: o.State, Config: o.Config}
	if o.Fresh {
		if err := c.wipe(ctx); err != nil {
			return nil, err
		}
	}
	if before, err := Load(o.State); err == nil && len(before.PIDs) > 0 {
		if err := before.sameAs(o); err != nil || (before.Ready && len(before.PIDs) == len(Daemons())) {
			return before, err
		}
		if c.Config == nil {
			c.Config = before.Config
		}
	}
	if err := c.furnish(ctx, o); err != nil {
		return nil, err
	}
	missing, err := c.missing()
	if err != nil {
		return nil, err
	}
	format, err := c.prepareData()
	if err != nil {
		return nil, err
	}
	if err := c.up(ctx, missing, format); err != nil {
		// Daemons that wait for one that does not come would stop late.
		return nil, errors.Join(err, c.clear(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// furnish fills in what a cluster with these options is, and downloads it.
func (c *Cluster) furnish(ctx context.Context, o Options) (err error) {
	if c.JavaHome, err = findJava(o.JavaHome); err != nil {
		return err
	}
	if c.Lib, err = install(ctx, o, c.JavaHome); err != nil {
		return err
	}
	who, err := user.Current()
	if err != nil {
		return err
	}
	c.User = who.Username
	c.Version, c.PortOffset, c.Addresses = o.Version, o.PortOffset, addressesAt(o.PortOffset)
	c.ConfDir, c.ArchiveDir = filepath.Join(o.State, "client"), archiveDir
	c.progress = o.Progress
	return nil
}

// sameAs refuses a cluster that runs where another one is asked for.
func (c *Cluster) sameAs(o Options) error {
	if c.Version != o.Version || c.PortOffset != o.PortOffset {
		return fmt.Errorf("%s already runs Hadoop %s with port offset %d: stop it with make hadoop-down, or use another --state",
			c.State, c.Version, c.PortOffset)
	}
	return nil
}

// missing lists the daemons that do not run, if all could.
func (c *Cluster) missing() ([]Daemon, error) {
	var missing []Daemon
	for _, d := range Daemons() {
		if c.Running(d) {
			continue
		}
		if err := checkFree(d, c.PortOffset); err != nil {
			return nil, err
		}
		missing = append(missing, d)
	}
	return missing, nil
}

func (c *Cluster) up(ctx context.Context, missing []Daemon, format bool) error {
	began := time.Now()
	if err := c.writeClientConf(); err != nil {
		return err
	}
	// From here on there is something to be found, whatever becomes of this process.
	if err := c.save(); err != nil {
		return err
	}
	c.progress(fmt.Sprintf("starting Hadoop %s in %s", c.Version, c.State))
	// Everything starts at once and waits for the NameNode by itself.
	for _, d := range missing {
		if d != NameNode {
			if err := c.start(d); err != nil {
				return err
			}
		}
	}
	if format {
		if err := c.format(ctx); err != nil {
			return err
		}
	}
	if slices.Contains(missing, NameNode) {
		if err := c.start(NameNode); err != nil {
			return err
		}
	}
	if err := c.await(ctx, Daemons()...); err != nil {
		return err
	}
	if err := c.setUp(ctx); err != nil {
		return err
	}
	c.progress(fmt.Sprintf("ready after %.1f s", time.Since(began).Seconds()))
	c.Ready = true
	return c.save()
}

// wipe stops what runs and removes everything but downloads.
func (c *Cluster) wipe(ctx context.Context) error {
	if err := c.down(ctx); err != nil {
		return err
	}
	for _, name := range []string{"client", "conf", "data", "logs"} {
		if err := os.RemoveAll(filepath.Join(c.State, name)); err != nil {
			return err
		}
	}
	return nil
}
