package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

// callers are whom the table of access has a column for.
var callers = []string{"", "ana", "bob", "root", "mm", "prom"}

// access is, for each route, a request about a job of ana's and the status of each caller.
var accessTable = map[string]struct {
	path, body string
	want       [6]int // of callers
}{
	"GET /healthz":      {"/healthz", "", [6]int{200, 200, 200, 200, 200, 200}},
	"GET /readyz":       {"/readyz", "", [6]int{200, 200, 200, 200, 200, 200}},
	"GET /openapi.yaml": {"/openapi.yaml", "", [6]int{200, 200, 200, 200, 200, 200}},
	"GET /metrics":      {"/metrics", "", [6]int{401, 403, 403, 200, 403, 200}},

	"POST /v1/jobs":            {"/v1/jobs", `{"file":"hdfs:/x.py"}`, [6]int{401, 201, 201, 201, 403, 403}},
	"GET /v1/jobs":             {"/v1/jobs", "", [6]int{401, 200, 200, 200, 403, 403}},
	"GET /v1/jobs/:id":         {"/v1/jobs/api-1", "", [6]int{401, 200, 404, 200, 404, 403}},
	"GET /v1/jobs/:id/logs":    {"/v1/jobs/api-1/logs", "", [6]int{401, 200, 404, 200, 403, 403}},
	"POST /v1/jobs/:id/cancel": {"/v1/jobs/api-1/cancel", "", [6]int{401, 202, 404, 202, 403, 403}},
	"POST /v1/jobs/:id/rerun":  {"/v1/jobs/api-1/rerun", "", [6]int{401, 201, 404, 201, 403, 403}},

	"HEAD /v1/artifacts/:sha256": {"/v1/artifacts/" + sum("there") + "?name=a.py", "", [6]int{401, 200, 200, 200, 403, 403}},
	"PUT /v1/artifacts/:sha256":  {"/v1/artifacts/" + sum("there") + "?name=a.py", "there", [6]int{401, 200, 200, 200, 403, 403}},

	"POST /v1/model-manage/jobs/:id": {"/v1/model-manage/jobs/7", "", [6]int{401, 403, 403, 201, 201, 403}},
	"GET /v1/clusters":               {"/v1/clusters", "", [6]int{401, 200, 200, 200, 403, 403}},

	"POST /v1/clusters/:name/drain":  {"/v1/clusters/local/drain", `{"reason":"why"}`, [6]int{401, 403, 403, 200, 403, 403}},
	"POST /v1/clusters/:name/resume": {"/v1/clusters/local/resume", "", [6]int{401, 403, 403, 200, 403, 403}},
}

func TestWhoMayUseEachRoute(t *testing.T) {
	t.Parallel()
	for _, r := range served() {
		name := r.method + " " + r.path
		row, ok := accessTable[name]
		if !ok && r.method == http.MethodHead {
			row, ok = accessTable["GET "+r.path]
		}
		require.True(t, ok, "%s has no row in accessTable: say who may use it", name)
		for i, user := range callers {
			t.Run(name+" "+user, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				b.upload(t, "there")
				var touched []string
				touch := func(what string) { touched = append(touched, what) }
				submit, push, cancel, rerun := b.jobs.submit, b.jobs.push, b.jobs.cancel, b.jobs.rerun
				b.jobs.submit = func(in jobs.Submission) (jobs.View, bool, error) {
					touch("submit")
					return submit(in)
				}
				b.jobs.push = func(id string) (jobs.View, bool, error) { touch("push"); return push(id) }
				b.jobs.cancel = func(id, by, why string) (bool, error) { touch("cancel"); return cancel(id, by, why) }
				b.jobs.rerun = func(id string) (jobs.View, error) { touch("rerun"); return rerun(id) }
				turn := b.jobs.turn
				b.jobs.turn = func(cluster, by, reason string) (jobs.ClusterView, error) {
					touch("turn")
					return turn(cluster, by, reason)
				}
				got := b.do(user, r.method, row.path, row.body)
				require.Equal(t, row.want[i], got.StatusCode, got.body)
				if got.StatusCode >= 400 {
					require.Empty(t, touched, "who is refused has done nothing")
					if r.method != http.MethodHead {
						b.problem(got, row.want[i])
					}
				}
				require.Equal(t, got.StatusCode == 401, strings.HasPrefix(got.Header.Get("Www-Authenticate"), "Bearer "))
				if r.method == http.MethodHead {
					require.Empty(t, got.body)
				}
			})
		}
	}
	require.Len(t, accessTable, len(table()), "a row of a route that is gone")
}

