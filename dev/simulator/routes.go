package simulator

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// Prefix is the gateway's path of the API. Links in replies lack its first part.
const Prefix = "/model-manage/api"

// routes builds the handler.
func (s *Server) routes() http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = answerRoutingError
	e.Use(onlyAPI(s.count), onlyAPI(s.fail), onlyAPI(s.authorize))

	api := e.Group(Prefix)
	api.POST("/jobs", s.createJob)
	api.GET("/jobs/search", s.listSearches)
	api.GET("/jobs/search/findAllByJobStatus", s.findByStatus)
	for _, c := range append([]collection{allJobs}, typedCollections...) {
		jobs := jobHandlers{Server: s, collection: c}
		api.GET("/"+c.name, jobs.list)
		item := "/" + c.name + "/:id"
		api.GET(item, jobs.get)
		api.PUT(item, jobs.put)
		api.PATCH(item, jobs.patch)
		api.DELETE(item, jobs.delete)
	}

	e.GET("/sim/jobs/:id/revisions", s.getRevisions)
	e.GET("/sim/faults", s.getFaults)
	e.PUT("/sim/faults", s.putFaults)
	e.DELETE("/sim/faults", s.deleteFaults)
	e.GET("/sim/requests", s.getRequests)
	e.DELETE("/sim/requests", s.deleteRequests)
	e.PUT("/sim/token", s.putToken)
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	return e
}

// onlyAPI applies a middleware to model-manage and not to the control plane.
func onlyAPI(m echo.MiddlewareFunc) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		inside := m(next)
		return func(c echo.Context) error {
			if strings.HasPrefix(c.Request().URL.Path, "/model-manage/") {
				return inside(c)
			}
			return next(c)
		}
	}
}

func (s *Server) count(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		s.requests.add(c.Request().Method, route(c))
		return next(c)
	}
}

func (s *Server) authorize(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.token.admits(c.Request()) {
			return next(c)
		}
		return answerProblem(c, http.StatusUnauthorized, "full authentication is required")
	}
}

// route is the pattern that matched; every path without one counts as the same.
func route(c echo.Context) string {
	if path := c.Path(); path != "" {
		return path
	}
	return "unmatched"
}

// answerRoutingError answers what no handler did: 404 without a body and 405.
func answerRoutingError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status := http.StatusInternalServerError
	var routing *echo.HTTPError
	if errors.As(err, &routing) {
		status = routing.Code
	}
	if status == http.StatusNotFound {
		err = c.NoContent(status)
	} else {
		err = answerProblem(c, status, err.Error())
	}
	if err != nil {
		c.Logger().Error(err)
	}
}
