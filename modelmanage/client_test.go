package modelmanage

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	require.Equal(t, []string{"baseUrl: is needed"}, job.ProblemsOf(c.Validate()))
	c.BaseURL = "http://localhost:8090/"
	require.NoError(t, c.Validate())
	c = Config{BaseURL: "http://u:hunter2@h/?x=1", ItemPaths: map[string]string{"A": "/x"}, Search: Search{Path: "s"}, ApplicationIDParameter: "--x"}
	err := c.Validate()
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Greater(t, len(job.ProblemsOf(err)), 12)
	require.NotContains(t, fmt.Sprint(job.ProblemsOf(err)), "hunter2")
}

func TestGet(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobStatus":"CREATED","future":{"x":1.50}}`)
	doc, err := b.client.Get(t.Context(), "j1")
	require.NoError(t, err)
	require.Equal(t, `"0"`, doc.ETag)
	require.Equal(t, StatusCreated, doc.Status())
	require.Equal(t, "1.50", fmt.Sprint(dig(doc.Root, "future", "x")))

	_, err = b.client.Get(t.Context(), "other")
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	for _, id := range []string{"", "..", "a\x00"} {
		_, err = b.client.Get(t.Context(), id)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), id)
	}
}

func TestRequestHeadersAndPath(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"a/b"}`)
	got := make(chan *http.Request, 1)
	b.fake.before = func(w http.ResponseWriter, r *http.Request) bool {
		got <- r
		_, _ = w.Write([]byte(`{"id":"a/b"}`))
		return true
	}
	_, err := b.client.Get(t.Context(), "a/b")
	require.NoError(t, err)
	r := <-got
	require.Equal(t, "/model-manage/api/jobs/a%2Fb", r.URL.EscapedPath())
	require.Equal(t, "stoker", r.Header.Get("User-Agent"))
	require.Equal(t, "application/json", r.Header.Get("Accept"))
	require.Empty(t, r.Header.Get("Authorization"))
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	const html = "<html>gateway</html>"
	for _, tt := range []struct {
		status int
		body   string
		code   job.Code
	}{
		{404, "", job.CodeNotFound},
		{404, html, job.CodeUnavailable},
		{400, `{"error":"bad"}`, job.CodeInvalid},
		{400, html, job.CodeUnavailable},
		{405, "", job.CodeInvalid},
		{422, "", job.CodeInvalid},
		{401, html, job.CodeUnauthorized},
		{403, "", job.CodeUnauthorized},
		{409, "", job.CodeConflict},
		{412, "", job.CodeConflict},
		{408, "", job.CodeUnavailable},
		{429, "", job.CodeUnavailable},
		{500, "", job.CodeUnavailable},
		{503, html, job.CodeUnavailable},
		{302, "", job.CodeUnavailable},
		{304, "", job.CodeUnavailable},
		{200, html, job.CodeUnavailable},
		{200, "", job.CodeUnavailable},
		{200, `{"id":"j1",`, job.CodeUnavailable},
		{200, `[1]`, job.CodeUnavailable},
		{200, `{"id":"another"}`, job.CodeUnavailable},
		{200, `{"id":"j1","x":"` + strings.Repeat("a", 2000) + `"}`, job.CodeUnavailable},
	} {
		t.Run(fmt.Sprint(tt.status, " ", job.Head(tt.body, 20)), func(t *testing.T) {
			t.Parallel()
			b := setup(t, `{"id":"j1"}`, func(c *Config) { c.MaxResponseBytes = 1000 })
			b.fake.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/elsewhere" {
					t.Error("a redirect was followed")
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
				return true
			}
			_, err := b.client.Get(t.Context(), "j1")
			require.Equal(t, tt.code, job.CodeOf(err), "%v", err)
			require.Less(t, len(err.Error()), 1000)
		})
	}
}

func TestDeadAndSlowServer(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1"}`, func(c *Config) { c.RequestTimeout = 50 * time.Millisecond })
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	b.fake.before = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"id":`))
		w.(http.Flusher).Flush()
		select {
		case <-hang:
		case <-r.Context().Done():
		}
		return true
	}
	_, err := b.client.Get(t.Context(), "j1")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))

	dead := setup(t, `{"id":"j1"}`)
	dead.server.Close()
	_, err = dead.client.Get(t.Context(), "j1")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.ErrorContains(t, err, "cannot be reached")
}

func TestTokenIsReadAgainAfter401AndNeverPrinted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("old-token\n"), 0o600))
	b := setup(t, `{"id":"j1"}`, func(c *Config) { c.TokenFile = file })
	var seen []string
	valid := "Bearer old-token"
	b.fake.before = func(w http.ResponseWriter, r *http.Request) bool {
		a := r.Header.Get("Authorization")
		seen = append(seen, a)
		if a != valid {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, "you sent %s", a)
			return true
		}
		return false
	}
	_, err := b.client.Get(t.Context(), "j1")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte("new-token"), 0o600))
	valid = "Bearer new-token"
	_, err = b.client.Get(t.Context(), "j1")
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer old-token", "Bearer old-token", "Bearer new-token"}, seen)

	valid = "nothing"
	_, err = b.client.Get(t.Context(), "j1")
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(err))
	require.NotContains(t, err.Error(), "new-token")
	require.Contains(t, err.Error(), "[token]")

	require.NoError(t, os.Remove(file))
	_, err = b.client.Get(t.Context(), "j1")
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(err))
}

func (b *bundle) list(t *testing.T, status Status) []string {
	t.Helper()
	var ids []string
	require.NoError(t, b.client.List(t.Context(), status, func(s Summary) error {
		ids = append(ids, s.ID)
		return nil
	}))
	return ids
}

func TestListPages(t *testing.T) {
	t.Parallel()
	for totals, requests := range map[int]int{-1: 4, 3: 3} {
		b := setup(t, `{}`)
		asked := 0
		b.fake.before = func(w http.ResponseWriter, r *http.Request) bool {
			asked++
			if got := r.URL.Query().Get("size"); got != "50" {
				t.Errorf("size=%s", got)
			}
			body := halPage("modelBatchJobs", totals)
			switch r.URL.Query().Get("page") {
			case "0":
				body = halPage("jobs", totals, jobItem("a", "CREATED", "spark-runtime-1"), jobItem("b", "RUNNING", "spark-runtime-1"), `7`, `{}`)
			case "1":
				body = halPage("anything", totals, jobItem("a", "CREATED", "spark-runtime-1"), jobItem("c", "CREATED", "spark-runtime-1"))
			case "2":
				body = halPage("jobs", totals, jobItem("d", "CREATED", "another-engine"), jobItem("e", "CREATED", "spark-runtime-1"))
			}
			_, _ = w.Write([]byte(body))
			return true
		}
		require.Equal(t, []string{"a", "c", "e"}, b.list(t, StatusCreated))
		require.Equal(t, requests, asked)
		require.Equal(t, []string{"a", "b", "c", "e"}, b.list(t, ""))
	}
}

func TestListSearchesAndFilters(t *testing.T) {
	t.Parallel()
	b := setup(t, `{}`, func(c *Config) { c.Search = Search{Path: "jobs/search/byStatus", Parameter: "st"} })
	asked := make(chan string, 1)
	b.fake.before = func(w http.ResponseWriter, r *http.Request) bool {
		asked <- r.URL.Path + "?st=" + r.URL.Query().Get("st")
		_, _ = w.Write([]byte(halPage("jobs", 1, jobItem("a", "CREATED", "spark-runtime-1"), jobItem("b", "WAITING", "spark-runtime-1"))))
		return true
	}
	var got []Summary
	require.NoError(t, b.client.List(t.Context(), StatusWaiting, func(s Summary) error { got = append(got, s); return nil }))
	require.Equal(t, "/model-manage/api/jobs/search/byStatus?st=WAITING", <-asked)
	require.Equal(t, []Summary{{
		ID: "b", JobType: "MODEL_BATCH_JOB", Status: StatusWaiting, EngineType: "SPARK_RUNTIME", EngineName: "spark-runtime-1",
		Application: "app-b", CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}}, got)
}

func TestListEndsWithAServerThatIgnoresPages(t *testing.T) {
	t.Parallel()
	b := setup(t, `{}`)
	requests := 0
	b.fake.before = func(w http.ResponseWriter, r *http.Request) bool {
		requests++
		_, _ = w.Write([]byte(halPage("jobs", -1, jobItem("a", "CREATED", "spark-runtime-1"))))
		return true
	}
	require.Equal(t, []string{"a"}, b.list(t, StatusCreated))
	require.Equal(t, 2, requests)
}

func TestListAsksForSmallerPagesWhenOneIsTooLarge(t *testing.T) {
	t.Parallel()
	b := setup(t, `{}`, func(c *Config) { c.PageSize = 2; c.MaxResponseBytes = 300 })
	b.fake.before = func(w http.ResponseWriter, r *http.Request) bool {
		items := []string{jobItem("a", "CREATED", "spark-runtime-1"), jobItem("b", "CREATED", "spark-runtime-1"), jobItem("c", "CREATED", "spark-runtime-1")}
		var page, size int
		if _, err := fmt.Sscan(r.URL.Query().Get("page")+" "+r.URL.Query().Get("size"), &page, &size); err != nil {
			t.Error(err)
		}
		from, to := min(page*size, 3), min(page*size+size, 3)
		_, _ = w.Write([]byte(halPage("jobs", -1, items[from:to]...)))
		return true
	}
	require.Equal(t, []string{"a", "b", "c"}, b.list(t, StatusCreated))
}

func TestListErrors(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`[`, `null`, `{"_embedded":7}`, `<html>`} {
		b := setup(t, `{}`)
		b.fake.before = func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte(body)); return true }
		err := b.client.List(t.Context(), "", func(Summary) error { return nil })
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err), body)
	}
	b := setup(t, `{}`)
	b.fake.before = func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = w.Write([]byte(halPage("jobs", 1, jobItem("a", "CREATED", "spark-runtime-1"))))
		return true
	}
	stop := errors.New("stop")
	require.ErrorIs(t, b.client.List(t.Context(), "", func(Summary) error { return stop }), stop)
}
