package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
)

type fakeRM struct {
	info     func() (rm.Info, error)
	id       error
	queues   []rm.Queue
	queueErr error
}

func (f *fakeRM) Info(context.Context) (rm.Info, error) { return f.info() }

func (f *fakeRM) NewApplication(context.Context) (rm.Reserved, error) { return rm.Reserved{}, f.id }

func (f *fakeRM) Scheduler(context.Context) ([]rm.Queue, error) { return f.queues, f.queueErr }

// fakeStore is a directory that fails as it is told.
type fakeStore struct {
	store.Store
	stat, create error
}

func (f *fakeStore) Stat(ctx context.Context, path string) (store.Info, error) {
	if f.stat != nil {
		return store.Info{}, f.stat
	}
	return f.Store.Stat(ctx, path)
}

func (f *fakeStore) Create(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	if f.create != nil {
		return f.create
	}
	return f.Store.Create(ctx, path, data, mode)
}

// bundle is a healthy cluster.
type bundle struct {
	*testing.T
	y     YARN
	rm    *fakeRM
	store *fakeStore
	web   *fakeStore

	mu sync.Mutex
	// conf is what the daemons' /conf says; status, if not 0, is answered instead.
	conf   map[string]string
	status int
	// body, if not "", is answered to everything.
	body string
	// ahead is added to the daemons' time.
	ahead time.Duration
	// hang keeps every answer back.
	hang bool
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{T: t, conf: map[string]string{
		"yarn.resourcemanager.recovery.enabled": "true", "yarn.resourcemanager.max-completed-applications": "1000",
		"yarn.log-aggregation-enable": "true", "fs.defaultFS": "hdfs://nn",
	}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.rm = &fakeRM{
		info:   func() (rm.Info, error) { return rm.Info{Address: server.URL, HadoopVersion: "3.4.3"}, nil },
		queues: []rm.Queue{{Path: "root", Name: "root"}, {Path: "root.etl", Name: "etl", State: "RUNNING", Leaf: true}},
	}
	st := file.New(file.Options{DirMode: 0o755})
	b.store, b.web = &fakeStore{Store: st}, &fakeStore{Store: st}
	dir := t.TempDir()
	b.y = YARN{
		Name: "lake", ConfDirs: []string{"/conf"}, DefaultFS: "hdfs://nn", ResourceManager: b.rm, Web: Web{Client: server.Client()},
		Store: b.store, WebHDFS: b.web, ByRPC: true, NameNodeWeb: []string{server.URL}, HistoryServer: server.URL, User: "ann",
		Root: filepath.Join(dir, "jobs"), Runtimes: filepath.Join(dir, "runtimes"), SparkVersion: "3.5",
		Queues: []string{"etl"}, Recovery: true, ByREST: true,
	}
	b.stageRuntime()
	return b
}

func (b *bundle) stageRuntime() {
	b.Helper()
	require.NoError(b, os.MkdirAll(filepath.Join(b.y.Runtimes, "x"), 0o755))
	var files [3]yarn.RuntimeFile
	for i := range files {
		files[i] = yarn.RuntimeFile{Path: filepath.Join(b.y.Runtimes, "x", fmt.Sprint(i)), Size: 3}
		require.NoError(b, os.WriteFile(files[i].Path, []byte("zip"), 0o600))
	}
	record, err := json.Marshal(yarn.Runtime{SparkVersion: "3.5.9", Archive: files[0], PySpark: files[1], Py4J: files[2]})
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(filepath.Join(b.y.Runtimes, "3.5.json"), record, 0o600))
}

