package yarnsim

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/driver"
	"github.com/stoker-spark/stoker/spark"
)

// Driver plays Stoker's Python driver for applications whose job directory lies
// on this host.
type Driver struct{}

// JobDir of an application that Stoker sent, from where its staging directory
// lies.
func (Driver) JobDir(app App) (string, error) {
	u, err := url.Parse(app.Submission.Container.Environment["SPARK_YARN_STAGING_DIR"])
	if err != nil {
		return "", fmt.Errorf("the staging directory of %s: %w", app.ID, err)
	}
	dir, _, ok := strings.Cut(u.Path, "/.sparkStaging/")
	if !ok {
		return "", fmt.Errorf("the staging directory of %s is not in a job directory: %q", app.ID, u.Path)
	}
	return dir, nil
}

// job reads the driver's input.
func (d Driver) job(app App) (job driver.Job, dir string, err error) {
	if dir, err = d.JobDir(app); err != nil {
		return job, "", err
	}
	data, err := os.ReadFile(filepath.Join(dir, spark.FileJob))
	if err != nil {
		return job, "", err
	}
	if err := json.Unmarshal(data, &job); err != nil {
		return job, "", fmt.Errorf("read the job of %s: %w", app.ID, err)
	}
	return job, dir, nil
}

// Start is the driver before it imports the model: it makes the started marker.
// An application that finds one must not run; the error is fs.ErrExist.
func (d Driver) Start(app App) error {
	job, dir, err := d.job(app)
	if err != nil {
		return err
	}
	marker, err := os.OpenFile(filepath.Join(dir, spark.FileStarted), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = json.NewEncoder(marker).Encode(map[string]any{"owner": job.Application, "attempt": job.Attempt, "at": now()})
	if closing := marker.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return d.status(job, dir, map[string]any{"state": driver.StateRunning})
}

// Return is the driver after the function has returned: it writes every
// embedded output, and says so.
func (d Driver) Return(app App, output []byte) error {
	job, dir, err := d.job(app)
	if err != nil {
		return err
	}
	own := filepath.Join(dir, spark.DirOutputs) + "/"
	for _, asset := range job.Outputs {
		location, _ := asset["fileUrl"].(string)
		name := strings.TrimPrefix(strings.TrimPrefix(location, "file:"), "//")
		if !strings.HasPrefix(name, own) {
			continue // somebody else's
		}
		if err := os.WriteFile(name, output, 0o600); err != nil {
			return err
		}
	}
	return d.status(job, dir, map[string]any{"state": driver.StateReturned, "end": now()})
}

// Raise is the driver after the model raised.
func (d Driver) Raise(app App, errorType, message string) error {
	job, dir, err := d.job(app)
	if err != nil {
		return err
	}
	return d.status(job, dir, map[string]any{
		"state": driver.StateRaised, "end": now(), "errorType": errorType, "message": message,
	})
}

// Leave is the end of an application master that ends by itself: it removes the
// staging directory.
func (d Driver) Leave(app App) error {
	dir, err := d.JobDir(app)
	if err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, ".sparkStaging", app.ID))
}

// status writes the status file, whole or not at all.
func (Driver) status(job driver.Job, dir string, content map[string]any) error {
	content["version"], content["application"], content["attempt"] = driver.Version, job.Application, job.Attempt
	content["stage"], content["start"] = "function", now()
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, spark.FileStatus)
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }
