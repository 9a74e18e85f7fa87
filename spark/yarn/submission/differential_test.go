//go:build hadoop

package submission_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

// one is a job, as both ways are told of it.
type one struct {
	// program is a fixture; "" is none. class is a JAR's.
	program, class string
	// inHDFS: the program and PySpark's archives lie in HDFS before; otherwise each
	// way uploads them into its staging directory.
	inHDFS bool
	args   []string
	// options of spark-submit, and the fields that correspond to them.
	options []string
	fields  func(*submission.Input)
	conf    map[string]string
	// Files by name of a fixture, with an alias perhaps, or local: ones; "private/…"
	// are not readable for everyone.
	pyFiles, files, jars, archives []string
	// env of spark-submit; what it passes on is in Input.Env too.
	env map[string]string
	// sparkConf is the content of SPARK_CONF_DIR.
	sparkConf map[string]string
	// noArchive: Spark's jars are not in an archive, but where conf and fields say.
	noArchive bool
	// differs lists lines that may differ, by their beginning: "-" for one that
	// spark-submit's application has, "+" for the native one's.
	differs []string
}

// base is what all jobs have, to be small and to stay on this host.
var base = map[string]string{
	"spark.executor.instances":               "1",
	"spark.ui.enabled":                       "false",
	"spark.yarn.submit.waitAppCompletion":    "false",
	"spark.yarn.maxAppAttempts":              "1",
	"spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1",
	"spark.yarn.preserve.staging.files":      "true",
}

func (j one) isPython() bool { return strings.HasSuffix(j.program, ".py") }

// settings are those of the job and of all jobs.
func (j one) settings(c *cluster) map[string]string {
	conf := maps.Clone(base)
	if !j.noArchive {
		conf["spark.yarn.archive"] = c.url(c.dir + "/spark-libs.zip")
	}
	for key, value := range j.conf {
		conf[key] = c.expand(value)
	}
	return conf
}

// expand puts the cluster's addresses into a value.
func (c *cluster) expand(s string) string {
	return strings.NewReplacer("@HDFS", c.url(c.dir), "@SPARK", c.sparkHome, "@LOCAL", c.local).Replace(s)
}

// urls of fixtures.
func (c *cluster) urls(names []string) []string {
	var out []string
	for _, name := range names {
		if !strings.HasPrefix(name, "local:") {
			base, alias, aliased := strings.Cut(name, "#")
			name = c.url(c.dir + "/" + base)
			if aliased {
				name += "#" + alias
			}
		}
		out = append(out, c.expand(name))
	}
	return out
}

// environment of spark-submit, beside what it needs to run.
func (j one) environment(t *testing.T, c *cluster) map[string]string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range j.sparkConf {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	env := map[string]string{"PYSPARK_PYTHON": c.python, "SPARK_CONF_DIR": dir}
	if j.inHDFS {
		env["PYSPARK_ARCHIVES_PATH"] = strings.Join(c.pythonArchives(), ",")
	}
	for key, value := range j.env {
		env[key] = c.expand(value)
	}
	return env
}

func (c *cluster) pythonArchives() []string {
	return []string{c.url(c.dir + "/pyspark.zip"), c.url(c.dir + "/" + c.py4j())}
}

func (c *cluster) py4j() string {
	found, _ := filepath.Glob(c.sparkHome + "/python/lib/py4j-*-src.zip")
	return filepath.Base(found[0])
}

