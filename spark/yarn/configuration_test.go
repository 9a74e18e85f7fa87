package yarn

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/properties"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
)

// gateway is what Cloudera puts on its gateways, in short.
const gateway = `spark.master=yarn
spark.submit.deployMode=client
spark.authenticate=false
spark.driver.log.dfs.dir=/user/spark/driverLogs
spark.dynamicAllocation.enabled=true
spark.eventLog.dir=hdfs://nn:9000/user/spark/applicationHistory
spark.eventLog.enabled=true
spark.extraListeners=com.example.Listener
spark.yarn.historyServer.address=http://history:18088
spark.yarn.maxAppAttempts=4
spark.yarn.queue=root.gateway
spark.yarn.jars=local:/opt/cloudera/parcels/CDH/lib/spark/jars/*,local:/opt/cloudera/parcels/CDH/lib/spark/hive/*
spark.driver.extraLibraryPath=/opt/cloudera/parcels/CDH/lib/hadoop/lib/native
spark.yarn.config.gatewayPath=/opt/cloudera/parcels
spark.yarn.config.replacementPath={{HADOOP_COMMON_HOME}}/../../..
`

// sparkConf gives the site a directory of Spark's configuration.
func (s *site) sparkConf(files map[string]string) string {
	s.Helper()
	dir := filepath.Join(filepath.Dir(s.dir), "spark-conf")
	for name, text := range files {
		s.write(filepath.Join(dir, name), text)
	}
	s.options.Settings.SparkConfDir = dir
	return dir
}

// unstage takes the staged runtime away.
func (s *site) unstage() {
	s.Helper()
	require.NoError(s, os.Remove(filepath.Join(s.options.Settings.Runtimes, "3.5.json")))
}

func (s *site) context() rm.SubmissionContext {
	s.Helper()
	b, err := NewBuilder(s.options)
	require.NoError(s, err)
	submission, err := b.Build(s.Context(), s.request)
	require.NoError(s, err, "%v", job.ProblemsOf(err))
	return submission
}

// refused returns what is wrong with the request.
func (s *site) refused() string {
	s.Helper()
	_, err := s.build()
	require.Equal(s, job.CodeInvalid, job.CodeOf(err), "%v", err)
	return err.Error() + "\n" + strings.Join(job.ProblemsOf(err), "\n")
}

func TestDefaultsOfAGateway(t *testing.T) {
	s := newSite(t)
	s.sparkConf(map[string]string{"spark-defaults.conf": gateway})
	context := s.context()
	require.Equal(t, 1, context.MaxAttempts, "Stoker decides on retries")
	require.Equal(t, "root.gateway", context.Queue)
	require.NotContains(t, context.Container.LocalResources, "__spark_libs__")
	require.Contains(t, context.Container.LocalResources, "pyspark.zip")
	require.Contains(t, context.Container.Environment["CLASSPATH"],
		"{{HADOOP_COMMON_HOME}}/../../../CDH/lib/spark/jars/*<CPS>{{HADOOP_COMMON_HOME}}/../../../CDH/lib/spark/hive/*")
	conf := s.archived()
	require.Contains(t, conf, "spark.master=yarn\n")
	require.Contains(t, conf, "spark.submit.deployMode=cluster\n")
	require.Contains(t, conf, "spark.extraListeners=com.example.Listener\n")
	require.Contains(t, conf, "spark.yarn.jars=local\\:/opt/cloudera/parcels/CDH/lib/spark/jars/*,local\\:/opt/cloudera/parcels/CDH/lib/spark/hive/*\n")
}

// What Stoker's own configuration says of a cluster counts before what is every user's,
// and a profile before both.
func TestDefaultsBelowStokersOwn(t *testing.T) {
	s := newSite(t)
	s.sparkConf(map[string]string{"spark-defaults.conf": gateway})
	s.options.Settings.Queue = "stoker"
	require.Equal(t, "stoker", s.context().Queue)
	s.request.Launch.Options.Conf["spark.yarn.queue"], s.request.Launch.Options.Conf["spark.yarn.maxAppAttempts"] = "own", "2"
	context := s.context()
	require.Equal(t, "own", context.Queue)
	require.Equal(t, 2, context.MaxAttempts)
}

