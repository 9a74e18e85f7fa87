package logs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store/file"
)

const (
	app1    = "application_1795248734839_0012"
	master1 = "container_e01_1795248734839_0012_01_000001"
	master2 = "container_e01_1795248734839_0012_02_000001"
)

// manager is a ResourceManager.
type manager struct {
	application func() (rm.Application, error)
	attempts    func() ([]rm.Attempt, error)
	// asked for the application.
	asked int
	mu    sync.Mutex
}

func (m *manager) Application(context.Context, string) (rm.Application, error) {
	m.mu.Lock()
	m.asked++
	m.mu.Unlock()
	return m.application()
}

func (m *manager) Attempts(context.Context, string) ([]rm.Attempt, error) { return m.attempts() }

// files of containers, by container and name.
type files map[string]map[string]string

// server is a NodeManager or a history server: which one is its kind.
type server struct {
	*httptest.Server
	kind string // LOCAL or AGGREGATED
	mu   sync.Mutex
	// parts are the files, one element for each node file.
	parts   []files
	running bool
	// newer: lists as of 3.5.
	newer bool
	// before is called before each request is served, with the path.
	before func(path string)
	// instead serves a request if it returns true.
	instead func(w http.ResponseWriter, r *http.Request) bool
	calls   []string
}

func serve(t *testing.T, kind string, parts ...files) *server {
	t.Helper()
	s := &server{kind: kind, parts: parts, running: kind == "LOCAL"}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// change makes changes between requests.
func (s *server) change(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
}

func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.URL.Path+"?"+r.URL.Query().Encode())
	if s.before != nil {
		s.before(r.URL.Path)
	}
	instead := s.instead
	s.mu.Unlock()
	if instead != nil && instead(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	words := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // ws v1 node containers ID logs
	switch words[3] {
	case "aggregatedlogs":
		s.list(w, r, "")
	case "containers":
		s.list(w, r, words[4])
	case "containerlogs":
		s.log(w, r, words[4], words[5])
	default:
		http.NotFound(w, r)
	}
}