// sparkSubmit submits the job with spark-submit and returns the application's id.
func (j one) sparkSubmit(t *testing.T, c *cluster) string {
	t.Helper()
	args := []string{"--master", "yarn", "--deploy-mode", "cluster"}
	conf := j.settings(c)
	for _, key := range slices.Sorted(maps.Keys(conf)) {
		args = append(args, "--conf", key+"="+conf[key])
	}
	for option, names := range map[string][]string{"--py-files": j.pyFiles, "--files": j.files, "--jars": j.jars, "--archives": j.archives} {
		if len(names) > 0 {
			args = append(args, option, strings.Join(c.urls(names), ","))
		}
	}
	if j.class != "" {
		args = append(args, "--class", j.class)
	}
	args = append(args, j.options...)
	switch {
	case j.program == "":
		args = append(args, "spark-internal")
	case strings.HasPrefix(j.program, "local:"):
		args = append(args, c.expand(j.program))
	case j.inHDFS:
		args = append(args, c.url(c.dir+"/"+j.program))
	default:
		args = append(args, filepath.Join(c.local, j.program))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.sparkHome, "bin/spark-submit"), append(args, j.args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8", "JAVA_HOME=" + c.JavaHome, "SPARK_HOME=" + c.sparkHome,
		"HADOOP_CONF_DIR=" + c.ConfDir, "SPARK_LOCAL_IP=127.0.0.1", "HADOOP_USER_NAME=" + c.User,
	}
	for key, value := range j.environment(t, c) {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	m := submittedID.FindSubmatch(out)
	require.NotNil(t, m, "%s", out)
	return string(m[1])
}

// input is the job for Prepare; what is local is uploaded first.
func (j one) input(t *testing.T, c *cluster) submission.Input {
	t.Helper()
	reserved, err := c.rm.NewApplication(t.Context())
	require.NoError(t, err)
	staging := "/user/" + c.User + "/.sparkStaging/" + reserved.ID
	require.NoError(t, c.hdfs(http.MethodPut, "/user/"+c.User+"/.sparkStaging", url.Values{"op": {"MKDIRS"}, "permission": {"755"}}, nil, nil))
	require.NoError(t, c.hdfs(http.MethodPut, staging, url.Values{"op": {"MKDIRS"}, "permission": {"700"}}, nil, nil))
	stage := func(file string) submission.Resource {
		name := staging + "/" + path.Base(file)
		require.NoError(t, c.put(file, name))
		return c.resource(t, c.url(name))
	}
	all := func(names []string) []submission.Resource {
		var out []submission.Resource
		for _, u := range c.urls(names) {
			out = append(out, c.resource(t, u))
		}
		return out
	}

	conf := map[string]string{}
	if defaults, ok := j.sparkConf["spark-defaults.conf"]; ok {
		conf, err = submission.ParseDefaults([]byte(defaults))
		require.NoError(t, err)
	}
	maps.Copy(conf, j.settings(c))
	delete(conf, "spark.yarn.archive")
	delete(conf, "spark.yarn.jars")
	env := j.environment(t, c)
	variables, _ := submission.ParseEnv([]byte(j.sparkConf["spark-env.sh"]))
	maps.Copy(env, variables)

	in := submission.Input{
		ID: reserved.ID, User: c.User, StagingDir: c.url(staging), SubmitTime: time.Now(), Conf: conf, Env: env,
		Program: submission.Program{Class: j.class, Args: j.args},
		PyFiles: all(j.pyFiles), Files: all(j.files), Jars: all(j.jars), Archives: all(j.archives),
		HadoopConf: directory(t, c.ConfDir), SparkConf: map[string][]byte{},
		Runtime: submission.Runtime{Spark: "3.5.9", Java: 17},
		Limits:  submission.Limits{MemoryMB: reserved.MaxMemoryMB, VCores: reserved.MaxVCores},
	}
	for name, content := range j.sparkConf {
		in.SparkConf[name] = []byte(content)
	}
	if !j.noArchive {
		archive := c.resource(t, c.url(c.dir+"/spark-libs.zip"))
		in.Runtime.Archive = &archive
	}
	for jar := range strings.SplitSeq(c.expand(j.conf["spark.yarn.jars"]), ",") {
		if jar != "" {
			in.Runtime.Jars = append(in.Runtime.Jars, c.resource(t, jar))
		}
	}
	switch {
	case j.program == "":
	case strings.HasPrefix(j.program, "local:"):
		in.Program.Resource = submission.Resource{URL: c.expand(j.program)}
	case j.inHDFS:
		in.Program.Resource = c.resource(t, c.url(c.dir+"/"+j.program))
	default:
		in.Program.Resource = stage(filepath.Join(c.local, j.program))
	}
	if j.isPython() || conf["spark.yarn.isPython"] == "true" {
		if j.inHDFS {
			for _, u := range c.pythonArchives() {
				in.Runtime.Python = append(in.Runtime.Python, c.resource(t, u))
			}
		} else {
			in.Runtime.Python = []submission.Resource{
				stage(c.sparkHome + "/python/lib/pyspark.zip"), stage(c.sparkHome + "/python/lib/" + c.py4j()),
			}
		}
	}
	if j.fields != nil {
		j.fields(&in)
	}
	return in
}

func directory(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = data
	}
	return files
}

