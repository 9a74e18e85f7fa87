package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/jobspec"
)

func reference(content, name string) string {
	return fmt.Sprintf("artifact:%x/%s", sha256.Sum256([]byte(content)), name)
}

func TestSubmitIsLikeSparkSubmit(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	program, data := file(t, "job.py", "print(1)"), file(t, "data.bin", "\x00\xff")
	dir := t.TempDir()
	for _, name := range []string{"a.jar", "b.jar"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	args := []string{
		"submit", "--name", "n", "--class", "x.Y", "-c", "spark.a=b=c", "--conf", "spark.d=", "--py-files", program + ", hdfs:///lib.zip",
		"--files", data + "#renamed,local:/etc/x#y," + data, "--jars", dir + "/*.jar", "--archives", "s3a://b/env.tgz#env",
		"--driver-memory", "1g", "--driver-memory-overhead", "2g", "--driver-cores", "3", "--executor-memory", "4g",
		"--executor-memory-overhead", "5g", "--executor-cores", "6", "--num-executors", "7", "--queue", "q",
		"--driver-java-options", "-Dx=y", "--cluster", "lake", "--profile", "big", "--label", "team=x", "--label", "day=1",
		"--secret-conf", "spark.password=db", "--deadline", "2h", "--run-limit", "1h", "--retries", "0", "--rerun-after-start",
		"--idempotency-key", "mine", program, "--name", "of the program", "-w x", "",
	}
	got := stoker(t, f.env(), args...)
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "api-1\n", got.stdout)
	require.Empty(t, got.stderr)
	require.Equal(t, "mine", f.key)
	spec, err := jobspec.Parse([]byte(f.body))
	require.NoError(t, err)
	py := reference("print(1)", "job.py")
	binary := reference("\x00\xff", "data.bin")
	zero, again := 0, true
	require.Equal(t, jobspec.Spec{
		File: py, ClassName: "x.Y", Args: []string{"--name", "of the program", "-w x", ""},
		Conf:       map[string]string{"spark.a": "b=c", "spark.d": "", "spark.driver.extraJavaOptions": "-Dx=y"},
		SecretConf: map[string]string{"spark.password": "db"},
		Resources: jobspec.Resources{
			DriverMemory: "1g", DriverMemoryOverhead: "2g", DriverCores: 3, ExecutorMemory: "4g", ExecutorMemoryOverhead: "5g",
			ExecutorCores: 6, NumExecutors: 7,
		},
		PyFiles: []string{py, "hdfs:///lib.zip"}, Files: []string{binary + "#renamed", "local:/etc/x#y", binary},
		Jars: []string{reference("a.jar", "a.jar"), reference("b.jar", "b.jar")}, Archives: []string{"s3a://b/env.tgz#env"},
		Name: "n", Cluster: "lake", Queue: "q", Profile: "big", Labels: map[string]string{"team": "x", "day": "1"},
		Timeouts: jobspec.Timeouts{Deadline: "2h", Run: "1h"}, Retry: &jobspec.Retry{InfrastructureRetries: &zero, RerunAfterStart: &again},
	}, spec)
	require.Equal(t, map[string]string{
		py: "print(1)", binary: "\x00\xff", reference("a.jar", "a.jar"): "a.jar", reference("b.jar", "b.jar"): "b.jar",
	}, f.uploads)
	requests := strings.Join(f.seen(), "\n")
	require.Equal(t, 4, strings.Count(requests, "PUT "))
	require.Contains(t, requests, "cluster=lake")

	// What the server has is not sent again, and each submission has a key of its own.
	require.Zero(t, stoker(t, f.env(), "submit", program).code)
	first := f.key
	require.Len(t, first, 32)
	got = stoker(t, f.env(), "submit", "-o", "json", "--", program, "--", "--wait")
	require.Zero(t, got.code)
	require.NotEqual(t, first, f.key)
	require.JSONEq(t, aJob("api-1", loading), got.stdout)
	require.Empty(t, got.stderr)
	require.Equal(t, 4, strings.Count(strings.Join(f.seen(), "\n"), "PUT "))
	require.JSONEq(t, `{"file":"`+py+`","args":["--wait"]}`, f.body)
}

func TestProgramAndItsArguments(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"f": "f|", "f a b": "f|a b", "-- f a": "f|a", "f -- a": "f|a", "-- f -- a": "f|a", "f -- -- a": "f|-- a", "f a -- b": "f|a -- b", "f --": "f|",
	} {
		file, args, err := program(&cobra.Command{}, strings.Fields(line))
		require.NoError(t, err)
		require.Equal(t, want, file+"|"+strings.Join(args, " "), line)
	}
	var said bytes.Buffer
	cmd := &cobra.Command{}
	cmd.SetErr(&said)
	_, _, err := program(cmd, []string{"f", "--wait"})
	require.NoError(t, err)
	require.Contains(t, said.String(), "--wait stands behind f, so the program gets it")
	said.Reset()
	_, _, err = program(cmd, []string{"f", "--", "--wait"})
	require.NoError(t, err)
	require.Empty(t, said.String(), "that was meant")
}

