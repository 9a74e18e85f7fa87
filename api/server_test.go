package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

func TestNewNeedsItsOptions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, change := range map[string]func(*Options){
		"jobs": func(o *Options) { o.Jobs = nil }, "logger": func(o *Options) { o.Logger = nil }, "metrics": func(o *Options) { o.Metrics = nil },
		"rate": func(o *Options) { o.RatePerSecond = 0 }, "burst": func(o *Options) { o.Burst = 0 },
		"users": func(o *Options) { o.UsersFile += ".gone" },
	} {
		o := b.options
		change(&o)
		_, err := New(o)
		require.Error(t, err, name)
	}
}

func TestSubmitPassesOnWhatItWasGiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	asked := make(chan jobs.Submission, 1)
	created := true
	b.jobs.submit = func(in jobs.Submission) (jobs.View, bool, error) {
		asked <- in
		return ofAna("api-1"), created, nil
	}
	r := b.request("ana", http.MethodPost, "/v1/jobs", strings.NewReader(`{"file": "hdfs:/x.py"}`))
	r.Header.Set("Content-Type", "Application/JSON; charset=utf-8")
	r.Header.Set("Idempotency-Key", " k 1 ")
	got := b.send(r)
	require.Equal(t, "api-1", b.view(got, http.StatusCreated).ID)
	require.Equal(t, "/v1/jobs/api-1", got.Header.Get("Location"))
	require.Equal(t, jobs.Submission{User: "ana", Body: []byte(`{"file": "hdfs:/x.py"}`), Key: "k 1"}, <-asked)
	created = false
	b.view(b.do("ana", http.MethodPost, "/v1/jobs", `{"file":"hdfs:/x.py"}`), http.StatusOK)
	require.Empty(t, (<-asked).Key)
}

func TestSubmitRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.jobs.submit = func(jobs.Submission) (jobs.View, bool, error) {
		t.Error("nothing of this reaches the jobs")
		return jobs.View{}, false, nil
	}
	for name, row := range map[string]struct {
		change func(*http.Request)
		body   string
		want   int
	}{
		"no type":        {func(r *http.Request) { r.Header.Del("Content-Type") }, "{}", 415},
		"form":           {func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, "a=b", 415},
		"text":           {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "{}", 415},
		"broken type":    {func(r *http.Request) { r.Header.Set("Content-Type", "application/json;=") }, "{}", 415},
		"large":          {nil, strings.Repeat(" ", 256<<10+1), 413},
		"two keys":       {func(r *http.Request) { r.Header["Idempotency-Key"] = []string{"a", "b"} }, "{}", 400},
		"one key, twice": {func(r *http.Request) { r.Header["Idempotency-Key"] = []string{"a", "a"} }, "{}", 400},
		"empty key":      {func(r *http.Request) { r.Header.Set("Idempotency-Key", " ") }, "{}", 400},
		"key, no text":   {func(r *http.Request) { r.Header.Set("Idempotency-Key", "\xff") }, "{}", 400},
		"key, control":   {func(r *http.Request) { r.Header.Set("Idempotency-Key", "a\u0085b") }, "{}", 400},
	} {
		r := b.request("ana", http.MethodPost, "/v1/jobs", strings.NewReader(row.body))
		if row.change != nil {
			row.change(r)
		}
		require.NotEmpty(t, b.problem(b.send(r), row.want).Detail, name)
	}

	most := make(chan int, 1)
	b.jobs.submit = func(in jobs.Submission) (jobs.View, bool, error) {
		most <- len(in.Body)
		return ofAna("api-1"), true, nil
	}
	body := `{"file":"hdfs:/x.py"}`
	b.view(b.do("ana", http.MethodPost, "/v1/jobs", body+strings.Repeat(" ", 256<<10-len(body))), http.StatusCreated)
	require.Equal(t, 256<<10, <-most)
}

