package yarn

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// What spark-submit prints is never mixed with what the application writes.
func TestClaimedLogsAreTheApplications(t *testing.T) {
	b := setupClaimed(t)
	b.opts.Logs = &copierFake{
		attempts: func(string) ([]int64, error) { return []int64{1, 2}, nil },
		sizes:    func(rm.Application) (int64, map[string]int64, error) { return 1, map[string]int64{"stdout": 4}, nil },
		copy: func(q logs.Request, w io.Writer) (logs.Copied, error) {
			_, err := io.WriteString(w, q.Application)
			return logs.Copied{Size: int64(len(q.Application))}, err
		},
	}
	b.opts.Progress = progressFake(func(string) (job.Progress, error) { return job.Progress{Jobs: job.Count{Total: 1}}, nil })
	b.prepare(b.attempt, true)
	c := b.openClaimed()
	_, err := c.LogSizes(t.Context(), b.attempt)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	_, err = c.Progress(t.Context(), b.attempt)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	streams, err := c.LogStreams(t.Context(), b.attempt)
	require.NoError(t, err)
	require.Len(t, streams, 2)
	copied, err := c.CopyLog(t.Context(), b.attempt, "stderr", 0, io.Discard)
	require.NoError(t, err)
	require.Equal(t, spark.LogCopy{}, copied, "nothing was started")

	require.NoError(t, c.Submit(t.Context(), b.attempt))
	id, err := jobDir{store: b.opts.Store, path: b.dir()}.acknowledgedID(t.Context())
	require.NoError(t, err)
	b.rm.set(id, "RUNNING", "UNDEFINED")
	c = b.openClaimed()
	sizes, err := c.LogSizes(t.Context(), b.attempt)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"stdout": 4}, sizes)
	var text strings.Builder
	_, err = c.CopyLog(t.Context(), b.attempt, "stdout", 0, &text)
	require.NoError(t, err)
	require.Equal(t, id, text.String())
	streams, err = c.LogStreams(t.Context(), b.attempt)
	require.NoError(t, err)
	require.Len(t, streams, 4)
	progress, err := c.Progress(t.Context(), b.attempt)
	require.NoError(t, err)
	require.EqualValues(t, 1, progress.Jobs.Total)
	live, err := c.Live(t.Context())
	require.NoError(t, err)
	require.Len(t, live, 1)
}

// Where spark-submit sent nothing, its own words are the log.
func TestClaimedLogsOfAFailedLaunch(t *testing.T) {
	b := setupClaimed(t)
	b.opts.Logs = &copierFake{}
	b.prepare(b.attempt, true)
	b.tell("fail")
	c := b.openClaimed()
	require.Error(t, c.Submit(t.Context(), b.attempt))
	require.NoError(t, c.Kill(t.Context(), b.attempt, "the launch failed"))
	var text strings.Builder
	copied, err := c.CopyLog(t.Context(), b.attempt, "stderr", 0, &text)
	require.NoError(t, err)
	require.Contains(t, text.String(), "is unknown")
	require.EqualValues(t, text.Len(), copied.Size)
}
