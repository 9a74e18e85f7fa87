package api

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// access says who may use a route.
type access string

const (
	// accessAll needs no token.
	accessAll access = "all"
	// accessUsers are those who may submit jobs; what they see of others' is up to the
	// handler.
	accessUsers access = "users"
	// accessAdmins are those who operate the installation.
	accessAdmins access = "admins"
	// accessPush is model-manage.
	accessPush access = "model-manage"
	// accessMetrics reads metrics.
	accessMetrics access = "metrics"
)

// allowed is which roles each kind of access is open to.
var allowed = map[access][]Role{
	accessUsers:   {RoleUser, RoleAdmin},
	accessAdmins:  {RoleAdmin},
	accessPush:    {RoleModelManage, RoleAdmin},
	accessMetrics: {RoleMetrics, RoleAdmin},
}

// route is one method of one path.
type route struct {
	method, path string
	access       access
	handle       func(*Server, echo.Context) error
}

// table is every route there is.
func table() []route {
	return []route{
		{http.MethodGet, "/healthz", accessAll, (*Server).healthz},
		{http.MethodHead, "/healthz", accessAll, (*Server).healthz},
		{http.MethodGet, "/readyz", accessAll, (*Server).readyz},
		{http.MethodHead, "/readyz", accessAll, (*Server).readyz},
		{http.MethodGet, "/openapi.yaml", accessAll, (*Server).openapi},
		{http.MethodGet, "/metrics", accessMetrics, (*Server).metrics},

		{http.MethodPost, "/v1/jobs", accessUsers, (*Server).submit},
		{http.MethodGet, "/v1/jobs", accessUsers, (*Server).list},
		{http.MethodGet, "/v1/jobs/:id", accessUsers, (*Server).get},
		{http.MethodGet, "/v1/jobs/:id/logs", accessUsers, (*Server).logs},
		{http.MethodPost, "/v1/jobs/:id/cancel", accessUsers, (*Server).cancel},
		{http.MethodPost, "/v1/jobs/:id/rerun", accessUsers, (*Server).rerun},

		{http.MethodHead, "/v1/artifacts/:sha256", accessUsers, (*Server).hasArtifact},
		{http.MethodPut, "/v1/artifacts/:sha256", accessUsers, (*Server).putArtifact},

		{http.MethodPost, "/v1/model-manage/jobs/:id", accessPush, (*Server).push},
		{http.MethodGet, "/v1/clusters", accessUsers, (*Server).clusters},
		{http.MethodPost, "/v1/clusters/:name/drain", accessAdmins, (*Server).drain},
		{http.MethodPost, "/v1/clusters/:name/resume", accessAdmins, (*Server).resume},
	}
}
