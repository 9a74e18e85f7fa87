package activities

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store/logstore"
)

// wrote makes the application's logs.
func (b *bundle) wrote(streams map[string]string) {
	b.manager.logs = func(a job.Attempt, stream string, offset int64, limit int) ([]byte, int64, error) {
		require.Equal(b.t, b.attempt, a)
		text := streams[stream]
		if offset < 0 {
			offset = max(0, int64(len(text))+offset)
		}
		rest := text[min(offset, int64(len(text))):]
		return []byte(rest[:min(limit, len(rest))]), int64(len(text)), nil
	}
}

func (b *bundle) manifest() *logstore.Manifest {
	b.t.Helper()
	logs, err := b.cluster.Logs.Attempt(b.attempt)
	require.NoError(b.t, err)
	m, err := logs.Manifest(b.t.Context())
	require.NoError(b.t, err)
	return m
}

func (b *bundle) archived(stream string) string {
	b.t.Helper()
	logs, err := b.cluster.Logs.Attempt(b.attempt)
	require.NoError(b.t, err)
	s, err := logs.Stream(stream)
	require.NoError(b.t, err)
	data, _, err := s.Read(b.t.Context(), 0, 1<<20)
	require.NoError(b.t, err)
	return string(data)
}

func TestReportEndCarriesTheLogsTheSourceWants(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		limits         [2]job.LogLimit
		stdout, stderr string
	}{
		"none":          {},
		"full and tail": {[2]job.LogLimit{{Bytes: 6}, {Bytes: 4, Tail: true}}, "stdout", "text"},
		"all":           {[2]job.LogLimit{{Bytes: 100}, {Bytes: 100, Tail: true}}, "stdout text", "stderr text"},
		"one":           {[2]job.LogLimit{{}, {Bytes: 5}}, "", "stder"},
		"negative":      {[2]job.LogLimit{{Bytes: -1, Tail: true}, {}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.put(spark.FileReservation, `{"application":"local-7-1"}`)
			b.wrote(map[string]string{"stdout": "stdout text", "stderr": "stderr text"})
			b.source.limits = row.limits
			report, err := b.reportEnd(job.Outcome{Result: job.ResultCancelled})
			require.NoError(t, err)
			require.Equal(t, row.stdout, report.Stdout)
			require.Equal(t, row.stderr, report.Stderr)
			require.Empty(t, report.Outcome.Notes)

			require.Equal(t, "stdout text", b.archived("stdout"))
			require.Equal(t, "stderr text", b.archived("stderr"))
			m := b.manifest()
			require.True(t, m.Complete)
			require.Equal(t, "local-7-1", m.Application)
			require.Equal(t, b.attempt.Job, m.Job)
		})
	}
}

// Who does not want the logs need not wait for them.
func TestReportEndTellsTheEndFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.source.report = func(string, job.Report) (job.Standing, error) {
		require.Nil(t, b.manifest())
		return b.intake.Standing, nil
	}
	_, err := b.reportEnd(job.Outcome{Result: job.ResultLost})
	require.NoError(t, err)
	require.NotNil(t, b.manifest())
}

func TestReportEndReadsTheLastStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.source.limits[0] = job.LogLimit{Bytes: 100}
	logs, err := b.cluster.Logs.Attempt(b.attempt)
	require.NoError(t, err)
	require.NoError(t, logs.Finish(t.Context(), logstore.Manifest{Complete: true, Streams: []logstore.StreamEnd{
		{Name: "stdout", Bytes: 5}, {Name: "stdout.2", Bytes: 6}, {Name: "stdout.3"},
	}}))
	dir := filepath.Join(b.root+"-logs", b.attempt.Job, "1", "stdout.2")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "00000000000000000000"), []byte("second"), 0o600))
	report, err := b.reportEnd(job.Outcome{Result: job.ResultCancelled})
	require.NoError(t, err)
	require.Equal(t, "second", report.Stdout)
}