// ServeHTTP is every daemon at once.
func (b *bundle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hang {
		b.mu.Unlock()
		<-r.Context().Done()
		b.mu.Lock()
		return
	}
	w.Header().Set("Date", time.Now().Add(b.ahead).UTC().Format(http.TimeFormat))
	value, set := b.conf[r.URL.Query().Get("name")]
	switch {
	case b.status != 0:
		w.WriteHeader(b.status)
	case b.body != "":
		_, _ = w.Write([]byte(b.body)) // the client may be gone
	case r.URL.Path == "/ws/v1/cluster/nodes":
		_, _ = fmt.Fprintf(w, `{"nodes":{"node":[{"nodeHTTPAddress":%q}]}}`, r.Host) // the client may be gone
	case r.URL.Path == "/ws/v1/history/info":
		_, _ = fmt.Fprint(w, `{"historyInfo":{"hadoopVersion":"3.4.3"}}`)
	case r.URL.Path == "/conf" && !set:
		w.WriteHeader(http.StatusNotFound)
	case r.URL.Path == "/conf":
		_, _ = fmt.Fprintf(w, `{"property":{"key":%q,"value":%q}}`, r.URL.Query().Get("name"), value)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (b *bundle) rows() map[string]Finding {
	b.Helper()
	found := map[string]Finding{}
	report := Examine(b.Context(), OfYARN(b.y), 5*time.Second)
	requireMends(b.T, report)
	for _, row := range report.Rows {
		require.Equal(b, "cluster lake", row.Group)
		found[row.Check] = row.Finding
	}
	return found
}

func TestAHealthyClusterIsFine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, f := range b.rows() {
		if name == "runtime" && f.Status == StatusWarn {
			continue // the temporary directory is nobody else's
		}
		require.Equal(t, StatusOK, f.Status, "%s: %s", name, f.Text)
	}
	entries, err := os.ReadDir(b.y.Root)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing is left behind")
}

func TestYARN(t *testing.T) {
	t.Parallel()
	remote := errors.New("connection refused")
	for name, row := range map[string]struct {
		change func(b *bundle)
		check  string
		status Status
		text   string
		mend   string
	}{
		"dead ResourceManager": {func(b *bundle) {
			b.rm.info = func() (rm.Info, error) { return rm.Info{}, remote }
		}, "ResourceManager", StatusFail, "connection refused", "yarn.resourcemanager.webapp.address"},
		"what needs it": {func(b *bundle) {
			b.rm.info = func() (rm.Info, error) { return rm.Info{}, remote }
		}, "queue", StatusSkip, "ResourceManager", ""},
		"REST switched off": {func(b *bundle) {
			b.rm.id = job.Errorf(job.CodeUnauthorized, "403: %w", rm.ErrSubmissionDisabled)
		}, "submission", StatusFail, "not taken over REST", "clusters.lake.yarn.launcher to spark-submit"},
		"REST switched off, not needed": {func(b *bundle) {
			b.rm.id, b.y.ByREST = job.Errorf(job.CodeUnauthorized, "403: %w", rm.ErrSubmissionDisabled), false
		}, "submission", StatusOK, "spark-submit launches", ""},
		"user refused": {
			func(b *bundle) { b.rm.id = job.Errorf(job.CodeUnauthorized, "403: static user") },
			"submission", StatusFail, "user ann is refused", "clusters.lake.yarn.user",
		},
		"no id":         {func(b *bundle) { b.rm.id = remote }, "submission", StatusFail, "connection refused", "log"},
		"unknown queue": {func(b *bundle) { b.y.Queues = []string{"etl", "ops"} }, "queue", StatusFail, "ops does not exist; there are root.etl", "clusters.lake.yarn.queue"},
		"a queue to be made": {func(b *bundle) {
			b.rm.queues[0].Creates = true
			b.y.Queues = []string{"etl", "root.ops"}
		}, "queue", StatusWarn, "root.ops: not there yet; the scheduler may make", "lets ann have it made"},
		"a queue made elsewhere": {func(b *bundle) {
			b.rm.queues = append(b.rm.queues, rm.Queue{Path: "root.users", Name: "users", Creates: true})
			b.y.Queues = []string{"root.ops.x"}
		}, "queue", StatusFail, "root.ops.x does not exist", "clusters.lake.yarn.queue"},
		"a mapped queue":  {func(b *bundle) { b.y.Queues = []string{"default"} }, "queue", StatusWarn, "default does not exist; there are root.etl", "placement rules"},
		"stopped queue":   {func(b *bundle) { b.rm.queues[1].State = "STOPPED" }, "queue", StatusFail, "etl is STOPPED", "yarn.scheduler.capacity.root.etl.state"},
		"a parent queue":  {func(b *bundle) { b.y.Queues = []string{"root"} }, "queue", StatusFail, "root has queues below it", "that runs"},
		"queue by path":   {func(b *bundle) { b.y.Queues = []string{"root.etl"} }, "queue", StatusOK, "root.etl", ""},
		"no queues":       {func(b *bundle) { b.rm.queues = nil }, "queue", StatusOK, "none", ""},
		"no scheduler":    {func(b *bundle) { b.rm.queueErr = remote }, "queue", StatusWarn, "cannot be listed", "/ws/v1/cluster/scheduler"},
		"recovery off":    {func(b *bundle) { b.conf["yarn.resourcemanager.recovery.enabled"], b.y.Recovery = "false", false }, "recovery", StatusWarn, "lost", "state store"},
		"recovery unset":  {func(b *bundle) { delete(b.conf, "yarn.resourcemanager.recovery.enabled"); b.y.Recovery = false }, "recovery", StatusWarn, "lost", ""},
		"recovery a lie":  {func(b *bundle) { b.conf["yarn.resourcemanager.recovery.enabled"] = "false" }, "recovery", StatusFail, "run twice", "to false in /conf"},
		"recovery untold": {func(b *bundle) { b.y.Recovery = false }, "recovery", StatusWarn, "does not say so", "/conf/yarn-site.xml"},
		"few remembered":  {func(b *bundle) { b.conf["yarn.resourcemanager.max-completed-applications"] = "20" }, "ended applications", StatusWarn, "only 20", "1000"},
		"odd number":      {func(b *bundle) { b.conf["yarn.resourcemanager.max-completed-applications"] = "many" }, "ended applications", StatusWarn, "many", "number"},
		"no aggregation":  {func(b *bundle) { b.conf["yarn.log-aggregation-enable"] = "false" }, "log aggregation", StatusWarn, "is off", "yarn.log-aggregation-enable"},
		"conf is for administrators": {
			func(b *bundle) { b.status = http.StatusForbidden },
			"recovery", StatusWarn, "is not known", "yarn.admin.acl",
		},
		"a file system that all have mounted":      {(*bundle).mounted, "file system", StatusOK, "file://, which all hosts must have mounted alike", ""},
		"a file system that is not mounted":        {func(b *bundle) { b.mounted(); b.store.stat = remote }, "file system", StatusFail, "cannot be used", "mount"},
		"no room where all have mounted":           {func(b *bundle) { b.mounted(); b.store.create = remote }, "root", StatusFail, "nothing can be written", "df "},
		"root is another's where all have mounted": {func(b *bundle) { b.mounted(); b.store.create = fs.ErrPermission }, "root", StatusFail, "ann cannot write", "&& chown ann"},
		"no history server":                        {func(b *bundle) { b.y.HistoryServer = "" }, "history server", StatusWarn, "none is configured", "mapreduce.jobhistory.webapp.address"},
		"another server there":                     {func(b *bundle) { b.body = `{"something":1}` }, "history server", StatusWarn, "another server", "start it"},
		"a page of HTML":                           {func(b *bundle) { b.body = "<html>login</html>" }, "history server", StatusWarn, "JSON", ""},
		"HTML for settings":                        {func(b *bundle) { b.body = "<html>login</html>" }, "ended applications", StatusWarn, "something else", ""},
		"another property":                         {func(b *bundle) { b.body = `{"property":{"key":"x","value":"true"}}` }, "log aggregation", StatusWarn, "something else", ""},
		"dead NameNode":                            {func(b *bundle) { b.store.stat = remote }, "NameNode", StatusFail, "cannot be reached by RPC", "fs.defaultFS"},
		"dead NameNode, HTTP":                      {func(b *bundle) { b.store.stat, b.y.ByRPC = remote, false }, "NameNode", StatusFail, "over WebHDFS", "dfs.namenode.http-address"},
		"no WebHDFS":                               {func(b *bundle) { b.web.stat = remote }, "WebHDFS", StatusWarn, "erasure-coded", "dfs.webhdfs.enabled"},
		"root is another's":                        {func(b *bundle) { b.store.create = fs.ErrPermission }, "root", StatusFail, "ann cannot write", "hdfs dfs -chown ann"},
		"safe mode":                                {func(b *bundle) { b.store.create = remote }, "root", StatusFail, "nothing can be written", "safemode"},
		"a file in the way":                        {func(b *bundle) { b.y.Root = filepath.Join(b.y.Runtimes, "3.5.json") }, "root", StatusFail, "cannot use", "clusters.lake.root"},
		"no runtime":                               {func(b *bundle) { b.y.SparkVersion = "4.0" }, "runtime", StatusFail, "no Spark 4.0", "stoker runtime stage --cluster lake"},
		"Spark named":                              {func(b *bundle) { b.y.SparkVersion, b.y.NamedSpark = "4.0", "local:/opt/spark/*" }, "runtime", StatusOK, "run on local:/opt/spark/*", ""},
		"no runtime, no need":                      {func(b *bundle) { b.y.SparkVersion, b.y.ByREST = "4.0", false }, "runtime", StatusWarn, "uploads one", "stoker runtime stage"},
		"runtime cut off":                          {func(b *bundle) { b.write("x/1", "zi") }, "runtime", StatusFail, "2 bytes where 3", "-rm -r"},
		"runtime gone":                             {func(b *bundle) { require.NoError(b, os.Remove(filepath.Join(b.y.Runtimes, "x/2"))) }, "runtime", StatusFail, "is not there", "runtime stage"},
		"a record that is none":                    {func(b *bundle) { b.write("3.5.json", "<html>") }, "runtime", StatusFail, "cannot be read", "runtime stage"},
		"clock ahead":                              {func(b *bundle) { b.ahead = time.Hour }, "clocks", StatusWarn, "ahead", "NTP"},
		"clock behind":                             {func(b *bundle) { b.ahead = -time.Hour }, "clocks", StatusWarn, "behind", "NTP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			row.change(b)
			got := b.rows()[row.check]
			require.Equal(t, row.status, got.Status, got.Text)
			require.Contains(t, got.Text, row.text)
			require.Contains(t, got.Mend, row.mend)
		})
	}
}

