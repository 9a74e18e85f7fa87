package faults

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.yaml.in/yaml/v3"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/stack"
	"github.com/stoker-spark/stoker/spark/local/localtest"
)

// patience is how long anything may take: several of Stoker's own timeouts in a
// row, on a busy machine.
const patience = 180 * time.Second

// bench is one installation under test with everything on it.
type bench struct {
	*testing.T
	dir string
	// scratch is where models count their starts and wait for the test.
	scratch string
	offset  int
	ports   stack.Ports
	client  client.Client

	config     config.Config
	configFile string
	venv       string
	javaHome   string

	core      *process
	processes []*process
	started   int // numbers processes
	jobs      []*given
}

// setting changes an installation before it starts.
type setting struct {
	// configure changes the configuration.
	configure func(*config.Config)
	// keys are set in the file, by path, beside what a stack writes.
	keys map[string]any
}

// newBench starts a core; workers and starters are the test's own business.
// When the test ends everything is killed, and it fails if a job it created has
// left anything.
func newBench(t *testing.T, settings ...setting) *bench {
	t.Helper()
	t.Parallel()
	b := &bench{T: t, dir: shortDir(t), javaHome: localtest.JavaHome(t)}
	b.scratch, b.venv = filepath.Join(b.dir, "scratch"), filepath.Join(b.dir, "venv")
	for _, dir := range []string{b.scratch, filepath.Join(b.dir, "logs"), filepath.Join(b.venv, "lib", "python3", "site-packages", "pyspark")} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
	}
	t.Cleanup(b.end)
	for tries := 1; ; tries++ {
		b.offset = freeOffset(t)
		b.ports = stack.PortsAt(b.offset)
		if b.core = b.newCore(); b.core.told("Stoker is ready") {
			break
		}
		require.Less(t, tries, 5, "no core starts: %s", tail(b.core.log, dumpAtMost))
	}
	b.writeConfig(settings)
	c, err := stack.Dial(t.Context(), b.ports, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	b.client = c
	return b
}

// shortDir is a directory without characters that mean something to Spark.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "stoker-faults-")
	require.NoError(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			require.NoError(t, os.RemoveAll(dir))
		}
	})
	return dir
}

// writeConfig writes a file of its own: a core that starts again writes its own.
func (b *bench) writeConfig(settings []setting) {
	b.Helper()
	state := filepath.Join(b.dir, "stoker")
	c, err := stack.WriteConfig(stack.Options{
		State: state, Ports: b.ports,
		Spark: stack.Spark{Home: localtest.SparkHome(b), Python: localtest.Python(b), JavaHome: b.javaHome},
		Configure: func(c *config.Config) {
			c.Starter.PollInterval = 200 * time.Millisecond
			c.Worker.HTTPAddress = ""
			for _, s := range settings {
				if s.configure != nil {
					s.configure(c)
				}
			}
		},
	})
	require.NoError(b, err)
	b.config, b.configFile = c, stack.ConfigFile(state)
	for _, s := range settings {
		for path, value := range s.keys {
			b.setKey(path, value)
		}
	}
}

// setKey sets one key of the configuration file, its path with "/" between.
func (b *bench) setKey(path string, value any) {
	b.Helper()
	data, err := os.ReadFile(b.configFile)
	require.NoError(b, err)
	root := map[string]any{}
	require.NoError(b, yaml.Unmarshal(data, &root))
	at := root
	for {
		first, rest, more := strings.Cut(path, "/")
		if !more {
			at[first] = value
			break
		}
		inner, _ := at[first].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			at[first] = inner
		}
		at, path = inner, rest
	}
	data, err = yaml.Marshal(root)
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(b.configFile, data, 0o600))
}

// root of the cluster's job directories.
func (b *bench) root() string { return b.config.Clusters["local"].Root }

// end kills everything, whatever the test has left, and shows the logs if it
// failed.
func (b *bench) end() {
	for _, p := range b.processes {
		p.kill()
	}
	for _, stray := range b.strays() {
		_ = syscall.Kill(stray.pid, syscall.SIGKILL) // it may just have ended
	}
	if b.Failed() {
		b.dump()
	}
}

// dumpAtMost bytes of each log are shown.
const dumpAtMost = 12 << 10

func (b *bench) dump() {
	b.Logf("the state is kept in %s", b.dir)
	for _, p := range b.processes {
		b.Logf("== %s\n%s", p.name, tail(p.log, dumpAtMost))
	}
	for _, j := range b.jobs {
		for _, dir := range j.attemptDirs() {
			for _, name := range []string{"supervisor.log", "logs/stdout", "logs/stderr", "status.json"} {
				if text := tail(filepath.Join(dir, name), dumpAtMost); text != "" {
					b.Logf("== %s\n%s", filepath.Join(dir, name), text)
				}
			}
		}
	}
}

func tail(path string, most int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // only read
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd) // shows more if it fails
	}
	data, _ := io.ReadAll(f) // what there is
	return string(data)
}

// eventually waits until something is so.
func (b *bench) eventually(what string, so func() bool) {
	b.Helper()
	deadline := time.Now().Add(patience)
	for !so() {
		if time.Now().After(deadline) {
			require.Fail(b, "not within "+patience.String(), what)
		}
		time.Sleep(40 * time.Millisecond)
	}
}

// never checks for a while that something does not come about.
func (b *bench) never(what string, while time.Duration, so func() bool) {
	b.Helper()
	for deadline := time.Now().Add(while); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if so() {
			require.Fail(b, "it happened", what)
		}
	}
}

var (
	portsMu sync.Mutex
	// portsTaken by the tests of this process, in use yet or not.
	portsTaken = map[int]bool{}
)

// freeOffset finds a block of ports that nobody uses, below those that the
// kernel hands out. Somebody else may still be faster.
func freeOffset(t *testing.T) int {
	t.Helper()
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		offset := 2000 + rand.IntN(20000)
		at := stack.PortsAt(offset)
		ports := []int{at.Temporal, at.WebUI, at.ModelManage, at.Metrics}
		if slices.ContainsFunc(ports, func(port int) bool { return portsTaken[port] || !portFree(port) }) {
			continue
		}
		for _, port := range ports {
			portsTaken[port] = true
		}
		return offset
	}
	require.Fail(t, "no free block of ports")
	return 0
}

func portFree(port int) bool {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	_ = listener.Close() // only tried
	return true
}
