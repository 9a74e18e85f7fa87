package local

import (
	"encoding/json"
	"os"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// Stage writes the launch of a reserved attempt, for who has no STAGE activity
// write into this root. An attempt that was staged stays as it is.
func (m *Manager) Stage(attempt job.Attempt, launch spark.Launch) error {
	dir, err := m.dir(attempt)
	if err != nil {
		return err
	}
	if exists(dir.path(spark.FileStaged)) {
		return nil
	}
	if err := os.MkdirAll(string(dir), dirMode); err != nil {
		return m.unavailable("stage "+attempt.String(), err)
	}
	data, err := json.Marshal(launch)
	if err != nil {
		return job.Errorf(job.CodeInternal, "stage %s: %w", attempt, err)
	}
	if err := replaceFile(dir.path(spark.FileLaunch), append(data, '\n')); err != nil {
		return m.unavailable("stage "+attempt.String(), err)
	}
	if err := replaceFile(dir.path(spark.FileStaged), []byte("{}\n")); err != nil {
		return m.unavailable("stage "+attempt.String(), err)
	}
	return nil
}

// Claimed reports whether a supervisor has taken the attempt, for ever: it was
// launched, is being launched, or never will be.
func (m *Manager) Claimed(attempt job.Attempt) (bool, error) {
	dir, err := m.dir(attempt)
	return err == nil && exists(dir.path(fileClaim)), err
}
