package yarn

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// environment is what a spark-env.sh sets, with the warnings, and its directory.
func environment(t *testing.T, s *sparkEnv, script string) (env map[string]string, warnings, dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileEnv), []byte(script), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "classpath.txt"), []byte("/a.jar\n/b.jar\n"), 0o600))
	env, said, err := s.read(t.Context(), dir, []string{"/etc/hadoop", "/etc/yarn"})
	require.NoError(t, err)
	return env, strings.Join(said, "\n"), dir
}

// bash is how spark-env.sh is run.
func bash() *sparkEnv { return &sparkEnv{bash: "bash", deadline: envDeadline} }

// spark-env.sh means what it means to spark-submit.
func TestSparkEnvIsRun(t *testing.T) {
	t.Setenv("STOKER_TOKEN", "hunter2")
	for name, row := range map[string]struct {
		script string
		want   map[string]string
	}{
		"plain":            {"export PYSPARK_PYTHON=/opt/py\nPYSPARK_DRIVER_PYTHON=\"/opt/my py\"\n", map[string]string{"PYSPARK_PYTHON": "/opt/py", "PYSPARK_DRIVER_PYTHON": "/opt/my py"}},
		"a default":        {"export PYSPARK_PYTHON=${PYSPARK_PYTHON:-/opt/py}", map[string]string{"PYSPARK_PYTHON": "/opt/py"}},
		"references":       {"A=/opt; export PYSPARK_PYTHON=$A/py B=$HADOOP_CONF_DIR:$YARN_CONF_DIR", map[string]string{"A": "/opt", "PYSPARK_PYTHON": "/opt/py", "B": "/etc/hadoop:/etc/yarn"}},
		"a condition":      {"if [ -z \"$X\" ]; then\n  X=1\nelse\n  Y=1\nfi", map[string]string{"X": "1"}},
		"a file beside it": {"SELF=\"$(cd $(dirname $BASH_SOURCE) && pwd)\"\nSPARK_DIST_CLASSPATH=$(paste -sd: \"$SELF/classpath.txt\")\nunset SELF", map[string]string{"SPARK_DIST_CLASSPATH": "/a.jar:/b.jar"}},
		"several lines":    {"X=$'a\\nb=c'", map[string]string{"X": "a\nb=c"}},
		"it prints":        {"echo PYSPARK_PYTHON=/wrong; printf 'X=wrong\\0'; X=1", map[string]string{"X": "1"}},
		"a last failure":   {"X=1; false", map[string]string{"X": "1"}},
		"a daemon":         {"X=1; sleep 60 &", map[string]string{"X": "1"}},
		"functions":        {"f() { X=1; }; f; unset -f f", map[string]string{"X": "1"}},
		"it reads":         {"read X; Y=${X:-nothing}", map[string]string{"X": "", "Y": "nothing"}},
		"of the worker":    {"X=${STOKER_TOKEN:-none}", map[string]string{"X": "none"}},
		"nothing":          {"# PYSPARK_PYTHON=/opt/py", map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, warnings, _ := environment(t, bash(), row.script)
			require.Empty(t, warnings)
			require.Equal(t, row.want, got)
		})
	}
}

func TestSparkEnvWithoutAFile(t *testing.T) {
	t.Parallel()
	env, warnings, err := bash().read(t.Context(), t.TempDir(), nil)
	require.NoError(t, err)
	require.Empty(t, env)
	require.Empty(t, warnings)
}

// Where the file can't be run to its end, its plain assignments count, and it is said.
func TestSparkEnvThatCannotBeRun(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		env    *sparkEnv
		script string
		said   string
	}{
		"no bash":   {&sparkEnv{bash: "/nowhere/bash", deadline: envDeadline}, "X=1\nY=$X\n", "no such file"},
		"it exits":  {&sparkEnv{bash: "bash", deadline: envDeadline}, "X=1\nY=$X\necho no Java >&2\nexit 0\n", "it ends the shell that reads it"},
		"it fails":  {&sparkEnv{bash: "bash", deadline: envDeadline}, "X=1\nY=$X\nexit 3\n", "exit status 3"},
		"it stands": {&sparkEnv{bash: "bash", deadline: 300 * time.Millisecond}, "X=1\nY=$X\necho $$ > $SPARK_CONF_DIR/pid\nsleep 60\n", "it did not end within 300ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, warnings, dir := environment(t, row.env, row.script)
			require.Equal(t, map[string]string{"X": "1"}, got)
			require.Contains(t, warnings, dir+"/spark-env.sh could not be run by bash, so only its plain assignments count: ")
			require.Contains(t, warnings, row.said)
			require.Contains(t, warnings, "line 2 is no plain assignment")
			if data, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil {
				pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
				require.NoError(t, err)
				require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "it was ended")
			}
		})
	}
}

// Neither what the file prints nor its lines get into the log: they may hold secrets.
func TestSparkEnvSaysNoValues(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]*sparkEnv{"run": bash(), "no bash": {bash: "/nowhere/bash", deadline: envDeadline}} {
		for _, end := range []string{"exit 3", "exit 0"} {
			t.Run(name+" "+end, func(t *testing.T) {
				t.Parallel()
				_, warnings, _ := environment(t, &sparkEnv{bash: env.bash, deadline: env.deadline}, "set -x\nTOKEN=hunter2\nY=hunter2$Y\necho hunter2\n"+end+"\n")
				require.Contains(t, warnings, "line 3 is no plain assignment")
				require.NotContains(t, warnings, "hunter2")
			})
		}
	}
}

// A file is run once, until it changes or some time has passed.
func TestSparkEnvIsRunOnce(t *testing.T) {
	t.Parallel()
	s := bash()
	_, _, dir := environment(t, s, "echo x >> $SPARK_CONF_DIR/runs\n")
	runs := func() int {
		data, err := os.ReadFile(filepath.Join(dir, "runs"))
		require.NoError(t, err)
		return bytes.Count(data, []byte("x"))
	}
	read := func() map[string]string {
		env, _, err := s.read(t.Context(), dir, nil)
		require.NoError(t, err)
		return env
	}
	read()
	require.Equal(t, 1, runs())
	s.until = time.Now()
	read()
	require.Equal(t, 2, runs())
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileEnv), []byte("X=1; echo x >> $SPARK_CONF_DIR/runs\n"), 0o600))
	require.Equal(t, map[string]string{"X": "1"}, read())
	require.Equal(t, 3, runs())
}

// What spark-env.sh computes reaches the application, and what cannot be applied is
// logged once.
func TestSparkEnvOfAnApplication(t *testing.T) {
	s := newSite(t)
	var said bytes.Buffer
	s.options.Logger = slog.New(slog.NewTextHandler(&said, nil))
	s.sparkConf(map[string]string{"spark-env.sh": "ROOT=/opt\nexport PYSPARK_PYTHON=${PYSPARK_PYTHON:-$ROOT/py}\n"})
	require.Equal(t, "/opt/py", s.context().Container.Environment["PYSPARK_PYTHON"])
	require.Empty(t, said.String())
	s.options.Settings.Python = "/set/py"
	require.Equal(t, "/set/py", s.context().Container.Environment["PYSPARK_PYTHON"])
	s.sparkConf(map[string]string{"spark-env.sh": "exit 1\n"})
	s.context()
	require.Contains(t, said.String(), "spark-env.sh could not be run by bash")
}
