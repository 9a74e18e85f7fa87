package yarn

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
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

// findRuntime is what applications run on now. Its files are looked at only when it
// is looked for: their names are made of their content.
func (b *builder) findRuntime(ctx context.Context) (submission.Runtime, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.runtimeAt) > runtimeAge {
		found, err := FindRuntime(ctx, b.opts.Store, b.opts.Settings.Runtimes, b.opts.Settings.SparkVersion)
		if err != nil {
			return submission.Runtime{}, err
		}
		r := resolving{ctx: ctx, b: b}
		archive := r.one(found.Archive.Path)
		python := r.all([]string{found.PySpark.Path, found.Py4J.Path})
		if err := errors.Join(r.errs...); err != nil {
			return submission.Runtime{}, err
		}
		b.runtime = submission.Runtime{
			Spark: found.SparkVersion, Java: b.opts.Settings.JavaMajor, JavaHome: b.opts.Settings.JavaHome,
			Archive: &archive, Python: python, HadoopProvided: found.HadoopProvided,
		}
		b.runtimeAt = time.Now()
	}
	return b.runtime, nil // what is behind its pointers is only read
}
