package eventlog_test

import (
	"bytes"
	"context"
	"fmt"
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
	_, err = tail.Read(t.Context(), dir)
	require.ErrorIs(t, err, fs.ErrNotExist, "nothing was written yet")
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
	endless, err := os.Create(filepath.Join(dir, "endless"))
	require.NoError(t, err)
	require.NoError(t, endless.Truncate(1<<30)) // a hole
	require.NoError(t, endless.Close())
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

// What Spark does to its counts when stages are shared or run again.
func TestStagesOfSeveralJobs(t *testing.T) {
	t.Parallel()
	stage := func(event string, id int, more string) string {
		return fmt.Sprintf(`{"Event":"SparkListener%s","Stage Info":{"Stage ID":%d,"Number of Tasks":2%s}}`, event, id, more)
	}
	task := func(event string, id int, reason string) string {
		return fmt.Sprintf(`{"Event":"SparkListener%s","Stage ID":%d,"Task End Reason":{"Reason":%q}}`, event, id, reason)
	}
	jobStart := func(id int, stages ...int) string {
		var infos []string
		for _, s := range stages {
			infos = append(infos, fmt.Sprintf(`{"Stage ID":%d,"Number of Tasks":2}`, s))
		}
		return fmt.Sprintf(`{"Event":"SparkListenerJobStart","Job ID":%d,"Stage Infos":[%s]}`, id, strings.Join(infos, ","))
	}
	jobEnd := func(id int) string {
		return fmt.Sprintf(`{"Event":"SparkListenerJobEnd","Job ID":%d,"Job Result":{"Result":"JobSucceeded"}}`, id)
	}
	for name, row := range map[string]struct {
		events []string
		want   job.Progress
	}{
		"a stage whose output was lost runs again": {
			[]string{
				jobStart(0, 0, 1), stage("StageSubmitted", 0, ""), task("TaskStart", 0, ""), task("TaskEnd", 0, "Success"), stage("StageCompleted", 0, ""),
				stage("StageSubmitted", 1, ""), stage("StageCompleted", 1, `,"Failure Reason":"fetch failed"`), stage("StageSubmitted", 0, ""),
			},
			job.Progress{Jobs: job.Count{Total: 1, Running: 1}, Stages: job.Count{Total: 2, Running: 1, Failed: 1}, Tasks: job.Count{Total: 4, Completed: 1}},
		},
		"a job begins while another's stage runs": {
			[]string{
				jobStart(0, 0, 1), stage("StageSubmitted", 0, ""), task("TaskStart", 0, ""), jobStart(1, 0, 2),
				task("TaskEnd", 0, "Success"), stage("StageCompleted", 0, ""),
			},
			job.Progress{Jobs: job.Count{Total: 2, Running: 2}, Stages: job.Count{Total: 4, Completed: 2}, Tasks: job.Count{Total: 8, Completed: 2}},
		},
		"and ends": {
			[]string{
				jobStart(0, 0, 1), stage("StageSubmitted", 0, ""), jobStart(1, 0, 2), stage("StageCompleted", 0, ""), jobEnd(0), jobEnd(1),
			},
			job.Progress{Jobs: job.Count{Total: 2, Completed: 2}, Stages: job.Count{Total: 2, Completed: 2}, Tasks: job.Count{Total: 4}},
		},
		"killed tasks neither failed nor ended": {
			[]string{jobStart(0, 0), task("TaskStart", 0, ""), task("TaskStart", 0, ""), task("TaskEnd", 0, "TaskKilled"), task("TaskEnd", 0, "ExceptionFailure")},
			job.Progress{Jobs: job.Count{Total: 1, Running: 1}, Stages: job.Count{Total: 1}, Tasks: job.Count{Total: 2, Failed: 1}},
		},
	} {
		var tally eventlog.Tally
		for _, e := range row.events {
			tally.Add([]byte(e))
		}
		require.Equal(t, row.want, tally.Progress(), name)
	}
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
		p := tally.Progress()
		for _, c := range []job.Count{p.Jobs, p.Stages, p.Tasks} {
			require.GreaterOrEqual(t, c.Running, int64(0))
		}
	})
}