func TestInterpreterOfTheDriverBySparkSubmit(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ given, want map[string]string }{
		{map[string]string{}, map[string]string{}},
		{
			map[string]string{"spark.yarn.appMasterEnv.PYSPARK_PYTHON": "./env/bin/python"},
			map[string]string{"spark.yarn.appMasterEnv.PYSPARK_PYTHON": "./env/bin/python", "spark.yarn.appMasterEnv.PYSPARK_DRIVER_PYTHON": "./env/bin/python"},
		},
		{
			map[string]string{"spark.yarn.appMasterEnv.PYSPARK_PYTHON": "./a/x", "spark.yarn.appMasterEnv.PYSPARK_DRIVER_PYTHON": "./b/x"},
			map[string]string{"spark.yarn.appMasterEnv.PYSPARK_PYTHON": "./a/x", "spark.yarn.appMasterEnv.PYSPARK_DRIVER_PYTHON": "./b/x"},
		},
	} {
		chooseForDriver(row.given)
		require.Equal(t, row.want, row.given)
	}
}

// Spark's jars on every node need no staged runtime; PySpark then comes from where
// spark-env.sh says.
func TestWithoutAStagedRuntime(t *testing.T) {
	s := newSite(t)
	s.unstage()
	s.sparkConf(map[string]string{"spark-defaults.conf": gateway})
	require.Contains(t, s.refused(), "PYSPARK_ARCHIVES_PATH")

	s.sparkConf(map[string]string{"spark-env.sh": "export PYSPARK_ARCHIVES_PATH=local:/opt/spark/pyspark.zip,local:/opt/spark/py4j-src.zip\n"})
	require.Equal(t, "local:/opt/spark/pyspark.zip", "local:"+strings.Split(s.context().Container.Environment["PYTHONPATH"], "<CPS>")[0])

	runtimes := s.options.Settings.Runtimes
	s.sparkConf(map[string]string{"spark-env.sh": "PYSPARK_ARCHIVES_PATH=hdfs://nn:9000" + runtimes + "/pyspark.zip," + "hdfs:" + runtimes + "/py4j-src.zip\n"})
	require.Equal(t, "{{PWD}}/pyspark.zip<CPS>{{PWD}}/py4j-src.zip", s.context().Container.Environment["PYTHONPATH"])

	s.sparkConf(map[string]string{"spark-env.sh": "PYSPARK_ARCHIVES_PATH=" + runtimes + "/pyspark.zip," + runtimes + "/py4j-src.zip\n"})
	require.Contains(t, s.refused(), "PYSPARK_ARCHIVES_PATH: "+runtimes+"/pyspark.zip is a file of the worker's host")

	s.options.Settings.SparkConfDir = ""
	_, err := s.build()
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
}

