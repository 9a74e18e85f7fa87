package local

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// A continued last line of spark-defaults.conf must not swallow ours.
func TestSparkDefaultsComeFirst(t *testing.T) {
	t.Parallel()
	o := Options{SecretsDir: t.TempDir()}
	conf := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(o.SecretsDir, "s"), []byte("hidden\r\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(conf, "spark-defaults.conf"), []byte(`spark.x a\`), 0o600))
	data, err := o.secretProperties(map[string]string{"spark.p": "s"}, []string{"SPARK_CONF_DIR=" + conf})
	require.NoError(t, err)
	require.Equal(t, "spark.x a\\\n\n#Secrets.\nspark.p=hidden\n", string(data))
	data, err = o.secretProperties(nil, nil)
	require.NoError(t, err)
	require.Empty(t, data, "without secrets spark-submit reads its own defaults")
}

// spark-submit itself names an application that has no name, by spark-defaults.conf or
// by its program.
func TestCommandWithoutAName(t *testing.T) {
	t.Parallel()
	cmd, err := Options{SparkHome: "/spark", Master: "local[2]"}.command("/jobs/a/1", spark.Launch{Main: "main.py"}, nil)
	require.NoError(t, err)
	require.NotContains(t, cmd.argv, "--name")
}

func TestCommand(t *testing.T) {
	t.Parallel()
	o := Options{SparkHome: "/spark", Master: "local[2]", Events: true}
	dir := jobDir("/jobs/a b/1")
	cmd, err := o.command(dir, spark.Launch{
		Name: "--odd name", Main: "main.py", Class: "a.B", Args: []string{"--name", "", "a,b"},
		PyFiles: []string{"sources.zip", "hdfs://nn/lib.zip"}, Jars: []string{"/opt/x.jar"},
		Options: job.Options{
			Conf: map[string]string{"spark.ui.enabled": "true", "spark.z": "a=b c", "spark.p": "secret:db", "spark.driver.extraJavaOptions": "-Dx=1", "spark.local.dir": "/elsewhere"},
			Args: []string{"--num-executors", "2"},
		},
	}, nil)
	require.NoError(t, err)
	require.True(t, cmd.events)
	require.Equal(t, []string{
		"/spark/bin/spark-submit", "--master", "local[2]", "--name", "--odd name",
		"--properties-file", "/jobs/a b/1/spark.properties",
		"--conf", `spark.driver.extraJavaOptions="-Dderby.system.home=/jobs/a b/1/tmp" "-Djava.io.tmpdir=/jobs/a b/1/tmp" -Dx=1`,
		"--conf", "spark.eventLog.buffer.kb=1k",
		"--conf", "spark.eventLog.compress=false",
		"--conf", "spark.eventLog.dir=file:///jobs/a%20b/1/eventlog",
		"--conf", "spark.eventLog.enabled=true",
		"--conf", "spark.eventLog.rolling.enabled=false",
		"--conf", "spark.local.dir=/jobs/a b/1/tmp",
		"--conf", `spark.redaction.regex=(?i)secret|password|token|access[.]?key|^spark\.p$`,
		"--conf", "spark.sql.warehouse.dir=/jobs/a b/1/tmp/warehouse",
		"--conf", "spark.ui.enabled=true",
		"--conf", "spark.ui.showConsoleProgress=false",
		"--conf", "spark.z=a=b c",
		"--py-files", "/jobs/a b/1/sources.zip,hdfs://nn/lib.zip",
		"--jars", "/opt/x.jar",
		"--class", "a.B",
		"--num-executors", "2",
		"/jobs/a b/1/main.py", "--name", "", "a,b",
	}, cmd.argv)
	require.Equal(t, map[string]string{"spark.p": "db"}, cmd.secrets)
}

// spark-defaults.conf counts below the job's conf, within the limits of its profile.
func TestCommandKeepsLimits(t *testing.T) {
	t.Parallel()
	launch := spark.Launch{Main: "main.py", Options: job.Options{
		Conf: map[string]string{"spark.executor.cores": "1"}, Limits: map[string]string{"spark.driver.memory": "4g", "spark.executor.memory": "4g", "spark.executor.cores": "2"},
	}}
	cmd, err := Options{}.command("/jobs/a/1", launch, []byte("spark.driver.memory 3g\nspark.executor.memory 5g\nspark.executor.cores 9"))
	require.NoError(t, err)
	require.NotContains(t, strings.Join(cmd.argv, "\n"), "spark.driver.memory", "Spark reads it")
	require.Contains(t, cmd.argv, "spark.executor.memory=4g")
	require.Contains(t, cmd.argv, "spark.executor.cores=1")
	cmd, err = Options{}.command("/jobs/a/1", launch, []byte(`spark.driver.memory \uXYZ`))
	require.NoError(t, err, "Spark says what is wrong with it")
	require.Contains(t, cmd.argv, "spark.driver.memory=1g")
}

func TestCommandRefuses(t *testing.T) {
	t.Parallel()
	for words, launch := range map[string]spark.Launch{
		"names no program":                 {},
		"leads out of the job directory":   {Main: "../main.py"},
		"holds a comma":                    {Main: "main.py", Files: []string{"a,b"}},
		"NUL character":                    {Main: "main.py", Args: []string{"a\x00"}},
		"carriage return":                  {Main: "main.py", Args: []string{"a\rb"}},
		"is not one":                       {Main: "main.py", Options: job.Options{Conf: map[string]string{"a=b": "c"}}},
		"shows the value in its command":   {Main: "main.py", Options: job.Options{Conf: map[string]string{"spark.driver.extraJavaOptions": "secret:x"}}},
		"does not name a secret":           {Main: "main.py", Options: job.Options{Conf: map[string]string{"spark.x": "secret:../x"}}},
		"\"../../x\" leads out of the job": {Main: "main.py", PyFiles: []string{"../../x"}},
	} {
		_, err := Options{}.command("/jobs/a/1", launch, nil)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), words)
		require.Len(t, job.ProblemsOf(err), 1)
		require.Contains(t, job.ProblemsOf(err)[0], words)
	}
}

