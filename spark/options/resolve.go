package options

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

const (
	maxKeyLength   = 256
	maxValueLength = 32 << 10
	maxShown       = 100
)

var (
	// keyPattern keeps out everything that a properties file, a shell or a
	// command line could read as more than one key.
	keyPattern = regexp.MustCompile(`^[A-Za-z0-9._*/$@+-]+$`)
	// redacted is Spark's own spark.redaction.regex.
	redacted = regexp.MustCompile(`(?i)secret|password|token|access[.]?key`)
	// reference to a secret; the name becomes a file name.
	reference = regexp.MustCompile(`^secret:([A-Za-z0-9_-][A-Za-z0-9._-]{0,127})$`)
	// substitution by Spark from the environment or the JVM of whoever reads
	// the value, which may be the submitting host.
	substitution = regexp.MustCompile(`(?i)\$\{\s*(env|system)\s*:`)
)

// Redacted reports whether Spark hides the value of a conf key, which is why
// Stoker wants a "secret:<name>" there.
func Redacted(key string) bool { return redacted.MatchString(key) }

// SecretName returns the name in a value "secret:<name>".
func SecretName(value string) (string, bool) {
	m := reference.FindStringSubmatch(value)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// ReadSettings reads the stoker.* keys of a job's parameters, with a problem
// for each that is unknown or unreadable.
func ReadSettings(parameters map[string]string) (Settings, []string) {
	r := resolver{layer: layerJob}
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(key)), "stoker.") {
			r.setting(strings.TrimSpace(key), parameters[key])
		}
	}
	return r.result.Settings, r.problems
}

// Resolve merges the cluster's profile, the engine document and the job's
// parameters, the last word winning, and returns every problem found, each
// naming the key and the rule. With problems the result is not to be used.
func Resolve(cluster Cluster, engine Engine, parameters map[string]string) (Result, []string) {
	settings, problems := ReadSettings(parameters)
	r := resolver{cluster: cluster, problems: problems}
	r.result = Result{Parameters: map[string]string{}, Settings: settings}
	r.chooseProfile()
	r.conf = map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(r.profile.Conf)) {
		r.layer = layerProfile
		r.put(key, key, r.profile.Conf[key])
	}
	if engine.ExecutorMemory != "" {
		r.layer = layerEngine
		r.put("executorMemory", "spark.executor.memory", engine.ExecutorMemory)
	}
	r.addLayer(layerEngine, engine.SparkConf)
	r.addLayer(layerJob, parameters)
	return r.limited()
}

// ResolveConf merges the cluster's profile and the conf of a job that has no model:
// spark.* keys alone, the last word winning. profile is the name of one, "" for the
// cluster's own. archives are the job's, as --archives lists them. Problems are as for
// Resolve.
func ResolveConf(cluster Cluster, profile string, conf map[string]string, archives []string) (Result, []string) {
	r := resolver{cluster: cluster, conf: map[string]string{}, layer: layerConf, archives: archives}
	r.result = Result{Parameters: map[string]string{}, Settings: Settings{Profile: profile}}
	r.chooseProfile()
	for _, key := range slices.Sorted(maps.Keys(r.profile.Conf)) {
		r.layer = layerProfile
		r.put(key, key, r.profile.Conf[key])
	}
	r.layer, r.origin = layerConf, map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(conf)) {
		if !strings.HasPrefix(strings.ToLower(key), "spark.") {
			r.problemf("%s %s: is no key of Spark; they begin with spark.", r.layer, show(key))
			continue
		}
		r.sparkKey(key, key, conf[key])
	}
	return r.limited()
}

// limited ends a resolution: limits, and what has a place of its own.
func (r *resolver) limited() (Result, []string) {
	r.problems = append(r.problems, aboveLimits(r.conf, r.profile.Limits)...)
	r.result.Name = strings.TrimSpace(r.conf["spark.app.name"])
	delete(r.conf, "spark.app.name")
	r.result.Queue = strings.TrimSpace(r.conf["spark.yarn.queue"])
	r.result.Options.Conf, r.result.Options.Limits = r.conf, r.profile.Limits
	if r.verbose {
		r.result.Options.Args = []string{"--verbose"}
	}
	return r.result, r.problems
}

// Problems returns what is wrong with a profile in itself.
func (p Profile) Problems() []string {
	r := resolver{layer: layerProfile, conf: map[string]string{}, profile: p}
	for _, key := range slices.Sorted(maps.Keys(p.Conf)) {
		r.put(key, key, p.Conf[key])
	}
	for _, key := range slices.Sorted(maps.Keys(p.Limits)) {
		limit := p.Limits[key]
		if !strings.HasPrefix(key, "spark.") {
			r.problemf("limit %s: is no spark.* key", show(key))
		}
		if _, err := exceeds(key, limit, limit); err != nil {
			r.problemf("limit %s: %v", show(key), err)
		}
	}
	if len(r.problems) == 0 {
		r.problems = append(r.problems, aboveLimits(r.conf, p.Limits)...)
	}
	return r.problems
}

