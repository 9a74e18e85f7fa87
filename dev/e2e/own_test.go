package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/dev/jar"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// own is who submits jobs of its own to an installation.
type own struct {
	*testing.T
	client *client.Client
}

func submitting(t *testing.T, in *installation) own {
	t.Helper()
	c, err := client.New(client.Options{Server: "http://" + in.Config.API.Address})
	require.NoError(t, err)
	return own{t, c}
}

// upload puts a file where the installation's jobs find it, under a name.
func (o own) upload(content []byte, name string) string {
	o.Helper()
	sum := sha256.Sum256(content)
	artifact := jobspec.Artifact{SHA256: hex.EncodeToString(sum[:]), Name: name}
	require.NoError(o, o.client.PutArtifact(o.Context(), client.Upload{
		Artifact: artifact, Bytes: int64(len(content)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}))
	return artifact.String()
}

// run submits a job and waits for its end.
func (o own) run(spec jobspec.Spec) client.Job {
	o.Helper()
	started, created, err := o.client.Submit(o.Context(), spec, client.NewKey())
	require.NoError(o, err)
	require.True(o, created)
	var now client.Job
	require.Eventually(o, func() bool {
		var err error
		now, err = o.client.Get(o.Context(), started.ID)
		return err == nil && now.Phase == job.PhaseDone
	}, patience, 100*time.Millisecond, "job %s does not end", started.ID)
	return now
}

func (o own) log(id, stream string) string {
	o.Helper()
	var b bytes.Buffer
	end, err := o.client.Logs(o.Context(), client.LogRequest{Job: id, Stream: stream}, &b)
	require.NoError(o, err)
	require.True(o, end.Finished)
	return b.String()
}

// Somebody's own program, uploaded with what it needs, runs on the real Spark: options,
// arguments, a module, and a file under a name of its own arrive.
func TestOwnProgramOnSpark(t *testing.T) {
	t.Parallel()
	o := submitting(t, withSpark.get(t))
	wordcount, err := os.ReadFile(filepath.Join("..", "samples", "jobs", "wordcount.py"))
	require.NoError(t, err)
	text := filepath.Join(t.TempDir(), "text.txt")
	require.NoError(t, os.WriteFile(text, []byte("a rose is a rose is a rose\n"), 0o600))
	counted := o.run(jobspec.Spec{File: o.upload(wordcount, "wordcount.py"), Args: []string{text, "2"}})
	require.Equal(t, job.ResultSucceeded, counted.Outcome.Result, o.log(counted.ID, "stderr"))
	require.Equal(t, "     3 a\n     3 rose\n", o.log(counted.ID, "stdout"))

	program := `import os, sys
from pyspark import SparkFiles
from pyspark.sql import SparkSession
import helper
spark = SparkSession.builder.getOrCreate()
print(helper.WORD, spark.conf.get("spark.sql.shuffle.partitions"), spark.sparkContext.appName)
print(open("limits.txt").read(), open(SparkFiles.get("limits.txt")).read())
print(ascii(sys.argv[1:]))
sys.exit(4)
`
	failed := o.run(jobspec.Spec{
		File: o.upload([]byte(program), "own.py"), PyFiles: []string{o.upload([]byte("WORD = 'helped'\n"), "helper.py")},
		Files: []string{o.upload([]byte("at most 7"), "l.txt") + "#limits.txt"}, Name: "my own",
		Conf: map[string]string{"spark.sql.shuffle.partitions": "3"}, Args: []string{"", "a b", "$HOME", "'\"\\", "é\n"},
	})
	require.Equal(t, job.ResultFailed, failed.Outcome.Result)
	require.Equal(t, job.ClassApplication, failed.Outcome.Class)
	require.Contains(t, failed.Outcome.Message, "exit code 4")
	require.Equal(t, strings.Join([]string{
		"helped 3 my own", "at most 7 at most 7", `['', 'a b', '$HOME', '\'"\\', '\xe9\n']`, "",
	}, "\n"), o.log(failed.ID, "stdout"), o.log(failed.ID, "stderr"))
}

// Somebody's own Java program runs: its class, another jar, a file under a name of its
// own, conf and arguments arrive.
func TestOwnJarOnSpark(t *testing.T) {
	t.Parallel()
	in := withSpark.get(t)
	o := submitting(t, in)
	program, needed, err := jar.Build(t.Context(), realSpark(t))
	require.NoError(t, err)
	base := filepath.Join(in.scratch, "report")
	require.NoError(t, os.WriteFile(base+".go", nil, 0o600))
	spec := jobspec.Spec{
		File: o.upload(program, "report.jar"), ClassName: jar.Class, Jars: []string{o.upload(needed, "words.jar")},
		Files: []string{o.upload([]byte("at most 7"), "l.txt") + "#limits.txt"}, Conf: map[string]string{"spark.example.word": "a  b"},
		Args: []string{base, "", "a b", "$HOME", "'\"\\", "é\n", "--class", "*"},
	}
	done := o.run(spec)
	require.Equal(t, job.ResultSucceeded, done.Outcome.Result, o.log(done.ID, "stderr"))
	require.Equal(t, job.KindJAR, done.Kind)
	require.Equal(t, jar.Says("at most 7", "a  b", spec.Args[1:]), o.log(done.ID, "stdout"))
	require.Contains(t, o.log(done.ID, "stderr"), "oops\n")

	spec.ClassName = "org.example.Nobody"
	failed := o.run(spec)
	require.Equal(t, job.ResultFailed, failed.Outcome.Result)
	require.Contains(t, o.log(failed.ID, "stderr"), "org.example.Nobody")
}

// tasks runs a job of slow tasks, of which Spark tells by twos and threes.
const tasks = `import time
from pyspark.sql import SparkSession
context = SparkSession.builder.getOrCreate().sparkContext
context.parallelize(range(12), 12).map(lambda x: time.sleep(1) or x).sum()
`

// Who waits sees how far Spark is, although no driver here has a web UI.
func TestProgressOnSpark(t *testing.T) {
	t.Parallel()
	o := submitting(t, withSpark.get(t))
	started, _, err := o.client.Submit(o.Context(), jobspec.Spec{File: o.upload([]byte(tasks), "tasks.py")}, client.NewKey())
	require.NoError(t, err)
	var seen []job.Progress
	require.Eventually(t, func() bool {
		now, err := o.client.Get(o.Context(), started.ID)
		if err != nil {
			return false
		}
		if p := now.Progress; p != nil && p.Jobs.Total > 0 {
			seen = append(seen, *p)
		}
		return now.Phase == job.PhaseDone
	}, patience, 100*time.Millisecond)
	completed := map[int64]bool{}
	for _, p := range seen {
		require.EqualValues(t, 1, p.Jobs.Total)
		require.EqualValues(t, 12, p.Tasks.Total)
		completed[p.Tasks.Completed] = true
	}
	require.GreaterOrEqual(t, len(completed), 3, "tasks are seen to end one after the other: %v", completed)
}
