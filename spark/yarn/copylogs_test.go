package yarn

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// copierFake copies logs; a call without a function is a defect.
type copierFake struct {
	LogReader
	attempts func(application string) ([]int64, error)
	sizes    func(app rm.Application) (int64, map[string]int64, error)
	copy     func(q logs.Request, w io.Writer) (logs.Copied, error)
}

func (f *copierFake) Attempts(_ context.Context, application string) ([]int64, error) {
	return f.attempts(application)
}

func (f *copierFake) Sizes(_ context.Context, app rm.Application) (int64, map[string]int64, error) {
	return f.sizes(app)
}

func (f *copierFake) CopyFrom(_ context.Context, q logs.Request, w io.Writer) (logs.Copied, error) {
	return f.copy(q, w)
}

type progressFake func(application string) (job.Progress, error)

func (f progressFake) Progress(_ context.Context, application string) (job.Progress, error) {
	return f(application)
}

// launched is a bundle whose application runs.
func launched(t *testing.T, f *copierFake) (*bundle, string) {
	t.Helper()
	b := setup(t, func(o *Options) { o.Logs = f })
	id := b.stage()
	require.NoError(t, b.submit())
	b.rm.set(id, "RUNNING", "UNDEFINED")
	return b, id
}

func TestCopyLog(t *testing.T) {
	f := &copierFake{}
	b, id := launched(t, f)
	for stream, want := range map[string]logs.Request{
		"stdout":   {Application: id, Attempt: 1, Stream: "stdout", From: 7},
		"stderr.3": {Application: id, Attempt: 3, Stream: "stderr", From: 7},
	} {
		f.copy = func(q logs.Request, w io.Writer) (logs.Copied, error) {
			require.Equal(t, id, q.Seen.ID, "its place need not be asked for")
			q.Seen = nil
			require.Equal(t, want, q)
			_, err := io.WriteString(w, "text")
			return logs.Copied{Bytes: 4, Size: 11, Growing: true}, err
		}
		var text strings.Builder
		got, err := b.m.CopyLog(t.Context(), b.attempt, stream, 7, &text)
		require.NoError(t, err)
		require.Equal(t, spark.LogCopy{Size: 11, Growing: true}, got)
		require.Equal(t, "text", text.String())
	}
	for _, stream := range []string{"", "stdin", "stdout.", "stdout.x", "stdout.0", "stdout.-1", "prelaunch.out"} {
		_, err := b.m.CopyLog(t.Context(), b.attempt, stream, 0, io.Discard)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), stream)
	}
	_, err := b.m.CopyLog(t.Context(), job.AttemptOf("other", 1), "stdout", 0, io.Discard)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
}

// YARN's word on a container that never started stands where its stderr would.
func TestCopyLogOfWhatNeverStarted(t *testing.T) {
	f := &copierFake{}
	b, id := launched(t, f)
	none := &logs.NoLogError{Application: id, Stream: "stderr", Reason: logs.NeverStarted, Diagnostics: "line 1\n\tline 2\n"}
	f.copy = func(logs.Request, io.Writer) (logs.Copied, error) {
		return logs.Copied{}, job.Errorf(job.CodeNotFound, "%w", none)
	}
	var text strings.Builder
	copied, err := b.m.CopyLog(t.Context(), b.attempt, "stderr", 0, &text)
	require.NoError(t, err)
	require.Equal(t, "there is no stderr of "+id+": it ended before its master started\nYARN's diagnostics:\nline 1\n\tline 2\n", text.String())
	require.Equal(t, spark.LogCopy{Size: int64(text.Len())}, copied)

	again, err := b.m.CopyLog(t.Context(), b.attempt, "stderr", copied.Size, io.Discard)
	require.NoError(t, err)
	require.Equal(t, copied, again, "it was copied before")

	// It is never put behind what the program wrote.
	_, err = b.m.CopyLog(t.Context(), b.attempt, "stderr", 3, io.Discard)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	_, err = b.m.CopyLog(t.Context(), b.attempt, "stdout", 0, io.Discard)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	none.Reason = logs.NoSuchStream
	_, err = b.m.CopyLog(t.Context(), b.attempt, "stderr", 0, io.Discard)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
}

func TestCopyLogOfWhatWasNeverSent(t *testing.T) {
	f := &copierFake{copy: func(logs.Request, io.Writer) (logs.Copied, error) {
		return logs.Copied{}, job.Errorf(job.CodeNotFound, "unknown")
	}}
	b := setup(t, func(o *Options) { o.Logs = f })
	b.stage()
	copied, err := b.m.CopyLog(t.Context(), b.attempt, "stderr", 0, io.Discard)
	require.NoError(t, err)
	require.Equal(t, spark.LogCopy{}, copied)
}

