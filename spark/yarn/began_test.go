package yarn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// A program that is not Stoker's driver heeds no marker: only what was never sent,
// nor can be, has certainly not begun.
func TestProgramsWithoutTheDriverNeverBegan(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		files []string
		late  bool
		want  job.Began
	}{
		"not sent, revoked":     {[]string{spark.FileRevoked}, false, job.BeganNo},
		"not sent, too late":    {nil, true, job.BeganNo},
		"may still be sent":     {nil, false, job.BeganUnknown},
		"sent, revoked, fenced": {[]string{spark.FileIntent, spark.FileRevoked, spark.FileStarted}, true, job.BeganUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			notAfter := time.Now().Add(time.Hour)
			if row.late {
				notAfter = time.Now().Add(-time.Hour)
			}
			_, err := b.m.Reserve(t.Context(), b.attempt, notAfter)
			require.NoError(t, err)
			b.put(spark.FileLaunch, `{"name":"a job","main":"main.py"}`)
			for _, file := range row.files {
				b.put(file, `{"owner":"stoker"}`)
			}
			o := b.observe()
			require.Equal(t, job.StateAbsent, o.State)
			require.Equal(t, row.want, o.Began)
		})
	}
}

// What was killed here is not called alive by a list from before.
func TestKilledIsSeenAtOnce(t *testing.T) {
	b := setup(t)
	id := b.stage()
	require.NoError(t, b.submit())
	b.rm.set(id, "RUNNING", "UNDEFINED")
	o, err := b.m.Observe(t.Context(), b.attempt)
	require.NoError(t, err)
	require.Equal(t, job.StateRunning, o.State)
	require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
	o, err = b.m.Observe(t.Context(), b.attempt)
	require.NoError(t, err)
	require.Equal(t, job.StateKilled, o.State)
}
