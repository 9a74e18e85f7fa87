package yarnsim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/yarnsim"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// Logs are read as Stoker reads them.
func TestLogsAreAtTheNode(t *testing.T) {
	t.Parallel()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	sim := yarnsim.New(yarnsim.Options{
		Saving: time.Millisecond, Starting: time.Millisecond, NodeAddress: strings.TrimPrefix(server.URL, "http://"),
	})
	t.Cleanup(sim.Close)
	handler = sim
	b := &bundle{T: t, sim: sim, url: server.URL}
	b.client = b.as("ann")
	id := b.submit()
	b.await(id, rm.StateRunning)
	reader, err := logs.New(logs.Options{ResourceManager: b.client, User: "ann", Timeout: 5 * time.Second})
	require.NoError(t, err)
	for range 2 {
		data, size, err := reader.Read(t.Context(), id, "stdout", 2, 4)
		require.NoError(t, err)
		require.Equal(t, "line", string(data))
		require.EqualValues(t, len("a line of stdout\n"), size)
		if app, _ := sim.App(id); app.State == rm.StateRunning {
			require.NoError(t, sim.End(id, rm.FinalSucceeded, ""))
		}
	}
	require.Positive(t, sim.Requests()[yarnsim.KindNodeLog])

	answer, err := http.Get(server.URL + "/proxy/" + id + "/api/v1/applications/" + id + "/jobs") // local
	require.NoError(t, err)
	data, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, "[]", string(data))
	require.Equal(t, 1, sim.Requests()[yarnsim.KindProxy])
}
