package yarn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
	"github.com/stoker-spark/stoker/store"
)

// keyTags lists an application's tags.
const keyTags = "spark.yarn.tags"

// command is what spark-submit is called with: the staged launch with the URLs of
// its files, and what makes the application findable, short in sending and tidy.
func (s *claiming) command(ctx context.Context) (spark.Launch, error) {
	launch, err := readJSON[spark.Launch](ctx, s.dir, spark.FileLaunch)
	if err != nil {
		return spark.Launch{}, s.c.m.unavailable("read the launch of "+s.attempt.String(), err)
	}
	staged, err := s.dir.exists(ctx, spark.FileStaged)
	if err != nil {
		return spark.Launch{}, s.c.m.unavailable("look for the staged files of "+s.attempt.String(), err)
	}
	if launch == nil || !staged {
		return spark.Launch{}, job.Errorf(job.CodeInvalid, "%s is not staged", s.attempt)
	}
	work, err := s.tree(ctx, s.dir.file(spark.DirWork))
	if err != nil {
		return spark.Launch{}, s.c.m.unavailable("list the files of "+s.attempt.String(), err)
	}
	if problems := append(unfoundArchives(launch.PyFiles), leftOut(*launch)...); len(problems) > 0 {
		return spark.Launch{}, job.Invalid("the job cannot be sent by spark-submit", problems)
	}
	l := *launch
	// The fence is in the job directory on the cluster, not in the supervisor's.
	l.PythonDriver = false
	l.Main = s.url(l.Main)
	for _, list := range []*[]string{&l.PyFiles, &l.Files, &l.Jars, &l.Archives} {
		urls := make([]string, 0, len(*list))
		for _, name := range *list {
			urls = append(urls, s.url(name))
		}
		*list = urls
	}
	l.Files = append(l.Files, work...)
	l.Args = nil
	for _, arg := range launch.Args {
		l.Args = append(l.Args, submission.SubmitArgument(arg))
	}
	settings := submitSettings{settings: s.c.opts.Settings, sparkVersion: s.c.opts.SparkVersion, store: s.c.m.opts.Store, defaults: s.c.opts.Submitter.Defaults()}
	l.Options.Conf, err = settings.conf(ctx, s.c.m.tags(s.reservation), s.dir.path, l.Options.Conf)
	if err != nil {
		return spark.Launch{}, s.c.m.unavailable("look for a staged Spark", err)
	}
	chooseForDriver(l.Options.Conf)
	return l, nil
}

// chooseForDriver lets the interpreter that a job chooses by PYSPARK_PYTHON be the
// driver's, too: spark-submit would give that the one of its own environment.
func chooseForDriver(conf map[string]string) {
	const executors, driver = "spark.yarn.appMasterEnv.PYSPARK_PYTHON", "spark.yarn.appMasterEnv.PYSPARK_DRIVER_PYTHON"
	if chosen, ok := conf[executors]; ok && conf[driver] == "" {
		conf[driver] = chosen
	}
}

// unfoundArchives refuses archives of Python code under another name: spark-submit puts
// the file's own name on Python's path, where nothing is.
func unfoundArchives(pyFiles []string) (problems []string) {
	for i, name := range pyFiles {
		location, alias, named := strings.Cut(name, "#")
		if named && alias != path.Base(location) && (!strings.HasSuffix(location, ".py") || !strings.HasSuffix(alias, ".py")) {
			problems = append(problems, fmt.Sprintf("pyFiles[%d]: spark-submit does not find an archive under another name (%s) than its own; rename the file", i, alias))
		}
	}
	return problems
}

