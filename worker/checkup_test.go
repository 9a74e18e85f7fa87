package worker

import (
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/doctor"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
)

// onDefaultFS is a YARN cluster with another default file system; its ResourceManager is
// out of reach.
func onDefaultFS(t *testing.T, uri string) config.Config {
	t.Helper()
	c := onHost(t, func(c *config.Cluster) { c.Root = filepath.Join(t.TempDir(), "stoker", "jobs") })
	conf := c.Clusters["lake"].YARN.ConfDirs[0]
	for name, text := range map[string]string{
		"core-site.xml": "<property><name>fs.defaultFS</name><value>" + uri + "</value></property>",
		"yarn-site.xml": "<property><name>yarn.resourcemanager.webapp.address</name><value>127.0.0.1:1</value></property>",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(conf, name), []byte("<configuration>"+text+"</configuration>"), 0o600))
	}
	return c
}

// Every default file system that jobs can have can be looked at.
func TestCheckClusterOnDefaultFileSystems(t *testing.T) {
	t.Parallel()
	for uri, files := range map[string][]string{
		"hdfs://127.0.0.1:1":    {"NameNode", "WebHDFS", "root"},
		"webhdfs://127.0.0.1:1": {"NameNode", "root"},
		"swebhdfs://127.0.0.1":  {"NameNode", "root"},
		"file:///":              {"file system", "root"},
	} {
		t.Run(uri, func(t *testing.T) {
			t.Parallel()
			checks := CheckCluster(onDefaultFS(t, uri), "lake")
			var names []string
			for _, check := range checks {
				names = append(names, check.Name)
			}
			require.Subset(t, names, files)
			require.Equal(t, files[0] == "NameNode", !slices.Contains(names, "file system"))
			require.Equal(t, len(files) == 3, slices.Contains(names, "WebHDFS"))
			for _, row := range doctor.Examine(t.Context(), checks, time.Second).Rows {
				if row.Check == "configuration" {
					require.Equal(t, doctor.StatusOK, row.Status, row.Text)
				}
				if row.Status != doctor.StatusOK {
					require.NotEmpty(t, row.Mend, "%s: %s", row.Check, row.Text)
				}
				if uri == "file:///" && (row.Check == "file system" || row.Check == "root") {
					require.Equal(t, doctor.StatusOK, row.Status, "%s: %s", row.Check, row.Text)
				}
			}
		})
	}
}

// Whoever makes the root leaves the directories above it open: runtimes lie there, too.
func TestTheRootAloneIsClosed(t *testing.T) {
	t.Parallel()
	c := onDefaultFS(t, "file:///")
	root := c.Clusters["lake"].Root
	opened, err := OpenClusters(c, []string{"lake"}, Openings{Supervisor: []string{"/bin/true"}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, opened["lake"].Stores.Default.Create(t.Context(), root+"/j/1/reservation.json", []byte("{}"), 0o600))
	for name, want := range map[string]fs.FileMode{root: 0o700, filepath.Dir(root): 0o755} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), name)
	}
}

// All that asks a cluster's web servers does so with the same clients, which is where
// authentication and TLS come in.
func TestOneSetOfHTTPClients(t *testing.T) {
	t.Parallel()
	var connections, nobody atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("user.name") != "ann" {
			nobody.Add(1)
		}
		_, _ = io.WriteString(w, `{"clusterInfo":{"state":"STARTED","haState":"ACTIVE"}}`) // the client may be gone
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := onDefaultFS(t, "file:///")
	settings := c.Clusters["lake"]
	require.NoError(t, os.WriteFile(filepath.Join(settings.YARN.ConfDirs[0], "yarn-site.xml"), []byte(
		"<configuration><property><name>yarn.resourcemanager.webapp.address</name><value>"+strings.TrimPrefix(server.URL, "http://")+"</value></property></configuration>"), 0o600))
	h, err := openHadoop("lake", settings, Openings{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	manager, _, err := h.resourceManager(settings.YARN)
	require.NoError(t, err)
	_, err = manager.Info(t.Context())
	require.NoError(t, err)
	reader, err := logs.New(logs.Options{ResourceManager: manager, HistoryAddress: server.URL, User: "ann", HTTP: h.http})
	require.NoError(t, err)
	_, err = reader.Attempts(t.Context(), "application_1_0001")
	require.Error(t, err, "it is no history server")
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	require.NoError(t, err)
	r, err := h.http.Client().Do(q)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, int32(1), connections.Load())
	require.Zero(t, nobody.Load(), "each request says who asks")
}
