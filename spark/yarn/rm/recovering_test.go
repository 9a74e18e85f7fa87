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

const unknown = `{"RemoteException":{"exception":"NotFoundException","message":"app not found","javaClassName":"x"}}`

// A ResourceManager that has opened its web service and not recovered yet knows
// no application: what it says of one counts only once it is active.
func TestRecovering(t *testing.T) {
	t.Parallel()
	calls := map[string]func(*rm.Client) error{
		"application": func(c *rm.Client) error { _, err := c.Application(t.Context(), id1); return err },
		"attempts":    func(c *rm.Client) error { _, err := c.Attempts(t.Context(), id1); return err },
		"kill":        func(c *rm.Client) error { _, err := c.Kill(t.Context(), id1, ""); return err },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var recovered, forgotten, late atomic.Bool
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				info := strings.HasSuffix(r.URL.Path, "/info")
				switch {
				case recovered.Load() && (info || !forgotten.Load()):
					replyJSON(200, active)(w, r)
				case info:
					replyJSON(200, `{"clusterInfo":{"haState":"INITIALIZING","startedOn":1}}`)(w, r)
				default:
					replyJSON(404, unknown)(w, r)
					recovered.Store(late.Load())
				}
			})
			c := client(t, nil, s.URL)
			require.Equal(t, job.CodeUnavailable, job.CodeOf(call(c)), "not recovered yet")
			late.Store(true)
			require.NoError(t, call(c), "recovered after it was asked")
			forgotten.Store(true)
			require.Equal(t, job.CodeNotFound, job.CodeOf(call(c)), "active, and it is not there")
		})
	}
}
