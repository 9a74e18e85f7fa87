package simulator

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Options configure a Server. The zero value is a simulator of Spring Boot 3.5
// that keeps its state in memory only.
type Options struct {
	// Dir holds the journal, which a later Server on the same Dir replays. It is
	// made when missing. Empty: nothing is kept. One Server at a time may use it.
	Dir string
	// ArrayMode is what a merge patch does to arrays. Default ArrayReplace.
	ArrayMode ArrayMode
	// DocumentLimit is the largest document in bytes of BSON. Default MongoLimit.
	DocumentLimit int
	// Now is the clock for dates. Default time.Now.
	Now func() time.Time
	// Logger gets a line for every write and every fault. Default: none.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.ArrayMode == "" {
		o.ArrayMode = ArrayReplace
	}
	if o.DocumentLimit == 0 {
		o.DocumentLimit = MongoLimit
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	if o.DocumentLimit < 0 {
		return fmt.Errorf("document limit %d: want a positive number of bytes", o.DocumentLimit)
	}
	return o.ArrayMode.validate()
}

// Server is a simulated model-manage. Its methods may be called from any
// goroutine; they see and make the same revisions as requests do, but no faults,
// no token and no request counts apply to them.
type Server struct {
	options  Options
	logger   *slog.Logger
	store    *store
	faults   faultRules
	requests requestCounts
	token    bearerToken
	handler  http.Handler
}

// New makes a Server and replays the journal in options.Dir.
func New(options Options) (*Server, error) {
	options = options.withDefaults()
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	st, err := openStore(options.Dir, options.DocumentLimit, options.Now)
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	s := &Server{options: options, logger: options.Logger, store: st}
	s.handler = s.routes()
	return s, nil
}

// Handler serves the API and the control plane; see the package comment.
func (s *Server) Handler() http.Handler { return s.handler }

// Close closes the journal. Waits end and further writes fail with ErrClosed; a
// second Close does nothing.
func (s *Server) Close() error { return s.store.close() }

// Create stores a job as POST does: ErrInvalid, ErrDuplicate, ErrTooLarge.
func (s *Server) Create(doc map[string]any) (id string, err error) {
	body, err := normalize(doc)
	if err != nil {
		return "", err
	}
	job, err := s.store.create(body)
	return job.id, err
}

// Merge changes a job as a merge patch does, for what someone else than the client
// under test does to it, such as a cancellation: ErrNotFound, ErrInvalid, ErrTooLarge.
func (s *Server) Merge(id string, patch map[string]any) error {
	body, err := normalize(patch)
	if err != nil {
		return err
	}
	_, err = s.store.write(change{
		id:     id,
		within: allJobs.holds,
		method: http.MethodPatch,
		status: http.StatusNoContent,
		apply: func(stored object) (object, error) {
			return mergeDocument(stored, body, s.options.ArrayMode), nil
		},
	})
	return err
}

// Document returns a copy of a live job's document, without _links.
func (s *Server) Document(id string) (map[string]any, bool) {
	job, ok := s.store.get(id)
	return cloneObject(job.doc), ok
}

// IDs returns the ids of the live jobs in the order they were created.
func (s *Server) IDs() []string {
	jobs := s.store.list(allJobs.holds)
	ids := make([]string, len(jobs))
	for i, job := range jobs {
		ids[i] = job.id
	}
	return ids
}

// Revisions returns a copy of everything written to a job, oldest first, also
// after its deletion; none when the id was never used.
func (s *Server) Revisions(id string) []Revision {
	shared := s.store.revisions(id)
	revisions := make([]Revision, len(shared))
	for i, r := range shared {
		revisions[i] = r.clone()
	}
	return revisions
}

// Wait returns the first revision of a job that done accepts, at once when it was
// written already. The job need not exist yet. It fails with the context's error
// or ErrClosed. done gets each revision once, in order.
func (s *Server) Wait(ctx context.Context, id string, done func(Revision) bool) (Revision, error) {
	return s.store.wait(ctx, id, done)
}

// SetFaults replaces the fault rules; none removes them all.
func (s *Server) SetFaults(rules ...Fault) error { return s.faults.set(rules) }

// Faults returns the rules with how often each was applied.
func (s *Server) Faults() []Fault { return s.faults.list() }

// Requests returns how many requests model-manage got since the start or the last
// reset, by method and route: "PATCH /model-manage/api/jobs/:id".
func (s *Server) Requests() map[string]int { return s.requests.snapshot() }

// SetToken makes the API ask for this bearer token; empty asks for none.
func (s *Server) SetToken(token string) { s.token.set(token) }
