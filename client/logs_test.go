package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func handler(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server.URL
}

// logServer serves one log, as badly as a test wants.
type logServer struct {
	mu sync.Mutex
	// text there is now; finished when that is all.
	text     []byte
	finished bool
	done     bool
	attempt  int
	// spoil an answer: how many bytes to send before what happens then; nil for none.
	spoil func(request int, left int) (bytes int, then func(w http.ResponseWriter, r *http.Request))

	requests int
	offsets  []string
	follows  []string
}

func (s *logServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasSuffix(r.URL.Path, "/logs") {
		phase := "running"
		if s.done {
			phase = "done"
		}
		sayJSON(w, 200, fmt.Sprintf(`{"id":"api-1","phase":%q,"outcome":null,"attempt":%d}`, phase, s.attempt))
		return
	}
	s.requests++
	s.offsets = append(s.offsets, r.URL.Query().Get("offset"))
	s.follows = append(s.follows, r.URL.Query().Get("follow"))
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset")) // the client's own
	if offset < 0 {
		offset = max(0, len(s.text)+offset)
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Stoker-Log-Offset", strconv.Itoa(offset))
	h.Set("Stoker-Log-Size", strconv.Itoa(len(s.text)))
	h.Set("Stoker-Log-Finished", strconv.FormatBool(s.finished))
	part := s.text[min(offset, len(s.text)):]
	n, then := len(part), func(http.ResponseWriter, *http.Request) {}
	if s.spoil != nil {
		n, then = s.spoil(s.requests, len(part))
	}
	_, _ = w.Write(part[:min(n, len(part))]) // the test sees what comes
	_ = http.NewResponseController(w).Flush()
	then(w, r)
}

func cut(w http.ResponseWriter, _ *http.Request) { hangUp(w) }

func ends(http.ResponseWriter, *http.Request) {}

// followed reads a log to its end.
func followed(t *testing.T, s *logServer, r LogRequest) (text string, end LogEnd, b *bundle, err error) {
	t.Helper()
	b = &bundle{}
	c := b.open(t, Options{Server: handler(t, s.ServeHTTP), Timeout: 5 * time.Second})
	c.afterEnd = 0
	var out bytes.Buffer
	r.Job = "api-1"
	end, err = c.Logs(t.Context(), r, &out)
	s.mu.Lock() // answers that broke off may still be in their handlers
	defer s.mu.Unlock()
	return out.String(), end, b, err
}

func manyLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "line %d \x00\xff\x1b[1m\r\n", i)
	}
	return b.Bytes()
}

// However often and wherever the connection breaks, every byte is there once.
func TestALogIsReadWholeOverBrokenConnections(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := &logServer{text: manyLines(10_000), finished: true}
		s.spoil = func(_, left int) (int, func(http.ResponseWriter, *http.Request)) {
			if left < 1000 {
				return left, ends
			}
			return random.IntN(min(left, 60_000)), cut
		}
		for _, follow := range []bool{false, true} {
			text, end, _, err := followed(t, s, LogRequest{Follow: follow})
			require.NoError(t, err)
			require.Equal(t, string(s.text), text, "seed %d", seed)
			require.Equal(t, LogEnd{Offset: int64(len(s.text)), Finished: true}, end)
		}
	}
}

// An answer that ends too early but in order, as behind a proxy that gave up.
func TestAnAnswerThatEndsTooEarlyIsNotTheEnd(t *testing.T) {
	t.Parallel()
	s := &logServer{text: manyLines(100), finished: true}
	s.spoil = func(request, left int) (int, func(http.ResponseWriter, *http.Request)) {
		if request < 3 {
			return 100, ends
		}
		return left, ends
	}
	text, _, _, err := followed(t, s, LogRequest{})
	require.NoError(t, err)
	require.Equal(t, string(s.text), text)
	require.Equal(t, []string{"0", "100", "200"}, s.offsets)
}

func TestFollowGoesOnUntilTheLogIsComplete(t *testing.T) {
	t.Parallel()
	all := manyLines(50)
	s := &logServer{text: all[:100]}
	s.spoil = func(request, left int) (int, func(http.ResponseWriter, *http.Request)) {
		// A server that stops ends its answers in order; then there is more.
		s.text = all[:min(len(all), 100+request*200)]
		s.finished = len(s.text) == len(all)
		return left, ends
	}
	text, end, b, err := followed(t, s, LogRequest{Follow: true, Offset: 10})
	require.NoError(t, err)
	require.Equal(t, string(all[10:]), text)
	require.True(t, end.Finished)
	require.Equal(t, int64(10), end.Begin)
	require.Empty(t, b.pauses, "something came each time")
}

