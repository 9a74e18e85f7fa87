package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/spark"
)

// attemptDirs lists the job directories of all attempts.
func attemptDirs(j *bench.Job) []string {
	dirs, err := filepath.Glob(filepath.Join(root(j.Bench), j.Key.Name(), "*"))
	require.NoError(j.Bench, err)
	return dirs
}

// has reports whether an attempt's directory holds a file.
func has(j *bench.Job, attempt int, name string) bool {
	_, err := os.Stat(filepath.Join(root(j.Bench), j.Key.Name(), fmt.Sprint(attempt), name))
	return err == nil
}

// checkLeftovers: no process of the job lives, and its directories hold markers
// only.
func checkLeftovers(j *bench.Job) {
	b := j.Bench
	b.Helper()
	b.Eventually("no process is left of "+j.ID, func() bool { return !lives(j) })
	for _, dir := range attemptDirs(j) {
		b.Eventually(dir+" holds only markers", func() bool {
			return len(noMarkers(b, dir)) == 0
		})
	}
}

// noMarkers lists what CLEAN should have taken from a job directory.
func noMarkers(b *bench.Bench, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(b, err)
	var list []string
	for _, entry := range entries {
		name := entry.Name()
		if !spark.IsMarker(name) && !slices.Contains([]string{"claim.json", "child.json", "exit.json"}, name) {
			list = append(list, name)
		}
	}
	return list
}

// lives reports whether any process of the job does.
func lives(j *bench.Job) bool {
	return slices.ContainsFunc(strays(j.Bench), func(f bench.Found) bool { return owns(j, f) })
}

// owns reports whether a stray process belongs to this job.
func owns(j *bench.Job, f bench.Found) bool {
	environ, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(f.PID), "environ")) // gone since
	dir := filepath.Join(root(j.Bench), j.Key.Name()) + "/"
	return strings.Contains(f.Command, dir) || strings.Contains(string(environ), dir)
}
