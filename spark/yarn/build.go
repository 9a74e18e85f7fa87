package yarn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"sync"
	"sync/atomic"

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
	// SparkConfOfEnv: SPARK_CONF_DIR of the worker's environment names that directory,
	// which may then be missing.
	SparkConfOfEnv bool
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
	// Cluster tells its limits and its queues' defaults; nil: nothing is compared, and
	// nobody's defaults count.
	Cluster Facts
	Logger  *slog.Logger
}

// NewBuilder makes the Builder of applications that run on a staged runtime.
func NewBuilder(o BuilderOptions) (Builder, error) {
	if o.Store == nil || o.Configuration == nil {
		return nil, errors.New("a builder of YARN submissions needs a store and a Hadoop configuration")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	for _, name := range tooLarge(append(slices.Clone(o.ConfDirs), o.Settings.SparkConfDir)...) {
		o.Logger.Warn("a file of the configuration is too large to be sent along with applications", "file", name, "most", maxConfFile)
	}
	return &builder{opts: o, everybody: &everybody{store: o.Store}, facts: &facts{source: o.Cluster, logger: o.Logger}, env: &sparkEnv{bash: "bash", deadline: envDeadline}, runtimes: map[named]*foundRuntime{}}, nil
}

type builder struct {
	opts      BuilderOptions
	everybody *everybody
	facts     *facts
	env       *sparkEnv
	digests   digests
	// withoutConf: the directory of Spark's configuration was missing last.
	withoutConf atomic.Bool

	mu       sync.Mutex
	runtimes map[named]*foundRuntime
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
	plan, err := b.prepare(ctx, input)
	if err != nil {
		return rm.SubmissionContext{}, err
	}
	for _, w := range plan.Warnings {
		b.opts.Logger.Warn("application to be submitted", "app", r.Application, "warning", w)
	}
	info, err := b.upload(ctx, path.Join(stagingDir(r.Dir, r.Application), path.Base(plan.ArchiveURL)), plan.Archive)
	if err != nil {
		return rm.SubmissionContext{}, unreachable("upload the application's configuration", err)
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
	found, err := b.configuration(ctx, r.Launch)
	if err != nil {
		return submission.Input{}, err
	}
	runtime, err := b.findRuntime(ctx, found.spark)
	if err != nil {
		return submission.Input{}, err
	}
	hadoopConf, err := readFiles(b.opts.ConfDirs...)
	if err != nil {
		return submission.Input{}, job.Errorf(job.CodeInternal, "read the Hadoop configuration: %w", err)
	}
	for name, data := range hadoopConf {
		if hadoopConf[name], err = hadoop.InlineSite(name, data, b.opts.ConfDirs...); err != nil {
			return submission.Input{}, err
		}
	}
	secrets, err := b.takeSecrets(found.conf, r.Launch.Options.Conf)
	if err != nil {
		return submission.Input{}, err
	}
	in := submission.Input{
		ID: r.Application, Name: r.Launch.Name, User: r.User, Tags: r.Tags, Queue: found.conf[keyQueue],
		StagingDir: b.url(stagingDir(r.Dir, r.Application)), SubmitTime: r.At,
		Conf: found.conf, Secrets: secrets, Env: found.env, HadoopConf: hadoopConf, SparkConf: found.files, Runtime: runtime,
	}
	label, priority, err := b.facts.defaults(ctx, in.Queue)
	if err != nil {
		return submission.Input{}, err
	}
	in.NodeLabel = label
	if _, asked := in.Conf["spark.yarn.priority"]; !asked && priority != 0 {
		number := int(priority)
		in.Priority = &number
	}
	resources := resolving{ctx: ctx, b: b, dir: r.Dir, staging: stagingDir(r.Dir, r.Application), held: r.Contents}
	in.Program = submission.Program{Resource: resources.one(r.Launch.Main), Class: r.Launch.Class, Args: r.Launch.Args}
	list := func(names []string, configured listed) []submission.Resource {
		own, given := resources.all(names), resources.configured(configured)
		if r.Launch.PythonDriver {
			return append(own, given...)
		}
		return append(given, own...)
	}
	in.PyFiles = list(r.Launch.PyFiles, found.pyFiles)
	in.Files = append(list(r.Launch.Files, found.sentFiles), resources.tree(path.Join(r.Dir, spark.DirWork))...)
	in.Jars = list(r.Launch.Jars, found.jars)
	in.Archives = list(r.Launch.Archives, found.archives)
	if err := errors.Join(resources.errs...); err != nil {
		return submission.Input{}, err
	}
	return in, nil
}
