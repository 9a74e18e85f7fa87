package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// What somebody has decided about the log of events stays.
func TestWhoNamesTheEventLogKeepsIt(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		conf     map[string]string
		defaults string
		mode     string
		off      bool
		ours     bool
	}{
		"nobody":                    {ours: true},
		"the job wants none":        {conf: map[string]string{"spark.eventLog.enabled": "false"}},
		"a history server's":        {defaults: "spark.x 1\n  spark.eventLog.dir hdfs:///history\n"},
		"a comment of a template":   {defaults: "# spark.eventLog.enabled true\n#spark.eventLog.dir x", ours: true},
		"another key":               {defaults: "spark.x spark.eventLog.dir", ours: true},
		"drivers on other machines": {mode: deployCluster},
		"nobody reads it":           {off: true},
	} {
		o := Options{SparkHome: "/spark", DeployMode: row.mode, Events: !row.off}
		cmd, err := o.command("/jobs/a/1", spark.Launch{Main: "main.py", Options: job.Options{Conf: row.conf}}, []byte(row.defaults))
		require.NoError(t, err, name)
		require.Equal(t, row.ours, cmd.events, name)
		require.NotContains(t, strings.Join(cmd.argv, " "), "redaction", name)
		if row.ours {
			require.Contains(t, cmd.argv, "spark.eventLog.dir=file:///jobs/a/1/eventlog", name)
		} else {
			require.NotContains(t, cmd.argv, "spark.eventLog.dir=file:///jobs/a/1/eventlog", name)
		}
	}
}

// The driver writes its configuration among its events.
func TestSecretsAreBlottedOutOfEvents(t *testing.T) {
	t.Parallel()
	launch := func(conf map[string]string) spark.Launch {
		conf["spark.my.pin"] = "secret:pin"
		return spark.Launch{Main: "main.py", Options: job.Options{Conf: conf}}
	}
	o := Options{SparkHome: "/spark", Events: true}
	cmd, err := o.command("/jobs/a/1", launch(map[string]string{}), nil)
	require.NoError(t, err)
	require.True(t, cmd.events)
	require.Contains(t, cmd.argv, `spark.redaction.regex=(?i)secret|password|token|access[.]?key|^spark\.my\.pin$`)

	cmd, err = o.command("/jobs/a/1", launch(map[string]string{"spark.redaction.regex": "mine"}), nil)
	require.NoError(t, err)
	require.False(t, cmd.events, "nobody knows what theirs would let through")
	cmd, err = o.command("/jobs/a/1", launch(map[string]string{}), []byte("spark.redaction.regex mine\n"))
	require.NoError(t, err)
	require.False(t, cmd.events)
}

func TestProgressWithoutEvents(t *testing.T) {
	t.Parallel()
	m := &Manager{opts: Options{Root: t.TempDir(), Cluster: "c"}}
	attempt := job.Attempt{Job: "a", Number: 1}
	_, err := m.Progress(t.Context(), attempt)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	dir, err := m.dir(attempt)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(dir.path(dirEventLog), dirMode))
	_, err = m.Progress(t.Context(), attempt)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err), "the driver has not begun to write")
	require.NoError(t, os.WriteFile(dir.path(dirEventLog, "app.inprogress"), nil, fileMode))
	progress, err := m.Progress(t.Context(), attempt)
	require.NoError(t, err)
	require.Zero(t, progress.Jobs)
	require.WithinDuration(t, time.Now(), progress.Time, time.Minute)
}

// Nobody's log is read again from its beginning while somebody asks about it, and
// what nobody asks about takes no memory.
func TestTailsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		write := func(name, line string) {
			require.NoError(t, os.MkdirAll(filepath.Join(root, name), dirMode))
			require.NoError(t, os.WriteFile(filepath.Join(root, name, "app"), []byte(line), fileMode))
		}
		const begin = `{"Event":"SparkListenerJobStart","Job ID":0,"Stage Infos":[{"Stage ID":0,"Number of Tasks":4}]}` + "\n"
		var of tails
		read := func(name string) int64 {
			progress, err := of.read(t.Context(), filepath.Join(root, name))
			require.NoError(t, err)
			return progress.Tasks.Total
		}
		write("a", begin)
		require.EqualValues(t, 4, read("a"))
		require.EqualValues(t, 4, read("a"))
		write("b", begin)
		time.Sleep(forgetAfter)
		require.EqualValues(t, 4, read("b"))
		require.Len(t, of.byDir, 2, "asked a moment ago")
		time.Sleep(forgetAfter + 1)
		write("c", begin)
		require.EqualValues(t, 4, read("c"))
		require.Len(t, of.byDir, 1)
		require.EqualValues(t, 4, read("a"), "read anew")
	})
}
