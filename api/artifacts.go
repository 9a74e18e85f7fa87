package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// artifact reads which file of which cluster a request is about.
func (s *Server) artifact(c echo.Context) (string, jobspec.Artifact, error) {
	values, problems := parameters(c, "name", "cluster")
	if !values.Has("name") {
		problems = append(problems, "name: is needed: the file's name, as in ?name=job.py")
		return "", jobspec.Artifact{}, job.Invalid("the upload cannot be named like that", problems)
	}
	artifact, err := jobspec.ParseArtifact(c.Param("sha256") + "/" + values.Get("name"))
	if err != nil {
		problems = append(problems, "artifact: "+err.Error())
	}
	if len(problems) > 0 {
		return "", artifact, job.Invalid("the upload cannot be named like that", problems)
	}
	cluster, err := s.options.Jobs.ClusterOf(values.Get("cluster"))
	return cluster, artifact, err
}

// Uploaded is an artifact that is there.
type Uploaded struct {
	// Reference is how a job names it.
	Reference string `json:"reference"`
	Cluster   string `json:"cluster"`
	Bytes     int64  `json:"bytes"`
}

func (s *Server) hasArtifact(c echo.Context) error {
	cluster, artifact, err := s.artifact(c)
	if err != nil {
		return err
	}
	size, there, err := s.options.Jobs.HasArtifact(c.Request().Context(), cluster, artifact)
	if err != nil {
		return err
	}
	if !there {
		return refuse(http.StatusNotFound, "%s was not uploaded to cluster %s", artifact, cluster)
	}
	c.Response().Header().Set("Stoker-Artifact-Bytes", strconv.FormatInt(size, 10))
	return c.NoContent(http.StatusOK)
}

// uploadSilence is how long a caller may send nothing of a file that it uploads.
const uploadSilence = time.Minute

// uploadTime is how long an upload may take in all. It is below what Sweep keeps an
// unfinished one for, by which it tells those that nobody writes to any more.
const uploadTime = 12 * time.Hour

// uploading is a body that may take until its end while something comes.
type uploading struct {
	from     io.Reader
	deadline *http.ResponseController
	silence  time.Duration
	until    time.Time
}

// Read reads what has come within silence. The body's end takes the deadline back, so that
// the store may take its time: net/http reads on behind it, and would end the request's
// context with the deadline. By itself it takes it back only where there was a body.
func (u *uploading) Read(p []byte) (int, error) {
	at := time.Now().Add(u.silence)
	if u.until.Before(at) {
		at = u.until
	}
	_ = u.deadline.SetReadDeadline(at) // some writers have none, as in tests
	n, err := u.from.Read(p)
	if errors.Is(err, io.EOF) {
		_ = u.deadline.SetReadDeadline(time.Time{}) // as above
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("nothing came for %s", u.silence)
	}
	return n, err
}

// receive stores a file that comes, within uploadTime.
func (s *Server) receive(c echo.Context, cluster string, artifact jobspec.Artifact) (int64, error) {
	until := time.Now().Add(s.uploadTime)
	ctx, cancel := context.WithDeadline(c.Request().Context(), until)
	defer cancel()
	content := &uploading{c.Request().Body, http.NewResponseController(c.Response()), s.uploadSilence, until}
	size, err := s.options.Jobs.PutArtifact(ctx, cluster, artifact, c.Request().ContentLength, content)
	if err != nil && !time.Now().Before(until) {
		return size, refuse(http.StatusBadRequest, "the upload was cut off: it took more than %s; send it again over a faster line", s.uploadTime)
	}
	return size, err
}

// putArtifact takes a file. One that is there already is not read again.
func (s *Server) putArtifact(c echo.Context) error {
	cluster, artifact, err := s.artifact(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	status := http.StatusOK
	size, there, err := s.options.Jobs.HasArtifact(ctx, cluster, artifact)
	if err != nil {
		return err
	}
	if !there {
		status = http.StatusCreated
		if size, err = s.receive(c, cluster, artifact); err != nil {
			return err
		}
	}
	return c.JSON(status, Uploaded{Reference: artifact.String(), Cluster: cluster, Bytes: size})
}
