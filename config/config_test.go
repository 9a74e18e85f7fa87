package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/parts"
)

// valid is the smallest configuration that works.
func valid() Config {
	c := Default()
	c.ModelManage.BaseURL = "http://gateway:8090"
	local := DefaultCluster(TypeLocal)
	local.Root = "/var/lib/stoker/jobs"
	c.Clusters["local"] = local
	return c
}

func TestDefaultsNeedAClusterOnly(t *testing.T) {
	t.Parallel()
	require.NoError(t, valid().Validate())
	require.Equal(t, []string{"clusters: at least one is needed"}, job.ProblemsOf(Default().Validate()))
	c := valid()
	c.ModelManage.BaseURL = ""
	require.NoError(t, c.Validate(), "jobs may come through the API alone")
	require.False(t, c.HasModelManage())
	c = Default()
	c.ModelManage.BaseURL = "http://gateway:8090"
	require.Contains(t, job.ProblemsOf(c.Validate()), `modelManage.engines[0].cluster: "local" is not a configured cluster`)
}

func TestOnlyAChosenPageIsNeeded(t *testing.T) {
	t.Parallel()
	starter := Default().Starter
	require.False(t, starter.NeedsPage())
	starter.HTTPAddress = "127.0.0.1:1"
	require.True(t, starter.NeedsPage())
}

func TestAPI(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		`api.address: must be host:port, got "8998"`: func(c *Config) { c.API.Address = "8998" },
		`api.address: "0.0.0.0:8998" can be reached from other hosts, which needs api.usersFile; without one, serve on 127.0.0.1`: func(c *Config) {
			c.API.Address = "0.0.0.0:8998"
		},
		`api.address: ":8998" can be reached from other hosts, which needs api.usersFile; without one, serve on 127.0.0.1`: func(c *Config) {
			c.API.Address = ":8998"
		},
		`api.defaultCluster: "lake" is not a configured cluster`: func(c *Config) { c.API.DefaultCluster = "lake" },
		`api.fileRoots[0]: must be an absolute directory without .. or a '/' at the end, got "data"`: func(c *Config) {
			c.API.FileRoots = []string{"data"}
		},
		"api: ratePerSecond must be positive and burst at least 1, got 0 and 200": func(c *Config) { c.API.RatePerSecond = 0 },
		`clusters.local.artifacts.root: must neither be in the cluster's logs nor hold it ("/var/lib/stoker-logs"), got "/var/lib/stoker-logs/a"`: func(c *Config) {
			local := c.Clusters["local"]
			local.Root, local.Artifacts.Root = "/var/lib/stoker", "/var/lib/stoker-logs/a"
			c.Clusters["local"] = local
		},
		"clusters.local.artifacts.expiry: must not be below jobs.maxDeadline (168h0m0s), got 1h0m0s": func(c *Config) {
			local := c.Clusters["local"]
			local.Artifacts.Expiry = time.Hour
			c.Clusters["local"] = local
		},
	} {
		c := valid()
		change(&c)
		require.Equal(t, []string{want}, job.ProblemsOf(c.Validate()))
	}
	c := valid()
	for _, address := range []string{"localhost:1", "127.0.0.1:1", "[::1]:1", "127.9.9.9:0"} {
		c.API.Address = address
		require.NoError(t, c.Validate())
	}
	c.API.Address, c.API.UsersFile = "0.0.0.0:8998", "/etc/stoker/users.yaml"
	require.NoError(t, c.Validate())
}

func TestJobRules(t *testing.T) {
	t.Parallel()
	c := valid()
	rules := c.JobRules()
	require.Equal(t, "local", rules.Default, "the only cluster there is")
	require.True(t, rules.Clusters["local"].OnHost)
	lake := DefaultCluster(TypeYARN)
	c.Clusters["lake"] = lake
	require.Empty(t, c.JobRules().Default)
	require.False(t, c.JobRules().Clusters["lake"].OnHost)
	require.True(t, c.JobRules().Clusters["lake"].NeedsClass)
	require.False(t, rules.Clusters["local"].NeedsClass, "spark-submit reads the manifest")
	for _, change := range []func(*Cluster){
		func(c *Cluster) { c.YARN.Launcher = LauncherSparkSubmit }, func(c *Cluster) { c.Spark.DeployMode = "client" },
	} {
		other := lake
		change(&other)
		c.Clusters["lake"] = other
		require.False(t, c.JobRules().Clusters["lake"].NeedsClass)
	}
	c.Clusters["lake"] = lake
	c.API.DefaultCluster = "lake"
	require.Equal(t, "lake", c.JobRules().Default)
}

// Which Java the cluster's hosts have is for whom builds submissions to know.
func TestJavaOfSparkSubmit(t *testing.T) {
	t.Parallel()
	c := valid()
	yarn(func(y *YARN) { y.JavaMajor, y.Launcher, y.HostDir = 21, LauncherSparkSubmit, "/var/stoker" })(&c)
	require.NoError(t, c.Validate())
}

