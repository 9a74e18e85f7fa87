package packaging

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/postgres"
)

// image is what a stage of the Dockerfile leaves to who runs it.
type image struct {
	environment     []string
	entrypoint, cmd []string
	user            string
}

// repository is the root of this repository.
func repository(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	return root
}

func contentOf(t testing.TB, elements ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{repository(t)}, elements...)...))
	require.NoError(t, err)
	return string(data)
}

func stages(t testing.TB) []instructions.Stage {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(contentOf(t, "Dockerfile")))
	require.NoError(t, err)
	found, arguments, err := instructions.Parse(parsed.AST, nil)
	require.NoError(t, err)
	require.Empty(t, arguments, "arguments before the first FROM are not read here")
	return found
}

func imageOf(t testing.TB, target string) image {
	t.Helper()
	var i image
	for _, stage := range stages(t) {
		if stage.Name != target {
			continue
		}
		for _, c := range stage.Commands {
			switch c := c.(type) {
			case *instructions.EnvCommand:
				for _, pair := range c.Env {
					i.environment = append(i.environment, pair.String())
				}
			case *instructions.UserCommand:
				i.user = c.User
			case *instructions.EntrypointCommand:
				require.False(t, c.PrependShell, "a shell would keep signals from what it starts")
				i.entrypoint = c.CmdLine
			case *instructions.CmdCommand:
				i.cmd = c.CmdLine
			}
		}
		return i
	}
	require.Fail(t, "no such stage", target)
	return i
}

// pinned is the name of an image with a version: not latest, and not a line alone.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:[0-9]+\.[0-9]+[a-z0-9._-]*$`)

func TestImages(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, stage := range stages(t) {
		if !known[stage.BaseName] {
			require.Regexp(t, pinned, stage.BaseName)
		}
		known[stage.Name] = true
	}
	for _, target := range []string{"worker", "stoker"} {
		i := imageOf(t, target)
		require.Regexp(t, `^[1-9][0-9]*:[1-9][0-9]*$`, i.user, "Kubernetes can tell that a number is not root")
		require.Equal(t, "stoker", i.entrypoint[len(i.entrypoint)-1])
		require.Contains(t, i.environment, "STOKER_CONFIG=/etc/stoker/stoker.yaml")
	}
	require.Equal(t, imageOf(t, "worker").user, imageOf(t, "stoker").user, "the API reads what the worker writes")
	list := stages(t)
	require.Equal(t, "stoker", list[len(list)-1].Name, "the image without a target")
}

// What the images hold is what is tested here.
func TestVersionsAreTheTestedOnes(t *testing.T) {
	t.Parallel()
	dockerfile, makefile := contentOf(t, "Dockerfile"), contentOf(t, "Makefile")
	one := func(text, pattern string) string {
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
		require.Len(t, found, 1, pattern)
		return found[0][1]
	}
	require.Equal(t, one(makefile, `(?m)^PYSPARK_VERSION := (\S+)$`), one(dockerfile, `(?m)^ARG PYSPARK_VERSION=(\S+)$`))
	require.Equal(t, one(contentOf(t, "dev", "go.mod"), `(?m)^go (\S+)$`), one(dockerfile, `(?m)^FROM golang:([0-9.]+)-`))
	require.Equal(t, postgres.Version, one(contentOf(t, "docker-compose.yml"), `image: postgres:(\S+)`))
	require.Equal(t, postgres.Version, one(makefile, `(?m)^POSTGRES_VERSION := (\S+)$`))
}

// The Dockerfile's own build works in the context that Docker would get, with what
// .dockerignore leaves, and makes a binary that needs no library of its base.
func TestBinaryOfImages(t *testing.T) {
	t.Parallel()
	binary := builtBinary(t)
	file, err := elf.Open(binary)
	require.NoError(t, err)
	defer func() { _ = file.Close() }() // only read
	require.False(t, slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }), "it is static")
	out, err := exec.CommandContext(t.Context(), binary, "version").Output()
	require.NoError(t, err)
	require.Equal(t, "stoker "+builtVersion+"\n", string(out))
}

// builtVersion is the argument VERSION of the build.
const builtVersion = "0.0.0-test"

var (
	builtOnce sync.Once
	builtDir  string
)

// builtBinary is the images' binary, built once for all tests.
func builtBinary(t testing.TB) string {
	t.Helper()
	builtOnce.Do(func() {
		dir, err := os.MkdirTemp("", "stoker-images-")
		require.NoError(t, err)
		context, out := filepath.Join(dir, "context"), filepath.Join(dir, "out")
		require.NoError(t, os.Mkdir(out, 0o700))
		copyContext(t, context)
		build(t, context, out)
		builtDir = out
	})
	require.NotEmpty(t, builtDir, "the build has failed")
	return filepath.Join(builtDir, "stoker")
}

// build does what the stage of that name does, but for the download of modules.
func build(t testing.TB, context, out string) {
	t.Helper()
	environment, ran := append(os.Environ(), "VERSION="+builtVersion), false
	for _, stage := range stages(t) {
		for _, c := range stage.Commands {
			switch c := c.(type) {
			case *instructions.CopyCommand:
				for _, source := range c.SourcePaths {
					if c.From == "" {
						require.FileExists(t, filepath.Join(context, source, map[bool]string{true: "go.mod"}[source == "."]))
					}
				}
			case *instructions.EnvCommand:
				if stage.Name == "build" {
					for _, pair := range c.Env {
						environment = append(environment, pair.String())
					}
				}
			case *instructions.RunCommand:
				if stage.Name != "build" || strings.HasPrefix(c.CmdLine[0], "go mod download") {
					continue
				}
				require.True(t, c.PrependShell)
				cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", strings.ReplaceAll(c.CmdLine[0], "/out/", out+"/")) //nolint:gosec // our own
				cmd.Dir, cmd.Env = context, environment
				said, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", said)
				ran = true
			}
		}
	}
	require.True(t, ran)
}

// copyContext copies what .dockerignore leaves of the repository.
func copyContext(t testing.TB, context string) {
	t.Helper()
	root := repository(t)
	patterns, err := ignorefile.ReadAll(bytes.NewReader([]byte(contentOf(t, ".dockerignore"))))
	require.NoError(t, err)
	matcher, err := patternmatcher.New(patterns)
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		ignored, err := matcher.MatchesOrParentMatches(name)
		switch {
		case err != nil:
			return err
		case ignored && entry.IsDir():
			return fs.SkipDir // the file takes nothing back below what it ignores
		case ignored || entry.IsDir():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(context, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	}))
}
