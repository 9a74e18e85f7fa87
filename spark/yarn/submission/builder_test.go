package submission_test

import (
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
	"github.com/stoker-spark/stoker/store"
	filestore "github.com/stoker-spark/stoker/store/file"
)

// asHDFS is a directory that says it is HDFS.
type asHDFS struct{ store.Store }

func (asHDFS) URL(path string) string { return "hdfs://nn:9000" + path }

// pretended are the fixtures in a directory of this host that passes for HDFS.
func pretended(t *testing.T) (c where, root string) {
	t.Helper()
	root = t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(root), 0o755), "everybody may enter what is above, so that what is private is told from what is public")
	c = where{fs: "hdfs://nn:9000", dir: root + "/fixtures", local: root + "/local", sparkHome: root + "/spark", python: root + "/python"}
	for _, name := range []string{
		"spark/python/lib/pyspark.zip", "spark/python/lib/py4j-0.10.9.7-src.zip", "fixtures/spark-libs.zip",
		"fixtures/pyspark.zip", "fixtures/py4j-0.10.9.7-src.zip", "conf/core-site.xml",
	} {
		put(t, root+"/"+name, coreSite)
	}
	for _, name := range []string{
		"probe.py", "probe.jar", "one.jar", "two.jar", "lib.zip", "other.zip", "tree.zip", "tree.tar.gz", "data.txt", "more.txt",
		"with space.txt", "ünï.txt", "helper.py",
	} {
		put(t, c.dir+"/"+name, name)
		put(t, c.dir+"/private/"+name, name+" again")
	}
	require.NoError(t, os.Chmod(c.dir+"/private", 0o700))
	return c, root
}

func put(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o644))
}

// look describes a URL by what lies in the directory.
func look(t *testing.T, raw string) submission.Resource {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	if u.Scheme == "local" {
		return submission.Resource{URL: raw}
	}
	info, err := os.Stat(u.Path)
	require.NoError(t, err)
	public := info.Mode()&0o004 != 0
	for dir := path.Dir(u.Path); dir != "/"; dir = path.Dir(dir) {
		above, err := os.Stat(dir)
		require.NoError(t, err)
		public = public && above.Mode()&0o001 != 0
	}
	return submission.Resource{URL: raw, Size: info.Size(), Modified: info.ModTime().UnixMilli(), Public: public}
}

// launch is the job as it is staged, and the settings of a cluster on which it comes to
// the same: what spark-submit has from its environment stands in spark-env.sh.
func (j one) launch(t *testing.T, c where) (spark.Launch, yarn.Settings, submission.Input) {
	t.Helper()
	var options submission.Input // what options of spark-submit say
	options.Conf = map[string]string{}
	if j.fields != nil {
		j.fields(&options)
	}
	l := spark.Launch{
		Name: options.Name, Main: c.url(c.dir + "/" + j.program), Class: j.class, Args: j.args,
		PyFiles: c.urls(j.pyFiles), Files: c.urls(j.files), Jars: c.urls(j.jars), Archives: c.urls(j.archives),
		Options: job.Options{Conf: j.settings(c)},
	}
	if strings.HasPrefix(j.program, "local:") {
		l.Main = c.expand(j.program)
	}
	maps.Copy(l.Options.Conf, options.Conf)
	if options.Queue != "" {
		l.Options.Conf["spark.yarn.queue"] = options.Queue
	}
	dir, env := t.TempDir(), j.sparkConf["spark-env.sh"]
	for name, value := range j.environment(t, c) {
		if name != "SPARK_CONF_DIR" {
			env += "export " + name + "='" + value + "'\n"
		}
	}
	for name, content := range j.sparkConf {
		put(t, filepath.Join(dir, name), content)
	}
	put(t, filepath.Join(dir, "spark-env.sh"), env)
	return l, yarn.Settings{SparkVersion: "3.5", Runtimes: "/none", SparkConfDir: dir, JavaMajor: 17}, options
}

// What is compared with spark-submit on a cluster is written down by hand. A builder
// comes to the same from what is staged: files are resolved, their visibility is found,
// and defaults, environment and the place of Spark are read from the cluster's
// configuration.
func TestTheBuilderComesToTheSame(t *testing.T) {
	t.Parallel()
	c, root := pretended(t)
	st := asHDFS{filestore.New(filestore.Options{DirMode: 0o700})}
	configuration, err := hadoop.Load(root + "/conf")
	require.NoError(t, err)
	at := time.UnixMilli(1795245906292)
	for i, name := range slices.Sorted(maps.Keys(table)) {
		j := table[name]
		if j.program == "" {
			continue // a job of Stoker has a file
		}
		j.inHDFS = true // what each way uploads itself has no common place
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := appID[:len(appID)-4] + string([]byte{'1', '0', byte('0' + i/10), byte('0' + i%10)})
			dir := root + "/user/alice"
			launch, settings, options := j.launch(t, c)
			builder, err := yarn.NewBuilder(yarn.BuilderOptions{Store: st, Configuration: configuration, ConfDirs: []string{root + "/conf"}, Settings: settings})
			require.NoError(t, err)
			built, err := builder.Build(t.Context(), yarn.Request{
				Application: id, Launch: launch, Dir: dir, User: "alice", Tags: options.Tags, At: at,
			})
			require.NoError(t, err, "%v", job.ProblemsOf(err))

			plan, err := submission.Prepare(j.described(t, c, described{
				in: submission.Input{
					ID: id, User: "alice", StagingDir: c.url(dir + "/.sparkStaging/" + id), SubmitTime: at, HadoopConf: directory(t, root+"/conf"),
				},
				look: func(raw string) submission.Resource { return look(t, raw) },
			}))
			require.NoError(t, err, "%v", job.ProblemsOf(err))
			u, err := url.Parse(plan.ArchiveURL)
			require.NoError(t, err)
			archive, err := os.ReadFile(u.Path)
			require.NoError(t, err)
			require.Equal(t, unzipped(t, plan.Archive), unzipped(t, archive))
			info, err := os.Stat(u.Path)
			require.NoError(t, err)
			want, err := plan.Context(submission.Uploaded{URL: plan.ArchiveURL, Size: info.Size(), Modified: info.ModTime().UnixMilli()})
			require.NoError(t, err)
			require.Equal(t, want, built)
		})
	}
}
