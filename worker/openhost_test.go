package worker

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local/localtest"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

// onHost is a YARN cluster with a stand-in for Spark on this host.
func onHost(t *testing.T, change func(*config.Cluster)) config.Config {
	t.Helper()
	conf := t.TempDir()
	for name, text := range map[string]string{
		"core-site.xml": "<property><name>fs.defaultFS</name><value>hdfs://nn:9000</value></property>",
		"yarn-site.xml": "<property><name>yarn.resourcemanager.hostname</name><value>rm</value></property>",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(conf, name), []byte("<configuration>"+text+"</configuration>"), 0o600))
	}
	cluster := config.DefaultCluster(config.TypeYARN)
	cluster.Root = "/user/stoker/jobs"
	cluster.YARN.ConfDirs, cluster.YARN.User, cluster.YARN.HostDir = []string{conf}, "ann", filepath.Join(t.TempDir(), "host")
	cluster.Local.SparkHome, cluster.Local.JavaHome, cluster.Local.Python = localtest.SparkHome(t), localtest.JavaHome(t), localtest.Python(t)
	change(&cluster)
	c := config.Default()
	c.Clusters["lake"] = cluster
	require.NoError(t, os.MkdirAll(filepath.Join(cluster.Local.SparkHome, "jars"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(cluster.Local.SparkHome, "jars", "spark-core_2.12-3.5.9.jar"), nil, 0o600))
	return c
}

func TestOpenChoosesTheLauncher(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*config.Cluster)
		want   spark.Manager
		root   string
	}{
		"rest":         {func(*config.Cluster) {}, (*yarn.Manager)(nil), "/user/stoker/jobs"},
		"spark-submit": {func(c *config.Cluster) { c.YARN.Launcher = config.LauncherSparkSubmit }, (*yarn.Claimed)(nil), "/user/stoker/jobs"},
		"client":       {func(c *config.Cluster) { c.Spark.DeployMode = "client" }, (*yarn.Edge)(nil), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := onHost(t, row.change)
			opened, err := OpenClusters(c, []string{"lake"}, Openings{Supervisor: []string{"/bin/true"}, Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			lake := opened["lake"]
			require.IsType(t, row.want, lake.Manager)
			if row.root != "" {
				require.Equal(t, row.root, lake.Root)
				return
			}
			host := c.Clusters["lake"].YARN.HostDir
			require.Equal(t, host, lake.Root)
			for location, want := range map[string]string{
				"/data/x": "hdfs://nn:9000/data/x", "hdfs:///data/x": "hdfs://nn:9000/data/x", "hdfs://nn:9000/data/x": "hdfs://nn:9000/data/x",
				host + "/j/1/in/0/a": "hdfs://nn:9000/user/stoker/jobs/j.1/in/0/a", host + "/j/1/job.json": "file:" + host + "/j/1/job.json",
			} {
				got, err := lake.Stores.CanonicalURL(location)
				require.NoError(t, err)
				require.Equal(t, want, got, location)
			}
			_, _, err = lake.Stores.Resolve("file:///data/x")
			require.Error(t, err, "executors can't read it")
		})
	}
}

func TestHostOptions(t *testing.T) {
	t.Parallel()
	c := onHost(t, func(c *config.Cluster) {
		c.YARN.Launcher, c.YARN.SparkConfDir, c.YARN.SecretsDir = config.LauncherSparkSubmit, "/etc/spark", "/run/secrets"
		c.Local.Env = map[string]string{"SPARK_LOCAL_IP": "10.0.0.1"}
	})
	settings := c.Clusters["lake"]
	h, err := openHadoop("lake", settings, Openings{})
	require.NoError(t, err)
	options := hostOptions(c, "lake", settings, h)
	require.Equal(t, map[string]string{
		"HADOOP_CONF_DIR": settings.YARN.ConfDirs[0], "HADOOP_USER_NAME": "ann", "SPARK_CONF_DIR": "/etc/spark", "SPARK_LOCAL_IP": "10.0.0.1",
	}, options.Env)
	require.Equal(t, []string{settings.YARN.HostDir, "yarn", "cluster", "/run/secrets"},
		[]string{options.Root, options.Master, options.DeployMode, options.SecretsDir})
}