// layer names where a value comes from.
type layer string

const (
	layerProfile layer = "profile conf"
	layerEngine  layer = "engine sparkConf"
	layerJob     layer = "job parameter"
	layerConf    layer = "conf"
)

type resolver struct {
	cluster  Cluster
	profile  Profile
	layer    layer
	conf     map[string]string
	origin   map[string]string // conf key → the key of this layer that set it
	archives []string          // of the job
	verbose  bool
	result   Result
	problems []string
}

func (r *resolver) problemf(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

func (r *resolver) chooseProfile() {
	r.profile = r.cluster.Profile
	want := r.result.Settings.Profile
	if want != "" && want != r.profile.Name {
		i := slices.IndexFunc(r.cluster.Profiles, func(p Profile) bool { return p.Name == want })
		if i < 0 {
			what := "job parameter stoker.profile"
			if r.layer == layerConf {
				what = "profile"
			}
			r.problemf("%s: the cluster has no profile %s", what, show(want))
			return
		}
		r.profile = r.cluster.Profiles[i]
	}
	r.result.Profile = r.profile.Name
}

// addLayer lets every key of a layer through the table.
func (r *resolver) addLayer(l layer, values map[string]string) {
	r.layer, r.origin = l, map[string]string{}
	seen := map[string]bool{}
	for _, raw := range slices.Sorted(maps.Keys(values)) {
		key, value := strings.TrimSpace(raw), values[raw]
		if seen[key] {
			r.problemf("%s %s: is given twice, with and without white space around it", l, show(key))
			continue
		}
		seen[key] = true
		lower := strings.ToLower(key)
		switch {
		case strings.HasPrefix(key, "-"):
			r.option(key, value)
		case strings.HasPrefix(lower, "spark."):
			r.sparkKey(key, key, value)
		case strings.HasPrefix(lower, "stoker."):
			// ReadSettings took the job's; an engine has none.
		case l == layerJob:
			r.free(key, value)
		}
	}
}

func (r *resolver) option(key, value string) {
	if !plain(key) {
		r.problemf("%s %s: is no option; the option's name is the key and its value the value", r.layer, show(key))
		return
	}
	lower := strings.ToLower(key)
	rule := RuleFor(lower)
	switch rule.Verdict {
	case Map:
		r.put(key, rule.Conf, value)
	case Compare:
		r.compare(key, lower, value)
	case Pass:
		if lower == "--conf" || lower == "-c" {
			r.confOption(key, value)
			return
		}
		r.flag(key, value)
	case Refuse, Listed, Archived, Clustered, Own, User, Free:
		r.refuse(key, rule)
	}
}

func (r *resolver) flag(key, value string) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "true":
		r.verbose = true
	case "false":
	default:
		r.problemf("%s %s: is a flag; its value must be empty", r.layer, show(key))
	}
}

func (r *resolver) confOption(key, value string) {
	name, v, ok := strings.Cut(value, "=")
	name = strings.TrimSpace(name)
	if !ok || !strings.HasPrefix(strings.ToLower(name), "spark.") {
		r.problemf("%s %s: its value must be spark.<key>=<value>", r.layer, show(key))
		return
	}
	r.sparkKey(key+" "+name, name, v)
}

// sparkKey decides a spark.* key; written is how the layer spells it.
func (r *resolver) sparkKey(written, key, value string) {
	rule := RuleFor(key)
	switch {
	case rule.Verdict == Refuse:
		r.refuse(written, rule)
		return
	case !plain(key) || len(key) > maxKeyLength:
		r.problemf("%s %s: is no key of Spark; letters, digits and . _ - * / $ @ + may stand there, at most %d",
			r.layer, show(written), maxKeyLength)
		return
	case !strings.HasPrefix(key, "spark.") || key == "spark.":
		r.problemf("%s %s: Spark's keys begin with spark. in lower case", r.layer, show(written))
		return
	}
	switch rule.Verdict {
	case Map:
		r.put(written, rule.Conf, value)
	case Compare:
		r.compare(written, key, value)
	case Pass, User:
		r.put(written, key, value)
	case Listed:
		if !listed(r.profile.AllowHadoop, key) {
			r.refuse(written, rule)
			return
		}
		r.put(written, key, value)
	case Clustered:
		if !r.clustered() {
			r.problemf("%s %s: refused by rule %s: passes only %s", r.layer, show(written), rule.Pattern, rule.Reason)
			return
		}
		r.put(written, key, value)
	case Archived:
		if problem := r.notInArchive(strings.TrimSpace(value)); problem != "" {
			r.problemf("%s %s: refused by rule %s: %s", r.layer, show(written), rule.Pattern, problem)
			return
		}
		r.put(written, key, strings.TrimSpace(value))
	case Refuse, Own, Free:
		r.refuse(written, rule)
	}
}

