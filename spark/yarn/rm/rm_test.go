package rm_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const (
	id1 = "application_1795245848458_0001"
	id2 = "application_1795245848458_0002"
)

// call is what a server saw.
type call struct {
	Method, Path, Query, Type, Body string
}

// server answers with a function and remembers what it was asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

func serve(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.calls = append(s.calls, call{r.Method, r.URL.Path, r.URL.Query().Encode(), r.Header.Get("Content-Type"), string(body)})
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) seen() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call(nil), s.calls...)
}

// reply is a handler that answers everything alike.
func reply(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func replyJSON(status int, body string) http.HandlerFunc {
	return reply(status, "application/json;charset=utf-8", body)
}

// client of servers, with changes to its options.
func client(t *testing.T, change func(*rm.Options), addresses ...string) *rm.Client {
	t.Helper()
	options := rm.Options{Addresses: addresses, User: "alice", Timeout: 5 * time.Second}
	if change != nil {
		change(&options)
	}
	c, err := rm.New(options)
	require.NoError(t, err)
	return c
}

// answering makes a client of one server with one answer.
func answering(t *testing.T, answer http.HandlerFunc) (*rm.Client, *server) {
	t.Helper()
	s := serve(t, answer)
	return client(t, nil, s.URL), s
}