func TestWhereSparkLies(t *testing.T) {
	t.Parallel()
	at := func(s *site, name string) string { return filepath.Join(filepath.Dir(s.dir), "spark", name) }
	for name, row := range map[string]struct {
		defaults string // @ is the directory of jars
		profile  map[string]string
		links    []string // that are there, or with a '!' are not
		conf     string
		refused  string
	}{
		"an archive": {
			defaults: "spark.yarn.archive hdfs://nn:9000@/libs.zip\nspark.yarn.jars local:/opt/*", links: []string{"__spark_libs__"},
			conf: "spark.yarn.archive=hdfs\\://nn\\:9000@/libs.zip\n",
		},
		"a profile's archive": {
			defaults: "spark.yarn.archive hdfs://nn:9000/nowhere.zip", profile: map[string]string{"spark.yarn.archive": "hdfs:@/libs.zip"},
			links: []string{"__spark_libs__"}, conf: "spark.yarn.archive=hdfs\\://nn\\:9000@/libs.zip\n",
		},
		"jars by pattern": {
			defaults: "spark.yarn.jars hdfs://nn:9000@/s*.jar, local:/opt/more/*",
			links:    []string{"__spark_libs__/spark-core_2.12-3.5.9.jar", "__spark_libs__/scala.jar", "!__spark_libs__/other.jar"},
			conf:     "spark.yarn.jars=local\\:/opt/more/*\n",
		},
		"their older name":    {defaults: "spark.yarn.jar hdfs://nn:9000@/*.jar", links: []string{"__spark_libs__/other.jar"}, conf: "spark.yarn.jars=\n"},
		"nothing matches":     {defaults: "spark.yarn.jars hdfs://nn:9000@/none*", refused: "spark.yarn.jars of @conf/spark-defaults.conf: no file is hdfs://nn:9000@/none*"},
		"of this host":        {defaults: "spark.yarn.jars @/*.jar", refused: "spark.yarn.jars of @conf/spark-defaults.conf: @/*.jar is a file of the worker's host"},
		"of another cluster":  {defaults: "spark.yarn.archive hdfs://other:9000/x.zip", refused: "spark.yarn.archive of @conf/spark-defaults.conf: hdfs://other:9000/x.zip is not in the cluster's file system"},
		"of a profile":        {profile: map[string]string{"spark.yarn.archive": "hdfs:/nowhere"}, refused: "spark.yarn.archive of the job's profile: no file is hdfs:/nowhere"},
		"a local: archive":    {defaults: "spark.yarn.archive local:/opt/x.zip", refused: "runtime.archive: cannot be local:; list the jars"},
		"a pattern, archive":  {defaults: "spark.yarn.archive hdfs://nn:9000@/*.jar", refused: "names several files"},
		"of a Spark too old":  {defaults: "spark.yarn.jars hdfs://nn:9000@/old/*", refused: "3.1.1-vendor-2"},
		"no Spark by version": {defaults: "spark.yarn.jars hdfs://nn:9000@/old/spark-core_2.12-3.5.9-sources.jar", links: []string{"__spark_libs__/spark-core_2.12-3.5.9-sources.jar"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.unstage()
			for _, file := range []string{"libs.zip", "spark-core_2.12-3.5.9.jar", "scala.jar", "other.jar", "old/spark-core_2.12-3.1.1-vendor-2.jar", "old/spark-core_2.12-3.5.9-sources.jar"} {
				s.write(at(s, file), file)
			}
			if name == "no Spark by version" {
				require.NoError(t, os.Remove(at(s, "old/spark-core_2.12-3.1.1-vendor-2.jar")))
			}
			s.write(filepath.Join(s.dir, "app.jar"), "jar")
			s.request.Launch.Main, s.request.Launch.Class, s.request.Launch.Options.Conf = "app.jar", "Main", map[string]string{}
			conf := s.sparkConf(nil)
			expand := strings.NewReplacer("@conf", conf, "@", at(s, "")).Replace
			s.sparkConf(map[string]string{"spark-defaults.conf": expand(row.defaults)})
			for key, value := range row.profile {
				s.request.Launch.Options.Conf[key] = expand(value)
			}
			if row.refused != "" {
				require.Contains(t, s.refused(), expand(row.refused))
				return
			}
			resources := s.context().Container.LocalResources
			for _, link := range row.links {
				if absent, ok := strings.CutPrefix(link, "!"); ok {
					require.NotContains(t, resources, absent)
				} else {
					require.Contains(t, resources, link)
				}
			}
			require.Contains(t, s.archived(), expand(row.conf))
		})
	}
}

// spark-defaults.conf and, below it, spark-env.sh count where the job says nothing, within
// the limits of its profile.
func TestLimitsOfTheProfile(t *testing.T) {
	s := newSite(t)
	s.request.Launch.Options.Limits = map[string]string{
		"spark.executor.memory": "8g", "spark.driver.memory": "2g", "spark.executor.cores": "2", "spark.executor.instances": "10",
	}
	s.sparkConf(map[string]string{
		"spark-defaults.conf": "spark.executor.memory 4g\nspark.driver.memory 6g\nspark.dynamicAllocation.enabled true\nspark.shuffle.service.enabled true\n",
		"spark-env.sh":        "SPARK_EXECUTOR_CORES=7\nSPARK_EXECUTOR_MEMORY=3g\n",
	})
	built := func() map[string]string {
		s.context()
		archive, err := zip.OpenReader(s.archive())
		require.NoError(t, err)
		defer archive.Close() //nolint:errcheck // only read
		data, err := fs.ReadFile(archive, "__spark_conf__.properties")
		require.NoError(t, err)
		conf, err := properties.Read(data)
		require.NoError(t, err)
		return conf
	}
	conf := built()
	for key, want := range map[string]string{
		"spark.executor.memory": "4g", "spark.driver.memory": "2g", "spark.executor.cores": "2", "spark.dynamicAllocation.maxExecutors": "10", "spark.executor.instances": "",
	} {
		require.Equal(t, want, conf[key], key)
	}
	s.sparkConf(map[string]string{"spark-defaults.conf": "", "spark-env.sh": "SPARK_EXECUTOR_CORES=1\nSPARK_EXECUTOR_MEMORY=3g\n"})
	conf = built()
	for key, want := range map[string]string{"spark.executor.memory": "3g", "spark.driver.memory": "1g", "spark.executor.cores": "1", "spark.executor.instances": "2"} {
		require.Equal(t, want, conf[key], key)
	}
}

