package local

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/properties"
)

// secretProperties resolves references (conf key -> secret name) and returns
// the content of spark-submit's properties file. Since --properties-file takes
// the place of spark-defaults.conf, that comes first; later lines win.
func (o Options) secretProperties(references map[string]string, env []string) ([]byte, error) {
	if len(references) == 0 {
		return nil, nil
	}
	values := make(map[string]string, len(references))
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(references)) {
		value, err := spark.Secrets(o.SecretsDir).Read(references[key])
		if err != nil {
			problems = append(problems, fmt.Sprintf("conf %s: %v", key, err))
			continue
		}
		values[key] = value
	}
	if len(problems) > 0 {
		return nil, job.Invalid("secrets of the application cannot be resolved", problems)
	}
	return bytes.Join([][]byte{o.sparkDefaults(env), properties.Write("Secrets.", values)}, []byte("\n\n")), nil
}

// Defaults returns what the spark-defaults.conf says that spark-submit will read; nothing
// if that is none, or none that Spark could read.
func (m *Manager) Defaults() map[string]string {
	conf, err := properties.Defaults(m.opts.sparkDefaults(m.opts.environment(os.Environ(), "", "")))
	if err != nil {
		return nil
	}
	return conf
}

// sparkDefaults is the spark-defaults.conf that spark-submit would read.
func (o Options) sparkDefaults(env []string) []byte {
	dir := filepath.Join(o.SparkHome, "conf")
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, "SPARK_CONF_DIR="); ok && value != "" {
			dir = value
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "spark-defaults.conf"))
	if err != nil {
		return nil // most installations have none, and Spark ignores an unreadable one likewise
	}
	return data
}
