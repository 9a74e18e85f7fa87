package submission_test

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

func withConf(conf map[string]string) submission.Input {
	return pythonJob(func(in *submission.Input) { in.Conf = conf })
}

func TestMemoryAndCores(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		conf   map[string]string
		memory int64
		heap   string
	}{
		{nil, 1024 + 384, "-Xmx1024m"},
		{map[string]string{"spark.driver.memory": "2g"}, 2048 + 384, "-Xmx2048m"},
		{map[string]string{"spark.driver.memory": "4096"}, 4096 + 409, "-Xmx4096m"},
		{map[string]string{"spark.driver.memory": " 1500000K "}, 1464 + 384, "-Xmx1464m"},
		{map[string]string{"spark.driver.memory": "10g", "spark.driver.memoryOverheadFactor": "0.4"}, 10240 + 4096, "-Xmx10240m"},
		{map[string]string{"spark.driver.memory": "999m", "spark.driver.memoryOverheadFactor": "0.77"}, 999 + 769, "-Xmx999m"},
		{map[string]string{"spark.driver.memoryOverhead": "100m"}, 1024 + 100, "-Xmx1024m"},
		{map[string]string{"spark.yarn.driver.memoryOverhead": "512"}, 1024 + 512, "-Xmx1024m"},
		{map[string]string{"spark.driver.memoryOverhead": "1", "spark.yarn.driver.memoryOverhead": "512"}, 1024 + 1, "-Xmx1024m"},
		{map[string]string{"spark.my": "700m", "spark.driver.memory": "${spark.my}"}, 700 + 384, "-Xmx700m"},
	} {
		r := prepare(t, withConf(tt.conf))
		require.Equal(t, tt.memory, r.context.Resource.MemoryMB, "%v", tt.conf)
		require.Contains(t, r.context.Container.Commands, tt.heap)
	}
	r := prepare(t, withConf(map[string]string{"spark.driver.cores": " 3 "}))
	require.EqualValues(t, 3, r.context.Resource.VCores)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limited := func(memory, cores int64, conf map[string]string) submission.Input {
		return pythonJob(func(in *submission.Input) {
			in.Limits, in.Conf = submission.Limits{MemoryMB: memory, VCores: cores}, conf
		})
	}
	prepare(t, limited(1408, 1, nil))
	require.Equal(t, "spark.driver.memory: 1408 MiB with its overhead (spark.driver.memoryOverhead) is above the cluster's limit of 1407 for one container\n"+
		"spark.executor.memory: 1408 MiB with its overhead (spark.executor.memoryOverhead, spark.executor.pyspark.memory, spark.memory.offHeap.size)"+
		" is above the cluster's limit of 1407 for one container", problems(t, limited(1407, 0, nil)))
	executors := map[string]string{
		"spark.executor.memory": "1g", "spark.executor.memoryOverhead": "100", "spark.executor.pyspark.memory": "50",
		"spark.memory.offHeap.enabled": "TRUE", "spark.memory.offHeap.size": "20971520",
		"spark.driver.memory": "500m", "spark.driver.memoryOverhead": "1m",
	}
	prepare(t, limited(1024+100+50+20, 0, executors))
	require.Contains(t, problems(t, limited(1024+100+50+19, 0, executors)), "spark.executor.memory: 1194 MiB")
	jarLimits := limited(1024+100+20, 0, executors)
	jarLimits.Program = jarJob(nil).Program
	prepare(t, jarLimits) // PySpark's memory counts for Python only
	require.Equal(t, "spark.driver.cores: 3 cores is above the cluster's limit of 2 for one container\n"+
		"spark.executor.cores: 4 cores is above the cluster's limit of 2 for one container",
		problems(t, limited(0, 2, map[string]string{"spark.driver.cores": "3", "spark.executor.cores": "4"})))
}

