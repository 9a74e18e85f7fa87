package yarn

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/local"
)

var (
	_ spark.Manager  = (*Edge)(nil)
	_ spark.Notifier = (*Edge)(nil)
)

// EdgeOptions of an Edge.
type EdgeOptions struct {
	// Options of the manager that asks the ResourceManager: Root is where the
	// cluster's file system holds what executors share. Builder and Logs are not
	// used.
	Options
	// Host runs drivers; Settings and SparkVersion as in ClaimedOptions. Host's
	// Amend is set here.
	Host         local.Options
	Settings     Settings
	SparkVersion string
	// DataDir is where in the store an attempt's shared directories lie, by
	// "<job>/<attempt>".
	DataDir func(attempt string) string
}

// Edge is a Manager for YARN in client mode: the driver is a process on the
// worker's host, under a supervisor, and what the launch protocol promises is
// promised by its claim (package local). The driver asks the ResourceManager for
// an application of executors; that ends with the driver, and is found by its tags
// where it does not.
type Edge struct {
	*local.Manager
	yarn *Manager
	opts EdgeOptions
}

// NewEdge checks the options.
func NewEdge(o EdgeOptions) (*Edge, error) {
	if o.DataDir == nil {
		return nil, errors.New("a YARN manager of drivers on this host needs a place for what executors share")
	}
	o.Builder = noBuilder{}
	m, err := New(o.Options)
	if err != nil {
		return nil, err
	}
	e := &Edge{yarn: m, opts: o}
	o.Host.Amend = e.amend
	e.Manager, err = local.New(o.Host)
	return e, err
}

// Guarantee implements spark.Manager.
func (e *Edge) Guarantee() spark.Guarantee { return spark.Claimed }

// Probe implements spark.Manager.
func (e *Edge) Probe(ctx context.Context) error {
	return errors.Join(e.Manager.Probe(ctx), e.yarn.Probe(ctx))
}

// Kill implements spark.Manager: the driver first, then what it has left at the
// ResourceManager.
func (e *Edge) Kill(ctx context.Context, attempt job.Attempt, reason string) error {
	if err := e.Manager.Kill(ctx, attempt, reason); err != nil {
		return err
	}
	return e.endExecutors(ctx, attempt, reason)
}

// endExecutors ends the application of a driver that is gone.
func (e *Edge) endExecutors(ctx context.Context, attempt job.Attempt, reason string) error {
	claimed, err := e.Claimed(attempt)
	if err != nil || !claimed {
		return err
	}
	reservation, err := e.Reserve(ctx, attempt, time.Now()) // the one that was claimed
	if err != nil {
		return err
	}
	app, ok, err := e.yarn.findTagged(ctx, reservation)
	if err != nil || !ok || app.State.Ended() {
		return err
	}
	_, err = e.yarn.end(ctx, app.ID, reason)
	return err
}

// Release implements spark.Manager, for both halves of the job directory.
func (e *Edge) Release(ctx context.Context, attempt job.Attempt) error {
	if err := e.Manager.Release(ctx, attempt); err != nil {
		return err
	}
	if err := e.endExecutors(ctx, attempt, "its driver has ended"); err != nil {
		return err
	}
	if err := e.yarn.opts.Store.RemoveAll(ctx, e.dataDir(attempt)); err != nil {
		return e.yarn.unavailable("release "+attempt.String(), err)
	}
	return nil
}

func (e *Edge) dataDir(attempt job.Attempt) string {
	return e.opts.DataDir(strings.TrimPrefix(spark.JobDir("/", attempt), "/"))
}

// amend adds to a staged launch what it needs on the cluster.
func (e *Edge) amend(ctx context.Context, r spark.Reservation, launch spark.Launch) (spark.Launch, error) {
	attempt := r.Attempt
	dir := spark.JobDir(e.opts.Host.Root, attempt)
	if launch.PythonDriver {
		// The driver finds its job where it lies.
		launch.Args = []string{filepath.Join(dir, spark.FileJob)}
		launch.Files = slices.DeleteFunc(slices.Clone(launch.Files), func(name string) bool { return name == spark.FileJob })
	}
	work, err := workFiles(filepath.Join(dir, spark.DirWork))
	if err != nil {
		return spark.Launch{}, job.Errorf(job.CodeUnavailable, "list the files of %s: %w", attempt, err)
	}
	// What STAGE has put there under a name goes with the rest.
	launch.Files = slices.DeleteFunc(slices.Clone(launch.Files), func(name string) bool { return strings.HasPrefix(name, spark.DirWork+"/") })
	launch.Files = append(launch.Files, work...)
	settings := submitSettings{settings: e.opts.Settings, sparkVersion: e.opts.SparkVersion, store: e.yarn.opts.Store, defaults: e.Defaults()}
	launch.Options.Conf = maps.Clone(launch.Options.Conf)
	if launch.Options.Conf == nil {
		launch.Options.Conf = map[string]string{}
	}
	if python := e.opts.Settings.Python; python != "" && launch.Options.Conf["spark.pyspark.python"] == "" {
		launch.Options.Conf["spark.pyspark.python"] = python
		launch.Options.Conf["spark.pyspark.driver.python"] = e.opts.Host.Python
	}
	launch.Options.Conf, err = settings.conf(ctx, e.yarn.tags(r), e.dataDir(attempt), launch.Options.Conf)
	if err != nil {
		return spark.Launch{}, e.yarn.unavailable("look for a staged Spark", err)
	}
	return launch, nil
}

// workFiles lists the files of the driver's working directory, for the executors
// to have them in theirs.
func workFiles(top string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(top, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		located := url.URL{Scheme: "file", Path: name, Fragment: rel}
		files = append(files, located.String())
		return nil
	})
	return files, err
}
