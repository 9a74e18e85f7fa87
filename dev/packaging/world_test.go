package packaging

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"go.temporal.io/server/schema"

	"github.com/stoker-spark/stoker/dev/ports"
	"github.com/stoker-spark/stoker/dev/postgres"
	"github.com/stoker-spark/stoker/dev/stack"
)

// world runs the services of a docker-compose.yml as processes of this host. What
// containers know by other names is mapped, and nothing else of a command, an
// environment, a configuration or a healthcheck is changed:
//
//	in a container                       here
//	postgresql, 5432, 0.0.0.0            127.0.0.1, a free port, 127.0.0.1 (whole values only)
//	temporal:7233, localhost:7233        127.0.0.1, a free port
//	127.0.0.1:9464 or 9465, 0.0.0.0 or 127.0.0.1:8998   127.0.0.1, free ports
//	/opt/spark, /opt/venv/bin/python     .tools/venv, which make build prepares
//	/etc/temporal/schema                 the schema of Temporal's Go module
//	a mounted volume, config or secret   a directory or file of the test, shared as the file says
//	any other path below /var/lib/stoker, /etc/stoker, /run/secrets   a directory of that container alone
//	tini --                              left out: this host has an init
//
// Added are PATH, for Temporal's programs and for Java; HOME; and the further ports
// of Temporal's server, which has a host of its own in Docker.
type world struct {
	*testing.T
	project *types.Project
	// dir holds all that the services read and write.
	dir       string
	ports     map[string]int
	spark     stack.Spark
	processes map[string]*process
}

// The paths at which containers find what they read and write.
var containerPaths = []string{"/var/lib/stoker", "/etc/stoker", "/run/secrets", "/etc/temporal/config"}

func newWorld(t *testing.T, project *types.Project, dir string) *world {
	t.Helper()
	found, err := stack.FindSpark(filepath.Join(repository(t), ".tools", "venv"))
	require.NoError(t, err)
	w := &world{T: t, project: project, dir: dir, ports: map[string]int{}, spark: found, processes: map[string]*process{}}
	for _, name := range []string{"5432", "7233", "9464", "9465", "8998", "http"} {
		w.ports[name] = freePort(t)
	}
	for _, service := range temporalServices {
		w.ports[service+"_GRPC_PORT"], w.ports[service+"_MEMBERSHIP_PORT"] = freePort(t), freePort(t)
	}
	w.ports["FRONTEND_GRPC_PORT"] = w.ports["7233"]
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(w.path("bin"), 0o700))
	for name := range programs {
		require.NoError(t, os.Symlink(self, w.path("bin", name)))
	}
	require.NoError(t, os.Symlink(builtBinary(t), w.path("bin", "stoker")))
	return w
}

// temporalServices are the parts of Temporal's server, as its template names them.
var temporalServices = []string{"FRONTEND", "HISTORY", "MATCHING", "WORKER"}

func freePort(t testing.TB) int {
	t.Helper()
	port, err := ports.Free()
	require.NoError(t, err)
	return port
}

func (w *world) path(elements ...string) string {
	return filepath.Join(append([]string{w.dir}, elements...)...)
}

func (w *world) at(port string) string { return fmt.Sprintf("127.0.0.1:%d", w.ports[port]) }