func TestSettingsProblems(t *testing.T) {
	t.Parallel()
	for key, tt := range map[string]struct{ value, want string }{
		"spark.driver.memory":                           {"1.5g", "is no size"},
		"spark.executor.memory":                         {"12x", "has no unit"},
		"spark.driver.memoryOverhead":                   {"99999999999999999999", "is too large"},
		"spark.executor.memoryOverheadFactor":           {"0", "is no number above 0"},
		"spark.driver.memoryOverheadFactor":             {"NaN", "is no number above 0"},
		"spark.driver.cores":                            {"0", "0 is less than 1"},
		"spark.executor.cores":                          {"two", "is no whole number"},
		"spark.executor.instances":                      {"0", "0 is less than 1"},
		"spark.memory.offHeap.enabled":                  {"maybe", "is neither true nor false"},
		"spark.yarn.maxAppAttempts":                     {"0", "0 is less than 1"},
		"spark.yarn.priority":                           {"-1", "-1 is less than 0"},
		"spark.yarn.am.attemptFailuresValidityInterval": {"soon", "is no duration"},
		"spark.yarn.applicationType":                    {"ATYPEWITHTOOMANYCHARS", "is longer than 20"},
		"spark.yarn.tags":                               {"ok,ü", "is no tag"},
		"spark.master":                                  {"local", "needs yarn"},
		"spark.submit.deployMode":                       {"client", "needs cluster"},
		"spark.jars":                                    {"x", "given as resources"},
		"spark.yarn.dist.files":                         {"x", "given as resources"},
		"spark.yarn.archive":                            {"x", "given as the runtime"},
		"spark.yarn.jars":                               {"x", "given as the runtime"},
		"spark.jars.packages":                           {"a:b:1", "nobody resolves packages"},
		"spark.driver.resource.gpu.amount":              {"1", "cannot be asked for over REST"},
		"spark.yarn.driver.resource.yarn.io/gpu.amount": {"1", "cannot be asked for over REST"},
		"spark.yarn.am.tokenConfRegex":                  {"x", "cannot be asked for over REST"},
		"spark.yarn.secondary.jars":                     {"x", "Spark sets it itself"},
		"spark.yarn.cache.filenames":                    {"x", "Spark sets it itself"},
		"spark.remote":                                  {"sc://x", "Spark Connect"},
		"spark.yarn.queue":                              {"a\nb", "control characters"},
		"spark.app.name":                                {"a\x01b", "control characters"},
		"spark.x":                                       {"a\x00b", "is no text"},
		"spark.x=y":                                     {"z", "is no key"},
		"spark.driver.extraJavaOptions":                 {"-Da=${spark.unknown}", `refers to "${spark.unknown}", which is not set`},
		"spark.driver.extraClassPath":                   {"${env:HOME}/x", "is not in the environment of a submission"},
		"spark.driver.extraLibraryPath":                 {"${system:user.home}/x", "no JVM submits"},
		"spark.yarn.am.nodeLabelExpression":             {"${spark.yarn.am.nodeLabelExpression}", "refers to itself"},
		"spark.executor.extraJavaOptions":               {"-Xmx3g", "spark.executor.memory"},
		"spark.executor.defaultJavaOptions":             {"-Dspark.x=1", "are not set with Java options"},
		"spark.yarn.appMasterEnv.A-B":                   {"x", "is no name of an environment variable"},
		"spark.executorEnv.A.B":                         {"x", "is no name of an environment variable"},
		"spark.yarn.appMasterEnv.QUOTE":                 {`say "hi"`, "has a double quote"},
		"spark.executorEnv.END":                         {`x\`, "ends with a backslash"},
		"spark.yarn.appMasterEnv.BELL":                  {"\x07", "control characters"},
	} {
		got := problems(t, withConf(map[string]string{key: tt.value}))
		require.Contains(t, got, key)
		require.Contains(t, got, tt.want, key)
		require.NotContains(t, got, "\n", "one problem only")
	}
	prepare(t, withConf(map[string]string{"spark.executor.instances": "0", "spark.dynamicAllocation.enabled": "true"}))
	prepare(t, withConf(map[string]string{"spark.my.key": "${env:HOME} ${system:x}", "spark.yarn.appMasterEnv.X": `\"a\\`}))
}

// A value that others see is not made of one that may be a secret, on no way; one that
// goes into the archive alone may be.
func TestReferencesToSecrets(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"${spark.hadoop.fs.s3a.secret.key}", "${spark:spark.hadoop.fs.s3a.secret.key}", "${spark.x}", "${env:API_TOKEN}"} {
		in := withConf(map[string]string{"spark.yarn.priority": value, "spark.hadoop.fs.s3a.secret.key": "hunter2", "spark.x": "${spark.hadoop.fs.s3a.secret.key}"})
		in.Env = map[string]string{"API_TOKEN": "hunter2"}
		got := problems(t, in)
		require.Contains(t, got, "spark.yarn.priority: refers to ")
		require.Contains(t, got, "which may be a secret")
		require.NotContains(t, got, "hunter2")
	}
	prepare(t, withConf(map[string]string{"spark.my.key": "${spark.my.password}", "spark.my.password": "hunter2"}))
}

func TestFieldProblems(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*submission.Input){
		"id: ":                                func(in *submission.Input) { in.ID = "job_1" },
		`user: "a b"`:                         func(in *submission.Input) { in.User = "a b" },
		"user: ":                              func(in *submission.Input) { in.User = "alice@EXAMPLE.ORG" },
		"maxAttempts:":                        func(in *submission.Input) { in.MaxAttempts = -1 },
		"failuresValidity: 1µs":               func(in *submission.Input) { in.FailuresValidity = time.Microsecond },
		"submitTime: is not set":              func(in *submission.Input) { in.SubmitTime = time.Time{} },
		"stagingDir: \"/tmp\" has no scheme":  func(in *submission.Input) { in.StagingDir = "/tmp" },
		"is no directory for one application": func(in *submission.Input) { in.StagingDir = "hdfs://nn/tmp" },
		"has characters other than":           func(in *submission.Input) { in.StagingDir = "hdfs://nn/a b/c" },
		"nodeLabel: ":                         func(in *submission.Input) { in.NodeLabel = "a\nb" },
		"acls: ":                              func(in *submission.Input) { in.ACLs.ViewUsers = []string{"a b"} },
		`tags: "a,b"`:                         func(in *submission.Input) { in.Tags = []string{"a,b"} },
		"spark.yarn.tags: 11 tags":            func(in *submission.Input) { in.Tags = strings.Split("a,b,c,d,e,f,g,h,i,j,k", ",") },
		"is no tag; one has at most 100":      func(in *submission.Input) { in.Tags = []string{strings.Repeat("x", 101)} },
		"program: there is neither":           func(in *submission.Input) { in.Program = submission.Program{} },
		"program.class: a Python":             func(in *submission.Input) { in.Program.Class = "X" },
		"program.class: a JAR needs":          func(in *submission.Input) { in.Program.URL = "hdfs://nn/x.jar" },
		"cannot run a Python program that is not sent along":                        func(in *submission.Input) { in.Program.Resource = local("local:/x.py") },
		"program: cannot have another name":                                         func(in *submission.Input) { in.Program.Name = "other.py" },
		"program.args[1]: ":                                                         func(in *submission.Input) { in.Program.Args = []string{"ok", "\xff"} },
		"runtime.spark: \"4.1.0\" is not supported; versions are 3.5":               func(in *submission.Input) { in.Runtime.Spark = "4.1.0" },
		"runtime.java: Spark 3.5.9 does not run on Java 21; versions are [8 11 17]": func(in *submission.Input) { in.Runtime.Java = 21 },
		"runtime.javaHome: ":                                                        func(in *submission.Input) { in.Runtime.JavaHome = "$JAVA" },
		"runtime: has neither an archive nor jars":                                  func(in *submission.Input) { in.Runtime.Archive = nil },
		"runtime: has both":                                                         func(in *submission.Input) { in.Runtime.Jars = []submission.Resource{local("local:/x/*")} },
		"runtime.archive: cannot be local:": func(in *submission.Input) {
			r := local("local:/x.zip")
			in.Runtime.Archive = &r
		},
		"runtime.python: needs pyspark.zip": func(in *submission.Input) { in.Runtime.Python = nil },
		"pyFiles[0]: Spark does not put a local: module": func(in *submission.Input) {
			in.PyFiles = []submission.Resource{local("local:/x.py")}
		},
		"hadoopConf: has no fs.defaultFS":                  func(in *submission.Input) { in.HadoopConf = nil },
		"hadoopConf: core-site.xml:1: <html> stands where": func(in *submission.Input) { in.HadoopConf["core-site.xml"] = []byte("<html>") },
		"hadoopConf: core-site.xml:1: includes another file": func(in *submission.Input) {
			in.HadoopConf["core-site.xml"] = []byte(`<configuration xmlns:xi="x"><xi:include href="y"/></configuration>`)
		},
		`hadoopConf: "../x" is no file name`:   func(in *submission.Input) { in.HadoopConf["../x"] = nil },
		`sparkConf: "a/b.xml" is no file name`: func(in *submission.Input) { in.SparkConf = map[string][]byte{"a/b.xml": nil} },
	} {
		require.Contains(t, problems(t, pythonJob(change)), want)
	}
	// All problems are reported together.
	require.Len(t, strings.Split(problems(t, submission.Input{Conf: map[string]string{"spark.jars": "x", "spark.driver.memory": "?"}}), "\n"), 10)
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	priority := 7
	in := pythonJob(func(in *submission.Input) {
		in.Name, in.Queue, in.Type, in.Priority, in.MaxAttempts = "my name", "root.a", "ETL", &priority, 3
		in.FailuresValidity, in.NodeLabel, in.Tags = time.Hour, "gpu", []string{"stoker:x", "mine"}
		in.ACLs = submission.ACLs{ViewUsers: []string{"bob"}, ModifyGroups: []string{"ops"}}
		in.Credentials = rm.Credentials{Tokens: rm.Map[string]{"nn": "abc"}}
		in.Conf = map[string]string{
			"spark.app.name": "theirs", "spark.yarn.queue": "q", "spark.yarn.tags": "mine,other", "spark.yarn.priority": "1", "spark.yarn.maxAppAttempts": "9",
			"spark.admin.acls": "root", "spark.ui.view.acls": "carl,alice", "spark.modify.acls.groups": "dev", "spark.ui.view.acls.groups": "a,*",
			"spark.yarn.am.nodeLabelExpression": "fast", "spark.yarn.rolledLog.includePattern": "std.*", "spark.app.submitTime": "5",
		}
	})
	r := prepare(t, in)
	c := r.context
	require.Equal(t, []any{"my name", "root.a", "ETL", 7, 3, int64(3600000), "gpu", "fast"},
		[]any{c.Name, c.Queue, c.Type, *c.Priority, c.MaxAttempts, c.AttemptFailuresValidity, c.NodeLabel, c.AMNodeLabel})
	require.Equal(t, []string{"mine", "other", "stoker:x"}, c.Tags)
	require.Equal(t, rm.Map[string]{"VIEW_APP": "root,alice,carl,bob *", "MODIFY_APP": "root,alice dev,ops"}, c.Container.ACLs)
	require.Equal(t, &rm.LogAggregation{RolledInclude: "std.*"}, c.LogAggregation)
	require.Equal(t, in.Credentials, c.Container.Credentials)
	for key, want := range map[string]string{
		"spark.app.name": "my name", "spark.yarn.queue": "root.a", "spark.yarn.tags": "mine,other,stoker:x", "spark.yarn.priority": "7",
		"spark.yarn.maxAppAttempts": "3", "spark.yarn.applicationType": "ETL", "spark.yarn.am.attemptFailuresValidityInterval": "3600000ms", "spark.app.submitTime": "5",
	} {
		require.Equal(t, want, r.conf[key], key)
	}
	require.Len(t, in.Conf, 12, "the caller's is as it was")
}

