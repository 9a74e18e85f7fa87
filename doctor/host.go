package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/stoker-spark/stoker/spark"
)

// Host is where spark-submit runs under supervisors: the worker's own host.
type Host struct {
	// Group of the checks, and At, where the settings stand in the configuration:
	// "clusters.local.local".
	Group, At string
	// SparkHome holds bin/spark-submit.
	SparkHome string
	// Python of drivers on this host, a path or a name in PATH; "" where there are
	// none.
	Python string
	// Java says which java Spark's scripts run, or why none.
	Java func() (string, error)
	// Root is the directory of the job directories, RootKey its key.
	Root, RootKey string
	// Output runs a program and returns what it writes to both streams.
	Output func(ctx context.Context, name string, args ...string) (string, error)
}

// What Spark 3.5 runs on. Newest is the newest Java that it is tested with.
const (
	leastJava   = 8
	newestJava  = 17
	leastPython = 8 // 3.8
)

// OfHost are the checks of a host.
func OfHost(h Host) []Check {
	in := func(name string, run func(ctx context.Context) Finding) Check {
		return Check{Group: h.Group, Name: name, Run: run}
	}
	checks := []Check{in("spark-submit", h.spark), in("Java", h.java)}
	if h.Python != "" {
		checks = append(checks, in("Python", h.python))
	}
	return append(checks, in(h.rootName(), h.root))
}

func (h Host) rootName() string {
	_, name, _ := cutLast(h.RootKey, ".")
	return name
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

func (h Host) spark(context.Context) Finding {
	mend := "set " + h.At + ".sparkHome (or SPARK_HOME) to a Spark 3.5 installation, or pip install pyspark and name its directory"
	if h.SparkHome == "" {
		return fail(mend, "no Spark is configured")
	}
	submit := filepath.Join(h.SparkHome, "bin", "spark-submit")
	if info, err := os.Stat(submit); err != nil || !info.Mode().IsRegular() || unix.Access(submit, unix.X_OK) != nil {
		return fail(mend, "%s is not an executable file", submit)
	}
	jars, err := filepath.Glob(filepath.Join(h.SparkHome, "jars", "spark-core_*.jar"))
	if err != nil || len(jars) == 0 {
		return warn(mend, "%s has no jars beside it: which Spark it runs is not known", submit)
	}
	version := spark.VersionAt(h.SparkHome)
	if !strings.HasPrefix(version, "3.5.") {
		return warn(mend, "%s is of Spark %s: Stoker is tested with Spark 3.5", submit, version)
	}
	return ok("Spark %s in %s", version, h.SparkHome)
}

// javaVersion is in the first line that "java -version" writes: "1.8.0_392",
// "17.0.9", "21-ea".
var javaVersion = regexp.MustCompile(`version "(?:1\.)?([0-9]+)[^"]*"`)

func (h Host) java(ctx context.Context) Finding {
	mend := fmt.Sprintf("install Java %d and set %s.javaHome (or JAVA_HOME) to it", newestJava, h.At)
	java, err := h.Java()
	if err != nil {
		return fail(mend, "%v", err)
	}
	text, err := h.Output(ctx, java, "-version")
	if err != nil {
		return fail(mend, "%s does not run: %v", java, err)
	}
	m := javaVersion.FindStringSubmatch(text)
	if m == nil {
		return warn(mend, "%s does not tell its version", java)
	}
	major, err := strconv.Atoi(m[1])
	switch {
	case err != nil:
		return warn(mend, "%s does not tell its version", java)
	case major < leastJava:
		return fail(mend, "%s is Java %d: Spark 3.5 needs %d or newer", java, major, leastJava)
	case major > newestJava:
		return warn(mend, "%s is Java %d: Spark 3.5 is tested on %d, 11 and %d", java, major, leastJava, newestJava)
	}
	return ok("%s, Java %d", java, major)
}

var pythonVersion = regexp.MustCompile(`Python ([0-9]+)\.([0-9]+)`)

func (h Host) python(ctx context.Context) Finding {
	mend := fmt.Sprintf("install Python 3.%d or newer and set %s.python (or PYSPARK_PYTHON) to it", leastPython, h.At)
	text, err := h.Output(ctx, h.Python, "--version")
	if err != nil {
		return fail(mend, "%s does not run: %v", h.Python, err)
	}
	m := pythonVersion.FindStringSubmatch(text)
	if m == nil {
		return fail(mend, "%s is no Python", h.Python)
	}
	minor, err := strconv.Atoi(m[2])
	if err != nil || m[1] != "3" || minor < leastPython {
		return fail(mend, "%s is Python %s.%s: Spark 3.5 needs 3.%d or newer", h.Python, m[1], m[2], leastPython)
	}
	return ok("%s, Python %s.%s", h.Python, m[1], m[2])
}

// leastFree is the disk space below which nothing is launched.
const leastFree = 64 << 20

func (h Host) root(context.Context) Finding {
	mend := "give the worker's user a directory of its own on a disk of this host, and set " + h.RootKey
	at := h.Root
	for {
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			return fail(mend, "%s is no directory", at)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			return fail(mend, "%s cannot be used: %v", h.Root, err)
		}
		at = filepath.Dir(at)
	}
	if err := unix.Access(at, unix.W_OK|unix.X_OK); err != nil {
		return fail(mend, "this user cannot write to %s: %v", at, err)
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(at, &disk); err == nil {
		if free := disk.Bavail * uint64(disk.Bsize); free < leastFree { //nolint:gosec // a block size is positive
			return fail("make room", "%d MiB are free below %s: nothing is launched with less than %d", free>>20, at, leastFree>>20)
		}
	}
	if at != h.Root {
		return ok("%s is not there yet; a worker can make it", h.Root)
	}
	return ok("%s can be written to", h.Root)
}
