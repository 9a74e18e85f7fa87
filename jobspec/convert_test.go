package jobspec_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/spark/options"
)

func TestConvert(t *testing.T) {
	t.Parallel()
	retries, again := 5, true
	in := jobspec.Spec{
		File: "hdfs://nn:8020/apps/etl.jar", ClassName: "org.acme.Etl$Main", Args: []string{"", "--x", "a b\n"},
		Conf: map[string]string{"spark.sql.ansi.enabled": "true"}, SecretConf: map[string]string{"spark.my.password": "db"},
		Resources: jobspec.Resources{ExecutorMemory: "2048", DriverCores: 2, NumExecutors: 3},
		PyFiles:   []string{"hdfs:/p.zip"}, Jars: []string{"local:/opt/x.jar"}, Files: []string{"hdfs:/f.csv#in.csv"},
		Archives: []string{"artifact:" + digest + "/env.tar.gz#env"},
		Name:     "nightly é", Cluster: "ignored: the router has chosen", Queue: "etl", Profile: "capped",
		Labels:   map[string]string{"team": "risk", "empty": ""},
		Timeouts: jobspec.Timeouts{Deadline: "90m", Run: "1h"},
		Retry:    &jobspec.Retry{InfrastructureRetries: &retries, RerunAfterStart: &again},
	}
	spec, manifest, err := jobspec.Convert(in, "ana", "lake", rules())
	require.NoError(t, err)
	require.Equal(t, job.Spec{
		Name: "nightly é", User: "ana", Cluster: "lake", Kind: job.KindJAR, Queue: "etl", Profile: "capped", Labels: in.Labels,
		Deadline: 90 * time.Minute, RunLimit: time.Hour, OutageLimit: 2 * time.Hour,
		Retry: job.RetryPolicy{InfrastructureRetries: 5, RerunAfterStart: true},
	}, spec)
	require.Equal(t, job.Manifest{
		Kind: job.KindJAR,
		Program: &job.Program{
			Name: "nightly é", Main: in.File, Class: in.ClassName, Args: in.Args, PyFiles: in.PyFiles, Jars: in.Jars, Files: in.Files, Archives: in.Archives,
		},
		Options: job.Options{Conf: map[string]string{
			"spark.sql.ansi.enabled": "true", "spark.my.password": "secret:db", "spark.executor.memory": "2g",
			"spark.driver.cores": "2", "spark.executor.instances": "3", "spark.yarn.queue": "etl",
		}, Limits: map[string]string{"spark.executor.memory": "4g"}},
	}, manifest)
}

func TestConvertFillsInDefaults(t *testing.T) {
	t.Parallel()
	spec, manifest, err := jobspec.Convert(valid(), "ana", "lake", rules())
	require.NoError(t, err)
	require.Empty(t, manifest.Program.Name, "the application's name is left to Spark")
	require.Equal(t, job.Spec{
		Name: "job.py", User: "ana", Cluster: "lake", Kind: job.KindPySpark, Deadline: time.Hour, RunLimit: 12 * time.Hour,
		OutageLimit: 2 * time.Hour, Retry: job.RetryPolicy{InfrastructureRetries: 2},
	}, spec)

	s := valid()
	s.Conf = map[string]string{"spark.app.name": "from conf"}
	spec, manifest, err = jobspec.Convert(s, "ana", "lake", rules())
	require.NoError(t, err)
	require.Equal(t, "from conf", spec.Name)
	require.Equal(t, "from conf", manifest.Program.Name)
	require.Empty(t, manifest.Options.Conf, "the name has a place of its own")

	spec, manifest, err = jobspec.Convert(jobspec.Spec{File: "hdfs:/report.jar", ClassName: "org.example.Report"}, "ana", "lake", rules())
	require.NoError(t, err)
	require.Equal(t, []string{"org.example.Report", ""}, []string{spec.Name, manifest.Program.Name})

	s = jobspec.Spec{File: "hdfs:/" + strings.Repeat("n", 250) + ".py"}
	spec, _, err = jobspec.Convert(s, "ana", "lake", rules())
	require.NoError(t, err, "a name that nobody gave is no problem of the job")
	require.LessOrEqual(t, len(spec.Name), 200)
}