// What goes wrong in package jobs, as callers see it.
func TestProblems(t *testing.T) {
	t.Parallel()
	const inside = "dial tcp 10.1.2.3:8020: /var/lib/stoker/secret"
	for name, row := range map[string]struct {
		err   error
		want  int
		shown string
		retry string
	}{
		"invalid":     {job.Invalid("the job cannot be run", []string{"file: is needed", "args: no"}), 400, "the job cannot be run", ""},
		"not found":   {job.Errorf(job.CodeNotFound, "there is no job x"), 404, "there is no job x", ""},
		"conflict":    {job.Errorf(job.CodeConflict, "not ended"), 409, "not ended", ""},
		"other body":  {job.Errorf(job.CodeConflict, "job x: %w", jobs.ErrOtherBody), 422, "job x: the key was used before with another body", ""},
		"digest":      {job.Errorf(job.CodeInvalid, "%w", jobs.ErrDigest), 422, "another digest", ""},
		"too large":   {job.Errorf(job.CodeInvalid, "%w", jobs.ErrTooLarge), 413, "too large", ""},
		"unavailable": {job.Errorf(job.CodeUnavailable, "temporal cannot be reached"), 503, "temporal cannot be reached", "5"},
		"too late":    {fmt.Errorf("x: %w", context.DeadlineExceeded), 503, "", "5"},
		"refused us":  {job.Errorf(job.CodeUnauthorized, "%s: %w", inside, fs.ErrPermission), 500, "request's id", ""},
		"internal":    {job.Errorf(job.CodeInternal, inside), 500, "request's id", ""},
		"another":     {errors.New(inside), 500, "request's id", ""},
		"cancelled":   {fmt.Errorf("inside: %w", context.Canceled), 500, "request's id", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.jobs.submit = func(jobs.Submission) (jobs.View, bool, error) { return jobs.View{}, false, row.err }
			got := b.do("ana", http.MethodPost, "/v1/jobs", `{}`)
			p := b.problem(got, row.want)
			require.Contains(t, p.Detail, row.shown)
			require.Equal(t, row.retry, got.Header.Get("Retry-After"))
			require.Equal(t, job.ProblemsOf(row.err)[0] == "file: is needed", len(p.Problems) == 2)
			require.NotContains(t, got.body, "10.1.2.3")
			if row.want == http.StatusInternalServerError {
				require.Contains(t, b.log.String(), p.RequestID, "the log says what the caller is not told")
			}
		})
	}
}

func TestAPanicIsOneRequestsMatter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	get := b.jobs.get
	b.jobs.get = func(string) (jobs.View, error) { panic("a defect at 10.1.2.3") }
	got := b.get("ana", "/v1/jobs/api-1")
	p := b.problem(got, http.StatusInternalServerError)
	require.NotContains(t, got.body, "defect")
	require.Contains(t, b.log.String(), "a defect at 10.1.2.3")
	require.Contains(t, b.log.String(), p.RequestID)
	b.jobs.get = get
	b.view(b.get("ana", "/v1/jobs/api-1"), http.StatusOK)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for given, kept := range map[string]bool{
		"abc-1.2_Z": true, "": false, "a b": false, "<x>": false, strings.Repeat("a", 65): false, strings.Repeat("a", 64): true,
	} {
		r := b.request("", http.MethodGet, "/healthz", nil)
		r.Header.Set("X-Request-Id", given)
		got := b.send(r).Header.Get("X-Request-Id")
		require.Equal(t, kept, got == given, given)
		require.NotEmpty(t, got)
	}
	got := b.get("", "/healthz")
	require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	require.NotEqual(t, got.Header.Get("X-Request-Id"), b.get("", "/healthz").Header.Get("X-Request-Id"))
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.RatePerSecond, o.Burst = 0.001, 3 })
	for range 3 {
		require.Equal(t, http.StatusOK, b.get("ana", "/v1/clusters").StatusCode)
	}
	got := b.get("ana", "/v1/clusters")
	b.problem(got, http.StatusTooManyRequests)
	require.Regexp(t, `^\d{2,4}$`, got.Header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, b.get("bob", "/v1/clusters").StatusCode, "of each user")
	require.Equal(t, http.StatusOK, b.get("", "/healthz").StatusCode)
}

func TestNoSuchRoute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/", "/v1", "/v2/jobs", "/v1/jobs/", "/v1/jobs/a/b/c", "/v1/jobs/%2e%2e/x"} {
		b.problem(b.get("root", path), http.StatusNotFound)
	}
	for _, row := range [][2]string{{"DELETE", "/v1/jobs"}, {"PUT", "/v1/jobs/api-1"}, {"GET", "/v1/jobs/api-1/cancel"}} {
		got := b.do("root", row[0], row[1], "")
		require.Equal(t, http.StatusMethodNotAllowed, got.StatusCode)
		require.NotEmpty(t, got.Header.Get("Allow"))
	}
}

