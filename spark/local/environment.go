package local

import (
	"maps"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/spark"
)

// passed are the variables of the worker that an application gets. What can
// carry a secret is left out: proxies (http://user:pass@…), JAVA_TOOL_OPTIONS
// and SPARK_SUBMIT_OPTS (-D…password=…), Kerberos caches, and every variable
// of Stoker, Temporal, OAuth and clouds, which nobody can list.
var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ",
	"SPARK_CONF_DIR", "HADOOP_CONF_DIR", "HADOOP_HOME", "YARN_CONF_DIR", "JAVA_HOME", "SPARK_LOCAL_IP",
}

const (
	// passedPrefix: LC_ALL, LC_CTYPE and their like.
	passedPrefix = "LC_"
	// defaultLocale is set where the worker's is not UTF-8 (systemd sets none):
	// Java would turn every other character of an argument into '?'.
	defaultLocale = "C.UTF-8"
	// defaultPath is for a worker without PATH.
	defaultPath = "/usr/local/bin:/usr/bin:/bin"
)

// environment is what an application runs with: "KEY=value", sorted.
// parent is the worker's own environment in the same form.
func (o Options) environment(parent []string, dir jobDir, application string) []string {
	env := map[string]string{"PATH": defaultPath}
	for _, pair := range parent {
		key, value, _ := strings.Cut(pair, "=")
		if slices.Contains(passed, key) || strings.HasPrefix(key, passedPrefix) {
			env[key] = value
		}
	}
	if o.Java != "" {
		env["JAVA_HOME"] = o.Java
	}
	maps.Copy(env, o.Env)
	maps.Copy(env, map[string]string{
		"SPARK_HOME":              o.SparkHome,
		"TMPDIR":                  dir.path(spark.DirTemp),
		"SPARK_LOCAL_DIRS":        dir.path(spark.DirTemp),
		"PYTHONDONTWRITEBYTECODE": "1",
		envApplication:            application,
	})
	if o.Python != "" {
		env["PYSPARK_PYTHON"], env["PYSPARK_DRIVER_PYTHON"] = o.Python, o.Python
	}
	if !utf8Locale(env) {
		env["LC_ALL"] = defaultLocale
	}
	pairs := make([]string, 0, len(env))
	for _, key := range slices.Sorted(maps.Keys(env)) {
		pairs = append(pairs, key+"="+env[key])
	}
	return pairs
}

// utf8Locale reports whether the locale in force for characters is UTF-8.
func utf8Locale(env map[string]string) bool {
	for _, key := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := env[key]; value != "" {
			value = strings.ToUpper(value)
			return strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8")
		}
	}
	return false
}
