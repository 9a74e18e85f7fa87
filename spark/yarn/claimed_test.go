package yarn

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/spark/local/localtest"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store/file"
)

// TestMain makes the test binary the supervisor, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(local.Supervise(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// submitScript is a spark-submit that sends an application of the right tags to
// the fake ResourceManager. Files in the directory steer tells it what to do;
// each start of it leaves one there, before anything else.
const submitScript = `
import os, sys, time, urllib.request
steer, address = os.environ["STEER"], os.environ["FAKE_RM"]
there = lambda name: os.path.exists(os.path.join(steer, name))
conf = dict(a.split("=", 1) for o, a in zip(sys.argv, sys.argv[1:]) if o == "--conf")
attempt = next(t for t in conf["spark.yarn.tags"].split(",") if t.startswith("stoker-job"))
open(os.path.join(steer, "start-%s-%d" % (attempt[-20:], os.getpid())), "w").write("\n".join(sys.argv))
while there("before"):
    time.sleep(0.01)
if there("fail"):
    print("Exception in thread main: queue=etl&token=hush is unknown\n\tat org.apache", file=sys.stderr)
    sys.exit(1)
tags = "".join("<tag>%s</tag>" % t for t in conf["spark.yarn.tags"].split(","))
body = "<application-submission-context><application-id>application_1_%04d</application-id><application-name>x</application-name>" \
    "<application-tags>%s</application-tags></application-submission-context>" % (os.getpid() % 10000, tags)
urllib.request.urlopen(urllib.request.Request(address + "/ws/v1/cluster/apps?user.name=" + os.environ["HADOOP_USER_NAME"], body.encode()))
open(os.path.join(steer, "sent"), "w").close()
while there("after"):
    time.sleep(0.01)
`

// claimedBundle is a Claimed over a fake ResourceManager, a directory, and real
// supervisors of a stand-in for spark-submit.
type claimedBundle struct {
	*bundle
	steer string
	host  local.Options
	c     *Claimed
	// change is applied to the options of each Claimed that is opened.
	change func(*ClaimedOptions)
}

func setupClaimed(t *testing.T) *claimedBundle {
	t.Helper()
	b := &claimedBundle{bundle: setup(t), steer: t.TempDir()}
	self, err := os.Executable()
	require.NoError(t, err)
	b.host = localtest.Options(t, self, "supervise")
	script := filepath.Join(b.host.SparkHome, "bin", "spark-submit")
	require.NoError(t, os.WriteFile(script, []byte("#!"+localtest.Python(t)+" -SEs\n"+submitScript), 0o700)) //nolint:gosec // a program
	b.host.Master, b.host.DeployMode, b.host.Concurrency = "yarn", "cluster", 4
	b.host.KillGrace = time.Second
	b.host.Env = map[string]string{"STEER": b.steer, "FAKE_RM": b.address, "HADOOP_USER_NAME": "ann"}
	b.c = b.openClaimed()
	t.Cleanup(func() {
		require.NoError(t, b.submitter().Kill(context.Background(), b.attempt, "test over"))
	})
	return b
}

func (b *claimedBundle) submitter() *local.Manager {
	b.Helper()
	m, err := local.New(b.host)
	require.NoError(b, err)
	return m
}

func (b *claimedBundle) openClaimed() *Claimed {
	b.Helper()
	o := ClaimedOptions{Options: b.opts, Submitter: b.submitter(), Settings: Settings{Queue: "etl", SparkVersion: "3.5", Runtimes: "/none"}}
	o.Builder = nil
	if b.change != nil {
		b.change(&o)
	}
	c, err := NewClaimed(o)
	require.NoError(b, err)
	return c
}

