package submission_test

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/spark/properties"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

// where are the fixtures and the Spark of jobs.
type where struct {
	// fs is the cluster's file system, dir the directory of the fixtures in it, and
	// local the same on this host.
	fs, dir, local    string
	sparkHome, python string
}

// url of a path in HDFS, escaped.
func (c where) url(name string) string {
	return c.fs + (&url.URL{Path: name}).EscapedPath()
}

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
func (j one) settings(c where) map[string]string {
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
func (c where) expand(s string) string {
	return strings.NewReplacer("@HDFS", c.url(c.dir), "@SPARK", c.sparkHome, "@LOCAL", c.local).Replace(s)
}

// urls of fixtures.
func (c where) urls(names []string) []string {
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
func (j one) environment(t *testing.T, c where) map[string]string {
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

func (c where) pythonArchives() []string {
	return []string{c.url(c.dir + "/pyspark.zip"), c.url(c.dir + "/" + c.py4j())}
}

func (c where) py4j() string {
	found, _ := filepath.Glob(c.sparkHome + "/python/lib/py4j-*-src.zip")
	return filepath.Base(found[0])
}

// described is what a description of a job for Prepare needs beside the job.
type described struct {
	// in has what does not depend on the job.
	in submission.Input
	// look describes a URL, stage uploads a file of this host.
	look, stage func(string) submission.Resource
}

// described is the job for Prepare, written down by hand.
func (j one) described(t *testing.T, c where, d described) submission.Input {
	t.Helper()
	all := func(configured, names []string) []submission.Resource {
		var out []submission.Resource
		for _, u := range slices.Concat(configured, c.urls(names)) {
			out = append(out, d.look(u))
		}
		return out
	}
	conf := map[string]string{}
	if defaults, ok := j.sparkConf["spark-defaults.conf"]; ok {
		var err error
		conf, err = properties.Defaults([]byte(defaults))
		require.NoError(t, err)
	}
	maps.Copy(conf, j.settings(c))
	delete(conf, "spark.yarn.archive")
	delete(conf, "spark.yarn.jars")
	lists, conf := submission.TakeLists(conf, submission.Lists{})
	env := j.environment(t, c)
	variables, _ := submission.ParseEnv([]byte(j.sparkConf["spark-env.sh"]))
	maps.Copy(env, variables)

	in := d.in
	in.Conf, in.Env, in.SparkConf = conf, env, map[string][]byte{}
	in.Program = submission.Program{Class: j.class, Args: j.args}
	in.PyFiles, in.Files = all(lists.PyFiles, j.pyFiles), all(lists.Files, j.files)
	in.Jars, in.Archives = all(lists.Jars, j.jars), all(lists.Archives, j.archives)
	in.Runtime = submission.Runtime{Spark: "3.5.9", Java: 17}
	for name, content := range j.sparkConf {
		in.SparkConf[name] = []byte(content)
	}
	if !j.noArchive {
		archive := d.look(c.url(c.dir + "/spark-libs.zip"))
		in.Runtime.Archive = &archive
	}
	for jar := range strings.SplitSeq(c.expand(j.conf["spark.yarn.jars"]), ",") {
		if jar != "" {
			in.Runtime.Jars = append(in.Runtime.Jars, d.look(jar))
		}
	}
	switch {
	case j.program == "":
	case strings.HasPrefix(j.program, "local:"):
		in.Program.Resource = submission.Resource{URL: c.expand(j.program)}
	case j.inHDFS:
		in.Program.Resource = d.look(c.url(c.dir + "/" + j.program))
	default:
		in.Program.Resource = d.stage(filepath.Join(c.local, j.program))
	}
	if j.isPython() || conf["spark.yarn.isPython"] == "true" {
		if j.inHDFS {
			for _, u := range c.pythonArchives() {
				in.Runtime.Python = append(in.Runtime.Python, d.look(u))
			}
		} else {
			in.Runtime.Python = []submission.Resource{
				d.stage(c.sparkHome + "/python/lib/pyspark.zip"), d.stage(c.sparkHome + "/python/lib/" + c.py4j()),
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
