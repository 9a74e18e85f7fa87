package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/spark/local/localtest"
)

// planted stand for what a worker has in its environment and no application
// may see. TestMain sets them.
var planted = map[string]string{
	"TEMPORAL_API_KEY":      "planted-secret",
	"STOKER_OAUTH_SECRET":   "planted-secret",
	"AWS_SECRET_ACCESS_KEY": "planted-secret",
	"https_proxy":           "http://user:planted-secret@proxy:3128",
	"KRB5CCNAME":            "/tmp/planted-secret",
	"JAVA_TOOL_OPTIONS":     "-Dpassword=planted-secret",
	"SPARK_SUBMIT_OPTS":     "-Dpassword=planted-secret",
	"PYTHONPATH":            "/planted-secret",
	"LD_PRELOAD_X":          "planted-secret",
	"LC_TIME":               "C.UTF-8",
	"HADOOP_CONF_DIR":       "/etc/hadoop/planted",
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *local.Options) { o.Env = map[string]string{"MODEL_REGION": "eu"} })
	r := b.stage(false, `note("env", json.dumps(dict(os.environ)))`)
	b.submit()
	var env map[string]string
	require.NoError(t, json.Unmarshal([]byte(b.said("env")), &env))
	spark := env["FAKE_SPARK"]
	for key := range env {
		switch key {
		case "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "LC_ALL", "LC_CTYPE", "LC_TIME", "HADOOP_CONF_DIR",
			"JAVA_HOME", "SPARK_HOME", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "TMPDIR", "SPARK_LOCAL_DIRS",
			"SPARK_LOCAL_IP", "SPARK_CONF_DIR", "HADOOP_HOME", "YARN_CONF_DIR",
			"PYTHONDONTWRITEBYTECODE", "STOKER_APPLICATION", "MODEL_REGION", "FAKE_SPARK":
		default:
			require.Fail(t, "not on the list", "variable %s", key)
		}
	}
	require.Equal(t, r.Application, env["STOKER_APPLICATION"])
	require.Equal(t, filepath.Join(b.dir, "tmp"), env["TMPDIR"])
	require.Equal(t, "eu", env["MODEL_REGION"])
	require.Equal(t, "/etc/hadoop/planted", env["HADOOP_CONF_DIR"])
	require.Equal(t, b.opts.Java, env["JAVA_HOME"])
	require.Contains(t, spark, filepath.Join(b.dir, "work"))
	b.awaitState(job.StateSucceeded)
	b.nowhere("planted-secret")
}

// nowhere looks for a text in every file of the cluster.
func (b *bench) nowhere(text string) {
	b.Helper()
	require.NoError(b, filepath.WalkDir(b.opts.Root, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(b, err)
		if entry.Type().IsRegular() {
			data, err := os.ReadFile(path)
			require.NoError(b, err)
			require.False(b, bytes.Contains(data, []byte(text)), "%s holds %s", path, text)
		}
		return nil
	}))
}

// A secret reaches spark-submit through a file that is gone once the program
// has started; it is in no argument and no file that stays.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "pass=word: #!\\ \u00fc\U0001F600 end"
	b := newBench(t, func(o *local.Options) {
		o.SecretsDir = t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(o.SecretsDir, "db"), []byte(secret+"\n"), 0o600))
		conf := filepath.Join(o.SparkHome, "conf")
		require.NoError(t, os.MkdirAll(conf, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(conf, "spark-defaults.conf"),
			[]byte("spark.site.setting yes\nspark.app.password fromDefaults\nspark.given fromDefaults"), 0o600))
	})
	b.stageLaunch(spark.Launch{
		Name: "secrets", PythonDriver: true, Main: "main.py",
		Options: job.Options{Conf: map[string]string{"spark.app.password": "secret:db", "spark.given": "inLaunch"}},
	}, `
mark()
fake = json.loads(os.environ["FAKE_SPARK"])
props = fake["options"].get("--properties-file") or fake["argv"][fake["argv"].index("--properties-file") + 1]
note("mode", oct(os.stat(props).st_mode) if os.path.exists(props) else "gone")
while os.path.exists(props):
    time.sleep(0.01)
note("fake", os.environ["FAKE_SPARK"])
status("returned")`)
	b.submit()
	require.Contains(t, []string{"0o100600", "gone"}, b.said("mode"))
	var fake struct {
		Argv []string
		Conf map[string]string
	}
	require.NoError(t, json.Unmarshal([]byte(b.said("fake")), &fake))
	require.Equal(t, secret, fake.Conf["spark.app.password"])
	require.Equal(t, "yes", fake.Conf["spark.site.setting"], "spark-defaults.conf still counts")
	require.Equal(t, "inLaunch", fake.Conf["spark.given"])
	for _, arg := range fake.Argv {
		require.NotContains(t, arg, "pass=word")
	}
	b.awaitState(job.StateSucceeded)
	b.nowhere("pass=word")
	b.nowhere(`pass\=word`)
}

