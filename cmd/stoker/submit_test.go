package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	program, module, data := file(t, "job.jar", "print(1)"), file(t, "lib.py", "print(2)"), file(t, "data.bin", "\x00\xff")
	dir := t.TempDir()
	for _, name := range []string{"a.jar", "b.jar"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	args := []string{
		"submit", "--name", "n", "--class", "x.Y", "-c", "spark.a=b=c", "--conf", "spark.d=", "--py-files", module + "#mine.py, hdfs:///lib.zip",
		"--files", data + "#renamed,local:/etc/x#y," + data, "--jars", dir + "/*.jar", "--archives", "s3a://b/env.tgz#env",
		"--driver-memory", "1g", "--driver-memory-overhead", "2g", "--driver-cores", "3", "--executor-memory", "4g",
		"--executor-memory-overhead", "5g", "--executor-cores", "6", "--num-executors", "7", "--queue", "q",
		"--total-executor-cores", "8", "--master", "yarn", "--deploy-mode", "cluster", "--cluster", "lake", "--profile", "big", "--label", "team=x", "--label", "day=1",
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
	jar, py := reference("print(1)", "job.jar"), reference("print(2)", "lib.py")
	binary := reference("\x00\xff", "data.bin")
	zero, again := 0, true
	require.Equal(t, jobspec.Spec{
		File: jar, ClassName: "x.Y", Args: []string{"--name", "of the program", "-w x", ""},
		Conf:       map[string]string{"spark.a": "b=c", "spark.d": "", "spark.cores.max": "8"},
		SecretConf: map[string]string{"spark.password": "db"},
		Resources: jobspec.Resources{
			DriverMemory: "1g", DriverMemoryOverhead: "2g", DriverCores: 3, ExecutorMemory: "4g", ExecutorMemoryOverhead: "5g",
			ExecutorCores: 6, NumExecutors: 7,
		},
		PyFiles: []string{py + "#mine.py", "hdfs:///lib.zip"}, Files: []string{binary + "#renamed", "local:/etc/x#y", binary},
		Jars: []string{reference("a.jar", "a.jar"), reference("b.jar", "b.jar")}, Archives: []string{"s3a://b/env.tgz#env"},
		Name: "n", Cluster: "lake", Queue: "q", Profile: "big", Labels: map[string]string{"team": "x", "day": "1"},
		Timeouts: jobspec.Timeouts{Deadline: "2h", Run: "1h"}, Retry: &jobspec.Retry{InfrastructureRetries: &zero, RerunAfterStart: &again},
	}, spec)
	require.Equal(t, map[string]string{
		jar: "print(1)", py: "print(2)", binary: "\x00\xff", reference("a.jar", "a.jar"): "a.jar", reference("b.jar", "b.jar"): "b.jar",
	}, f.uploads)
	requests := strings.Join(f.seen(), "\n")
	require.Equal(t, 5, strings.Count(requests, "PUT "))
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
	require.Equal(t, 5, strings.Count(strings.Join(f.seen(), "\n"), "PUT "))
	require.JSONEq(t, `{"file":"`+jar+`","args":["--wait"]}`, f.body)
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
	program, dir, long := file(t, "job.py", ""), t.TempDir(), strings.Repeat("l", 120)+".sh"
	require.NoError(t, os.WriteFile(filepath.Join(dir, long), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "s"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "s", "a.jar"), nil, 0o600))
	for name, row := range map[string]struct {
		args []string
		want []string
	}{
		"no program":    {nil, []string{"there is no program: name a .py file or a .jar behind the options"}},
		"nothing there": {[]string{"--files", "no.txt", "--jars", dir, "nope.py"}, []string{"not all files can be uploaded", "- program: nope.py is not there", "- --files: no.txt is not there", "- --jars: " + dir + " is a directory"}},
		"no match":      {[]string{"--jars", dir + "/*.jar", program}, []string{"*.jar is not there"}},
		"class path":    {[]string{"--driver-class-path", "x", program}, []string{"spark-submit's --driver-class-path: give the jars with --jars"}},
		"several":       {[]string{"--driver-java-options=-Dx=y", "--supervise", "--status=x", "--packages", "a:b:c", program}, []string{"- --driver-java-options: ", "- --supervise: ", "- --status: ", "- --packages: download the jars"}},
		"keytab":        {[]string{"--keytab", "k", "--principal", "p", program}, []string{"--keytab: ", "--principal: "}},
		"proxy user":    {[]string{"--proxy-user", "p", program}, []string{"said by your token"}},
		"properties":    {[]string{"--properties-file", "p", program}, []string{"--conf"}},
		"no pair":       {[]string{"--conf", "spark.x", program}, []string{`--conf`, "must be key=value"}},
		"no cores":      {[]string{"--driver-cores", "0", "--num-executors", "-1", "--total-executor-cores", "0", program}, []string{"- --driver-cores must be positive", "- --num-executors must be positive", "- --total-executor-cores must be positive"}},
		"no UTF-8":      {[]string{program, "\xff"}, []string{"the job cannot be run", "- args[0]: is not UTF-8"}},
		"no program's":  {[]string{file(t, "dätä.txt", "")}, []string{"- program: must end with .py or .jar, got \"", "/dätä.txt\"\n"}},
		"a long name":   {[]string{dir + "/" + long}, []string{"- program: must end with .py or .jar, got \"" + dir + "/" + long + "\"\n"}},
		"a space":       {[]string{"--files", "hdfs:/a,hdfs:/b c", file(t, "jöb 1.py", "")}, []string{"- program: /", "/jöb 1.py: holds a space or one of", "- --files: hdfs:/b c: holds a space"}},
		"no scheme":     {[]string{"--jars", dir + "/s/*.jar,nope:/x", program}, []string{"- --jars: location \"nope:/x\": nope: needs a host"}},
		"no size":       {[]string{"--driver-memory", "lots", program}, []string{"- --driver-memory: lots is no size"}},
		"store's own":   {[]string{"--files", file(t, ".used", ""), program}, []string{"- --files: /", "/.used: the artifact's name \".used\" is the store's own"}},
		"refused key":   {[]string{"--conf", "spark.plugins=x", program}, []string{"- --conf spark.plugins: refused by rule"}},
		"no duration":   {[]string{"--deadline", "8w", "--run-limit", "0d", program}, []string{"- --deadline: \"8w\" is no duration", "- --run-limit: \"0h\" is no duration"}},
		"no class":      {[]string{"--class", "a b", "--label", "a b=c", "--label", "a=b c", "--retries", "99", "--secret-conf", "spark.a=b c", "local:/a.jar"}, []string{"- --class: \"a b\" is no name", "- --label: \"a b\" is no key", "- --label a: \"b c\" is no value", "- --retries: must be 0 to 10", "- --secret-conf spark.a: must be the name"}},
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

// What only the server knows is wrong is said in the words of the command line, too.
func TestProblemsOfTheServerNameWhatWasTyped(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	program, data := file(t, "job.py", "print(1)"), file(t, "data.csv", "a,b")
	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			answer(w, 400, "application/problem+json", `{"title":"Bad Request","detail":"the job cannot be run","requestId":"r1","problems":[
				"files[1]: `+reference("a,b", "data.csv")+` is not there", "cluster: there is no \"x\"", "conf spark.x: refused", "novel"]}`)
		}
		return r.Method == http.MethodPost
	}
	got := stoker(t, f.env(), "submit", "--files", "hdfs:/x,"+data, program)
	require.Equal(t, 1, got.code)
	require.Equal(t, "stoker: submit the job: the job cannot be run\n"+
		"  - --files: \""+data+"\" is not there\n  - --cluster: there is no \"x\"\n  - --conf spark.x: refused\n  - novel\n", got.stderr)
	got = stoker(t, f.env(), "submit", "-o", "json", program)
	var said errorView
	require.NoError(t, json.Unmarshal([]byte(got.stderr), &said))
	require.Equal(t, "r1", said.RequestID)
	require.Contains(t, said.Problems, `--conf spark.x: refused`)
}

