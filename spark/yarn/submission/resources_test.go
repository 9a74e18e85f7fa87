package submission_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

func named(url, name string) submission.Resource {
	r := file(url)
	r.Name = name
	return r
}

// configured is a file that the operator names.
func configured(url, from string) submission.Resource {
	r := file(url)
	r.From = from
	return r
}

func local(url string) submission.Resource { return submission.Resource{URL: url} }

func TestFilesAndArchives(t *testing.T) {
	t.Parallel()
	r := prepare(t, pythonJob(func(in *submission.Input) {
		in.Files = []submission.Resource{
			file("hdfs://nn:9000/data/a.txt"), file("hdfs://nn:9000/data/b.txt#renamed.txt"), named("hdfs://nn:9000/data/c.txt", "sub/dir.txt"),
			file("hdfs://nn:9000/data//with%20space%25.txt"), local("local:/etc/hosts"), named("hdfs://nn:9000/other/a.txt", "a again.txt"),
		}
		in.Files[0].Public = true
		in.Archives = []submission.Resource{file("hdfs://nn:9000/env.tar.gz#env")}
	}))
	links := r.links()
	require.Equal(t, "FILE PUBLIC hdfs://nn:9000/data/a.txt", links["a.txt"])
	require.Equal(t, "FILE PRIVATE hdfs://nn:9000/data/b.txt", links["renamed.txt"])
	require.Equal(t, "FILE PRIVATE hdfs://nn:9000/data/c.txt", links["sub/dir.txt"])
	require.Equal(t, "FILE PRIVATE hdfs://nn:9000/data/with%20space%25.txt", links["with space%.txt"])
	require.Equal(t, "FILE PRIVATE hdfs://nn:9000/other/a.txt", links["a again.txt"])
	require.Equal(t, "ARCHIVE PRIVATE hdfs://nn:9000/env.tar.gz", links["env"])
	require.Len(t, links, 5+6)
	require.Equal(t, "hdfs://nn:9000/data/a.txt,hdfs://nn:9000/data/b.txt#renamed.txt,hdfs://nn:9000/data/c.txt#sub/dir.txt,"+
		"hdfs://nn:9000/data/with%20space%25.txt,local:/etc/hosts,hdfs://nn:9000/other/a.txt#a%20again.txt", r.conf["spark.yarn.dist.files"])
	require.Equal(t, "hdfs://nn:9000/env.tar.gz#env", r.conf["spark.yarn.dist.archives"])
	require.Contains(t, r.cache["spark.yarn.cache.filenames"], ",hdfs://nn:9000/data/with%20space%25.txt#with%20space%25.txt,")
	require.Equal(t, "ARCHIVE,FILE,FILE,FILE,FILE,FILE,ARCHIVE,FILE,FILE", r.cache["spark.yarn.cache.types"])
	require.Equal(t, "PUBLIC,PUBLIC,PRIVATE,PRIVATE,PRIVATE,PRIVATE,PRIVATE,PRIVATE,PRIVATE", r.cache["spark.yarn.cache.visibilities"])
}

