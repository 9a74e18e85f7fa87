package api

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/jobspec"
)

//go:embed openapi.yaml
var openapiYAML []byte

// OpenAPI is the description of the API, OpenAPI 3.1 in YAML.
func OpenAPI() []byte { return openapiYAML }

func (s *Server) openapi(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", openapiYAML)
}

func (s *Server) healthz(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

// readyz is 200 only when a job can really run.
func (s *Server) readyz(c echo.Context) error {
	if err := s.ready.ask(c.Request().Context(), s.options.Jobs.Ready); err != nil {
		return refuse(http.StatusServiceUnavailable, "%s", job.Head(err.Error(), job.MaxMessage))
	}
	return c.String(http.StatusOK, "ready\n")
}

func (s *Server) metrics(c echo.Context) error {
	s.options.Metrics.HTTP().ServeHTTP(c.Response(), c.Request())
	return nil
}

// bodyTime bounds how long a body other than a file may take to come in.
const bodyTime = 30 * time.Second

// announcedJSON refuses a body that is said to be something else.
func announcedJSON(c echo.Context) error {
	kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return refuse(http.StatusUnsupportedMediaType, "the body must be application/json")
	}
	return nil
}

// body reads a body of at most maxBody bytes.
func body(c echo.Context) ([]byte, error) {
	// Some writers have no deadlines, as in tests.
	reading := http.NewResponseController(c.Response())
	_ = reading.SetReadDeadline(time.Now().Add(bodyTime))
	defer func() { _ = reading.SetReadDeadline(time.Time{}) }()
	data, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes; upload files as artifacts", maxBody)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the body was cut off")
	}
	return data, nil
}

func (s *Server) submit(c echo.Context) error {
	keys := c.Request().Header.Values("Idempotency-Key")
	if len(keys) > 1 {
		return refuse(http.StatusBadRequest, "Idempotency-Key: is given %d times", len(keys))
	}
	if err := announcedJSON(c); err != nil {
		return err
	}
	data, err := body(c)
	if err != nil {
		return err
	}
	in := jobs.Submission{User: caller(c).Name, Body: data}
	if len(keys) == 1 {
		if in.Key = strings.TrimSpace(keys[0]); in.Key == "" {
			return refuse(http.StatusBadRequest, "Idempotency-Key: is empty")
		}
		if problem := job.TextProblem(in.Key); problem != "" {
			return refuse(http.StatusBadRequest, "Idempotency-Key: %s", problem)
		}
	}
	view, created, err := s.options.Jobs.Submit(c.Request().Context(), in)
	if err != nil {
		return err
	}
	return answerJob(c, view, created)
}

func answerJob(c echo.Context, view jobs.View, created bool) error {
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	c.Response().Header().Set(echo.HeaderLocation, view.Links.Self)
	return c.JSON(status, view)
}

// push starts a job that model-manage holds.
func (s *Server) push(c echo.Context) error {
	id, err := pathParameter(c, "id")
	if err != nil {
		return err
	}
	view, created, err := s.options.Jobs.Push(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return answerJob(c, view, created)
}

// visible returns a job that the caller may touch: a user's own, and everything for an
// administrator. Others' are not there.
func (s *Server) visible(c echo.Context) (jobs.View, error) {
	user := caller(c)
	return s.find(c, func(view jobs.View) bool {
		return user.Has(RoleAdmin) || user.Has(RoleUser) && view.User == user.Name
	})
}

// find returns a job that the caller may see.
func (s *Server) find(c echo.Context, may func(jobs.View) bool) (jobs.View, error) {
	id, err := pathParameter(c, "id")
	if err != nil {
		return jobs.View{}, err
	}
	view, err := s.options.Jobs.Get(c.Request().Context(), id)
	if err != nil {
		return jobs.View{}, err
	}
	if !may(view) {
		return jobs.View{}, job.Errorf(job.CodeNotFound, "there is no job %q", job.Head(id, 100))
	}
	return view, nil
}

// get shows model-manage its own jobs, too: it is told of them, and may look how they are.
func (s *Server) get(c echo.Context) error {
	user := caller(c)
	view, err := s.find(c, func(view jobs.View) bool {
		return user.Has(RoleAdmin) || user.Has(RoleUser) && view.User == user.Name ||
			user.Has(RoleModelManage) && view.Source == job.SourceModelManage
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, view)
}

func (s *Server) list(c echo.Context) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	if user := caller(c); !user.Has(RoleAdmin) {
		if q.User != "" && q.User != user.Name {
			return c.JSON(http.StatusOK, jobs.Page{Jobs: []jobs.View{}})
		}
		q.User = user.Name
	}
	page, err := s.options.Jobs.List(c.Request().Context(), q)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, page)
}

// parameters are the request's, and what is wrong with them: one that is not known here
// is a slip of the pen that would be answered with something else than was meant. Only
// label may be given more than once.
func parameters(c echo.Context, known ...string) (values url.Values, problems []string) {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		problems = append(problems, "query: cannot be read: "+job.Head(err.Error(), 100))
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(known, name):
			problems = append(problems, fmt.Sprintf("%s: is no parameter here; there %s", job.Head(name, 100), listed(known)))
		case len(values[name]) > 1 && name != "label":
			problems = append(problems, name+": is given more than once")
		}
		for _, value := range values[name] {
			if problem := job.TextProblem(value); problem != "" {
				problems = append(problems, job.Head(name, 100)+": "+problem)
			}
		}
	}
	return values, problems
}

