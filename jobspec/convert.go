package jobspec

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/store"
)

const (
	maxProblem  = 500
	maxProblems = 100
	maxName     = 200
	maxLabels   = 16
	// maxFiles bounds each list of files, maxArgs the arguments.
	maxFiles = 1000
	maxArgs  = 5000
	maxURL   = 2000
	// maxArg is what the kernel passes on to a program in one argument, in bytes: 32 pages
	// of 4 KiB less the NUL behind it. Source: execve(2), MAX_ARG_STRLEN.
	maxArg = 128<<10 - 1
	// mostRetries is the most that a job may ask for.
	mostRetries = 10
)

// Rules are what Convert needs to know besides the Spec.
type Rules struct {
	// Clusters by name.
	Clusters map[string]Cluster
	// Default is the cluster of a job that names none; "" makes every job name one.
	Default string
	// FileRoots are the directories below which jobs may name files of the worker's
	// host by file: URL, absolute and clean; none refuses them all.
	FileRoots []string

	// Deadline, MaxDeadline, RunLimit, OutageLimit and Retry as in the
	// configuration's section jobs.
	Deadline, MaxDeadline time.Duration
	RunLimit, OutageLimit time.Duration
	Retry                 job.RetryPolicy
}

// Cluster is one that jobs may run on.
type Cluster struct {
	Spark options.Cluster
	// OnHost: its default file system is that of the worker's host.
	OnHost bool
	// NeedsClass: a .jar must come with its main class, since nobody looks into its
	// manifest.
	NeedsClass bool
}

// Route chooses the cluster of a job: the one it names, else the default. It is the
// one rule there is; whoever calls it records the choice.
func (r Rules) Route(spec Spec) (string, error) {
	names := strings.Join(slices.Sorted(maps.Keys(r.Clusters)), ", ")
	name := spec.Cluster
	if name == "" {
		name = r.Default
	}
	if name == "" {
		return "", job.Invalid("the job names no cluster", []string{"cluster: is needed here; there are " + names})
	}
	if _, ok := r.Clusters[name]; !ok {
		return "", job.Invalid("the job's cluster is not there", []string{
			fmt.Sprintf("cluster: there is no %q; there are %s", job.Head(name, 100), names),
		})
	}
	return name, nil
}

// Check lists, as Convert does, what is wrong with a Spec whatever the cluster, its
// profiles and the installation's limits are.
func Check(spec Spec) error {
	anywhere := Cluster{Spark: options.Cluster{
		Master: options.AnyMaster, Profile: options.Profile{AllowHadoop: []string{"*"}},
	}}
	spec.Profile = "" // which only the cluster knows
	c := converter{spec: spec, cluster: anywhere}
	_, err := c.convert()
	return err
}

// Convert turns a Spec into the job that it asks for on a cluster. The error, of code
// invalid, lists every problem by field.
func Convert(spec Spec, user, cluster string, rules Rules) (job.Spec, job.Manifest, error) {
	c := converter{spec: spec, rules: rules}
	if c.cluster, c.known = rules.Clusters[cluster]; !c.known {
		c.addf("cluster: there is no %q", job.Head(cluster, 100))
		c.cluster.Spark.Master = options.AnyMaster // what is wrong on any cluster is said all the same
	}
	c.job = job.Spec{
		User: user, Cluster: cluster, Labels: spec.Labels, OutageLimit: rules.OutageLimit, Retry: rules.Retry,
	}
	manifest, err := c.convert()
	return c.job, manifest, err
}

// convert reads all of the spec.
func (c *converter) convert() (job.Manifest, error) {
	c.program()
	c.options()
	c.words()
	c.times()
	c.retry()
	if len(c.problems) > maxProblems {
		c.problems = append(c.problems[:maxProblems:maxProblems], fmt.Sprintf("and %d more problems", len(c.problems)-maxProblems))
	}
	if len(c.problems) > 0 {
		return job.Manifest{}, job.Invalid("the job cannot be run", c.problems)
	}
	return c.manifest, nil
}

