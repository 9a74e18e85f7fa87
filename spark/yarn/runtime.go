package yarn

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
	"github.com/stoker-spark/stoker/store"
)

// Runtime is a Spark that lies in the cluster's file system, where every
// NodeManager fetches it once.
type Runtime struct {
	// SparkVersion such as "3.5.9".
	SparkVersion string `json:"sparkVersion"`
	// Archive holds Spark's jars, flat; PySpark and Py4J are Spark's own zips.
	Archive RuntimeFile `json:"archive"`
	PySpark RuntimeFile `json:"pyspark"`
	Py4J    RuntimeFile `json:"py4j"`
	// HadoopProvided: the jars are without Hadoop's, which the cluster has.
	HadoopProvided bool      `json:"hadoopProvided,omitempty"`
	StagedAt       time.Time `json:"stagedAt"`
}

// RuntimeFile is one file of a Runtime.
type RuntimeFile struct {
	// Path in the cluster's default file system.
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// runtimeRecord is the name of the file that says which runtime a version line
// has: "3.5.json" for 3.5.9.
func runtimeRecord(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".") + ".json"
}

// FindRuntime reads which runtime a version line ("3.5") has. Without one the
// error is not_found.
func FindRuntime(ctx context.Context, st store.Store, dir, line string) (Runtime, error) {
	d := jobDir{store: st, path: dir}
	r, err := readJSON[Runtime](ctx, d, runtimeRecord(line))
	if err != nil {
		return Runtime{}, err
	}
	if r == nil {
		return Runtime{}, job.Errorf(job.CodeNotFound, "no Spark %s is staged below %s: run \"stoker runtime stage\"", line, dir)
	}
	return *r, nil
}

// Closed names what keeps a runtime from being everybody's: the uppermost directory
// that others may not enter, or a file that they may not read; "" if there is
// nothing. NodeManagers then keep a copy for each user.
func (r Runtime) Closed(ctx context.Context, st store.Store) (string, error) {
	closed := ""
	for _, file := range []RuntimeFile{r.Archive, r.PySpark, r.Py4J} {
		needed := othersRead
		for at := file.Path; ; at, needed = path.Dir(at), othersEnter {
			info, err := st.Stat(ctx, at)
			if err != nil {
				return "", fmt.Errorf("look at %s: %w", at, err)
			}
			if info.Mode&needed == 0 {
				closed = at
			}
			if at == "/" {
				break
			}
		}
	}
	return closed, nil
}

// runtimeAge is how long a runtime that was found is used before it is looked for
// again.
const runtimeAge = 30 * time.Second

// Names of settings that say where Spark lies in a cluster.
const (
	keyArchive = "spark.yarn.archive"
	keyJars    = "spark.yarn.jars"
	envPySpark = "PYSPARK_ARCHIVES_PATH"
)

// named is where Spark lies by the configuration, as it is written there; empty is
// the staged runtime.
type named struct {
	archive, jars, python string
	// from says where archive or jars are named, for messages.
	from string
}

// foundRuntime is what was found last. Who has its turn looks again, and the others wait
// for it: hundreds of jars may have to be looked at.
type foundRuntime struct {
	turn  chan struct{} // of capacity 1; full while somebody has it
	found submission.Runtime
	until time.Time
}

// mostRuntimes bounds the memory; who names more starts anew.
const mostRuntimes = 100

// findRuntime is what applications run on now. Its files are looked at only when it
// is looked for: the names of staged ones are made of their content.
func (b *builder) findRuntime(ctx context.Context, where named) (submission.Runtime, error) {
	at := b.runtimeAt(where)
	select {
	case at.turn <- struct{}{}:
	case <-ctx.Done():
		return submission.Runtime{}, job.Errorf(job.CodeUnavailable, "look for Spark: %w", ctx.Err())
	}
	defer func() { <-at.turn }()
	if time.Now().Before(at.until) {
		return at.found, nil // what is behind its pointers is only read
	}
	found, err := b.lookForRuntime(ctx, where)
	if err != nil {
		return submission.Runtime{}, err
	}
	at.found, at.until = found, time.Now().Add(runtimeAge)
	return found, nil
}

func (b *builder) runtimeAt(where named) *foundRuntime {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.runtimes[where]
	if !ok {
		if len(b.runtimes) >= mostRuntimes {
			clear(b.runtimes)
		}
		at = &foundRuntime{turn: make(chan struct{}, 1)}
		b.runtimes[where] = at
	}
	return at
}

func (b *builder) lookForRuntime(ctx context.Context, where named) (submission.Runtime, error) {
	staged, err := FindRuntime(ctx, b.opts.Store, b.opts.Settings.Runtimes, b.opts.Settings.SparkVersion)
	elsewhere := where.archive != "" || where.jars != ""
	isStaged := err == nil
	if err != nil && (!elsewhere || job.CodeOf(err) != job.CodeNotFound) {
		return submission.Runtime{}, unreachable("look for the staged Spark", err)
	}
	r := resolving{ctx: ctx, b: b}
	found := submission.Runtime{
		Spark: b.opts.Settings.SparkVersion, Java: b.opts.Settings.JavaMajor, JavaHome: b.opts.Settings.JavaHome,
	}
	if isStaged {
		found.Spark, found.HadoopProvided = staged.SparkVersion, staged.HadoopProvided
		found.Python = r.all([]string{staged.PySpark.Path, staged.Py4J.Path})
	}
	switch {
	case where.archive != "":
		archive := r.configured(listed{from: where.from, names: []string{where.archive}})
		if len(archive) > 1 {
			return submission.Runtime{}, job.Errorf(job.CodeInvalid, "%s: %s names several files", where.from, where.archive)
		}
		for i := range archive {
			found.Archive = &archive[i]
		}
		if isStaged && found.Archive != nil && found.Archive.URL != b.url(staged.Archive.Path) {
			found.Spark, found.HadoopProvided = b.opts.Settings.SparkVersion, false
		}
	case where.jars != "":
		found.Jars = r.configured(listed{from: where.from, names: splitNames(where.jars)})
		found.Spark, found.HadoopProvided = b.versionOf(found.Jars)
	default:
		archive := r.one(staged.Archive.Path)
		found.Archive = &archive
	}
	if where.python != "" {
		found.Python = r.configured(listed{from: envPySpark, names: splitNames(where.python)})
	}
	return found, errors.Join(r.errs...)
}

// versionOf is the version of Spark's jars, as far as their names tell, and whether
// Hadoop's are missing among them: where all of them are known.
func (b *builder) versionOf(jars []submission.Resource) (version string, hadoopProvided bool) {
	version, hadoopProvided = b.opts.Settings.SparkVersion, true
	for _, jar := range jars {
		name := path.Base(jar.URL)
		if v := spark.CoreVersion(name); v != "" {
			version = v
		}
		if strings.HasPrefix(jar.URL, schemeLocal) || strings.HasPrefix(name, "hadoop-client-") {
			hadoopProvided = false
		}
	}
	return version, hadoopProvided
}

// splitNames splits a list of files as Spark does.
func splitNames(list string) []string {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}
