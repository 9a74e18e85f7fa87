package webhdfs

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
)

// secret is in every redirect and must be in no text.
const secret = "SECRET-TOKEN"

// fake is a NameNode and a DataNode that keep a tree on the local disk. Like the
// real ones, the DataNode closes a file whose sender goes away.
type fake struct {
	t        *testing.T
	name     *httptest.Server
	data     *httptest.Server
	contents string // directory of the files' contents

	// Peculiarities: of servers that know no noredirect, no LISTSTATUS_BATCH, no
	// renameoptions. They must not be changed after the first request.
	redirects, noBatch, oldRename bool
	// before sees each request to the NameNode first, and answers it if it returns
	// true; beforeData those to the DataNode.
	before, beforeData func(w http.ResponseWriter, r *http.Request) bool

	mu    sync.Mutex
	tree  map[string]*node
	next  int
	calls map[string]int
}

type node struct {
	dir  bool
	perm string
	id   int
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, contents: t.TempDir(), tree: map[string]*node{"/": {dir: true, perm: "755", id: 1}}, next: 1, calls: map[string]int{}}
	f.name = httptest.NewServer(http.HandlerFunc(f.serveName))
	f.data = httptest.NewServer(http.HandlerFunc(f.serveData))
	t.Cleanup(f.name.Close)
	t.Cleanup(f.data.Close)
	return f
}

// storeOn makes a store on servers.
func storeOn(t *testing.T, addresses ...string) *Store {
	t.Helper()
	return within(t, 20*time.Second, addresses...)
}

// within makes one that waits no longer than a limit for anything.
func within(t *testing.T, limit time.Duration, addresses ...string) *Store {
	t.Helper()
	web := hadoop.NewHTTP(hadoop.HTTPOptions{User: "tester", Dialer: hadoop.Dialer{Timeout: limit, Stall: limit}})
	t.Cleanup(web.CloseIdleConnections)
	st, err := New(Options{Addresses: addresses, HTTP: web, Timeout: limit})
	require.NoError(t, err)
	return st
}

func (f *fake) count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

func (f *fake) paths() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for p := range f.tree {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, class, message string) {
	reply(w, status, map[string]any{"RemoteException": map[string]string{
		"exception": class[strings.LastIndexByte(class, '.')+1:], "javaClassName": class, "message": message,
	}})
}

const (
	notFound = "java.io.FileNotFoundException"
	exists   = "org.apache.hadoop.fs.FileAlreadyExistsException"
	noParent = "org.apache.hadoop.fs.ParentNotDirectoryException"
	tooLong  = "org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException"
)

func (f *fake) status(p, suffix string) map[string]any {
	n := f.tree[p]
	kind, size := "DIRECTORY", int64(0)
	if !n.dir {
		kind = "FILE"
		if info, err := os.Stat(f.content(n)); err == nil {
			size = info.Size()
		}
	}
	return map[string]any{
		"pathSuffix": suffix, "type": kind, "length": size, "permission": n.perm, "fileId": n.id,
		"modificationTime": time.Now().UnixMilli(), "owner": "tester", "group": "g", "replication": 1, "blockSize": 1, "accessTime": 0,
	}
}

func (f *fake) content(n *node) string { return filepath.Join(f.contents, strconv.Itoa(n.id)) }

// blocked answers for a path below a file.
func (f *fake) blocked(w http.ResponseWriter, p string) bool {
	for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
		if n := f.tree[dir]; n != nil && !n.dir {
			refuse(w, http.StatusForbidden, noParent, dir+" (is not a directory)")
			return true
		}
	}
	return false
}