// A log that does not come keeps nobody from learning how the job ended.
func TestReportEndGoesWithoutLogs(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		arrange func(*bundle)
		stdout  string
		note    string
	}{
		"absent": {func(b *bundle) {
			b.manager.logs = func(job.Attempt, string, int64, int) ([]byte, int64, error) { return []byte("junk"), 0, fs.ErrNotExist }
		}, "", ""},
		"not launched": {func(b *bundle) {
			b.manager.logs = func(job.Attempt, string, int64, int) ([]byte, int64, error) {
				return nil, 0, job.Errorf(job.CodeNotFound, "no such attempt")
			}
		}, "", ""},
		"unavailable": {func(b *bundle) {
			b.manager.logs = func(job.Attempt, string, int64, int) ([]byte, int64, error) {
				return nil, 0, job.Errorf(job.CodeUnavailable, "timeout")
			}
		}, "", "the logs may be incomplete: stdout is incomplete: timeout"},
		"refused": {func(b *bundle) {
			b.manager.logs = func(job.Attempt, string, int64, int) ([]byte, int64, error) {
				return nil, 0, job.Errorf(job.CodeUnauthorized, "not yours")
			}
		}, "", "the logs may be incomplete: stdout is incomplete: not yours"},
		"not gone": {func(b *bundle) {
			b.manager.observe = func(job.Attempt) (job.Observation, error) { return job.Observation{State: job.StateRunning}, nil }
		}, "text", "the logs may be incomplete: the application was running when its logs were archived"},
		"cluster down": {func(b *bundle) {
			b.manager.observe = func(job.Attempt) (job.Observation, error) { return job.Observation{}, errors.New("refused") }
		}, "text", "the logs may be incomplete: whether the application has ended is not known: refused"},
		"log store down": {func(b *bundle) {
			b.store.create = func(string) error { return errors.New("disk full") }
		}, "text", ""}, // as much as is wanted still comes from the cluster
		"log store down, no logs": {func(b *bundle) {
			b.store.open = func(string) error { return errors.New("down") }
			b.manager.logs = func(job.Attempt, string, int64, int) ([]byte, int64, error) {
				return nil, 0, job.Errorf(job.CodeUnavailable, "timeout")
			}
		}, "", "the logs could not be read: timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.source.limits[0] = job.LogLimit{Bytes: 100}
			b.wrote(map[string]string{"stdout": "text"})
			row.arrange(b)
			outcome := job.Outcome{Result: job.ResultLost, Notes: []string{"said before"}}
			report, err := b.reportEnd(outcome)
			require.NoError(t, err)
			require.Equal(t, row.stdout, report.Stdout)
			notes := strings.Join(report.Outcome.Notes[1:], "; ")
			if row.note == "" {
				require.Empty(t, notes)
			}
			require.True(t, strings.HasPrefix(notes, row.note), notes)
			require.Equal(t, []string{"said before"}, outcome.Notes)
			report.Outcome.Notes = outcome.Notes
			require.Equal(t, outcome, report.Outcome)
		})
	}
}

func TestReportEndWaitsForLogs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.patience = time.Minute
	b.source.limits[1] = job.LogLimit{Bytes: 100}
	tries := 0
	b.manager.logs = func(_ job.Attempt, stream string, offset int64, _ int) ([]byte, int64, error) {
		if stream != "stderr" {
			return nil, 0, nil
		}
		if tries++; tries < 3 {
			return nil, 0, job.Errorf(job.CodeUnavailable, "it is being gathered")
		}
		return []byte("late")[offset:], 4, nil
	}
	report, err := b.reportEnd(job.Outcome{Result: job.ResultCancelled})
	require.NoError(t, err)
	require.Equal(t, "late", report.Stderr)
	require.Empty(t, report.Outcome.Notes)
}

// A report that is made again does not read the logs again.
func TestReportEndAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.source.limits[0] = job.LogLimit{Bytes: 100}
	b.wrote(map[string]string{"stdout": "text"})
	_, err := b.reportEnd(job.Outcome{Result: job.ResultCancelled})
	require.NoError(t, err)
	b.manager.logs, b.manager.observe = nil, nil
	report, err := b.reportEnd(job.Outcome{Result: job.ResultCancelled})
	require.NoError(t, err)
	require.Equal(t, "text", report.Stdout)
}

func TestCleanArchivesFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.wrote(map[string]string{"stdout": "text"})
	b.manager.release = func(job.Attempt) error {
		require.Equal(t, "text", b.archived("stdout"))
		require.True(t, b.manifest().Complete)
		return nil
	}
	require.NoError(t, b.do("Clean", CleanInput{Cluster: "local", Attempt: b.attempt}))
}

// What a report had to leave incomplete is completed before it is deleted.
func TestCleanCompletes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.manager.logs = func(job.Attempt, string, int64, int) ([]byte, int64, error) {
		return nil, 0, job.Errorf(job.CodeUnavailable, "timeout")
	}
	_, err := b.reportEnd(job.Outcome{Result: job.ResultCancelled})
	require.NoError(t, err)
	require.False(t, b.manifest().Complete)
	b.wrote(map[string]string{"stdout": "text"})
	b.manager.release = func(job.Attempt) error { return nil }
	require.NoError(t, b.do("Clean", CleanInput{Cluster: "local", Attempt: b.attempt}))
	require.True(t, b.manifest().Complete)
	require.Equal(t, "text", b.archived("stdout"))
}

// A log store that is down delays the cleaning; logs that the cluster does not give
// do not.
func TestCleanWaitsForTheLogStoreOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	released := 0
	b.manager.release = func(job.Attempt) error { released++; return nil }
	b.wrote(map[string]string{"stdout": "text"})
	b.store.create = func(string) error { return fs.ErrPermission }
	err := b.do("Clean", CleanInput{Cluster: "local", Attempt: b.attempt})
	requireFailure(t, err, job.CodeUnavailable, false)
	require.Zero(t, released)

	b.store.create = nil
	b.manager.logs = func(job.Attempt, string, int64, int) ([]byte, int64, error) {
		return nil, 0, job.Errorf(job.CodeUnavailable, "timeout")
	}
	require.NoError(t, b.do("Clean", CleanInput{Cluster: "local", Attempt: b.attempt}))
	require.Equal(t, 1, released)
	require.False(t, b.manifest().Complete)
}
