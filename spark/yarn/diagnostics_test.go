package yarn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// masterEnded is what a ResourceManager of Hadoop 3 says of a master that ended without a
// word, and of the end of its stderr.
func masterEnded(exit int, stderr string) string {
	return fmt.Sprintf(`Application application_1700000000000_0001 failed 1 times (global limit =2; local limit is =1) due to AM Container for appattempt_1700000000000_0001_000001 exited with  exitCode: %[1]d
Failing this attempt.Diagnostics: [2026-01-02 03:04:05.678]Exception from container-launch.
Container id: container_1700000000000_0001_01_000001
Exit code: %[1]d

[2026-01-02 03:04:05.680]Container exited with a non-zero exit code %[1]d. Error file: prelaunch.err.
Last 4096 bytes of prelaunch.err :
Last 4096 bytes of stderr :
%[2]s

[2026-01-02 03:04:05.681]Container exited with a non-zero exit code %[1]d. Error file: prelaunch.err.
For more detailed output, check the application tracking page: http://rm:8088/cluster/app/application_1700000000000_0001 Then click on links to logs of each attempt.
. Failing the application.`, exit, stderr)
}

// infos are lines of a log that tell of no trouble.
func infos(n int) string {
	return strings.Repeat("26/01/02 03:04:05 INFO SecurityManager: Changing view acls to: stoker, and a lot more that nobody needs\n", n)
}

const (
	uninitialised = "26/01/02 03:04:05 ERROR ApplicationMaster: Uncaught exception: \n" +
		"java.lang.IllegalStateException: User did not initialize spark context!\n\tat org.apache.spark.deploy.yarn.ApplicationMaster.runDriver(ApplicationMaster.scala:515)\n"
	timedOut = "26/01/02 03:04:05 ERROR ApplicationMaster: Uncaught exception: \n" +
		"java.util.concurrent.TimeoutException: Futures timed out after [100000 milliseconds]\n\tat scala.concurrent.impl.Promise$DefaultPromise.ready(Promise.scala:259)\n"
	exited = "26/01/02 03:04:05 ERROR ApplicationMaster: User application exited with status 3\n"
)

func TestNoContext(t *testing.T) {
	t.Parallel()
	const (
		generic  = "the program ended, or did something else for too long, before it made a SparkContext; YARN needs one within"
		returned = "the function returned without having made a SparkContext; YARN needs one within"
	)
	for name, row := range map[string]struct {
		state       rm.State
		final       rm.FinalStatus
		diagnostics string
		status      string // of Stoker's driver; "" for none
		began       bool
		want        string // "" for another failure
		last        string
	}{
		"ended":            {rm.StateFailed, "FAILED", masterEnded(13, infos(30)+uninitialised+infos(3)), "", false, "the program ended without having made a SparkContext; ", "User did not initialize spark context!"},
		"nothing logged":   {rm.StateFailed, "FAILED", masterEnded(13, ""), "", false, generic, "exitCode: 13"},
		"too late":         {rm.StateFailed, "FAILED", masterEnded(13, infos(30)+timedOut), "running", true, "the program made no SparkContext within 1m40s; ", "timed out after [100000 milliseconds]"},
		"exited":           {rm.StateFailed, "FAILED", masterEnded(13, infos(30)+exited), "", false, "the program failed before it made a SparkContext, see its log. YARN says: ", "status 3"},
		"too late, killed": {rm.StateFailed, "FAILED", masterEnded(13, timedOut+exited), "running", true, "the program made no SparkContext within 1m40s; ", "status 3"},
		"older Spark":      {rm.StateFailed, "FAILED", masterEnded(13, "26/01/02 03:04:05 ERROR ApplicationMaster: SparkContext did not initialize after waiting for 100000 ms.\n"), "running", true, "the program made no SparkContext within 1m40s; ", "100000 ms"},
		"returned":         {rm.StateFailed, "FAILED", masterEnded(13, infos(30)+uninitialised), "returned", true, returned, "User did not initialize"},
		"never began":      {rm.StateFailed, "FAILED", masterEnded(13, exited), "never began", false, "", "status 3"},
		"another exit":     {rm.StateFailed, "FAILED", masterEnded(137, infos(30)), "returned", true, "", "exitCode: 137"},
		"exit 13 of words": {rm.StateFailed, "FAILED", masterEnded(1, "exited with  exitCode: 13\n"+masterEnded(13, "")), "", false, "", "exitCode: 1"},
		"registered":       {rm.StateFinished, "FAILED", "User application exited with status 13", "", false, "", "status 13"},
		"succeeded":        {rm.StateFinished, "SUCCEEDED", masterEnded(13, ""), "", false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			id := b.stage()
			require.NoError(t, b.submit())
			if row.began {
				b.put(spark.FileStarted, `{"owner":"`+id+`","attempt":1,"at":"2026-01-02T03:04:05Z"}`)
			}
			switch row.status {
			case "never began":
			case "":
				b.put(spark.FileLaunch, `{"main":"main.py"}`)
			default:
				b.put(spark.FileStatus, `{"version":1,"application":"`+id+`","attempt":1,"state":"`+row.status+`"}`)
			}
			b.rm.set(id, string(row.state), string(row.final))
			b.rm.apps[id].diagnostics = row.diagnostics
			o := b.observe()
			require.Equal(t, row.want != "", o.NoContext)
			require.LessOrEqual(t, len(o.Raw), job.MaxRaw)
			require.Contains(t, o.Raw, row.want)
			require.Contains(t, o.Raw, row.last)
			require.Contains(t, o.Raw, string(row.state))
			if row.want != "" {
				require.Equal(t, name != "exited", strings.Contains(o.Raw, "SparkSession.builder.getOrCreate()"))
				require.NotContains(t, o.Raw, " INFO ")
			}
		})
	}
}

func TestTelling(t *testing.T) {
	t.Parallel()
	require.Equal(t, "short INFO", telling("short INFO", 100))
	frames := strings.Repeat("\tat java.base/java.lang.Thread.run(Thread.java:840)\n", 40) + "\t... 7 more\n"
	trace := "Exception in thread \"main\" java.lang.RuntimeException: above\n" + frames + "Caused by: java.io.IOException: below\n" + frames
	for name, row := range map[string]struct{ stderr, want string }{
		"Spark's layout":    {infos(40) + trace + infos(5), "Exception in thread \"main\" java.lang.RuntimeException: above\nCaused by: java.io.IOException: below"},
		"a vendor's layout": {strings.Repeat("2026-01-02 03:04:05,678 INFO  [main] a.B (C.java:1) - nothing\n", 40) + "plain words", "plain words"},
		"in brackets":       {strings.Repeat("[2026-01-02 03:04:05.678] [main] DEBUG nothing at all to be seen here\n", 40) + "plain words", "plain words"},
		"all of it trouble": {strings.Repeat("26/01/02 03:04:05 WARN Client: this is odd\n", 60) + "the last", "26/01/02 03:04:05 WARN Client: this is odd\nthe last"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := telling(masterEnded(1, row.stderr), job.MaxRaw)
			require.LessOrEqual(t, len(got), job.MaxRaw)
			require.True(t, strings.HasPrefix(got, "Application application_1700000000000_0001 failed 1 times"), got)
			require.Contains(t, got, row.want)
			require.NotContains(t, got, "tracking page")
			require.NotContains(t, got, "Thread.java")
		})
	}
	for most := range 900 {
		require.LessOrEqual(t, len(telling(masterEnded(1, infos(40)+trace), most)), most)
	}
}
