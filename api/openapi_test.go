package api

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/stretchr/testify/require"
)

// description is openapi.yaml, ready to hold traffic against.
var description = sync.OnceValue(func() validator.Validator {
	document, err := libopenapi.NewDocument(OpenAPI())
	if err != nil {
		panic(err)
	}
	// Who needs a token is the authorisation table's matter.
	v, errs := validator.NewValidator(document, config.WithoutSecurityValidation(), config.WithFormatAssertions())
	if len(errs) > 0 {
		panic(errs)
	}
	return v
})

var (
	// validating: the validator's cache is not for several at once.
	validating sync.Mutex
	// exercised holds the routes that have answered with success.
	exercised sync.Map
)

// TestMain makes sure that the tests together have used every route with success.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && everything() {
		for _, r := range served() {
			if _, ok := exercised.Load(r.method + " " + r.path); !ok {
				fmt.Fprintf(os.Stderr, "no test has used %s %s with success, so openapi.yaml was not held against it\n", r.method, r.path)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// everything reports whether all tests were to run.
func everything() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return flag.Lookup("test.fuzzworker").Value.String() != "true"
}

// recorder holds what passes through it against openapi.yaml.
type recorder struct {
	t    testing.TB
	next http.RoundTripper
}

func (r recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := &lockedBuffer{}
	if request.Body != nil {
		body := request.Body
		request = request.Clone(request.Context())
		request.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(body, sent), body}
	}
	response, err := r.next.RoundTrip(request)
	route := routeOf(request)
	if err != nil || route == "" {
		return response, err
	}
	if response.StatusCode < http.StatusBadRequest {
		exercised.Store(route, true)
	}
	if request.Method == http.MethodHead && !described(route) {
		return response, err
	}
	if response.Header.Get("Content-Type") == "application/octet-stream" {
		r.hold(request, sent.Bytes(), response, nil) // bytes as they are, perhaps without an end
		return response, nil
	}
	received, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // all of it was read
	response.Body = io.NopCloser(bytes.NewReader(received))
	if err == nil {
		r.hold(request, sent.Bytes(), response, received)
	}
	return response, err
}

// lockedBuffer may be read while a request is still being sent: it may be refused before
// it is all there.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buffer.Bytes())
}

// hold fails the test if a response is none that the description allows, or if a request
// was accepted that it forbids.
func (r recorder) hold(request *http.Request, sent []byte, response *http.Response, received []byte) {
	validating.Lock()
	defer validating.Unlock()
	request = request.Clone(request.Context())
	request.Body = io.NopCloser(bytes.NewReader(sent))
	shown := *response
	shown.Body = io.NopCloser(bytes.NewReader(received))
	if ok, errs := description().ValidateHttpResponse(request, &shown); !ok {
		for _, err := range errs {
			r.t.Errorf("openapi.yaml has no such answer to %s %s (%d %s): %s: %v", request.Method, request.URL, response.StatusCode, received, err, err.SchemaValidationErrors)
		}
	}
	if response.StatusCode >= http.StatusBadRequest {
		return
	}
	if ok, errs := description().ValidateHttpRequestSync(request); !ok {
		for _, err := range errs {
			r.t.Errorf("openapi.yaml has no such request as %s %s %s, which was accepted: %s: %v", request.Method, request.URL, sent, err, err.SchemaValidationErrors)
		}
	}
}

// described reports whether a route has an operation of its own: HEAD beside GET has not.
func described(name string) bool {
	return slices.ContainsFunc(table(), func(r route) bool { return r.method+" "+r.path == name })
}

var parameter = regexp.MustCompile(`:[a-z0-9]+`)

// routeOf is the route that a request is for, "" for none.
func routeOf(request *http.Request) string {
	for _, r := range served() {
		pattern := regexp.MustCompile("^" + parameter.ReplaceAllString(regexp.QuoteMeta(r.path), "[^/]+") + "$")
		if r.method == request.Method && pattern.MatchString(request.URL.EscapedPath()) {
			return r.method + " " + r.path
		}
	}
	return ""
}

func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	t.Parallel()
	document, err := libopenapi.NewDocument(OpenAPI())
	require.NoError(t, err)
	model, err := document.BuildV3Model()
	require.NoError(t, err)
	var described []string
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			described = append(described, strings.ToUpper(method)+" "+path)
			require.NotEmpty(t, operation.OperationId)
			require.NotNil(t, operation.Responses.Default, "what a problem looks like is said of every operation")
		}
	}
	var routes []string
	for _, r := range table() {
		path := parameter.ReplaceAllStringFunc(r.path, func(p string) string { return "{" + p[1:] + "}" })
		routes = append(routes, r.method+" "+path)
	}
	slices.Sort(described)
	slices.Sort(routes)
	require.Equal(t, routes, described)
}

// A validator that lets everything pass would make all of this worth nothing.
func TestTrafficIsReallyHeldAgainstOpenAPI(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, body := range map[string]string{
		"right":          `{"id":"a","source":"api","phase":"done","outcome":null,"times":{},"links":{"self":"x","logs":"y"}}`,
		"field missing":  `{"id":"a","source":"api","phase":"done","times":{},"links":{"self":"x","logs":"y"}}`,
		"another phase":  `{"id":"a","source":"api","phase":"asleep","outcome":null,"times":{},"links":{"self":"x","logs":"y"}}`,
		"field too many": `{"id":"a","source":"api","phase":"done","outcome":null,"times":{},"links":{"self":"x","logs":"y"},"new":1}`,
		"another type":   `{"id":1,"source":"api","phase":"done","outcome":null,"times":{},"links":{"self":"x","logs":"y"}}`,
		"no time":        `{"id":"a","source":"api","phase":"done","outcome":null,"times":{"endedAt":"now"},"links":{"self":"x","logs":"y"}}`,
	} {
		found := &errorCounter{TB: t}
		request := b.request("ana", http.MethodGet, "/v1/jobs/api-1", nil)
		recorder{t: found}.hold(request, nil, &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}}, []byte(body))
		require.Equal(t, name != "right", found.n > 0, name)
	}
	found := &errorCounter{TB: t}
	request := b.request("ana", http.MethodPost, "/v1/jobs", strings.NewReader("x"))
	view := `{"id":"a","source":"api","phase":"done","outcome":null,"times":{},"links":{"self":"x","logs":"y"}}`
	answer := &http.Response{StatusCode: http.StatusCreated, Header: http.Header{"Content-Type": {"application/json"}, "Location": {"/x"}}}
	for body, wrong := range map[string]bool{
		`{"file":"x.py","conf":{"a":1}}`: true, `{"file":"x.py","labels":{"a b":"c"}}`: true, `{"file":"x.py","labels":{"a":"b/c"}}`: true,
		`{"file":"x.py","labels":{"a/b.c":"d","e":""}}`: false,
	} {
		found.n = 0
		recorder{t: found}.hold(request, []byte(body), answer, []byte(view))
		require.Equal(t, wrong, found.n > 0, "a request that was accepted: %s", body)
	}
}

// errorCounter counts errors instead of failing.
type errorCounter struct {
	testing.TB
	n int
}

func (e *errorCounter) Errorf(string, ...any) { e.n++ }
