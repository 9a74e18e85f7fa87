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
)

// maxSecret bounds a secret's file, in bytes.
const maxSecret = 64 << 10

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
		value, err := o.secret(references[key])
		if err != nil {
			problems = append(problems, fmt.Sprintf("conf %s: %v", key, err))
			continue
		}
		values[key] = value
	}
	if len(problems) > 0 {
		return nil, job.Invalid("secrets of the application cannot be resolved", problems)
	}
	return bytes.Join([][]byte{o.sparkDefaults(env), properties(values)}, []byte("\n\n")), nil
}

// secret reads one secret without the newline that editors add. Errors never
// hold its content.
func (o Options) secret(name string) (string, error) {
	if o.SecretsDir == "" {
		return "", fmt.Errorf("secret %s: no directory of secrets is configured", name)
	}
	if !plainFileName(name) {
		return "", fmt.Errorf("secret %q: not the name of one", name)
	}
	data, err := os.ReadFile(filepath.Join(o.SecretsDir, name)) // a link is how Kubernetes mounts secrets
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("secret %s: longer than %d bytes", name, maxSecret)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
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