func TestMetricsStayFew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 20 {
		b.get("ana", fmt.Sprintf("/nowhere/%d", i))
		b.get("ana", fmt.Sprintf("/v1/jobs/api-%d", i))
		b.do("ana", fmt.Sprintf("M%d", i), "/v1/jobs", "")
	}
	series := 0
	for line := range strings.Lines(b.get("prom", "/metrics").body) {
		if strings.HasPrefix(line, "stoker_api_request_duration_seconds_count") {
			series++
		}
	}
	require.Equal(t, 3, series)
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.jobs.ready = func() error { return job.Errorf(job.CodeUnavailable, "no worker serves any cluster") }
	got := b.get("", "/readyz")
	require.Equal(t, "no worker serves any cluster", b.problem(got, http.StatusServiceUnavailable).Detail)
	require.Equal(t, "5", got.Header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, b.get("", "/healthz").StatusCode)
	require.Equal(t, http.StatusServiceUnavailable, b.do("", http.MethodHead, "/readyz", "").StatusCode)
}

func TestCancelAndRerun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	type asked struct{ id, by, reason string }
	cancels := make(chan asked, 1)
	had := true
	b.jobs.cancel = func(id, by, reason string) (bool, error) { cancels <- asked{id, by, reason}; return had, nil }
	b.view(b.do("root", http.MethodPost, "/v1/jobs/api-1/cancel", `{"reason":"too slow"}`), http.StatusAccepted)
	require.Equal(t, asked{"api-1", "root", "too slow"}, <-cancels)
	b.view(b.do("ana", http.MethodPost, "/v1/jobs/api-1/cancel", ""), http.StatusAccepted)
	require.Equal(t, asked{"api-1", "ana", ""}, <-cancels)
	had = false
	b.view(b.do("ana", http.MethodPost, "/v1/jobs/api-1/cancel", `{}`), http.StatusOK)
	<-cancels
	for _, body := range []string{`{"why":"x"}`, `[]`, `{"reason":1}`, `x`} {
		b.problem(b.do("ana", http.MethodPost, "/v1/jobs/api-1/cancel", body), http.StatusBadRequest)
	}
	require.Empty(t, cancels)

	got := b.do("ana", http.MethodPost, "/v1/jobs/api-1/rerun", "{}")
	require.Equal(t, "api-1-r1", b.view(got, http.StatusCreated).ID)
	require.Equal(t, "/v1/jobs/api-1-r1", got.Header.Get("Location"))
	b.jobs.get = func(id string) (jobs.View, error) { return ended(id), nil }
	require.Equal(t, job.ResultCancelled, b.view(b.get("ana", "/v1/jobs/api-1"), http.StatusOK).Outcome.Result)
}

// What is not looked at is refused: somebody meant it to count.
func TestWhatIsNotLookedAtIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.jobs.get = func(id string) (jobs.View, error) { t.Error("looked for " + id); return ofAna(id), nil }
	b.jobs.push = func(string) (jobs.View, bool, error) { t.Error("pushed"); return jobs.View{}, false, nil }
	b.jobs.turn = func(string, string, string) (jobs.ClusterView, error) {
		t.Error("turned")
		return jobs.ClusterView{}, nil
	}
	b.jobs.submit = func(jobs.Submission) (jobs.View, bool, error) {
		t.Error("submitted")
		return jobs.View{}, false, nil
	}
	for route, body := range map[string]string{
		"GET /v1/jobs/api-1": "", "GET /v1/clusters": "", "POST /v1/jobs": `{"file":"hdfs:/x.py"}`, "POST /v1/jobs/api-1/cancel": "",
		"POST /v1/jobs/api-1/rerun": "", "POST /v1/model-manage/jobs/7": "", "POST /v1/clusters/local/drain": "", "POST /v1/clusters/local/resume": "",
	} {
		method, path, _ := strings.Cut(route, " ")
		p := b.problem(b.do("root", method, path+"?force=true", body), http.StatusBadRequest)
		require.Equal(t, []string{"force: is no parameter here; there is none"}, p.Problems, route)
		b.problem(b.do("root", method, path+"?%zz", body), http.StatusBadRequest)
	}
	for _, path := range []string{"/v1/jobs/api-1/rerun", "/v1/model-manage/jobs/7", "/v1/clusters/local/resume"} {
		p := b.problem(b.do("root", http.MethodPost, path, `{"conf":{"spark.x":"1"}}`), http.StatusBadRequest)
		require.Equal(t, []string{"conf: is no field here"}, p.Problems)
		for _, body := range []string{"[]", "null", "x", "{} {}", " "} {
			b.problem(b.do("root", http.MethodPost, path, body), http.StatusBadRequest)
		}
		b.problem(b.do("root", http.MethodPost, path, strings.Repeat(" ", 300<<10)), http.StatusRequestEntityTooLarge)
		r := b.request("root", http.MethodPost, path, strings.NewReader("x"))
		r.Header.Set("Content-Type", "text/plain")
		b.problem(b.send(r), http.StatusUnsupportedMediaType)
	}
}

