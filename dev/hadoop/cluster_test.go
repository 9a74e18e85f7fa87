//go:build hadoop

package hadoop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// optionsOf a cluster that ends with the test. HADOOP_VERSION chooses the Hadoop.
func optionsOf(t *testing.T, state string, offset int) Options {
	t.Helper()
	t.Cleanup(func() { require.NoError(t, Down(context.Background(), state)) })
	return Options{
		State: state, PortOffset: offset, Version: os.Getenv("HADOOP_VERSION"),
		Tools: filepath.Join("..", "..", ".tools", "hadoop"), Progress: func(line string) { t.Log(line) },
	}
}

// call makes a request and returns the status and the body.
func call(t *testing.T, method, url, contentType, body string) (status int, reply string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(data)
}

func (c *Cluster) file(path, op string) string {
	return c.Addresses.NameNodeWeb + "/webhdfs/v1" + path + "?user.name=" + c.User + "&op=" + op
}

func (c *Cluster) rest(path string) string {
	return c.Addresses.ResourceManagerWeb + "/ws/v1/cluster/apps" + path + "?user.name=" + c.User
}

func newApplication(t *testing.T, c *Cluster) string {
	t.Helper()
	status, reply := call(t, http.MethodPost, c.rest("/new-application"), "application/json", "")
	require.Equal(t, http.StatusOK, status, reply)
	var answer struct {
		ID string `json:"application-id"`
	}
	require.NoError(t, json.Unmarshal([]byte(reply), &answer))
	return answer.ID
}

