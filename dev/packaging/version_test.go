package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A build says which version it is: of a clone what git says, of an archive the commit that
// git has written into it, and of neither that nobody knows.
func TestVersionOfTheTree(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join("..", "..", ".ci", "version"))
	require.NoError(t, err)
	held, err := os.ReadFile(filepath.Join("..", "..", "VERSION"))
	require.NoError(t, err)
	attributes, err := os.ReadFile(filepath.Join("..", "..", ".gitattributes"))
	require.NoError(t, err)

	dir := t.TempDir()
	put := func(name string, content []byte) {
		t.Helper()
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o700))
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.TrimSpace(string(out))
	}
	git := func(args ...string) string {
		t.Helper()
		return run("git", append([]string{"-c", "user.name=n", "-c", "user.email=e"}, args...)...)
	}
	put(".ci/version", script)
	put("VERSION", held)
	put(".gitattributes", attributes)
	require.Equal(t, "unknown", run(".ci/version"), "a copy of the files alone")

	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	commit := git("rev-parse", "--short", "HEAD")
	require.Equal(t, commit, run(".ci/version"))
	git("archive", "-o", "a.tar", "--prefix", "archive/", "HEAD")
	run("tar", "-xf", "a.tar")
	require.Equal(t, commit, run("archive/.ci/version"), "an archive, wherever it lies")
	git("tag", "v1.2.0")
	require.Equal(t, "v1.2.0", run(".ci/version"))
	put("VERSION", []byte("changed\n"))
	require.Equal(t, "v1.2.0-dirty", run(".ci/version"))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, ".git")))
	require.NoError(t, os.Remove(filepath.Join(dir, "VERSION")))
	require.Equal(t, "unknown", run(".ci/version"))
}