// clustered reports whether drivers run on YARN's hosts, as far as is known.
func (r *resolver) clustered() bool {
	return r.cluster.Master == AnyMaster || r.cluster.Master == "yarn" && r.cluster.DeployMode == "cluster"
}

func (r *resolver) refuse(key string, rule Rule) {
	r.problemf("%s %s: refused by rule %s: %s", r.layer, show(key), rule.Pattern, rule.Reason)
}

// AnyMaster is the master of a cluster that is not known: what a job asks for is
// not compared with it.
const AnyMaster = "*"

func (r *resolver) compare(written, key, value string) {
	if r.cluster.Master == AnyMaster {
		return
	}
	want, what := r.cluster.Master, "master"
	if strings.EqualFold(key, "--deploy-mode") {
		want, what = r.cluster.DeployMode, "deploy mode"
		if want == "" {
			want = "client"
		}
	}
	if value = strings.TrimSpace(value); value != want {
		r.problemf("%s %s: the job asks for %s %s, its cluster has %s; leave it out or choose a cluster with stoker.cluster",
			r.layer, show(written), what, show(value), show(want))
	}
}

// put sets a conf key after checking its value.
func (r *resolver) put(written, key, value string) {
	if problem := r.valueProblem(key, value); problem != "" {
		r.problemf("%s %s: %s", r.layer, show(written), problem)
		return
	}
	normal, err := normalise(key, value)
	if err != nil {
		r.problemf("%s %s: %v", r.layer, show(written), err)
		return
	}
	if before, ok := r.origin[key]; ok && r.conf[key] != normal {
		r.problemf("%s %s: contradicts %s", r.layer, show(written), show(before))
		return
	}
	if r.origin != nil {
		r.origin[key] = written
	}
	r.conf[key] = normal
}

func (r *resolver) valueProblem(key, value string) string {
	switch {
	case strings.ContainsFunc(value, isControl):
		return "has a control character such as a line break in its value"
	case len(value) > maxValueLength:
		return fmt.Sprintf("has a value longer than %d bytes", maxValueLength)
	}
	name, isReference := SecretName(value)
	switch {
	case Redacted(key) && !isReference:
		return "may hold a secret, so its value must be secret:<name>, a reference to one that the cluster's worker has"
	case !Redacted(key) && strings.HasPrefix(value, "secret:"):
		return "Spark would show its value, so it may not hold a secret"
	case key == keyTags && forgery(value) != "":
		return forgery(value)
	case r.layer == layerProfile:
		return ""
	case key == keyTags && tagsProblem(value) != "":
		return tagsProblem(value)
	case isReference && len(r.profile.Secrets) > 0 && !listed(r.profile.Secrets, name):
		return fmt.Sprintf("the profile does not let jobs use the secret %s", show(name))
	case substitution.MatchString(value):
		return "its value reads the environment of the host that submits"
	case (key == "spark.app.name" || key == "spark.yarn.queue") && (strings.TrimSpace(value) == "" || len(value) > maxKeyLength):
		return fmt.Sprintf("needs a value of at most %d bytes", maxKeyLength)
	}
	return ""
}

func (r *resolver) free(key, value string) {
	switch {
	case key == "":
		r.problemf("%s: one has an empty name", r.layer)
	case strings.ContainsRune(key, 0) || strings.ContainsRune(value, 0):
		r.problemf("%s %s: holds a NUL character", r.layer, show(key))
	default:
		r.result.Parameters[key] = value
	}
}

func (r *resolver) setting(key, value string) {
	rule := RuleFor(key)
	if rule.Verdict != Own || !plain(key) {
		r.refuse(key, rule)
		return
	}
	value = strings.TrimSpace(value)
	s := &r.result.Settings
	switch rule.Pattern {
	case "stoker.cluster":
		s.Cluster = r.name(key, value)
	case "stoker.profile":
		s.Profile = r.name(key, value)
	case "stoker.deadline":
		s.Deadline = r.duration(key, value)
	case "stoker.runLimit":
		s.RunLimit = r.duration(key, value)
	}
}

func (r *resolver) name(key, value string) string {
	if value == "" || len(value) > maxKeyLength || strings.ContainsFunc(value, isControl) {
		r.problemf("%s %s: needs a name", r.layer, show(key))
		return ""
	}
	return value
}

func (r *resolver) duration(key, value string) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		r.problemf("%s %s: %s is no duration; write 90s, 15m or 2h", r.layer, show(key), show(value))
		return 0
	}
	return d
}

// listed reports whether a list holds a name, '*' at an entry's end standing
// for any rest.
func listed(list []string, name string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		prefix, wild := strings.CutSuffix(entry, "*")
		return entry == name || wild && strings.HasPrefix(name, prefix)
	})
}

func plain(key string) bool { return keyPattern.MatchString(key) }

func isControl(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f }

// show quotes a word from outside unless it is plain, and bounds it.
func show(s string) string {
	s = job.Head(s, maxShown)
	if plain(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}
