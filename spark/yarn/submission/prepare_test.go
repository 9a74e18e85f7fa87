package submission_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/properties"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

const (
	appID   = "application_1795245848458_0001"
	staging = "hdfs://nn:9000/user/alice/.sparkStaging/" + appID
)

const coreSite = `<configuration><property><name>fs.defaultFS</name><value>hdfs://nn:9000</value></property></configuration>`

func file(url string) submission.Resource {
	return submission.Resource{URL: url, Size: 10, Modified: 1000}
}

// pythonJob is a plain PySpark job, with changes.
func pythonJob(change func(*submission.Input)) submission.Input {
	archive := file("hdfs://nn:9000/archives/spark-3.5.9.zip")
	archive.Public = true
	in := submission.Input{
		ID: appID, User: "alice", StagingDir: staging, SubmitTime: time.UnixMilli(1795245906292),
		Program:    submission.Program{Resource: file("hdfs://nn:9000/jobs/main.py")},
		HadoopConf: map[string][]byte{"core-site.xml": []byte(coreSite)},
		Runtime: submission.Runtime{
			Spark: "3.5.9", Java: 17, Archive: &archive,
			Python: []submission.Resource{file("hdfs://nn:9000/archives/pyspark.zip"), file("hdfs://nn:9000/archives/py4j-0.10.9.7-src.zip")},
		},
	}
	if change != nil {
		change(&in)
	}
	return in
}

func jarJob(change func(*submission.Input)) submission.Input {
	return pythonJob(func(in *submission.Input) {
		in.Program = submission.Program{Resource: file("hdfs://nn:9000/jobs/app.jar"), Class: "org.example.Main"}
		if change != nil {
			change(in)
		}
	})
}

// result is a plan taken apart.
type result struct {
	plan    *submission.Plan
	context rm.SubmissionContext
	files   map[string]string
	names   []string // of the archive, in order
	conf    map[string]string
	cache   map[string]string
}

func (r result) env() rm.Map[string] { return r.context.Container.Environment }

func (r result) command() string { return strings.Join(r.context.Container.Commands, " ") }

func (r result) links() map[string]string {
	links := map[string]string{}
	for name, l := range r.context.Container.LocalResources {
		links[name] = string(l.Type) + " " + string(l.Visibility) + " " + l.URL
	}
	return links
}

func prepare(t *testing.T, in submission.Input) result {
	t.Helper()
	plan, err := submission.Prepare(in)
	require.NoError(t, err, "%v", job.ProblemsOf(err))
	r := result{plan: plan, files: map[string]string{}}
	r.context, err = plan.Context(submission.Uploaded{URL: plan.ArchiveURL, Size: int64(len(plan.Archive)), Modified: 2000})
	require.NoError(t, err)
	for _, f := range unzipped(t, plan.Archive) {
		r.files[f.name] = f.content
		r.names = append(r.names, f.name)
	}
	r.conf = readProperties(t, r.files["__spark_conf__.properties"])
	r.cache = readProperties(t, r.files["__spark_dist_cache__.properties"])
	return r
}

// member of an archive.
type member struct{ name, content string }

func unzipped(t *testing.T, archive []byte) []member {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	var members []member
	for _, f := range z.File {
		require.Equal(t, zip.Store, f.Method)
		require.Zero(t, f.Flags&8, "sizes stand in front: Java cannot read it otherwise")
		content, err := f.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(content)
		require.NoError(t, err)
		members = append(members, member{f.Name, string(data)})
	}
	return members
}

func readProperties(t *testing.T, text string) map[string]string {
	t.Helper()
	p, err := properties.Defaults([]byte(text))
	require.NoError(t, err)
	return p
}

// problems of an input that cannot be submitted, joined.
func problems(t *testing.T, in submission.Input) string {
	t.Helper()
	plan, err := submission.Prepare(in)
	require.Nil(t, plan)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	return strings.Join(job.ProblemsOf(err), "\n")
}