func TestPyFiles(t *testing.T) {
	t.Parallel()
	r := prepare(t, pythonJob(func(in *submission.Input) {
		in.PyFiles = []submission.Resource{
			file("hdfs://nn:9000/lib/helper.py"), file("hdfs://nn:9000/lib/lib.zip"), named("hdfs://nn:9000/lib/x.zip", "y.zip"),
			local("local:/opt/z.egg"), configured("hdfs://nn:9000/again/lib.zip", "spark.yarn.dist.pyFiles of the file"), file("hdfs://nn:9000/lib/lib.zip"),
		}
		in.Env = map[string]string{"PYTHONPATH": "/mine"}
		in.Conf = map[string]string{"spark.executorEnv.PYTHONPATH": "/executors", "spark.yarn.appMasterEnv.PYTHONPATH": "/master"}
	}))
	links := r.links()
	require.Equal(t, "FILE PRIVATE hdfs://nn:9000/lib/helper.py", links["__pyfiles__/helper.py"])
	require.Equal(t, "FILE PRIVATE hdfs://nn:9000/lib/lib.zip", links["lib.zip"])
	require.Equal(t, "FILE PRIVATE hdfs://nn:9000/lib/x.zip", links["y.zip"])
	const path = "/mine<CPS>{{PWD}}/__pyfiles__<CPS>{{PWD}}/pyspark.zip<CPS>{{PWD}}/py4j-0.10.9.7-src.zip<CPS>{{PWD}}/lib.zip<CPS>{{PWD}}/y.zip<CPS>/opt/z.egg<CPS>{{PWD}}/lib.zip<CPS>{{PWD}}/lib.zip"
	require.Equal(t, "/master<CPS>"+path, r.env()["PYTHONPATH"])
	require.Equal(t, "/executors<CPS>"+path, r.conf["spark.executorEnv.PYTHONPATH"])
	list := "hdfs://nn:9000/lib/helper.py,hdfs://nn:9000/lib/lib.zip,hdfs://nn:9000/lib/x.zip#y.zip,local:/opt/z.egg,hdfs://nn:9000/again/lib.zip,hdfs://nn:9000/lib/lib.zip"
	require.Equal(t, list, r.conf["spark.submit.pyFiles"])
	require.Equal(t, list, r.conf["spark.yarn.dist.pyFiles"])
	require.Equal(t, []string{
		"spark.yarn.dist.pyFiles of the file: hdfs://nn:9000/again/lib.zip is left out, a file of this name is there already",
		"pyFiles[4]: hdfs://nn:9000/lib/lib.zip is left out, a file of this name is there already",
	}, r.plan.Warnings)
}

func TestJars(t *testing.T) {
	t.Parallel()
	r := prepare(t, jarJob(func(in *submission.Input) {
		in.Jars = []submission.Resource{
			file("hdfs://nn:9000/a.jar"), file("hdfs://nn:9000/b.jar#c.jar"), local("local:/opt/d.jar"), file("hdfs://nn:9000/a.jar"),
			configured("hdfs://nn:9000/x/b.jar", "spark.jars of the file"),
		}
		in.Conf = map[string]string{"spark.yarn.user.classpath.first": "true"}
	}))
	require.Equal(t, "FILE PRIVATE hdfs://nn:9000/jobs/app.jar", r.links()["__app__.jar"])
	require.Equal(t, "a.jar,c.jar,local:/opt/d.jar", r.conf["spark.yarn.secondary.jars"])
	require.Equal(t, "hdfs://nn:9000/a.jar,hdfs://nn:9000/b.jar#c.jar,local:/opt/d.jar,hdfs://nn:9000/a.jar,hdfs://nn:9000/x/b.jar", r.conf["spark.yarn.dist.jars"])
	require.Len(t, r.plan.Warnings, 2)
	require.Contains(t, r.command(), " --class 'org.example.Main' --jar hdfs://nn:9000/jobs/app.jar --properties-file ")
	require.NotContains(t, r.conf, "spark.yarn.isPython")
	require.Equal(t, "org.example.Main", r.context.Name)
	require.Equal(t, "{{PWD}}<CPS>{{PWD}}/__spark_conf__<CPS>{{PWD}}/__app__.jar<CPS>{{PWD}}/a.jar<CPS>{{PWD}}/c.jar<CPS>/opt/d.jar<CPS>{{PWD}}/a.jar<CPS>{{PWD}}/b.jar"+
		"<CPS>{{PWD}}/__spark_libs__/*<CPS>{{PWD}}/__spark_conf__/__hadoop_conf__", r.env()["CLASSPATH"])
	require.NotContains(t, r.env(), "PYTHONPATH")
}