// What a path does not take, and what it takes, is told to those alone who may use it.
func TestWhoIsToldWhatAPathTakes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, row := range []struct {
		path, allow string
		// want is what each caller may: 0 all, else the status.
		want [6]int
	}{
		{"/healthz", "OPTIONS, GET, HEAD", [6]int{}},
		{"/metrics", "OPTIONS, GET, HEAD", [6]int{401, 403, 403, 0, 403, 0}},
		{"/v1/jobs", "OPTIONS, GET, HEAD, POST", [6]int{401, 0, 0, 0, 403, 403}},
		{"/v1/jobs/api-1", "OPTIONS, GET, HEAD", [6]int{401, 0, 0, 0, 0, 403}},
		{"/v1/jobs/api-1/cancel", "OPTIONS, POST", [6]int{401, 0, 0, 0, 403, 403}},
		{"/v1/artifacts/x", "OPTIONS, HEAD, PUT", [6]int{401, 0, 0, 0, 403, 403}},
		{"/v1/clusters/local/drain", "OPTIONS, POST", [6]int{401, 403, 403, 0, 403, 403}},
		{"/v1/model-manage/jobs/7", "OPTIONS, POST", [6]int{401, 403, 403, 0, 0, 403}},
	} {
		for i, user := range callers {
			for method, may := range map[string]int{http.MethodOptions: http.StatusNoContent, http.MethodDelete: http.StatusMethodNotAllowed, "STRANGE": http.StatusMethodNotAllowed} {
				want := may
				if row.want[i] != 0 {
					want = row.want[i]
				}
				got := b.do(user, method, row.path, "")
				require.Equal(t, want, got.StatusCode, "%s %s of %q", method, row.path, user)
				if want == may {
					require.ElementsMatch(t, strings.Split(row.allow, ", "), strings.Split(got.Header.Get("Allow"), ", "), row.path)
				} else {
					require.Empty(t, got.Header.Get("Allow"))
				}
			}
		}
	}
	b.problem(b.do("", http.MethodOptions, "/nowhere", ""), http.StatusNotFound)

	// Without users a browser is kept out of that, too.
	b = setup(t, open)
	for _, method := range []string{http.MethodOptions, http.MethodHead, http.MethodDelete} {
		for _, path := range []string{"/v1/clusters/local/drain", "/v1/clusters", "/nowhere"} {
			r := b.request("", method, path, nil)
			r.Host = "evil.example"
			got := b.send(r)
			require.Equal(t, http.StatusForbidden, got.StatusCode)
			require.Empty(t, got.Header.Get("Allow"))
		}
	}
}

// Who tells of a job may look how it is, by the address that it was told, and no more.
func TestModelManageSeesItsOwnJobs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	get := b.jobs.get
	b.jobs.get = func(id string) (jobs.View, error) {
		if strings.HasPrefix(id, "model-manage-") {
			return jobs.View{ID: id, Source: "model-manage", Phase: job.PhaseLoading, Cluster: "local", User: "mm"}, nil
		}
		return get(id)
	}
	location := b.do("mm", http.MethodPost, "/v1/model-manage/jobs/7", "").Header.Get("Location")
	require.Equal(t, "/v1/jobs/model-manage-7", location)
	require.Equal(t, "model-manage-7", b.view(b.get("mm", location), http.StatusOK).ID)
	b.problem(b.get("mm", "/v1/jobs/api-1"), http.StatusNotFound)
	b.problem(b.get("ana", location), http.StatusNotFound)
	for path, method := range map[string]string{location + "/logs": "GET", location + "/cancel": "POST", location + "/rerun": "POST", "/v1/jobs": "GET"} {
		b.problem(b.do("mm", method, path, ""), http.StatusForbidden)
	}
}

