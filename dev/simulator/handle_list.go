package simulator

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// list answers GET of a collection.
func (h jobHandlers) list(c echo.Context) error {
	return h.answerPage(c, h.collection.name, "/"+h.collection.name, h.collection.holds)
}

// findByStatus answers the search for jobs of a status. Without the parameter it
// looks for jobs whose status is null, as a null argument does in Spring.
func (s *Server) findByStatus(c echo.Context) error {
	var status any
	if c.QueryParams().Has("jobStatus") {
		status = c.QueryParam("jobStatus")
	}
	return s.answerPage(c, allJobs.name, "/jobs/search/findAllByJobStatus", func(doc object) bool {
		return equalJSON(doc["jobStatus"], status)
	})
}

// listSearches answers which searches there are.
func (s *Server) listSearches(c echo.Context) error {
	base := serviceURL(c.Request()) + "/jobs/search"
	search := link(base + "/findAllByJobStatus{?jobStatus,page,size,sort}")
	search["templated"] = true
	return answerJSON(c, http.StatusOK, object{
		"_links": object{"findAllByJobStatus": search, "self": link(base)},
	})
}

func (s *Server) answerPage(c echo.Context, rel, path string, passes func(object) bool) error {
	p := parsePage(c.QueryParams()).cut(s.store.list(passes))
	return answerJSON(c, http.StatusOK, pageBody(c.Request(), rel, serviceURL(c.Request())+path, p))
}