func TestPushTakesAnyID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pushed := make(chan string, 1)
	push := b.jobs.push
	b.jobs.push = func(id string) (jobs.View, bool, error) { pushed <- id; return push("x") }
	for path, want := range map[string]string{"a%2Fb": "a/b", "a%20b": "a b", "a+b": "a+b", "%C3%A9": "é", "a%252Fb": "a%2Fb", "a%2Fb%25": "a/b%"} {
		b.view(b.do("mm", http.MethodPost, "/v1/model-manage/jobs/"+path, ""), http.StatusCreated)
		require.Equal(t, want, <-pushed)
	}
}

// What has escapes in an address may hold any bytes.
func TestAddressesThatAreNoText(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.jobs.get = func(id string) (jobs.View, error) { require.Equal(t, "api-1", id); return ofAna(id), nil }
	b.jobs.push = func(string) (jobs.View, bool, error) { t.Error("it was pushed"); return jobs.View{}, false, nil }
	for _, id := range []string{"%FF", "%ff", "a%00", "api-1%0a", "%C2%85"} {
		for _, suffix := range []string{"", "/logs"} {
			b.problem(b.get("root", "/v1/jobs/"+id+suffix), http.StatusBadRequest)
		}
		for _, path := range []string{"/v1/jobs/%s/cancel", "/v1/jobs/%s/rerun", "/v1/model-manage/jobs/%s", "/v1/clusters/%s/drain", "/v1/clusters/%s/resume"} {
			b.problem(b.do("root", http.MethodPost, fmt.Sprintf(path, id), ""), http.StatusBadRequest)
		}
	}
	b.view(b.get("root", "/v1/jobs/%61pi%2D1"), http.StatusOK)
}

func TestListParameters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	asked := make(chan jobs.Query, 1)
	b.jobs.list = func(q jobs.Query) (jobs.Page, error) { asked <- q; return jobs.Page{Jobs: []jobs.View{}}, nil }
	got := b.get("root", "/v1/jobs?user=ana&queue=q&cluster=c&phase=running&outcome=none&label=a%3Db&label=c%3D&since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00%2B01:00&limit=500&cursor=x")
	require.Equal(t, http.StatusOK, got.StatusCode, got.body)
	q := <-asked
	require.Equal(t, time.Date(2026, 1, 1, 23, 0, 0, 0, time.UTC), q.Until.UTC())
	q.Until = time.Time{}
	require.Equal(t, jobs.Query{
		User: "ana", Queue: "q", Cluster: "c", Phase: job.PhaseRunning, Result: "none", Labels: map[string]string{"a": "b", "c": ""},
		Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 500, Cursor: "x",
	}, q)

	for query, want := range map[string]string{
		"limit=0": "limit: ", "limit=501": "limit: ", "limit=x": "limit: ", "limit=-1": "limit: ", "limit=1&limit=2": "limit: is given more",
		"since=yesterday": "since: ", "until=2026-01-01": "until: ", "since=0001-01-01T00:00:00Z": "since: ", "label=a": "label: must be",
		"label=a%3D1&label=a%3D2": "label: no job has two", "user=a&user=b": "user: is given more", "usr=a": "usr: is no parameter", "limit=1;user=x": "query: ",
		"%zz": "query: ", "user=%ff": "user: is not UTF-8", "queue=a%00": "queue: holds a control character", "cluster=%C2%85": "cluster: holds a control",
		"label=a%3D%ff": "label: is not UTF-8", "label=a%3Db&label=%0A%3D": "label: holds a control", "cursor=%ff": "cursor: is not UTF-8",
		"phase=%80": "phase: is not UTF-8", "outcome=%80": "outcome: is not UTF-8",
	} {
		p := b.problem(b.get("root", "/v1/jobs?"+query), http.StatusBadRequest)
		require.True(t, strings.HasPrefix(p.Problems[0], want), "%q", p.Problems)
	}
	p := b.problem(b.get("root", "/v1/jobs?b=1&a=2&limit=x"), http.StatusBadRequest)
	require.Len(t, p.Problems, 3, "all at once")
	require.True(t, strings.HasPrefix(p.Problems[0], "a: "), "in order")
	require.Empty(t, asked)
}

