package simulator

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

const jsonPatchType = "application/json-patch+json"

// errMediaType: the Content-Type is missing or not JSON.
var errMediaType = errors.New("unsupported media type")

// bodyFactor bounds a request body by the document limit: escapes and white space
// make JSON longer than the BSON it stands for.
const bodyFactor = 8

// readBody reads a request's JSON body and tells its media type.
func (s *Server) readBody(c echo.Context) (body []byte, mediaType string, err error) {
	r := c.Request()
	mediaType, _, err = mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !isJSON(mediaType) {
		return nil, "", fmt.Errorf("%w %q", errMediaType, r.Header.Get("Content-Type"))
	}
	body, err = io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, s.bodyLimit()))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return nil, "", ErrTooLarge
	}
	if err != nil {
		return nil, "", invalid("cannot be read: %v", err)
	}
	return body, mediaType, nil
}

// bodyLimit is the longest body that is read, in bytes.
func (s *Server) bodyLimit() int64 { return int64(s.options.DocumentLimit) * bodyFactor }

func isJSON(mediaType string) bool {
	return mediaType == "application/json" ||
		strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}
