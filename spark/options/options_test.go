package options_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/options"
)

var yarn = options.Cluster{
	Master: "yarn", DeployMode: "cluster",
	Profile: options.Profile{Name: "small", AllowHadoop: []string{"spark.hadoop.fs.s3a.*", "spark.hadoop.dfs.replication"}},
	Profiles: []options.Profile{{
		Name: "capped", Conf: map[string]string{"spark.executor.memory": "1g"},
		Limits: map[string]string{"spark.executor.memory": "4g", "spark.executor.instances": "10"},
	}},
}

func resolve(parameters map[string]string) (options.Result, []string) {
	return options.Resolve(yarn, options.Engine{}, parameters)
}

func TestOptionsReachSpark(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ key, value, conf, want string }{
		{"--executor-memory", "512MB", "spark.executor.memory", "512m"},
		{"--executor-memory", "1024", "spark.executor.memory", "1g"},
		{"--driver-memory", " 2G ", "spark.driver.memory", "2g"},
		{"--driver-cores", "2", "spark.driver.cores", "2"},
		{"--executor-cores", " 4 ", "spark.executor.cores", "4"},
		{"--num-executors", "3", "spark.executor.instances", "3"},
		{"--total-executor-cores", "10", "spark.cores.max", "10"},
		{"--queue", "etl", "spark.yarn.queue", "etl"},
		{"--conf", "spark.sql.shuffle.partitions=8", "spark.sql.shuffle.partitions", "8"},
		{"--conf", "spark.startDate=a=b", "spark.startDate", "a=b"},
		{"spark.startDate", "2026-01-01", "spark.startDate", "2026-01-01"},
		{"spark.sql.ansi.enabled", "true", "spark.sql.ansi.enabled", "true"},
		{"spark.driver.maxResultSize", "0", "spark.driver.maxResultSize", "0"},
		{"spark.executor.memoryOverhead", "1536", "spark.executor.memoryOverhead", "1536m"},
		{"spark.executorEnv.TZ", "UTC", "spark.executorEnv.TZ", "UTC"},
		{"spark.hadoop.fs.s3a.endpoint", "http://s3", "spark.hadoop.fs.s3a.endpoint", "http://s3"},
		{"spark.hadoop.fs.s3a.secret.key", "secret:s3", "spark.hadoop.fs.s3a.secret.key", "secret:s3"},
		{"spark.yarn.tags", "team, not-stoker-job", "spark.yarn.tags", "team, not-stoker-job"},
		{" spark.padded ", "x", "spark.padded", "x"},
		{"spark.executor.resource.gpu.discoveryScript", "./gpus.sh", "spark.executor.resource.gpu.discoveryScript", "./gpus.sh"},
	} {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			t.Parallel()
			got, problems := resolve(map[string]string{tt.key: tt.value})
			require.Empty(t, problems)
			require.Equal(t, map[string]string{tt.conf: tt.want}, got.Options.Conf)
			require.Empty(t, got.Options.Args)
			require.Empty(t, got.Parameters)
		})
	}
}

