package eventlog_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/eventlog"
)

// The log of a driver that ran a job of two stages, one that reuses the first's
// shuffle, and one whose task fails; see testdata/tasks.py.
const recorded = "testdata/spark-3.5.9.log"

func lines(t testing.TB) [][]byte {
	t.Helper()
	data, err := os.ReadFile(recorded)
	require.NoError(t, err)
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

func TestRecordedLog(t *testing.T) {
	t.Parallel()
	var tally eventlog.Tally
	var most job.Progress
	for _, line := range lines(t) {
		tally.Add(line)
		now := tally.Progress()
		for _, c := range []job.Count{now.Jobs, now.Stages, now.Tasks} {
			require.GreaterOrEqual(t, c.Total, c.Running+c.Completed, "%s", line)
			require.GreaterOrEqual(t, c.Running, int64(0), "%s", line)
		}
		most.Tasks.Running = max(most.Tasks.Running, now.Tasks.Running)
		most.Stages.Total = max(most.Stages.Total, now.Stages.Total)
	}
	require.Equal(t, job.Progress{
		Jobs:   job.Count{Total: 3, Completed: 2, Failed: 1},
		Stages: job.Count{Total: 4, Completed: 3, Failed: 1},
		Tasks:  job.Count{Total: 3 + 2 + 2 + 1, Completed: 3 + 2 + 2, Failed: 1},
	}, tally.Progress())
	require.EqualValues(t, 3, most.Tasks.Running, "of two cores: Spark tells of a task's end after the next one's start")
	require.EqualValues(t, 4, most.Stages.Total)
}

// However a log grows, and however often it is read meanwhile, the sum is that of
// the whole.
func TestTailReadsAsItGrows(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(recorded)
	require.NoError(t, err)
	var want eventlog.Tally
	for _, line := range lines(t) {
		want.Add(line)
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(rt, err)
		var tail eventlog.Tail
		name := filepath.Join(dir, "local-1.inprogress")
		log, err := os.Create(name)
		require.NoError(rt, err)
		defer func() { _ = log.Close() }()
		for rest := whole; len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 20_000).Draw(rt, "n"))
			_, err := log.Write(rest[:n])
			require.NoError(rt, err)
			rest = rest[n:]
			_, err = tail.Read(t.Context(), dir)
			require.NoError(rt, err)
		}
		require.NoError(rt, os.Rename(name, filepath.Join(dir, "local-1")))
		got, err := tail.Read(t.Context(), dir)
		require.NoError(rt, err)
		require.Equal(rt, want.Progress(), got)
	})
}

const begin = `{"Event":"SparkListenerJobStart","Job ID":0,"Stage Infos":[{"Stage ID":0,"Number of Tasks":4}]}` + "\n"

// Each SparkContext of a program has a log; and what a program puts between them is
// passed over.
func TestWhatElseIsInTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var tail eventlog.Tail
	_, err := tail.Read(t.Context(), filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	for name, content := range map[string]string{
		"local-1": begin, "local-2.inprogress": begin, ".local-1.crc": begin,
		"noise": strings.Repeat("x", 200_000) + "\n" + `{"Event":"SparkListenerJobStart","Job ID":` + "\n\n",
		"long":  `{"Event":"SparkListenerJobStart","Job ID":0,"x":"` + strings.Repeat("x", 17<<20) + `"}` + "\n" + begin,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "directory"), 0o700))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(dir, "link")))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	got, err := tail.Read(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, job.Count{Total: 3, Running: 3}, got.Jobs)
	require.Equal(t, job.Count{Total: 12}, got.Tasks)
}

func TestReadStopsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "local-1"), []byte(begin), 0o600))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var tail eventlog.Tail
	got, err := tail.Read(ended, dir)
	require.NoError(t, err)
	require.Zero(t, got)
	got, err = tail.Read(t.Context(), dir)
	require.NoError(t, err)
	require.EqualValues(t, 4, got.Tasks.Total, "and goes on")
}

func FuzzTally(f *testing.F) {
	for _, line := range lines(f) {
		f.Add(append(append(line, '\n'), line...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var tally eventlog.Tally
		for line := range bytes.Lines(data) {
			tally.Add(bytes.TrimSuffix(line, []byte("\n")))
		}
		tally.Progress()
	})
}