// special are the characters of files' names, beside the space, that Spark would read
// otherwise: as several files, as other characters ("%2e%2e" leads upwards), or not as a
// URL at all.
//
// Source: measured with spark-submit of Spark 3.5; java.net.URI, org.apache.spark.util.Utils.resolveURI.
const special = ",*?[]{}\\%\"<>^|`"

type converter struct {
	spec     Spec
	rules    Rules
	cluster  Cluster
	known    bool // cluster is
	job      job.Spec
	manifest job.Manifest
	problems []string
}

func (c *converter) addf(format string, args ...any) {
	c.problems = append(c.problems, job.Head(fmt.Sprintf(format, args...), maxProblem))
}

// program reads what is to run.
func (c *converter) program() {
	s := c.spec
	p := &job.Program{Class: s.ClassName, Args: s.Args}
	switch {
	case s.File == "":
		c.addf("file: is needed: the program, a .py file or a .jar")
	case strings.HasSuffix(s.File, ".py"):
		c.job.Kind = job.KindPySpark
		if s.ClassName != "" {
			c.addf("className: belongs to a .jar, and file is a .py")
		}
	case strings.HasSuffix(s.File, ".jar"):
		c.job.Kind = job.KindJAR
		if s.ClassName != "" && !className.MatchString(s.ClassName) {
			c.addf("className: %q is no name of a Java class", job.Head(s.ClassName, 100))
		}
		if s.ClassName == "" && c.cluster.NeedsClass {
			c.addf("className: is needed for a .jar on this cluster: nobody looks into its manifest")
		}
	default:
		c.addf("file: must end with .py or .jar, got %q", job.Head(s.File, 100))
	}
	if s.File != "" {
		p.Main = c.file("file", s.File, "a program is known by its own name")
	}
	p.PyFiles = c.files("pyFiles", s.PyFiles, c.whyUnnamed())
	p.Jars = c.files("jars", s.Jars, c.whyUnnamed())
	p.Files = c.files("files", s.Files, "")
	p.Archives = c.files("archives", s.Archives, "")
	if len(s.Args) > maxArgs {
		c.addf("args: are %d, more than %d", len(s.Args), maxArgs)
	}
	for i, arg := range s.Args {
		switch {
		case strings.ContainsRune(arg, 0):
			c.addf("args[%d]: holds a NUL character, which no program can be given", i)
		case strings.ContainsRune(arg, '\r'):
			c.addf("args[%d]: holds a carriage return, which Spark's launch scripts drop", i)
		case !utf8.ValidString(arg):
			c.addf("args[%d]: is not UTF-8", i)
		case len(arg) > maxArg:
			c.addf("args[%d]: is %d bytes, and no program can be given more than %d in one argument; put it into a file and name that in files", i, len(arg), maxArg)
		}
	}
	c.manifest.Kind, c.manifest.Program = c.job.Kind, p
}

// className is a Java class with its packages; '$' separates inner classes.
var className = regexp.MustCompile(`^[\pL_$][\pL\pN_$]*(\.[\pL_$][\pL\pN_$]*)*$`)

// whyUnnamed says why Python files and JARs can have no name behind a '#', "" if they can:
// where NodeManagers link each under a name.
func (c *converter) whyUnnamed() string {
	s := c.cluster.Spark
	if s.Master == options.AnyMaster || s.Master == "yarn" && s.DeployMode == "cluster" {
		return ""
	}
	return "on this cluster only files and archives have a name behind it; Python files and JARs have one on YARN in cluster mode"
}

func (c *converter) files(field string, list []string, whyUnnamed string) []string {
	if len(list) > maxFiles {
		c.addf("%s: are %d, more than %d", field, len(list), maxFiles)
		return nil
	}
	out := make([]string, 0, len(list))
	for i, f := range list {
		out = append(out, c.file(fmt.Sprintf("%s[%d]", field, i), f, whyUnnamed))
	}
	return out
}

