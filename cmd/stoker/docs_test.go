package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever comes to the code finds every package in the map of docs/architecture.md.
func TestEveryPackageIsOnTheMap(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/architecture.md")
	require.NoError(t, err)
	found := 0
	require.NoError(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata"):
			return filepath.SkipDir
		case !d.IsDir():
			return nil
		}
		sources, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil || len(sources) == 0 {
			return err
		}
		found++
		name := strings.TrimPrefix(path, "../../")
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/architecture.md lacks %s", name)
		}
		return nil
	}))
	require.Greater(t, found, 60)
}

var required = regexp.MustCompile(`(?m)^\s+(\S+) v\S+$`) // indirect ones have a comment

// Every direct dependency has its reason in docs/dependencies.md, below its module, and
// nothing has one that is gone.
func TestEveryDependencyHasItsReason(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/dependencies.md")
	require.NoError(t, err)
	for module, heading := range map[string]string{"go.mod": "## The product", "dev/go.mod": "## The development stack"} {
		_, section, ok := strings.Cut(string(page), heading)
		require.True(t, ok)
		section, _, _ = strings.Cut(section, "\n## ")
		content, err := os.ReadFile("../../" + module)
		require.NoError(t, err)
		direct := map[string]bool{}
		for _, m := range required.FindAllStringSubmatch(string(content), -1) {
			if m[1] != "github.com/stoker-spark/stoker" {
				require.Contains(t, section, "`"+m[1]+"`", "of %s", module)
				direct[m[1]] = true
			}
		}
		require.Greater(t, len(direct), 20, module)
		for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|").FindAllStringSubmatch(section, -1) {
			for _, name := range strings.Split(row[1], ", ") {
				require.True(t, direct[strings.Trim(name, "`")], "%s is no direct dependency of %s", name, module)
			}
		}
	}
}