func (s *server) list(w http.ResponseWriter, r *http.Request, id string) {
	var elements []string
	for i, part := range s.parts {
		for container, streams := range part {
			if id != "" && container != id {
				continue
			}
			var names []string
			for name, content := range streams {
				size := strconv.Quote(strconv.Itoa(len(content)))
				if s.newer {
					size = strings.Trim(size, `"`)
				}
				names = append(names, fmt.Sprintf(`{"fileName":%q,"fileSize":%s}`, name, size))
			}
			elements = append(elements, fmt.Sprintf(`{"containerLogInfo":[%s],"logAggregationType":%q,"containerId":%q,"nodeId":"n%d"}`,
				strings.Join(names, ","), s.kind, container, i))
		}
	}
	text := `{"containerLogsInfo":[` + strings.Join(elements, ",") + `]}`
	if s.newer {
		text = `{"containerLogsInfoes":` + text + `}`
	}
	switch {
	case len(elements) > 0:
		_, _ = io.WriteString(w, text)
	case s.kind == "LOCAL":
		s.redirect(w, r)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"RemoteException":{"exception":"WebApplicationException","message":"java.io.IOException: Can not find remote application directory for the application:x\n"}}`)
	}
}

// redirect is what a NodeManager does with what it has not.
func (s *server) redirect(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Location", s.URL+"/followed"+r.URL.Path)
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func (s *server) log(w http.ResponseWriter, r *http.Request, id, name string) {
	found := false
	for _, part := range s.parts {
		content, ok := part[id][name]
		if !ok {
			continue
		}
		found = true
		sent := content
		if size := r.URL.Query().Get("size"); size != "" {
			n, err := strconv.Atoi(size)
			switch {
			case err != nil:
				http.Error(w, "no number", http.StatusBadRequest)
				return
			case n < 0:
				sent = content[max(0, len(content)+n):]
			default:
				sent = content[:min(n, len(content))]
			}
		}
		first := "Container: " + id + " on n:1"
		text := first + "\nLogAggregationType: " + s.kind + "\n" + strings.Repeat("=", len(first)) + "\nLogType:" + name +
			"\nLogLastModifiedTime:Sat Nov 21 08:13:32 +0000 2026\nLogLength:" + strconv.Itoa(len(content)) + "\nLogContents:\n" + sent
		end := "End of LogType:" + name
		switch {
		case s.kind != "LOCAL":
			text += "\n" + end
		case s.running:
			text += end + ".This log file belongs to a running container (" + id + ") and so may not be complete."
		default:
			text += end + "."
		}
		_, _ = io.WriteString(w, text+"\n"+strings.Repeat("*", len(end)+50)+"\n\n")
	}
	if !found && s.kind == "LOCAL" {
		s.redirect(w, r)
	} else if !found {
		_, _ = io.WriteString(w, "Can not find logs for container:"+id)
	}
}

// bundle is a Reader with all it reads from.
type bundle struct {
	*testing.T
	*logs.Reader
	manager *manager
	node    *server
	history *server
	// dir of the aggregated logs.
	dir string
	app *rm.Application
	// attempt is the only one.
	attempt *rm.Attempt
}

// newBundle makes a cluster in which app1 runs and its master, master1, has
// written stdout.
func newBundle(t *testing.T, stdout string, change func(b *bundle, o *logs.Options)) *bundle {
	t.Helper()
	b := &bundle{
		T: t, dir: t.TempDir(),
		node:    serve(t, "LOCAL", files{master1: {"stdout": stdout, "stderr": ""}}),
		history: serve(t, "AGGREGATED", files{}),
		app:     &rm.Application{ID: app1, User: "alice", State: rm.StateRunning, LogAggregation: "NOT_START"},
	}
	b.attempt = &rm.Attempt{
		Number: 1, ContainerID: master1, State: "RUNNING", NodeID: "node1:8041",
		NodeHTTPAddress: strings.TrimPrefix(b.node.URL, "http://"),
	}
	b.manager = &manager{
		application: func() (rm.Application, error) { return *b.app, nil },
		attempts:    func() ([]rm.Attempt, error) { return []rm.Attempt{*b.attempt}, nil },
	}
	o := logs.Options{
		ResourceManager: b.manager, HistoryAddress: b.history.URL,
		Folders: []logs.Folder{{Store: file.New(file.Options{}), Dir: b.dir, Suffix: "logs-tfile"}}, User: "alice", Timeout: 5 * time.Second,
	}
	if change != nil {
		change(b, &o)
	}
	r, err := logs.New(o)
	require.NoError(t, err)
	b.Reader = r
	return b
}

// end ends the application. What became of the logs is another matter.
func (b *bundle) end(aggregation string) {
	b.app.State, b.app.FinalStatus, b.app.LogAggregation = rm.StateFailed, rm.FinalFailed, aggregation
	b.app.FinishedAt = time.Now()
	b.app.Diagnostics = "Application failed\n\tat some.Java(Class.java:1)\n"
	b.attempt.State, b.attempt.FinishedAt = "FAILED", b.app.FinishedAt
	b.node.change(func() { b.node.running = false })
}

// drop makes the NodeManager forget the containers, and returns their files.
func (b *bundle) drop() (was files) {
	b.node.change(func() { was, b.node.parts = b.node.parts[0], []files{{}} })
	return was
}

// store writes a file of aggregated logs below the directory.
func (b *bundle) store(name string, content []byte) {
	b.Helper()
	_, err := file.New(file.Options{}).Write(b.Context(), path.Join(b.dir, name), strings.NewReader(string(content)), 0o644)
	require.NoError(b, err)
}

// bucketed is where a NodeManager puts the file.
const bucketed = "alice/bucket-logs-tfile/0012/" + app1 + "/node1_8041"

// tfile is one with a container's files.
func tfile(id string, streams map[string]string) []byte {
	r := logs.Record{Container: id}
	for name, content := range streams {
		r.Files = append(r.Files, logs.LogFile{Name: name, Content: []byte(content)})
	}
	return logs.MakeTFile(false, 1000, 1, r)
}

func (b *bundle) expect(want string, wantSize int, offset int64, limit int) {
	b.Helper()
	data, size, err := b.Read(b.Context(), app1, "stdout", offset, limit)
	require.NoError(b, err)
	require.EqualValues(b, wantSize, size)
	require.NotNil(b, data)
	require.Equal(b, want, string(data))
}

func (b *bundle) fails(stream string) error {
	b.Helper()
	data, size, err := b.Read(b.Context(), app1, stream, 0, 100)
	require.Error(b, err)
	require.Nil(b, data)
	require.Zero(b, size)
	require.NotContains(b, err.Error(), "\n")
	require.NotContains(b, err.Error(), "<")
	return err
}