// file checks one file of the job and returns it as it was given. whyUnnamed says why it
// can have no name behind a '#', "" if it can.
func (c *converter) file(field, raw, whyUnnamed string) string {
	location, name, aliased := strings.Cut(raw, "#")
	switch {
	case aliased && whyUnnamed != "":
		c.addf("%s: holds a '#': %s", field, whyUnnamed)
		return raw
	case aliased && nameProblem(name) != "":
		c.addf("%s: its name behind '#' %s", field, nameProblem(name))
		return raw
	case len(raw) > maxURL:
		c.addf("%s: is longer than %d bytes", field, maxURL)
		return raw
	case strings.ContainsAny(location, special+" "):
		c.addf("%s: holds a space or one of %s, which Spark would read otherwise; rename it", field, special)
		return raw
	}
	if reference, ok := strings.CutPrefix(location, artifactScheme); ok {
		if _, err := ParseArtifact(reference); err != nil {
			c.addf("%s: %v", field, err)
		}
		return raw
	}
	at, err := store.ParseLocation(location)
	switch {
	case err != nil:
		c.addf("%s: %s", field, err)
	case at.Path == "/":
		c.addf("%s: names no file", field)
	case !c.known:
	case at.Scheme == "file", c.cluster.OnHost && (at.Scheme == "local" || at.InDefault()):
		c.hostFile(field, at)
	}
	return raw
}

// hostFile lets pass what an operator has opened to jobs, by name. Where that leads by
// symbolic links only the worker can see, which looks when it stages the job.
func (c *converter) hostFile(field string, at store.Location) {
	if !c.cluster.OnHost {
		c.addf("%s: is a file of one host, which this cluster's hosts don't have; upload it, or name it in the cluster's file system", field)
		return
	}
	for _, root := range c.rules.FileRoots {
		if at.Path == root || strings.HasPrefix(at.Path, strings.TrimSuffix(root, "/")+"/") {
			return
		}
	}
	if len(c.rules.FileRoots) == 0 {
		c.addf("%s: files of the worker's host may not be named here; upload it", field)
		return
	}
	c.addf("%s: files of the worker's host may only be named below %s; upload it", field, strings.Join(c.rules.FileRoots, ", "))
}

// resource is a field of Resources and the conf key it stands for.
type resource struct{ field, key, value string }

func (r Resources) list() []resource {
	count := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	return []resource{
		{"driverMemory", "spark.driver.memory", r.DriverMemory},
		{"driverMemoryOverhead", "spark.driver.memoryOverhead", r.DriverMemoryOverhead},
		{"driverCores", "spark.driver.cores", count(r.DriverCores)},
		{"executorMemory", "spark.executor.memory", r.ExecutorMemory},
		{"executorMemoryOverhead", "spark.executor.memoryOverhead", r.ExecutorMemoryOverhead},
		{"executorCores", "spark.executor.cores", count(r.ExecutorCores)},
		{"numExecutors", "spark.executor.instances", count(r.NumExecutors)},
		{"pysparkMemory", "spark.executor.pyspark.memory", r.PySparkMemory},
	}
}

// options resolves everything that becomes Spark's conf.
func (c *converter) options() {
	conf, fields := map[string]string{}, map[string]string{}
	set := func(field, key, value string) {
		if other, ok := fields[key]; ok && conf[key] != value {
			c.addf("%s: contradicts %s", field, other)
			return
		}
		conf[key], fields[key] = value, field
	}
	for _, r := range c.spec.Resources.list() {
		if strings.HasPrefix(r.value, "-") {
			c.addf("resources.%s: must be positive, got %s", r.field, job.Head(r.value, 100))
		} else if r.value != "" {
			set("resources."+r.field, r.key, r.value)
		}
	}
	if c.spec.Name != "" && textProblem(c.spec.Name, maxName) == "" { // else words says so
		set("name", "spark.app.name", c.spec.Name)
	}
	if c.spec.Queue != "" {
		set("queue", "spark.yarn.queue", c.spec.Queue)
	}
	for _, key := range slices.Sorted(maps.Keys(c.spec.Conf)) {
		set("conf "+job.Head(key, 100), key, c.spec.Conf[key])
	}
	for _, key := range slices.Sorted(maps.Keys(c.spec.SecretConf)) {
		value := "secret:" + c.spec.SecretConf[key]
		if _, ok := options.SecretName(value); !ok {
			// Not repeated: it may be the secret itself.
			c.addf("secretConf %s: must be the name of a secret: letters, digits and . _ -, at most 128", job.Head(key, 100))
			continue
		}
		set("secretConf "+job.Head(key, 100), key, value)
	}
	result, problems := options.ResolveConf(c.cluster.Spark, c.spec.Profile, conf, c.spec.Archives)
	for _, p := range problems {
		c.addf("%s", c.inField(p, fields))
	}
	c.manifest.Options = result.Options
	c.job.Profile, c.job.Queue = result.Profile, result.Queue
	c.job.Name, c.manifest.Program.Name = result.Name, result.Name
}

