package yarnsim_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/yarnsim"
	"github.com/stoker-spark/stoker/driver"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// staged is an application with a job directory.
func staged(t *testing.T) (app yarnsim.App, dir string) {
	t.Helper()
	dir = t.TempDir()
	app.ID = "application_1700000000000_0001"
	staging := filepath.Join(dir, ".sparkStaging", app.ID)
	app.Submission.Container.Environment = rm.Map[string]{"SPARK_YARN_STAGING_DIR": "file://" + staging}
	require.NoError(t, os.MkdirAll(staging, 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "out", "0"), 0o700))
	data, err := json.Marshal(driver.Job{
		Version: driver.Version, Application: app.ID, Attempt: 2,
		Outputs: []map[string]any{
			{"fileUrl": "file:" + filepath.Join(dir, "out", "0", "a.csv")}, {"fileUrl": "hdfs:///elsewhere/b.csv"},
		},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "job.json"), data, 0o600))
	return app, dir
}

func status(t *testing.T, dir string) driver.Status {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "status.json"))
	require.NoError(t, err)
	s, err := driver.ParseStatus(data)
	require.NoError(t, err)
	return s
}

func TestTheDriverIsPlayed(t *testing.T) {
	t.Parallel()
	var d yarnsim.Driver
	app, dir := staged(t)
	require.NoError(t, d.Start(app))
	data, err := os.ReadFile(filepath.Join(dir, "started"))
	require.NoError(t, err)
	marker, err := driver.ParseStarted(data)
	require.NoError(t, err)
	require.Equal(t, app.ID, marker.Owner)
	require.Equal(t, 2, marker.Attempt)
	require.Equal(t, driver.StateRunning, status(t, dir).State)
	require.ErrorIs(t, d.Start(app), fs.ErrExist, "the fence")

	require.NoError(t, d.Return(app, []byte("x\n1\n")))
	s := status(t, dir)
	require.Equal(t, driver.StateReturned, s.State)
	require.Equal(t, app.ID, s.Application)
	require.False(t, s.End.IsZero())
	data, err = os.ReadFile(filepath.Join(dir, "out", "0", "a.csv"))
	require.NoError(t, err)
	require.Equal(t, "x\n1\n", string(data))
	require.NoError(t, d.Leave(app))
	require.NoDirExists(t, filepath.Join(dir, ".sparkStaging", app.ID))

	app, dir = staged(t)
	require.NoError(t, d.Raise(app, "ValueError", "no"))
	require.Equal(t, "no", status(t, dir).Message)
}

func TestADriverWithoutAJobDirectory(t *testing.T) {
	t.Parallel()
	var d yarnsim.Driver
	require.Error(t, d.Start(yarnsim.App{}))
	require.Error(t, d.Return(yarnsim.App{}, nil))
}
