package submission

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// refusedKeys cannot be in a configuration, with the reason; a '*' at the end stands
// for any rest.
var refusedKeys = map[string]string{
	"spark.jars":              whyListed,
	"spark.files":             whyListed,
	"spark.archives":          whyListed,
	"spark.submit.pyFiles":    whyListed,
	"spark.yarn.dist.*":       whyListed,
	"spark.yarn.archive":      whyRuntime,
	"spark.yarn.jars":         whyRuntime,
	"spark.yarn.jar":          whyRuntime,
	"spark.jars.packages":     whyPackages,
	"spark.jars.ivySettings":  whyPackages,
	"spark.remote":            "a Spark Connect client is not submitted to a cluster",
	"spark.yarn.cache.*":      whySparks,
	"spark.yarn.user.jar":     whySparks,
	"spark.driver.resource.*": whyREST, "spark.yarn.driver.resource.*": whyREST,
	"spark.yarn.am.tokenConfRegex": whyREST,
	"spark.yarn.secondary.jars":    whySparks,
}

const (
	whyListed   = "files are given as resources, with their size and time"
	whyRuntime  = "Spark itself is given as the runtime"
	whyPackages = "nobody resolves packages here; give the jars"
	whySparks   = "Spark sets it itself"
	whyREST     = "cannot be asked for over REST"
)

// settle completes the configuration with what spark-submit adds, and takes out what
// it drops.
func (b *builder) settle() {
	conf := b.conf.values
	for _, key := range slices.Sorted(maps.Keys(b.in.Conf)) {
		b.accept(key, b.in.Conf[key])
	}
	b.acceptSecrets()
	set := func(key, value string) {
		if value != "" {
			conf[key] = value
		}
	}
	fallback := func(key, value string) {
		if _, ok := conf[key]; !ok {
			set(key, value)
		}
	}
	b.require("spark.master", "yarn")
	b.require("spark.submit.deployMode", "cluster")
	delete(conf, "spark.driver.host")
	for key, value := range ResourcesOf(b.in.Env) {
		fallback(key, value)
	}

	b.program()
	set("spark.app.name", b.in.Name)
	fallback("spark.app.name", b.in.Env["SPARK_YARN_APP_NAME"])
	fallback("spark.app.name", b.in.Program.Class)
	if l, err := parseLocation(b.in.Program.URL); err == nil {
		fallback("spark.app.name", l.base())
	}
	fallback("spark.app.submitTime", strconv.FormatInt(b.in.SubmitTime.UnixMilli(), 10))
	set("spark.yarn.queue", b.in.Queue)
	set("spark.yarn.applicationType", b.in.Type)
	if b.in.Priority != nil {
		conf["spark.yarn.priority"] = itoa(*b.in.Priority)
	}
	if b.in.MaxAttempts > 0 {
		conf["spark.yarn.maxAppAttempts"] = itoa(b.in.MaxAttempts)
	}
	fallback("spark.yarn.maxAppAttempts", "1")
	if b.in.FailuresValidity > 0 {
		conf["spark.yarn.am.attemptFailuresValidityInterval"] = strconv.FormatInt(b.in.FailuresValidity.Milliseconds(), 10) + "ms"
	}
	if len(b.in.Tags) > 0 {
		b.addTags()
	}
	if home := b.in.Runtime.JavaHome; home != "" {
		if !strings.HasPrefix(home, "/") || !plainWord.MatchString(home) {
			b.problemf("runtime.javaHome: %s is no plain absolute path", show(home))
		}
		fallback("spark.yarn.appMasterEnv.JAVA_HOME", home)
		fallback("spark.executorEnv.JAVA_HOME", home)
	}
	b.describe()
}

// ResourcesOf returns the keys for which variables of spark-env.sh stand, where no
// configuration has them. Source: org.apache.spark.deploy.SparkSubmitArguments.
func ResourcesOf(env map[string]string) map[string]string {
	conf := map[string]string{}
	for key, variable := range map[string]string{
		"spark.driver.memory": "SPARK_DRIVER_MEMORY", "spark.executor.memory": "SPARK_EXECUTOR_MEMORY", "spark.executor.cores": "SPARK_EXECUTOR_CORES",
	} {
		if value := env[variable]; value != "" {
			conf[key] = value
		}
	}
	return conf
}

// accept takes over one key of the input.
func (b *builder) accept(key, value string) {
	if !strings.HasPrefix(key, "spark.") {
		b.warnf("%s: is ignored; Spark's keys begin with spark.", show(key))
		return
	}
	if !rm.ValidText(key) || strings.ContainsAny(key, "=\r\n\t") {
		b.problemf("%s: is no key of a configuration", show(key))
		return
	}
	if strings.ContainsRune(value, 0) || strings.ToValidUTF8(value, "") != value {
		b.problemf("%s: its value is no text", key)
		return
	}
	if why, refused := refusal(key); refused {
		b.problemf("%s: %s", key, why)
		return
	}
	b.conf.values[key] = value
}

func refusal(key string) (string, bool) {
	if why := notAResource(key); why != "" {
		return why, true
	}
	if why, ok := refusedKeys[key]; ok {
		return why, true
	}
	for pattern, why := range refusedKeys {
		prefix, isPattern := strings.CutSuffix(pattern, "*")
		if isPattern && strings.HasPrefix(key, prefix) {
			return why, true
		}
	}
	return "", false
}

// require sets a key that can have one value only.
func (b *builder) require(key, value string) {
	if v, ok := b.conf.values[key]; ok && v != value {
		b.problemf("%s: is %s, but the application is submitted to YARN in cluster mode, which needs %s", key, show(v), value)
	}
	b.conf.values[key] = value
}

func (b *builder) addTags() {
	tags := splitList(b.conf.values["spark.yarn.tags"])
	for _, tag := range b.in.Tags {
		if strings.Contains(tag, ",") || strings.TrimSpace(tag) != tag || tag == "" {
			b.problemf("tags: %s is no tag", show(tag))
			continue
		}
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	b.conf.values["spark.yarn.tags"] = strings.Join(tags, ",")
}

// program decides what kind of program it is.
func (b *builder) program() {
	p := b.in.Program
	l, err := parseLocation(p.URL)
	switch {
	case p.URL == "" && p.Class == "":
		b.problemf("program: there is neither a file nor a class")
	case p.URL != "" && err != nil:
		b.problemf("program: %s %v", show(p.URL), err)
	case strings.HasSuffix(l.path, ".py"):
		b.python = true
		if p.Class != "" {
			b.problemf("program.class: a Python program has none")
		}
		if l.isLocal() {
			b.problemf("program: %s: Spark cannot run a Python program that is not sent along", show(p.URL))
		}
	case p.Class == "":
		b.problemf("program.class: a JAR needs one; nobody looks into its manifest here")
	}
	if l.fragment != "" && l.fragment != l.base() || p.Name != "" && p.Name != l.base() {
		b.problemf("program: cannot have another name than its file")
	}
	for i, arg := range p.Args {
		if !rm.ValidText(arg) {
			b.problemf("program.args[%d]: has characters that a request cannot carry: control characters, or no UTF-8", i)
		}
	}
	if b.python {
		b.conf.values["spark.yarn.isPython"] = "true"
	}
}