// What a program lists replaces spark.files and its like, and adds to
// spark.yarn.dist.*; Stoker's own driver lists nothing of its own.
func TestListsOfTheConfiguration(t *testing.T) {
	s := newSite(t)
	lib := filepath.Join(filepath.Dir(s.dir), "lib")
	for _, name := range []string{"a.jar", "b.jar", "c.txt", "d.txt", "e.zip", "env.tar.gz"} {
		s.write(filepath.Join(lib, name), name)
	}
	s.write(filepath.Join(s.dir, "own.txt"), "own")
	conf := s.sparkConf(map[string]string{"spark-defaults.conf": "spark.jars hdfs://nn:9000" + lib + "/*.jar,local:/opt/x.jar\n" +
		"spark.files " + lib + "/c.txt#see.txt\nspark.yarn.dist.files file://" + lib + "/d.txt\nspark.submit.pyFiles hdfs:" + lib + "/e.zip\n"})
	s.request.Launch.Options.Conf = map[string]string{"spark.archives": "hdfs:" + lib + "/env.tar.gz#env"}
	all := []string{"a.jar", "b.jar", "see.txt", "d.txt", "e.zip", "env"}

	s.request.Launch.PythonDriver, s.request.Launch.Files = true, []string{"own.txt"}
	context := s.context()
	for _, link := range append(all, "own.txt") {
		require.Contains(t, context.Container.LocalResources, link)
	}
	staging := s.options.Store.URL(stagingDir(s.dir, s.request.Application))
	require.Regexp(t, "^"+staging+"/host-[0-9a-f]{8}-[0-9a-f]{16}/c.txt$", context.Container.LocalResources["see.txt"].URL)
	require.Equal(t, rm.TypeArchive, context.Container.LocalResources["env"].Type)
	require.Contains(t, s.archived(), "local\\:/opt/x.jar")
	require.Equal(t, context, s.context(), "built again, nothing that was there is changed")

	s.request.Launch.PythonDriver = false
	replaced := s.context().Container.LocalResources
	require.NotContains(t, replaced, "see.txt")
	require.Contains(t, replaced, "d.txt")
	require.Contains(t, replaced, "own.txt")
	require.Contains(t, replaced, "a.jar")

	s.sparkConf(map[string]string{"spark-defaults.conf": "spark.jars " + lib + "/*.jar#one.jar\nspark.files " + lib + "/none\nspark.archives ./x.zip\n"})
	s.request.Launch = spark.Launch{Main: "main.py"}
	said := s.refused()
	for _, want := range []string{
		"spark.jars of " + conf + "/spark-defaults.conf: " + lib + "/*.jar#one.jar are 2 files, which cannot have one name",
		"spark.files of " + conf + "/spark-defaults.conf: no file is " + lib + "/none",
		"spark.archives of " + conf + "/spark-defaults.conf: ./x.zip is no absolute path",
	} {
		require.Contains(t, said, want)
	}
}

// Settings that spark-submit would heed and that cannot be applied are no job's fault:
// the file is named.
func TestDefaultsThatCannotBeApplied(t *testing.T) {
	s := newSite(t)
	conf := s.sparkConf(map[string]string{"spark-defaults.conf": "spark.jars.packages a:b:1\nspark.kerberos.keytab /etc/k\nspark.driver.resource.gpu.amount 1\nnot.spark x\n"})
	said := s.refused()
	for _, want := range []string{
		conf + "/spark-defaults.conf: spark.jars.packages: nobody resolves packages here",
		conf + "/spark-defaults.conf: spark.kerberos.keytab: no keytab is sent along",
		conf + "/spark-defaults.conf: spark.driver.resource.gpu.amount: cannot be asked for over REST",
	} {
		require.Contains(t, said, want)
	}
	require.NotContains(t, said, "not.spark")
}

