package simulator

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"
)

// The handlers of the control plane, /sim.

func (s *Server) getRevisions(c echo.Context) error {
	revisions := s.store.revisions(jobID(c))
	if len(revisions) == 0 {
		return c.NoContent(http.StatusNotFound)
	}
	body, err := encode(revisions)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "application/json", body)
}

func (s *Server) getFaults(c echo.Context) error { return c.JSON(http.StatusOK, s.Faults()) }

func (s *Server) putFaults(c echo.Context) error {
	var rules []Fault
	if err := decodeControl(c, &rules); err != nil {
		return answerError(c, err)
	}
	if err := s.SetFaults(rules...); err != nil {
		return answerError(c, invalid("%v", err))
	}
	return s.getFaults(c)
}

func (s *Server) deleteFaults(c echo.Context) error {
	if err := s.SetFaults(); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) getRequests(c echo.Context) error { return c.JSON(http.StatusOK, s.Requests()) }

func (s *Server) deleteRequests(c echo.Context) error {
	s.requests.reset()
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) putToken(c echo.Context) error {
	var body struct {
		Token string `json:"token"`
	}
	if err := decodeControl(c, &body); err != nil {
		return answerError(c, err)
	}
	s.SetToken(body.Token)
	return c.NoContent(http.StatusNoContent)
}

// decodeControl reads a control request strictly: a misspelt field would be a
// test that tests nothing.
func decodeControl(c echo.Context, v any) error {
	d := json.NewDecoder(c.Request().Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return invalid("%v", err)
	}
	return nil
}
