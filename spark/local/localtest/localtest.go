// Package localtest lets tests run local clusters without Spark: a stand-in
// for a Spark installation, under the real supervisor, and job directories
// with a program in them.
package localtest

import (
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local"
)

//go:embed spark-submit.py
var submitScript string

// Python returns a real Python 3 interpreter, not a shim in its place.
func Python(t testing.TB) string {
	t.Helper()
	path, err := python()
	require.NoError(t, err, "these tests need python3 in PATH")
	return path
}

var python = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	return strings.TrimSpace(string(out)), err
})

// SparkHome makes a directory whose bin/spark-submit runs Python programs
// without Spark: it reads the options, gives the program the variable
// FAKE_SPARK (JSON: argv, conf, cwd) and becomes it.
func SparkHome(t testing.TB) string {
	t.Helper()
	home := t.TempDir()
	write(t, filepath.Join(home, "bin", "spark-submit"), "#!"+Python(t)+" -SEs\n"+submitScript, 0o700)
	return home
}

// JavaHome makes a directory with a bin/java that does nothing.
func JavaHome(t testing.TB) string {
	t.Helper()
	home := t.TempDir()
	write(t, filepath.Join(home, "bin", "java"), "#!/bin/sh\n", 0o700)
	return home
}

// Options are those of a local cluster in new directories, with the stand-in
// for Spark. supervisor is the command line that runs local.Supervise.
func Options(t testing.TB, supervisor ...string) local.Options {
	t.Helper()
	return local.Options{
		Cluster:      "laptop",
		Root:         filepath.Join(t.TempDir(), "jobs"),
		Installation: "test",
		SparkHome:    SparkHome(t),
		Python:       Python(t),
		Java:         JavaHome(t),
		Supervisor:   supervisor,
	}
}

// Stage does what the STAGE activity does: it writes the program (launch.Main)
// and the launch of a reserved attempt, then staged.json.
func Stage(t testing.TB, root string, r spark.Reservation, launch spark.Launch, program string) {
	t.Helper()
	dir := spark.JobDir(root, r.Attempt)
	write(t, filepath.Join(dir, launch.Main), program, 0o600)
	data, err := json.Marshal(launch)
	require.NoError(t, err)
	write(t, filepath.Join(dir, spark.FileLaunch), string(data), 0o600)
	write(t, filepath.Join(dir, spark.FileStaged), "{}", 0o600)
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
}