// A configuration that is not there is nobody's outage: what Stoker's own names is
// refused, and what is left over in the worker's environment counts for nothing.
func TestConfigurationThatIsMissing(t *testing.T) {
	s := newSite(t)
	var said bytes.Buffer
	s.options.Logger = slog.New(slog.NewTextHandler(&said, nil))
	gone := filepath.Join(t.TempDir(), "gone")
	s.options.Settings.SparkConfDir = gone
	require.Contains(t, s.refused(), "yarn.sparkConfDir: open "+gone)
	_, err := NamedSpark(s.options.Settings, nil)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))

	s.options.Settings.SparkConfOfEnv = true
	b, err := NewBuilder(s.options)
	require.NoError(t, err)
	for range 2 {
		_, err = b.Build(t.Context(), s.request)
		require.NoError(t, err)
	}
	require.Equal(t, 1, strings.Count(said.String(), `level=WARN msg="no configuration of Spark is applied`))
	named, err := NamedSpark(s.options.Settings, nil)
	require.NoError(t, err)
	require.Empty(t, named)

	s.write(gone, "a file")
	s.refused()
	s.options.Settings.SparkConfOfEnv = false
	s.sparkConf(map[string]string{"spark-defaults.conf": "spark.x \\u00zz\n"})
	require.Contains(t, s.refused(), "/spark-defaults.conf: ")
}

// deaf is a store that fails where names end so.
type deaf struct {
	store.Store
	names string
	err   error
}

func (d deaf) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if strings.HasSuffix(name, d.names) {
		return nil, d.err
	}
	return d.Store.Open(ctx, name)
}

func (d deaf) Stat(ctx context.Context, name string) (store.Info, error) {
	if strings.HasSuffix(name, d.names) {
		return store.Info{}, d.err
	}
	return d.Store.Stat(ctx, name)
}

func (d deaf) Create(ctx context.Context, name string, data []byte, mode fs.FileMode) error {
	if strings.HasSuffix(name, d.names) {
		return d.err
	}
	return d.Store.Create(ctx, name, data, mode)
}

func (d deaf) Glob(ctx context.Context, pattern string) ([]store.Info, error) {
	if strings.HasSuffix(pattern, d.names) {
		return nil, d.err
	}
	return d.Store.Glob(ctx, pattern)
}

// What a file system forbids stays forbidden; whatever else it does not do is an outage,
// and no defect.
func TestFileSystemFails(t *testing.T) {
	t.Parallel()
	for _, names := range []string{"main.py", "3.5.json", "libs.zip", "/x*.jar", "__spark_conf__.zip"} {
		for want, err := range map[job.Code]error{job.CodeUnauthorized: fs.ErrPermission, job.CodeUnavailable: errRefused} {
			t.Run(names+" "+string(want), func(t *testing.T) {
				s := newSite(t)
				if names == "/x*.jar" {
					s.sparkConf(map[string]string{"spark-defaults.conf": "spark.jars hdfs://nn:9000/x*.jar\n"})
				}
				s.options.Store = deaf{s.options.Store, names, err}
				_, failed := s.build()
				require.Equal(t, want, job.CodeOf(failed), "%v", failed)
				require.ErrorIs(t, failed, err)
			})
		}
	}
}

// A job's own tags and the cluster's stand beside Stoker's, and none passes for one of
// these.
func TestOwnTags(t *testing.T) {
	s := newSite(t)
	s.request.Tags = []string{"stoker-job-j.1", "stoker-here"}
	conf := s.sparkConf(map[string]string{"spark-defaults.conf": "spark.yarn.tags site\n"})
	require.ElementsMatch(t, []string{"site", "stoker-job-j.1", "stoker-here"}, s.context().Tags)
	s.request.Launch.Options.Conf["spark.yarn.tags"] = "mine, yours"
	require.ElementsMatch(t, []string{"mine", "yours", "stoker-job-j.1", "stoker-here"}, s.context().Tags)

	delete(s.request.Launch.Options.Conf, "spark.yarn.tags")
	s.sparkConf(map[string]string{"spark-defaults.conf": "spark.yarn.tags site, STOKER-job-k.1\n"})
	require.Contains(t, s.refused(), "spark.yarn.tags of "+conf+`/spark-defaults.conf: the tag "STOKER-job-k.1" would pass for one of Stoker's own`)
}