// Where no spark-submit reads a JAR's manifest the class must be named.
func TestJARWithoutClass(t *testing.T) {
	t.Parallel()
	r := rules()
	spec := jobspec.Spec{File: "hdfs:/j.jar"}
	_, _, err := jobspec.Convert(spec, "ana", "lake", r)
	require.NoError(t, err, "spark-submit reads the manifest")
	lake := r.Clusters["lake"]
	lake.NeedsClass = true
	r.Clusters["lake"] = lake
	_, _, err = jobspec.Convert(spec, "ana", "lake", r)
	require.Equal(t, []string{"className: is needed for a .jar on this cluster: nobody looks into its manifest"}, job.ProblemsOf(err))
	spec.ClassName = "a.B"
	_, _, err = jobspec.Convert(spec, "ana", "lake", r)
	require.NoError(t, err)
	_, _, err = jobspec.Convert(valid(), "ana", "lake", r)
	require.NoError(t, err, "a .py file has none")
	require.NoError(t, jobspec.Check(jobspec.Spec{File: "hdfs:/j.jar"}), "what the cluster wants is not known")
}

// Each row is a spec with one problem, which names the field.
func TestProblemsNameTheirField(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*jobspec.Spec)
		want   string
	}{
		"no file":            {func(s *jobspec.Spec) { s.File = "" }, "file: is needed"},
		"other program":      {func(s *jobspec.Spec) { s.File = "hdfs:/job.sh" }, `file: must end with .py or .jar, got "hdfs:/job.sh"`},
		"upper case":         {func(s *jobspec.Spec) { s.File = "hdfs:/job.PY" }, "file: must end with .py or .jar"},
		"class of a .py":     {func(s *jobspec.Spec) { s.ClassName = "a.B" }, "className: belongs to a .jar"},
		"class with spaces":  {func(s *jobspec.Spec) { s.File, s.ClassName = "hdfs:/j.jar", "a B" }, `className: "a B" is no name`},
		"class as an option": {func(s *jobspec.Spec) { s.File, s.ClassName = "hdfs:/j.jar", "--conf" }, `className: "--conf" is no name`},
		"relative":           {func(s *jobspec.Spec) { s.File = "job.py" }, "file: location"},
		"upwards":            {func(s *jobspec.Spec) { s.File = "hdfs:/a/../b.py" }, "file: location"},
		"alias of a program": {func(s *jobspec.Spec) { s.File = "hdfs:/a#b.py" }, "file: holds a '#'"},
		"odd alias of a jar": {func(s *jobspec.Spec) { s.Jars = []string{"hdfs:/a.jar", "hdfs:/a.jar#b c"} }, "jars[1]: its name behind '#' holds a space"},
		"alias of no module": {func(s *jobspec.Spec) { s.PyFiles = []string{"hdfs:/a.zip#"} }, "pyFiles[0]: its name behind '#' is no name"},
		"empty alias":        {func(s *jobspec.Spec) { s.Files = []string{"hdfs:/a#"} }, "files[0]: its name behind '#' is no name"},
		"alias upwards":      {func(s *jobspec.Spec) { s.Files = []string{"hdfs:/a#.."} }, "files[0]: its name behind '#' is no name"},
		"alias with a path":  {func(s *jobspec.Spec) { s.Archives = []string{"hdfs:/a#../x"} }, "archives[0]: its name behind '#' holds"},
		"two aliases":        {func(s *jobspec.Spec) { s.Files = []string{"hdfs:/a#b#c"} }, "files[0]: its name behind '#' holds"},
		"long alias":         {func(s *jobspec.Spec) { s.Files = []string{"hdfs:/a#" + strings.Repeat("x", 201)} }, "files[0]: its name behind '#' is longer"},
		"two files in one":   {func(s *jobspec.Spec) { s.Files = []string{"hdfs:/a,hdfs:/b"} }, "files[0]: holds a space or one of"},
		"pattern":            {func(s *jobspec.Spec) { s.Jars = []string{"hdfs:/lib/*.jar"} }, "jars[0]: holds a space or one of"},
		"space":              {func(s *jobspec.Spec) { s.File = "hdfs:/a b.py" }, "file: holds a space or one of"},
		"escape":             {func(s *jobspec.Spec) { s.File = "hdfs:/%2e%2e/b.py" }, "file: holds a space or one of"},
		"line break":         {func(s *jobspec.Spec) { s.File = "hdfs:/a\nb.py" }, "file: location"},
		"long URL":           {func(s *jobspec.Spec) { s.File = "hdfs:/" + strings.Repeat("x", 2000) + ".py" }, "file: is longer than 2000 bytes"},
		"empty entry":        {func(s *jobspec.Spec) { s.Files = []string{""} }, "files[0]: location is empty"},
		"root":               {func(s *jobspec.Spec) { s.Files = []string{"hdfs:///"} }, "files[0]: names no file"},
		"host's file":        {func(s *jobspec.Spec) { s.Files = []string{"file:/data/x"} }, "files[0]: is a file of one host"},
		"too many files":     {func(s *jobspec.Spec) { s.Jars = make([]string, 1001) }, "jars: are 1001, more than 1000"},
		"short digest":       {func(s *jobspec.Spec) { s.File = "artifact:abc/job.py" }, "file: must be artifact:<sha256"},
		"upper case digest":  {func(s *jobspec.Spec) { s.File = "artifact:" + strings.ToUpper(digest) + "/job.py" }, "file: must be artifact:<sha256"},
		"artifact's path":    {func(s *jobspec.Spec) { s.File = "artifact:" + digest + "/../job.py" }, "file: the artifact's name holds"},
		"nameless artifact":  {func(s *jobspec.Spec) { s.Files = []string{"artifact:" + digest} }, "files[0]: the artifact's name is no name"},
		"note of use":        {func(s *jobspec.Spec) { s.Files = []string{"artifact:" + digest + "/.used"} }, `files[0]: the artifact's name ".used" is the store's own`},
		"unfinished write":   {func(s *jobspec.Spec) { s.Files = []string{"artifact:" + digest + "/.a.tmp-x#b"} }, `files[0]: the artifact's name ".a.tmp-x" is the store's own`},
		"long arg":           {func(s *jobspec.Spec) { s.Args = []string{"", strings.Repeat("é", 1<<16)} }, "args[1]: is 131072 bytes, and no program can be given more than 131071 in one argument"},
		"too many args":      {func(s *jobspec.Spec) { s.Args = make([]string, 5001) }, "args: are 5001, more than 5000"},
		"NUL in an arg":      {func(s *jobspec.Spec) { s.Args = []string{"a", "b\x00"} }, "args[1]: holds a NUL"},
		"return in an arg":   {func(s *jobspec.Spec) { s.Args = []string{"a\r\n"} }, "args[0]: holds a carriage return"},
		"no text in an arg":  {func(s *jobspec.Spec) { s.Args = []string{"\xff"} }, "args[0]: is not UTF-8"},
		"no key of Spark":    {func(s *jobspec.Spec) { s.Conf = map[string]string{"my.key": "1"} }, "conf my.key: is no key of Spark"},
		"option as a key":    {func(s *jobspec.Spec) { s.Conf = map[string]string{"--master": "x"} }, "conf --master: is no key of Spark"},
		"setting as a key":   {func(s *jobspec.Spec) { s.Conf = map[string]string{"stoker.cluster": "x"} }, "conf stoker.cluster: is no key of Spark"},
		"refused key":        {func(s *jobspec.Spec) { s.Conf = map[string]string{"spark.plugins": "x"} }, "conf spark.plugins: refused by rule spark.plugins"},
		"refused, disguised": {func(s *jobspec.Spec) { s.Conf = map[string]string{"Spark.Plugins": "x"} }, "conf Spark.Plugins: refused by rule spark.plugins"},
		"space in a key":     {func(s *jobspec.Spec) { s.Conf = map[string]string{"spark.a b": "x"} }, `conf "spark.a b": is no key of Spark`},
		"key in upper case":  {func(s *jobspec.Spec) { s.Conf = map[string]string{"SPARK.x": "1"} }, "conf SPARK.x: Spark's keys begin with spark."},
		"secret in conf":     {func(s *jobspec.Spec) { s.Conf = map[string]string{"spark.my.password": "hunter2"} }, "conf spark.my.password: may hold a secret"},
		"reference in conf":  {func(s *jobspec.Spec) { s.Conf = map[string]string{"spark.x": "secret:db"} }, "conf spark.x: Spark would show its value"},
		"environment":        {func(s *jobspec.Spec) { s.Conf = map[string]string{"spark.x": "${ env:HOME}"} }, "conf spark.x: its value reads the environment"},
		"another master":     {func(s *jobspec.Spec) { s.Conf = map[string]string{"spark.master": "local"} }, "conf spark.master: the job asks for"},
		"shown secret":       {func(s *jobspec.Spec) { s.SecretConf = map[string]string{"spark.x": "db"} }, "secretConf spark.x: Spark would show its value"},
		"no secret's name":   {func(s *jobspec.Spec) { s.SecretConf = map[string]string{"spark.password": "../x"} }, "secretConf spark.password: must be the name"},
		"secret no key":      {func(s *jobspec.Spec) { s.SecretConf = map[string]string{"password": "db"} }, "secretConf password: is no key of Spark"},
		"memory":             {func(s *jobspec.Spec) { s.Resources.DriverMemory = "lots" }, "resources.driverMemory: lots is no size"},
		"negative memory":    {func(s *jobspec.Spec) { s.Resources.ExecutorMemory = "-1g" }, "resources.executorMemory: must be positive"},
		"negative cores":     {func(s *jobspec.Spec) { s.Resources.ExecutorCores = -1 }, "resources.executorCores: must be positive, got -1"},
		"too many executors": {func(s *jobspec.Spec) { s.Resources.NumExecutors = 1 << 40 }, "resources.numExecutors: 1099511627776 is no positive"},
		"above a limit":      {func(s *jobspec.Spec) { s.Profile, s.Resources.ExecutorMemory = "capped", "5g" }, "resources.executorMemory: 5g is above the profile's limit 4g"},
		"said twice": {func(s *jobspec.Spec) {
			s.Resources.ExecutorCores, s.Conf = 2, map[string]string{"spark.executor.cores": "3"}
		}, "conf spark.executor.cores: contradicts resources.executorCores"},
		"queue said twice": {func(s *jobspec.Spec) { s.Queue, s.Conf = "a", map[string]string{"spark.yarn.queue": "b"} }, "conf spark.yarn.queue: contradicts queue"},
		"name said twice":  {func(s *jobspec.Spec) { s.Name, s.Conf = "a", map[string]string{"spark.app.name": "b"} }, "conf spark.app.name: contradicts name"},
		"secret and plain": {func(s *jobspec.Spec) {
			s.SecretConf, s.Conf = map[string]string{"spark.a.token": "x"}, map[string]string{"spark.a.token": "secret:y"}
		}, "secretConf spark.a.token: contradicts conf spark.a.token"},
		"profile":        {func(s *jobspec.Spec) { s.Profile = "huge" }, "profile: the cluster has no profile huge"},
		"blank queue":    {func(s *jobspec.Spec) { s.Queue = " " }, "queue: needs a value"},
		"long queue":     {func(s *jobspec.Spec) { s.Queue = strings.Repeat("q", 201) }, "queue: is longer than 200 bytes"},
		"blank name":     {func(s *jobspec.Spec) { s.Name = " " }, "name: needs a value"},
		"name's length":  {func(s *jobspec.Spec) { s.Name = strings.Repeat("n", 201) }, "name: is longer than 200 bytes"},
		"lines in names": {func(s *jobspec.Spec) { s.Name = "a\nb" }, "name: holds a control character"},
		"name from env":  {func(s *jobspec.Spec) { s.Name = "${env:TOKEN}" }, "name: its value reads the environment"},
		"conf's name":    {func(s *jobspec.Spec) { s.Conf = map[string]string{"spark.app.name": strings.Repeat("n", 201)} }, "conf spark.app.name: is longer than 200 bytes"},
		"label's key":    {func(s *jobspec.Spec) { s.Labels = map[string]string{"a=b": "c"} }, `labels: "a=b" is no key`},
		"empty key":      {func(s *jobspec.Spec) { s.Labels = map[string]string{"": "c"} }, `labels: "" is no key`},
		"label's value":  {func(s *jobspec.Spec) { s.Labels = map[string]string{"a": "it's"} }, `labels.a: "it's" is no value`},
		"long label":     {func(s *jobspec.Spec) { s.Labels = map[string]string{"a": strings.Repeat("v", 64)} }, "labels.a:"},
		"many labels": {func(s *jobspec.Spec) {
			s.Labels = map[string]string{}
			for i := range 17 {
				s.Labels[fmt.Sprintf("l%d", i)] = "x"
			}
		}, "labels: are 17, more than 16"},
		"deadline":        {func(s *jobspec.Spec) { s.Timeouts.Deadline = "soon" }, `timeouts.deadline: "soon" is no duration`},
		"no unit":         {func(s *jobspec.Spec) { s.Timeouts.Deadline = "90" }, `timeouts.deadline: "90" is no duration`},
		"no time":         {func(s *jobspec.Spec) { s.Timeouts.Run = "0s" }, `timeouts.run: "0s" is no duration`},
		"back in time":    {func(s *jobspec.Spec) { s.Timeouts.Run = "-1h" }, `timeouts.run: "-1h" is no duration`},
		"long deadline":   {func(s *jobspec.Spec) { s.Timeouts.Deadline = "25h" }, "timeouts.deadline: 25h0m0s is above the limit 24h0m0s"},
		"long run":        {func(s *jobspec.Spec) { s.Timeouts.Run = "13h" }, "timeouts.run: 13h0m0s is above the limit 12h0m0s"},
		"eternal":         {func(s *jobspec.Spec) { s.Timeouts.Run = "9999999999h" }, "timeouts.run:"},
		"many retries":    {func(s *jobspec.Spec) { s.Retry = retry(11) }, "retry.infrastructureRetries: must be 0 to 10, got 11"},
		"fewer than none": {func(s *jobspec.Spec) { s.Retry = retry(-1) }, "retry.infrastructureRetries: must be 0 to 10, got -1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := valid()
			row.change(&s)
			found := problems(s, "lake")
			require.Len(t, found, 1, "%q", found)
			require.True(t, strings.HasPrefix(found[0], row.want), found[0])
			require.NotContains(t, found[0], "hunter2", "a secret is not repeated")
		})
	}
}