func (b *claimedBundle) prepare(attempt job.Attempt, python bool) {
	b.Helper()
	_, err := b.c.Reserve(b.Context(), attempt, time.Now().Add(time.Hour))
	require.NoError(b, err)
	dir := spark.JobDir(b.root, attempt)
	for name, text := range map[string]string{
		spark.FileLaunch: fmt.Sprintf(`{"name":"a job","pythonDriver":%t,"main":"driver.py"}`, python), spark.FileStaged: "{}",
	} {
		require.NoError(b, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
}

func (b *claimedBundle) tell(name string) {
	b.Helper()
	require.NoError(b, os.WriteFile(filepath.Join(b.steer, name), nil, 0o600))
}

func (b *claimedBundle) untell(name string) {
	b.Helper()
	require.NoError(b, os.Remove(filepath.Join(b.steer, name)))
}

func (b *claimedBundle) starts() int {
	b.Helper()
	found, err := filepath.Glob(filepath.Join(b.steer, "start-*"))
	require.NoError(b, err)
	return len(found)
}

func (b *claimedBundle) eventually(what string, condition func() bool) {
	b.Helper()
	require.Eventually(b, condition, time.Minute, 10*time.Millisecond, what)
}

func (b *claimedBundle) look() job.Observation {
	b.Helper()
	o, err := b.openClaimed().Observe(b.Context(), b.attempt)
	require.NoError(b, err)
	return o
}

// running begins a Submit and returns when spark-submit runs.
func (b *claimedBundle) running() <-chan error {
	b.Helper()
	result := make(chan error, 1)
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	b.Cleanup(cancel)
	go func() { result <- b.openClaimed().Submit(ctx, b.attempt) }()
	b.eventually("spark-submit starts", func() bool { return b.starts() == 1 })
	return result
}

func TestClaimedLaunchesOnce(t *testing.T) {
	b := setupClaimed(t)
	b.prepare(b.attempt, true)
	none, err := b.c.Identify(t.Context(), b.attempt)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Equal(t, spark.Claimed, b.c.Guarantee())
	var wait sync.WaitGroup
	for range 5 {
		wait.Go(func() { require.NoError(t, b.openClaimed().Submit(t.Context(), b.attempt)) })
	}
	wait.Wait()
	require.NoError(t, b.c.Submit(t.Context(), b.attempt))
	require.Equal(t, 1, b.starts())
	id, err := jobDir{store: b.opts.Store, path: b.dir()}.acknowledgedID(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^application_1_\d{4}$`, id)
	identified, err := b.openClaimed().Identify(t.Context(), b.attempt)
	require.NoError(t, err)
	require.Equal(t, id, identified)

	o := b.look()
	require.Equal(t, job.StatePending, o.State)
	require.True(t, strings.HasPrefix(o.Raw, id+": "), o.Raw)
	b.rm.set(id, "RUNNING", "UNDEFINED")
	require.Equal(t, job.StateRunning, b.look().State)
	require.Equal(t, job.CodeConflict, job.CodeOf(b.c.Release(t.Context(), b.attempt)))
	b.rm.set(id, "FINISHED", "SUCCEEDED")
	require.Equal(t, job.StateSucceeded, b.look().State)

	sightings, err := b.openClaimed().Snapshot(t.Context())
	require.NoError(t, err)
	require.Len(t, sightings, 1)
	require.Equal(t, b.attempt, sightings[0].Attempt)

	require.NoError(t, b.c.Release(t.Context(), b.attempt))
	for _, root := range []string{b.root, b.host.Root} {
		entries, err := os.ReadDir(spark.JobDir(root, b.attempt))
		require.NoError(t, err)
		for _, entry := range entries {
			require.True(t, spark.IsMarker(entry.Name()) || slices.Contains([]string{"claim.json", "child.json", "exit.json"}, entry.Name()), entry.Name())
		}
	}
	require.NoError(t, b.c.Submit(t.Context(), b.attempt))
	b.rm.forget(id)
	require.NoError(t, b.openClaimed().Submit(t.Context(), b.attempt), "it is on record")
	require.Equal(t, 1, b.starts())
}

// A program without Stoker's driver that fails has failed, and one that is forgotten is
// looked for in the history by YARN's id, not by the name of its reservation.
func TestClaimedProgram(t *testing.T) {
	b := setupClaimed(t)
	asked := make(chan string, 10)
	b.opts.History = historyFunc(func(id string) bool { asked <- id; return true })
	b.c = b.openClaimed()
	b.prepare(b.attempt, false)
	require.NoError(t, b.c.Submit(t.Context(), b.attempt))
	id, err := jobDir{store: b.opts.Store, path: b.dir()}.acknowledgedID(t.Context())
	require.NoError(t, err)
	b.rm.set(id, "FINISHED", "FAILED")
	o := b.look()
	require.Equal(t, job.StateFailed, o.State)
	require.Equal(t, job.ClassApplication, job.Decide(job.Evidence{Observation: o}).Class)
	b.rm.forget(id)
	o = b.look()
	require.Equal(t, job.StateAbsent, o.State)
	require.Equal(t, job.BeganYes, o.Began)
	require.Equal(t, id, <-asked)
}

type historyFunc func(id string) bool

func (f historyFunc) Ran(_ context.Context, id string) (bool, error) { return f(id), nil }

// A spark-submit that failed is never started again, and with the fence set
// nothing can begin; without one nobody knows.
func TestClaimedFailedLaunch(t *testing.T) {
	for name, row := range map[string]struct {
		python bool
		began  job.Began
	}{"the Python driver": {true, job.BeganNo}, "a JAR": {false, job.BeganUnknown}} {
		t.Run(name, func(t *testing.T) {
			b := setupClaimed(t)
			b.prepare(b.attempt, row.python)
			b.tell("fail")
			for range 2 {
				err := b.openClaimed().Submit(t.Context(), b.attempt)
				require.Equal(t, job.CodeConflict, job.CodeOf(err))
				require.ErrorContains(t, err, "queue=etl&token=*** is unknown")
				require.NotContains(t, err.Error(), "hush")
			}
			require.NoError(t, b.c.Kill(t.Context(), b.attempt, "the launch failed"))
			o := b.look()
			require.Equal(t, job.StateAbsent, o.State)
			require.Equal(t, row.began, o.Began)
			b.untell("fail")
			require.Error(t, b.openClaimed().Submit(t.Context(), b.attempt))
			require.Equal(t, 1, b.starts())
			out, _, err := b.c.Logs(t.Context(), b.attempt, "stderr", 0, 1000)
			if b.opts.Logs != nil {
				require.NoError(t, err)
				require.Contains(t, string(out), "is unknown")
			}
			require.NoError(t, b.c.Release(t.Context(), b.attempt))
		})
	}
}

// Another root of the same installation has had the same attempt: its application
// is nobody's here.
func TestClaimedTakesNoOthersApplication(t *testing.T) {
	b := setupClaimed(t)
	b.prepare(b.attempt, true)
	require.NoError(t, b.c.Submit(t.Context(), b.attempt))
	b.root, b.host.Root = t.TempDir(), filepath.Join(t.TempDir(), "jobs")
	b.opts.Root = b.root
	b.c = b.openClaimed()
	b.prepare(b.attempt, true)
	require.Equal(t, job.StateAbsent, b.look().State)
	require.NoError(t, b.c.Submit(t.Context(), b.attempt))
	require.Equal(t, 2, b.starts())
	require.Len(t, b.rm.apps, 2)
}

// The worker dies after the intent: nothing was started, so the next one starts it.
func TestClaimedWorkerDiesBeforeTheClaim(t *testing.T) {
	b := setupClaimed(t)
	b.prepare(b.attempt, true)
	dies := func(o *ClaimedOptions) {
		o.Hold = func(_ context.Context, point string) {
			if point == holdIntent {
				runtime.Goexit()
			}
		}
	}
	b.change = dies
	first := b.openClaimed()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = first.Submit(t.Context(), b.attempt) // it does not come back
	}()
	<-done
	require.FileExists(t, filepath.Join(b.dir(), spark.FileIntent))
	require.Zero(t, b.starts())
	b.change = nil
	require.NoError(t, b.openClaimed().Submit(t.Context(), b.attempt))
	require.Equal(t, 1, b.starts())
}

// Supervisor and spark-submit are killed before anything was sent: lost or fenced,
// never started again.
func TestClaimedSupervisorKilledBeforeSending(t *testing.T) {
	b := setupClaimed(t)
	b.prepare(b.attempt, true)
	b.tell("before")
	result := b.running()
	b.killAll()
	require.Equal(t, job.CodeConflict, job.CodeOf(<-result))
	b.untell("before")
	require.Equal(t, job.CodeConflict, job.CodeOf(b.openClaimed().Submit(t.Context(), b.attempt)))
	require.NoError(t, b.c.Kill(t.Context(), b.attempt, "the launch failed"))
	require.Equal(t, job.BeganNo, b.look().Began, "the driver would find the fence")
	require.Equal(t, 1, b.starts())
}

// They are killed after it was sent: the application is found by its tags.
func TestClaimedSupervisorKilledAfterSending(t *testing.T) {
	b := setupClaimed(t)
	b.prepare(b.attempt, true)
	b.tell("after")
	ctx, cancel := context.WithCancel(t.Context())
	b.rm.mu.Lock()
	b.rm.unsaved = true // so that Submit goes on waiting
	b.rm.mu.Unlock()
	result := make(chan error, 1)
	go func() { result <- b.openClaimed().Submit(ctx, b.attempt) }()
	b.eventually("it is sent", func() bool { _, err := os.Stat(filepath.Join(b.steer, "sent")); return err == nil })
	b.killAll()
	cancel()
	require.Error(t, <-result)
	b.rm.mu.Lock()
	for _, app := range b.rm.apps {
		app.state = "ACCEPTED"
	}
	b.rm.mu.Unlock()
	require.Equal(t, job.StatePending, b.look().State)
	require.NoError(t, b.openClaimed().Submit(t.Context(), b.attempt))
	require.Equal(t, 1, b.starts())
	require.NoError(t, b.openClaimed().Kill(t.Context(), b.attempt, "enough"))
	require.Equal(t, job.StateKilled, b.look().State)
}

// killAll kills every process of the attempt with SIGKILL.
func (b *claimedBundle) killAll() {
	b.Helper()
	mark := []byte("STOKER_APPLICATION=local-" + b.attempt.Job + "-")
	processes, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(b, err)
	killed := 0
	for _, p := range processes {
		environ, err := os.ReadFile(p)
		if err != nil || !strings.Contains(string(environ), string(mark)) || !b.below(p) {
			continue
		}
		var pid int
		_, err = fmt.Sscanf(p, "/proc/%d/environ", &pid)
		require.NoError(b, err)
		require.NoError(b, syscall.Kill(pid, syscall.SIGKILL))
		killed++
	}
	require.Equal(b, 2, killed, "a supervisor and a spark-submit")
}

// below: the process belongs to this test's cluster, by its working directory or
// its command line.
func (b *claimedBundle) below(environ string) bool {
	dir := filepath.Dir(environ)
	cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))      // gone, or not ours
	line, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // likewise
	return strings.HasPrefix(cwd, b.host.Root) || strings.Contains(string(line), b.host.Root)
}

// A kill during the launch leaves no spark-submit, and nothing is launched after.
func TestClaimedKillDuringTheLaunch(t *testing.T) {
	b := setupClaimed(t)
	b.prepare(b.attempt, true)
	b.tell("before")
	result := b.running()
	require.Equal(t, job.StatePending, b.look().State)
	require.Equal(t, job.CodeConflict, job.CodeOf(b.c.Release(t.Context(), b.attempt)))
	require.NoError(t, b.openClaimed().Kill(t.Context(), b.attempt, "changed my mind"))
	require.Error(t, <-result)
	b.untell("before")
	require.Error(t, b.openClaimed().Submit(t.Context(), b.attempt))
	require.NoError(t, b.openClaimed().Kill(t.Context(), b.attempt, "still so"))
	require.Empty(t, b.rm.apps)
	require.Equal(t, 1, b.starts())
	o := b.look()
	require.Equal(t, job.StateAbsent, o.State)
	require.Equal(t, job.BeganNo, o.Began)
}

func TestClaimedKillBeforeTheLaunch(t *testing.T) {
	b := setupClaimed(t)
	b.prepare(b.attempt, true)
	require.NoError(t, b.c.Kill(t.Context(), b.attempt, "changed my mind"))
	require.ErrorIs(t, b.openClaimed().Submit(t.Context(), b.attempt), spark.ErrRevoked)
	require.Zero(t, b.starts())
	require.Equal(t, job.BeganNo, b.look().Began)
}

// otherHost is a submitter of another host, which has launched nothing.
type otherHost struct{ Submitter }

func (o otherHost) Reserve(ctx context.Context, attempt job.Attempt, notAfter time.Time) (spark.Reservation, error) {
	r, err := o.Submitter.Reserve(ctx, attempt, notAfter)
	r.Host = "elsewhere"
	return r, err
}

func TestClaimedBelongsToOneHost(t *testing.T) {
	b := setupClaimed(t)
	b.prepare(b.attempt, true)
	b.tell("before")
	result := b.running()
	b.change = func(o *ClaimedOptions) { o.Submitter = otherHost{o.Submitter} }
	err := b.openClaimed().Submit(t.Context(), b.attempt)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.ErrorContains(t, err, "was begun on host")
	err = b.openClaimed().Kill(t.Context(), b.attempt, "from afar")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "it cannot be confirmed from here")
	b.untell("before")
	require.NoError(t, <-result, "it was sent before anybody there looked")
	require.NoError(t, b.openClaimed().Kill(t.Context(), b.attempt, "from afar"), "what was sent can be ended from anywhere")
	require.Equal(t, job.StateKilled, b.look().State)
	require.Equal(t, 1, b.starts())
}

// A host that has lost its records launches nothing that it may have launched.
func TestClaimedLostRecords(t *testing.T) {
	b := setupClaimed(t)
	b.prepare(b.attempt, true)
	b.tell("fail")
	require.Error(t, b.c.Submit(t.Context(), b.attempt))
	require.NoError(t, os.RemoveAll(filepath.Join(b.host.Root, b.attempt.Job)))
	err := b.openClaimed().Submit(t.Context(), b.attempt)
	require.Equal(t, job.CodeConflict, job.CodeOf(err))
	require.ErrorContains(t, err, "records of that are gone")
	require.Equal(t, 1, b.starts())
}

func TestClaimedIsBusyAtTheLimit(t *testing.T) {
	b := setupClaimed(t)
	b.host.Concurrency = 1
	b.prepare(b.attempt, true)
	b.tell("before")
	result := b.running()
	late := job.Key{Source: "model-manage", ID: "J-8"}.Attempt(1)
	b.prepare(late, true)
	t.Cleanup(func() { require.NoError(t, b.submitter().Kill(context.Background(), late, "test over")) })
	require.ErrorIs(t, b.openClaimed().Submit(t.Context(), late), spark.ErrBusy)
	never := job.Key{Source: "model-manage", ID: "J-9"}.Attempt(1)
	b.prepare(never, false)
	require.ErrorIs(t, b.openClaimed().Submit(t.Context(), never), spark.ErrBusy)
	require.NoError(t, b.openClaimed().Kill(t.Context(), never, "waited too long"))
	o, err := b.openClaimed().Observe(t.Context(), never)
	require.NoError(t, err)
	require.Equal(t, job.BeganNo, o.Began, "it was never started, and cannot be any more")
	b.untell("before")
	require.NoError(t, <-result)
	b.eventually("there is room", func() bool { return b.openClaimed().Submit(t.Context(), late) == nil })
	require.Equal(t, 2, b.starts())
}

func TestClaimedResourceManagerDown(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"dead":  func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true },
		"slow":  func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
		"lying": func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte("<html>")); return true },
	} {
		t.Run(name, func(t *testing.T) {
			b := setupClaimed(t)
			b.prepare(b.attempt, true)
			client, err := rm.New(rm.Options{Addresses: []string{b.address}, User: "ann", Timeout: 200 * time.Millisecond})
			require.NoError(t, err)
			b.opts.ResourceManager = client
			b.rm.mu.Lock()
			b.rm.before = answer
			b.rm.mu.Unlock()
			c := b.openClaimed()
			require.Equal(t, job.CodeUnavailable, job.CodeOf(c.Submit(t.Context(), b.attempt)))
			_, err = c.Observe(t.Context(), b.attempt)
			require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
			require.Equal(t, job.CodeUnavailable, job.CodeOf(c.Release(t.Context(), b.attempt)))
			require.NoError(t, c.Kill(t.Context(), b.attempt, "enough"), "nothing was ever begun")
			o, err := c.Observe(t.Context(), b.attempt)
			require.NoError(t, err)
			require.Equal(t, job.BeganNo, o.Began)
			require.NoError(t, c.Release(t.Context(), b.attempt))
			require.Zero(t, b.starts())
		})
	}
}

func TestClaimedCommand(t *testing.T) {
	b := setupClaimed(t)
	runtimes := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(runtimes, "3.5.json"), []byte(`{"sparkVersion":"3.5.9","archive":{"path":"/r/spark.zip"}}`), 0o600))
	b.change = func(o *ClaimedOptions) {
		o.Settings.Runtimes, o.SparkVersion, o.Settings.JavaHome = runtimes, "3.5.9", "/jdk"
		o.Store = file.New(file.Options{})
	}
	b.prepare(b.attempt, true)
	b.put(spark.FileLaunch, `{"name":"n","pythonDriver":true,"main":"driver.py","pyFiles":["sources.zip","hdfs://other/x.py"],`+
		`"files":["job.json#job","/abs/f"],"args":["a b","back\\slash {{"],"options":{"conf":{"spark.yarn.tags":"mine","spark.yarn.queue":"ops"}}}`)
	require.NoError(t, os.MkdirAll(filepath.Join(b.dir(), spark.DirWork, "deep"), 0o700))
	b.put(spark.DirWork+"/deep/a b", "x")
	c := b.openClaimed()
	reservation, err := c.Reserve(t.Context(), b.attempt, time.Now())
	require.NoError(t, err)
	s := claiming{c: c, dir: jobDir{store: c.m.opts.Store, path: b.dir()}, attempt: b.attempt, reservation: reservation}
	got, err := s.command(t.Context())
	require.NoError(t, err)
	at := "file:" + b.dir()
	require.Equal(t, spark.Launch{
		Name: "n", Main: at + "/driver.py", Args: []string{"a b", "back\\\\slash {\\\n{"}, PyFiles: []string{at + "/sources.zip", "hdfs://other/x.py"},
		Files: []string{at + "/job.json#job", "file:/abs/f", at + "/work/deep/a%20b#deep/a%20b"}, Jars: []string{}, Archives: []string{},
		Options: job.Options{Conf: map[string]string{
			"spark.yarn.tags":  strings.Join(append(c.m.marks(b.attempt), claimTag(reservation), "mine"), ","),
			"spark.yarn.queue": "ops", "spark.yarn.maxAppAttempts": "1", "spark.yarn.submit.waitAppCompletion": "false",
			"spark.yarn.stagingDir": at, "spark.yarn.archive": "file:/r/spark.zip",
			"spark.yarn.appMasterEnv.JAVA_HOME": "/jdk", "spark.executorEnv.JAVA_HOME": "/jdk",
		}},
	}, got)
	b.change = func(o *ClaimedOptions) { o.Settings.Runtimes, o.SparkVersion = runtimes, "3.5.1" }
	s.c = b.openClaimed()
	got, err = s.command(t.Context())
	require.NoError(t, err)
	require.NotContains(t, got.Options.Conf, "spark.yarn.archive", "another version's jars")

	// What its own spark-defaults.conf says stays, as when the application is sent without it.
	b.change = func(o *ClaimedOptions) { o.Settings.Runtimes, o.SparkVersion = runtimes, "3.5.9" }
	conf := filepath.Join(b.host.SparkHome, "conf")
	defaults := func(text string) error {
		require.NoError(t, os.MkdirAll(conf, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(conf, fileDefaults), []byte(text), 0o600))
		s.c = b.openClaimed()
		got, err = s.command(t.Context())
		return err
	}
	b.put(spark.FileLaunch, `{"main":"driver.py"}`)
	require.NoError(t, defaults("spark.yarn.tags theirs\nspark.yarn.jars local:/opt/spark/*\n"))
	require.NotContains(t, got.Options.Conf, "spark.yarn.archive")
	require.True(t, strings.HasSuffix(got.Options.Conf["spark.yarn.tags"], ",theirs"))
	require.NoError(t, defaults("spark.executor.memory 1g\n"))
	require.Equal(t, "file:/r/spark.zip", got.Options.Conf["spark.yarn.archive"])
	require.Equal(t, job.CodeInvalid, job.CodeOf(defaults("spark.yarn.tags x,stoker-job-k.1\n")))
}

// What spark-submit would make of names and interpreters is mended or refused before it
// is called.
func TestClaimedCommandMendsAndRefuses(t *testing.T) {
	b := setupClaimed(t)
	b.prepare(b.attempt, false)
	s := &claiming{c: b.c, attempt: b.attempt, reservation: spark.Reservation{Attempt: b.attempt}, dir: jobDir{store: b.opts.Store, path: b.dir()}}
	b.put(spark.FileLaunch, `{"main":"main.py","options":{"conf":{"spark.yarn.appMasterEnv.PYSPARK_PYTHON":"./env/bin/python"}}}`)
	got, err := s.command(t.Context())
	require.NoError(t, err)
	require.Equal(t, "./env/bin/python", got.Options.Conf["spark.yarn.appMasterEnv.PYSPARK_DRIVER_PYTHON"])
	b.put(spark.FileLaunch, `{"main":"main.py","pyFiles":["lib-1.0.zip#lib.zip"]}`)
	_, err = s.command(t.Context())
	require.Equal(t, []string{"pyFiles[0]: spark-submit does not find an archive under another name (lib.zip) than its own; rename the file"}, job.ProblemsOf(err))
	b.put(spark.FileLaunch, `{"main":"main.py","pyFiles":["/a/util.py","/a/util.py","/b/util.py","/b/x.zip"],"jars":["/a/x.jar","/b/x.jar"],"files":["/a/x.zip","/b/x.zip"]}`)
	_, err = s.command(t.Context())
	require.Equal(t, []string{
		"jars[1]: /b/x.jar has the file name of jars[0], and Spark leaves out the second of two; rename one",
		"pyFiles[2]: /b/util.py has the file name of pyFiles[0], and Spark leaves out the second of two; rename one",
		"pyFiles[3]: /b/x.zip has the file name of files[0], and Spark leaves out the second of two; rename one",
	}, job.ProblemsOf(err))
}
