package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// ask sends a request to a simulator without a network.
func ask(s *Server, method, path, body string, header ...string) reply {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return reply{status: w.Code, header: w.Header(), body: w.Body.String()}
}

// anyValue draws JSON values that nest at most depth containers.
func anyValue(depth int) *rapid.Generator[any] {
	scalar := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.SampledFrom([]string{"0", "-1", "1.50", "1E+2", "9007199254740993"}), func(n string) any { return number(n) }),
		rapid.Map(rapid.StringN(0, 4, -1), func(s string) any { return strings.ToValidUTF8(s, "?") }),
	)
	if depth == 0 {
		return scalar
	}
	return rapid.OneOf(
		scalar,
		rapid.Map(anyObject(depth-1), func(o object) any { return o }),
		rapid.Map(rapid.SliceOfN(anyValue(depth-1), 0, 3), func(l []any) any { return l }),
		// Lists of objects are a case of their own in a merge.
		rapid.Map(rapid.SliceOfN(anyObject(depth-1), 1, 3), func(l []object) any {
			list := make([]any, len(l))
			for i, o := range l {
				list[i] = o
			}
			return list
		}),
	)
}

// anyObject draws objects with few names, so that two of them have some in common.
func anyObject(depth int) *rapid.Generator[object] {
	names := rapid.SampledFrom([]string{"a", "b", "jobParameters", "inputData", "x/y~"})
	return rapid.Map(rapid.MapOfN(names, anyValue(depth), 0, 4), func(m map[string]any) object { return m })
}

// model is the merge patch written down a second time, from the rules as observed
// and by building paths: it returns the value at path after the merge.
func model(stored any, has bool, sent any, mode ArrayMode, freeForm bool) any {
	switch s := sent.(type) {
	case object:
		old, ok := stored.(object)
		if !has || !ok {
			return sent
		}
		result := object{}
		for k := range old {
			if _, both := s[k]; !both {
				result[k] = old[k]
			}
		}
		for k := range s {
			before, had := old[k]
			result[k] = model(before, had, s[k], mode, freeForm)
		}
		return result
	case []any:
		old, ok := stored.([]any)
		if !has || !ok {
			return sent
		}
		if freeForm {
			if mode == ArrayPositional {
				return old
			}
			return sent
		}
		for _, e := range append(append([]any{}, old...), s...) {
			if _, ok := e.(object); !ok {
				return sent
			}
		}
		result := []any{}
		for i, e := range s {
			switch {
			case i >= len(old):
				result = append(result, e)
			case mode == ArrayPositional:
				result = append(result, model(old[i], true, e, mode, false))
			default:
				element := object{}
				for k := range old[i].(object) {
					element[k] = nil
				}
				for k, v := range e.(object) {
					element[k] = v
				}
				result = append(result, element)
			}
		}
		return result
	default:
		return sent
	}
}

// TestMergePatchThenGet: what GET shows after merge patches is what the model says,
// and no patch changes an earlier revision.
func TestMergePatchThenGet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]ArrayMode{ArrayReplace, ArrayPositional}).Draw(t, "mode")
		s, err := New(Options{ArrayMode: mode})
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()

		want := anyObject(3).Draw(t, "document")
		id, err := s.Create(want)
		require.NoError(t, err)
		history := []object{want}
		for i := range rapid.IntRange(1, 4).Draw(t, "patches") {
			patch := anyObject(3).Draw(t, fmt.Sprint("patch", i))
			body, err := encode(patch)
			require.NoError(t, err)
			require.Equal(t, http.StatusNoContent, ask(s, "PATCH", jobPath(id), string(body)).status)
			next := object{}
			for k, v := range want {
				next[k] = v
			}
			for k, v := range patch {
				before, had := want[k]
				next[k] = model(before, had, v, mode, k == "jobParameters")
				if o, ok := v.(object); ok && len(o) == 0 && k == "jobParameters" {
					next[k] = object{}
				}
			}
			want = next
			history = append(history, want)
		}

		r := ask(s, "GET", jobPath(id), "")
		require.Equal(t, http.StatusOK, r.status)
		got, err := decodeObject([]byte(r.body))
		require.NoError(t, err)
		require.Equal(t, number(fmt.Sprint(len(history)-1)), got["version"])
		require.Equal(t, want, withoutStamps(got))
		for i, revision := range s.Revisions(id) {
			require.Equal(t, history[i], withoutStamps(revision.Document), "revision %d", i)
		}
	})
}

func withoutStamps(doc object) object {
	for _, k := range []string{"id", "version", "createdDate", "lastModifiedDate", "jobStatus", "_links"} {
		delete(doc, k)
	}
	return doc
}

// TestReplayAfterTruncation: a journal cut at any byte gives the state there was
// after the last write that is whole in it.
func TestReplayAfterTruncation(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(parent, "")
		require.NoError(t, err)
		defer func() { require.NoError(t, os.RemoveAll(dir)) }()
		path := filepath.Join(dir, JournalName)
		s, err := New(Options{Dir: dir})
		require.NoError(t, err)

		ids := []string{"a", "b", "c"}
		sizes, states := []int64{0}, []state{stateOf(s, ids)}
		for i := range rapid.IntRange(0, 8).Draw(t, "writes") {
			id := rapid.SampledFrom(ids).Draw(t, fmt.Sprint("id", i))
			body, err := encode(with(anyObject(2).Draw(t, fmt.Sprint("body", i)), "id", id))
			require.NoError(t, err)
			switch rapid.SampledFrom([]string{"POST", "PUT", "PATCH", "DELETE"}).Draw(t, fmt.Sprint("method", i)) {
			case "POST":
				ask(s, "POST", Prefix+"/jobs", string(body))
			case "PUT":
				ask(s, "PUT", jobPath(id), string(body))
			case "PATCH":
				ask(s, "PATCH", jobPath(id), string(body))
			case "DELETE":
				ask(s, "DELETE", jobPath(id), "")
			}
			info, err := os.Stat(path)
			require.NoError(t, err)
			if info.Size() > sizes[len(sizes)-1] { // else the write was refused
				sizes, states = append(sizes, info.Size()), append(states, stateOf(s, ids))
			}
		}
		require.NoError(t, s.Close())

		cut := rapid.Int64Range(0, sizes[len(sizes)-1]).Draw(t, "cut")
		require.NoError(t, os.Truncate(path, cut))
		whole := 0
		for i, size := range sizes {
			if size <= cut {
				whole = i
			}
		}
		again, err := New(Options{Dir: dir})
		require.NoError(t, err)
		require.Equal(t, states[whole], stateOf(again, ids))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, sizes[whole], info.Size(), "the half line is cut off")
		require.NoError(t, again.Close())
	})
}