func TestDaysAreHoursToTheServer(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	got := stoker(t, f.env(), "submit", "--deadline", "8d", "--run-limit", "90m", "local:/a.py")
	require.Zero(t, got.code, got.stderr)
	require.JSONEq(t, `{"file":"local:/a.py","timeouts":{"deadline":"192h","run":"90m"}}`, f.body)
}

func TestOptionsCountBeforeConf(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	got := stoker(t, f.env(), "submit", "--executor-memory", "2g", "--conf", "spark.executor.memory=1g", "--conf", "spark.app.name=a", "--name", "b",
		"--conf", "spark.cores.max=1", "--total-executor-cores", "2", "--conf", "spark.executor.cores=3", "--executor-cores", "3",
		"--conf", "spark.driver.memory=5g", "local:/a.py")
	require.Zero(t, got.code, got.stderr)
	require.JSONEq(t, `{"file":"local:/a.py","name":"b","resources":{"executorMemory":"2g","executorCores":3},"conf":{"spark.cores.max":"2","spark.driver.memory":"5g"}}`, f.body)
	require.Equal(t, "note: --name takes the place of --conf spark.app.name, as with spark-submit\n"+
		"note: --executor-memory takes the place of --conf spark.executor.memory, as with spark-submit\n"+
		"note: --total-executor-cores takes the place of --conf spark.cores.max, as with spark-submit\n", got.stderr)
}