// mounted makes the default file system one that all hosts have mounted.
func (b *bundle) mounted() {
	b.y.DefaultFS, b.y.Mounted, b.y.ByRPC, b.y.WebHDFS, b.y.NameNodeWeb = "file://", true, false, nil, nil
}

// Nothing is said of HDFS where there is none.
func TestMountedFileSystem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mounted()
	b.y.SparkVersion = "4.0" // which is not staged
	found := b.rows()
	require.NotContains(t, found, "NameNode")
	require.NotContains(t, found, "WebHDFS")
	for check, f := range found {
		require.NotContains(t, f.Mend, "hdfs dfs", check)
	}
	require.Equal(t, StatusFail, found["runtime"].Status)
	require.Equal(t, StatusOK, found["clocks"].Status, found["clocks"].Text)
}

func (b *bundle) write(name, text string) {
	b.Helper()
	require.NoError(b, os.WriteFile(filepath.Join(b.y.Runtimes, name), []byte(text), 0o600))
}

// Daemons that accept and say nothing cost a deadline, once.
func TestSlowDaemons(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.hang = true
	for _, row := range Examine(t.Context(), OfYARN(b.y), 100*time.Millisecond).Rows {
		switch row.Check {
		case "recovery", "ended applications", "log aggregation", "history server", "clocks":
			require.NotEqual(t, StatusOK, row.Status, row.Check)
		case "runtime":
			require.NotEqual(t, StatusFail, row.Status, row.Text)
		default:
			require.Equal(t, StatusOK, row.Status, row.Text)
		}
	}
}

func TestDeadDaemons(t *testing.T) {
	t.Parallel()
	b := setup(t)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	b.y.HistoryServer, b.y.NameNodeWeb = server.URL, []string{server.URL}
	b.rm.info = func() (rm.Info, error) { return rm.Info{Address: server.URL}, nil }
	found := b.rows()
	for _, check := range []string{"recovery", "ended applications", "log aggregation", "history server", "clocks"} {
		require.Equal(t, StatusWarn, found[check].Status, "%s: %s", check, found[check].Text)
		require.NotContains(t, found[check].Text, "Get ")
	}
}