// What a job does not say stays as the operator has it.
func TestConvertKeepsTheDefaultsOfRetry(t *testing.T) {
	t.Parallel()
	r := rules()
	r.Retry = job.RetryPolicy{InfrastructureRetries: 3, RerunAfterStart: true}
	never := false
	for name, row := range map[string]struct {
		retry *jobspec.Retry
		want  job.RetryPolicy
	}{
		"nothing": {nil, r.Retry},
		"a count": {retry(1), job.RetryPolicy{InfrastructureRetries: 1, RerunAfterStart: true}},
		"a no":    {&jobspec.Retry{RerunAfterStart: &never}, job.RetryPolicy{InfrastructureRetries: 3}},
	} {
		spec, _, err := jobspec.Convert(jobspec.Spec{File: "hdfs://nn:8020/a.py", Retry: row.retry}, "ana", "lake", r)
		require.NoError(t, err, name)
		require.Equal(t, row.want, spec.Retry, name)
	}
}

func retry(n int) *jobspec.Retry { return &jobspec.Retry{InfrastructureRetries: &n} }

func TestConvertSaysTheSameTwice(t *testing.T) {
	t.Parallel()
	s := valid()
	s.Resources.ExecutorCores, s.Queue, s.Name = 2, "q", "n"
	s.Conf = map[string]string{"spark.executor.cores": "2", "spark.yarn.queue": "q", "spark.app.name": "n"}
	require.Empty(t, problems(s, "lake"), "what agrees contradicts nothing")
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	s := jobspec.Spec{
		File: "hdfs:/x.sh", ClassName: "a b", Args: []string{"\x00"}, Conf: map[string]string{"spark.plugins": "x"},
		Resources: jobspec.Resources{DriverMemory: "x"}, PyFiles: []string{"a"}, Name: "a\x01", Labels: map[string]string{"ü": "v"},
		Timeouts: jobspec.Timeouts{Deadline: "x", Run: "y"}, Retry: retry(99), Profile: "none", SecretConf: map[string]string{"spark.token": "/"},
	}
	found := strings.Join(problems(s, "lake"), "\n")
	for _, field := range []string{
		"file", "pyFiles[0]", "args[0]", "conf spark.plugins", "resources.driverMemory", "name", "labels", "timeouts.deadline",
		"timeouts.run", "retry.infrastructureRetries", "profile", "secretConf spark.token",
	} {
		require.Contains(t, "\n"+found, "\n"+field+": ")
	}

	s.Files = make([]string, 1000)
	all := problems(s, "lake")
	require.Len(t, all, 101, "problems are bounded")
	require.Regexp(t, "^and [0-9]+ more problems$", all[100])
}

