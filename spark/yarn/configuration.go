package yarn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/spark/properties"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

// Keys that Stoker's own configuration says something about.
const (
	keyAttempts = "spark.yarn.maxAppAttempts"
	keyQueue    = "spark.yarn.queue"
)

const (
	fileDefaults = "spark-defaults.conf"
	fileEnv      = "spark-env.sh"
)

// configured is what spark-submit would find beside its options.
type configured struct {
	// conf holds what is left when all that names files is taken out of it.
	conf, env map[string]string
	// files of the directory of Spark's configuration, by name.
	files map[string][]byte
	// spark is where Spark itself lies.
	spark named
	// Files that an application gets beside its own.
	pyFiles, sentFiles, jars, archives listed
}

// listed are files that a configuration names.
type listed struct {
	// from says where, for messages.
	from  string
	names []string
}

// configuration merges what spark-submit would find: spark-defaults.conf and
// spark-env.sh below what the job's options say. What a program lists itself
// replaces spark.jars, spark.files, spark.archives and spark.submit.pyFiles, as an
// option of spark-submit does; the files of Stoker's own driver are no such list.
func (b *builder) configuration(ctx context.Context, launch spark.Launch) (configured, error) {
	found := configured{conf: map[string]string{}, env: map[string]string{}}
	dir := b.opts.Settings.SparkConfDir
	file := filepath.Join(dir, fileDefaults)
	if dir != "" {
		var err error
		var missing bool
		if found.files, missing, err = b.opts.Settings.sparkConf(); err != nil {
			return found, err
		}
		if before := b.withoutConf.Swap(missing); missing && !before {
			b.opts.Logger.Warn("no configuration of Spark is applied: SPARK_CONF_DIR names a directory that is missing", "dir", dir)
		}
		if found.conf, err = readDefaults(file, found.files[fileDefaults]); err != nil {
			return found, err
		}
		variables, warnings, err := b.env.read(ctx, dir, b.opts.ConfDirs)
		if err != nil {
			return found, err
		}
		for _, w := range warnings {
			b.opts.Logger.Warn("spark-env.sh is not applied as it is", "warning", w)
		}
		maps.Copy(found.env, variables)
	}
	from := func(keys ...string) string {
		for _, key := range keys {
			if _, ok := launch.Options.Conf[key]; ok {
				return key + " of the job's profile"
			}
		}
		return keys[0] + " of " + file
	}
	if queue := b.opts.Settings.Queue; queue != "" {
		found.conf[keyQueue] = queue
	}
	defaults := submission.ResourcesOf(found.env)
	maps.Copy(defaults, found.conf)
	maps.Copy(found.conf, options.Limited(launch.Options, defaults))
	if tag := forged(found.conf[keyTags]); tag != "" {
		return found, job.Errorf(job.CodeInvalid, "%s: the tag %q would pass for one of Stoker's own", from(keyTags), tag)
	}
	if python := b.opts.Settings.Python; python != "" {
		found.env["PYSPARK_PYTHON"] = python
	}
	if !launch.PythonDriver {
		for key, names := range map[string][]string{
			"spark.submit.pyFiles": launch.PyFiles, "spark.files": launch.Files, "spark.jars": launch.Jars, "spark.archives": launch.Archives,
		} {
			if len(names) > 0 {
				delete(found.conf, key)
			}
		}
	}
	lists, conf := submission.TakeLists(found.conf, submission.Lists{})
	found.pyFiles = listed{from("spark.submit.pyFiles", "spark.yarn.dist.pyFiles"), lists.PyFiles}
	found.sentFiles = listed{from("spark.files", "spark.yarn.dist.files"), lists.Files}
	found.jars = listed{from("spark.jars", "spark.yarn.dist.jars"), lists.Jars}
	found.archives = listed{from("spark.archives", "spark.yarn.dist.archives"), lists.Archives}
	found.spark.archive, found.spark.jars, found.conf = submission.TakeSpark(conf)
	found.spark.from = from(keyArchive, keyJars)
	if found.spark.archive == "" {
		found.spark.from = from(keyJars, keyArchive)
	}
	found.spark.python = found.env[envPySpark]
	return found, nil
}

// NamedSpark is where spark-defaults.conf or, above it, a profile says that Spark lies;
// "" if applications get the staged runtime.
func NamedSpark(s Settings, profile map[string]string) (string, error) {
	conf := map[string]string{}
	if name := filepath.Join(s.SparkConfDir, fileDefaults); s.SparkConfDir != "" {
		files, _, err := s.sparkConf()
		if err != nil {
			return "", err
		}
		if conf, err = readDefaults(name, files[fileDefaults]); err != nil {
			return "", err
		}
	}
	maps.Copy(conf, profile)
	archive, jars, _ := submission.TakeSpark(conf)
	return cmp.Or(archive, jars), nil
}

// sparkConf reads the files of Spark's configuration. A directory that is missing is a
// mistake where Stoker's own configuration names it; an environment may be left over
// from a Spark that is gone.
func (s Settings) sparkConf() (files map[string][]byte, missing bool, err error) {
	files, err = readFiles(s.SparkConfDir)
	switch {
	case err == nil:
		return files, false, nil
	case errors.Is(err, fs.ErrNotExist) && s.SparkConfOfEnv:
		return nil, true, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, false, job.Errorf(job.CodeInvalid, "read Spark's configuration, yarn.sparkConfDir: %w", err)
	}
	return nil, false, unreachable("read Spark's configuration", err)
}

// readDefaults reads spark-defaults.conf for applications that are sent to YARN in
// cluster mode: options of spark-submit that say so replace what stands there. A key
// that spark-submit would heed and Stoker can't is an error.
func readDefaults(name string, data []byte) (map[string]string, error) {
	conf, err := properties.Defaults(data)
	if err != nil {
		return nil, job.Errorf(job.CodeInvalid, "read %s: %w", name, err)
	}
	delete(conf, "spark.master")
	delete(conf, "spark.submit.deployMode")
	delete(conf, keyAttempts) // Stoker decides on retries; a profile may say otherwise
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(conf)) {
		if why, refused := submission.Refused(key); refused {
			problems = append(problems, fmt.Sprintf("%s: %s: %s", name, key, why))
		}
	}
	if len(problems) > 0 {
		return nil, job.Invalid("the cluster's configuration of Spark has settings that Stoker cannot apply; its operator must take them out", problems)
	}
	return conf, nil
}

// maxConfFile bounds one configuration file, in bytes.
const maxConfFile = 4 << 20

// tooLarge names the plain files of directories that readFiles leaves out for their size.
func tooLarge(dirs ...string) []string {
	var names []string
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir) // who reads them says so
		for _, entry := range entries {
			name := filepath.Join(dir, entry.Name())
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.Size() > maxConfFile {
				names = append(names, name)
			}
		}
	}
	return names
}

// readFiles reads the plain files of directories; of one name the first counts.
func readFiles(dirs ...string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			name := filepath.Join(dir, entry.Name())
			info, err := os.Stat(name)
			if err != nil || !info.Mode().IsRegular() || info.Size() > maxConfFile || files[entry.Name()] != nil {
				continue
			}
			data, err := os.ReadFile(name)
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
				continue // a keytab beside the configuration; one that was there just now
			}
			if err != nil {
				return nil, err
			}
			files[entry.Name()] = data
		}
	}
	return files, nil
}
