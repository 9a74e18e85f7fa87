//go:build hadoop

package yarnfaults

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/dev/jar"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// queueOwn is the queue of one test at a time.
const queueOwn = "limited"

// ownProgram tells in JSON what reached the driver and an executor, and waits to be let
// go. The secret it tells only whether it is the right one.
const ownProgram = `import hashlib, json, os, sys, time
from pyspark.sql import SparkSession
import helper

base = sys.argv[1]
context = SparkSession.builder.getOrCreate().sparkContext
with open(base + ".starts", "a") as f:
    f.write("%d\n" % os.getpid())
conf = dict(context.getConf().getAll())


def there(_):
    import helper
    return [helper.WORD, open("limits.txt").read()]


print(json.dumps({
    "args": sys.argv[2:], "here": there(0), "executor": context.parallelize([0], 1).map(there).first(),
    "conf": {k: conf.get(k) for k in ("spark.example.word", "spark.executor.memory", "spark.driver.memory", "spark.app.name")},
    "secret": hashlib.sha256(conf.get("spark.my.password", "").encode()).hexdigest(),
}), flush=True)
print("oops", file=sys.stderr, flush=True)
while not os.path.exists(base + ".go"):
    time.sleep(0.02)
print("bye", flush=True)
`

// oddArgs hold what shells, XML and Spark give a meaning of their own.
func oddArgs() []string {
	return []string{"", "a b", "$HOME", "'\"\\", "é\n", "{{PWD}}", "<x>&amp;", "--conf", "*", "`id`", "%20", "!#;|"}
}

// own is an installation with an API of its own processes, and who submits jobs there.
type own struct {
	*bench.User
	i    *installation
	base string
	api  *bench.Process
}

func owned(i *installation) own {
	i.Helper()
	api, url := i.APIApart()
	return own{i.User(url), i, filepath.Join(i.Scratch, "own"), api}
}

func (o own) let() {
	o.T.Helper()
	require.NoError(o.T, os.WriteFile(o.base+".go", nil, 0o600))
}

func (o own) starts() int {
	data, _ := os.ReadFile(o.base + ".starts") // none yet
	return strings.Count(string(data), "\n")
}

// python is the spec of ownProgram with all that a spec can hold.
func (o own) python() jobspec.Spec {
	o.T.Helper()
	return jobspec.Spec{
		File: o.Upload([]byte(ownProgram), "own.py"), Args: append([]string{o.base}, oddArgs()...),
		PyFiles: []string{o.Upload([]byte("WORD = 'helped'\n"), "helper.py")},
		Files:   []string{o.Upload([]byte("at most 7"), "l.txt") + "#limits.txt"},
		Conf:    map[string]string{"spark.example.word": "a  b"}, Name: "my own job", Queue: queueOwn,
		Resources: jobspec.Resources{DriverMemory: "600m", ExecutorMemory: "520m", ExecutorCores: 1},
		Labels:    map[string]string{"team": "ours"},
	}
}

// told is what ownProgram says.
type told struct {
	Args           []string
	Here, Executor []string
	Conf           map[string]string
	Secret         string
}

// attempt is the directory of a job's attempt on HDFS.
func (o own) attempt(id string, n int) string {
	return spark.JobDir(o.Config.Clusters["yarn"].Root, job.AttemptOf(id, n))
}

// vault keeps a secret for the cluster's worker.
func vault(t *testing.T) option {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "db"), []byte(secret+"\n"), 0o600))
	return func(o *options) {
		o.keys = map[string]any{"clusters/yarn/yarn/secretsDir": dir, "clusters/yarn/spark/profile/secrets": []string{"db"}}
	}
}

