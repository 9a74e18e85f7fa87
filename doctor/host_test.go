package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// healthyHost has a Spark of stand-ins.
func healthyHost(t *testing.T) Host {
	t.Helper()
	home := t.TempDir()
	for _, dir := range []string{"bin", "jars"} {
		require.NoError(t, os.Mkdir(filepath.Join(home, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(home, "bin", "spark-submit"), nil, 0o755)) //nolint:gosec // a program
	require.NoError(t, os.WriteFile(filepath.Join(home, "jars", "spark-core_2.12-3.5.9.jar"), nil, 0o600))
	return Host{
		Group: "cluster local", At: "clusters.local.local", SparkHome: home, Python: "python3",
		Java: func() (string, error) { return "/usr/bin/java", nil },
		Root: filepath.Join(t.TempDir(), "jobs"), RootKey: "clusters.local.root",
		Output: says(`openjdk version "17.0.9" 2023-10-17`, "Python 3.11.2"),
	}
}

func says(java, python string) func(context.Context, string, ...string) (string, error) {
	return func(_ context.Context, _ string, args ...string) (string, error) {
		if args[0] == "-version" {
			return java, nil
		}
		return python, nil
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(t *testing.T, h *Host)
		check  string
		status Status
		text   string
		mend   string
	}{
		"Spark":          {func(*testing.T, *Host) {}, "spark-submit", StatusOK, "Spark 3.5.9", ""},
		"no Spark":       {func(_ *testing.T, h *Host) { h.SparkHome = "" }, "spark-submit", StatusFail, "no Spark", "clusters.local.local.sparkHome"},
		"wrong home":     {func(_ *testing.T, h *Host) { h.SparkHome = "/no/such" }, "spark-submit", StatusFail, "/no/such/bin/spark-submit", "SPARK_HOME"},
		"not executable": {func(t *testing.T, h *Host) { require.NoError(t, os.Chmod(h.SparkHome+"/bin/spark-submit", 0o600)) }, "spark-submit", StatusFail, "executable", ""},
		"no jars":        {func(t *testing.T, h *Host) { require.NoError(t, os.RemoveAll(h.SparkHome+"/jars")) }, "spark-submit", StatusWarn, "no jars", ""},
		"another Spark": {func(t *testing.T, h *Host) {
			require.NoError(t, os.Rename(h.SparkHome+"/jars/spark-core_2.12-3.5.9.jar", h.SparkHome+"/jars/spark-core_2.13-4.0.1.jar"))
		}, "spark-submit", StatusWarn, "Spark 4.0.1", ""},
		"Java 17": {func(*testing.T, *Host) {}, "Java", StatusOK, "Java 17", ""},
		"Java 8":  {func(_ *testing.T, h *Host) { h.Output = says(`java version "1.8.0_392"`, "") }, "Java", StatusOK, "Java 8", ""},
		"Java 7":  {func(_ *testing.T, h *Host) { h.Output = says(`java version "1.7.0_80"`, "") }, "Java", StatusFail, "needs 8 or newer", "clusters.local.local.javaHome"},
		"Java 21": {func(_ *testing.T, h *Host) { h.Output = says(`openjdk version "21-ea"`, "") }, "Java", StatusWarn, "Java 21", "Java 17"},
		"no Java": {func(_ *testing.T, h *Host) {
			h.Java = func() (string, error) { return "", errors.New("no Java in PATH") }
		}, "Java", StatusFail, "no Java in PATH", "JAVA_HOME"},
		"Java that is no": {func(_ *testing.T, h *Host) { h.Output = says("hello", "") }, "Java", StatusWarn, "does not tell", ""},
		"Java that dies": {func(_ *testing.T, h *Host) {
			h.Output = func(context.Context, string, ...string) (string, error) { return "", errors.New("exit status 1") }
		}, "Java", StatusFail, "exit status 1", ""},
		"Python":         {func(*testing.T, *Host) {}, "Python", StatusOK, "Python 3.11", ""},
		"Python 2":       {func(_ *testing.T, h *Host) { h.Output = says("", "Python 2.7.18") }, "Python", StatusFail, "Python 2.7", "clusters.local.local.python"},
		"Python 3.6":     {func(_ *testing.T, h *Host) { h.Output = says("", "Python 3.6.8") }, "Python", StatusFail, "Python 3.6", "3.8"},
		"no Python":      {func(_ *testing.T, h *Host) { h.Output = says("", "perl 5") }, "Python", StatusFail, "no Python", ""},
		"root to be":     {func(*testing.T, *Host) {}, "root", StatusOK, "not there yet", ""},
		"root":           {func(t *testing.T, h *Host) { require.NoError(t, os.Mkdir(h.Root, 0o700)) }, "root", StatusOK, "written to", ""},
		"root is a file": {func(t *testing.T, h *Host) { require.NoError(t, os.WriteFile(h.Root, nil, 0o600)) }, "root", StatusFail, "no directory", "clusters.local.root"},
		"below a file": {func(t *testing.T, h *Host) {
			require.NoError(t, os.WriteFile(h.Root, nil, 0o600))
			h.Root += "/deep"
		}, "root", StatusFail, "cannot be used", ""},
		"no room": {func(_ *testing.T, h *Host) { h.Root = "/proc/1" }, "root", StatusFail, "/proc/1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := healthyHost(t)
			row.change(t, &h)
			var got Finding
			for _, r := range Examine(t.Context(), OfHost(h), time.Minute).Rows {
				if r.Check == row.check {
					got = r.Finding
				}
			}
			require.Equal(t, row.status, got.Status, got.Text)
			require.Contains(t, got.Text, row.text)
			require.Contains(t, got.Mend, row.mend)
		})
	}
}

func TestHostWithoutPython(t *testing.T) {
	t.Parallel()
	h := healthyHost(t)
	h.Python = ""
	require.Len(t, OfHost(h), 3, "drivers run elsewhere")
}
