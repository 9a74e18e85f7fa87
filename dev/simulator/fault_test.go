package simulator

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFaultKinds(t *testing.T) {
	t.Parallel()
	const patched = 2 // revisions when the PATCH took effect

	t.Run("status does nothing", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{401, 404, 412, 500, 503} {
			b := setup(t)
			id := b.create(`{}`)
			require.NoError(t, b.sim.SetFaults(Fault{Method: "PATCH", Kind: FaultStatus, Status: status}))
			r := b.do("PATCH", jobPath(id), `{}`, "If-Match", `"0"`)
			require.Equal(t, status, r.status)
			require.Len(t, b.sim.Revisions(id), patched-1)
			require.Equal(t, http.StatusOK, b.do("GET", jobPath(id), "").status, "another method")
		}
	})
	t.Run("lost reply performs the write", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.create(`{}`)
		require.NoError(t, b.sim.SetFaults(Fault{Kind: FaultLostReply, Count: 1}))
		b.fails("PATCH", jobPath(id), `{"k":1}`)
		require.Len(t, b.sim.Revisions(id), patched)
		require.Equal(t, http.StatusNoContent, b.sim.Revisions(id)[1].Status)
		require.Equal(t, http.StatusNoContent, b.do("PATCH", jobPath(id), `{}`).status, "count is used up")
	})
	t.Run("drop does nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.create(`{}`)
		require.NoError(t, b.sim.SetFaults(Fault{Method: "*", Path: id, Kind: FaultDrop}))
		b.fails("PATCH", jobPath(id), `{"k":1}`)
		require.Len(t, b.sim.Revisions(id), patched-1)
		require.Equal(t, http.StatusOK, b.do("GET", Prefix+"/jobs", "").status, "another path")
	})
	t.Run("garbage does nothing and takes turns", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.create(`{}`)
		require.NoError(t, b.sim.SetFaults(Fault{Kind: FaultGarbage}))
		html := b.do("PATCH", jobPath(id), `{}`)
		truncated := b.do("PATCH", jobPath(id), `{}`)
		require.Equal(t, http.StatusOK, html.status)
		require.Contains(t, html.body, "<html>")
		require.Equal(t, http.StatusOK, truncated.status)
		require.Contains(t, truncated.header.Get("Content-Type"), "json")
		_, err := decode([]byte(truncated.body))
		require.Error(t, err)
		require.Len(t, b.sim.Revisions(id), patched-1)
	})
	t.Run("latency waits, then goes on", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.create(`{}`)
		require.NoError(t, b.sim.SetFaults(
			Fault{Kind: FaultLatency, LatencyMs: 15},
			Fault{Kind: FaultLatency, LatencyMs: 15},
			Fault{Method: "PUT", Kind: FaultStatus, Status: 503},
		))
		start := time.Now()
		require.Equal(t, http.StatusNoContent, b.do("PATCH", jobPath(id), `{}`).status)
		require.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
		require.Equal(t, http.StatusServiceUnavailable, b.do("PUT", jobPath(id), `{}`).status)
	})
	t.Run("latency ends when the client leaves", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.create(`{}`)
		require.NoError(t, b.sim.SetFaults(Fault{Kind: FaultLatency, LatencyMs: 3_600_000}))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := b.client.Do(b.request("PATCH", jobPath(id), `{}`).WithContext(ctx)) //nolint:bodyclose // there is no response
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Len(t, b.sim.Revisions(id), patched-1) // and closing the listener does not hang
	})
}

func TestFaultSchedule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		rules []Fault
		want  []int
	}{
		{"until removed", []Fault{{Status: 500}}, []int{500, 500, 500, 500, 500, 500}},
		{"count", []Fault{{Status: 500, Count: 2}}, []int{500, 500, 200, 200, 200, 200}},
		{"skip", []Fault{{Status: 500, Skip: 2, Count: 1}}, []int{200, 200, 500, 200, 200, 200}},
		{"every", []Fault{{Status: 500, Skip: 1, Every: 2}}, []int{200, 500, 200, 500, 200, 500}},
		{"every and count", []Fault{{Status: 500, Every: 3, Count: 1}}, []int{500, 200, 200, 200, 200, 200}},
		{
			"a request goes to the first rule that applies",
			[]Fault{{Status: 500, Count: 1}, {Status: 503, Skip: 1, Count: 2}},
			[]int{500, 200, 503, 503, 200, 200},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for i := range c.rules {
				c.rules[i].Kind = FaultStatus
			}
			require.NoError(t, b.sim.SetFaults(c.rules...))
			got := []int{}
			for range c.want {
				got = append(got, b.do("GET", Prefix+"/jobs", "").status)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestFaultsOverHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, "[]\n", b.do("GET", "/sim/faults", "").body)
	r := b.do("PUT", "/sim/faults", `[{"method":"GET","path":"jobs","kind":"status","status":503,"count":1}]`)
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, http.StatusServiceUnavailable, b.do("GET", Prefix+"/jobs", "").status)
	require.JSONEq(t, `[{"method":"GET","path":"jobs","kind":"status","status":503,"count":1,"applied":1}]`,
		b.do("GET", "/sim/faults", "").body)

	for _, bad := range []string{
		`{}`,
		`[{"kind":"magic"}]`,
		`[{"kind":"status","status":99}]`,
		`[{"kind":"drop","count":-1}]`,
		`[{"kind":"drop","cuont":1}]`,
	} {
		require.Equal(t, http.StatusBadRequest, b.do("PUT", "/sim/faults", bad).status, bad)
	}
	require.Len(t, b.sim.Faults(), 1, "a refused list changes nothing")

	require.Equal(t, http.StatusNoContent, b.do("DELETE", "/sim/faults", "").status)
	require.Empty(t, b.sim.Faults())
	require.NoError(t, b.sim.SetFaults(Fault{Kind: FaultDrop}))
	require.Equal(t, http.StatusOK, b.do("GET", "/healthz", "").status, "the control plane has no faults")
}
