package submission

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// setPythonPath gives master and executors Python's path.
func (b *builder) setPythonPath(paths []string) {
	if len(paths) == 0 {
		return
	}
	if p := b.in.Env["PYTHONPATH"]; p != "" {
		paths = append([]string{p}, paths...)
	}
	b.request.Container.Environment = rm.Map[string]{"PYTHONPATH": joinPath(paths...)}
	const key = "spark.executorEnv.PYTHONPATH"
	if p, ok := b.conf.values[key]; ok {
		paths = append([]string{p}, paths...)
	}
	b.conf.values[key] = joinPath(paths...)
}

func joinPath(paths ...string) string { return strings.Join(paths, separator) }

// environment of the application master.
func (b *builder) environment() rm.Map[string] {
	env := rm.Map[string]{
		"CLASSPATH":              joinPath(b.classPath()...),
		"SPARK_YARN_STAGING_DIR": b.staging,
		"SPARK_PREFER_IPV6":      b.preferIPv6(),
	}
	given := b.conf.withPrefix("spark.yarn.appMasterEnv.")
	for name, value := range given {
		if old, ok := env[name]; ok {
			value = joinPath(old, value)
		}
		env[name] = value
	}
	if env["SPARK_USER"] == "" {
		env["SPARK_USER"] = b.in.User
	}
	if path, ok := b.request.Container.Environment["PYTHONPATH"]; ok {
		if old, ok := env["PYTHONPATH"]; ok {
			path = joinPath(old, path)
		}
		env["PYTHONPATH"] = path
	}
	for _, name := range []string{"PYSPARK_DRIVER_PYTHON", "PYSPARK_PYTHON"} {
		if _, ok := env[name]; !ok && b.in.Env[name] != "" {
			env[name] = b.in.Env[name]
		}
	}
	env["PYTHONHASHSEED"] = "0" // spark-submit's script sets it
	if seed := b.in.Env["PYTHONHASHSEED"]; seed != "" {
		env["PYTHONHASHSEED"] = seed
	}
	if classPath := b.in.Env["SPARK_DIST_CLASSPATH"]; classPath != "" {
		env["SPARK_DIST_CLASSPATH"] = classPath
	}
	b.checkEnvironment("spark.yarn.appMasterEnv.", env)
	executors := rm.Map[string]{}
	for key, value := range b.conf.values {
		if name, ok := strings.CutPrefix(key, "spark.executorEnv."); ok {
			executors[name] = value
		}
	}
	b.checkEnvironment("spark.executorEnv.", executors)
	return env
}

// checkEnvironment refuses what would break the launch script, in which a value
// stands between double quotes as it is.
func (b *builder) checkEnvironment(prefix string, env map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		switch value := env[name]; {
		case !envName.MatchString(name):
			b.problemf("%s%s: is no name of an environment variable", prefix, name)
		case !rm.ValidText(value):
			b.problemf("%s%s: its value has control characters", prefix, name)
		case len(name)+len("=")+len(value) > maxWord:
			b.problemf("%s%s: has %d bytes, and no program can be given a variable of more than %d", prefix, name, len(value), maxWord)
		case breaksQuotes(value):
			b.problemf("%s%s: its value has a double quote or ends with a backslash; YARN's launch script needs \\\" and \\\\ for these", prefix, name)
		}
	}
}

// breaksQuotes reports whether text ends the double quotes around it.
func breaksQuotes(s string) bool {
	backslash := false
	for _, r := range s {
		if r == '"' && !backslash {
			return true
		}
		backslash = r == '\\' && !backslash
	}
	return backslash
}

func (b *builder) preferIPv6() string {
	if strings.EqualFold(b.in.Env["SPARK_PREFER_IPV6"], "true") {
		return "true"
	}
	return "false"
}