// Python files and JARs get the names behind '#'.
func TestNamesOfModulesAndJars(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"lib-1.0.zip", "tool.py", "one.jar"} {
		s.write(filepath.Join(s.dir, name), name)
	}
	s.request.Launch.PyFiles, s.request.Launch.Jars = []string{"lib-1.0.zip#lib.zip", "tool.py#mine.py"}, []string{"hdfs://nn:9000" + s.dir + "/one.jar#eins.jar"}
	context := s.context()
	for _, link := range []string{"lib.zip", "__pyfiles__/mine.py", "eins.jar"} {
		require.Contains(t, context.Container.LocalResources, link)
	}
	require.Contains(t, context.Container.Environment["PYTHONPATH"], "{{PWD}}/lib.zip")

	require.Empty(t, unfoundArchives([]string{"a.zip", "a.zip#a.zip", "hdfs:/a.py#b.py"}))
	require.Equal(t, []string{"pyFiles[1]: spark-submit does not find an archive under another name (b.zip) than its own; rename the file"},
		unfoundArchives([]string{"a.zip", "hdfs:/a.zip#b.zip"}))
}

// Which of two files of one name is left out is for the job to say, unless it did not name
// that one.
func TestNamesakesOfTheConfiguration(t *testing.T) {
	s := newSite(t)
	lib := filepath.Join(filepath.Dir(s.dir), "lib")
	for _, name := range []string{"lib/x.zip", "more/x.zip"} {
		s.write(filepath.Join(filepath.Dir(s.dir), name), name)
	}
	s.write(filepath.Join(s.dir, "x.zip"), "own")
	conf := s.sparkConf(map[string]string{"spark-defaults.conf": "spark.yarn.dist.pyFiles hdfs://nn:9000" + lib + "/x.zip\n"})
	s.request.Launch.PyFiles = []string{"x.zip"}
	require.Contains(t, s.refused(), "pyFiles[0]: hdfs://nn:9000"+s.dir+"/x.zip has the file name of spark.submit.pyFiles of "+conf+"/spark-defaults.conf, and Spark leaves out the second of two; rename one")

	s.request.Launch.PyFiles = nil
	s.sparkConf(map[string]string{"spark-defaults.conf": "spark.yarn.dist.pyFiles hdfs://nn:9000" + lib + "/x.zip,hdfs://nn:9000" + filepath.Dir(lib) + "/more/x.zip\n"})
	require.Equal(t, "hdfs://nn:9000"+lib+"/x.zip", s.context().Container.LocalResources["x.zip"].URL)
}

// A configuration that the worker can read is one that applications can be sent with: old
// names and other character sets count, and what is included goes along.
func TestHadoopConfigurationAsItIsWritten(t *testing.T) {
	s := newSite(t)
	elsewhere := filepath.Join(t.TempDir(), "site.xml")
	s.write(elsewhere, "<configuration><property><name>fs.default.name</name><value>hdfs://nn:9000</value></property></configuration>")
	s.write(filepath.Join(s.options.ConfDirs[0], "core-site.xml"), `<?xml version="1.0" encoding="ISO-8859-1"?>
<configuration xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="`+elsewhere+`"/>
<property><name>name</name><value>caf`+"\xe9"+`</value></property></configuration>`)
	s.context()
	sent := s.archived()
	require.NotContains(t, sent, "include", "no node has the file")
	require.Equal(t, 2, strings.Count(sent, "<name>fs.defaultFS</name><value>hdfs://nn:9000</value>"), "in core-site.xml, and with all there is")
	require.Contains(t, sent, "<value>café</value>")

	require.NoError(t, os.Remove(elsewhere))
	require.Contains(t, s.refused(), "core-site.xml:2: includes "+elsewhere+", which is not there, and has no fallback")
}

func TestFilesThatAreTooLargeAreNamed(t *testing.T) {
	s := newSite(t)
	var said bytes.Buffer
	s.options.Logger = slog.New(slog.NewTextHandler(&said, nil))
	large := filepath.Join(s.options.ConfDirs[0], "topology.data")
	s.write(large, strings.Repeat("x", maxConfFile+1))
	s.write(filepath.Join(s.options.ConfDirs[0], "fits"), strings.Repeat("x", maxConfFile))
	s.context()
	require.Contains(t, said.String(), "too large to be sent along with applications\" file="+large)
	require.Equal(t, 1, strings.Count(said.String(), "too large"))
	require.NotContains(t, s.archived(), "topology.data")
}
