package simulator

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRevisionsOverHTTP(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b := setup(t, func(o *Options) { o.Now = func() time.Time { at = at.Add(time.Millisecond); return at } })
	require.Equal(t, http.StatusNotFound, b.do("GET", "/sim/jobs/a/revisions", "").status)

	b.do("POST", Prefix+"/jobs", `{"id":"a"}`)
	b.do("PATCH", jobPath("a"), `{"k":1}`, "Accept", "*/*")
	b.do("PATCH", jobPath("a"), `{"k":2}`, "If-Match", `"9"`)
	b.do("DELETE", jobPath("a"), "")
	b.do("POST", Prefix+"/jobs", `{"id":"a","again":true}`)

	const created = `"id":"a","jobStatus":"CREATED","createdDate":"2026-01-02T03:04:05.001Z"`
	require.JSONEq(t, `[
		{"version":0,"at":"2026-01-02T03:04:05.001Z","method":"POST","status":201,
			"document":{`+created+`,"version":0,"lastModifiedDate":"2026-01-02T03:04:05.001Z"}},
		{"version":1,"at":"2026-01-02T03:04:05.002Z","method":"PATCH","status":200,
			"document":{`+created+`,"version":1,"lastModifiedDate":"2026-01-02T03:04:05.002Z","k":1}},
		{"version":1,"at":"2026-01-02T03:04:05.003Z","method":"DELETE","status":204,"document":null},
		{"version":0,"at":"2026-01-02T03:04:05.004Z","method":"POST","status":201,
			"document":{"id":"a","jobStatus":"CREATED","createdDate":"2026-01-02T03:04:05.004Z",
				"version":0,"lastModifiedDate":"2026-01-02T03:04:05.004Z","again":true}}
	]`, b.do("GET", "/sim/jobs/a/revisions", "").body)
}

func TestRequestCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(`{"id":"a"}`)
	b.do("GET", jobPath("a"), "")
	b.do("GET", jobPath("missing"), "")
	b.do("POST", jobPath("a"), `{}`)
	b.do("GET", Prefix+"/nothing/here", "")
	require.NoError(t, b.sim.SetFaults(Fault{Kind: FaultStatus, Status: 500}))
	b.do("PATCH", jobPath("a"), `{}`)
	counts := b.do("GET", "/sim/requests", "").json(t)
	require.Equal(t, number("2"), counts["GET "+Prefix+"/jobs/:id"])
	require.Equal(t, number("1"), counts["PATCH "+Prefix+"/jobs/:id"], "a request with a fault counts")
	require.Equal(t, map[string]int{
		"GET " + Prefix + "/jobs/:id":   2,
		"POST " + Prefix + "/jobs/:id":  1,
		"PATCH " + Prefix + "/jobs/:id": 1,
		"GET unmatched":                 1,
	}, b.sim.Requests())
	require.Equal(t, http.StatusNoContent, b.do("DELETE", "/sim/requests", "").status)
	require.Equal(t, "{}\n", b.do("GET", "/sim/requests", "").body)
}

func TestToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, http.StatusNoContent, b.do("PUT", "/sim/token", `{"token":"secret"}`).status)
	for _, c := range []struct {
		header string
		status int
	}{
		{"", 401}, {"Bearer", 401}, {"Bearer other", 401}, {"Basic secret", 401}, {"secret", 401}, {"Bearer secret", 200},
	} {
		r := b.do("GET", Prefix+"/jobs", "", "Authorization", c.header)
		require.Equal(t, c.status, r.status, c.header)
		require.Equal(t, c.status == 401, r.header.Get("WWW-Authenticate") != "", c.header)
	}
	require.Equal(t, http.StatusUnauthorized, b.do("POST", Prefix+"/jobs", `{}`).status)
	require.Empty(t, b.sim.IDs())
	require.Equal(t, http.StatusOK, b.do("GET", "/sim/faults", "").status)
	require.Equal(t, http.StatusBadRequest, b.do("PUT", "/sim/token", `{"tok":1}`).status)
	require.Equal(t, http.StatusNoContent, b.do("PUT", "/sim/token", `{"token":""}`).status)
	require.Equal(t, http.StatusOK, b.do("GET", Prefix+"/jobs", "").status)
}
