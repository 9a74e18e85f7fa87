package bench

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"
)

// Admin runs "stoker admin" as an operator does. The error is what it says on stderr.
func (b *Bench) Admin(args ...string) (string, error) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), Binary("stoker"), append(append([]string{"admin"}, args...), "--config", b.ConfigFile)...) //nolint:gosec // a binary under test
	cmd.Env = b.Environment()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), errors.New(stderr.String())
	}
	return string(out), nil
}

// LoseDatabase makes Temporal forget everything.
func (b *Bench) LoseDatabase() {
	b.Helper()
	b.Core.Kill()
	for _, file := range b.database() {
		require.NoError(b, os.Remove(file))
	}
	b.StartCore()
}

// database lists the files of Temporal's.
func (b *Bench) database() []string {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(b.Dir, "core", "temporal.sqlite*"))
	require.NoError(b, err)
	require.NotEmpty(b, files)
	return files
}

// BackUp copies Temporal's database, which is stopped meanwhile.
func (b *Bench) BackUp() (dir string) {
	b.Helper()
	b.Core.Kill()
	dir = b.TempDir()
	b.copyInto(dir, b.database())
	b.StartCore()
	return dir
}

// Restore puts a copy in the place of Temporal's database.
func (b *Bench) Restore(backup string) {
	b.Helper()
	b.Core.Kill()
	for _, file := range b.database() {
		require.NoError(b, os.Remove(file))
	}
	files, err := filepath.Glob(filepath.Join(backup, "*"))
	require.NoError(b, err)
	b.copyInto(filepath.Join(b.Dir, "core"), files)
	b.StartCore()
}

func (b *Bench) copyInto(dir string, files []string) {
	b.Helper()
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(b, err)
		require.NoError(b, os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o600))
	}
}

// Terminate ends a job's workflow without any of its code.
func (j *Job) Terminate() {
	j.Bench.Helper()
	require.NoError(j.Bench, j.Bench.Client.TerminateWorkflow(j.Bench.Context(), j.Key.WorkflowID(), "", "the test wants it"))
}