// inField names the field that set a key, where the problem names the key: as one of
// conf, or of a limit.
func (c *converter) inField(problem string, fields map[string]string) string {
	key, words, ok := strings.Cut(strings.TrimPrefix(problem, "conf "), ": ")
	if field, known := fields[key]; ok && known {
		return field + ": " + words
	}
	return problem
}

// words checks what only people and lists read.
func (c *converter) words() {
	if c.job.Name == "" {
		c.job.Name = c.spec.unnamed()
	}
	if problem := textProblem(c.spec.Name, maxName); problem != "" {
		c.addf("name: %s", problem)
	}
	if len(c.job.Name) > maxName { // conf's spark.app.name
		c.addf("conf spark.app.name: is longer than %d bytes", maxName)
	}
	if len(c.job.Queue) > maxName {
		c.addf("queue: is longer than %d bytes", maxName) // more than lists could find it by
	}
	if len(c.spec.Labels) > maxLabels {
		c.addf("labels: are %d, more than %d", len(c.spec.Labels), maxLabels)
	}
	for _, key := range slices.Sorted(maps.Keys(c.spec.Labels)) {
		value := c.spec.Labels[key]
		if !labelKey.MatchString(key) {
			c.addf("labels: %q is no key; letters, digits and . _ - / may stand there, at most 63", job.Head(key, 100))
		} else if value != "" && !labelValue.MatchString(value) {
			c.addf("labels.%s: %q is no value; letters, digits and . _ - may stand there, at most 63", key, job.Head(value, 100))
		}
	}
}

var (
	labelKey   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
)

func (c *converter) times() {
	c.job.Deadline, c.job.RunLimit = c.rules.Deadline, c.rules.RunLimit
	if d := c.duration("timeouts.deadline", c.spec.Timeouts.Deadline); d > 0 {
		c.job.Deadline = d
		if most := c.rules.MaxDeadline; most > 0 && d > most {
			c.addf("timeouts.deadline: %s is above the limit %s", d, most)
		}
	}
	if d := c.duration("timeouts.run", c.spec.Timeouts.Run); d > 0 {
		c.job.RunLimit = d
		if most := c.rules.RunLimit; most > 0 && d > most {
			c.addf("timeouts.run: %s is above the limit %s", d, most)
		}
	}
}

func (c *converter) duration(field, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		c.addf("%s: %q is no duration; write 90s, 15m or 2h", field, job.Head(text, 100))
		return 0
	}
	return d
}

func (c *converter) retry() {
	if c.spec.Retry == nil {
		return
	}
	if again := c.spec.Retry.RerunAfterStart; again != nil {
		c.job.Retry.RerunAfterStart = *again
	}
	if n := c.spec.Retry.InfrastructureRetries; n != nil {
		c.job.Retry.InfrastructureRetries = *n
		if *n < 0 || *n > mostRetries {
			c.addf("retry.infrastructureRetries: must be 0 to %d, got %d", mostRetries, *n)
		}
	}
}

// nameProblem says why a text can be no name of a file in a directory, "" if it can.
func nameProblem(name string) string {
	switch {
	case name == "", name == ".", name == "..":
		return "is no name of a file"
	case strings.ContainsAny(name, " /#"+special):
		return "holds a space or one of / # " + special
	}
	return textProblem(name, maxName)
}

func textProblem(text string, most int) string {
	if len(text) > most {
		return fmt.Sprintf("is longer than %d bytes", most)
	}
	return job.TextProblem(text)
}
