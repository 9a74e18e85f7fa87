package simulator

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzBodies sends any bytes as the body of every write: no panic, a status of the
// contract, 500 for nothing but the document limit, and after each accepted write
// a job that can be read and a journal that brings it back.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		`{"id":"a","jobParameters":{"k":[1]},"inputData":[{"x":1}]}`,
		`[{"op":"copy","from":"","path":"/x"},{"op":"test","path":"/x/id","value":"a"},{"op":"remove","path":"/x"}]`,
		`[{"op":"add","path":"/jobMessages/-","value":1e999}]`,
		`[{"op":"move","from":"/k","path":"/~01~10"}]`,
		`{"_links":null,"version":{},"id":7,"jobType":[]}`,
		`{"a":1`, `null`, ``, "\xff", `{"a":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		dir := t.TempDir()
		for _, mode := range []ArrayMode{ArrayReplace, ArrayPositional} {
			s, err := New(Options{ArrayMode: mode, DocumentLimit: 1 << 16})
			require.NoError(t, err)
			sendEverywhere(t, s, string(body))
			require.NoError(t, s.Close())
		}
		s, err := New(Options{Dir: dir})
		require.NoError(t, err)
		sendEverywhere(t, s, string(body))
		ids := s.IDs()
		want := stateOf(s, ids)
		require.NoError(t, s.Close())
		again, err := New(Options{Dir: dir})
		require.NoError(t, err)
		require.Equal(t, want, stateOf(again, ids))
		require.NoError(t, again.Close())
	})
}

func sendEverywhere(t *testing.T, s *Server, body string) {
	t.Helper()
	id, err := s.Create(object{"k": object{"l": []any{1, object{"m": nil}}}, "jobParameters": object{"k": []any{"v"}}, "inputData": []any{object{"x": 1}}})
	require.NoError(t, err)
	for _, c := range []struct{ method, path, mediaType string }{
		{"POST", Prefix + "/jobs", "application/json"},
		{"PATCH", jobPath(id), "application/json"},
		{"PATCH", jobPath(id), "application/merge-patch+json"},
		{"PATCH", jobPath(id), "application/json-patch+json"},
		{"PUT", jobPath(id), "application/json"},
		{"PATCH", jobPath(id), "application/json-patch+json"},
		{"PUT", "/sim/faults", "application/json"},
	} {
		r := ask(s, c.method, c.path, body, "Content-Type", c.mediaType)
		allowed := []int{200, 201, 204, 400, 409, 500}
		require.True(t, slices.Contains(allowed, r.status), "%s %s: %d", c.method, c.mediaType, r.status)
		if r.status == http.StatusInternalServerError {
			require.Contains(t, r.body, "BsonMaximumSizeExceededException")
		}
		require.NoError(t, s.SetFaults())
		read := ask(s, "GET", jobPath(id), "")
		require.Equal(t, http.StatusOK, read.status)
		doc, err := decodeObject([]byte(read.body))
		require.NoError(t, err)
		require.Equal(t, id, doc["id"])
	}
	require.Equal(t, http.StatusOK, ask(s, "GET", Prefix+"/jobs?sort=k,desc&sort=inputData", "").status)
}
