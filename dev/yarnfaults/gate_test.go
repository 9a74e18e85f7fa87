//go:build hadoop

package yarnfaults

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// gate stands between a worker and the ResourceManager: it counts submissions
// and strikes at them.
type gate struct {
	server *httptest.Server
	rm     http.Handler
	// shut: nothing passes, as if the ResourceManager were down for this worker.
	shut atomic.Bool

	mu sync.Mutex
	// sent lists the application of each submission that came, passed on or not.
	sent []string
	// strike, if not nil, has the next submission in its hand.
	strike func(w http.ResponseWriter, pass func(w http.ResponseWriter))
}

func newGate(t *testing.T) *gate {
	t.Helper()
	target, err := url.Parse(hdp.Addresses.ResourceManagerWeb)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	// A ResourceManager that is down is one that does not answer.
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	g := &gate{rm: proxy}
	g.server = httptest.NewServer(g)
	t.Cleanup(g.server.Close)
	return g
}

// address is host:port.
func (g *gate) address() string { return strings.TrimPrefix(g.server.URL, "http://") }

// submissions lists the applications that were sent, each as often as it was.
func (g *gate) submissions() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.sent)
}

// next has the next submission struck.
func (g *gate) next(strike func(w http.ResponseWriter, pass func(w http.ResponseWriter))) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.strike = strike
}

var idInBody = regexp.MustCompile(`<application-id>([^<]+)</application-id>`)

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.shut.Load() {
		panic(http.ErrAbortHandler)
	}
	if r.Method != http.MethodPost || r.URL.Path != "/ws/v1/cluster/apps" {
		g.rm.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	pass := func(w http.ResponseWriter) {
		r.Body = io.NopCloser(bytes.NewReader(body))
		g.rm.ServeHTTP(w, r)
	}
	strike := g.note(body)
	if strike == nil {
		strike = func(w http.ResponseWriter, pass func(w http.ResponseWriter)) { pass(w) }
	}
	strike(w, pass)
}

// note counts a submission and returns what strikes at it.
func (g *gate) note(body []byte) func(w http.ResponseWriter, pass func(w http.ResponseWriter)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := "none"
	if m := idInBody.FindSubmatch(body); m != nil {
		id = string(m[1])
	}
	g.sent = append(g.sent, id)
	strike := g.strike
	g.strike = nil
	return strike
}