func TestMasterAndDeployModeAreCompared(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	clusters := `{"clusters":[{"name":"lake","default":true,"master":"yarn","deployMode":"cluster"},{"name":"pond","master":"local[2]","deployMode":"client"}]}`
	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/clusters" {
			return false
		}
		answer(w, 200, "application/json", clusters)
		return true
	}
	program := file(t, "job.py", "")
	for line, want := range map[string]string{
		"--master yarn": "",
		"--master yarn --conf spark.master=local":               "",
		"--deploy-mode cluster":                                 "",
		"--cluster pond --master local[2] --deploy-mode client": "",
		"--cluster moon --master yarn":                          "",
		"--master local[2]":                                     "- --master: asks for local[2], cluster lake has yarn; leave it out, or choose with --cluster one that has what was asked for: pond\n",
		"--master k8s://x":                                      "- --master: asks for k8s://x, cluster lake has yarn; leave it out\n",
		"--deploy-mode client":                                  "- --deploy-mode: asks for client, cluster lake has cluster; leave it out, or choose with --cluster one that has what was asked for: pond\n",
		"--cluster pond --master yarn":                          "- --master: asks for yarn, cluster pond has local[2]; leave it out, or choose with --cluster one that has what was asked for: lake\n",
	} {
		got := stoker(t, f.env(), append(append([]string{"submit"}, strings.Fields(line)...), program)...)
		require.Equal(t, want == "", got.code == 0, "%s: %s", line, got.stderr)
		require.Contains(t, got.stderr, want)
		require.NotContains(t, f.body, "spark.master")
	}
	clusters = `{"clusters":[{"name":"lake","default":true}]}`
	require.Contains(t, stoker(t, f.env(), "submit", "--master", "yarn", program).stderr, "the server does not say what master cluster lake has")
}

func TestVerboseShowsWhatIsSubmitted(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	for _, flag := range []string{"-v", "--verbose"} {
		got := stoker(t, f.env(), "submit", flag, "local:/a.py", "<x>")
		require.Zero(t, got.code)
		require.Equal(t, "api-1\n", got.stdout)
		require.JSONEq(t, f.body, got.stderr)
		require.Contains(t, got.stderr, "<x>")
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
	for _, changed := range []string{"print(1) # and more", "print", "print(2)"} {
		f := newFakeAPI(t)
		program := file(t, "job.py", "print(1)")
		f.override = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				later := time.Now().Add(time.Hour)
				if os.WriteFile(program, []byte(changed), 0o600) != nil || os.Chtimes(program, later, later) != nil {
					panic("the program cannot be changed") // the caller sees a broken answer
				}
				return false
			}
			_, _ = io.Copy(io.Discard, r.Body) // what the caller breaks off ends here
			answer(w, 422, "application/problem+json", `{"title":"x","detail":"the digest is another"}`)
			return true
		}
		got := stoker(t, f.env(), "submit", program)
		require.Equal(t, 1, got.code)
		require.Contains(t, got.stderr, program+" was changed while it was uploaded")
		require.NotContains(t, got.stderr, "trying again", changed)
	}
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
