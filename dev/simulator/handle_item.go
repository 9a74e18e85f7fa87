package simulator

import (
	"log/slog"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"
)

// createJob answers POST of a new job.
func (s *Server) createJob(c echo.Context) error {
	raw, _, err := s.readBody(c)
	if err != nil {
		return answerError(c, err)
	}
	body, err := decodeObject(raw)
	if err != nil {
		return answerError(c, err)
	}
	job, err := s.store.create(body)
	if err != nil {
		return answerError(c, err)
	}
	s.logWrite(c, job)
	c.Response().Header().Set("Location", selfURL(c.Request(), job))
	if wantsBody(c.Request()) {
		return answerItem(c, http.StatusCreated, job)
	}
	c.Response().Header().Set("ETag", etag(job.version))
	c.Response().Header().Set("Content-Length", "0")
	return c.NoContent(http.StatusCreated)
}

// jobHandlers answer for the jobs of one collection.
type jobHandlers struct {
	*Server
	collection collection
}

func (h jobHandlers) get(c echo.Context) error {
	job, ok := h.store.get(jobID(c))
	if !ok || !h.collection.holds(job.doc) {
		return answerError(c, ErrNotFound)
	}
	if known := c.Request().Header.Get("If-None-Match"); known != "" && etagHolds(known, job.version) {
		c.Response().Header().Set("ETag", etag(job.version))
		return c.NoContent(http.StatusNotModified)
	}
	return answerItem(c, http.StatusOK, job)
}

func (h jobHandlers) put(c echo.Context) error {
	raw, _, err := h.readBody(c)
	if err != nil {
		return answerError(c, err)
	}
	body, err := decodeObject(raw)
	if err != nil {
		return answerError(c, err)
	}
	return h.write(c, func(stored object) (object, error) { return nullMissing(stored, body), nil })
}

func (h jobHandlers) patch(c echo.Context) error {
	raw, mediaType, err := h.readBody(c)
	if err != nil {
		return answerError(c, err)
	}
	if mediaType == jsonPatchType {
		patch, err := decode(raw)
		if err != nil {
			return answerError(c, err)
		}
		return h.write(c, func(stored object) (object, error) {
			return applyJSONPatch(stored, patch, h.options.DocumentLimit)
		})
	}
	patch, err := decodeObject(raw)
	if err != nil {
		return answerError(c, err)
	}
	return h.write(c, func(stored object) (object, error) {
		return mergeDocument(stored, patch, h.options.ArrayMode), nil
	})
}

func (h jobHandlers) delete(c echo.Context) error { return h.write(c, nil) }

// write performs and answers a write to an item; without apply, its deletion.
func (h jobHandlers) write(c echo.Context, apply func(object) (object, error)) error {
	r := c.Request()
	status := writeStatus(r)
	job, err := h.store.write(change{
		id:      jobID(c),
		within:  h.collection.holds,
		ifMatch: r.Header.Get("If-Match"),
		method:  r.Method,
		status:  status,
		apply:   apply,
	})
	if err != nil {
		return answerError(c, err)
	}
	h.logWrite(c, job)
	return answerItem(c, status, job)
}

func (s *Server) logWrite(c echo.Context, job snapshot) {
	s.logger.Info("job written", slog.String("job", job.id), slog.String("method", c.Request().Method),
		slog.Int64("version", job.version), slog.Any("status", job.doc["jobStatus"]))
}

// jobID is the id in the path. Echo leaves it escaped when the path needed escapes.
func jobID(c echo.Context) string {
	id := c.Param("id")
	if c.Request().URL.RawPath == "" {
		return id
	}
	if plain, err := url.PathUnescape(id); err == nil {
		return plain
	}
	return id
}