func TestFollowPausesWhereALogStandsStill(t *testing.T) {
	t.Parallel()
	s := &logServer{}
	s.spoil = func(request, left int) (int, func(http.ResponseWriter, *http.Request)) {
		s.finished = request == 3
		return left, ends
	}
	_, end, b, err := followed(t, s, LogRequest{Follow: true})
	require.NoError(t, err)
	require.True(t, end.Finished)
	require.Equal(t, []time.Duration{betweenAnswers, betweenAnswers, betweenAnswers}, b.pauses)
}

func TestFollowEndsWhereALogWasNeverSaved(t *testing.T) {
	t.Parallel()
	s := &logServer{text: manyLines(5), done: true}
	text, end, _, err := followed(t, s, LogRequest{Follow: true})
	require.NoError(t, err)
	require.Equal(t, string(s.text), text)
	require.False(t, end.Finished)
	require.Equal(t, 2, s.requests, "its rest may come a moment after the job is done")
}

// The last look at an attempt's log takes what came since, and waits for no more.
func TestFollowEndsWhereTheNextAttemptHasBegun(t *testing.T) {
	t.Parallel()
	all := manyLines(5)
	s := &logServer{text: all[:20], attempt: 1}
	s.spoil = func(request, left int) (int, func(http.ResponseWriter, *http.Request)) {
		if request == 2 {
			s.attempt = 2
			return left, func(http.ResponseWriter, *http.Request) { s.text = all }
		}
		return left, ends
	}
	text, end, _, err := followed(t, s, LogRequest{Follow: true, Attempt: 1})
	require.NoError(t, err)
	require.Equal(t, string(all), text)
	require.Equal(t, LogEnd{Offset: int64(len(all))}, end)
	require.Equal(t, []string{"true", "true", ""}, s.follows)
}

// A connection that carries nothing may be dead, so it is made anew.
func TestFollowLeavesASilentConnection(t *testing.T) {
	t.Parallel()
	s := &logServer{text: manyLines(5)}
	s.spoil = func(request, left int) (int, func(http.ResponseWriter, *http.Request)) {
		if request == 1 {
			return left, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}
		s.finished = true
		return left, ends
	}
	b := &bundle{}
	c := b.open(t, Options{Server: handler(t, s.ServeHTTP), Timeout: 100 * time.Millisecond})
	var out bytes.Buffer
	end, err := c.Logs(t.Context(), LogRequest{Job: "api-1", Follow: true}, &out)
	require.NoError(t, err)
	require.True(t, end.Finished)
	require.Equal(t, string(s.text), out.String())
}

func TestTheEndOfALogIsReadFromOnePlace(t *testing.T) {
	t.Parallel()
	s := &logServer{text: manyLines(100), finished: true}
	s.spoil = func(request, left int) (int, func(http.ResponseWriter, *http.Request)) {
		if request == 1 {
			s.text = append(s.text, "more\n"...) // so that -50 is another place now
			return 0, cut
		}
		return left, ends
	}
	size := len(s.text)
	text, end, _, err := followed(t, s, LogRequest{Offset: -50})
	require.NoError(t, err)
	require.Equal(t, string(s.text[size-50:]), text)
	require.Equal(t, int64(size-50), end.Begin)
}

func TestWhatIsNoLogIsNotPrinted(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]http.HandlerFunc{
		"a page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>")) // the test sees what comes
		},
		"another place": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Stoker-Log-Offset", "7")
			_, _ = w.Write([]byte("text")) // as above
		},
	} {
		b := &bundle{}
		c := b.open(t, Options{Server: handler(t, f)})
		var out bytes.Buffer
		_, err := c.Logs(t.Context(), LogRequest{Job: "api-1"}, &out)
		require.ErrorIs(t, err, ErrStrange, name)
		require.Empty(t, out.String())
	}
}

type broken struct{ after int }

var errFull = errors.New("disk full")

func (b *broken) Write(p []byte) (int, error) {
	n := min(b.after, len(p))
	b.after -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestALogThatCannotBeWrittenIsNotReadAgain(t *testing.T) {
	t.Parallel()
	s := &logServer{text: manyLines(100), finished: true}
	b := &bundle{}
	c := b.open(t, Options{Server: handler(t, s.ServeHTTP)})
	end, err := c.Logs(t.Context(), LogRequest{Job: "api-1"}, &broken{after: 9})
	require.ErrorIs(t, err, errFull)
	require.Equal(t, int64(9), end.Offset)
	s.mu.Lock()
	require.Equal(t, 1, s.requests)
	s.mu.Unlock()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Logs(ctx, LogRequest{Job: "api-1"}, &broken{})
	require.ErrorIs(t, err, context.Canceled)
}
