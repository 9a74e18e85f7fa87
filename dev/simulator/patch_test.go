package simulator

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMergePatch(t *testing.T) {
	t.Parallel()
	both := []ArrayMode{ArrayReplace, ArrayPositional}
	for _, c := range []struct {
		name                string
		stored, patch, want string
		modes               []ArrayMode
	}{
		{"fields not sent stay", `{"a":1,"b":2}`, `{"b":3,"c":4}`, `{"a":1,"b":3,"c":4}`, both},
		{
			"objects merge key by key", `{"model":{"a":1,"storedModel":{"x":1}}}`, `{"model":{"storedModel":{"y":2}}}`,
			`{"model":{"a":1,"storedModel":{"x":1,"y":2}}}`, both,
		},
		{
			"null is stored", `{"a":1,"model":{"b":2},"jobParameters":{"k":"v"}}`, `{"a":null,"model":{"b":null},"jobParameters":{"k":null}}`,
			`{"a":null,"jobParameters":{"k":null},"model":{"b":null}}`, both,
		},
		{
			"a map merges key by key", `{"jobParameters":{"a":"1","o":{"x":1}}}`, `{"jobParameters":{"b":"2","o":{"y":2}}}`,
			`{"jobParameters":{"a":"1","b":"2","o":{"x":1,"y":2}}}`, both,
		},
		{
			"an empty object wipes a map", `{"jobParameters":{"a":"1"},"model":{"a":1}}`, `{"jobParameters":{},"model":{}}`,
			`{"jobParameters":{},"model":{"a":1}}`, both,
		},
		{
			"scalar arrays are replaced", `{"jobMessages":["a","b"],"tags":[1,2]}`, `{"jobMessages":["c"],"tags":[]}`,
			`{"jobMessages":["c"],"tags":[]}`, both,
		},
		{
			"what was absent or of another kind is set", `{"a":1,"b":null,"c":[1],"d":{"x":1}}`, `{"a":{"x":1},"b":[{"y":1}],"c":{"z":1},"d":5}`,
			`{"a":{"x":1},"b":[{"y":1}],"c":{"z":1},"d":5}`, both,
		},
		{"numbers stay as written", `{"a":1.50}`, `{"b":100000000000000000001,"c":1E+2}`, `{"a":1.50,"b":100000000000000000001,"c":1E+2}`, both},

		{
			"a list of objects is replaced, missing fields are null", `{"inputData":[{"m":"a","level":"W"},{"m":"b"}]}`, `{"inputData":[{"m":"c"}]}`,
			`{"inputData":[{"level":null,"m":"c"}]}`, both[:1],
		},
		{
			"further elements are as sent", `{"outputData":[{"m":"a","l":1}]}`, `{"outputData":[{"m":"c"},{"m":"d"}]}`,
			`{"outputData":[{"l":null,"m":"c"},{"m":"d"}]}`, both[:1],
		},
		{
			"an array in a map is replaced", `{"jobParameters":{"list":[{"m":"a","l":1},1],"o":{"n":[1,2]}}}`, `{"jobParameters":{"list":[{"m":"b"}],"o":{"n":[3]}}}`,
			`{"jobParameters":{"list":[{"m":"b"}],"o":{"n":[3]}}}`, both[:1],
		},

		{
			"a list of objects merges by position", `{"inputData":[{"m":"a","level":"W"},{"m":"b"}]}`, `{"inputData":[{"m":"c"}]}`,
			`{"inputData":[{"level":"W","m":"c"}]}`, both[1:],
		},
		{
			"further elements are appended", `{"additionalAssets":[{"m":"a","l":1}]}`, `{"additionalAssets":[{"m":"c"},{"m":"d"}]}`,
			`{"additionalAssets":[{"l":1,"m":"c"},{"m":"d"}]}`, both[1:],
		},
		{
			"lists in objects and lists merge by position too", `{"model":{"storedModel":{"modelAssets":[{"a":1,"sub":[{"x":1}]}]}}}`,
			`{"model":{"storedModel":{"modelAssets":[{"b":2,"sub":[{"y":2}]}]}}}`,
			`{"model":{"storedModel":{"modelAssets":[{"a":1,"b":2,"sub":[{"x":1,"y":2}]}]}}}`, both[1:],
		},
		{"an empty array empties", `{"inputData":[{"m":"a"}]}`, `{"inputData":[]}`, `{"inputData":[]}`, both},
		{
			"an array in a map stays what it was", `{"jobParameters":{"list":["a"],"o":{"n":[1,2]}}}`, `{"jobParameters":{"list":["b"],"o":{"n":[3]},"new":[1]}}`,
			`{"jobParameters":{"list":["a"],"new":[1],"o":{"n":[1,2]}}}`, both[1:],
		},
	} {
		for _, mode := range c.modes {
			t.Run(c.name+"/"+string(mode), func(t *testing.T) {
				t.Parallel()
				b := setup(t, withMode(mode))
				id := b.create(c.stored)
				r := b.do("PATCH", jobPath(id), c.patch, "Content-Type", "application/merge-patch+json")
				require.Equal(t, http.StatusNoContent, r.status)
				require.Equal(t, c.want, b.document(id))
			})
		}
	}
}

func TestMergePatchRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.create(`{}`)
	for _, body := range []string{`[]`, `1`, `{"a"`, `null`} {
		require.Equal(t, http.StatusBadRequest, b.do("PATCH", jobPath(id), body).status, body)
	}
	r := b.do("PATCH", jobPath(id), `{}`, "Content-Type", "application/xml")
	require.Equal(t, http.StatusUnsupportedMediaType, r.status)
	require.Len(t, b.sim.Revisions(id), 1)
}