func TestFilesOfTheHost(t *testing.T) {
	t.Parallel()
	const outside = "files of the worker's host may only be named below /data, /srv/jobs; upload it"
	for file, want := range map[string]string{
		"file:/data/job.py":                  "",
		"file:///data/job.py":                "",
		"FILE:/data/job.py":                  "",
		"/data/job.py":                       "",
		"hdfs:///data/job.py":                "",
		"local:/data/job.py":                 "",
		"/data/./a//job.py":                  "",
		"/srv/jobs/job.py":                   "",
		"hdfs://nn/etc/job.py":               "", // another store's
		"file:/database/job.py":              outside,
		"/data.py":                           outside,
		"/srv/job.py":                        outside,
		"/srv/jobs.py":                       outside,
		"/etc/job.py":                        outside,
		"hdfs:///etc/job.py":                 outside,
		"local:/etc/job.py":                  outside,
		"LOCAL:/etc/job.py":                  outside,
		"//data/job.py":                      "location",
		"file://data/job.py":                 "location",
		"file:/data/../etc/job.py":           `".." segment`,
		"file:/data/x/../../etc/job.py":      `".." segment`,
		"local:/data/../etc/job.py":          `".." segment`,
		"file:/data/%2e%2e/etc/job.py":       "holds a space or one of",
		`file:/data/\../etc/job.py`:          "holds a space or one of",
		"file:/data/{..,x}/etc/job.py":       "holds a space or one of",
		"file:/data/x#/../../../etc/job.py":  "holds a '#'",
		"file:/data/x?/../../etc/job.py":     "holds a space or one of",
		"file:/data/job.py,file:/etc/job.py": "holds a space or one of",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			found := problems(jobspec.Spec{File: file}, "laptop")
			if want == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1, "%q", found)
			require.Contains(t, found[0], want)
		})
	}

	closed := rules()
	closed.FileRoots = nil
	_, _, err := jobspec.Convert(jobspec.Spec{File: "/data/job.py"}, "ana", "laptop", closed)
	require.Equal(t, []string{"file: files of the worker's host may not be named here; upload it"}, job.ProblemsOf(err))
	closed.FileRoots = []string{"/"}
	_, _, err = jobspec.Convert(jobspec.Spec{File: "/etc/job.py"}, "ana", "laptop", closed)
	require.NoError(t, err, "an operator may open everything")
	require.Empty(t, problems(jobspec.Spec{File: "local:/opt/job.py"}, "lake"), "a cluster's hosts have files of their own")
}