// Of two files with one file name Spark leaves out the second. One that the job names must
// not be missing without a word.
func TestNamesakes(t *testing.T) {
	t.Parallel()
	const mine, other = "hdfs://nn:9000/mine/x.zip", "hdfs://nn:9000/other/x.zip"
	for name, row := range map[string]struct {
		change func(in *submission.Input)
		// refused is the problem, warned the warning, if any.
		refused, warned string
	}{
		"Python files": {func(in *submission.Input) {
			in.PyFiles = []submission.Resource{file(other), file(mine)}
		}, "pyFiles[1]: " + mine + " has the file name of pyFiles[0], and Spark leaves out the second of two; rename one", ""},
		"modules": {func(in *submission.Input) {
			in.PyFiles = []submission.Resource{file("hdfs://nn:9000/a/util.py"), file("hdfs://nn:9000/b/util.py")}
		}, "pyFiles[1]: hdfs://nn:9000/b/util.py has the file name of pyFiles[0]", ""},
		"under other names": {func(in *submission.Input) {
			in.PyFiles = []submission.Resource{file(other), named(mine, "y.zip")}
		}, "pyFiles[1]: " + mine + " has the file name of pyFiles[0]", ""},
		"JARs": {func(in *submission.Input) {
			in.Jars = []submission.Resource{file("hdfs://nn:9000/a/x.jar"), file("hdfs://nn:9000/b/x.jar")}
		}, "jars[1]: hdfs://nn:9000/b/x.jar has the file name of jars[0]", ""},
		"a file and a Python file": {func(in *submission.Input) {
			in.Files, in.PyFiles = []submission.Resource{file(other)}, []submission.Resource{file(mine)}
		}, "pyFiles[0]: " + mine + " has the file name of files[0]", ""},
		"the operator's first": {func(in *submission.Input) {
			in.PyFiles = []submission.Resource{configured(other, "spark.yarn.dist.pyFiles of the file"), file(mine)}
		}, "pyFiles[0]: " + mine + " has the file name of spark.yarn.dist.pyFiles of the file", ""},
		"the operator's second": {func(in *submission.Input) {
			in.PyFiles = []submission.Resource{file(mine), configured(other, "spark.yarn.dist.pyFiles of the file")}
		}, "", "spark.yarn.dist.pyFiles of the file: " + other + " is left out"},
		"the same file": {func(in *submission.Input) {
			in.PyFiles = []submission.Resource{file(mine), file(mine)}
		}, "", "pyFiles[1]: " + mine + " is left out"},
		"Spark's own": {func(in *submission.Input) {
			in.PyFiles = []submission.Resource{file("hdfs://nn:9000/oozie/pyspark.zip")}
		}, "", "pyFiles[0]: hdfs://nn:9000/oozie/pyspark.zip is left out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := pythonJob(row.change)
			if row.refused != "" {
				require.Contains(t, problems(t, in), row.refused)
				return
			}
			r := prepare(t, in)
			require.Len(t, r.plan.Warnings, 1)
			require.Contains(t, r.plan.Warnings[0], row.warned)
		})
	}
}

func TestLocalProgramAndSingleJars(t *testing.T) {
	t.Parallel()
	r := prepare(t, jarJob(func(in *submission.Input) {
		in.Program.Resource = local("local:/opt/my app.jar")
		in.Runtime.Archive = nil
		in.Runtime.Jars = []submission.Resource{file("hdfs://nn:9000/spark/core.jar"), local("local:/gw/spark/jars/*")}
		in.Conf = map[string]string{"spark.yarn.config.gatewayPath": "/gw", "spark.yarn.config.replacementPath": "{{HOME}}"}
	}))
	require.Equal(t, "local:/opt/my%20app.jar", r.conf["spark.yarn.user.jar"])
	require.Equal(t, "local:/gw/spark/jars/*", r.conf["spark.yarn.jars"])
	require.Equal(t, "FILE PRIVATE hdfs://nn:9000/spark/core.jar", r.links()["__spark_libs__/core.jar"])
	require.NotContains(t, r.links(), "__app__.jar")
	require.Contains(t, r.env()["CLASSPATH"], "<CPS>{{PWD}}/__spark_libs__/*<CPS>{{HOME}}/spark/jars/*<CPS>")
	require.Contains(t, r.command(), " --jar local:/opt/my%20app.jar ")
}