// Somebody's own PySpark and Java programs, submitted over the API, run on YARN with all
// that they were submitted with. Their logs are followed while they run; how they ended is
// told when there is neither a worker nor Temporal. The secret reaches nobody but the
// program.
func TestOwnJobs(t *testing.T) {
	t.Parallel()
	i := install(t, vault(t))
	worker := i.Worker("--log-level", "debug")
	o := owned(i)
	spec := o.python()
	spec.SecretConf = map[string]string{"spark.my.password": "db"}
	python := o.Submit(spec).ID
	java := o.submitJava()

	followed := o.Follow(python, "stdout", 0)
	// Spark lets a Python program's stderr into its stdout, too.
	o.Eventually("its log is read along", func() bool { return strings.HasSuffix(followed.Last(), "oops\n") })
	_, line, _ := strings.Cut(followed.Last(), "\n{")
	line, _, _ = strings.Cut("{"+line, "\n")
	var said told
	require.NoError(t, json.Unmarshal([]byte(line), &said), followed.Last())
	files := []string{"helped", "at most 7"}
	require.Equal(t, told{
		Args: oddArgs(), Here: files, Executor: files, Secret: sha(secret), Conf: map[string]string{
			"spark.example.word": "a  b", "spark.executor.memory": "520m", "spark.driver.memory": "600m", "spark.app.name": "my own job",
		},
	}, said)
	view := o.Job(python)
	require.Equal(t, job.PhaseRunning, view.Phase)
	app, known := application(t, view.ApplicationID)
	require.True(t, known)
	require.Equal(t, "my own job", app.Name)
	require.Equal(t, user, app.User)
	require.Equal(t, queueOwn, strings.TrimPrefix(app.Queue, "root."))
	require.Equal(t, "SPARK", app.Type)
	require.Subset(t, app.Tags, []string{"stoker-job-" + python + ".1", i.tag()})
	o.keepsSecret(python)

	o.let()
	followed.Ends()
	for id, kind := range map[string]job.Kind{python: job.KindPySpark, java: job.KindJAR} {
		done := o.Done(id)
		require.Equal(t, job.ResultSucceeded, done.Outcome.Result, "%+v\n%s", done.Outcome, o.Log(id, "stderr"))
		require.Equal(t, kind, done.Kind)
		app, _ := application(t, done.ApplicationID)
		require.Equal(t, rm.FinalSucceeded, app.FinalStatus)
		require.Empty(t, i.noMarkers(o.attempt(id, 1)))
	}
	require.Equal(t, jar.Says("at most 7", "a  b", oddArgs()), o.Log(java, "stdout"))
	require.Equal(t, 1, o.starts())

	worker.Stop()
	i.Core.Kill()
	for _, id := range []string{python, java} {
		done := o.Job(id)
		require.Equal(t, job.PhaseDone, done.Phase)
		require.Equal(t, job.ResultSucceeded, done.Outcome.Result)
		require.Contains(t, o.Log(id, "stdout")+o.Log(id, "stderr"), "oops\n")
		require.True(t, strings.HasSuffix(o.Log(id, "stdout"), "\nbye\n"))
	}
	page, err := o.Client.List(t.Context(), jobs.Query{Labels: map[string]string{"team": "ours"}})
	require.NoError(t, err)
	require.Len(t, page.Jobs, 1)
	require.Len(t, page.Warnings, 1)
	require.Contains(t, page.Warnings[0], "only jobs that have ended are listed")
	o.nowhere("a log or a file that is kept", i.Dir)
}

// submitJava submits the Java program.
func (o own) submitJava() string {
	o.T.Helper()
	found, err := findSpark()
	require.NoError(o.T, err)
	program, needed, err := jar.Build(o.Context(), found)
	require.NoError(o.T, err)
	return o.Submit(jobspec.Spec{
		File: o.Upload(program, "report.jar"), ClassName: jar.Class, Jars: []string{o.Upload(needed, "words.jar")},
		Files: []string{o.Upload([]byte("at most 7"), "l.txt") + "#limits.txt"}, Conf: map[string]string{"spark.example.word": "a  b"},
		Args: append([]string{o.base}, oddArgs()...),
	}).ID
}