func TestRunServesAndStops(t *testing.T) {
	t.Parallel()
	b := setup(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close() //nolint:errcheck // nothing was written
	address := taken.Addr().String()
	server := b.server
	server.options.Address = address
	require.ErrorContains(t, server.Run(t.Context()), "choose another api.address")

	server.options.Address = "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	require.Eventually(t, func() bool { return strings.Contains(b.log.String(), "serving the API") }, 10*time.Second, time.Millisecond)
	_, rest, _ := strings.Cut(b.log.String(), "address=")
	address, _, _ = strings.Cut(rest, " ")
	// Nonsense on the wire is answered, and said nowhere but in the log.
	for sent, want := range map[string]string{
		"\x16\x03\x01 nonsense\r\n\r\n": "400", "GET /v1/jobs/%zz HTTP/1.1\r\nHost: x\r\n\r\n": "400",
		"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 80<<10) + "\r\n\r\n": "431",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n":                                            "404",
	} {
		wire, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_, err = wire.Write([]byte(sent))
		require.NoError(t, err)
		line, err := bufio.NewReader(wire).ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, want)
		require.NoError(t, wire.Close())
	}
	cancel()
	require.NoError(t, <-done)
}

func TestUsersFile(t *testing.T) {
	t.Parallel()
	digest := TokenDigest("t")
	for name, row := range map[string]struct{ content, want string }{
		"empty":         {"", "EOF"},
		"no YAML":       {"users: [", "yaml"},
		"unknown field": {"users: [{name: a, roles: [user], tokens: ['" + digest + "'], admin: true}]", "admin"},
		"nobody":        {"users: []", "users: there is none"},
		"name":          {"users: [{name: 'a b', roles: [user], tokens: ['" + digest + "']}]", "users[0].name: must be letters"},
		"twice":         {"users: [{name: a, roles: [user], tokens: ['" + digest + "']}, {name: a, roles: [user], tokens: ['" + TokenDigest("u") + "']}]", "users[1].name: a is there twice"},
		"no role":       {"users: [{name: a, tokens: ['" + digest + "']}]", "users[0].roles: at least one"},
		"role":          {"users: [{name: a, roles: [boss], tokens: ['" + digest + "']}]", `users[0].roles: there is no "boss"`},
		"no token":      {"users: [{name: a, roles: [user]}]", "users[0].tokens: at least one"},
		"plain token":   {"users: [{name: a, roles: [user], tokens: [hunter2hunter2]}]", "users[0].tokens[0]: must be sha256:"},
		"token's place": {"users: [{name: a, roles: [user], tokens: hunter2hunter2}]", "cannot unmarshal"},
		"token as role": {"users: [{name: a, roles: [hunter2hunter2hunter2hunter2hunter2], tokens: ['" + digest + "']}]", `users[0].roles: there is no "…"`},
		"token as name": {"users: [{name: '+hunter2hunter2hunter2hunter2hunter2', roles: [user], tokens: ['" + digest + "']}]", "users[0].name: must be"},
		"names, twice":  {"users: [{name: hunter2hunter2hunter2hunter2hunter2, roles: [user], tokens: ['" + digest + "']}, {name: hunter2hunter2hunter2hunter2hunter2, roles: [user], tokens: ['" + TokenDigest("u") + "']}]", "users[1].name: … is there twice"},
		"name's token":  {"users: [{name: hunter2hunter2hunter2hunter2hunter2, roles: [user], tokens: ['" + digest + "']}, {name: b, roles: [user], tokens: ['" + digest + "']}]", "users[1].tokens[0]: belongs to … already"},
		"token as key":  {"users:\n- name: a\n  hunter2hunter2hunter2hunter2hunter2: x", "line 3: field … not found"},
		"token, twice":  {"users:\n- hunter2hunter2hunter2hunter2hunter2: x\n  hunter2hunter2hunter2hunter2hunter2: x", `key "…" already defined`},
		"shared token":  {"users: [{name: a, roles: [user], tokens: ['" + digest + "']}, {name: b, roles: [user], tokens: ['" + digest + "']}]", "users[1].tokens[0]: belongs to a"},
	} {
		_, err := parseUsers([]byte(row.content))
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), name)
		require.Contains(t, strings.Join(job.ProblemsOf(err), "\n"), row.want, name)
		require.NotContains(t, fmt.Sprint(job.ProblemsOf(err)), "hunter2", "what may be a token is not repeated")
	}
}

func TestUsersAreReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.yaml")
	put := func(content string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o600)) }
	put(users())
	var warned []error
	d, err := openDirectory(path, func(err error) { warned = append(warned, err) })
	require.NoError(t, err)
	known := func(name string) bool {
		d.read = time.Time{} // it is old
		u, ok := d.user(tokens[name])
		return ok && u.Name == name
	}
	require.True(t, known("ana"))
	put(strings.ReplaceAll(users(), TokenDigest(tokens["ana"]), TokenDigest("another one")))
	require.NoError(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Minute)))
	require.False(t, known("ana"), "a token that was taken out")
	require.True(t, known("bob"))

	for _, broken := range []string{"users:\n- {name: bob, roles: user}", ""} {
		put(broken)
		require.True(t, known("bob"))
	}
	require.NoError(t, os.Remove(path))
	require.True(t, known("bob"), "who was known stays known")
	require.False(t, known("ana"))
	require.Len(t, warned, 1, "said once")
	put(users())
	require.True(t, known("ana"))
	require.NoError(t, os.Remove(path))
	require.True(t, known("ana"))
	require.Len(t, warned, 2, "and again after it was well")
}

// Who mends the file needs to know what is wrong with it, and where.
func TestWhatIsWrongWithTheUsersIsLogged(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"users:\n- name: bob\n  roles: user\n":                          "line 3: cannot unmarshal",
		"users: [{name: bob, roles: [boss], tokens: [hunter2hunter2]}]": `users[0].roles: there is no \"boss\"`,
	} {
		b := setup(t)
		require.NoError(t, os.WriteFile(b.options.UsersFile, []byte(content), 0o600))
		b.server.users.read = time.Time{} // it is old
		require.Equal(t, http.StatusOK, b.get("bob", "/v1/clusters").StatusCode)
		require.Contains(t, b.log.String(), want)
		require.NotContains(t, b.log.String(), "hunter2")
	}
}

// A client may announce a body in chunks before it knows that there is nothing to send.
func TestNoBytesAreNoBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, want := range map[string]int{
		"/v1/jobs/api-1/rerun": 201, "/v1/jobs/api-1/cancel": 202, "/v1/model-manage/jobs/7": 201,
		"/v1/clusters/local/drain": 200, "/v1/clusters/local/resume": 200,
	} {
		user := "root"
		if strings.HasPrefix(path, "/v1/model-manage") {
			user = "mm"
		}
		for _, kind := range []string{"", "application/json"} {
			send := func(content string) answer {
				r := b.request(user, http.MethodPost, path, struct{ io.Reader }{strings.NewReader(content)})
				r.Header.Set("Content-Type", kind)
				return b.send(r)
			}
			got := send("")
			require.Equal(t, want, got.StatusCode, "%s, %q: %s", path, kind, got.body)
			if kind != "application/json" {
				b.problem(send("{}"), http.StatusUnsupportedMediaType)
			}
		}
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.do("root", http.MethodPost, "/v1/clusters/local/drain", `{"reason":"new disks"}`)
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.JSONEq(t, `{"name":"local","workers":0,"openJobs":0,"drained":{"by":"root","reason":"new disks","since":"2026-11-21T10:00:00Z","live":0}}`, got.body)
	require.Equal(t, http.StatusOK, b.do("root", http.MethodPost, "/v1/clusters/local/drain", "").StatusCode, "a reason need not be given")
	got = b.do("root", http.MethodPost, "/v1/clusters/local/resume", "")
	require.JSONEq(t, `{"name":"local","workers":0,"openJobs":0}`, got.body)
	for _, what := range []string{"drain", "resume"} {
		b.problem(b.do("root", http.MethodPost, "/v1/clusters/no%2Fne/"+what, ""), http.StatusNotFound)
	}
	b.problem(b.do("root", http.MethodPost, "/v1/clusters/local/drain", `{"reson":"x"}`), http.StatusBadRequest)
}
