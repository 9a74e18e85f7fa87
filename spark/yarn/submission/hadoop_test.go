//go:build hadoop

package submission_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

// The tests with the tag hadoop need a running cluster, whose cluster.json
// STOKER_HADOOP names, and a Spark with spark-submit. The cluster must keep the files
// of ended containers:
//
//	make hadoop-up HADOOP_ARGS="--set NodeManager:yarn.nodemanager.delete.debug-delay-sec=36000"
//	STOKER_HADOOP=$PWD/.state/hadoop/cluster.json go test -tags hadoop -timeout 60m ./spark/yarn/submission

// cluster is a real one, with Spark's files in its HDFS.
type cluster struct {
	State     string `json:"state"`
	ConfDir   string `json:"confDir"`
	User      string `json:"user"`
	JavaHome  string `json:"javaHome"`
	Addresses struct {
		DefaultFS          string `json:"defaultFS"`
		NameNodeWeb        string `json:"nameNodeWeb"`
		ResourceManagerWeb string `json:"resourceManagerWeb"`
	} `json:"addresses"`
	Config map[string]map[string]string `json:"config"`

	// where everyone may read the fixtures.
	where
	rm *rm.Client
}

var theCluster = sync.OnceValues(findCluster)

// fixtures is the local directory of theCluster, once there is one.
var fixtures string

// TestMain removes the fixtures, Spark's archive of 300 MB among them.
func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(fixtures)
	os.Exit(code)
}

func realCluster(t *testing.T) *cluster {
	t.Helper()
	c, err := theCluster()
	require.NoError(t, err)
	return c
}