func TestEnvironmentOfSparkSubmit(t *testing.T) {
	t.Parallel()
	r := prepare(t, pythonJob(func(in *submission.Input) {
		in.Env = map[string]string{
			"PYSPARK_PYTHON": "/opt/python3", "PYSPARK_DRIVER_PYTHON": "/opt/driver", "PYTHONHASHSEED": "42", "SPARK_PREFER_IPV6": "TRUE",
			"SPARK_DIST_CLASSPATH": "/opt/hadoop/*", "SPARK_DRIVER_MEMORY": "3g", "SPARK_EXECUTOR_MEMORY": "2g", "SPARK_EXECUTOR_CORES": "2", "OTHER": "x",
		}
		in.Conf = map[string]string{
			"spark.executor.memory": "1g", "spark.yarn.appMasterEnv.PYSPARK_PYTHON": "/mine", "spark.yarn.appMasterEnv.CLASSPATH": "/cp",
			"spark.yarn.appMasterEnv.SPARK_USER": "bob", "ignored.key": "x",
		}
		in.Runtime.JavaHome = "/usr/lib/jvm/17"
	}))
	env := r.env()
	require.Equal(t, "/mine", env["PYSPARK_PYTHON"])
	require.Equal(t, "/opt/driver", env["PYSPARK_DRIVER_PYTHON"])
	require.Equal(t, "42", env["PYTHONHASHSEED"])
	require.Equal(t, "true", env["SPARK_PREFER_IPV6"])
	require.Equal(t, "bob", env["SPARK_USER"])
	require.Equal(t, "/usr/lib/jvm/17", env["JAVA_HOME"])
	require.True(t, strings.HasSuffix(env["CLASSPATH"], "<CPS>/opt/hadoop/*<CPS>{{PWD}}/__spark_conf__/__hadoop_conf__<CPS>/cp"), env["CLASSPATH"])
	require.NotContains(t, env, "OTHER")
	require.Contains(t, r.command(), "-Djava.net.preferIPv6Addresses=true ")
	require.Equal(t, "/usr/lib/jvm/17", r.conf["spark.executorEnv.JAVA_HOME"])
	require.Equal(t, "3g", r.conf["spark.driver.memory"])
	require.Equal(t, "1g", r.conf["spark.executor.memory"])
	require.Equal(t, "2", r.conf["spark.executor.cores"])
	require.NotContains(t, r.conf, "ignored.key")
	require.Contains(t, r.plan.Warnings[0], `"ignored.key": is ignored`)
}