func TestSecretMissing(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *local.Options) { o.SecretsDir = t.TempDir() })
	b.stageLaunch(spark.Launch{Main: "main.py", Options: job.Options{Conf: map[string]string{
		"spark.a.password": "secret:absent", "spark.b.password": "secret:../../etc/passwd", "spark.driver.memory": "secret:absent",
	}}}, ``)
	err := b.m.Submit(t.Context(), b.attempt)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Len(t, job.ProblemsOf(err), 2, "the second is no name, the third would show: %v", job.ProblemsOf(err))
	require.NoFileExists(t, filepath.Join(b.dir, spark.FileIntent))
}

// An end that comes when the supervisor cannot be started after all is known.
func TestUnlaunchable(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(true, ``)
	require.NoError(t, os.WriteFile(filepath.Join(b.opts.SparkHome, "bin", "spark-submit"), []byte("#!/no/such/interpreter\n"), 0o700))
	b.submit()
	o := b.observe()
	require.Equal(t, job.StateFailed, o.State)
	require.Equal(t, job.BeganNo, o.Began)
	require.Contains(t, o.Raw, "spark-submit could not be started")
	require.NoError(t, b.m.Kill(t.Context(), b.attempt, "over"))
	require.Equal(t, job.StateFailed, b.observe().State)
}

// A closed gate keeps back what was never launched, and nothing else.
func TestGate(t *testing.T) {
	t.Parallel()
	closed := &spark.HeldError{Reason: "drained"}
	var gate error = closed
	b := newBench(t, func(o *local.Options) { o.Gate = func(context.Context) error { return gate } })
	b.stage(true, `note("ran"); wait("end")`)
	require.ErrorIs(t, b.m.Submit(t.Context(), b.attempt), closed)
	require.NoFileExists(t, filepath.Join(b.dir, spark.FileIntent))
	require.Equal(t, job.StateAbsent, b.observe().State)
	gate = nil
	b.submit()
	gate = closed
	b.submit()
	b.awaitFile(filepath.Join(b.scratch, "ran"))
	b.let("end")
	b.awaitState(job.StateSucceeded)
}

func TestPendingUntilStarted(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(true, `
wait("go")
mark()
status("running")
note("marked")
wait("end")
status("returned")`)
	b.submit()
	require.Equal(t, job.StatePending, b.observe().State)
	b.let("go")
	b.said("marked")
	o := b.observe()
	require.Equal(t, job.StateRunning, o.State)
	require.Equal(t, job.BeganYes, o.Began)
	require.WithinDuration(t, time.Now(), o.StartedAt, time.Minute)
	require.Zero(t, o.EndedAt)
	b.let("end")
	o = b.awaitState(job.StateSucceeded)
	require.True(t, o.Driver.Returned())
	require.Equal(t, 0, *o.ExitCode)
	require.False(t, o.EndedAt.IsZero())
}

