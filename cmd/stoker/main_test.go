package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/worker"
)

// asStoker makes the test binary stoker itself, so that exit codes and what
// goes to which stream are seen as a user sees them.
const asStoker = "STOKER_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asStoker) == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

type ended struct {
	code           int
	stdout, stderr string
}

// stoker runs the binary with nothing of the environment but what is given.
func stoker(t *testing.T, environ []string, args ...string) ended {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append([]string{asStoker + "=1", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "GOCOVERDIR=" + t.TempDir()}, environ...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &stdout, &stderr, t.TempDir()
	crossFence()
	err = cmd.Run()
	crossFence()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func configured(t *testing.T, extra string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stoker.yaml")
	text := "modelManage: {baseUrl: 'http://127.0.0.1:1'}\nclusters:\n  local: {root: /var/lib/stoker/jobs}\n" + extra
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestVersion(t *testing.T) {
	t.Parallel()
	got := stoker(t, nil, "version")
	require.Zero(t, got.code, got.stderr)
	require.Regexp(t, `^stoker \S+\n$`, got.stdout)
	require.Empty(t, got.stderr)
	require.Equal(t, got, stoker(t, nil, "--version"))
	require.Equal(t, got, stoker(t, nil, "submit", "--version"))
}

func TestHelp(t *testing.T) {
	t.Parallel()
	got := stoker(t, nil, "--help")
	require.Zero(t, got.code)
	for _, word := range []string{"worker", "starter", "admin", "doctor", "version", "--config", "TEMPORAL_ADDRESS"} {
		require.Contains(t, got.stdout, word)
	}
	got = stoker(t, nil, "worker", "--help")
	require.Contains(t, got.stdout, "--role")
	require.NotContains(t, got.stdout, "--hold", "a tool for fault tests is not for users")
	require.Contains(t, stoker(t, nil, "admin", "--help").stdout, "init")
}

// What is wrong is said in one line on stderr, with nothing on stdout and no
// usage text around it; several problems have a line each.
func TestMistakesAreSaidClearly(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		environ []string
		args    []string
		want    string
	}{
		"no configuration": {
			nil,
			[]string{"worker"},
			"stoker: no configuration: name a file with --config or STOKER_CONFIG (stoker.example.yaml shows every key)\n",
		},
		"missing file": {
			nil,
			[]string{"starter", "--config", "/no/such.yaml"},
			"stoker: configuration file /no/such.yaml does not exist; name one with --config\n",
		},
		"file of the environment": {
			[]string{"STOKER_CONFIG=/no/such.yaml"},
			[]string{"worker"},
			"stoker: configuration file /no/such.yaml does not exist; name one with --config\n",
		},
		"unknown key": {
			nil,
			[]string{"worker", "--config", configured(t, "jobs: {dedline: 1h}\n")},
			"stoker: the configuration cannot be read\n  - 'jobs' has unknown keys: dedline\n",
		},
		"unknown variable": {
			[]string{"STOKER_JOBS__DEDLINE=1h"},
			[]string{"worker", "--config", configured(t, "")},
			"stoker: the configuration cannot be read\n  - environment variable STOKER_JOBS__DEDLINE: names no key\n",
		},
		"wrong values": {
			nil,
			[]string{"worker", "--config", configured(t, "jobs: {outageLimit: 0s}\n"), "--log-level", "loud"},
			"stoker: the configuration is wrong\n  - jobs.outageLimit: must be positive, got 0s\n" +
				"  - log.level: must be debug, info, warn or error, got \"loud\"\n",
		},
		"unknown command": {nil, []string{"wroker"}, "stoker: unknown command \"wroker\" for \"stoker\""},
		"unknown flag":    {nil, []string{"worker", "--clutser", "x"}, "stoker: unknown flag: --clutser\n"},
		"an argument":     {nil, []string{"worker", "local"}, "stoker: stoker worker takes no arguments, got \"local\""},
		"output nonsense": {
			nil,
			[]string{"doctor", "--config", configured(t, ""), "-o", "xml"},
			"stoker: --output must be text or json, got \"xml\"\n",
		},
		"hold nonsense": {
			nil,
			[]string{"worker", "--config", configured(t, ""), "--hold", "nonsense"},
			"stoker: --hold nonsense: no such point; use load, ",
		},
		"broken profile": {
			[]string{"TEMPORAL_PROFILE=none"}, []string{"admin", "init"}, "stoker: read temporal's environment configuration: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := stoker(t, row.environ, row.args...)
			require.Equal(t, 1, got.code)
			require.Empty(t, got.stdout)
			require.True(t, strings.HasPrefix(got.stderr, row.want), got.stderr)
			if strings.HasSuffix(row.want, "\n") {
				require.Equal(t, row.want, got.stderr)
			}
			require.NotContains(t, got.stderr, "Usage:")
		})
	}
}

// Whoever interrupts a command has not got what it was asked for; a service that is told
// to stop has done its work.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	run := func(root *cobra.Command, words ...string) (status int, stderr string) {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		command := func(use string) *cobra.Command {
			return &cobra.Command{Use: use, RunE: func(cmd *cobra.Command, _ []string) error {
				interrupt()
				return fmt.Errorf("upload: %w", cmd.Context().Err())
			}}
		}
		root.AddCommand(command("one"), service(command("forever")))
		var b bytes.Buffer
		root.SetErr(&b)
		return execute(ctx, root, words), b.String()
	}
	status, stderr := run(rootCommand(), "one")
	require.Equal(t, 1, status)
	require.Equal(t, "stoker: interrupted\n", stderr)
	status, stderr = run(rootCommand(), "forever")
	require.Zero(t, status)
	require.Empty(t, stderr)

	// A command as it is.
	home, conf, root := t.TempDir(), t.TempDir(), t.TempDir()
	for path, content := range map[string]string{
		filepath.Join(home, "jars", "spark-core_2.12-3.5.6.jar"):  "a",
		filepath.Join(home, "python", "lib", "pyspark.zip"):       "b",
		filepath.Join(home, "python", "lib", "py4j-0.10-src.zip"): "c",
		filepath.Join(conf, "core-site.xml"):                      "<configuration><property><name>fs.defaultFS</name><value>file:///</value></property></configuration>",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	words := []string{
		"runtime", "stage", "--cluster", "lake", "--spark-home", home,
		"--config", configured(t, "  lake: {type: yarn, root: "+root+"/jobs, yarn: {confDirs: ["+conf+"]}}\n"),
	}
	require.Zero(t, execute(t.Context(), quiet(rootCommand()), words), "it works")
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	require.Equal(t, 1, execute(ctx, quiet(rootCommand()), words))
}

func quiet(root *cobra.Command) *cobra.Command {
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	return root
}

func TestPrintError(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"stoker: plain\n":                       errors.New("plain"),
		"stoker: load: bad\n":                   fmt.Errorf("load: %w", job.Errorf(job.CodeInvalid, "bad")),
		"stoker: load: wrong\n  - a: x\n":       fmt.Errorf("load: %w", job.Invalid("wrong", []string{"a: x"})),
		"stoker: wrong\n  - a: x\n  - b: y\n":   job.Invalid("wrong", []string{"a: x", "b: y"}),
		"stoker: open a: wrong\n  - a: x\n":     job.Errorf(job.CodeInvalid, "open a: %w", job.Invalid("wrong", []string{"a: x"})),
		"stoker: connect: connection refused\n": job.Errorf(job.CodeUnavailable, "connect: %w", errors.New("connection refused")),
	} {
		var out bytes.Buffer
		printError(&out, err)
		require.Equal(t, want, out.String())
	}
}

func TestRoleList(t *testing.T) {
	t.Parallel()
	require.Empty(t, roleList(nil))
	require.Equal(t, []worker.Role{worker.RoleControl, worker.RoleTransfer}, roleList([]string{"control", " io "}))
}
