package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Environment that every process gets: nothing of the one that runs the tests
// but what finds programs.
func (b *Bench) Environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.Dir, "LANG=C.UTF-8", "JAVA_HOME=" + b.options.Spark.JavaHome,
		fmt.Sprintf("TEMPORAL_ADDRESS=127.0.0.1:%d", b.ports.Temporal),
	}
}

// newCore starts Temporal and the simulator.
func (b *Bench) newCore() *Process {
	b.Helper()
	return b.Start("core", "stoker-dev", nil, "--state", filepath.Join(b.Dir, "core"), "--venv", b.venv,
		"--port-offset", strconv.Itoa(b.offset), "--parts", "temporal,modelmanage")
}

// StartCore starts them again and waits until both answer.
func (b *Bench) StartCore() {
	b.Helper()
	b.Core = b.newCore()
	b.Core.Says("Stoker is ready")
}

// Worker starts a worker; args may hold flags such as --hold.
func (b *Bench) Worker(args ...string) *Process {
	b.Helper()
	return b.WorkerWith(nil, args...)
}

// WorkerWith starts a worker with more in its environment.
func (b *Bench) WorkerWith(env []string, args ...string) *Process {
	b.Helper()
	p := b.Start("worker", "stoker", env, append([]string{"worker", "--config", b.ConfigFile, "--hold-file", b.HeldFile()}, args...)...)
	p.Says("worker started")
	return p
}

// Holding starts a worker that blocks at a point.
func (b *Bench) Holding(point string) *Process {
	b.Helper()
	return b.Worker("--hold", point)
}

// HeldFile is what a worker that blocks makes.
func (b *Bench) HeldFile() string { return filepath.Join(b.Dir, "held") }

// Held waits until the worker blocks at its point.
func (b *Bench) Held(point string) {
	b.Helper()
	b.Eventually("held at "+point, func() bool {
		data, err := os.ReadFile(b.HeldFile())
		return err == nil && strings.TrimSpace(string(data)) == point
	})
}

// Release lets a held worker go on. A worker that comes to its point again, as
// in a retry, is held again.
func (b *Bench) Release() {
	b.Helper()
	if err := os.Remove(b.HeldFile()); !errors.Is(err, fs.ErrNotExist) {
		require.NoError(b, err)
	}
}

// ReleaseForGood lets it go on as often as it comes to its point.
func (b *Bench) ReleaseForGood() {
	done := b.Context().Done()
	go func() {
		for {
			_ = os.Remove(b.HeldFile()) // mostly there is none
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
}

// Starter starts a starter.
func (b *Bench) Starter() *Process {
	b.Helper()
	p := b.Start("starter", "stoker", nil, "starter", "--config", b.ConfigFile)
	p.Says("starter started")
	return p
}

// API starts an API and returns its address.
func (b *Bench) API() (p *Process, url string) {
	b.Helper()
	return b.api(b.ConfigFile)
}

func (b *Bench) api(file string) (p *Process, url string) {
	b.Helper()
	p = b.Start("api", "stoker", nil, "api", "--config", file)
	p.Says("serving the API")
	return p, fmt.Sprintf("http://127.0.0.1:%d", b.ports.API)
}

// APIApart starts an API that knows no more of its clusters than where their stores are,
// and what jobs may ask for there.
func (b *Bench) APIApart() (p *Process, url string) {
	b.Helper()
	data, err := os.ReadFile(b.ConfigFile)
	require.NoError(b, err)
	var all struct {
		Installation string
		API          map[string]any            `yaml:"api"`
		Clusters     map[string]map[string]any `yaml:"clusters"`
	}
	require.NoError(b, yaml.Unmarshal(data, &all))
	clusters := map[string]any{}
	for name, c := range all.Clusters {
		cluster := b.Config.Clusters[name]
		apart := map[string]any{
			"type": c["type"], "spark": c["spark"], "root": "/nowhere/jobs",
			"logs": map[string]any{"root": cluster.LogsRoot()}, "artifacts": map[string]any{"root": cluster.ArtifactsRoot()},
		}
		if yarn, ok := c["yarn"].(map[string]any); ok {
			apart["yarn"] = map[string]any{"confDirs": yarn["confDirs"], "user": yarn["user"]}
		}
		clusters[name] = apart
	}
	data, err = yaml.Marshal(map[string]any{"installation": all.Installation, "api": all.API, "clusters": clusters})
	require.NoError(b, err)
	file := filepath.Join(b.Dir, "api.yaml")
	require.NoError(b, os.WriteFile(file, data, 0o600))
	return b.api(file)
}
