package spark_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/spark"
)

func TestCoreVersion(t *testing.T) {
	t.Parallel()
	for jar, want := range map[string]string{
		"spark-core_2.12-3.5.9.jar":                  "3.5.9",
		"spark-core_2.13-4.0.0-preview2.jar":         "4.0.0-preview2",
		"spark-core_2.12-3.5.1-amzn-0.jar":           "3.5.1-amzn-0",
		"spark-core_2.12-3.3.2.3.3.7190.0-91.jar":    "3.3.2.3.3.7190.0-91",
		"spark-core_2.12-3.5.4.1.25.7218000.0-4.jar": "3.5.4.1.25.7218000.0-4",
		"spark-core_2.12-3.5.9-tests.jar":            "",
		"spark-core_2.12-3.5.1-amzn-0-sources.jar":   "",
		"spark-core_2.12-3.5.9-javadoc.jar":          "",
		"spark-core_2.12.jar":                        "",
		"spark-sql_2.12-3.5.9.jar":                   "",
		"x-spark-core_2.12-3.5.9.jar":                "",
	} {
		require.Equal(t, want, spark.CoreVersion(jar), jar)
	}
}

func TestVersionAt(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	require.Empty(t, spark.VersionAt(home))
	require.NoError(t, os.Mkdir(filepath.Join(home, "jars"), 0o700))
	for _, jar := range []string{"spark-core_2.12-3.5.1-amzn-0-tests.jar", "spark-core_2.12-3.5.1-amzn-0.jar"} {
		require.NoError(t, os.WriteFile(filepath.Join(home, "jars", jar), nil, 0o600))
	}
	require.Equal(t, "3.5.1-amzn-0", spark.VersionAt(home))
}
