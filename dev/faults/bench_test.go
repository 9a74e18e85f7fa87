package faults

import (
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/dev/stack"
	"github.com/stoker-spark/stoker/spark/local/localtest"
)

// newBench starts an installation whose jobs run on this host. When the test
// ends it fails if a job has left anything.
func newBench(t *testing.T, settings ...bench.Setting) *bench.Bench {
	t.Helper()
	t.Parallel()
	return bench.New(t, bench.Options{
		Prefix:  "stoker-faults-",
		Spark:   stack.Spark{Home: localtest.SparkHome(t), Python: localtest.Python(t), JavaHome: localtest.JavaHome(t)},
		Prelude: prelude, CheckLeftovers: checkLeftovers, Settings: settings, Logs: logs, AtEnd: killStrays,
	})
}

// killStrays ends what a test has left.
func killStrays(b *bench.Bench) {
	for _, stray := range strays(b) {
		_ = syscall.Kill(stray.PID, syscall.SIGKILL) // it may just have ended
	}
}

// root of the cluster's job directories.
func root(b *bench.Bench) string { return b.Config.Clusters["local"].Root }

// logs that an application has left in its job directories.
func logs(j *bench.Job) []string {
	var names []string
	for _, dir := range attemptDirs(j) {
		for _, name := range []string{"supervisor.log", "logs/stdout", "logs/stderr", "status.json"} {
			names = append(names, filepath.Join(dir, name))
		}
	}
	return names
}

// strays lists the live processes that carry this test's directory in their
// command line or environment: supervisors, applications and what they left,
// but not the processes of the installation itself.
func strays(b *bench.Bench) []bench.Found {
	list, err := bench.Find(b.Dir)
	require.NoError(b, err)
	return slices.DeleteFunc(list, func(f bench.Found) bool {
		return slices.ContainsFunc(b.Processes, func(p *bench.Process) bool { return p.PID() == f.PID })
	})
}

// supervisors lists the live supervisors of this test.
func supervisors(b *bench.Bench) []bench.Found {
	return slices.DeleteFunc(strays(b), func(f bench.Found) bool { return !strings.Contains(f.Command, "stoker supervise ") })
}
