package yarnsim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// The NodeManager's part, as far as logs go (Options.NodeAddress):
//
//	GET /ws/v1/node/containers/{id}/logs           the files and their sizes
//	GET /ws/v1/node/containerlogs/{id}/{file}      a file in its frame; size>0 is the first bytes, size<0 the last
//
// Logs stay at the node: aggregation is off.

// logFiles of every master, with what it has written.
var logFiles = map[string]string{"stdout": "a line of stdout\n", "stderr": "a line of stderr\n"}

// unknownContainer is how a NodeManager without a log server says so.
func unknownContainer(w http.ResponseWriter, id string) {
	refuse(w, http.StatusNotFound, "org.apache.hadoop.yarn.webapp.NotFoundException",
		"java.lang.Exception: Unknown container. Container either has not started or has already completed or doesn't belong to this node at all: "+id)
}

// master finds the application whose master has a container; nil if there is
// none.
func (s *Server) master(container string) *application {
	parts := strings.Split(strings.TrimPrefix(container, "container_"), "_")
	if len(parts) < 4 {
		return nil
	}
	number := parts[len(parts)-4:]
	app := s.apps["application_"+number[0]+"_"+number[1]]
	if app == nil || app.container != container {
		return nil
	}
	return app
}

func (s *Server) nodeLogs(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("container")
	s.mu.Lock()
	known := s.master(id) != nil
	s.mu.Unlock()
	if !known {
		unknownContainer(w, id)
		return
	}
	var files []any
	for _, name := range []string{"stderr", "stdout"} {
		files = append(files, map[string]any{
			"fileName": name, "fileSize": strconv.Itoa(len(logFiles[name])), "lastModifiedTime": "Sat Nov 21 08:13:32 +0000 2026",
		})
	}
	reply(w, http.StatusOK, map[string]any{"containerLogsInfo": map[string]any{
		"containerLogInfo": files, "logAggregationType": "LOCAL", "containerId": id, "nodeId": nodeID,
	}})
}

func (s *Server) nodeLog(w http.ResponseWriter, r *http.Request) {
	id, name := r.PathValue("container"), r.PathValue("file")
	content, written := logFiles[name]
	s.mu.Lock()
	app := s.master(id)
	ended := app != nil && app.state.Ended()
	s.mu.Unlock()
	if app == nil || !written {
		unknownContainer(w, id)
		return
	}
	sent := content
	switch n, err := strconv.Atoi(r.URL.Query().Get("size")); {
	case err != nil:
	case n < 0:
		sent = content[max(0, len(content)+n):]
	default:
		sent = content[:min(n, len(content))]
	}
	trailer := "End of LogType:" + name
	if !ended {
		trailer += ".This log file belongs to a running container (" + id + ") and so may not be complete."
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "Container: %s on %s\nLogAggregationType: LOCAL\n%s\nLogType:%s\nLogLastModifiedTime:Sat Nov 21 08:13:32 +0000 2026\nLogLength:%d\nLogContents:\n%s%s\n%s\n\n", // the client may be gone
		id, nodeID, strings.Repeat("=", 72), name, len(content), sent, trailer, strings.Repeat("*", 71))
}

// proxied is a question to a driver's REST API through the proxy: it has no jobs
// yet.
func (s *Server) proxied(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	app := s.apps[r.PathValue("id")]
	s.mu.Unlock()
	if app == nil || !strings.HasSuffix(r.URL.Path, "/jobs") {
		http.NotFound(w, r)
		return
	}
	reply(w, http.StatusOK, []any{})
}
