// Package localtest lets tests run local clusters without Spark: a stand-in
// for a Spark installation, under the real supervisor, and job directories
// with a program in them.
package localtest

import (
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

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
// for Spark. supervisor is the command line that runs local.Supervise. A test
// ends every application that it began: the directories are removed once no
// supervisor lives in them.
func Options(t testing.TB, supervisor ...string) local.Options {
	t.Helper()
	root := filepath.Join(t.TempDir(), "jobs")
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return !supervised(t, root) }, 2*time.Minute, 10*time.Millisecond,
			"the test is over, and an application that it began still has a supervisor")
	})
	return local.Options{
		Cluster:      "laptop",
		Root:         root,
		Installation: "test",
		SparkHome:    SparkHome(t),
		Python:       Python(t),
		Java:         JavaHome(t),
		Supervisor:   supervisor,
	}
}

// supervised reports whether a process holds the lock of any job's supervisor:
// until it lets go it writes to its job's directory and to the root's index.
func supervised(t testing.TB, root string) (found bool) {
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || filepath.Base(path) != "supervisor.lock" {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return nil //nolint:nilerr // removed at this moment
		}
		defer func() { _ = f.Close() }() // only asked
		query := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
		err = unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &query)
		found = found || query.Type != unix.F_UNLCK
		return err
	})
	assert.NoError(t, err)
	return found
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