func TestSubmitSaysWhatIsWrongBeforeItSendsAnything(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	program, dir := file(t, "job.py", ""), t.TempDir()
	for name, row := range map[string]struct {
		args []string
		want []string
	}{
		"no program":    {nil, []string{"there is no program: name a .py file or a .jar behind the options"}},
		"nothing there": {[]string{"--files", "no.txt", "--jars", dir, "nope.py"}, []string{"not all files can be uploaded", "- program: nope.py is not there", "- --files: no.txt is not there", "- --jars: " + dir + " is a directory"}},
		"no match":      {[]string{"--jars", dir + "/*.jar", program}, []string{"*.jar is not there"}},
		"master":        {[]string{"--master", "yarn", program}, []string{"spark-submit's --master: ", "choose a cluster with --cluster"}},
		"several":       {[]string{"--deploy-mode=client", "--supervise", "--verbose", "--packages", "a:b:c", program}, []string{"- --deploy-mode: ", "- --supervise: ", "- --verbose: ", "- --packages: download the jars"}},
		"keytab":        {[]string{"--keytab", "k", "--principal", "p", program}, []string{"--keytab: ", "--principal: "}},
		"proxy user":    {[]string{"--proxy-user", "p", program}, []string{"said by your token"}},
		"properties":    {[]string{"--properties-file", "p", program}, []string{"--conf"}},
		"no pair":       {[]string{"--conf", "spark.x", program}, []string{`--conf`, "must be key=value"}},
		"no cores":      {[]string{"--driver-cores", "0", "--num-executors", "-1", program}, []string{"- --driver-cores must be positive", "- --num-executors must be positive"}},
		"unknown":       {[]string{"--nonsense", program}, []string{"unknown flag: --nonsense"}},
		"format":        {[]string{"-o", "xml", program}, []string{"must be text or json"}},
		"two servers":   {[]string{"--server", "http://a", "--context", "b", program}, []string{"use one of them"}},
		"no address":    {[]string{"--server", "a:1", program}, []string{"the server's address must be such as"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := stoker(t, f.env(), append([]string{"submit"}, row.args...)...)
			require.Equal(t, 1, got.code)
			require.Empty(t, got.stdout)
			for _, want := range row.want {
				require.Contains(t, got.stderr, want)
			}
			require.NotContains(t, got.stderr, "Usage:")
			require.Empty(t, f.seen())
		})
	}
}

func TestASubmissionThatIsLostCanBeFound(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			f.key = r.Header.Get("Idempotency-Key")
			w.Header().Set("Retry-After", "3600")
			answer(w, 503, "application/problem+json", `{"title":"x","detail":"start the job: no temporal"}`)
		}
		return r.Method == http.MethodPost
	}
	got := stoker(t, f.env(), "submit", "local:/a.py")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "submit the job: start the job: no temporal")
	require.Contains(t, got.stderr, "--idempotency-key "+f.key+" finds out")

	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		answer(w, 200, "application/json", aJob("api-1", running))
		return true
	}
	got = stoker(t, f.env(), "submit", "--idempotency-key", f.key, "local:/a.py")
	require.Zero(t, got.code)
	require.Equal(t, "api-1\n", got.stdout)
	require.Contains(t, got.stderr, "this was submitted before, as job api-1")
}

func TestAnUploadThatIsRefusedIsSaidInTheServersWords(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		answer(w, 400, "application/problem+json", `{"title":"x","detail":"there is no cluster \"x\""}`)
		return true
	}
	got := stoker(t, f.env(), "submit", "--cluster", "x", file(t, "job.py", "x"))
	require.Equal(t, 1, got.code)
	require.Equal(t, "stoker: upload job.py: there is no cluster \"x\"\n", got.stderr)
}

func TestAFileThatChangesWhileItIsSentIsSaidTo(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	program := file(t, "job.py", "print(1)")
	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			if os.WriteFile(program, []byte("print(1) # and more"), 0o600) != nil {
				panic("the program cannot be changed") // the caller sees a broken answer
			}
			return false
		}
		answer(w, 422, "application/problem+json", `{"title":"x","detail":"the digest is another"}`)
		return true
	}
	got := stoker(t, f.env(), "submit", program)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, program+" was changed while it was uploaded")
}

func TestNoOptionOfSparkSubmitIsUnknown(t *testing.T) {
	t.Parallel()
	flags := submitCommand().Flags()
	// Source: Spark 3.5, org.apache.spark.launcher.SparkSubmitOptionParser.
	for _, name := range strings.Fields(`class conf deploy-mode driver-class-path driver-cores driver-java-options
		driver-library-path driver-memory executor-memory files jars kill master name packages exclude-packages
		properties-file proxy-user py-files repositories status total-executor-cores archives executor-cores keytab
		num-executors principal queue supervise verbose remote`) {
		require.NotNil(t, flags.Lookup(name), name)
	}
	for _, o := range refusedOptions {
		require.True(t, flags.Lookup(o.name).Hidden, "help shows what can be used")
	}
}

func TestJSONIsTheServersOwn(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.looks = []string{running}
	got := stoker(t, f.env(), "status", "api-1", "-o", "json")
	require.Zero(t, got.code)
	require.True(t, json.Valid([]byte(got.stdout)))
	require.JSONEq(t, aJob("api-1", running), got.stdout)
}
