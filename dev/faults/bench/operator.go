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
	files, err := filepath.Glob(filepath.Join(b.Dir, "core", "temporal.sqlite*"))
	require.NoError(b, err)
	require.NotEmpty(b, files)
	for _, file := range files {
		require.NoError(b, os.Remove(file))
	}
	b.StartCore()
}

// Terminate ends a job's workflow without any of its code.
func (j *Job) Terminate() {
	j.Bench.Helper()
	require.NoError(j.Bench, j.Bench.Client.TerminateWorkflow(j.Bench.Context(), j.Key.WorkflowID(), "", "the test wants it"))
}