func (f *fake) serveName(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	op, p := q.Get("op"), strings.TrimPrefix(r.URL.Path, prefix)
	f.mu.Lock()
	f.calls[op]++
	f.mu.Unlock()
	if f.before != nil && f.before(w, r) {
		return
	}
	if q.Get("user.name") != "tester" {
		refuse(w, http.StatusUnauthorized, "java.lang.SecurityException", "who are you?")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.tree[p]
	switch {
	case op != "GETFILESTATUS" && isTooLong(p) || isTooLong(q.Get("destination")):
		refuse(w, http.StatusForbidden, tooLong, "The maximum path component name limit is exceeded: limit=255")
	case op == "CREATE" || op == "OPEN":
		f.place(w, r, op, p)
	case f.blocked(w, p):
	case op == "MKDIRS":
		if n != nil && !n.dir {
			refuse(w, http.StatusForbidden, exists, "Path is not a directory")
			return
		}
		for dir := p; f.tree[dir] == nil; dir = path.Dir(dir) {
			f.add(dir, true, q.Get("permission"))
		}
		reply(w, http.StatusOK, map[string]bool{"boolean": true})
	case op == "DELETE":
		for below := range f.tree {
			if below == p || strings.HasPrefix(below, p+"/") {
				delete(f.tree, below)
			}
		}
		reply(w, http.StatusOK, map[string]bool{"boolean": n != nil})
	case n == nil:
		refuse(w, http.StatusNotFound, notFound, "File does not exist: "+p)
	case op == "GETFILESTATUS":
		reply(w, http.StatusOK, map[string]any{"FileStatus": f.status(p, "")})
	case op == "SETPERMISSION":
		n.perm = q.Get("permission")
	case op == "RENAME":
		f.rename(w, p, q)
	case op == "LISTSTATUS" || op == "LISTSTATUS_BATCH" && !f.noBatch:
		f.list(w, p, op, q.Get("startAfter"))
	default:
		refuse(w, http.StatusBadRequest, "java.lang.IllegalArgumentException", `Invalid value for webhdfs parameter "op": `+op)
	}
}

func (f *fake) add(p string, dir bool, perm string) *node {
	f.next++
	f.tree[p] = &node{dir: dir, perm: perm, id: f.next}
	return f.tree[p]
}

func (f *fake) place(w http.ResponseWriter, r *http.Request, op, p string) {
	q := url.Values{"op": {op}, "delegation": {secret}}
	for _, key := range []string{"permission", "overwrite", "createparent"} {
		if r.URL.Query().Has(key) {
			q.Set(key, r.URL.Query().Get(key))
		}
	}
	// Java encodes less than it should.
	place := f.data.URL + strings.NewReplacer("%2B", "+", "%3B", ";", "%26", "&").Replace((&url.URL{Path: prefix + p}).EscapedPath()) + "?" + q.Encode()
	if f.redirects || r.URL.Query().Get("noredirect") != "true" {
		w.Header().Set("Location", place)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	reply(w, http.StatusOK, map[string]string{"Location": place})
}

func (f *fake) rename(w http.ResponseWriter, from string, q url.Values) {
	to, option := q.Get("destination"), q.Get("renameoptions")
	target := f.tree[to]
	if f.oldRename {
		if target != nil && target.dir {
			to, target = path.Join(to, path.Base(from)), nil
		}
		if target == nil {
			f.tree[to] = f.tree[from]
			delete(f.tree, from)
		}
		reply(w, http.StatusOK, map[string]bool{"boolean": target == nil})
		return
	}
	switch {
	case target != nil && target.dir:
		refuse(w, http.StatusForbidden, "java.io.IOException", "must both be directories")
	case target != nil && option != "OVERWRITE":
		refuse(w, http.StatusForbidden, exists, "rename destination "+to+" already exists")
	default:
		f.tree[to] = f.tree[from]
		delete(f.tree, from)
	}
}

func isTooLong(p string) bool {
	return slices.ContainsFunc(strings.Split(p, "/"), func(name string) bool { return len(name) > 255 })
}

// list gives two entries at a time, of a large directory a thousand.
func (f *fake) list(w http.ResponseWriter, dir, op, after string) {
	if !f.tree[dir].dir {
		f.reply(w, op, []map[string]any{f.status(dir, "")}, 0)
		return
	}
	var names []string
	for p := range f.tree {
		if p != "/" && path.Dir(p) == dir && path.Base(p) > after {
			names = append(names, path.Base(p))
		}
	}
	slices.Sort(names)
	remaining, batch := 0, 2
	if len(names) > 1000 {
		batch = 1000
	}
	if op == "LISTSTATUS_BATCH" && len(names) > batch {
		remaining, names = len(names)-batch, names[:batch]
	}
	entries := []map[string]any{}
	for _, name := range names {
		entries = append(entries, f.status(path.Join(dir, name), name))
	}
	f.reply(w, op, entries, remaining)
}

func (f *fake) reply(w http.ResponseWriter, op string, entries []map[string]any, remaining int) {
	statuses := map[string]any{"FileStatuses": map[string]any{"FileStatus": entries}}
	if op == "LISTSTATUS_BATCH" {
		statuses = map[string]any{"DirectoryListing": map[string]any{"partialListing": statuses, "remainingEntries": remaining}}
	}
	reply(w, http.StatusOK, statuses)
}

func (f *fake) serveData(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p := strings.TrimPrefix(r.URL.Path, prefix)
	if f.beforeData != nil && f.beforeData(w, r) {
		return
	}
	if q.Get("delegation") != secret || q.Has("user.name") || r.Header.Get("Cookie") != "" {
		f.t.Errorf("the DataNode was asked without its token, or with more than that: %s", r.URL)
	}
	f.mu.Lock()
	n := f.tree[p]
	if q.Get("op") == "CREATE" {
		switch {
		case n != nil:
			refuse(w, http.StatusForbidden, exists, p+" for client 127.0.0.1 already exists\n\tat org.apache.hadoop.Trace")
		case f.tree[path.Dir(p)] == nil:
			refuse(w, http.StatusNotFound, notFound, "Parent directory doesn't exist")
		default:
			n = f.add(p, false, q.Get("permission"))
			f.mu.Unlock()
			f.take(w, r, n)
			return
		}
		f.mu.Unlock()
		return
	}
	f.mu.Unlock()
	if n == nil || n.dir {
		refuse(w, http.StatusNotFound, notFound, "Path is not a file: "+p)
		return
	}
	http.ServeFile(w, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}}, f.content(n))
}

func (f *fake) take(w http.ResponseWriter, r *http.Request, n *node) {
	content, err := os.Create(f.content(n))
	if err != nil {
		f.t.Errorf("the fake has no disk: %v", err)
		return
	}
	defer content.Close() //nolint:errcheck // a fake
	if _, err := io.Copy(content, r.Body); err != nil {
		return
	}
	w.Header().Set("Location", "hdfs://fake"+r.URL.EscapedPath())
	w.WriteHeader(http.StatusCreated)
}