func findCluster() (*cluster, error) {
	file := os.Getenv("STOKER_HADOOP")
	if file == "" {
		return nil, fmt.Errorf("STOKER_HADOOP must name the cluster.json of a running Hadoop cluster")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &cluster{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, err
	}
	delay := c.Config["NodeManager"]["yarn.nodemanager.delete.debug-delay-sec"] + c.Config["All"]["yarn.nodemanager.delete.debug-delay-sec"]
	if delay == "" || delay == "0" {
		return nil, fmt.Errorf("the cluster deletes the files of ended containers: start it with --set NodeManager:yarn.nodemanager.delete.debug-delay-sec=36000")
	}
	if c.rm, err = rm.New(rm.Options{Addresses: []string{c.Addresses.ResourceManagerWeb}, User: c.User, Timeout: time.Minute}); err != nil {
		return nil, err
	}
	c.fs = c.Addresses.DefaultFS
	if err := c.findSpark(); err != nil {
		return nil, err
	}
	return c, c.upload()
}

// findSpark takes STOKER_SPARK_HOME, else the PySpark of the repository's own
// virtual environment.
func (c *cluster) findSpark() error {
	if c.sparkHome = os.Getenv("STOKER_SPARK_HOME"); c.sparkHome == "" {
		found, _ := filepath.Glob("../../../.tools/venv/lib/python3*/site-packages/pyspark")
		if len(found) == 0 {
			return fmt.Errorf("no Spark: run make pyspark, or set STOKER_SPARK_HOME")
		}
		var err error
		if c.sparkHome, err = filepath.Abs(found[0]); err != nil {
			return err
		}
	}
	c.python = filepath.Clean(filepath.Join(c.sparkHome, "../../../../bin/python"))
	return nil
}

// upload makes the fixtures and puts them into HDFS.
func (c *cluster) upload() error {
	var err error
	if c.local, err = os.MkdirTemp("", "stoker-differential-"); err != nil {
		return err
	}
	fixtures = c.local
	c.dir = "/differential/" + filepath.Base(c.local)
	if err := makeFixtures(c); err != nil {
		return err
	}
	// One after the other: a directory that is made on the way has the same permission.
	for _, dir := range []struct{ path, permission string }{{c.dir, "755"}, {c.dir + "/private", "700"}} {
		if err := c.hdfs(http.MethodPut, dir.path, url.Values{"op": {"MKDIRS"}, "permission": {dir.permission}}, nil, nil); err != nil {
			return err
		}
	}
	if err := c.put(c.sparkHome+"/python/lib/pyspark.zip", c.dir+"/pyspark.zip"); err != nil {
		return err
	}
	if err := c.put(c.sparkHome+"/python/lib/"+c.py4j(), c.dir+"/"+c.py4j()); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.local)
	if err != nil {
		return err
	}
	for _, e := range entries {
		for _, dir := range []string{c.dir, c.dir + "/private"} {
			if err := c.put(filepath.Join(c.local, e.Name()), dir+"/"+e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeFixtures writes the small files that jobs are given, and Spark's archive.
func makeFixtures(c *cluster) error {
	classes, err := os.MkdirTemp("", "stoker-classes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(classes) //nolint:errcheck // a temporary directory
	javac := filepath.Join(c.JavaHome, "bin", "javac")
	if out, err := exec.Command(javac, "-d", classes, "-cp", c.sparkHome+"/jars/*", "testdata/Probe.java").CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", javac, err, out)
	}
	const script = `
import glob, os, sys, tarfile, zipfile
out, classes, spark = sys.argv[1:]
def zipped(name, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(os.path.join(out, name), "w", compression) as z:
        for member, text in files.items():
            z.writestr(member, text)
def text(name, content):
    with open(os.path.join(out, name), "w") as f:
        f.write(content)
with zipfile.ZipFile(os.path.join(out, "probe.jar"), "w") as z:
    z.write(os.path.join(classes, "Probe.class"), "Probe.class")
for name in ("one.jar", "two.jar"):
    zipped(name, {name + ".txt": name})
zipped("lib.zip", {"libmodule.py": "x = 1"})
zipped("other.zip", {"othermodule.py": "x = 2"})
zipped("tree.zip", {"a/b.txt": "b"})
with tarfile.open(os.path.join(out, "tree.tar.gz"), "w:gz") as t:
    t.add(os.path.join(classes, "Probe.class"), "sub/Probe.class")
for name in ("data.txt", "more.txt", "with space.txt", "ünï.txt"):
    text(name, name)
text("helper.py", "x = 3\n")
text("probe.py", open("testdata/probe.py").read())
with zipfile.ZipFile(os.path.join(out, "spark-libs.zip"), "w", zipfile.ZIP_STORED) as z:
    for jar in sorted(glob.glob(spark + "/jars/*.jar")):
        z.write(jar, os.path.basename(jar))
`
	cmd := exec.Command(c.python, "-c", script, c.local, classes, c.sparkHome)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fixtures: %w: %s", err, out)
	}
	return nil
}

// hdfs calls WebHDFS.
func (c *cluster) hdfs(method, name string, query url.Values, body io.Reader, out any) error {
	query.Set("user.name", c.User)
	req, err := http.NewRequest(method, c.Addresses.NameNodeWeb+(&url.URL{Path: "/webhdfs/v1" + name}).EscapedPath()+"?"+query.Encode(), body)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s %w", method, name, resp.StatusCode, data, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

func (c *cluster) put(file, name string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return c.write(name, data)
}

func (c *cluster) write(name string, data []byte) error {
	return c.hdfs(http.MethodPut, name, url.Values{"op": {"CREATE"}, "overwrite": {"true"}, "permission": {"644"}}, bytes.NewReader(data), nil)
}

type fileStatus struct {
	FileStatus struct {
		Length           int64  `json:"length"`
		ModificationTime int64  `json:"modificationTime"`
		Permission       string `json:"permission"`
	} `json:"FileStatus"`
}

func (c *cluster) stat(t *testing.T, name string) fileStatus {
	t.Helper()
	var s fileStatus
	require.NoError(t, c.hdfs(http.MethodGet, name, url.Values{"op": {"GETFILESTATUS"}}, nil, &s))
	return s
}

// isPublic is YARN's rule: others may read the file and enter all directories above.
func (c *cluster) isPublic(t *testing.T, name string) bool {
	t.Helper()
	others := func(name string) byte {
		p := c.stat(t, name).FileStatus.Permission
		return p[len(p)-1] - '0'
	}
	if others(name)&4 == 0 {
		return false
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if others(dir)&1 == 0 {
			return false
		}
		if dir == "/" {
			return true
		}
	}
}

// resource describes a URL as spark-submit is given it, with an alias perhaps.
func (c *cluster) resource(t *testing.T, raw string) submission.Resource {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	if u.Scheme == "local" {
		return submission.Resource{URL: raw}
	}
	s := c.stat(t, u.Path)
	return submission.Resource{
		URL: raw, Size: s.FileStatus.Length, Modified: s.FileStatus.ModificationTime, Public: c.isPublic(t, u.Path),
	}
}

// label gives the cluster's one host a label, or takes it away.
func (c *cluster) label(t *testing.T, label string) {
	t.Helper()
	ask := func(method, path, body string) []byte {
		req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method,
			c.Addresses.ResourceManagerWeb+"/ws/v1/cluster/"+path+"user.name="+c.User, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close() //nolint:errcheck // only read
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s", answer)
		return answer
	}
	if label != "" {
		ask(http.MethodPost, "add-node-labels?", `{"nodeLabelInfo":[{"name":"`+label+`","exclusivity":true}]}`)
	}
	var nodes struct {
		Nodes struct {
			Node []struct {
				ID string `json:"id"`
			} `json:"node"`
		} `json:"nodes"`
	}
	require.NoError(t, json.Unmarshal(ask(http.MethodGet, "nodes?", ""), &nodes))
	require.Len(t, nodes.Nodes.Node, 1)
	ask(http.MethodPost, "nodes/"+nodes.Nodes.Node[0].ID+"/replace-labels?labels="+label+"&", "")
}

// ended waits for the end of an application.
func (c *cluster) ended(t *testing.T, id string) rm.Application {
	t.Helper()
	var app rm.Application
	require.Eventually(t, func() bool {
		var err error
		app, err = c.rm.Application(t.Context(), id)
		require.NoError(t, err)
		return app.State.Ended()
	}, 10*time.Minute, 500*time.Millisecond, id)
	return app
}

var submittedID = regexp.MustCompile(`Submitted application (application_\d+_\d+)`)