// What is not there and what is another's look the same.
func TestJobsOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, suffix := range []string{"", "/logs", "/cancel", "/rerun"} {
		method := http.MethodGet
		if suffix == "/cancel" || suffix == "/rerun" {
			method = http.MethodPost
		}
		others := b.problem(b.do("bob", method, "/v1/jobs/api-1"+suffix, ""), http.StatusNotFound)
		missing := b.problem(b.do("bob", method, "/v1/jobs/nix-1"+suffix, ""), http.StatusNotFound)
		others.RequestID, missing.RequestID = "", ""
		require.Equal(t, strings.ReplaceAll(missing.Detail, "nix-1", "api-1"), others.Detail)
	}
}

func TestListShowsWhatTheCallerMaySee(t *testing.T) {
	t.Parallel()
	b := setup(t)
	asked := make(chan jobs.Query, 1)
	b.jobs.list = func(q jobs.Query) (jobs.Page, error) { asked <- q; return jobs.Page{Jobs: []jobs.View{}}, nil }
	for _, row := range []struct{ user, query, want string }{
		{"ana", "", "ana"},
		{"ana", "?user=ana", "ana"},
		{"root", "", ""},
		{"root", "?user=ana", "ana"},
	} {
		require.Equal(t, http.StatusOK, b.get(row.user, "/v1/jobs"+row.query).StatusCode)
		require.Equal(t, row.want, (<-asked).User)
	}
	got := b.get("ana", "/v1/jobs?user=bob")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.JSONEq(t, `{"jobs":[]}`, got.body)
	require.Empty(t, asked, "nobody looked for another's jobs")
}

func TestTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for header, want := range map[string]int{
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer wrong": 401, "Basic " + tokens["ana"]: 401, tokens["ana"]: 401,
		"Bearer " + TokenDigest(tokens["ana"]): 401, "Bearer " + tokens["ana"] + " x": 401,
		"Bearer " + tokens["ana"]: 200, "bearer  " + tokens["ana"]: 200,
	} {
		r := b.request("", http.MethodGet, "/v1/clusters", nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		require.Equal(t, want, b.send(r).StatusCode, header)
	}
	require.NotContains(t, b.log.String(), tokens["ana"])
}

// Without users everybody on this host may do everything, and no web page anything.
func TestLoopbackWithoutUsers(t *testing.T) {
	t.Parallel()
	b := setup(t, open)
	for _, row := range []struct {
		host, origin string
		want         int
	}{
		{"", "", 200},
		{"localhost:8998", "", 200},
		{"LocalHost", "", 200},
		{"127.0.0.1", "", 200},
		{"127.9.9.9:1", "", 200},
		{"[::1]:8998", "", 200},
		{"[::1]", "", 200},
		{"evil.example", "", 403},
		{"evil.example:8998", "", 403},
		{"localhost.evil.example", "", 403},
		{"10.0.0.1", "", 403},
		{"0.0.0.0", "", 403},
		{"localhost:8998", "http://localhost:8998", 200},
		{"localhost:8998", "http://evil.example", 403},
		{"localhost:8998", "http://localhost:9999", 403},
		{"localhost:8998", "https://localhost:8998", 403},
		{"localhost:8998", "null", 403},
	} {
		for _, path := range []string{"/v1/clusters", "/healthz", "/metrics"} {
			r := b.request("", http.MethodGet, path, nil)
			if row.host != "" {
				r.Host = row.host
			}
			if row.origin != "" {
				r.Header.Set("Origin", row.origin)
			}
			require.Equal(t, row.want, b.send(r).StatusCode, "%s %s", row, path)
		}
	}
	require.Equal(t, http.StatusCreated, b.do("", http.MethodPost, "/v1/model-manage/jobs/7", "").StatusCode)
	require.Equal(t, http.StatusOK, b.get("", "/v1/jobs/api-1").StatusCode, "a job of ana's")
}