// User code writes the status file too, and anything in its place.
func TestStatusGarbage(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(true, `mark()`)
	b.submit()
	b.awaitState(job.StateSucceeded)
	path := filepath.Join(b.dir, spark.FileStatus)
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	require.Nil(t, b.observe().Driver, "a pipe blocks nobody")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Symlink("/dev/zero", path))
	require.Nil(t, b.observe().Driver)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("["), 1<<20), 0o600))
	require.Nil(t, b.observe().Driver)
}

// Hints tell of the start of user code and of the end; the launch is told of by
// Submit itself. How fast they are is for the benchmark to say.
func TestChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(true, `
wait("go")
mark()
wait("end")
status("returned")`)
	ctx, cancel := context.WithCancel(t.Context())
	hints := make(chan job.Attempt)
	done := make(chan error, 2)
	go func(hints chan<- job.Attempt) { done <- b.m.Changes(ctx, hints) }(hints)
	hint := func(what string) {
		t.Helper()
		select {
		case attempt := <-hints:
			require.Equal(t, b.attempt, attempt)
		case <-time.After(patience):
			require.FailNow(t, "no hint", what)
		}
	}
	quiet := func(until func() bool) {
		for !until() {
			select {
			case <-hints:
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	b.submit()
	b.eventually("it runs", func() bool { return b.processes() == 1 })
	select {
	case <-hints:
		require.Fail(t, "a hint of the launch")
	case <-time.After(100 * time.Millisecond):
	}

	late := make(chan job.Attempt)
	go func() { done <- b.m.Changes(ctx, late) }()
	require.Equal(t, b.attempt, <-late, "a new watcher begins with all that are live")
	go func() {
		for range late { // hints are not read any more
		}
	}()

	b.let("go")
	hint("started")
	require.Equal(t, job.StateRunning, b.observe().State)
	b.let("end")
	hint("ended")
	quiet(func() bool { return b.observe().State == job.StateSucceeded })

	hints = make(chan job.Attempt)
	go func(hints chan<- job.Attempt) { done <- b.m.Changes(ctx, hints) }(hints)
	hint("ended while nobody watched")
	cancel()
	for range 3 {
		require.ErrorIs(t, <-done, context.Canceled)
	}
	close(late)
}

// A supervisor that dies without a word is told of as well, and so is the end of
// what it left, which nobody else tells of.
func TestChangesOrphan(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, `wait("end")`)
	b.submit()
	hints := make(chan job.Attempt)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.m.Changes(ctx, hints) }()
	require.Equal(t, b.attempt, <-hints)
	hint := func(what string) {
		t.Helper()
		select {
		case attempt := <-hints:
			require.Equal(t, b.attempt, attempt)
		case <-time.After(patience):
			require.FailNow(t, "no hint", what)
		}
	}
	b.slay(b.supervisorPID())
	hint("its supervisor died")
	require.Equal(t, job.StateRunning, b.observe().State)
	b.let("end")
	hint("it ended")
	b.awaitState(job.StateAbsent)
	select {
	case <-hints:
		require.Fail(t, "an end is told of once")
	case <-time.After(1500 * time.Millisecond):
	}
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func TestReleaseDeletesSecretsAndLockedDirs(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, `
os.mkdir("closed")
open("closed/file", "w").close()
os.chmod("closed", 0)`)
	b.submit()
	b.awaitState(job.StateSucceeded)
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "spark.properties"), []byte("left over"), 0o600))
	require.NoError(t, b.m.Release(t.Context(), b.attempt))
	entries, err := os.ReadDir(b.dir)
	require.NoError(t, err)
	for _, entry := range entries {
		require.True(t, local.IsMarker(entry.Name()), entry.Name())
		info, err := entry.Info()
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode(), entry.Name())
	}
	require.Equal(t, job.StateSucceeded, b.observe().State)
}

// Releasing what was never launched makes sure that it never is.
func TestReleaseRevokes(t *testing.T) {
	t.Parallel()
	b := newBench(t, holding(t, "read"))
	b.stage(false, ``)
	submitted := b.submitting()
	b.held("read")
	require.NoError(t, b.m.Release(t.Context(), b.attempt)) // removes the hold as well
	require.ErrorIs(t, <-submitted, spark.ErrRevoked)
	require.Zero(t, b.processes())
}

