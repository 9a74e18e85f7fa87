package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/simulator"
	"github.com/stoker-spark/stoker/dev/stack"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local/localtest"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/parts"
)

// patience is how long one job may take on a busy machine.
const patience = 6 * time.Minute

// Clusters of the installations without Spark, beside "local": each differs from
// it in what its name says.
const (
	clusterKeep  = "keep"  // header keep
	clusterOnce  = "once"  // header once
	clusterOpen  = "open"  // takes inputs that it cannot verify
	clusterSmall = "small" // embedded outputs of at most smallOutput bytes, smallOutputs together
)

const smallOutput, smallOutputs = 1000, 1500

// streamBytes is how much of a stream goes into the messages.
const streamBytes = 2000

// The installations. Each is started by the first test that asks for it.
var (
	// withSpark is what stoker-dev starts.
	withSpark = &shared{name: "with Spark", spark: realSpark}
	// withoutSpark shows the end of stdout, and nothing of stderr.
	withoutSpark = &shared{name: "without Spark", spark: standIn, configure: func(c *config.Config) {
		severalClusters(c)
		c.ModelManage.Messages.Stdout, c.ModelManage.Messages.Stderr = modelmanage.MessageTail, modelmanage.MessageOff
	}}
	// olderArrays has a model-manage that merges arrays position by position, and
	// shows the beginning of stdout and the end of stderr.
	olderArrays = &shared{name: "older arrays", spark: standIn, arrays: simulator.ArrayPositional, configure: func(c *config.Config) {
		severalClusters(c)
		c.ModelManage.Messages.Stdout, c.ModelManage.Messages.Stderr = modelmanage.MessageFull, modelmanage.MessageTail
	}}
)

func severalClusters(c *config.Config) {
	c.Starter.PollInterval = 200 * time.Millisecond
	c.ModelManage.Messages.StreamBytes = streamBytes
	base := c.Clusters["local"]
	base.Local.Concurrency = together
	for name, change := range map[string]func(*config.Cluster){
		"local":      func(*config.Cluster) {},
		clusterKeep:  func(c *config.Cluster) { c.Header = parts.HeaderKeep },
		clusterOnce:  func(c *config.Cluster) { c.Header = parts.HeaderOnce },
		clusterOpen:  func(c *config.Cluster) { c.UnverifiableInputs = store.PolicyAllow },
		clusterSmall: func(c *config.Cluster) { c.MaxOutputBytes, c.MaxOutputsBytes = smallOutput, smallOutputs },
	} {
		cluster := base
		cluster.Root = filepath.Join(filepath.Dir(base.Root), name)
		change(&cluster)
		c.Clusters[name] = cluster
	}
}

func realSpark(t testing.TB) stack.Spark {
	found, err := stack.FindSpark(filepath.Join("..", "..", ".tools", "venv"))
	require.NoError(t, err)
	for _, path := range []*string{&found.Home, &found.Python} {
		*path, err = filepath.Abs(*path)
		require.NoError(t, err)
	}
	return found
}

func standIn(t testing.TB) stack.Spark {
	return stack.Spark{Home: localtest.SparkHome(t), Python: localtest.Python(t), JavaHome: localtest.JavaHome(t)}
}

// shared is an installation that tests share.
type shared struct {
	name      string
	spark     func(testing.TB) stack.Spark
	arrays    simulator.ArrayMode
	configure func(*config.Config)

	start sync.Once
	it    *installation
	// dir holds everything of it.
	dir string
}

// installation is a running one.
type installation struct {
	*stack.Stack
	// scratch is where models and tests meet, and files by URL lie.
	scratch string
	jobs    atomic.Int64
}

// lasting is a test whose directories stay until the installation stops.
type lasting struct {
	testing.TB
	dir string
}

func (l lasting) TempDir() string {
	dir, err := os.MkdirTemp(l.dir, "spark-")
	require.NoError(l, err)
	return dir
}

// get returns the installation, started.
func (s *shared) get(t *testing.T) *installation {
	t.Helper()
	s.start.Do(func() {
		dir, err := os.MkdirTemp("", "stoker-e2e-")
		require.NoError(t, err)
		s.dir = dir
		scratch := filepath.Join(dir, "scratch")
		require.NoError(t, os.Mkdir(scratch, 0o700))
		log, err := os.Create(filepath.Join(dir, "stoker.log"))
		require.NoError(t, err)
		self, err := os.Executable()
		require.NoError(t, err)
		running, err := stack.Start(context.Background(), stack.Options{
			State: filepath.Join(dir, "state"), Ports: freePorts(t), Spark: s.spark(lasting{t, dir}),
			Supervisor: []string{self, "supervise"}, ArrayMode: s.arrays,
			Logger: slog.New(slog.NewTextHandler(log, nil)),
			Configure: func(c *config.Config) {
				if s.configure != nil {
					s.configure(c)
				}
			},
		})
		require.NoError(t, err)
		s.it = &installation{Stack: running, scratch: scratch}
	})
	require.NotNil(t, s.it, "installation %s did not start", s.name)
	return s.it
}

// stop stops the installation and says what it has left beside markers. The
// state of a failed run is kept.
func (s *shared) stop(failed bool) error {
	if s.dir == "" {
		return nil
	}
	var errs []error
	if s.it != nil {
		errs = append(errs, s.it.Stop(), s.it.nothingLeft())
	}
	for _, pid := range processesWith(s.dir) {
		errs = append(errs, fmt.Errorf("process %d was left", pid), syscall.Kill(pid, syscall.SIGKILL))
	}
	if err := errors.Join(errs...); err != nil || failed {
		return errors.Join(err, fmt.Errorf("its state is kept in %s", s.dir))
	}
	return os.RemoveAll(s.dir)
}

// nothingLeft looks at the roots of all clusters, for jobs that no test has
// looked after.
func (i *installation) nothingLeft() error {
	var errs []error
	for _, name := range i.Config.ClusterNames() {
		root := i.Config.Clusters[name].Root
		errs = append(errs, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			if rel, _ := filepath.Rel(root, path); strings.Count(rel, "/") == 2 && leftByRelease(entry.Name()) {
				return nil
			} else if slices.Contains([]string{".lock", ".host", ".host-id", ".namespace.json"}, rel) {
				return nil
			}
			return fmt.Errorf("%s was left", path)
		}))
	}
	return errors.Join(errs...)
}

// leftByRelease reports whether a file of a job directory stays: the markers of
// the launch protocol, and a local cluster's own.
func leftByRelease(name string) bool {
	return spark.IsMarker(name) || slices.Contains([]string{"claim.json", "child.json", "exit.json"}, name)
}

// freePorts finds ports that nobody uses.
func freePorts(t testing.TB) stack.Ports {
	t.Helper()
	offset, err := stack.FreeOffset()
	require.NoError(t, err)
	return stack.PortsAt(offset)
}

// processesWith lists the processes in whose environment a text stands.
func processesWith(text string) []int {
	entries, _ := os.ReadDir("/proc") // none elsewhere
	var pids []int
	for _, entry := range entries {
		var pid int
		if _, err := fmt.Sscan(entry.Name(), &pid); err != nil || pid == os.Getpid() {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ")) // gone since, or another user's
		if strings.Contains(string(environ), text) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// eventually waits for what nobody tells: a process to be gone, a request to
// have come.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(20 * time.Millisecond); !so(); <-tick.C {
		if time.Now().After(deadline) {
			require.Fail(t, "not within "+patience.String(), what)
		}
	}
}