func listed(names []string) string {
	if len(names) == 0 {
		return "is none"
	}
	return "are " + strings.Join(names, ", ")
}

// handler answers the requests of a route.
type handler func(*Server, echo.Context) error

// plain refuses parameters where there are none.
func plain(next handler) handler {
	return func(s *Server, c echo.Context) error {
		if _, problems := parameters(c); len(problems) > 0 {
			return job.Invalid("the request cannot be taken", problems)
		}
		return next(s, c)
	}
}

// bare refuses a body, too: what somebody has written there was meant to count. An
// empty object is none.
func bare(next handler) handler {
	return plain(func(s *Server, c echo.Context) error {
		if err := optionalBody(c, &struct{}{}); err != nil {
			return err
		}
		return next(s, c)
	})
}

// pathParameter is a part of the path as the caller meant it: Echo routes by the path as
// it came if that has escapes which matter, such as "%2F", and leaves them in.
func pathParameter(c echo.Context, name string) (string, error) {
	value := c.Param(name)
	if c.Request().URL.RawPath != "" {
		var err error
		if value, err = url.PathUnescape(value); err != nil {
			return "", refuse(http.StatusBadRequest, "%s: cannot be read", name)
		}
	}
	if problem := job.TextProblem(value); problem != "" {
		return "", refuse(http.StatusBadRequest, "%s: %s", name, problem)
	}
	return value, nil
}

// query reads what a list asks for.
func query(c echo.Context) (jobs.Query, error) {
	values, problems := parameters(c, "user", "queue", "cluster", "phase", "outcome", "label", "cursor", "since", "until", "limit")
	q := jobs.Query{
		User: values.Get("user"), Queue: values.Get("queue"), Cluster: values.Get("cluster"),
		Phase: job.Phase(values.Get("phase")), Result: values.Get("outcome"), Cursor: values.Get("cursor"),
		Labels: map[string]string{},
	}
	for _, label := range values["label"] {
		key, value, ok := strings.Cut(label, "=")
		if before, again := q.Labels[key]; again && before != value {
			problems = append(problems, fmt.Sprintf("label: no job has two values of %q", job.Head(key, 100)))
		}
		if !ok {
			problems = append(problems, fmt.Sprintf("label: must be key=value, got %q", job.Head(label, 100)))
		}
		q.Labels[key] = value
	}
	moment := func(name string) time.Time {
		text := values.Get(name)
		if text == "" {
			return time.Time{}
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil || t.Year() < 1970 || t.Year() > 9999 {
			problems = append(problems, fmt.Sprintf("%s: must be a time such as 2026-01-31T12:00:00Z, got %q", name, job.Head(text, 100)))
		}
		return t
	}
	q.Since, q.Until = moment("since"), moment("until")
	if text := values.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > jobs.MaxPage {
			problems = append(problems, fmt.Sprintf("limit: must be 1 to %d, got %q", jobs.MaxPage, job.Head(text, 100)))
		}
		q.Limit = n
	}
	if len(problems) > 0 {
		return q, job.Invalid("the list cannot be made", problems)
	}
	return q, nil
}

// Reason is the optional body of a cancel or a drain.
type Reason struct {
	Reason string `json:"reason"`
}

// optionalBody reads the body of a request that may have none into a pointer to a struct.
// No bytes are none, whatever the headers say: some clients send chunks without knowing
// that there is nothing to send.
func optionalBody(c echo.Context, into any) error {
	if c.Request().ContentLength == 0 {
		return nil
	}
	data, err := body(c)
	if err != nil || len(data) == 0 {
		return err
	}
	if err := announcedJSON(c); err != nil {
		return err
	}
	return jobspec.Decode(data, into)
}

func reason(c echo.Context) (Reason, error) {
	var why Reason
	err := optionalBody(c, &why)
	return why, err
}

func (s *Server) cancel(c echo.Context) error {
	why, err := reason(c)
	if err != nil {
		return err
	}
	view, err := s.visible(c)
	if err != nil {
		return err
	}
	asked, err := s.options.Jobs.Cancel(c.Request().Context(), view.ID, caller(c).Name, why.Reason)
	if err != nil {
		return err
	}
	if view, err = s.options.Jobs.Get(c.Request().Context(), view.ID); err != nil {
		return err
	}
	if !asked {
		return c.JSON(http.StatusOK, view)
	}
	return c.JSON(http.StatusAccepted, view)
}

func (s *Server) rerun(c echo.Context) error {
	view, err := s.visible(c)
	if err != nil {
		return err
	}
	again, err := s.options.Jobs.Rerun(c.Request().Context(), view.ID)
	if err != nil {
		return err
	}
	return answerJob(c, again, true)
}

func (s *Server) clusters(c echo.Context) error {
	views, err := s.options.Jobs.Clusters(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"clusters": views})
}

func (s *Server) drain(c echo.Context) error {
	name, err := pathParameter(c, "name")
	if err != nil {
		return err
	}
	why, err := reason(c)
	if err != nil {
		return err
	}
	view, err := s.options.Jobs.Drain(c.Request().Context(), name, caller(c).Name, why.Reason)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, view)
}

func (s *Server) resume(c echo.Context) error {
	name, err := pathParameter(c, "name")
	if err != nil {
		return err
	}
	view, err := s.options.Jobs.Resume(c.Request().Context(), name)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, view)
}
