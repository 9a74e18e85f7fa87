package local

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// Options of a local cluster.
type Options struct {
	// Cluster is its name, for messages.
	Cluster string
	// Root is the absolute directory of the job directories, on a disk of this
	// host that no other host uses.
	Root string
	// Installation of Stoker; a reservation of another one is a conflict.
	Installation string
	// SparkHome holds bin/spark-submit.
	SparkHome string
	// Python is the interpreter of PySpark programs: a path, or a name that is
	// looked up in PATH.
	Python string
	// Java is JAVA_HOME for Spark; by default the worker's JAVA_HOME, else the
	// java in PATH.
	Java string
	// Master of every application. Default local[1].
	Master string
	// DeployMode says where drivers run: "" or "client" on this host, "cluster"
	// elsewhere. There spark-submit ends when the application is sent, and what
	// ties a driver to its job directory is left out.
	DeployMode string
	// Concurrency is how many applications may live at a time. Default 2.
	Concurrency int
	// Env is what applications get beside the allow-listed variables. It must
	// not hold secrets.
	Env map[string]string
	// SecretsDir holds a file per secret, named as in "secret:<name>".
	SecretsDir string
	// KillGrace is the time between SIGTERM and SIGKILL. Default 10 s.
	KillGrace time.Duration
	// Supervisor is the command line that runs Supervise. Default: this
	// executable's own "supervise" command.
	Supervisor []string
	Logger     *slog.Logger
	// Events: drivers on this host write Spark's log of events into their job
	// directories, for Progress. It takes about 3 KB for each task, without a limit.
	Events bool
	// Amend, if not nil, is given each launch as it was staged, before it is
	// launched, and returns what is launched: what belongs to all applications of
	// a cluster that is more than this host.
	Amend func(ctx context.Context, r spark.Reservation, launch spark.Launch) (spark.Launch, error)
	// Gate is asked before an attempt is launched that was not launched before: an
	// error, spark.ErrBusy among them, is what Submit returns. nil is always open.
	Gate func(ctx context.Context) error
	// Hold is called at points of Submit in fault tests; nil in production.
	// "intent:after": intent.json is written, nothing is launched.
	// "launch:after": the supervisor was started, its answer not yet read.
	Hold func(ctx context.Context, point string)
	// Proc is the proc file system. Default /proc.
	Proc string

	// machineID is the file that identifies the host.
	machineID string
}

const (
	defaultMaster      = "local[1]"
	defaultConcurrency = 2
	defaultKillGrace   = 10 * time.Second
	defaultMachineID   = "/etc/machine-id"
)

// deployCluster is spark-submit's word for drivers that run on the cluster.
const deployCluster = "cluster"

// elsewhere: drivers don't run on this host.
func (o Options) elsewhere() bool { return o.DeployMode == deployCluster }

// single: driver and executors are one process on this host.
func (o Options) single() bool { return o.Master == "" || strings.HasPrefix(o.Master, "local") }

// withDefaults fills what is not set.
func (o Options) withDefaults() Options {
	if o.Cluster == "" {
		o.Cluster = "local"
	}
	if o.Master == "" {
		o.Master = defaultMaster
	}
	if o.Concurrency == 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.KillGrace == 0 {
		o.KillGrace = defaultKillGrace
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.machineID == "" {
		o.machineID = defaultMachineID
	}
	if len(o.Supervisor) == 0 {
		if self, err := os.Executable(); err == nil {
			o.Supervisor = []string{self, "supervise"}
		}
	}
	if python, err := exec.LookPath(o.Python); err == nil && o.Python != "" && !o.elsewhere() {
		if absolute, err := filepath.Abs(python); err == nil {
			o.Python = absolute
		}
	}
	return o
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// problems lists everything wrong with the options, in plain words.
func (o Options) problems() []string {
	var found []string
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	switch {
	case !filepath.IsAbs(o.Root):
		add("root %q is not an absolute path: name the directory that holds the job directories", o.Root)
	case filepath.Clean(o.Root) != o.Root:
		add("root %q: write it as %q", o.Root, filepath.Clean(o.Root))
	case strings.ContainsAny(o.Root, ",#%*?[]{}\\:\"'\n\r\x00"):
		add("root %q holds a character that Spark gives a meaning of its own in paths: choose another directory", o.Root)
	}
	if o.Installation == "" {
		add("no installation id: it tells this Stoker's applications from another's")
	}
	if o.Concurrency < 1 {
		add("concurrency %d: at least 1 application must be allowed", o.Concurrency)
	}
	if o.KillGrace < 0 {
		add("kill grace %s is negative", o.KillGrace)
	}
	if len(o.Supervisor) == 0 {
		add("no command line for the supervisor")
	}
	for name, value := range o.Env {
		switch {
		case !envName.MatchString(name) || strings.ContainsRune(value, 0):
			add("environment variable %q: not a name that can be set", name)
		case strings.HasPrefix(name, "STOKER_") || strings.HasPrefix(name, "TEMPORAL_"):
			add("environment variable %s: Stoker's own variables are not passed to applications", name)
		}
	}
	return append(found, o.missing()...)
}

// missing lists the programs that are not there.
func (o Options) missing() []string {
	var found []string
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	if submit := filepath.Join(o.SparkHome, "bin", "spark-submit"); o.SparkHome == "" {
		add("no Spark: set sparkHome to a Spark installation (or pip install pyspark and name its directory)")
	} else if !executable(submit) {
		add("%s is not an executable file: set sparkHome to a Spark installation (or pip install pyspark and name its directory)", submit)
	}
	if o.Python == "" && !o.elsewhere() {
		add("no Python: set python to the interpreter that PySpark programs run with")
	} else if !o.elsewhere() && !executable(o.Python) {
		add("Python %s is not an executable file: set python to the interpreter that PySpark programs run with", o.Python)
	}
	if problem := o.javaProblem(); problem != "" {
		found = append(found, problem)
	}
	return found
}

// javaProblem looks for Java where Spark's scripts do.
func (o Options) javaProblem() string {
	_, problem := o.findJava()
	return problem
}

// findJava returns the java that Spark's scripts would run, or says why there is
// none.
func (o Options) findJava() (java, problem string) {
	home, from := o.Java, "the java setting"
	if home == "" {
		home, from = o.Env["JAVA_HOME"], "env JAVA_HOME"
	}
	if home == "" {
		home, from = os.Getenv("JAVA_HOME"), "JAVA_HOME"
	}
	if home != "" {
		java = filepath.Join(home, "bin", "java")
		if !executable(java) {
			return "", fmt.Sprintf("no Java: %s is not an executable file; set %s to a Java 17 installation", java, from)
		}
		return java, ""
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return "", "no Java: there is none in PATH and JAVA_HOME is not set; install Java 17 or name its directory"
	}
	return java, ""
}

// JavaCommand returns the java that applications are launched with. An invalid error
// says why there is none.
func (o Options) JavaCommand() (string, error) {
	java, problem := o.findJava()
	if problem != "" {
		return "", job.Errorf(job.CodeInvalid, "%s", problem)
	}
	return java, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil
}

// Validate reports all problems of the options at once, as an invalid error.
func (o Options) Validate() error {
	if found := o.withDefaults().problems(); len(found) > 0 {
		return &job.Error{
			Code:     job.CodeInvalid,
			Message:  "local cluster " + o.withDefaults().Cluster + " cannot be used: " + strings.Join(found, "; "),
			Problems: found,
		}
	}
	return nil
}