func TestLocale(t *testing.T) {
	t.Parallel()
	for want, parent := range map[string][]string{
		"C.UTF-8":    {"LANG=C"},
		"":           {"LANG=de_DE.UTF-8"},
		"de_DE.utf8": {"LC_ALL=de_DE.utf8", "LANG=C"},
	} {
		got := ""
		for _, pair := range (Options{}).environment(parent, "/jobs/a/1", "app") {
			if value, ok := strings.CutPrefix(pair, "LC_ALL="); ok {
				got = value
			}
		}
		require.Equal(t, want, got)
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	s, err := parseStat([]byte("12 (a) b) Z (x) S 1 22 33 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 9876 1 2"))
	require.NoError(t, err)
	require.Equal(t, procStat{state: 'S', parent: 1, group: 22, session: 33, startTime: 9876, threads: 1}, s)
	self, err := procfs("/proc").identify(os.Getpid())
	require.NoError(t, err)
	require.True(t, procfs("/proc").alive(self))
	self.StartTime++
	require.False(t, procfs("/proc").alive(self))
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("1 (a) S 1 2 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = parseStat(data) })
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	report, start, end := parseStatus([]byte(`{"version":1,"application":"app","state":"raised","stage":"init","errorType":"E","message":"m",
		"traceback":"t","start":"2026-01-02T03:04:05.678Z","end":"7","more":[]}`), "app")
	require.Equal(t, &job.DriverReport{State: "raised", Stage: "init", ErrorType: "E", Message: "m", Traceback: "t"}, report)
	require.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), start)
	require.Zero(t, end)
	for _, other := range []string{`{"version":1,"application":"other","state":"returned"}`, `{"version":1,"state":"done"}`, `{"version":2,"state":"returned"}`, `[]`, ``, `{"state":`, `null`} {
		report, _, _ := parseStatus([]byte(other), "app")
		require.Nil(t, report, other)
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(`{"version":1,"state":"raised","message":"m","traceback":"` + strings.Repeat("é", 3000) + `"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		report, _, _ := parseStatus(data, "app")
		if report == nil {
			return
		}
		require.LessOrEqual(t, len(report.Message), job.MaxMessage)
		require.LessOrEqual(t, len(report.Traceback), job.MaxTraceback)
		require.LessOrEqual(t, len(report.Stage)+len(report.ErrorType), 2*job.MaxWord)
		for _, text := range []string{report.Stage, report.ErrorType, report.Message, report.Traceback} {
			require.True(t, utf8.ValidString(text))
		}
	})
}

func TestObserveEnded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	code := func(n int) exitRecord { return exitRecord{Code: &n, EndedAt: now} }
	revoked := &revocation{At: now.Add(-time.Second)}
	lateRevoked := &revocation{At: now.Add(time.Second)}
	running := &job.DriverReport{State: "running"}
	raised := &job.DriverReport{State: "raised"}
	for name, c := range map[string]struct {
		exit      exitRecord
		revoked   *revocation
		fenced    bool
		report    *job.DriverReport
		state     job.State
		began     job.Began
		restarted bool
	}{
		"returned":                   {exit: code(0), state: job.StateSucceeded, began: job.BeganYes},
		"returned before the kill":   {exit: code(0), revoked: revoked, state: job.StateSucceeded, began: job.BeganYes},
		"raised":                     {exit: code(1), report: raised, state: job.StateFailed, began: job.BeganYes},
		"killed by Stoker":           {exit: code(143), revoked: revoked, state: job.StateKilled, began: job.BeganYes},
		"failed before the kill":     {exit: code(1), revoked: lateRevoked, state: job.StateFailed, began: job.BeganYes},
		"signal":                     {exit: exitRecord{Signal: 9, EndedAt: now}, state: job.StateKilled, began: job.BeganYes},
		"signal to the JVM":          {exit: code(143), state: job.StateKilled, began: job.BeganYes},
		"signal to Python":           {exit: code(137), report: running, state: job.StateKilled, began: job.BeganYes},
		"raised with a code like it": {exit: code(137), report: raised, state: job.StateFailed, began: job.BeganYes},
		"stopped with the service":   {exit: exitRecord{Signal: 15, Stopped: true, EndedAt: now}, state: job.StateFailed, began: job.BeganYes, restarted: true},
		"fenced out by us":           {exit: code(86), fenced: true, state: job.StateFailed, began: job.BeganNo},
		"a second start":             {exit: code(86), state: job.StateAbsent, began: job.BeganYes},
		"no marker":                  {exit: code(87), state: job.StateFailed, began: job.BeganNo},
		"no marker, says user code":  {exit: code(87), report: running, state: job.StateFailed, began: job.BeganYes},
		"no status":                  {exit: code(88), state: job.StateFailed, began: job.BeganYes},
		"not launched":               {exit: exitRecord{NotLaunched: "no", EndedAt: now}, fenced: true, state: job.StateFailed, began: job.BeganNo},
		"ended by Kill itself":       {exit: exitRecord{Killed: true, EndedAt: now}, state: job.StateKilled, began: job.BeganYes},
	} {
		v := view{claim: &claim{PythonDriver: true}, exit: &c.exit, revoked: c.revoked, fenced: c.fenced}
		o := job.Observation{Driver: c.report, Began: job.BeganNo}
		if !c.fenced {
			v.started = now
			o.Began = job.BeganYes
		}
		got := observeEnded(o, v)
		require.Equal(t, c.state, got.State, name)
		require.Equal(t, c.began, got.Began, name)
		require.Equal(t, c.restarted, got.Restarted, name)
		require.NotEmpty(t, got.Raw, name)
	}
}

func TestRestarted(t *testing.T) {
	t.Parallel()
	then := place{BootID: "b", PIDNamespace: "pid:[1]", InitStart: 5, Unit: "stoker.service", Invocation: "i"}
	for words, change := range map[string]func(now *place){
		"the host was restarted":       func(now *place) { now.BootID, now.InitStart = "c", 6 },
		"the container was restarted":  func(now *place) { now.PIDNamespace = "pid:[2]" },
		"the container was restarted ": func(now *place) { now.InitStart = 6 },
		"the systemd unit stoker.service was restarted with its children; set KillMode=process": func(now *place) { now.Invocation = "j" },
	} {
		now := then
		change(&now)
		require.Contains(t, restarted(then, now), strings.TrimSpace(words))
	}
	for _, now := range []place{
		then,
		{PIDNamespace: "pid:[2]"}, // unreadable boot id
		{BootID: "b"},
		{BootID: "b", PIDNamespace: "pid:[1]", InitStart: 5, Unit: "other.service", Invocation: "j"},
	} {
		require.Empty(t, restarted(then, now))
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	mode := func(mode string) func(string) string { return func(string) string { return mode } }
	service := place{Unit: "stoker.service", Invocation: "i"}
	require.Empty(t, warnings(place{}, false, mode("")))
	require.Empty(t, warnings(service, false, mode("process")))
	require.Empty(t, warnings(place{Invocation: "i"}, false, mode("")), "a terminal of a service's user")
	require.Contains(t, warnings(service, false, mode("control-group"))[0], "set KillMode=process")
	require.Contains(t, warnings(service, false, mode(""))[0], "cannot be read")
	require.Contains(t, warnings(place{}, true, mode(""))[0], "container")
}

func TestPlaceInFakeProc(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(proc, "self", "ns"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(proc, "1"), 0o700))
	require.NoError(t, os.Symlink("pid:[77]", filepath.Join(proc, "self", "ns", "pid")))
	require.NoError(t, os.WriteFile(filepath.Join(proc, "self", "cgroup"), []byte("9:memory:/x.service\n0::/system.slice/stoker.service/sub\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(proc, "1", "stat"), []byte("1 (init) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 42 0"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(proc, "1", "environ"), []byte("PATH=/\x00container=docker\x00"), 0o600))
	require.Equal(t, place{PIDNamespace: "pid:[77]", InitStart: 42, Unit: "stoker.service", Invocation: "i"}, procfs(proc).here("i"))
	require.True(t, inContainer(procfs(proc)))
}

func TestLocks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	require.False(t, held(path), "no file, no lock")
	lock, err := tryLock(path)
	require.NoError(t, err)
	_, err = tryLock(path)
	require.ErrorIs(t, err, errHeld)
	require.True(t, held(path))
	require.NoError(t, lock.Close())
	require.False(t, held(path))
}

func TestCreateExclusive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "record")
	errs := make(chan error)
	for i := range 8 {
		go func() { errs <- createExclusive(path, bytes.Repeat([]byte{byte('a' + i)}, 1000)) }()
	}
	won := 0
	for range 8 {
		if err := <-errs; err == nil {
			won++
		} else {
			require.ErrorIs(t, err, os.ErrExist)
		}
	}
	require.Equal(t, 1, won)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary files stay")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat(data[:1], 1000), data)
}

// The exit record needs no space that was not taken before the launch.
func TestExitRecordUsesReserve(t *testing.T) {
	t.Parallel()
	s := &supervisor{dir: jobDir(t.TempDir())}
	require.NoError(t, s.reserveExit())
	before, err := os.Stat(s.dir.path(fileExitReserve))
	require.NoError(t, err)
	code := 3
	require.NoError(t, s.writeExit(exitRecord{Code: &code, NotLaunched: strings.Repeat("\x01", 5000)}))
	after, err := os.Stat(s.dir.path(fileExit))
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
	require.Equal(t, before.Size(), after.Size())
	got, err := readJSON[exitRecord](s.dir.path(fileExit))
	require.NoError(t, err)
	require.Equal(t, 3, *got.Code)
	require.ErrorIs(t, s.writeExit(exitRecord{}), os.ErrExist)
}

func TestEntriesAreHints(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, dirLive)
	require.NoError(t, os.Mkdir(dir, 0o700))
	good, err := json.Marshal(entry{Application: "good"})
	require.NoError(t, err)
	for name, data := range map[string]string{"good": string(good), "bad": "{", "other": string(good), ".tmp": string(good)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600))
	}
	list, err := entries(root, dirLive)
	require.NoError(t, err)
	require.Len(t, list, 1)
}