func TestNewListsProblems(t *testing.T) {
	t.Parallel()
	_, err := local.New(local.Options{Root: "jobs", SparkHome: "/nowhere", Python: "/no/python3", Java: "/no/java", Concurrency: -1, Env: map[string]string{"STOKER_X": "", "a b": ""}})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Len(t, job.ProblemsOf(err), 8)
	for _, words := range []string{
		`root "jobs" is not an absolute path`, "no installation id", "concurrency -1", "STOKER_X", `"a b"`,
		"/nowhere/bin/spark-submit is not an executable file: set sparkHome", "Python /no/python3", "no Java: /no/java/bin/java",
	} {
		require.ErrorContains(t, err, words)
	}
	_, err = local.New(local.Options{})
	require.ErrorContains(t, err, "no Spark: set sparkHome")
}

func TestProbe(t *testing.T) {
	t.Parallel()
	o := localtest.Options(t, supervise(t)...)
	m, err := local.New(o)
	require.NoError(t, err)
	require.NoError(t, m.Probe(t.Context()))

	require.NoError(t, os.Remove(filepath.Join(o.SparkHome, "bin", "spark-submit")))
	require.NoError(t, os.WriteFile(filepath.Join(o.Root, ".host"), []byte("another"), 0o600))
	err = m.Probe(t.Context())
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.Len(t, job.ProblemsOf(err), 2)
	require.ErrorContains(t, err, "spark-submit is not an executable file")
	require.ErrorContains(t, err, "belongs to another host")
}

func TestReservationOfOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.stage(false, ``)
	other := b.opts
	other.Installation = "another"
	m := b.open(other)
	_, err := m.Reserve(t.Context(), b.attempt, time.Now())
	require.Equal(t, job.CodeConflict, job.CodeOf(err))
	require.ErrorContains(t, err, "another installation")
	require.Equal(t, job.CodeConflict, job.CodeOf(m.Kill(t.Context(), b.attempt, "not mine")))
	require.NoFileExists(t, filepath.Join(b.dir, spark.FileRevoked))

	machine := filepath.Join(t.TempDir(), "machine-id")
	require.NoError(t, os.WriteFile(machine, []byte("another\n"), 0o600))
	m = b.open(local.WithMachineID(b.opts, machine))
	_, err = m.Reserve(t.Context(), b.attempt, time.Now())
	require.Equal(t, job.CodeConflict, job.CodeOf(err))
	require.ErrorContains(t, err, "only that host's worker")
	for _, err := range []error{
		m.Submit(t.Context(), b.attempt),
		m.Kill(t.Context(), b.attempt, "elsewhere"),
		m.Release(t.Context(), b.attempt),
	} {
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "the right worker may answer later")
	}
	require.Error(t, m.Probe(t.Context()))
}

// Without a machine id the root remembers one.
func TestGeneratedHostID(t *testing.T) {
	t.Parallel()
	o := local.WithMachineID(localtest.Options(t, supervise(t)...), "/no/machine-id")
	attempt := job.Key{Source: "test", ID: "host"}.Attempt(1)
	var wait sync.WaitGroup
	hosts := make([]string, 4)
	for i := range hosts {
		wait.Go(func() {
			if m, err := local.New(o); err == nil {
				if r, err := m.Reserve(t.Context(), attempt, time.Now()); err == nil {
					hosts[i] = r.Host
				}
			}
		})
	}
	wait.Wait()
	require.Contains(t, hosts[0], "generated-")
	for _, host := range hosts {
		require.Equal(t, hosts[0], host)
	}
}

func TestAttemptNames(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, attempt := range []job.Attempt{{}, {Job: "../x", Number: 1}, {Job: "x"}, {Job: ".live", Number: 1}, {Job: "a/b", Number: 1}} {
		_, err := b.m.Reserve(t.Context(), attempt, time.Now())
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), attempt.String())
	}
}