func TestProgramWithoutFile(t *testing.T) {
	t.Parallel()
	r := prepare(t, jarJob(func(in *submission.Input) {
		in.Program = submission.Program{Class: "org.apache.spark.X$Y`"}
	}))
	require.Contains(t, r.command(), " --class 'org.apache.spark.X\\$Y\\`' --properties-file ")
}

func TestKeytab(t *testing.T) {
	t.Parallel()
	keytab := named("hdfs://nn:9000/keys/alice.keytab", "alice.keytab-1")
	r := prepare(t, pythonJob(func(in *submission.Input) {
		in.Keytab = &keytab
		in.Conf = map[string]string{"spark.yarn.principal": "alice@EXAMPLE.ORG", "spark.yarn.keytab": "/home/alice/alice.keytab"}
	}))
	require.Equal(t, "alice.keytab-1", r.conf["spark.kerberos.keytab"])
	require.NotContains(t, r.conf, "spark.yarn.keytab")
	require.Equal(t, "FILE PRIVATE hdfs://nn:9000/keys/alice.keytab", r.links()["alice.keytab-1"])
	require.NotContains(t, r.cache["spark.yarn.cache.filenames"], "keytab", "executors do not get it")
	for want, change := range map[string]func(*submission.Input){
		"keytab: needs spark.kerberos.principal": func(in *submission.Input) { in.Keytab = &keytab },
		"spark.kerberos.principal: needs a keytab": func(in *submission.Input) {
			in.Conf = map[string]string{"spark.kerberos.principal": "a"}
		},
		"spark.kerberos.keytab: the keytab is given as a resource": func(in *submission.Input) {
			in.Conf = map[string]string{"spark.yarn.keytab": "/k", "spark.kerberos.principal": "a"}
		},
	} {
		require.Contains(t, problems(t, pythonJob(change)), want)
	}
}

// Where the default file system is one that all hosts have mounted, its files are
// fetched from there.
func TestSharedFiles(t *testing.T) {
	t.Parallel()
	r := prepare(t, pythonJob(func(in *submission.Input) {
		in.StagingDir = "file:/shared/.sparkStaging/" + appID
		in.Files = []submission.Resource{file("file:/shared/a%20b.txt"), file("file:///shared/c.txt")}
	}))
	links := r.links()
	require.Equal(t, "FILE PRIVATE file:/shared/a%20b.txt", links["a b.txt"])
	require.Equal(t, "FILE PRIVATE file:/shared/c.txt", links["c.txt"])
	require.Equal(t, "ARCHIVE PRIVATE file:/shared/.sparkStaging/"+appID+"/__spark_conf__.zip", links["__spark_conf__"])
	require.Contains(t, problems(t, pythonJob(func(in *submission.Input) {
		in.StagingDir = "file://host/shared/" + appID
	})), "names a host; file: files are the same on every node")
}

func TestResourceProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		resource submission.Resource
		want     string
	}{
		{file("/plain/path"), "has no scheme"},
		{file("file:///x/y"), "is on the host that submits"},
		{file("https://x/y"), "is not in a Hadoop file system"},
		{file("hdfs:///x/y"), "does not say which file system; write hdfs://<host>/…"},
		{file("hdfs:x"), "is no URL"},
		{file("hdfs://nn/"), "names no file"},
		{file("hdfs://nn/dir/"), "names no file"},
		{file("hdfs://nn/a/../b"), "has . or .."},
		{file("hdfs://nn/a?b"), "has a query"},
		{file("hdfs://nn/%zz"), "is no URL"},
		{file("hdfs://nn/a\nb"), "has characters that no URL has"},
		{file("local://host/x"), "names a host"},
		{file("hdfs://nn/a,b"), "has a comma"},
		{file("hdfs://nn/d,e/a"), "has a comma"},
		{file("hdfs://nn/a$b"), "has a quote, dollar sign or backslash"},
		{file("hdfs://nn/a%22b#c"), "has a quote, dollar sign or backslash"},
		{named("hdfs://nn/a", "b,c"), "has a comma"},
		{named("hdfs://nn/a", "`x`"), "has a quote, dollar sign or backslash"},
		{named("hdfs://nn/a", "../b"), "does not stay in the container's directory"},
		{named("hdfs://nn/a", ".."), "does not stay"},
		{named("hdfs://nn/a", "/etc/x"), "does not stay"},
		{named("hdfs://nn/a", "b//c"), "does not stay"},
		{named("hdfs://nn/a", "{{x}}"), "doubled braces"},
		{named("hdfs://nn/a", "b\x07"), "control characters"},
		{named("hdfs://nn/a", "__spark_conf__"), "is for Spark's and YARN's own files"},
		{named("hdfs://nn/a", "__spark_libs__/x.jar"), "is for Spark's and YARN's own files"},
		{named("hdfs://nn/a", "launch_container.sh"), "is for Spark's and YARN's own files"},
		{named("hdfs://nn/a", "pyspark.zip"), "the name \"pyspark.zip\" is taken by another file"},
		{submission.Resource{URL: "hdfs://nn/a", Size: 1}, "has no size or no modification time"},
		{submission.Resource{URL: "hdfs://nn/a", Size: -1, Modified: 1}, "has no size or no modification time"},
	} {
		got := problems(t, pythonJob(func(in *submission.Input) { in.Files = []submission.Resource{file("hdfs://nn/ok"), tt.resource} }))
		require.Contains(t, got, tt.want, "%+v", tt.resource)
		if !strings.Contains(tt.want, "taken") {
			require.Contains(t, got, "files[1]: ", "%+v", tt.resource)
		}
	}
}

func TestNamesTakenTwice(t *testing.T) {
	t.Parallel()
	require.Contains(t, problems(t, pythonJob(func(in *submission.Input) {
		in.Files = []submission.Resource{file("hdfs://nn/a/x"), file("hdfs://nn/b/x")}
	})), `files[1]: the name "x" is taken by another file`)
	require.Contains(t, problems(t, pythonJob(func(in *submission.Input) {
		in.Archives = []submission.Resource{named("hdfs://nn/a", "x"), named("hdfs://nn/b", "x")}
	})), `archives[1]: the name "x" is taken by another file`)
	require.Contains(t, problems(t, pythonJob(func(in *submission.Input) {
		in.Files = []submission.Resource{file("hdfs://nn/elsewhere/main.py")}
	})), `program: the name "main.py" is taken by another file`)
	require.Contains(t, problems(t, pythonJob(func(in *submission.Input) {
		in.Files = []submission.Resource{named("hdfs://nn/a", "x"), named("hdfs://nn/a", "y")}
	})), `files[1]: "hdfs://nn/a" is there as "x" already`)
	// The program itself may be among the files: executors get it then.
	r := prepare(t, pythonJob(func(in *submission.Input) { in.Files = []submission.Resource{in.Program.Resource} }))
	require.Contains(t, r.cache["spark.yarn.cache.filenames"], "/jobs/main.py#main.py")
	r = prepare(t, pythonJob(nil))
	require.NotContains(t, r.cache["spark.yarn.cache.filenames"], "main.py")
}

func TestTakeLists(t *testing.T) {
	t.Parallel()
	conf := map[string]string{
		"spark.jars": "a.jar, b.jar", "spark.yarn.dist.jars": "d.jar", "spark.files": "f", "spark.archives": "z#env",
		"spark.submit.pyFiles": "p.py", "spark.yarn.dist.pyFiles": "q.py", "spark.other": "x",
	}
	lists, rest := submission.TakeLists(conf, submission.Lists{Files: []string{"g"}})
	require.Equal(t, submission.Lists{
		Jars: []string{"d.jar", "a.jar", "b.jar"}, Files: []string{"g"}, Archives: []string{"z#env"}, PyFiles: []string{"q.py", "p.py"},
	}, lists)
	require.Equal(t, map[string]string{"spark.other": "x"}, rest)
	require.Len(t, conf, 7, "the caller's is as it was")
}