// yarn changes a cluster of type yarn.
func yarn(change func(*YARN)) func(*Config) {
	return func(c *Config) {
		cluster := DefaultCluster(TypeYARN)
		cluster.Root = "/user/stoker/jobs"
		change(&cluster.YARN)
		c.Clusters["local"] = cluster
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	cluster := func(change func(*Cluster)) func(*Config) {
		return func(c *Config) {
			local := c.Clusters["local"]
			change(&local)
			c.Clusters["local"] = local
		}
	}
	for name, row := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"installation":    {func(c *Config) { c.Installation = "" }, "installation: is needed"},
		"model-manage":    {func(c *Config) { c.ModelManage.PageSize = 0 }, "modelManage.pageSize: must be 1 to 1000, got 0"},
		"engine":          {func(c *Config) { c.ModelManage.Engines[0].Cluster = "yarn" }, `modelManage.engines[0].cluster: "yarn" is not a configured cluster`},
		"deadline":        {func(c *Config) { c.Jobs.Deadline = 0 }, "jobs.deadline: must be positive, got 0s"},
		"max deadline":    {func(c *Config) { c.Jobs.MaxDeadline = time.Hour }, "jobs.maxDeadline: must not be below jobs.deadline (24h0m0s), got 1h0m0s"},
		"run limit":       {func(c *Config) { c.Jobs.RunLimit = -1 }, "jobs.runLimit: must not be negative, got -1ns"},
		"outage limit":    {func(c *Config) { c.Jobs.OutageLimit = 0 }, "jobs.outageLimit: must be positive, got 0s"},
		"retries":         {func(c *Config) { c.Jobs.InfrastructureRetries = 11 }, "jobs.infrastructureRetries: must be 0 to 10, got 11"},
		"poll":            {func(c *Config) { c.Starter.PollInterval = time.Millisecond }, "starter.pollInterval: must be at least 100ms, got 1ms"},
		"stop timeout":    {func(c *Config) { c.Worker.StopTimeout = 0 }, "worker: stopTimeout, controlSlots and transferSlots must be positive"},
		"control slots":   {func(c *Config) { c.Worker.ControlSlots = 0 }, "worker: stopTimeout, controlSlots and transferSlots must be positive"},
		"transfer slots":  {func(c *Config) { c.Worker.TransferSlots = -1 }, "worker: stopTimeout, controlSlots and transferSlots must be positive"},
		"log level":       {func(c *Config) { c.Log.Level = "loud" }, `log.level: must be debug, info, warn or error, got "loud"`},
		"log format":      {func(c *Config) { c.Log.Format = "xml" }, `log.format: must be text or json, got "xml"`},
		"cluster name":    {func(c *Config) { c.Clusters["Big"] = c.Clusters["local"] }, "clusters.Big: a cluster's name must be lower-case letters, digits and '-', at most 40"},
		"cluster path":    {func(c *Config) { c.Clusters["a/b"] = c.Clusters["local"] }, "clusters.a/b: a cluster's name must be lower-case letters, digits and '-', at most 40"},
		"type":            {cluster(func(c *Cluster) { c.Type = "mesos" }), `clusters.local.type: must be local or yarn, got "mesos"`},
		"spark version":   {yarn(func(y *YARN) { y.SparkVersion = "2.4" }), `clusters.local.yarn.sparkVersion: must be 3.5, got "2.4"`},
		"runtimes":        {yarn(func(y *YARN) { y.Runtimes = "r" }), `clusters.local.yarn.runtimes: must be an absolute directory, got "r"`},
		"java":            {yarn(func(y *YARN) { y.JavaMajor = 21 }), "clusters.local.yarn.javaMajor: Spark 3.5 runs on one of [8 11 17], got 21"},
		"way to HDFS":     {yarn(func(y *YARN) { y.HDFS = "http" }), `clusters.local.yarn.hdfs: must be rpc or webhdfs, got "http"`},
		"request timeout": {yarn(func(y *YARN) { y.RequestTimeout = 0 }), "clusters.local.yarn.requestTimeout: must be positive, got 0s"},
		"relative root":   {cluster(func(c *Cluster) { c.Root = "jobs" }), `clusters.local.root: must be an absolute directory, got "jobs"`},
		"root of all":     {cluster(func(c *Cluster) { c.Root = "//" }), `clusters.local.root: must be an absolute directory, got "//"`},
		"concurrency":     {cluster(func(c *Cluster) { c.Local.Concurrency = 0 }), "clusters.local.local.concurrency: must be at least 1, got 0"},
		"kill grace":      {cluster(func(c *Cluster) { c.Local.KillGrace = 0 }), "clusters.local.local.killGrace: must be positive, got 0s"},
		"unverifiable":    {cluster(func(c *Cluster) { c.UnverifiableInputs = "maybe" }), `clusters.local.unverifiableInputs: must be refuse or allow, got "maybe"`},
		"header":          {cluster(func(c *Cluster) { c.Header = "twice" }), `clusters.local.header: must be auto, keep or once, got "twice"`},
		"no output":       {cluster(func(c *Cluster) { c.MaxOutputBytes = 0 }), "clusters.local: maxOutputBytes must be positive and maxOutputsBytes no less"},
		"outputs too low": {cluster(func(c *Cluster) { c.MaxOutputsBytes = 1 }), "clusters.local: maxOutputBytes must be positive and maxOutputsBytes no less"},
		"launcher":        {yarn(func(y *YARN) { y.Launcher = "livy" }), `clusters.local.yarn.launcher: must be rest or spark-submit, got "livy"`},
		"no place for supervisors": {
			yarn(func(y *YARN) { y.Launcher, y.HostDir = LauncherSparkSubmit, "run" }),
			`clusters.local.yarn.hostDir: launcher spark-submit and deployMode client need an absolute directory on this host, got "run"`,
		},
		"drivers without a place": {
			cluster(func(c *Cluster) { *c = DefaultCluster(TypeYARN); c.Root, c.Spark.DeployMode = "/jobs", "client" }),
			`clusters.local.yarn.hostDir: launcher spark-submit and deployMode client need an absolute directory on this host, got ""`,
		},
		"master of another": {
			cluster(func(c *Cluster) { *c = DefaultCluster(TypeYARN); c.Root, c.Spark.Master = "/jobs", "local[2]" }),
			`clusters.local.spark: the master of type yarn is yarn, the deployMode cluster or client; got "local[2]" and "cluster"`,
		},
		"file system": {
			yarn(func(y *YARN) { y.FileSystems = []string{"file:///", "hdfs://nn:8020/", "s3a://bucket"} }),
			`clusters.local.yarn.fileSystems[2]: must be hdfs://host:port, webhdfs://host:port, swebhdfs://host:port or file:///, got "s3a://bucket"`,
		},
		"path in a file system": {
			yarn(func(y *YARN) { y.FileSystems = []string{"hdfs://nn/data"} }),
			`clusters.local.yarn.fileSystems[0]: must be hdfs://host:port, webhdfs://host:port, swebhdfs://host:port or file:///, got "hdfs://nn/data"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := valid()
			row.change(&c)
			err := c.Validate()
			require.Equal(t, job.CodeInvalid, job.CodeOf(err))
			require.Equal(t, []string{row.want}, job.ProblemsOf(err))
		})
	}
}

func TestValidateSeesTheProblemsOfProfiles(t *testing.T) {
	t.Parallel()
	c := valid()
	local := c.Clusters["local"]
	local.Spark.Profiles = []options.Profile{{Name: "big", Limits: map[string]string{"spark.executor.memory": "plenty"}}}
	c.Clusters["local"] = local
	problems := job.ProblemsOf(c.Validate())
	require.Len(t, problems, 1)
	require.Regexp(t, `^clusters\.local\.spark: .*spark\.executor\.memory`, problems[0])
}

func TestValidateListsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	c := valid()
	c.Installation, c.Log.Level, c.Jobs.OutageLimit, c.ModelManage.BaseURL = "", "", 0, ""
	c.Clusters["b"], c.Clusters["a"] = Cluster{}, Cluster{}
	problems := job.ProblemsOf(c.Validate())
	require.Len(t, problems, 3+2*9)
	require.Equal(t, "clusters.a.type: must be local or yarn, got \"\"", problems[1], "clusters come in order")
}

func TestClusterNamesAreSorted(t *testing.T) {
	t.Parallel()
	c := Config{Clusters: map[string]Cluster{"yarn": {}, "edge": {}, "local": {}}}
	require.Equal(t, []string{"edge", "local", "yarn"}, c.ClusterNames())
}

func TestConversion(t *testing.T) {
	t.Parallel()
	c := valid()
	c.Jobs = Jobs{
		Deadline: 1, MaxDeadline: 2, RunLimit: 3, OutageLimit: 4, InfrastructureRetries: 5, RerunAfterStart: true,
	}
	got := c.Conversion()
	require.Equal(t, modelmanage.Conversion{
		Engines: c.ModelManage.Engines, Clusters: map[string]options.Cluster{"local": c.Clusters["local"].Spark},
		ApplicationIDParameter: c.ModelManage.ApplicationIDParameter,
		MaxAssetBytes:          c.ModelManage.MaxAssetBytes, MaxEmbeddedBytes: c.ModelManage.MaxEmbeddedBytes,
		Deadline: 1, MaxDeadline: 2, RunLimit: 3, OutageLimit: 4,
		Retry: job.RetryPolicy{InfrastructureRetries: 5, RerunAfterStart: true},
	}, got)
}

func TestDefaultClusterIsCautious(t *testing.T) {
	t.Parallel()
	c := DefaultCluster(TypeLocal)
	require.Equal(t, store.PolicyRefuse, c.UnverifiableInputs)
	require.Equal(t, parts.HeaderAuto, c.Header)
	require.GreaterOrEqual(t, c.MaxOutputsBytes, c.MaxOutputBytes)
}