// A configuration of Spark that is in the environment counts where none is set, and it
// is said which counts, and which is missing.
func TestSparkConfDir(t *testing.T) {
	inEnv, inSettings := t.TempDir(), t.TempDir()
	gone := filepath.Join(inEnv, "gone")
	for name, row := range map[string]struct{ env, set, want, said string }{
		"environment":         {inEnv, "", inEnv, `msg="a configuration of Spark is applied"`},
		"setting":             {inEnv, inSettings, inSettings, `msg="a configuration of Spark is applied"`},
		"missing environment": {gone, "", gone, `level=WARN msg="no configuration of Spark is applied: SPARK_CONF_DIR names a directory that is missing"`},
		"missing setting":     {inEnv, gone, gone, `level=ERROR msg="yarn.sparkConfDir names a directory that is missing"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SPARK_CONF_DIR", row.env)
			c := onHost(t, func(c *config.Cluster) { c.YARN.SparkConfDir = row.set })
			settings := c.Clusters["lake"]
			h, err := openHadoop("lake", settings, Openings{})
			require.NoError(t, err)
			require.Equal(t, row.want, yarnSettings(settings, h).SparkConfDir)
			require.Equal(t, row.set == "", yarnSettings(settings, h).SparkConfOfEnv)
			require.Equal(t, row.want, hostOptions(c, "lake", settings, h).Env["SPARK_CONF_DIR"])
			for _, mode := range []string{"cluster", "client"} {
				settings.Spark.DeployMode = mode
				c.Clusters["lake"] = settings
				var said bytes.Buffer
				_, err = OpenClusters(c, []string{"lake"}, Openings{Supervisor: []string{"/bin/true"}, Logger: slog.New(slog.NewTextHandler(&said, nil))})
				require.NoError(t, err)
				require.Contains(t, said.String(), row.said+" cluster=lake dir="+row.want)
				_, err = OpenClusters(c, []string{"lake"}, Openings{Supervisor: []string{"/bin/true"}})
				require.NoError(t, err, "without anybody to say it to")
			}
		})
	}
}

// What spark-defaults.conf says that Stoker can't apply is told before a job fails of
// it; the real spark-submit applies it itself.
func TestCheckClusterReadsTheDefaults(t *testing.T) {
	t.Parallel()
	conf := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(conf, "spark-defaults.conf"), []byte("spark.jars.packages a:b:1\n"), 0o600))
	for launcher, checks := range map[config.Launcher]int{config.LauncherREST: 1, config.LauncherSparkSubmit: 16} {
		found := CheckCluster(onHost(t, func(c *config.Cluster) { c.YARN.SparkConfDir, c.YARN.Launcher = conf, launcher }), "lake")
		require.Len(t, found, checks)
		if checks == 1 {
			require.Contains(t, found[0].Run(t.Context()).Text, conf+"/spark-defaults.conf: spark.jars.packages: nobody resolves packages here")
		}
	}
}

func TestCheckClusterLooksAtTheHostToo(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*config.Cluster)
		want   []string
	}{
		"rest":         {func(*config.Cluster) {}, nil},
		"spark-submit": {func(c *config.Cluster) { c.YARN.Launcher = config.LauncherSparkSubmit }, []string{"spark-submit", "Java", "hostDir"}},
		"client":       {func(c *config.Cluster) { c.Spark.DeployMode = "client" }, []string{"spark-submit", "Java", "Python", "hostDir"}},
	} {
		var names []string
		for _, check := range CheckCluster(onHost(t, row.change), "lake") {
			require.Equal(t, "cluster lake", check.Group)
			names = append(names, check.Name)
		}
		require.Equal(t, row.want, append([]string(nil), names[13:]...), name)
	}
}

// The versions of Java that a configuration may name are those that applications are
// built for.
func TestJavasOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for java := range 40 {
		c := onHost(t, func(c *config.Cluster) { c.YARN.JavaMajor = java })
		err := c.Validate()
		require.Equal(t, slices.Contains(submission.Javas("3.5"), java), err == nil, "Java %d: %v", java, err)
	}
}

// One ResourceManager may serve several clusters of a configuration, each in places of its
// own.
func TestOpenKeepsClustersApart(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*config.Cluster)
		want   string
	}{
		"apart":     {func(*config.Cluster) {}, ""},
		"root":      {func(c *config.Cluster) { c.Root = "/user/stoker/jobs/" }, "clusters.submit.root: must neither be in clusters.lake.root nor hold it (hdfs://nn:9000/user/stoker/jobs, hdfs://nn:9000/user/stoker/jobs)"},
		"within":    {func(c *config.Cluster) { c.Root = "/user/stoker/jobs/submit" }, "clusters.submit.root: must neither be in clusters.lake.root"},
		"logs":      {func(c *config.Cluster) { c.Root = "/user/stoker/jobs-logs" }, "clusters.submit.root: must neither be in clusters.lake.logs.root"},
		"directory": {func(c *config.Cluster) { c.YARN.HostDir = strings.TrimSuffix(c.YARN.HostDir, "-submit") }, "clusters.submit.yarn.hostDir: must neither be in clusters.lake.yarn.hostDir"},
		"same logs": {func(c *config.Cluster) { c.Logs.Root = "/user/stoker/jobs-logs" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := onHost(t, func(c *config.Cluster) { c.YARN.Launcher = config.LauncherSparkSubmit })
			submit := c.Clusters["lake"]
			submit.Root, submit.YARN.HostDir = "/user/stoker/submit", submit.YARN.HostDir+"-submit"
			row.change(&submit)
			c.Clusters["submit"] = submit
			openings := Openings{Supervisor: []string{"/bin/true"}, Logger: slog.New(slog.DiscardHandler)}
			_, err := OpenClusters(c, []string{"lake", "submit"}, openings)
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, job.CodeInvalid, job.CodeOf(err))
			require.Contains(t, job.ProblemsOf(err)[0], row.want)
			for _, alone := range []string{"lake", "submit"} {
				_, err = OpenClusters(c, []string{alone}, openings)
				require.NoError(t, err, "the other may be of another host")
			}
		})
	}
}