// leftOut refuses JARs and Python files that spark-submit would leave out, with a warning
// that nobody sees: it compares the names of all files that it sends.
func leftOut(l spark.Launch) (problems []string) {
	type first struct{ field, location string }
	names := map[string]first{}
	for _, list := range []struct {
		field   string
		names   []string
		leftOut bool
	}{
		{"jars", l.Jars, true}, {"files", l.Files, false}, {"archives", l.Archives, false}, {"pyFiles", l.PyFiles, true},
	} {
		for i, name := range list.names {
			location, _, _ := strings.Cut(name, "#")
			field := fmt.Sprintf("%s[%d]", list.field, i)
			before, again := names[path.Base(location)]
			switch {
			case !again:
				names[path.Base(location)] = first{field, location}
			case list.leftOut && before.location != location:
				problems = append(problems, fmt.Sprintf("%s: %s has the file name of %s, and Spark leaves out the second of two; rename one", field, location, before.field))
			}
		}
	}
	return problems
}

// submitSettings are what every application gets that spark-submit sends.
type submitSettings struct {
	settings Settings
	// sparkVersion of spark-submit, "" if unknown.
	sparkVersion string
	store        store.Store
	// defaults of the spark-defaults.conf that it will read.
	defaults map[string]string
}

// conf puts a cluster's settings below what is given, and on top what makes the
// application findable by its tags and its staging directory a part of dir.
func (s submitSettings) conf(ctx context.Context, tags []string, dir string, given map[string]string) (map[string]string, error) {
	conf := map[string]string{keyAttempts: "1"}
	if s.settings.Queue != "" {
		conf[keyQueue] = s.settings.Queue
	}
	if home := s.settings.JavaHome; home != "" {
		conf["spark.yarn.appMasterEnv.JAVA_HOME"], conf["spark.executorEnv.JAVA_HOME"] = home, home
	}
	maps.Copy(conf, given)
	says := func(key string) string { return cmp.Or(conf[key], s.defaults[key]) }
	if says(keyArchive) == "" && says(keyJars) == "" && s.sparkVersion != "" {
		runtime, err := FindRuntime(ctx, s.store, s.settings.Runtimes, s.settings.SparkVersion)
		if err != nil && job.CodeOf(err) != job.CodeNotFound {
			return nil, err
		}
		if err == nil && runtime.SparkVersion == s.sparkVersion {
			conf[keyArchive] = fileURL(s.store, runtime.Archive.Path)
		}
	}
	if own := says(keyTags); own != "" {
		if tag := forged(own); tag != "" {
			return nil, job.Errorf(job.CodeInvalid, "spark.yarn.tags: the tag %q would pass for one of Stoker's own", tag)
		}
		tags = append(slices.Clone(tags), own)
	}
	conf[keyTags] = strings.Join(tags, ",")
	conf["spark.yarn.submit.waitAppCompletion"] = "false"
	// CLEAN takes what an application master that was killed hard leaves there.
	conf["spark.yarn.stagingDir"] = fileURL(s.store, dir)
	return conf, nil
}

// fileURL is the URL of a path of a store, escaped as Hadoop reads URLs.
func fileURL(st store.Store, name string) string {
	return (&builder{opts: BuilderOptions{Store: st}}).url(name)
}

// url is the URL of a name in a launch: a path, absolute or relative to the job
// directory, with an alias behind '#'. A URL stays as it is.
func (s *claiming) url(name string) string {
	if u, err := url.Parse(name); err == nil && u.Scheme != "" {
		return name
	}
	name, alias, has := strings.Cut(name, "#")
	if !path.IsAbs(name) {
		name = s.dir.file(name)
	}
	located := fileURL(s.c.m.opts.Store, name)
	if has {
		located += "#" + alias
	}
	return located
}

// tree lists every file below a directory as a URL with its path there for an
// alias.
func (s *claiming) tree(ctx context.Context, top string) ([]string, error) {
	var urls []string
	dirs := []string{top}
	for len(dirs) > 0 {
		entries, err := s.c.m.opts.Store.List(ctx, dirs[0])
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		dirs = dirs[1:]
		for _, entry := range entries {
			if entry.Dir {
				dirs = append(dirs, entry.Path)
				continue
			}
			alias := url.URL{Fragment: strings.TrimPrefix(entry.Path, top+"/")}
			urls = append(urls, s.url(entry.Path)+"#"+alias.EscapedFragment())
		}
	}
	slices.Sort(urls)
	return urls, nil
}
