package bench

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.yaml.in/yaml/v3"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/stack"
)

// patience is how long anything may take: several of Stoker's own timeouts in a
// row, on a busy machine.
const patience = 6 * time.Minute

// Options of a bench.
type Options struct {
	// Prefix of the bench's directory.
	Prefix string
	// Spark that jobs run on: on this host, or, with Hadoop, on a cluster.
	Spark  stack.Spark
	Hadoop *stack.Hadoop
	// Prelude is the beginning of every model: it counts the start of user code as
	// the first thing it does and ends inside a function. Its %s is BASE, a Python
	// string: the start of the paths that the model and its test share.
	Prelude string
	// CheckLeftovers fails the test if an ended job has left anything.
	CheckLeftovers func(j *Job)
	// AtEnd is called when the test ends and all processes are killed; may be nil.
	AtEnd func(b *Bench)
	// Logs names files of a job to show if the test fails; may be nil.
	Logs func(j *Job) []string
	// Settings change the installation before it starts.
	Settings []Setting
}

// Setting changes an installation before it starts.
type Setting struct {
	// Configure changes the configuration.
	Configure func(*config.Config)
	// Keys are set in the file, by path, beside what a stack writes.
	Keys map[string]any
}

// Bench is one installation under test with everything on it.
type Bench struct {
	*testing.T
	Dir string
	// Scratch is where models count their starts and wait for the test.
	Scratch    string
	Client     client.Client
	Config     config.Config
	ConfigFile string
	// Core is the latest one.
	Core      *Process
	Processes []*Process
	Jobs      []*Job

	options Options
	offset  int
	ports   stack.Ports
	// venv looks like what make build prepares: a core without workers needs no more.
	venv    string
	started int // numbers processes
	disks   int // numbers small disks
}

// New starts a core; workers and starters are the test's own business. When the
// test ends everything is killed.
func New(t *testing.T, o Options) *Bench {
	t.Helper()
	b := &Bench{T: t, Dir: shortDir(t, o.Prefix), options: o}
	b.Scratch, b.venv = filepath.Join(b.Dir, "scratch"), filepath.Join(b.Dir, "venv")
	for _, dir := range []string{b.Scratch, filepath.Join(b.Dir, "logs"), filepath.Join(b.venv, "lib", "python3", "site-packages", "pyspark")} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
	}
	t.Cleanup(b.end)
	for tries := 1; ; tries++ {
		offset, err := stack.FreeOffset()
		require.NoError(t, err)
		b.offset = offset
		b.ports = stack.PortsAt(b.offset)
		if b.Core = b.newCore(); b.Core.told("Stoker is ready") {
			break
		}
		require.Less(t, tries, 5, "no core starts: %s", tail(b.Core.log, dumpAtMost))
	}
	b.writeConfig()
	c, err := stack.Dial(t.Context(), b.ports, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	b.Client = c
	return b
}

// shortDir is a directory without characters that mean something to Spark.
func shortDir(t *testing.T, prefix string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", prefix)
	require.NoError(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			require.NoError(t, os.RemoveAll(dir))
		}
	})
	return dir
}

// writeConfig writes a file of its own: a core that starts again writes its own.
func (b *Bench) writeConfig() {
	b.Helper()
	state := filepath.Join(b.Dir, "stoker")
	c, err := stack.WriteConfig(stack.Options{
		State: state, Ports: b.ports, Spark: b.options.Spark, Hadoop: b.options.Hadoop,
		Configure: func(c *config.Config) {
			c.Starter.PollInterval = 200 * time.Millisecond
			c.Worker.HTTPAddress = ""
			// A test that wants them runs them.
			c.Starter.ReconcileInterval, c.Sweep.Interval = 0, 0
			for _, s := range b.options.Settings {
				if s.Configure != nil {
					s.Configure(c)
				}
			}
		},
	})
	require.NoError(b, err)
	b.Config, b.ConfigFile = c, stack.ConfigFile(state)
	for _, s := range b.options.Settings {
		for path, value := range s.Keys {
			b.Set(path, value)
		}
	}
}

// Set sets one key of the configuration file, its path with "/" between, for what starts
// afterwards.
func (b *Bench) Set(path string, value any) {
	b.Helper()
	data, err := os.ReadFile(b.ConfigFile)
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
	require.NoError(b, os.WriteFile(b.ConfigFile, data, 0o600))
}

// end kills everything, whatever the test has left, and shows the logs if it
// failed.
func (b *Bench) end() {
	for _, p := range b.Processes {
		p.Kill()
	}
	if b.options.AtEnd != nil {
		b.options.AtEnd(b)
	}
	if b.Failed() {
		b.dump()
	}
}

// dumpAtMost bytes of each log are shown.
const dumpAtMost = 12 << 10

func (b *Bench) dump() {
	b.Logf("the state is kept in %s", b.Dir)
	for _, p := range b.Processes {
		b.Logf("== %s\n%s", p.name, tail(p.log, dumpAtMost))
	}
	if b.options.Logs == nil {
		return
	}
	for _, j := range b.Jobs {
		for _, name := range b.options.Logs(j) {
			if text := tail(name, dumpAtMost); text != "" {
				b.Logf("== %s\n%s", name, text)
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

// Eventually waits until something is so.
func (b *Bench) Eventually(what string, so func() bool) {
	b.Helper()
	deadline := time.Now().Add(patience)
	for !so() {
		if time.Now().After(deadline) {
			require.Fail(b, "not within "+patience.String(), what)
		}
		time.Sleep(40 * time.Millisecond)
	}
}

// Never checks for a while that something does not come about.
func (b *Bench) Never(what string, while time.Duration, so func() bool) {
	b.Helper()
	for deadline := time.Now().Add(while); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if so() {
			require.Fail(b, "it happened", what)
		}
	}
}
