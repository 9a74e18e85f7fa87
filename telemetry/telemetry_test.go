package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewLogger(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		level, format string
		debug, info   bool
	}{
		"debug":           {"debug", "text", true, true},
		"info":            {"info", "text", false, true},
		"warn":            {"warn", "text", false, false},
		"error":           {"error", "json", false, false},
		"nothing said":    {"", "", false, true},
		"nonsense":        {"loud", "xml", false, true},
		"case is no rule": {"DEBUG", "json", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			logger := NewLogger(&out, row.level, row.format)
			logger.Debug("small")
			require.Equal(t, row.debug, out.Len() > 0)
			out.Reset()
			logger.Info("big")
			require.Equal(t, row.info, out.Len() > 0)
			out.Reset()
			logger.Error("bad", "job", "j1")
			require.Equal(t, row.format == "json", json.Valid(out.Bytes()), out.String())
			require.Contains(t, out.String(), "j1")
		})
	}
}

type bundle struct {
	server *Server
	notYet atomic.Pointer[error]
}

func setup(t *testing.T) *bundle {
	t.Helper()
	metrics, err := NewMetrics()
	require.NoError(t, err)
	metrics.Handler().WithTags(map[string]string{"task_queue": "spark"}).Counter("stoker_test_requests").Inc(3)
	var b bundle
	b.server, err = Serve("127.0.0.1:0", metrics, func(context.Context) error {
		if reason := b.notYet.Load(); reason != nil {
			return *reason
		}
		return nil
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.server.Close(context.Background())) })
	return &b
}

func (b *bundle) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	response, err := http.Get("http://" + b.server.Address() + path)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(data)
}

func TestServe(t *testing.T) {
	t.Parallel()
	b := setup(t)

	status, body := b.get(t, "/healthz")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ok\n", body)

	status, body = b.get(t, "/readyz")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ready\n", body)

	reason := errors.New("cluster local: no Java")
	b.notYet.Store(&reason)
	status, body = b.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "cluster local: no Java\n", body)

	status, _ = b.get(t, "/healthz")
	require.Equal(t, http.StatusOK, status, "a process that waits is healthy")

	status, body = b.get(t, "/metrics")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "go_goroutines")
	require.Regexp(t, `stoker_test_requests_total\{task_queue="spark"\} 3`, body)

	status, _ = b.get(t, "/")
	require.Equal(t, http.StatusNotFound, status)
}

func TestServeSaysThatAnAddressIsTaken(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	metrics, err := NewMetrics()
	require.NoError(t, err)
	address := listener.Addr().String()
	_, err = Serve(address, metrics, nil)
	require.ErrorContains(t, err, address)
	require.ErrorContains(t, err, "address already in use")
	require.ErrorContains(t, err, "choose another address")
}

func TestCloseFreesTheAddress(t *testing.T) {
	t.Parallel()
	metrics, err := NewMetrics()
	require.NoError(t, err)
	ready := func(context.Context) error { return nil }
	server, err := Serve("127.0.0.1:0", metrics, ready)
	require.NoError(t, err)
	address := server.Address()
	response, err := http.Get("http://" + address + "/healthz") // it serves, so that Close has something to end
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NoError(t, server.Close(context.Background()))
	again, err := net.Listen("tcp", address)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}