func TestJSONPatch(t *testing.T) {
	t.Parallel()
	const stored = `{"a":{"b":[1,2,3],"x/y":"s","m~n":1},"jobParameters":{"TMP":"v","k":"w"},"n":1.0}`
	for _, c := range []struct {
		name, patch string
		want        string // empty: the patch is refused with 400
	}{
		{"remove removes", `[{"op":"remove","path":"/jobParameters/TMP"},{"op":"remove","path":"/a"}]`, `{"jobParameters":{"k":"w"},"n":1.0}`},
		{"remove of nothing", `[{"op":"remove","path":"/jobParameters/none"}]`, ""},
		{"add and replace", `[{"op":"add","path":"/new","value":{"z":null}},{"op":"replace","path":"/a","value":0},{"op":"remove","path":"/jobParameters"}]`, `{"a":0,"n":1.0,"new":{"z":null}}`},
		{"replace of nothing", `[{"op":"replace","path":"/none","value":1}]`, ""},
		{"arrays", `[{"op":"add","path":"/a/b/1","value":9},{"op":"add","path":"/a/b/-","value":8},{"op":"remove","path":"/a/b/0"},{"op":"replace","path":"/a/b/0","value":7},{"op":"move","from":"/a/b","path":"/a"},{"op":"remove","path":"/jobParameters"}]`, `{"a":[7,2,3,8],"n":1.0}`},
		{"remove from an array", `[{"op":"remove","path":"/a/b/0"},{"op":"remove","path":"/jobParameters"}]`, `{"a":{"b":[2,3],"m~n":1,"x/y":"s"},"n":1.0}`},
		{"array index out of range", `[{"op":"add","path":"/a/b/4","value":1}]`, ""},
		{"array index with a leading zero", `[{"op":"remove","path":"/a/b/01"}]`, ""},
		{"negative array index", `[{"op":"remove","path":"/a/b/-1"}]`, ""},
		{"escapes", `[{"op":"remove","path":"/a/x~1y"},{"op":"remove","path":"/a/m~0n"},{"op":"remove","path":"/jobParameters"}]`, `{"a":{"b":[1,2,3]},"n":1.0}`},
		{"bad escape", `[{"op":"remove","path":"/a/m~2n"}]`, ""},
		{"test that holds", `[{"op":"test","path":"/n","value":1},{"op":"test","path":"/a/b","value":[1,2.0,3]},{"op":"remove","path":"/a"},{"op":"remove","path":"/jobParameters"}]`, `{"n":1.0}`},
		{"test that fails after a change", `[{"op":"remove","path":"/a"},{"op":"test","path":"/n","value":"1"}]`, ""},
		{"test of a large integer", `[{"op":"add","path":"/n","value":9007199254740993},{"op":"test","path":"/n","value":9007199254740992}]`, ""},
		{"copy", `[{"op":"copy","from":"/n","path":"/a"},{"op":"remove","path":"/jobParameters"}]`, `{"a":1.0,"n":1.0}`},
		{"move into itself", `[{"op":"move","from":"/a","path":"/a/b"}]`, ""},
		{"no value", `[{"op":"add","path":"/x"}]`, ""},
		{"no path", `[{"op":"add","value":1}]`, ""},
		{"no from", `[{"op":"copy","path":"/x"}]`, ""},
		{"unknown operation", `[{"op":"frob","path":"/a"}]`, ""},
		{"not a pointer", `[{"op":"remove","path":"a"}]`, ""},
		{"under a scalar", `[{"op":"add","path":"/n/x","value":1}]`, ""},
		{"the whole document", `[{"op":"replace","path":"","value":{"n":2}}]`, `{"n":2}`},
		{"no document left", `[{"op":"replace","path":"","value":[]}]`, ""},
		{"remove the document", `[{"op":"remove","path":""}]`, ""},
		{"not an array", `{"op":"remove","path":"/a"}`, ""},
		{"operation not an object", `[1]`, ""},
		{"not JSON", `[{`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			id := b.create(stored)
			r := b.do("PATCH", jobPath(id), c.patch, "Content-Type", "application/json-patch+json")
			if c.want == "" {
				require.Equal(t, http.StatusBadRequest, r.status)
				require.JSONEq(t, stored, b.document(id), "all or nothing")
				require.Len(t, b.sim.Revisions(id), 1)
				return
			}
			require.Equal(t, http.StatusNoContent, r.status, r.body)
			require.Equal(t, c.want, b.document(id))
			require.JSONEq(t, stored, revisionText(t, b.sim.Revisions(id)[0]), "history is untouched")
		})
	}
}

// revisionText is the document of a revision without what every write sets.
func revisionText(t *testing.T, r Revision) string {
	t.Helper()
	for _, k := range []string{"id", "version", "createdDate", "lastModifiedDate", "jobStatus"} {
		delete(r.Document, k)
	}
	text, err := encode(r.Document)
	require.NoError(t, err)
	return string(text)
}

func TestCopiesOfCopiesHitTheLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.create(`{"a":{}}`)
	var ops []string
	for i := range 60 {
		ops = append(ops, fmt.Sprintf(`{"op":"copy","from":"","path":"/a/%d"}`, i))
	}
	ops = append(ops, `{"op":"remove","path":"/a"}`) // too late: no operation may build that much
	r := b.do("PATCH", jobPath(id), "["+strings.Join(ops, ",")+"]", "Content-Type", "application/json-patch+json")
	require.Equal(t, http.StatusInternalServerError, r.status)
	require.JSONEq(t, `{"a":{}}`, b.document(id))
}
