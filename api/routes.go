package api

import (
	"net/http"
	"slices"
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
	// accessStatus are those, and model-manage; what each sees is up to the handler.
	accessStatus access = "status"
	// accessPush is model-manage.
	accessPush access = "model-manage"
	// accessMetrics reads metrics.
	accessMetrics access = "metrics"
)

// allowed is which roles each kind of access is open to.
var allowed = map[access][]Role{
	accessUsers:   {RoleUser, RoleAdmin},
	accessAdmins:  {RoleAdmin},
	accessStatus:  {RoleUser, RoleModelManage, RoleAdmin},
	accessPush:    {RoleModelManage, RoleAdmin},
	accessMetrics: {RoleMetrics, RoleAdmin},
}

// route is one method of one path.
type route struct {
	method, path string
	access       access
	handle       handler
}

// table is every route there is but what every path takes: HEAD where there is GET,
// and OPTIONS.
func table() []route {
	return []route{
		{http.MethodGet, "/healthz", accessAll, (*Server).healthz},
		{http.MethodGet, "/readyz", accessAll, (*Server).readyz},
		{http.MethodGet, "/openapi.yaml", accessAll, (*Server).openapi},
		{http.MethodGet, "/metrics", accessMetrics, (*Server).metrics},

		{http.MethodPost, "/v1/jobs", accessUsers, plain((*Server).submit)},
		{http.MethodGet, "/v1/jobs", accessUsers, (*Server).list},
		{http.MethodGet, "/v1/jobs/:id", accessStatus, plain((*Server).get)},
		{http.MethodGet, "/v1/jobs/:id/logs", accessUsers, (*Server).logs},
		{http.MethodPost, "/v1/jobs/:id/cancel", accessUsers, plain((*Server).cancel)},
		{http.MethodPost, "/v1/jobs/:id/rerun", accessUsers, bare((*Server).rerun)},

		{http.MethodHead, "/v1/artifacts/:sha256", accessUsers, (*Server).hasArtifact},
		{http.MethodPut, "/v1/artifacts/:sha256", accessUsers, (*Server).putArtifact},

		{http.MethodPost, "/v1/model-manage/jobs/:id", accessPush, bare((*Server).push)},
		{http.MethodGet, "/v1/clusters", accessUsers, plain((*Server).clusters)},
		{http.MethodPost, "/v1/clusters/:name/drain", accessAdmins, plain((*Server).drain)},
		{http.MethodPost, "/v1/clusters/:name/resume", accessAdmins, bare((*Server).resume)},
	}
}

// served is the table with HEAD beside each GET (RFC 9110, 9.3.2): the same answer, of
// which net/http sends the head alone.
func served() []route {
	all := table()
	for _, r := range table() {
		if r.method == http.MethodGet {
			r.method = http.MethodHead
			all = append(all, r)
		}
	}
	return all
}

// openTo is which roles may make a request: those of the route that it is for or, of a
// path that does not take the method, those that may use the path with another one. All
// says that no token is needed.
func openTo(routes []route, method, path string) (roles []Role, all bool) {
	for _, exact := range []bool{true, false} {
		for _, r := range routes {
			if r.path != path || exact && r.method != method {
				continue
			}
			all = all || r.access == accessAll
			roles = append(roles, allowed[r.access]...)
		}
		if all || len(roles) > 0 {
			break
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles), all
}