func TestNameFlagsAndFreeParameters(t *testing.T) {
	t.Parallel()
	got, problems := resolve(map[string]string{
		"--name": "nightly", "-v": "", "threshold": "0.05", "note": "two\nlines",
		"--master": "yarn", "spark.master": "yarn", "--deploy-mode": "cluster",
		"stoker.deadline": "2h", "stoker.runLimit": "90s", "stoker.cluster": "other", "stoker.profile": "small",
	})
	require.Empty(t, problems)
	require.Equal(t, "nightly", got.Name)
	require.Equal(t, "small", got.Profile)
	require.Equal(t, []string{"--verbose"}, got.Options.Args)
	require.Empty(t, got.Options.Conf)
	require.Equal(t, map[string]string{"threshold": "0.05", "note": "two\nlines"}, got.Parameters)
	require.Equal(t, options.Settings{Cluster: "other", Profile: "small", Deadline: 2 * time.Hour, RunLimit: 90 * time.Second}, got.Settings)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ key, value, rule string }{
		{"--keytab", "/etc/k", "--keytab"},
		{"--KEYTAB ", "/etc/k", "--keytab"},
		{"--principal", "hdfs", "--principal"},
		{"--proxy-user", "root", "--proxy-user"},
		{"--properties-file", "/etc/passwd", "--properties-file"},
		{"--jars", "x.jar", "--jars"},
		{"--class", "X", "--class"},
		{"--remote", "sc://x", "rule -*"},
		{"-Dx", "", "rule -*"},
		{"--conf=spark.plugins=x", "", "is no option"},
		{"--conf spark.plugins=x", "", "is no option"},
		{"--master=yarn", "", "is no option"},
		{"--master", "local[2]", `asks for master "local[2]", its cluster has yarn`},
		{"--MASTER", "local", "asks for master"},
		{"spark.master", "k8s://x", "asks for master"},
		{"--deploy-mode", "client", "asks for deploy mode client"},
		{"--conf", "spark.plugins=x", "rule spark.plugins"},
		{"--conf", "spark.plugins", "must be spark.<key>=<value>"},
		{"--conf", "stoker.cluster=x", "must be spark.<key>=<value>"},
		{"--conf", "spark.master=local", "asks for master"},
		{"spark.plugins ", "x", "rule spark.plugins"},
		{"Spark.plugins", "x", "rule spark.plugins"},
		{"Spark.startDate", "x", "lower case"},
		{"spark.submit.pyFiles", "x", "rule spark.submit.*"},
		{"spark.submit.deployMode", "cluster", "rule spark.submit.*"},
		{"spark.jars", "x", "rule spark.jars"},
		{"spark.jars.packages", "x", "rule spark.jars.*"},
		{"spark.jars.ivySettings", "x", "rule spark.jars.*"},
		{"spark.files", "/etc/passwd", "rule spark.files"},
		{"spark.archives", "x", "rule spark.archives"},
		{"spark.pyspark.python", "/bin/sh", "rule spark.pyspark.python"},
		{"spark.pyspark.python", "./env/bin/python", "neither the job nor its profile has an archive env; list it in archives as env.tar.gz#env"},
		{"spark.pyspark.other", "./env/bin/python", "rule spark.pyspark.*"},
		{"spark.app.id", "x", "rule spark.app.*"},
		{"spark.local.dir", "/", "rule spark.local.dir"},
		{"spark.driver.extraClassPath", "x", "rule spark.*extraClassPath"},
		{"spark.executor.extraLibraryPath", "x", "rule spark.*extraLibraryPath"},
		{"spark.driver.extraJavaOptions", "x", "rule spark.*javaOptions"},
		{"spark.driver.defaultJavaOptions", "x", "rule spark.*javaOptions"},
		{"spark.extraListeners", "x", "rule spark.*extraListeners"},
		{"spark.kerberos.keytab", "x", "rule spark.*keytab*"},
		{"spark.kerberos.renewal.credentials", "x", "rule spark.kerberos.*"},
		{"spark.yarn.keytab", "x", "rule spark.*keytab*"},
		{"spark.yarn.dist.files", "file:/etc/passwd", "rule spark.yarn.dist.*"},
		{"spark.driver.resource.gpu.discoveryScript", "/bin/sh", "discoveryScript"},
		{"spark.hadoop.fs.defaultFS", "x", "rule spark.hadoop.*"},
		{"spark.hive.metastore.uris", "x", "rule spark.hive.*"},
		{"spark.executorEnv.LD_PRELOAD", "x", "LD_*"},
		{"spark.yarn.appMasterEnv.PYTHONPATH", "x", "PYTHON*"},
		{"spark.kubernetes.driverEnv.SPARK_HOME", "x", "SPARK*"},
		{"spark.kubernetes.driver.podTemplateFile", "x", "podTemplate"},
		{"spark.yarn.tags", "mine,Stoker-job-x.1", "Stoker-job-x.1 would pass for one of Stoker's own"},
		{"spark.yarn.tags", "ü", "is no tag"},
		{"spark.yarn.tags", strings.Repeat("x", 101), "is no tag"},
		{"spark.yarn.tags", "a,b,c,d,e,f", "are 6 tags, more than 5"},
		{"spark.yarn.maxAppAttempts", "3", "spark.yarn.maxAppAttempts"},
		{"spark.a=b\nspark.plugins", "x", "is no key of Spark"},
		{"spark.", "x", "lower case"},
		{"spark.x", "a\nspark.plugins=b", "control character"},
		{"spark.x", "a\x00b", "control character"},
		{"spark.x", "${env:HOME}", "environment"},
		{"spark.my.password", "hunter2", "secret:<name>"},
		{"spark.MY.ToKeN", "x", "secret:<name>"},
		{"spark.hadoop.fs.s3a.access.key", "AKIA", "secret:<name>"},
		{"spark.my.password", "secret:../x", "secret:<name>"},
		{"spark.my.password", "secret:..", "secret:<name>"},
		{"spark.startDate", "secret:db", "may not hold a secret"},
		{"--executor-memory", "1.5g", "is no size"},
		{"--executor-memory", "12x", "no unit"},
		{"--executor-memory", "0", "less than"},
		{"--executor-memory", "99999999999p", "too large"},
		{"--num-executors", "-1", "positive whole number"},
		{"--name", "", "needs a value"},
		{"-v", "x", "flag"},
		{"stoker.deadline", "soon", "no duration"},
		{"stoker.deadline", "-1h", "no duration"},
		{"stoker.unknown", "x", "rule stoker.*"},
		{"Stoker.x", "x", "rule stoker.*"},
		{"stoker.profile", "huge", "no profile huge"},
		{"free", "a\x00", "NUL"},
		{"", "x", "empty name"},
	} {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			t.Parallel()
			got, problems := resolve(map[string]string{tt.key: tt.value})
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], tt.rule)
			require.Empty(t, got.Options.Conf)
			require.Empty(t, got.Parameters)
			require.NotContains(t, problems[0], "hunter2")
		})
	}
}

