package rm_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const active = `{"apps":{},"clusterInfo":{"haState":"ACTIVE","startedOn":1},"app":{"id":"` + id1 + `","state":"RUNNING"},` +
	`"appAttempts":{},"scheduler":{"schedulerInfo":{}},"clusterMetrics":{},"application-id":"` + id2 + `","state":"KILLED"}`

// ha is one of several ResourceManagers; it is active as long as its flag says so.
func ha(t *testing.T, isActive *atomic.Bool, standby http.HandlerFunc) *server {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isActive.Load() && r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/apps"):
			w.WriteHeader(http.StatusAccepted)
		case isActive.Load():
			replyJSON(200, active)(w, r)
		case strings.HasSuffix(r.URL.Path, "/info"):
			replyJSON(200, `{"clusterInfo":{"haState":"STANDBY","startedOn":1}}`)(w, r)
		default:
			standby(w, r)
		}
	})
	// Go's transport repeats by itself what breaks off on a connection that was used before: the
	// calls are counted here.
	s.Config.SetKeepAlivesEnabled(false)
	return s
}

func TestFailover(t *testing.T) {
	t.Parallel()
	redirect := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://the-other:8088"+r.URL.Path)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
	for name, standby := range map[string]http.HandlerFunc{
		"redirect": redirect,
		"redirect to nowhere": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Refresh", "3; url=http://x")
			w.WriteHeader(http.StatusTemporaryRedirect)
			_, _ = w.Write([]byte("Can not find any active RM. Will retry in next 3 seconds."))
		},
		"text":   reply(200, "text/plain", "There is no active RM right now.\n"),
		"dead":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"failed": reply(503, "text/html", page),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first, second atomic.Bool
			a, b := ha(t, &first, standby), ha(t, &second, standby)
			c := client(t, nil, a.URL, b.URL)

			second.Store(true)
			for call, do := range calls {
				require.NoError(t, do(t.Context(), c), call)
			}
			require.Len(t, a.seen(), 1, "the active one is remembered")
			require.Len(t, b.seen(), len(calls))

			first.Store(true)
			second.Store(false)
			for call, do := range calls {
				require.NoError(t, do(t.Context(), c), call)
			}
			require.Len(t, a.seen(), 1+len(calls))
			require.Len(t, b.seen(), 1+len(calls))

			first.Store(false)
			for call, do := range calls {
				err := do(t.Context(), c)
				require.Equal(t, job.CodeUnavailable, job.CodeOf(err), call)
				require.ErrorContains(t, err, a.URL)
				require.ErrorContains(t, err, b.URL)
			}
		})
	}
}

// One ResourceManager that is down does not hide what the active one says.
func TestRefusalOfTheActiveOne(t *testing.T) {
	t.Parallel()
	dead := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	alive := serve(t, replyJSON(404, remote("NotFoundException", "gone")))
	_, err := client(t, nil, dead.URL, alive.URL).Application(t.Context(), id1)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, replyJSON(200, active))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	_, err := client(t, nil, s.URL).List(t.Context(), rm.Filter{})
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.ErrorContains(t, err, "is a standby; it says the active one is "+strings.TrimPrefix(elsewhere.URL, "http://"))
	require.Empty(t, elsewhere.seen())
}
