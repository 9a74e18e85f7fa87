package modelmanage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fake is a model-manage with one document. Function fields replace what it
// does; a nil one does what Spring Data REST does.
type fake struct {
	t  *testing.T
	mu sync.Mutex

	doc     map[string]any
	version int
	// writes are the bodies of all PATCH and PUT requests that were applied.
	writes []written

	// positional merges arrays of objects by position, as Spring Boot 2.7 does.
	positional bool
	// noContent answers writes with 204, noETag sends no ETag.
	noContent, noETag bool
	// before runs before a request is handled; true means that it answered.
	before func(w http.ResponseWriter, r *http.Request) bool
	// beforeWrite may change the document before a write is checked.
	beforeWrite func(f *fake)
	// afterWrite may change the document after a write, before the reply.
	afterWrite func(f *fake)
	// reply changes what a write's reply shows.
	reply func(doc map[string]any) map[string]any
}

type written struct {
	method, contentType, ifMatch string
	body                         any
}

type bundle struct {
	fake   *fake
	config Config
	client *Client
	server *httptest.Server
}

func setup(t *testing.T, doc string, configure ...func(*Config)) *bundle {
	t.Helper()
	b := &bundle{fake: &fake{t: t, doc: parse(t, doc).Root}}
	b.server = httptest.NewServer(b.fake)
	t.Cleanup(b.server.Close)
	b.config = DefaultConfig()
	b.config.BaseURL = b.server.URL
	for _, f := range configure {
		f(&b.config)
	}
	client, err := NewClient(b.config, &http.Transport{})
	require.NoError(t, err)
	client.pause = func(context.Context, int) error { return nil }
	client.now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC) }
	b.client = client
	return b
}

func parse(t *testing.T, s string) Document {
	t.Helper()
	doc, err := ParseDocument([]byte(s))
	require.NoError(t, err)
	return doc
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.before != nil && f.before(w, r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path != "/model-manage/api/jobs/"+text(f.doc["id"]) {
		http.Error(w, "", http.StatusNotFound)
		return
	}
	if r.Method == http.MethodGet {
		f.answer(w, f.doc)
		return
	}
	if f.beforeWrite != nil {
		f.beforeWrite(f)
	}
	if m := r.Header.Get("If-Match"); m != "" && m != f.etag() {
		w.Header().Set("ETag", m)
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	data, _ := io.ReadAll(r.Body)
	body, err := decodeJSON(data)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	contentType := r.Header.Get("Content-Type")
	switch {
	case r.Method == http.MethodPut:
		f.doc = body.(map[string]any)
	case contentType == typeJSONPtch:
		op := body.([]any)[0].(map[string]any)
		if op["op"] != "remove" || op["path"] != "/jobParameters/"+ParameterExternalOutput || !hasExternalOutput(Document{Root: f.doc}) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		f.doc["jobParameters"] = without(f.doc["jobParameters"].(map[string]any), []string{ParameterExternalOutput})
	default:
		f.doc = f.merge(f.doc, body.(map[string]any)).(map[string]any)
	}
	f.version++
	f.writes = append(f.writes, written{r.Method, contentType, r.Header.Get("If-Match"), body})
	if f.afterWrite != nil {
		f.afterWrite(f)
	}
	if f.noContent || r.Header.Get("Accept") == "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	doc := f.doc
	if f.reply != nil {
		doc = f.reply(doc)
	}
	f.answer(w, doc)
}

func (f *fake) etag() string { return strconv.Quote(strconv.Itoa(f.version)) }

func (f *fake) answer(w http.ResponseWriter, doc map[string]any) {
	if !f.noETag {
		w.Header().Set("ETag", f.etag())
	}
	w.Header().Set("Content-Type", "application/hal+json")
	data, err := encodeJSON(doc)
	if err != nil {
		f.t.Error(err)
	}
	_, _ = w.Write(data)
}

func (f *fake) merge(old, patch any) any {
	switch patch := patch.(type) {
	case map[string]any:
		o, _ := old.(map[string]any)
		out := maps.Clone(o)
		if out == nil {
			out = map[string]any{}
		}
		for k, v := range patch {
			out[k] = f.merge(out[k], v)
		}
		return out
	case []any:
		o, _ := old.([]any)
		out := make([]any, len(patch))
		for i, v := range patch {
			if _, object := v.(map[string]any); f.positional && object && i < len(o) {
				v = f.merge(o[i], v)
			}
			out[i] = v
		}
		return out
	}
	return patch
}

func (f *fake) document() Document {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Document{Root: f.doc}
}

func (b *bundle) report(t *testing.T, u Update) Seen {
	t.Helper()
	seen, err := b.client.Report(t.Context(), "j1", u)
	require.NoError(t, err)
	return seen
}

// halPage is a listing's reply.
func halPage(name string, total int, items ...string) string {
	page := ""
	if total >= 0 {
		page = fmt.Sprintf(`,"page":{"totalPages":%d}`, total)
	}
	return fmt.Sprintf(`{"_embedded":{%q:[%s]}%s}`, name, strings.Join(items, ","), page)
}

func jobItem(id, status, engine string) string {
	data, _ := json.Marshal(map[string]any{
		"id": id, "jobStatus": status, "jobType": "MODEL_BATCH_JOB", "createdDate": "2026-01-01T00:00:00.000Z",
		"targetEngine":  map[string]any{"engineType": "SPARK_RUNTIME", "name": engine},
		"jobParameters": map[string]any{"SPARK_APPLICATION_ID": "app-" + id},
	})
	return string(data)
}
