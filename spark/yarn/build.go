package yarn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
	"github.com/stoker-spark/stoker/store"
)

// Settings are how a cluster's applications are built.
type Settings struct {
	// Queue of applications that name none.
	Queue string
	// SparkVersion is the line of Spark, "3.5"; Runtimes the directory of staged
	// ones in the store.
	SparkVersion, Runtimes string
	// SparkConfDir holds spark-defaults.conf, spark-env.sh and the like; "" is none.
	SparkConfDir string
	// Python on the cluster's hosts; "" is spark-env.sh's, else python3.
	Python string
	// JavaHome and JavaMajor of the cluster's hosts.
	JavaHome  string
	JavaMajor int
	// SecretsDir holds one file per secret, for conf values "secret:<name>".
	SecretsDir string
}

// BuilderOptions of a builder.
type BuilderOptions struct {
	Store         store.Store
	Configuration *hadoop.Configuration
	// ConfDirs hold the Hadoop client configuration that is sent along.
	ConfDirs []string
	Settings Settings
	Logger   *slog.Logger
}

// NewBuilder makes the Builder of applications that run on a staged runtime.
func NewBuilder(o BuilderOptions) (Builder, error) {
	if o.Store == nil || o.Configuration == nil {
		return nil, errors.New("a builder of YARN submissions needs a store and a Hadoop configuration")
	}
	return &builder{opts: o, everybody: &everybody{store: o.Store}}, nil
}

type builder struct {
	opts      BuilderOptions
	everybody *everybody

	mu        sync.Mutex
	runtime   submission.Runtime
	runtimeAt time.Time
}

// dirStaging is the folder of a job directory that plays the part of Spark's
// own .sparkStaging.
const dirStaging = ".sparkStaging"

func stagingDir(dir, application string) string { return path.Join(dir, dirStaging, application) }

// Intact implements Builder.
func (b *builder) Intact(ctx context.Context, dir, application string) (bool, error) {
	entries, err := b.opts.Store.List(ctx, stagingDir(dir, application))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(entries) > 0, err
}

// Build implements Builder.
func (b *builder) Build(ctx context.Context, r Request) (rm.SubmissionContext, error) {
	input, err := b.input(ctx, r)
	if err != nil {
		return rm.SubmissionContext{}, err
	}
	plan, err := submission.Prepare(input)
	if err != nil {
		return rm.SubmissionContext{}, err
	}
	for _, w := range plan.Warnings {
		b.opts.Logger.Warn("application to be submitted", "app", r.Application, "warning", w)
	}
	info, err := b.upload(ctx, path.Join(stagingDir(r.Dir, r.Application), path.Base(plan.ArchiveURL)), plan.Archive)
	if err != nil {
		return rm.SubmissionContext{}, fmt.Errorf("upload the application's configuration: %w", err)
	}
	return plan.Context(submission.Uploaded{URL: plan.ArchiveURL, Size: info.Size, Modified: info.ModTime.UnixMilli()})
}

// modeArchive: it may hold secrets.
const modeArchive fs.FileMode = 0o600

// upload puts an archive in its place. The same one stays as it is: a request that
// went out names its time. Another is of a request that was never taken, under a
// configuration or with secrets of then.
func (b *builder) upload(ctx context.Context, name string, archive []byte) (store.Info, error) {
	err := b.opts.Store.Create(ctx, name, archive, modeArchive)
	if errors.Is(err, fs.ErrExist) {
		var same bool
		if same, err = b.holds(ctx, name, archive); err == nil && !same {
			_, err = b.opts.Store.Write(ctx, name, bytes.NewReader(archive), modeArchive)
		}
	}
	if err != nil {
		return store.Info{}, err
	}
	return b.opts.Store.Stat(ctx, name)
}

// holds reports whether a file has this content.
func (b *builder) holds(ctx context.Context, name string, content []byte) (bool, error) {
	f, err := b.opts.Store.Open(ctx, name)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // only read
	there, err := io.ReadAll(io.LimitReader(f, int64(len(content))+1))
	return bytes.Equal(there, content), err
}

func (b *builder) input(ctx context.Context, r Request) (submission.Input, error) {
	runtime, err := b.findRuntime(ctx)
	if err != nil {
		return submission.Input{}, err
	}
	conf, env, sparkConf, err := b.configuration(r.Launch)
	if err != nil {
		return submission.Input{}, err
	}
	hadoopConf, err := readFiles(b.opts.ConfDirs...)
	if err != nil {
		return submission.Input{}, job.Errorf(job.CodeInternal, "read the Hadoop configuration: %w", err)
	}
	secrets, err := b.takeSecrets(conf, r.Launch.Options.Conf)
	if err != nil {
		return submission.Input{}, err
	}
	in := submission.Input{
		ID: r.Application, Name: r.Launch.Name, User: r.User, Tags: r.Tags, Queue: conf["spark.yarn.queue"],
		StagingDir: b.url(stagingDir(r.Dir, r.Application)), SubmitTime: r.At,
		Conf: conf, Secrets: secrets, Env: env, HadoopConf: hadoopConf, SparkConf: sparkConf, Runtime: runtime,
	}
	if in.Queue == "" {
		in.Queue = b.opts.Settings.Queue
	}
	resources := resolving{ctx: ctx, b: b, dir: r.Dir, held: r.Contents}
	in.Program = submission.Program{Resource: resources.one(r.Launch.Main), Class: r.Launch.Class, Args: r.Launch.Args}
	in.PyFiles = resources.all(r.Launch.PyFiles)
	in.Files = append(resources.all(r.Launch.Files), resources.tree(path.Join(r.Dir, spark.DirWork))...)
	in.Jars = resources.all(r.Launch.Jars)
	in.Archives = resources.all(r.Launch.Archives)
	if err := errors.Join(resources.errs...); err != nil {
		return submission.Input{}, err
	}
	return in, nil
}

// configuration merges what spark-submit would find: spark-defaults.conf and
// spark-env.sh below what the job's options say.
func (b *builder) configuration(launch spark.Launch) (conf, env map[string]string, files map[string][]byte, err error) {
	conf, env = map[string]string{}, map[string]string{}
	if dir := b.opts.Settings.SparkConfDir; dir != "" {
		if files, err = readFiles(dir); err != nil {
			return nil, nil, nil, job.Errorf(job.CodeInternal, "read Spark's configuration: %w", err)
		}
		defaults, err := submission.ParseDefaults(files["spark-defaults.conf"])
		if err != nil {
			return nil, nil, nil, job.Errorf(job.CodeInternal, "read %s: %w", filepath.Join(dir, "spark-defaults.conf"), err)
		}
		maps.Copy(conf, defaults)
		variables, warnings := submission.ParseEnv(files["spark-env.sh"])
		for _, w := range warnings {
			b.opts.Logger.Warn("spark-env.sh is not run by a shell", "warning", w)
		}
		maps.Copy(env, variables)
	}
	maps.Copy(conf, launch.Options.Conf)
	if python := b.opts.Settings.Python; python != "" {
		env["PYSPARK_PYTHON"] = python
	}
	return conf, env, files, nil
}

// maxConfFile bounds one configuration file, in bytes.
const maxConfFile = 4 << 20

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
			if errors.Is(err, fs.ErrPermission) {
				continue // a keytab beside the configuration
			}
			if err != nil {
				return nil, err
			}
			files[entry.Name()] = data
		}
	}
	return files, nil
}