func TestLogSizes(t *testing.T) {
	f := &copierFake{}
	b, id := launched(t, f)
	for attempt, want := range map[int64]map[string]int64{
		1: {"stdout": 5, "stderr": 6},
		2: {"stdout.2": 5, "stderr.2": 6},
	} {
		f.sizes = func(app rm.Application) (int64, map[string]int64, error) {
			require.Equal(t, id, app.ID)
			return attempt, map[string]int64{"stdout": 5, "stderr": 6, "prelaunch.out": 7}, nil
		}
		sizes, err := b.m.LogSizes(t.Context(), b.attempt)
		require.NoError(t, err)
		require.Equal(t, want, sizes)
	}
	b.rm.forget(id)
	_, err := b.open().LogSizes(t.Context(), b.attempt)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
}

// However often logs are looked at, the ResourceManager is asked for one list.
func TestLogSizesAskTheSharedList(t *testing.T) {
	f := &copierFake{sizes: func(rm.Application) (int64, map[string]int64, error) { return 1, map[string]int64{}, nil }}
	b, _ := launched(t, f)
	_, err := b.m.LogSizes(t.Context(), b.attempt)
	require.NoError(t, err)
	b.m.cache.mu.Lock()
	b.m.cache.latest.at = b.m.cache.latest.at.Add(snapshotAge * 1000) // it does not grow old
	b.m.cache.mu.Unlock()
	b.rm.mu.Lock()
	lists := b.rm.lists
	b.rm.mu.Unlock()
	for range 100 {
		_, err := b.m.LogSizes(t.Context(), b.attempt)
		require.NoError(t, err)
	}
	require.Equal(t, lists, b.rm.lists)
}

func TestLive(t *testing.T) {
	b, id := launched(t, &copierFake{})
	live, err := b.m.Live(t.Context())
	require.NoError(t, err)
	require.Len(t, live, 1)
	require.Equal(t, spark.Sighting{Attempt: b.attempt, Application: id, Observation: live[0].Observation}, live[0])
	require.Equal(t, job.StateRunning, live[0].Observation.State)
	require.False(t, live[0].Placed)
	b.rm.set(id, "FINISHED", "SUCCEEDED")
	live, err = b.open().Live(t.Context())
	require.NoError(t, err)
	require.Empty(t, live)
}

func TestLogStreams(t *testing.T) {
	f := &copierFake{}
	b, id := launched(t, f)
	for name, row := range map[string]struct {
		attempts []int64
		err      error
		want     []string
	}{
		"none":      {nil, nil, []string{"stdout", "stderr"}},
		"one":       {[]int64{1}, nil, []string{"stdout", "stderr"}},
		"several":   {[]int64{1, 2, 4}, nil, []string{"stdout", "stderr", "stdout.2", "stderr.2", "stdout.4", "stderr.4"}},
		"forgotten": {nil, job.Errorf(job.CodeNotFound, "unknown"), []string{"stdout", "stderr"}},
	} {
		f.attempts = func(application string) ([]int64, error) {
			require.Equal(t, id, application)
			return row.attempts, row.err
		}
		streams, err := b.m.LogStreams(t.Context(), b.attempt)
		require.NoError(t, err, name)
		require.Equal(t, row.want, streams, name)
	}
	f.attempts = func(string) ([]int64, error) { return nil, job.Errorf(job.CodeUnavailable, "down") }
	streams, err := b.m.LogStreams(t.Context(), b.attempt)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.Equal(t, []string{"stdout", "stderr"}, streams)
}

func TestProgress(t *testing.T) {
	b := setup(t)
	_, err := b.m.Progress(t.Context(), b.attempt)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	want := job.Progress{Tasks: job.Count{Total: 3}}
	b.opts.Progress = progressFake(func(application string) (job.Progress, error) {
		require.True(t, rm.ValidID(application))
		return want, nil
	})
	_, err = b.open().Progress(t.Context(), b.attempt)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err), "it is not reserved")
	b.stage()
	got, err := b.open().Progress(t.Context(), b.attempt)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// A reservation of another installation is not read from.
func TestLogsOfAnotherInstallation(t *testing.T) {
	f := &copierFake{}
	b, _ := launched(t, f)
	b.opts.Installation = "other"
	_, err := b.open().LogSizes(t.Context(), b.attempt)
	require.Equal(t, job.CodeConflict, job.CodeOf(err))
}

func TestManagerWithoutCopies(t *testing.T) {
	b := setup(t)
	b.stage()
	streams, err := b.m.LogStreams(t.Context(), b.attempt)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	require.Len(t, streams, 2)
	_, err = b.m.CopyLog(t.Context(), b.attempt, "stdout", 0, io.Discard)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
}
