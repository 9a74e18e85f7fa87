package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// drainable makes the fake's cluster one that is drained; looks are its states, as JSON,
// to each look, the last of which stays.
func (f *fakeAPI) drainable(looks ...string) *[]string {
	asked := &[]string{}
	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		state := looks[0]
		switch {
		case strings.HasSuffix(r.URL.Path, "/drain"):
			body := make([]byte, max(r.ContentLength, 0))
			_, _ = r.Body.Read(body) // what came is compared
			*asked = append(*asked, string(body))
			answer(w, 200, "application/json", fmt.Sprintf(`{"name":"lake","workers":1,"openJobs":3%s}`, state))
		case strings.HasSuffix(r.URL.Path, "/resume"):
			answer(w, 200, "application/json", `{"name":"lake","workers":1,"openJobs":3}`)
		case strings.HasSuffix(r.URL.Path, "/clusters"):
			if len(looks) > 1 {
				looks = looks[1:]
			}
			answer(w, 200, "application/json", fmt.Sprintf(`{"clusters":[{"name":"pond","workers":1,"openJobs":0},{"name":"lake","workers":1,"openJobs":3%s}]}`, looks[0]))
		default:
			return false
		}
		return true
	}
	return asked
}

const (
	twoLive = `,"drained":{"by":"ana","reason":"new\u001b disks","since":"2026-01-31T12:00:00Z","live":2}`
	empty   = `,"drained":{"by":"ana","since":"2026-01-31T12:00:00Z","live":0}`
)

func TestDrain(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	asked := f.drainable(twoLive)
	got := stoker(t, f.env(), "drain", "lake", "--reason", "new disks")
	require.Zero(t, got.code, got.stderr)
	require.Regexp(t, `^cluster lake is drained by ana \(new.* disks\); jobs still on it: 2, waiting: 1\n$`, got.stdout)
	require.NotContains(t, got.stdout, "\x1b")
	require.Equal(t, []string{`{"reason":"new disks"}`}, *asked)
	require.Regexp(t, `lake +1 +3 +2 live`, stoker(t, f.env(), "clusters").stdout)

	got = stoker(t, f.env(), "drain", "lake", "--resume")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "cluster lake launches applications; open jobs: 3\n", got.stdout)
	got = stoker(t, f.env(), "drain", "lake", "--resume", "-o", "json")
	require.JSONEq(t, `{"name":"lake","workers":1,"openJobs":3}`, got.stdout)
}

func TestDrainAndWait(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		looks          []string
		code           int
		stdout, stderr string
	}{
		"empties":         {[]string{twoLive, twoLive, empty}, 0, "cluster lake is drained by ana and empty; waiting jobs: 3\n", "jobs still on it: 2"},
		"empty at once":   {[]string{empty}, 0, "cluster lake is drained by ana and empty; waiting jobs: 3\n", ""},
		"ended by others": {[]string{twoLive, ""}, 1, "", "somebody has ended the drain of cluster lake"},
		"store away":      {[]string{twoLive, `,"problem":"connection refused"`}, 1, "", "nobody can tell whether cluster lake is still drained: connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeAPI(t)
			f.drainable(row.looks...)
			got := stoker(t, f.env(), "drain", "lake", "--wait")
			require.Equal(t, row.code, got.code, got.stderr)
			require.Equal(t, row.stdout, got.stdout)
			require.Contains(t, got.stderr, row.stderr)
		})
	}
}

func TestDrainOfNothing(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"drain"}, {"drain", ""}, {"drain", "a", "b"}} {
		got := stoker(t, nil, args...)
		require.Equal(t, 1, got.code)
		require.Contains(t, got.stderr, "stoker clusters shows the names")
	}
	for _, flag := range []string{"--wait", "--reason=x"} {
		require.Equal(t, 1, stoker(t, nil, "drain", "lake", "--resume", flag).code)
	}
}
