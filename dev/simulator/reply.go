package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// answerItem answers a read of or a write to a job: its ETag and, when the client
// sent an Accept header or body says so, its document.
func answerItem(c echo.Context, status int, job snapshot) error {
	c.Response().Header().Set("ETag", etag(job.version))
	if status == http.StatusNoContent {
		return c.NoContent(status)
	}
	return answerJSON(c, status, itemBody(c.Request(), job))
}

// wantsBody reports whether a write is answered with the document: Spring Data
// REST's rule is any Accept header at all.
func wantsBody(r *http.Request) bool { return strings.TrimSpace(r.Header.Get("Accept")) != "" }

// writeStatus is the status of a successful write to an item.
func writeStatus(r *http.Request) int {
	if wantsBody(r) {
		return http.StatusOK
	}
	return http.StatusNoContent
}

// answerJSON answers a HAL document, under the plain media type if that was asked.
func answerJSON(c echo.Context, status int, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	mediaType := "application/hal+json"
	if accept := c.Request().Header.Get("Accept"); strings.HasPrefix(accept, "application/json") {
		mediaType = "application/json"
	}
	return c.Blob(status, mediaType, body)
}

// answerError gives an error of the store its status.
func answerError(c echo.Context, err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return c.NoContent(http.StatusNotFound)
	case errors.Is(err, ErrStale):
		c.Response().Header().Set("ETag", echoedETag(c.Request().Header.Get("If-Match")))
		return c.NoContent(http.StatusPreconditionFailed)
	case errors.Is(err, ErrDuplicate):
		return answerProblem(c, http.StatusConflict, "E11000 duplicate key error: "+err.Error())
	case errors.Is(err, ErrInvalid):
		return answerProblem(c, http.StatusBadRequest, err.Error())
	case errors.Is(err, errMediaType):
		return answerProblem(c, http.StatusUnsupportedMediaType, err.Error())
	case errors.Is(err, ErrTooLarge):
		return answerProblem(c, http.StatusInternalServerError, "BsonMaximumSizeExceededException: "+err.Error())
	case errors.Is(err, ErrClosed):
		return answerProblem(c, http.StatusServiceUnavailable, err.Error())
	default:
		return fmt.Errorf("write to the store: %w", err)
	}
}

// answerProblem answers an error in Spring Boot's form.
func answerProblem(c echo.Context, status int, message string) error {
	r := c.Request()
	if status == http.StatusUnauthorized {
		c.Response().Header().Set("WWW-Authenticate", "Bearer")
	}
	if !bodyAllowed(status) {
		return c.NoContent(status)
	}
	return c.JSON(status, object{
		"timestamp": time.Now().UTC().Format(timestamp),
		"status":    status,
		"error":     http.StatusText(status),
		"message":   message,
		"path":      r.URL.Path,
	})
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
