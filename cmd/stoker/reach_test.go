package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/stoker-spark/stoker/job"
	storefile "github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
)

// atOnce is far below the minute that a client tries for by itself, and far above patience.
const atOnce = 20 * time.Second

// line leads to a server of Temporal's health, or to nothing.
type line struct {
	mu     sync.Mutex
	server *bufconn.Listener
}

// dial stands in for the network.
func (l *line) dial(ctx context.Context, _ string) (net.Conn, error) {
	l.mu.Lock()
	server := l.server
	l.mu.Unlock()
	if server == nil {
		return nil, errors.New("the line is dead")
	}
	return server.DialContext(ctx)
}

func (l *line) lead(to *bufconn.Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = to
}

// up has a server answer until cut.
func (l *line) up(t *testing.T) (cut func()) {
	t.Helper()
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		return status.Error(codes.Unimplemented, "not implemented")
	}))
	answers := health.NewServer()
	answers.SetServingStatus("temporal.api.workflowservice.v1.WorkflowService", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(server, answers)
	listener := bufconn.Listen(64 << 10)
	go func() { _ = server.Serve(listener) }() // it ends with the server
	t.Cleanup(server.Stop)
	l.lead(listener)
	return func() {
		l.lead(nil)
		server.Stop()
	}
}

func TestAnImpatientClient(t *testing.T) {
	t.Parallel()
	quick := func(c client.Client, want string) {
		t.Helper()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := c.DescribeWorkflowExecution(ctx, "x", "")
		require.ErrorContains(t, err, want)
		require.Less(t, time.Since(began), atOnce)
	}
	connect := func(address string, dial ...grpc.DialOption) client.Client {
		c, err := client.NewLazyClient(impatient(client.Options{
			HostPort: address, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
			ConnectionOptions: client.ConnectionOptions{DialOptions: dial},
		}))
		require.NoError(t, err)
		t.Cleanup(c.Close)
		return c
	}
	quick(connect(silent(t)), "no connection to")

	network := &line{}
	c := connect("127.0.0.1:1", grpc.WithContextDialer(network.dial))
	check := func() error {
		_, err := c.CheckHealth(t.Context(), &client.CheckHealthRequest{})
		return err
	}
	for range 2 {
		quick(c, "the line is dead")
		cut := network.up(t)
		require.Eventually(t, func() bool { return check() == nil }, time.Minute, 50*time.Millisecond)
		cut()
		require.Eventually(t, func() bool { return check() != nil }, time.Minute, time.Millisecond)
		quick(c, "the line is dead")
		began := time.Now()
		for range 20 {
			quick(c, "the line is dead")
		}
		require.Less(t, time.Since(began), atOnce, "nobody waits for what was missing a moment ago")
	}
}

// The API starts without Temporal, and serves what needs none.
func TestAPIWithoutTemporal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root := filepath.Join(dir, "jobs")
	at := time.Now().UTC()
	logs := logstore.New(storefile.New(storefile.Options{}), root+"-logs")
	key := job.Key{Source: job.SourceAPI, ID: "1"}
	require.NoError(t, logs.PutRecord(t.Context(), job.Record{
		Version: 1, ID: key.Name(), Key: key, Spec: job.Spec{User: "local", Cluster: "local", Kind: job.KindPySpark},
		Outcome: job.Outcome{Result: job.ResultSucceeded}, Application: "app", Attempts: 1,
		SubmittedAt: at, RunAt: at, EndedAt: at, WorkflowID: key.WorkflowID(), RunID: "run",
	}))
	attempt, err := logs.Attempt(key.Attempt(1))
	require.NoError(t, err)
	stream, err := attempt.Stream("stdout")
	require.NoError(t, err)
	_, err = stream.Append(t.Context(), 1<<10, func(w io.Writer, _ int64) error {
		_, err := io.WriteString(w, "hello")
		return err
	})
	require.NoError(t, err)
	require.NoError(t, attempt.Finish(t.Context(), logstore.Manifest{Job: key.Name(), Attempt: 1}))
	config := filepath.Join(dir, "stoker.yaml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "clusters:\n  local: {root: %s}\n", root), 0o600))

	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "api", "-c", config, "--address", "127.0.0.1:0", "--log-format", "json")
	cmd.Env = []string{asStoker + "=1", "HOME=" + dir, "PATH=" + os.Getenv("PATH"), "GOCOVERDIR=" + dir, "TEMPORAL_ADDRESS=127.0.0.1:1"}
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { // after a failure: it writes into the directory, which is removed next
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address, warned := "", false
	lines := bufio.NewScanner(stderr)
	for (address == "" || !warned) && lines.Scan() {
		var line struct{ Level, Msg, Address, Error string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), lines.Text())
		if line.Msg == "serving the API" {
			address = line.Address
		}
		if strings.Contains(line.Msg, "temporal cannot be reached") {
			warned = true
			require.Equal(t, "WARN", line.Level)
			require.Contains(t, line.Error, "connection refused")
		}
	}
	require.True(t, warned)
	go func() { _, _ = io.Copy(io.Discard, stderr) }() // nobody reads it, but it must not be full

	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/healthz":             {200, "ok"},
		"/readyz":              {503, "connection refused"},
		"/v1/jobs/api-1":       {200, `"succeeded"`},
		"/v1/jobs/api-1/logs":  {200, "hello"},
		"/v1/jobs":             {200, `"api-1"`},
		"/v1/jobs/api-2":       {503, "connection refused"},
		"/v1/jobs/j%C3%B6b":    {404, "there is no job"},
		"/v1/jobs/api-2/logs":  {503, "connection refused"},
		"/v1/clusters?x=local": {400, "x: "},
	} {
		began := time.Now()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, errors.Join(err, response.Body.Close()))
		require.Equal(t, want.status, response.StatusCode, "%s: %s", path, text)
		require.Contains(t, string(text), want.text, path)
		require.Less(t, time.Since(began), atOnce, path)
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}