// submit submits an application that is one sleeping container.
func submit(t *testing.T, c *Cluster, id, queue string) {
	t.Helper()
	status, reply := call(t, http.MethodPost, c.rest(""), "application/xml", fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<application-submission-context>
  <application-id>%s</application-id>
  <application-name>sleeper</application-name>
  <queue>%s</queue>
  <am-container-spec><commands><command>sleep 600</command></commands></am-container-spec>
  <max-app-attempts>1</max-app-attempts>
  <resource><memory>128</memory><vCores>1</vCores></resource>
</application-submission-context>`, id, queue))
	require.Equal(t, http.StatusAccepted, status, reply)
}

func state(t *testing.T, c *Cluster, id string) string {
	t.Helper()
	status, reply := call(t, http.MethodGet, c.rest("/"+id), "application/json", "")
	if status == http.StatusNotFound {
		return "not found"
	}
	require.Equal(t, http.StatusOK, status, reply)
	var answer struct {
		App struct{ State string } `json:"app"`
	}
	require.NoError(t, json.Unmarshal([]byte(reply), &answer))
	return answer.App.State
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 30*time.Second, 100*time.Millisecond, what)
}

// containers counts the processes of applications: leftOver without daemons.
func containers(c *Cluster) int {
	count := 0
	for _, p := range leftOver(c.State) {
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
		if err == nil && strings.HasPrefix(string(cmdline), "sleep") {
			count++
		}
	}
	return count
}

func TestCluster(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	o := optionsOf(t, filepath.Join(dir, "a"), 10000)
	a, err := Up(ctx, o)
	require.NoError(t, err)
	// Each step builds on those before.
	step := func(name string, do func(t *testing.T)) {
		if !t.Run(name, do) {
			t.FailNow()
		}
	}

	step("it is found again", func(t *testing.T) {
		began := time.Now()
		again, err := Up(ctx, o)
		require.NoError(t, err)
		require.Less(t, time.Since(began), time.Second)
		require.Equal(t, a.PIDs, again.PIDs)
		require.Len(t, again.PIDs, 5)
		o := o
		o.PortOffset = 10100
		_, err = Up(ctx, o)
		require.ErrorContains(t, err, "already runs Hadoop "+a.Version+" with port offset 10000")
	})

	step("HDFS is set up and takes files", func(t *testing.T) {
		for path, want := range map[string]string{
			"/tmp": `"permission":"1777"`, "/tmp/logs": `"permission":"1777"`,
			"/user/" + a.User: `"owner":"` + a.User + `"`, a.ArchiveDir: `"permission":"755"`,
		} {
			_, reply := call(t, http.MethodGet, a.file(path, "GETFILESTATUS"), "", "")
			require.Contains(t, reply, want, path)
		}
		status, reply := call(t, http.MethodPut, a.file("/user/"+a.User+"/hello", "CREATE"), "application/octet-stream", "hello")
		require.Equal(t, http.StatusCreated, status, reply)
		_, reply = call(t, http.MethodGet, a.file("/user/"+a.User+"/hello", "OPEN"), "", "")
		require.Equal(t, "hello", reply)
	})

	step("a frozen NameNode does not answer", func(t *testing.T) {
		a.Pause(NameNode)
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		require.ErrorIs(t, a.ready(ctx, NameNode), context.DeadlineExceeded)
		a.Resume(NameNode)
		eventually(t, "it answers again", func() bool { return a.ready(t.Context(), NameNode) == nil })
	})

	step("applications outlive a killed ResourceManager", func(t *testing.T) {
		first, second := newApplication(t, a), newApplication(t, a)
		submit(t, a, first, "batch")
		eventually(t, "the container runs", func() bool { return containers(a) == 1 })
		require.NoError(t, a.Kill(ctx, ResourceManager))
		require.False(t, a.Running(ResourceManager))
		require.NoError(t, a.Start(ctx, ResourceManager))
		require.Equal(t, "ACCEPTED", state(t, a, first))
		require.Equal(t, 1, containers(a))
		submit(t, a, second, "default")
		eventually(t, "an id given out before is taken", func() bool { return containers(a) == 2 })

		third := newApplication(t, a)
		submit(t, a, third, "stopped")
		eventually(t, "a stopped queue refuses", func() bool { return state(t, a, third) == "FAILED" })
	})

	step("every daemon comes back", func(t *testing.T) {
		for _, d := range []Daemon{NameNode, DataNode, JobHistoryServer} {
			require.NoError(t, a.Kill(ctx, d))
			require.NoError(t, a.Start(ctx, d), d)
		}
		require.NoError(t, a.Set(ResourceManager, "yarn.webapp.enable-rest-app-submissions", "false"))
		require.NoError(t, a.Stop(ctx, ResourceManager))
		require.NoError(t, a.Start(ctx, ResourceManager))
		status, _ := call(t, http.MethodPost, a.rest("/new-application"), "application/json", "")
		require.Equal(t, http.StatusForbidden, status, "submissions over REST are off")
	})

	step("another cluster runs beside it", func(t *testing.T) {
		b, err := Up(ctx, optionsOf(t, filepath.Join(dir, "a2"), 10100))
		require.NoError(t, err)
		require.NotEqual(t, a.PIDs, b.PIDs)
		status, _ := call(t, http.MethodGet, b.file("/user/"+b.User+"/hello", "OPEN"), "", "")
		require.Equal(t, http.StatusNotFound, status, "it has an HDFS of its own")
		require.NoError(t, b.Down(ctx))
		require.Empty(t, leftOver(b.State))
		require.Len(t, a.pids(), 5)
	})

	step("down leaves no process but the data", func(t *testing.T) {
		require.NoError(t, a.Kill(ctx, NodeManager))
		require.Equal(t, 2, containers(a), "containers outlive their NodeManager")
		require.NoError(t, a.Down(ctx))
		require.Empty(t, leftOver(a.State))
		require.Zero(t, containers(a))
		_, err := Load(a.State)
		require.ErrorIs(t, err, ErrNoCluster)

		again, err := Up(ctx, o)
		require.NoError(t, err)
		_, reply := call(t, http.MethodGet, again.file("/user/"+a.User+"/hello", "OPEN"), "", "")
		require.Equal(t, "hello", reply)

		require.NoError(t, again.Kill(ctx, NodeManager))
		require.NoError(t, again.Start(ctx, NodeManager))
		submit(t, again, newApplication(t, again), "batch")
		eventually(t, "a NodeManager that is back runs containers", func() bool { return containers(again) == 1 })
	})
}

func TestDaemonThatRefusesItsConfiguration(t *testing.T) {
	dir := t.TempDir()
	o := optionsOf(t, dir, 10200)
	o.Config = Config{ResourceManager: {"yarn.resourcemanager.store.class": "no.such.Class"}}
	_, err := Up(t.Context(), o)
	require.ErrorContains(t, err, "the ResourceManager ended at its start; the end of "+dir+"/logs/ResourceManager.log")
	require.ErrorContains(t, err, "no.such.Class")
	require.Empty(t, leftOver(dir))
}