func TestPlainPythonJob(t *testing.T) {
	t.Parallel()
	r := prepare(t, pythonJob(func(in *submission.Input) { in.Program.Args = []string{"a", "it's", "$x"} }))
	require.Equal(t, map[string]string{
		"spark.app.name": "main.py", "spark.app.submitTime": "1795245906292", "spark.master": "yarn",
		"spark.submit.deployMode": "cluster", "spark.submit.pyFiles": "", "spark.yarn.isPython": "true", "spark.yarn.maxAppAttempts": "1",
		"spark.yarn.archive":           "hdfs://nn:9000/archives/spark-3.5.9.zip",
		"spark.executorEnv.PYTHONPATH": "{{PWD}}/pyspark.zip<CPS>{{PWD}}/py4j-0.10.9.7-src.zip",
	}, r.conf)
	require.Equal(t, map[string]string{
		"spark.yarn.cache.filenames":    "hdfs://nn:9000/archives/spark-3.5.9.zip#__spark_libs__,hdfs://nn:9000/archives/pyspark.zip#pyspark.zip,hdfs://nn:9000/archives/py4j-0.10.9.7-src.zip#py4j-0.10.9.7-src.zip",
		"spark.yarn.cache.sizes":        "10,10,10",
		"spark.yarn.cache.timestamps":   "1000,1000,1000",
		"spark.yarn.cache.visibilities": "PUBLIC,PRIVATE,PRIVATE",
		"spark.yarn.cache.types":        "ARCHIVE,FILE,FILE",
		"spark.yarn.cache.confArchive":  staging + "/__spark_conf__.zip",
	}, r.cache)
	require.Equal(t, []string{
		"__hadoop_conf__/", "__hadoop_conf__/core-site.xml", "__spark_hadoop_conf__.xml", "__spark_conf__.properties", "__spark_dist_cache__.properties",
	}, r.names)
	require.Equal(t, map[string]string{
		"__spark_libs__":        "ARCHIVE PUBLIC hdfs://nn:9000/archives/spark-3.5.9.zip",
		"__spark_conf__":        "ARCHIVE PRIVATE " + staging + "/__spark_conf__.zip",
		"main.py":               "FILE PRIVATE hdfs://nn:9000/jobs/main.py",
		"pyspark.zip":           "FILE PRIVATE hdfs://nn:9000/archives/pyspark.zip",
		"py4j-0.10.9.7-src.zip": "FILE PRIVATE hdfs://nn:9000/archives/py4j-0.10.9.7-src.zip",
	}, r.links())
	require.Equal(t, rm.Map[string]{
		"CLASSPATH":              "{{PWD}}<CPS>{{PWD}}/__spark_conf__<CPS>{{PWD}}/__spark_libs__/*<CPS>{{PWD}}/__spark_conf__/__hadoop_conf__",
		"PYTHONHASHSEED":         "0",
		"PYTHONPATH":             "{{PWD}}/pyspark.zip<CPS>{{PWD}}/py4j-0.10.9.7-src.zip",
		"SPARK_PREFER_IPV6":      "false",
		"SPARK_USER":             "alice",
		"SPARK_YARN_STAGING_DIR": staging,
	}, r.env())
	require.Contains(t, r.command(), "{{JAVA_HOME}}/bin/java -server -Djava.net.preferIPv6Addresses=false -XX:+IgnoreUnrecognizedVMOptions --add-opens=")
	require.Contains(t, r.command(), " -Djdk.reflect.useDirectMethodHandle=false -Xmx1024m -Djava.io.tmpdir={{PWD}}/tmp -Dspark.yarn.app.container.log.dir=<LOG_DIR> ")
	require.True(t, strings.HasSuffix(r.command(), ` org.apache.spark.deploy.yarn.ApplicationMaster --class 'org.apache.spark.deploy.PythonRunner' --primary-py-file main.py`+
		` --arg 'a' --arg 'it'\''s' --arg '\$x' --properties-file {{PWD}}/__spark_conf__/__spark_conf__.properties`+
		` --dist-cache-conf {{PWD}}/__spark_conf__/__spark_dist_cache__.properties 1> <LOG_DIR>/stdout 2> <LOG_DIR>/stderr`), r.command())
	c := r.context
	require.Equal(t, "main.py", c.Name)
	require.Equal(t, "default", c.Queue)
	require.Equal(t, "SPARK", c.Type)
	require.Equal(t, 1, c.MaxAttempts)
	require.Equal(t, rm.Resource{MemoryMB: 1408, VCores: 1}, c.Resource)
	require.Equal(t, rm.Map[string]{"VIEW_APP": "alice ", "MODIFY_APP": "alice "}, c.Container.ACLs)
	require.Zero(t, *c.Priority)
	require.Empty(t, r.plan.Warnings)

	again := prepare(t, pythonJob(func(in *submission.Input) { in.Program.Args = []string{"a", "it's", "$x"} }))
	require.Equal(t, r.plan.Archive, again.plan.Archive)
	require.Equal(t, r.context, again.context)
}