// Python files and JARs have names of their own where NodeManagers link them.
func TestNamesOfModulesAndJars(t *testing.T) {
	t.Parallel()
	s := valid()
	s.PyFiles, s.Jars = []string{"local:/a.py#b.py"}, []string{"local:/a.jar#b.jar"}
	require.Empty(t, problems(s, "lake"))
	require.NoError(t, jobspec.Check(s))
	require.Equal(t, []string{
		"pyFiles[0]: holds a '#': on this cluster only files and archives have a name behind it; Python files and JARs have one on YARN in cluster mode",
		"jars[0]: holds a '#': on this cluster only files and archives have a name behind it; Python files and JARs have one on YARN in cluster mode",
	}, problems(s, "laptop"))
	edge := rules()
	edge.Clusters["lake"] = jobspec.Cluster{Spark: options.Cluster{Master: "yarn"}}
	_, _, err := jobspec.Convert(s, "ana", "lake", edge)
	require.Len(t, job.ProblemsOf(err), 2)
}

// A job runs with the interpreter that one of its archives brings along.
func TestInterpreterOfAnArchive(t *testing.T) {
	t.Parallel()
	s := valid()
	s.Conf = map[string]string{"spark.pyspark.python": "./env/bin/python"}
	require.Contains(t, problems(s, "lake")[0], "neither the job nor its profile has an archive env")
	require.NoError(t, jobspec.Check(s), "a cluster's profile may have one")
	s.Archives = []string{"artifact:" + digest + "/env.tar.gz#env"}
	require.Empty(t, problems(s, "lake"))
	require.Contains(t, problems(s, "laptop")[0], "on YARN in cluster mode only")
}

