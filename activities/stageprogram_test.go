package activities

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
)

var uploaded = strings.Repeat("ab", 32)

// program makes the bundle's job one with a program of its own, whose files are there.
func (b *bundle) program() *job.Program {
	b.t.Helper()
	b.cluster.Artifacts = b.root + "-artifacts"
	b.outside("data/etl.jar")
	b.outside("data/in.csv")
	b.outside("jobs-artifacts/" + uploaded + "/env.tar.gz")
	p := &job.Program{
		Name: "asked for",
		Main: b.data("etl.jar"), Class: "a.B", Args: []string{"", "$x 'y'\n"}, PyFiles: []string{"local:/opt/a.zip", "LOCAL:/opt/b.zip"},
		Jars: []string{"hdfs://" + b.data("etl.jar")}, Files: []string{"file:" + b.data("in.csv") + "#today.csv"},
		Archives: []string{"artifact:" + uploaded + "/env.tar.gz#env"},
	}
	b.intake.Spec = job.Spec{Name: "nightly", Cluster: "local", Kind: job.KindJAR}
	b.job = job.Manifest{Kind: job.KindJAR, Program: p, Options: job.Options{Conf: map[string]string{"spark.x": "1"}}}
	return p
}

// data is a path beside the jobs' root.
func (b *bundle) data(name string) string { return filepath.Join(filepath.Dir(b.root), "data", name) }

func (b *bundle) outside(name string) {
	b.t.Helper()
	path := filepath.Join(filepath.Dir(b.root), name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(b.t, os.WriteFile(path, []byte("x"), 0o600))
}

func TestStageAProgram(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.program()
	result, err := b.stage()
	require.NoError(t, err)
	require.Empty(t, result.Problems)

	var launch spark.Launch
	b.readJSON("launch.json", &launch)
	require.Equal(t, spark.Launch{
		Name: "asked for", Main: "file:" + b.data("etl.jar"), Class: "a.B", Args: p.Args,
		PyFiles: []string{"local:/opt/a.zip", "LOCAL:/opt/b.zip"}, Jars: []string{"file:" + b.data("etl.jar")},
		Files:    []string{"work/today.csv"},
		Archives: []string{"file:" + b.cluster.Artifacts + "/" + uploaded + "/env.tar.gz#env"},
		Options:  job.Options{Conf: map[string]string{"spark.x": "1"}},
	}, launch)
	require.Equal(t, map[string]fs.FileMode{
		"launch.json": 0o600, "staged.json": 0o600, "work/": 0o700, "logs/": 0o700, "tmp/": 0o700,
		"work/today.csv": 0o600,
	}, b.tree(), "no driver and no model; a file with a name of its own is where the program looks for it")
	require.Equal(t, []string{b.data("etl.jar")}, []string{b.job.Program.Main}, "the manifest stays as it was")

	again, err := b.stage()
	require.NoError(t, err)
	require.Equal(t, result, again)
}

func TestStageNamesEachFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.program()
	other := strings.Repeat("cd", 32)
	p.Main = "artifact:" + other + "/job.py"
	p.Files = append(p.Files, b.data("gone.csv")+"#x", "s3a://bucket/x")
	result, err := b.stage()
	require.NoError(t, err)
	require.Len(t, result.Problems, 3, "%q", result.Problems)
	require.Equal(t, "file: artifact:"+other+"/job.py is not there: it was not uploaded to cluster local, or has expired; upload it again", result.Problems[0])
	require.Contains(t, result.Problems[1], "files[1] ")
	require.Contains(t, result.Problems[1], "gone.csv\"): is missing")
	require.NotContains(t, result.Problems[1], "#x", "the name in the working directory is no part of the file's")
	require.Contains(t, result.Problems[2], "files[2] ")
	require.Contains(t, result.Problems[2], "can't be verified")
	require.NoFileExists(t, filepath.Join(b.dir, "launch.json"))

	b.cluster.UnverifiableInputs = store.PolicyAllow
	p.Main, p.Files = b.data("etl.jar"), []string{"s3a://bucket/x#y"}
	result, err = b.stage()
	require.NoError(t, err)
	require.Empty(t, result.Problems)
	var launch spark.Launch
	b.readJSON("launch.json", &launch)
	require.Equal(t, []string{"s3a://bucket/x#y"}, launch.Files, "what no store serves stays as it came")
}

// A file that is there but may not be read was not forgotten.
func TestStageTellsForbiddenArtifactsFromMissingOnes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.program()
	b.store.stat = func(path string) error {
		if strings.HasSuffix(path, "env.tar.gz") {
			return &fs.PathError{Op: "stat", Path: path, Err: fs.ErrPermission}
		}
		return nil
	}
	result, err := b.stage()
	require.NoError(t, err)
	require.Len(t, result.Problems, 1)
	require.Contains(t, result.Problems[0], "archives[0] ")
	require.Contains(t, result.Problems[0], "is forbidden")
}

// A name below an open directory may be a link to anywhere.
func TestStageLooksWhereLinksLead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.program()
	b.outside("secret/key.pem")
	secret := filepath.Join(filepath.Dir(b.root), "secret")
	require.NoError(t, os.Symlink(filepath.Join(secret, "key.pem"), b.data("out.csv")))
	require.NoError(t, os.Symlink(secret, b.data("dir")))
	require.NoError(t, os.Symlink("in.csv", b.data("inside.csv")))
	opened := filepath.Join(filepath.Dir(b.root), "opened") // a root that is a link itself
	require.NoError(t, os.Symlink(b.data(""), opened))
	b.cluster.HostFiles = file.Roots{opened}
	p.Files = []string{"file:" + b.data("inside.csv"), filepath.Join(opened, "in.csv") + "#x.csv"}
	main, jars := p.Main, p.Jars
	p.Main, p.Jars = b.data("dir/key.pem"), []string{"hdfs://" + b.data("out.csv")}
	p.PyFiles = []string{"local:" + b.data("out.csv"), "LOCAL:" + b.data("gone.zip"), "local:" + b.data("in.csv")}
	p.Files = append(p.Files, "file://"+b.data("out.csv")+"#name.csv")
	result, err := b.stage()
	require.NoError(t, err)
	require.Len(t, result.Problems, 4, "%q", result.Problems)
	for i, field := range []string{"file: ", "pyFiles[0]: ", "jars[0]: ", "files[2]: "} {
		require.True(t, strings.HasPrefix(result.Problems[i], field+"leads by a symbolic link out of"), result.Problems[i])
		require.NotContains(t, result.Problems[i], "secret")
	}
	require.NoFileExists(t, filepath.Join(b.dir, "launch.json"))

	p.Main, p.Jars, p.PyFiles, p.Files = main, jars, p.PyFiles[1:], p.Files[:2]
	b.cluster.HostFiles = unreachable{}
	_, err = b.stage()
	requireFailure(t, err, job.CodeUnavailable, false)
	b.cluster.HostFiles = file.Roots{opened}
	result, err = b.stage()
	require.NoError(t, err)
	require.Empty(t, result.Problems)
}

// unreachable is a host whose disk does not answer.
type unreachable struct{}

func (unreachable) Hold(context.Context, string) (bool, error) {
	return false, job.Errorf(job.CodeUnavailable, "input/output error")
}

func TestAProgramWaitsForItsStore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.program()
	b.store.stat = func(path string) error {
		if strings.HasSuffix(path, "in.csv") {
			return errors.New("connection refused")
		}
		return nil
	}
	_, err := b.stage()
	requireFailure(t, err, job.CodeUnavailable, false)
	require.NoFileExists(t, filepath.Join(b.dir, "launch.json"))
}
