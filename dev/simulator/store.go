package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
)

// timestamp is how Spring writes a date: ISO 8601, UTC, milliseconds.
const timestamp = "2006-01-02T15:04:05.000Z"

// snapshot is a live job at one version. It is immutable.
type snapshot struct {
	id      string
	version int64
	doc     object
}

// store holds the jobs and their history. All state that readers see is immutable
// or copied under the lock, so a reader gets one consistent moment.
type store struct {
	now   func() time.Time
	limit int

	mu      sync.RWMutex
	journal *journal
	closed  bool
	live    map[string]snapshot
	order   []string // ids of the live jobs, oldest first
	history map[string][]Revision
	changed chan struct{} // closed and replaced by every write
}

func openStore(dir string, limit int, now func() time.Time) (*store, error) {
	s := &store{
		now:     now,
		limit:   limit,
		live:    map[string]snapshot{},
		history: map[string][]Revision{},
		changed: make(chan struct{}),
	}
	var err error
	s.journal, err = openJournal(dir, s.replay)
	return s, err
}

// replay takes an entry of the journal in.
func (s *store) replay(e entry) error {
	if e.ID == "" || (e.Document == nil && !e.Deleted()) {
		return errors.New("not a revision of a job")
	}
	s.apply(e)
	return nil
}

// apply changes the state in memory by one revision.
func (s *store) apply(e entry) {
	_, existed := s.live[e.ID]
	switch {
	case e.Deleted():
		delete(s.live, e.ID)
		s.order = slices.DeleteFunc(s.order, func(id string) bool { return id == e.ID })
	default:
		s.live[e.ID] = snapshot{id: e.ID, version: e.Version, doc: e.Document}
		if !existed {
			s.order = append(s.order, e.ID)
		}
	}
	s.history[e.ID] = append(s.history[e.ID], e.Revision)
}

// commit journals a revision, applies it and wakes the waiters. The lock is held.
func (s *store) commit(e entry) error {
	if s.closed {
		return ErrClosed
	}
	if err := s.journal.append(e); err != nil {
		return err
	}
	s.apply(e)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// create stores a new job: ErrDuplicate when its id is taken.
func (s *store) create(body object) (snapshot, error) {
	id, err := newID(body["id"])
	if err != nil {
		return snapshot{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.live[id]; taken {
		return snapshot{}, ErrDuplicate
	}
	at := s.moment()
	doc := with(body, "id", id)
	doc["createdDate"] = at.Format(timestamp)
	if _, given := doc["jobStatus"]; !given {
		doc["jobStatus"] = "CREATED"
	}
	return s.put(id, doc, Revision{At: at, Method: http.MethodPost, Status: http.StatusCreated})
}

// newID is the id a body asks for, else a UUID.
func newID(given any) (string, error) {
	switch given := given.(type) {
	case nil:
		return uuid.NewString(), nil
	case string:
		if given == "" {
			return uuid.NewString(), nil
		}
		return given, nil
	case json.Number: // Jackson reads a number into a String field
		return given.String(), nil
	default:
		return "", invalid("id is not a string")
	}
}

// change describes a write to an existing job.
type change struct {
	id      string
	within  func(object) bool // which documents the collection holds
	ifMatch string            // the header as sent; empty for none
	method  string
	status  int
	// apply makes the new document of the stored one, which it must not modify.
	// It is nil for a deletion.
	apply func(object) (object, error)
}

// write performs a change and returns the job after it, or for a deletion before
// it: ErrNotFound, ErrStale, ErrInvalid, ErrTooLarge.
func (s *store) write(c change) (snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	current, ok := s.live[c.id]
	if !ok || !c.within(current.doc) {
		return snapshot{}, ErrNotFound
	}
	if c.ifMatch != "" && !etagHolds(c.ifMatch, current.version) {
		return snapshot{}, ErrStale
	}
	r := Revision{Version: current.version, At: s.moment(), Method: c.method, Status: c.status}
	if c.apply == nil {
		return current, s.commit(entry{ID: c.id, Revision: r})
	}
	doc, err := c.apply(current.doc)
	if err != nil {
		return snapshot{}, err
	}
	r.Version++
	return s.put(c.id, with(doc, "id", c.id), r)
}

// put stamps doc, which it owns, as revision r and commits it.
func (s *store) put(id string, doc object, r Revision) (snapshot, error) {
	delete(doc, "_links")
	doc["version"] = json.Number(strconv.FormatInt(r.Version, 10))
	doc["lastModifiedDate"] = r.At.Format(timestamp)
	if err := checkSize(doc, s.limit); err != nil {
		return snapshot{}, err
	}
	r.Document = doc
	if err := s.commit(entry{ID: id, Revision: r}); err != nil {
		return snapshot{}, err
	}
	return s.live[id], nil
}

func (s *store) moment() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// get returns a live job.
func (s *store) get(id string) (snapshot, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	current, ok := s.live[id]
	return current, ok
}

// list returns the live jobs that pass, oldest first, as of one moment.
func (s *store) list(passes func(object) bool) []snapshot {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var jobs []snapshot
	for _, id := range s.order {
		if job := s.live[id]; passes(job.doc) {
			jobs = append(jobs, job)
		}
	}
	return jobs
}

// revisions returns a job's history, which outlives its deletion. The documents
// are shared: callers outside the package get clones.
func (s *store) revisions(id string) []Revision {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.history[id][:len(s.history[id]):len(s.history[id])]
}

// wait returns the first revision of a job, past or to come, that done accepts.
func (s *store) wait(ctx context.Context, id string, done func(Revision) bool) (Revision, error) {
	for seen := 0; ; {
		s.mu.RLock()
		history, changed, closed := s.history[id], s.changed, s.closed
		s.mu.RUnlock()
		for ; seen < len(history); seen++ {
			if r := history[seen].clone(); done(r) {
				return r, nil
			}
		}
		if closed {
			return Revision{}, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Revision{}, fmt.Errorf("wait for job %s, %d revisions seen: %w", id, seen, context.Cause(ctx))
		}
	}
}

// close ends the waits and refuses further writes. A second call does nothing.
func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.changed)
	return s.journal.close()
}
