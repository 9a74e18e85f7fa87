package api

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// artifact reads which file of which cluster a request is about.
func (s *Server) artifact(c echo.Context) (string, jobspec.Artifact, error) {
	values, problems := parameters(c, "name", "cluster")
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
		if size, err = s.options.Jobs.PutArtifact(ctx, cluster, artifact, c.Request().ContentLength, c.Request().Body); err != nil {
			return err
		}
	}
	return c.JSON(status, Uploaded{Reference: artifact.String(), Cluster: cluster, Bytes: size})
}