func TestEveryProblemIsListed(t *testing.T) {
	t.Parallel()
	_, problems := resolve(map[string]string{"--keytab": "x", "spark.plugins": "x", "--master": "local", "stoker.x": "y"})
	require.Len(t, problems, 4)
}

func TestSameKeyTwice(t *testing.T) {
	t.Parallel()
	_, problems := resolve(map[string]string{"--executor-memory": "1g", "spark.executor.memory": "1024m"})
	require.Empty(t, problems)
	_, problems = resolve(map[string]string{"--executor-memory": "1g", "spark.executor.memory": "2g"})
	require.Len(t, problems, 1)
	require.Contains(t, problems[0], "contradicts --executor-memory")
	_, problems = resolve(map[string]string{"spark.a": "1", "spark.a ": "2"})
	require.Len(t, problems, 1)
}

func TestLayers(t *testing.T) {
	t.Parallel()
	cluster := yarn
	cluster.Profile.Conf = map[string]string{
		"spark.executor.memory": "1GB", "spark.a": "profile", "spark.b": "profile", "spark.c": "profile",
		"spark.driver.extraJavaOptions": "-Dx=y",
	}
	engine := options.Engine{
		ExecutorMemory: "2g",
		SparkConf:      map[string]string{"--master": "yarn", "spark.b": "engine", "spark.c": "engine", "junk": "x"},
	}
	got, problems := options.Resolve(cluster, engine, map[string]string{"spark.c": "job"})
	require.Empty(t, problems)
	require.Equal(t, map[string]string{
		"spark.executor.memory": "2g", "spark.a": "profile", "spark.b": "engine", "spark.c": "job",
		"spark.driver.extraJavaOptions": "-Dx=y",
	}, got.Options.Conf)
	require.Empty(t, got.Parameters)

	engine.SparkConf = map[string]string{"--keytab": "x", "--master": "local"}
	_, problems = options.Resolve(cluster, engine, nil)
	require.Len(t, problems, 2)
	require.Contains(t, problems[0], "engine sparkConf --keytab")
}