// mapped is a text of a container as it is here.
func (w *world) mapped(s types.ServiceConfig, text string) string {
	switch text {
	case "postgresql", "0.0.0.0":
		return "127.0.0.1"
	case "5432":
		return fmt.Sprint(w.ports["5432"])
	}
	pairs := []string{
		"temporal:7233", w.at("7233"), "localhost:7233", w.at("7233"), "127.0.0.1:9464", w.at("9464"), "127.0.0.1:9465", w.at("9465"),
		"0.0.0.0:8998", w.at("8998"), "127.0.0.1:8998", w.at("8998"),
		"/opt/spark", w.spark.Home, "/opt/venv/bin/python", w.spark.Python, "/etc/temporal/schema", w.path("schema"),
	}
	for target, source := range w.mounts(s) {
		pairs = append(pairs, target, source)
	}
	for _, path := range containerPaths {
		pairs = append(pairs, path, w.path("containers", s.Name, path))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// mounts are the paths of a container at which it has something of its project's.
func (w *world) mounts(s types.ServiceConfig) map[string]string {
	mounts := map[string]string{}
	for _, v := range s.Volumes {
		require.Contains(w, w.project.Volumes, v.Source)
		mounts[v.Target] = w.path("volumes", v.Source)
	}
	for _, c := range s.Configs {
		require.Contains(w, w.project.Configs, c.Source)
		mounts[c.Target] = w.path("containers", s.Name, c.Target)
	}
	for _, secret := range s.Secrets {
		require.Contains(w, w.project.Secrets, secret.Source)
		target := secret.Target
		if !filepath.IsAbs(target) {
			target = filepath.Join("/run/secrets", map[bool]string{true: secret.Source, false: target}[target == ""])
		}
		mounts[target] = w.project.Secrets[secret.Source].File
	}
	return mounts
}

// furnish makes what a container finds when it starts.
func (w *world) furnish(s types.ServiceConfig) {
	w.Helper()
	for _, v := range s.Volumes {
		require.NoError(w, os.MkdirAll(w.path("volumes", v.Source), 0o700))
	}
	for _, c := range s.Configs {
		config := w.project.Configs[c.Source]
		text := config.Content
		if config.File != "" {
			data, err := os.ReadFile(config.File)
			require.NoError(w, err)
			text = string(data)
		}
		target := w.path("containers", s.Name, c.Target)
		require.NoError(w, os.MkdirAll(filepath.Dir(target), 0o700))
		require.NoError(w, os.WriteFile(target, []byte(w.mapped(s, text)), 0o600))
	}
	for _, secret := range s.Secrets {
		require.FileExists(w, w.project.Secrets[secret.Source].File, "Docker Compose refuses to start %s without it", s.Name)
	}
}

// up starts a service after what it depends on, once.
func (w *world) up(name string) {
	w.Helper()
	if _, ok := w.processes[name]; ok {
		return
	}
	s, ok := w.project.Services[name]
	require.True(w, ok, "there is no service %s", name)
	w.processes[name] = nil
	for _, other := range slices.Sorted(func(yield func(string) bool) {
		for other := range s.DependsOn {
			if !yield(other) {
				return
			}
		}
	}) {
		w.up(other)
		switch s.DependsOn[other].Condition {
		case types.ServiceConditionCompletedSuccessfully:
			w.awaitSuccess(other)
		case types.ServiceConditionHealthy:
			w.awaitHealthy(other)
		}
	}
	w.run(s)
}

// run starts the service's command in its environment.
func (w *world) run(s types.ServiceConfig) {
	w.Helper()
	w.furnish(s)
	if strings.HasPrefix(s.Image, "postgres:") {
		w.runPostgres(s)
		return
	}
	var i image
	switch {
	case s.Build != nil:
		i = imageOf(w, s.Build.Target)
	case strings.HasPrefix(s.Image, "temporalio/server:"):
		i.entrypoint = []string{"temporal-server", "start"}
		require.NoError(w, os.MkdirAll(w.path("containers", s.Name), 0o700))
	case strings.HasPrefix(s.Image, "temporalio/admin-tools:"):
		if _, err := os.Stat(w.path("schema")); err != nil {
			require.NoError(w, os.CopyFS(w.path("schema"), schema.Assets()))
		}
	default:
		require.Fail(w, "nothing here is like this image", s.Image)
	}
	entrypoint, command := []string(s.Entrypoint), []string(s.Command)
	if entrypoint == nil {
		if entrypoint = i.entrypoint; command == nil {
			command = i.cmd
		}
	}
	if len(entrypoint) > 2 && entrypoint[0] == "tini" && entrypoint[1] == "--" {
		entrypoint = entrypoint[2:]
	}
	var argv []string
	for _, word := range append(slices.Clone(entrypoint), command...) {
		argv = append(argv, w.mapped(s, word))
	}
	home := w.path("containers", s.Name, "home")
	require.NoError(w, os.MkdirAll(home, 0o700))
	if program := w.path("bin", argv[0]); !filepath.IsAbs(argv[0]) {
		argv[0] = program
	}
	w.processes[s.Name] = start(w, s.Name, home, w.path("logs", s.Name+".log"), w.environment(s, i, home), argv)
}

func (w *world) environment(s types.ServiceConfig, i image, home string) []string {
	environment := []string{"PATH=" + w.path("bin") + ":" + os.Getenv("PATH"), "HOME=" + home}
	if java := os.Getenv("JAVA_HOME"); java != "" {
		environment = append(environment, "JAVA_HOME="+java)
	}
	for _, pair := range i.environment {
		name, value, _ := strings.Cut(pair, "=")
		environment = append(environment, name+"="+w.mapped(s, value))
	}
	for name, value := range s.Environment {
		require.NotNil(w, value, "%s: %s would be taken from who runs Docker Compose", s.Name, name)
		environment = append(environment, name+"="+w.mapped(s, *value))
	}
	if strings.HasPrefix(s.Image, "temporalio/server:") {
		for name, port := range w.ports {
			if strings.HasSuffix(name, "_PORT") {
				environment = append(environment, fmt.Sprintf("%s=%d", name, port))
			}
		}
		// The image's entrypoint sets it to the container's own address.
		environment = append(environment, "TEMPORAL_BROADCAST_ADDRESS=127.0.0.1", fmt.Sprintf("FRONTEND_HTTP_PORT=%d", w.ports["http"]))
	}
	return environment
}

func (w *world) runPostgres(s types.ServiceConfig) {
	w.Helper()
	require.Equal(w, "postgres:"+postgres.Version, s.Image)
	server, err := postgres.Start(w.Context(), postgres.Options{
		Home: postgres.Home(filepath.Join(repository(w), ".tools")), Port: w.ports["5432"],
		User: *s.Environment["POSTGRES_USER"], Password: *s.Environment["POSTGRES_PASSWORD"],
	})
	require.NoError(w, err)
	w.Cleanup(func() { require.NoError(w, server.Stop()) })
}

// awaitSuccess waits for the end of a service that has an end.
func (w *world) awaitSuccess(name string) {
	w.Helper()
	p := w.processes[name]
	select {
	case <-p.ended:
	case <-time.After(patience):
		require.Fail(w, "it does not end", "%s: %s", name, p.said())
	}
	require.Zero(w, p.cmd.ProcessState.ExitCode(), "%s: %s", name, p.said())
}

// awaitHealthy waits as long as Docker would for a healthcheck to succeed.
func (w *world) awaitHealthy(name string) {
	w.Helper()
	s := w.project.Services[name]
	check := s.HealthCheck
	within := time.Duration(*check.Interval) * time.Duration(*check.Retries)
	if check.StartPeriod != nil {
		within += time.Duration(*check.StartPeriod)
	}
	eventually(w, within, func() string {
		if p := w.processes[name]; p != nil && !p.running() {
			require.Fail(w, "it ended", "%s: %s", name, p.said())
		}
		if why := w.unhealthy(s); why != "" {
			return name + " is not healthy: " + why
		}
		return ""
	})
}

// unhealthy says why a healthcheck fails, "" if it succeeds. The programs of the
// images need not be here, so their requests are made in their place.
func (w *world) unhealthy(s types.ServiceConfig) string {
	w.Helper()
	test := []string(s.HealthCheck.Test)
	timeout := time.Duration(*s.HealthCheck.Timeout)
	switch {
	case len(test) == 6 && slices.Equal(test[:5], []string{"CMD", "wget", "-q", "-O", "/dev/null"}):
		reply, err := (&http.Client{Timeout: timeout}).Get(w.mapped(s, test[5])) //nolint:noctx // it has a timeout
		if err != nil {
			return err.Error()
		}
		why, _ := io.ReadAll(io.LimitReader(reply.Body, 1000)) // for people only
		_ = reply.Body.Close()                                 // read enough
		if reply.StatusCode != http.StatusOK {
			return reply.Status + ": " + string(why)
		}
	case len(test) == 5 && slices.Equal(test[:3], []string{"CMD", "nc", "-z"}):
		connection, err := net.DialTimeout("tcp", w.mapped(s, test[3]+":"+test[4]), timeout)
		if err != nil {
			return err.Error()
		}
		_ = connection.Close() // only tried
	case slices.Equal(test, []string{"CMD-SHELL", "pg_isready -U " + valueOf(s, "POSTGRES_USER")}):
		// postgres.Start has waited for it.
	default:
		require.Fail(w, "no such check is known here", "%s: %v", s.Name, test)
	}
	return ""
}

func valueOf(s types.ServiceConfig, name string) string {
	if value := s.Environment[name]; value != nil {
		return *value
	}
	return ""
}

// down stops the services that run in the order in which Docker would, each within
// its grace.
func (w *world) down(names ...string) {
	w.Helper()
	for _, name := range names {
		grace := 10 * time.Second // Docker's default
		if g := w.project.Services[name].StopGracePeriod; g != nil {
			grace = time.Duration(*g)
		}
		w.processes[name].stop(grace)
	}
}

// checkout copies what a user has of the repository to try the file out.
func checkout(t testing.TB, dir string) {
	t.Helper()
	for _, name := range []string{"docker-compose.yml", "README.md", "deploy/compose", "dev/samples/jobs"} {
		source, target := filepath.Join(repository(t), name), filepath.Join(dir, name)
		require.NoError(t, filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
			rel, relErr := filepath.Rel(source, path)
			if err != nil || relErr != nil || entry.IsDir() || entry.Name() == "users.yaml" {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			to := filepath.Join(target, rel)
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				return err
			}
			return os.WriteFile(to, data, 0o600)
		}))
	}
}

// shell runs commands as a user of this host.
func (w *world) shell(dir, commands string) string {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "/bin/sh", "-euc", commands) //nolint:gosec // as documented
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.path("home"), "USER=ana"}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(w, err, "%s\n%s%s", commands, out, said.String())
	return string(out)
}