func TestJavaOptionsAndLibraries(t *testing.T) {
	t.Parallel()
	r := prepare(t, withConf(map[string]string{
		"spark.driver.defaultJavaOptions": "-Da=1", "spark.driver.extraJavaOptions": `-Db="x y" -Dc={{APP_ID}} -Dd=<LOG_DIR> -De='$HOME'`,
		"spark.driver.extraLibraryPath": `/opt/"lib"`, "spark.driver.extraClassPath": "/first/*",
	}))
	require.Contains(t, r.command(), ` '-Da=1' '-Db=x y' '-Dc=`+appID+`' '-Dd=<LOG_DIR>' '-De=\$HOME' -Dspark.yarn.app.container.log.dir=`)
	require.Equal(t, `LD_LIBRARY_PATH=\"/opt/\\\"lib\\\":$LD_LIBRARY_PATH\"`, r.context.Container.Commands[0])
	require.True(t, strings.HasPrefix(r.env()["CLASSPATH"], "/first/*<CPS>{{PWD}}<CPS>"))
}

// No secret is in what other users can read.
func TestSecrets(t *testing.T) {
	t.Parallel()
	keys := []string{
		"spark.my.password", "spark.hadoop.fs.s3a.secret.key", "spark.authenticate.secret", "spark.ssl.keyPassword", "spark.x.port", "spark.auth.token",
		"spark.yarn.appMasterEnv.PASSWORD", "spark.executorEnv.PASSWORD", "spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions",
		"spark.executor.extraClassPath", "spark.driver.extraClassPath", "spark.driver.extraLibraryPath", "spark.app.name", "spark.yarn.queue", "spark.yarn.tags",
		"spark.ui.view.acls", "spark.yarn.rolledLog.includePattern", "spark.yarn.am.nodeLabelExpression", "spark.yarn.config.replacementPath", "spark.my.part",
	}
	rapid.Check(t, func(t *rapid.T) {
		const secret = "hunter2"
		chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, 4, rapid.ID[string]).Draw(t, "keys")
		conf := map[string]string{"spark.yarn.config.gatewayPath": "/gw", "spark.yarn.appMasterEnv.PLAIN": "x"}
		secrets := map[string]string{}
		for _, key := range chosen {
			secrets[key] = secret + "${env:NOWHERE}"
		}
		if rapid.Bool().Draw(t, "refers") {
			conf["spark.driver.defaultJavaOptions"] = "-Dx=${spark.my.part}"
		}
		in := pythonJob(func(in *submission.Input) { in.Conf, in.Secrets = conf, secrets })
		plan, err := submission.Prepare(in)
		if err != nil {
			require.NotContains(t, strings.Join(job.ProblemsOf(err), " "), secret)
			return
		}
		request, err := plan.Context(submission.Uploaded{URL: plan.ArchiveURL, Size: int64(len(plan.Archive)), Modified: 1})
		require.NoError(t, err)
		body, err := xml.Marshal(request)
		require.NoError(t, err)
		require.NotContains(t, string(body), secret)
		require.Contains(t, string(plan.Archive), secret)
		require.NotContains(t, strings.Join(plan.Warnings, " "), secret)
		for _, key := range chosen {
			require.NotContains(t, []string{"spark.ssl.keyPassword", "spark.x.port", "spark.auth.token", "spark.executorEnv.PASSWORD", "spark.executor.extraJavaOptions", "spark.executor.extraClassPath"}, key)
		}
	})
	r := prepare(t, pythonJob(func(in *submission.Input) {
		in.Secrets = map[string]string{
			"spark.my.password": "hunter2", "spark.hadoop.fs.s3a.secret.key": "<hunter2>", "spark.hive.password": "${hunter2}",
			"spark.authenticate.secret": "", "spark.driver.host.password": "pass=word: #!\\ \u00fc\U0001F600 end",
		}
	}))
	require.Equal(t, "hunter2", r.conf["spark.my.password"])
	require.Empty(t, r.conf["spark.authenticate.secret"])
	require.Equal(t, "pass=word: #!\\ \u00fc\U0001F600 end", r.conf["spark.driver.host.password"])
	require.Contains(t, r.files["__spark_hadoop_conf__.xml"], "<name>fs.s3a.secret.key</name><value>&lt;hunter2&gt;</value>")
	require.Contains(t, r.files["__spark_hadoop_conf__.xml"], "<name>hive.password</name><value>${hunter2}</value>")

	_, err := submission.Prepare(pythonJob(func(in *submission.Input) {
		in.Secrets = map[string]string{"spark.my.password": "hunter2\x00", "spark.jars": "hunter2", "spark.x.port": ""}
	}))
	require.ElementsMatch(t, []string{
		"spark.my.password: its value is no text", "spark.jars: files are given as resources, with their size and time",
		"spark.x.port: a secret cannot be used here, Spark would show it on the executors' nodes",
	}, job.ProblemsOf(err))
}