func TestLimits(t *testing.T) {
	t.Parallel()
	with := func(p map[string]string) (options.Result, []string) {
		p["stoker.profile"] = "capped"
		return resolve(p)
	}
	got, problems := with(map[string]string{"--executor-memory": "4096MB", "--num-executors": "10"})
	require.Empty(t, problems)
	require.Equal(t, "4g", got.Options.Conf["spark.executor.memory"])

	for key, value := range map[string]string{
		"--executor-memory": "4097m", "--num-executors": "11", "--conf": "spark.executor.memory=5g",
		"spark.dynamicAllocation.maxExecutors": "11", "spark.executor.memoryOverhead": "5g",
		"spark.executor.memoryOverheadFactor": "50", "spark.dynamicAllocation.minExecutors": "infinity",
	} {
		_, problems = with(map[string]string{key: value})
		require.Len(t, problems, 1, key)
		require.Contains(t, problems[0], "limit", key)
	}

	got, problems = with(map[string]string{"spark.dynamicAllocation.enabled": " TRUE"})
	require.Empty(t, problems)
	require.Equal(t, "10", options.Limited(got.Options, nil)["spark.dynamicAllocation.maxExecutors"])
}

// What a job leaves open comes from spark-defaults.conf, else from Spark, and stays
// within the limits.
func TestLimited(t *testing.T) {
	t.Parallel()
	limits := map[string]string{"spark.executor.memory": "8g", "spark.executor.cores": "3", "spark.executor.instances": "10"}
	for name, test := range map[string]struct{ limits, conf, defaults, want map[string]string }{
		"nobody says anything": {limits: limits, want: map[string]string{
			"spark.executor.memory": "1g", "spark.executor.cores": "1", "spark.executor.instances": "2",
		}},
		"Spark's own default is above": {
			limits: map[string]string{"spark.cores.max": "4", "spark.executor.memory": "512m", "spark.driver.cores": "3"},
			want:   map[string]string{"spark.cores.max": "4", "spark.executor.memory": "512m", "spark.driver.cores": "1"},
		},
		"the defaults count": {
			limits: limits, defaults: map[string]string{"spark.executor.memory": "4g", "spark.executor.cores": "2", "spark.executor.instances": "5", "spark.x": "y"},
			want: map[string]string{},
		},
		"the defaults are above": {
			limits: limits, defaults: map[string]string{"spark.executor.memory": "9g", "spark.executor.memoryOverhead": "10g", "spark.executor.cores": "many", "spark.executor.instances": "11"},
			want: map[string]string{"spark.executor.memory": "8g", "spark.executor.memoryOverhead": "8g", "spark.executor.cores": "3", "spark.executor.instances": "10"},
		},
		"the job's word counts": {
			limits: limits, conf: map[string]string{"spark.executor.memory": "2g", "spark.a": "b"}, defaults: map[string]string{"spark.executor.memory": "9g"},
			want: map[string]string{"spark.executor.memory": "2g", "spark.a": "b", "spark.executor.cores": "1", "spark.executor.instances": "2"},
		},
		"the defaults allocate dynamically": {
			limits: limits, defaults: map[string]string{"spark.dynamicAllocation.enabled": "true", "spark.dynamicAllocation.initialExecutors": "50"},
			want: map[string]string{
				"spark.dynamicAllocation.maxExecutors": "10", "spark.dynamicAllocation.initialExecutors": "10", "spark.executor.memory": "1g", "spark.executor.cores": "1",
			},
		},
		"the job does not": {
			limits: limits, conf: map[string]string{"spark.dynamicAllocation.enabled": "false"}, defaults: map[string]string{"spark.dynamicAllocation.enabled": "true"},
			want: map[string]string{
				"spark.dynamicAllocation.enabled": "false", "spark.executor.instances": "2", "spark.executor.memory": "1g", "spark.executor.cores": "1",
			},
		},
		"no limits": {conf: map[string]string{"spark.a": "b"}, defaults: map[string]string{"spark.executor.memory": "9g"}, want: map[string]string{"spark.a": "b"}},
	} {
		require.Equal(t, test.want, options.Limited(job.Options{Conf: test.conf, Limits: test.limits}, test.defaults), name)
	}
}