// keepsSecret: while a job runs, its secret stands where it must and nowhere else.
func (o own) keepsSecret(id string) {
	t := o.T
	t.Helper()
	i := o.i
	list, err := i.Client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{})
	require.NoError(t, err)
	require.NotEmpty(t, list.GetExecutions())
	for _, execution := range list.GetExecutions() {
		events := i.Client.GetWorkflowHistory(t.Context(), execution.GetExecution().GetWorkflowId(), execution.GetExecution().GetRunId(),
			false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			require.NotContains(t, event.String(), secret)
		}
	}
	shown, err := json.Marshal(o.Job(id))
	require.NoError(t, err)
	require.NotContains(t, string(shown), secret)
	o.nowhere("a log or a file that is kept", i.Dir)

	held := 0
	o.walk(path.Dir(o.attempt(id, 1)), func(name string, dir bool, mode fs.FileMode) {
		if dir {
			require.Equal(t, fs.FileMode(0o700), mode, name)
			return
		}
		require.Zero(t, mode&0o077, "%s has mode %s", name, mode)
		content := o.read(name)
		if path.Base(name) == "__spark_conf__.zip" {
			require.True(t, zipHolds(t, content, secret), "the secret goes this way")
			held++
			return
		}
		require.NotContains(t, string(content), secret, name)
	})
	require.Equal(t, 1, held)

	// What the NodeManager has of it nobody else on its host can read.
	found := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(hdp.State, "data", "containers"), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // gone since
		}
		if info, err := entry.Info(); err != nil || info.Size() > 1<<20 {
			return nil // as above; configuration is small
		}
		content, err := os.ReadFile(name)
		if err == nil && (bytes.Contains(content, []byte(secret)) || zipHolds(t, content, secret)) {
			found++
			require.True(t, hidden(t, name), "%s can be read by everybody", name)
		}
		return nil
	}))
	require.Positive(t, found, "it is looked for in the right place")
}

// hidden: nobody but its owner and group comes to a file.
func hidden(t *testing.T, name string) bool {
	t.Helper()
	for at := name; at != "/"; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		require.NoError(t, err)
		if needed := fs.FileMode(0o004); at == name && info.Mode()&needed == 0 || info.IsDir() && info.Mode()&0o001 == 0 {
			return true
		}
	}
	return false
}

// zipHolds reports whether a file of an archive holds a text.
func zipHolds(t *testing.T, archive []byte, text string) bool {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return false // it is none
	}
	for _, f := range r.File {
		in, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(in)
		_ = in.Close() // only read
		require.NoError(t, err)
		if bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}

// nowhere: no file below a directory of this host holds the secret.
func (o own) nowhere(what, dir string) {
	o.T.Helper()
	require.NoError(o.T, filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // gone since
		}
		data, err := os.ReadFile(name)
		if err == nil {
			require.False(o.T, bytes.Contains(data, []byte(secret)), "%s: %s", what, name)
		}
		return nil
	}))
}

// walk visits a tree on HDFS.
func (o own) walk(dir string, visit func(name string, dir bool, mode fs.FileMode)) {
	o.T.Helper()
	entries, err := o.i.files.List(o.Context(), dir)
	require.NoError(o.T, err)
	for _, e := range entries {
		visit(e.Path, e.Dir, e.Mode)
		if e.Dir {
			o.walk(e.Path, visit)
		}
	}
}

func (o own) read(name string) []byte {
	o.T.Helper()
	in, err := o.i.files.Open(o.Context(), name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since
	}
	require.NoError(o.T, err)
	defer func() { _ = in.Close() }() // only read
	data, err := io.ReadAll(in)
	require.NoError(o.T, err)
	return data
}

// A job of somebody's own is cancelled, by a worker that is killed at it, and run again.
func TestOwnJobCancelledAndRunAgain(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	first := i.Worker()
	o := owned(i)
	spec := o.python()
	spec.Queue = ""
	id := o.Submit(spec).ID
	o.Eventually("it runs", func() bool { return o.starts() == 1 })
	_, under, err := o.Client.Cancel(t.Context(), id, "wrong file")
	require.NoError(t, err)
	require.True(t, under)
	o.Eventually("it is revoked", func() bool {
		_, err := o.i.files.Stat(t.Context(), path.Join(o.attempt(id, 1), spark.FileRevoked))
		return err == nil
	})
	first.Kill()
	i.Worker()
	done := o.Done(id)
	require.Equal(t, job.ResultCancelled, done.Outcome.Result)
	require.Contains(t, done.Outcome.Message, "wrong file")
	require.True(t, i.killed(done.ApplicationID))
	require.Empty(t, i.noMarkers(o.attempt(id, 1)))

	again, err := o.Client.Rerun(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, id+"-r1", again.ID)
	o.let()
	rerun := o.Done(again.ID)
	require.Equal(t, job.ResultSucceeded, rerun.Outcome.Result)
	require.NotEqual(t, done.ApplicationID, rerun.ApplicationID)
	require.Equal(t, 2, o.starts())
	require.Contains(t, o.Log(again.ID, "stdout"), `"helped"`)
	require.Equal(t, job.ResultCancelled, o.Job(id).Outcome.Result, "the first is as it was")
}

// sha is a text's SHA-256 in hex.
func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
