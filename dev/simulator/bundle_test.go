package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bundle is a simulator behind a real listener and a client without habits: no
// Accept header, no retries on reused connections.
type bundle struct {
	t      *testing.T
	sim    *Server
	url    string
	client *http.Client
}

// setup starts a simulator; configure may change its options.
func setup(t *testing.T, configure ...func(*Options)) *bundle {
	t.Helper()
	var options Options
	for _, c := range configure {
		c(&options)
	}
	sim, err := New(options)
	require.NoError(t, err)
	server := httptest.NewServer(sim.Handler())
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, sim.Close())
	})
	return &bundle{t: t, sim: sim, url: server.URL, client: &http.Client{Transport: transport}}
}

func withMode(m ArrayMode) func(*Options) { return func(o *Options) { o.ArrayMode = m } }

// reply is a response read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// json decodes the body of a reply.
func (r reply) json(t *testing.T) object {
	t.Helper()
	doc, err := decodeObject([]byte(r.body))
	require.NoError(t, err, r.body)
	return doc
}

// request is what a test sends; header holds names and values in turn.
func (b *bundle) request(method, path, body string, header ...string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, bytes.NewBufferString(body))
	require.NoError(b.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (b *bundle) do(method, path, body string, header ...string) reply {
	b.t.Helper()
	resp, err := b.client.Do(b.request(method, path, body, header...))
	require.NoError(b.t, err)
	content, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, resp.Body.Close())
	return reply{status: resp.StatusCode, header: resp.Header, body: string(content)}
}

// fails sends a request that must get no reply.
func (b *bundle) fails(method, path, body string) {
	b.t.Helper()
	resp, err := b.client.Do(b.request(method, path, body))
	if err == nil {
		_ = resp.Body.Close() // the test fails on the next line
	}
	require.Error(b.t, err)
}

// create stores a job from JSON and returns its id.
func (b *bundle) create(body string) string {
	b.t.Helper()
	doc, err := decodeObject([]byte(body))
	require.NoError(b.t, err)
	id, err := b.sim.Create(doc)
	require.NoError(b.t, err)
	return id
}

// document returns a job's document as JSON without the fields every write sets.
func (b *bundle) document(id string) string {
	b.t.Helper()
	doc, ok := b.sim.Document(id)
	require.True(b.t, ok, "job %s", id)
	for _, k := range []string{"id", "version", "createdDate", "lastModifiedDate", "jobStatus"} {
		delete(doc, k)
	}
	text, err := encode(doc)
	require.NoError(b.t, err)
	return string(text)
}

// soon is a context for waits that are expected to end.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func jobPath(id string) string { return Prefix + "/jobs/" + id }

func number(n string) json.Number { return json.Number(n) }