func TestSecretsOfTheProfile(t *testing.T) {
	t.Parallel()
	cluster := options.Cluster{Profile: options.Profile{Secrets: []string{"team-*"}}}
	_, problems := options.Resolve(cluster, options.Engine{}, map[string]string{"spark.x.password": "secret:team-db"})
	require.Empty(t, problems)
	_, problems = options.Resolve(cluster, options.Engine{}, map[string]string{"spark.x.password": "secret:root"})
	require.Len(t, problems, 1)
}

func TestProfileProblems(t *testing.T) {
	t.Parallel()
	require.Empty(t, yarn.Profiles[0].Problems())
	p := options.Profile{
		Conf:   map[string]string{"spark.x.token": "plain", "spark.executor.memory": "much"},
		Limits: map[string]string{"spark.executor.memory": "lots", "x": "1"},
	}
	require.Len(t, p.Problems(), 4)
	p = options.Profile{Conf: map[string]string{"spark.executor.memory": "2g"}, Limits: map[string]string{"spark.executor.memory": "1g"}}
	require.Len(t, p.Problems(), 1)
}

// How many tags a cluster takes is its operator's business, who writes profiles; none of
// them passes for Stoker's.
func TestTagsOfAProfile(t *testing.T) {
	t.Parallel()
	p := options.Profile{Conf: map[string]string{"spark.yarn.tags": "a,b,c,d,e,f,g"}}
	require.Empty(t, p.Problems())
	_, problems := options.ResolveConf(options.Cluster{Master: "yarn", DeployMode: "cluster", Profile: p}, "", nil, nil)
	require.Empty(t, problems)
	p.Conf["spark.yarn.tags"] = "a,stoker-job-x.1"
	require.Len(t, p.Problems(), 1)
}

func TestTableIsWellFormed(t *testing.T) {
	t.Parallel()
	table := options.Table()
	require.Equal(t, options.Free, table[len(table)-1].Verdict)
	for _, r := range table {
		require.NotEmpty(t, r.Reason, r.Pattern)
		require.Equal(t, r.Verdict == options.Map, r.Conf != "", r.Pattern)
		// A rule that an earlier one hides would never decide anything.
		require.Equal(t, r, options.RuleFor(strings.ReplaceAll(r.Pattern, "*", "zz")), r.Pattern)
	}
}

// TestNoRefusedKeyReachesTheResult is the promise of the package: whatever the
// spelling, a refused key is either a problem or not there.
func TestNoRefusedKeyReachesTheResult(t *testing.T) {
	t.Parallel()
	var words []string
	for _, r := range options.Table() {
		if r.Verdict != options.Free {
			words = append(words, r.Pattern)
		}
	}
	key := rapid.Custom(func(t *rapid.T) string {
		k := strings.ReplaceAll(rapid.SampledFrom(words).Draw(t, "pattern"), "*", rapid.SampledFrom([]string{"", "x", "a.b", "-"}).Draw(t, "star"))
		switch rapid.IntRange(0, 4).Draw(t, "case") {
		case 0:
			k = strings.ToUpper(k)
		case 1:
			k = strings.ToUpper(k[:1]) + k[1:]
		case 2:
			k = rapid.String().Draw(t, "any")
		}
		for range rapid.IntRange(0, 2).Draw(t, "mutations") {
			i := rapid.IntRange(0, len(k)).Draw(t, "at")
			k = k[:i] + rapid.SampledFrom([]string{" ", "\t", "=", "\n", "\x00", "\u00a0", "-", ".", "=x", "\ufeff"}).Draw(t, "junk") + k[i:]
		}
		return k
	})
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), key, rapid.Map(key, func(k string) string { return k + "=x" }))
		layer := rapid.MapOfN(rapid.OneOf(key, rapid.Just("--conf"), rapid.Just(" --CONF")), value, 0, 6)
		engine := options.Engine{SparkConf: layer.Draw(t, "engine"), ExecutorMemory: rapid.SampledFrom([]string{"", "1g"}).Draw(t, "memory")}
		got, _ := options.Resolve(options.Cluster{Master: "yarn"}, engine, layer.Draw(t, "job"))
		for k, v := range got.Options.Conf {
			rule := options.RuleFor(k)
			if rule.Verdict != options.Pass && rule.Verdict != options.User {
				t.Fatalf("%q reached the conf in spite of %+v", k, rule)
			}
			if !strings.HasPrefix(k, "spark.") || strings.ContainsAny(k, " =\n\x00\t:") || strings.ContainsAny(v, "\n\x00") {
				t.Fatalf("%q=%q reached the conf", k, v)
			}
			if _, ok := options.SecretName(v); options.Redacted(k) && !ok {
				t.Fatalf("a plain value stands in %q", k)
			}
		}
		for _, a := range got.Options.Args {
			if a != "--verbose" {
				t.Fatalf("argument %q", a)
			}
		}
		for k := range got.Parameters {
			l := strings.ToLower(k)
			if strings.HasPrefix(l, "-") || strings.HasPrefix(l, "spark.") || strings.HasPrefix(l, "stoker.") {
				t.Fatalf("%q is no free parameter", k)
			}
		}
	})
}

