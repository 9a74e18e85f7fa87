package local

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/spark/properties"
)

var urlPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:/`)

// onCommandLine are the keys that Spark's launcher copies to the command line
// of the driver's JVM, where every user of the host can read them.
var onCommandLine = []string{
	"spark.driver.memory", "spark.driver.extraJavaOptions", "spark.driver.defaultJavaOptions",
	"spark.driver.extraClassPath", "spark.driver.extraLibraryPath",
	"spark.executor.extraJavaOptions", "spark.executor.defaultJavaOptions",
	"spark.executor.extraClassPath", "spark.executor.extraLibraryPath",
}

// command is one call of spark-submit.
type command struct {
	argv []string
	// secrets are the conf keys whose values are references: key -> name. They
	// travel in a properties file.
	secrets map[string]string
	// events: the driver writes its events to dirEventLog.
	events bool
}

// command makes spark-submit's command line, or an invalid error that lists
// everything in the launch that it cannot express. defaults is the
// spark-defaults.conf that spark-submit will read.
func (o Options) command(dir jobDir, launch spark.Launch, defaults []byte) (command, error) {
	b := commandBuilder{dir: dir}
	beside, err := properties.Defaults(defaults)
	if err != nil {
		beside = nil // spark-submit refuses it, and says so
	}
	launch.Options.Conf = options.Limited(launch.Options, beside)
	conf := b.conf(launch, o)
	secrets := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(conf)) {
		name, isSecret := strings.CutPrefix(conf[key], spark.SecretPrefix)
		if !isSecret {
			continue
		}
		if slices.Contains(onCommandLine, key) {
			b.problem("conf %s: a secret cannot be used here, Spark shows the value in its command line", key)
		}
		if !spark.IsSecretName(name) {
			b.problem("conf %s: %q does not name a secret", key, conf[key])
		}
		secrets[key] = name
		delete(conf, key)
	}
	events := o.Events && !o.elsewhere() && addEventLog(conf, secrets, defaults, dir)

	argv := []string{filepath.Join(o.SparkHome, "bin", "spark-submit"), "--master", o.Master}
	if o.DeployMode != "" {
		argv = append(argv, "--deploy-mode", o.DeployMode)
	}
	if launch.Name != "" {
		argv = append(argv, "--name", launch.Name)
	}
	if len(secrets) > 0 {
		argv = append(argv, "--properties-file", dir.path(fileProperties))
	}
	for _, key := range slices.Sorted(maps.Keys(conf)) {
		argv = append(argv, "--conf", key+"="+conf[key])
	}
	argv = b.list(argv, "--py-files", launch.PyFiles)
	argv = b.list(argv, "--files", launch.Files)
	argv = b.list(argv, "--jars", launch.Jars)
	argv = b.list(argv, "--archives", launch.Archives)
	if launch.Class != "" {
		argv = append(argv, "--class", launch.Class)
	}
	argv = append(argv, launch.Options.Args...)
	if launch.Main == "" {
		b.problem("the launch names no program")
	}
	argv = append(argv, b.absolute("the program", launch.Main))
	argv = append(argv, launch.Args...)
	for i, arg := range argv {
		switch {
		case strings.ContainsRune(arg, 0):
			b.problem("argument %d holds a NUL character, which no program can be given", i)
		case strings.ContainsRune(arg, '\r'):
			b.problem("argument %d holds a carriage return, which Spark's launch script would drop", i)
		}
	}
	if len(b.problems) > 0 {
		return command{}, job.Invalid("the application cannot be launched by spark-submit", b.problems)
	}
	return command{argv: argv, secrets: secrets, events: events}, nil
}

type commandBuilder struct {
	dir      jobDir
	problems []string
}

func (b *commandBuilder) problem(format string, args ...any) {
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

// conf adds to the launch's own what keeps a driver inside the job directory.
func (b *commandBuilder) conf(launch spark.Launch, o Options) map[string]string {
	temp := b.dir.path(spark.DirTemp)
	conf := map[string]string{}
	if !o.elsewhere() {
		conf["spark.ui.enabled"], conf["spark.ui.showConsoleProgress"] = "false", "false"
	}
	if o.single() {
		conf["spark.sql.warehouse.dir"] = filepath.Join(temp, "warehouse")
	}
	for key, value := range launch.Options.Conf {
		if key == "" || strings.ContainsAny(key, "= \t\r\n\x00") {
			b.problem("conf key %q is not one", key)
			continue
		}
		conf[key] = value
	}
	if o.elsewhere() {
		return conf
	}
	conf["spark.local.dir"] = temp
	// A metastore and what Java's libraries unpack go to tmp as well.
	const javaOptions = "spark.driver.extraJavaOptions"
	if !strings.HasPrefix(conf[javaOptions], spark.SecretPrefix) {
		conf[javaOptions] = strings.TrimSpace(strings.Join([]string{
			javaOption("-Dderby.system.home=" + temp), javaOption("-Djava.io.tmpdir=" + temp), conf[javaOptions],
		}, " "))
	}
	return conf
}

// javaOption quotes an option as Spark's launcher splits them.
func javaOption(option string) string {
	if !strings.ContainsAny(option, " \t\"'\\") {
		return option
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(option) + `"`
}

func (b *commandBuilder) list(argv []string, option string, names []string) []string {
	if len(names) == 0 {
		return argv
	}
	paths := make([]string, 0, len(names))
	for _, name := range names {
		if strings.Contains(name, ",") {
			b.problem("%s: %q holds a comma, which separates files there", option, name)
			continue
		}
		paths = append(paths, b.absolute(option, name))
	}
	return append(argv, option, strings.Join(paths, ","))
}

// absolute makes a path of the launch absolute; a URL stays as it is.
func (b *commandBuilder) absolute(what, name string) string {
	switch {
	case name == "":
		return ""
	case urlPattern.MatchString(name):
		return name
	case filepath.IsAbs(name):
		return name
	case !filepath.IsLocal(name):
		b.problem("%s: %q leads out of the job directory", what, name)
	}
	return b.dir.path(name)
}
