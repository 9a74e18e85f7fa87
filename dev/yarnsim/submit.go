package yarnsim

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// YARN's limits of tags and types.
const (
	maxTags = 10
	maxTag  = 100
	maxType = 20
)

// maxBody bounds a request, in bytes.
const maxBody = 4 << 20

// readXML reads a request's body; false if it is none, which has been told.
func readXML(w http.ResponseWriter, r *http.Request, out any) bool {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/xml" {
		// A type that nothing reads is a failure of the servlet.
		refuse(w, http.StatusServiceUnavailable, "javax.ws.rs.WebApplicationException", "")
		return false
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err == nil {
		err = xml.Unmarshal(data, out)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "javax.ws.rs.WebApplicationException",
			"javax.xml.bind.UnmarshalException\n - with linked exception:\n["+err.Error()+"]")
		return false
	}
	return true
}

type target struct {
	XMLName     xml.Name `xml:"appstate"`
	State       rm.State `xml:"state"`
	Diagnostics string   `xml:"diagnostics"`
}

func readTarget(w http.ResponseWriter, r *http.Request) (target, bool) {
	var t target
	return t, readXML(w, r, &t)
}

// submit takes an application, unless its id is known: then it does nothing,
// and says the same.
func (s *Server) submit(w http.ResponseWriter, r *http.Request) {
	user, ok := caller(w, r)
	if !ok {
		return
	}
	var submission rm.SubmissionContext
	if !readXML(w, r, &submission) {
		return
	}
	if !rm.ValidID(submission.ID) {
		bad(w, "java.lang.Exception: Could not parse application id %s", submission.ID)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.check(submission)
	if err == nil && s.apps[submission.ID] == nil {
		if err = checkFresh(submission.Resource); err == nil {
			s.take(user, submission) //nolint:contextcheck // an application outlives the request
		}
	}
	if err != nil {
		bad(w, "java.lang.Exception: %s", err)
		return
	}
	w.Header().Set("Location", "http://"+r.Host+prefix+"apps/"+submission.ID)
	header(w, http.StatusAccepted)
}

// check is what YARN looks at before it looks whether it knows the id. The words
// are YARN's.
func (s *Server) check(submission rm.SubmissionContext) error {
	switch asked := submission.Resource; {
	case asked.MemoryMB > s.options.MaxMemoryMB:
		return errors.New("Requested more memory than configured max") //nolint:staticcheck // YARN's words
	case asked.VCores > s.options.MaxVCores:
		return errors.New("Requested more cores than configured max") //nolint:staticcheck // YARN's words
	case len(submission.Tags) > maxTags:
		return fmt.Errorf("java.lang.IllegalArgumentException: Too many applicationTags, a maximum of only %d are allowed!", maxTags) //nolint:revive,staticcheck // YARN's words
	}
	for _, tag := range submission.Tags {
		switch {
		case utf8.RuneCountInString(tag) > maxTag:
			return fmt.Errorf("java.lang.IllegalArgumentException: Tag %s is too long, maximum allowed length of a tag is %d", tag, maxTag)
		case strings.ContainsFunc(tag, func(c rune) bool { return c > unicode.MaxASCII }):
			return fmt.Errorf("java.lang.IllegalArgumentException: A tag can only have ASCII characters! Invalid tag - %s", tag)
		}
	}
	return nil
}

// checkFresh is what it looks at only if it does not.
func checkFresh(asked rm.Resource) error {
	if asked.MemoryMB < 0 || asked.VCores < 0 {
		return fmt.Errorf("Invalid resource request! Cannot allocate containers as requested resource is less than 0! Requested resource=<memory:%d, vCores:%d>", //nolint:staticcheck // YARN's words
			asked.MemoryMB, asked.VCores)
	}
	return nil
}

// take starts an application's life.
func (s *Server) take(user string, submission rm.SubmissionContext) {
	app := &application{
		id: submission.ID, user: user, submission: submission, queue: submission.Queue,
		kind: submission.Type, final: rm.FinalUndefined, priority: -1, startedAt: time.Now(),
	}
	if app.queue == "" {
		app.queue = s.options.Queues[0]
	}
	if app.kind == "" {
		app.kind = "YARN"
	}
	app.kind = app.kind[:min(len(app.kind), maxType)]
	if submission.Priority != nil {
		app.priority = 0 // what a queue without priorities makes of any
	}
	for _, tag := range submission.Tags {
		app.tags = append(app.tags, strings.ToLower(tag))
	}
	slices.Sort(app.tags)
	app.tags = slices.Compact(app.tags)
	s.apps[app.id] = app
	s.launches[app.id]++
	s.save(app)
}

func (s *Server) hasQueue(name string) bool {
	return slices.Contains(s.options.Queues, strings.TrimPrefix(name, "root."))
}

func queuePath(name string) string { return "root." + strings.TrimPrefix(name, "root.") }

func (s *Server) admin(user string) bool { return slices.Contains(s.options.Admins, user) }