func FuzzResolve(f *testing.F) {
	f.Add("--conf", "spark.plugins=x")
	f.Add("spark.executor.memory", "512MB")
	f.Add("stoker.deadline", "2h")
	f.Fuzz(func(t *testing.T, key, value string) {
		got, _ := resolve(map[string]string{key: value})
		for k := range got.Options.Conf {
			if v := options.RuleFor(k).Verdict; v != options.Pass && v != options.User && v != options.Listed {
				t.Fatalf("%q=%q put %q into the conf", key, value, k)
			}
		}
	})
}

// A job may choose the interpreter that an archive brings along, and no other program.
func TestInterpreterOfAnArchive(t *testing.T) {
	t.Parallel()
	const key = "spark.pyspark.python"
	own := []string{"hdfs:/envs/mine.tar.gz#env", "artifact:abc/other.tar.gz"}
	profiled := yarn
	profiled.Profile.Conf = map[string]string{"spark.archives": "hdfs:/a.zip#first, hdfs:/b.zip", "spark.yarn.dist.archives": "hdfs:/c.zip#third"}
	for name, row := range map[string]struct {
		cluster  options.Cluster
		archives []string
		key      string
		value    string
		problem  string // "" if it passes
	}{
		"of the job":             {yarn, own, key, "./env/bin/python", ""},
		"the driver's":           {yarn, own, "spark.pyspark.driver.python", "./env/bin/python", ""},
		"the master's variable":  {yarn, own, "spark.yarn.appMasterEnv.PYSPARK_PYTHON", "./env/bin/python", ""},
		"the driver's variable":  {yarn, own, "spark.yarn.appMasterEnv.PYSPARK_DRIVER_PYTHON", "./env/bin/python", ""},
		"executors' variable":    {yarn, own, "spark.executorEnv.PYSPARK_PYTHON", "./env/bin/python", ""},
		"by the file's name":     {yarn, own, key, "./other.tar.gz/bin/python3.11", ""},
		"of the profile":         {profiled, nil, key, "./first/bin/python", ""},
		"of its file's name":     {profiled, nil, key, "./b.zip/bin/python", ""},
		"replaced by the job's":  {profiled, own, key, "./first/bin/python", "has an archive first; there are env, other.tar.gz, third"},
		"not replaced":           {profiled, own, key, "./third/bin/python", ""},
		"of an unknown cluster":  {options.Cluster{Master: options.AnyMaster}, nil, key, "./any/bin/python", ""},
		"none, unknown cluster":  {options.Cluster{Master: options.AnyMaster}, nil, key, "/bin/sh", "must be ./<name>/<path>"},
		"another name":           {yarn, own, key, "./env2/bin/python", "there are env, other.tar.gz"},
		"of the host":            {yarn, own, key, "/usr/bin/python3", "must be ./<name>/<path>"},
		"in the path":            {yarn, own, key, "python3", "must be ./<name>/<path>"},
		"not relative enough":    {yarn, own, key, "env/bin/python", "must be ./<name>/<path>"},
		"upwards":                {yarn, own, key, "./env/../../bin/sh", "must be ./<name>/<path>"},
		"upwards at once":        {yarn, own, key, "./../env/x", "must be ./<name>/<path>"},
		"upwards at the end":     {yarn, own, key, "./env/..", "must be ./<name>/<path>"},
		"the archive itself":     {yarn, own, key, "./env", "must be ./<name>/<path>"},
		"its directory":          {yarn, own, key, "./env/", "must be ./<name>/<path>"},
		"twice a slash":          {yarn, own, key, "./env//bin", "must be ./<name>/<path>"},
		"words of a shell":       {yarn, own, key, "./env/bin/python -c x", "must be ./<name>/<path>"},
		"expanded":               {yarn, own, key, "./env/$(id)", "must be ./<name>/<path>"},
		"a variable":             {yarn, own, "spark.yarn.appMasterEnv.PYSPARK_PYTHON", "./env/$X/bin/python3", "must be ./<name>/<path>"},
		"a variable in braces":   {yarn, own, key, "./env/${X}/python3", "must be ./<name>/<path>"},
		"a variable of Windows":  {yarn, own, key, "./env/%X%/python3", "must be ./<name>/<path>"},
		"a pattern":              {yarn, own, key, "./env/*/python3", "must be ./<name>/<path>"},
		"an at sign":             {yarn, own, key, "./env/@x/python3", "must be ./<name>/<path>"},
		"a command":              {yarn, own, key, "./env/`id`", "must be ./<name>/<path>"},
		"a backslash":            {yarn, own, key, `./env/\..\x`, "must be ./<name>/<path>"},
		"a line's end":           {yarn, own, key, "./env/x\ny", "must be ./<name>/<path>"},
		"a plain version":        {yarn, own, key, "./env/c++_1.0-x/python3.11", ""},
		"a path of libraries":    {yarn, own, "spark.yarn.appMasterEnv.PYTHONPATH", "./env/lib", "rule spark.yarn.appMasterEnv.PYTHON*"},
		"on a local cluster":     {options.Cluster{Master: "local[2]"}, own, key, "./env/bin/python", "on YARN in cluster mode only"},
		"of a driver on a host":  {options.Cluster{Master: "yarn"}, own, key, "./env/bin/python", "on YARN in cluster mode only"},
		"another spelling of it": {yarn, own, "spark.PySpark.python", "/bin/sh", "must be ./<name>/<path>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems := options.ResolveConf(row.cluster, "", map[string]string{row.key: row.value}, row.archives)
			if row.problem == "" {
				require.Empty(t, problems)
				require.Equal(t, row.value, got.Options.Conf[row.key])
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], row.problem)
		})
	}
}

// A discovery script runs on executors: elsewhere than on YARN in cluster mode these may
// be on Stoker's own host.
func TestDiscoveryScripts(t *testing.T) {
	t.Parallel()
	const key = "spark.executor.resource.gpu.discoveryScript"
	for _, cluster := range []options.Cluster{{Master: "local[2]"}, {Master: "yarn"}, {Master: "yarn", DeployMode: "client"}} {
		_, problems := options.ResolveConf(cluster, "", map[string]string{key: "./gpus.sh"}, nil)
		require.Equal(t, []string{"conf " + key + ": refused by rule spark.executor.resource.*.discoveryScript: passes only " +
			"on YARN in cluster mode, where executors run it beside the job's own code; elsewhere a profile may set it"}, problems)
		cluster.Profile.Conf = map[string]string{key: "/opt/gpus.sh"}
		result, problems := options.ResolveConf(cluster, "", nil, nil)
		require.Empty(t, problems)
		require.Equal(t, cluster.Profile.Conf, result.Options.Conf)
	}
	_, problems := options.ResolveConf(options.Cluster{Master: options.AnyMaster}, "", map[string]string{key: "./gpus.sh"}, nil)
	require.Empty(t, problems, "some cluster may take it")
}