// A cluster that was taken away since is said, and what is wrong in any case.
func TestConvertForAClusterThatIsGone(t *testing.T) {
	t.Parallel()
	s := jobspec.Spec{
		File: "file:/data/job.py", Conf: map[string]string{"spark.master": "yarn"}, Timeouts: jobspec.Timeouts{Run: "x"},
	}
	require.Equal(t, []string{`cluster: there is no "moon"`, `timeouts.run: "x" is no duration; write 90s, 15m or 2h`}, problems(s, "moon"))
}

// Check knows no cluster: it says what is wrong on each, and nothing that might be right
// on one.
func TestCheck(t *testing.T) {
	t.Parallel()
	anywhere := jobspec.Spec{
		File: "file:/etc/x.py", Args: []string{strings.Repeat("x", 128<<10-1)},
		Files: []string{"artifact:" + digest + "/.env", "artifact:" + digest + "/.used.conf", "hdfs:/a#.used"},
		Conf:  map[string]string{"spark.master": "yarn", "spark.hadoop.fs.x": "1"}, SecretConf: map[string]string{"spark.a.password": "db"},
		Cluster: "moon", Profile: "huge", Resources: jobspec.Resources{ExecutorMemory: "900g"}, Timeouts: jobspec.Timeouts{Deadline: "9999h", Run: "9999h"},
	}
	require.NoError(t, jobspec.Check(anywhere))
	anywhere.File, anywhere.Args, anywhere.Conf = "x.sh", []string{"\xff"}, map[string]string{"spark.plugins": "x"}
	found := job.ProblemsOf(jobspec.Check(anywhere))
	require.Len(t, found, 4, "%q", found)
	require.Contains(t, strings.Join(found, "\n"), "args[0]: is not UTF-8")
}

func TestSecretsOfAProfile(t *testing.T) {
	t.Parallel()
	r := rules()
	c := r.Clusters["lake"]
	c.Spark.Profile = options.Profile{Name: "own", Secrets: []string{"db-*"}}
	r.Clusters["lake"] = c
	s := valid()
	s.SecretConf = map[string]string{"spark.a.password": "db-1", "spark.b.password": "root"}
	_, _, err := jobspec.Convert(s, "ana", "lake", r)
	require.Equal(t, []string{"secretConf spark.b.password: the profile does not let jobs use the secret root"}, job.ProblemsOf(err))
}

func TestRoute(t *testing.T) {
	t.Parallel()
	r := rules()
	for asked, want := range map[string]string{"": "lake", "laptop": "laptop", "lake": "lake"} {
		got, err := r.Route(jobspec.Spec{Cluster: asked})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := r.Route(jobspec.Spec{Cluster: "moon"})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Equal(t, []string{`cluster: there is no "moon"; there are lake, laptop`}, job.ProblemsOf(err))
	r.Default = ""
	_, err = r.Route(valid())
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Equal(t, []string{"cluster: is needed here; there are lake, laptop"}, job.ProblemsOf(err))
}