// native submits the job without a JVM and returns the application's id.
func (j one) native(t *testing.T, c *cluster) string {
	t.Helper()
	plan, err := submission.Prepare(j.input(t, c))
	require.NoError(t, err, "%v", job.ProblemsOf(err))
	u, err := url.Parse(plan.ArchiveURL)
	require.NoError(t, err)
	require.NoError(t, c.write(u.Path, plan.Archive))
	s := c.stat(t, u.Path)
	request, err := plan.Context(submission.Uploaded{URL: plan.ArchiveURL, Size: s.FileStatus.Length, Modified: s.FileStatus.ModificationTime})
	require.NoError(t, err)
	require.NoError(t, c.rm.Submit(t.Context(), request))
	return request.ID
}

// representative jobs are what a short run submits of the table.
var representative = []string{"arguments, Python", "files", "jars", "memory and cores"}

// TestSameAsSparkSubmit submits each job both ways and compares all there is to see.
func TestSameAsSparkSubmit(t *testing.T) {
	t.Parallel()
	c := realCluster(t)
	names := slices.Sorted(maps.Keys(table))
	if testing.Short() {
		names = representative
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := table[name]
			nativeID := j.native(t, c)
			native := c.request(t, nativeID)
			sparkID := j.sparkSubmit(t, c)
			spark := c.request(t, sparkID)
			compare(t, j, c.collect(t, sparkID, spark), c.collect(t, nativeID, native))
		})
	}
}

func compare(t *testing.T, j one, spark, native evidence) {
	t.Helper()
	for _, part := range []struct {
		name          string
		spark, native []string
	}{
		{"request", spark.Request, native.Request},
		{"master's launch script", spark.Master, native.Master},
		{"executor's launch script", spark.Executor, native.Executor},
		{"archive", spark.Archive, native.Archive},
		{"program", spark.Program, native.Program},
	} {
		var report []string
		for _, line := range minus(part.spark, part.native) {
			report = append(report, "- "+line)
		}
		for _, line := range minus(part.native, part.spark) {
			report = append(report, "+ "+line)
		}
		report = slices.DeleteFunc(report, func(line string) bool {
			return slices.ContainsFunc(slices.Concat(j.differs, known), func(part string) bool { return strings.HasPrefix(line, part) })
		})
		if len(report) > 0 {
			t.Errorf("%s differs (- spark-submit, + native):\n%s", part.name, strings.Join(report, "\n"))
		}
	}
}

// known differences of every job; docs/yarn-differences.md says why. Fields of the
// request are those of ApplicationSubmissionContextProto, at .2.
var known = []string{
	"- .2.1.1 ", "+ .2.1.1 ", // the number of the application
	"- .10 ", "+ .10 ", // when it was launched
	"- .2.5.2 ", "+ .2.5.2 ", // tokens, which the ResourceManager adds to
	`- .2.5.4 {.1 "APP_SUBMIT_TIME_ENV"`, `+ .2.5.4 {.1 "APP_SUBMIT_TIME_ENV"`, // which it adds when it launches
	`- .2.5.4 {.1 "APPLICATION_WEB_PROXY_BASE"`, `+ .2.5.4 {.1 "APPLICATION_WEB_PROXY_BASE"`,
	// REST says more than RPC: what is the default anyway, and "no label" for "any".
	"+ .2.6 1", "+ .2.11 0", "+ .2.13 -1", `+ .2.16 ""`, "+ .2.17.",
	// What Spark's client sets in its own process.
	"- PROBE hadoop 'rpc.engine.org.apache.hadoop.hdfs.protocolPB.ClientNamenodeProtocolPB'",
}

// minus returns what is in a more often than in b.
func minus(a, b []string) []string {
	count := map[string]int{}
	for _, line := range b {
		count[line]++
	}
	var out []string
	for _, line := range a {
		if count[line]--; count[line] < 0 {
			out = append(out, line)
		}
	}
	return out
}
