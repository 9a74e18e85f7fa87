package client_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/api"
	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/telemetry"
)

// fakeJobs are jobs behind the real API.
type fakeJobs struct {
	api.Jobs // nil: what a test doesn't expect panics
	submit   func(jobs.Submission) (jobs.View, bool, error)
	get      func(id string) (jobs.View, error)
	list     func(jobs.Query) (jobs.Page, error)
	cancel   func(id, by, reason string) (bool, error)
	files    map[string][]byte
}

func (f *fakeJobs) Submit(_ context.Context, in jobs.Submission) (jobs.View, bool, error) {
	return f.submit(in)
}
func (f *fakeJobs) Get(_ context.Context, id string) (jobs.View, error)     { return f.get(id) }
func (f *fakeJobs) List(_ context.Context, q jobs.Query) (jobs.Page, error) { return f.list(q) }
func (f *fakeJobs) Rerun(_ context.Context, id string) (jobs.View, error) {
	return view(id + "-r1"), nil
}
func (f *fakeJobs) ClusterOf(name string) (string, error) { return "on " + name, nil }
func (f *fakeJobs) Clusters(context.Context) ([]jobs.ClusterView, error) {
	return []jobs.ClusterView{{Name: "lake", Workers: 2}}, nil
}

func (f *fakeJobs) Drain(_ context.Context, cluster, by, reason string) (jobs.ClusterView, error) {
	return jobs.ClusterView{Name: cluster, Drained: &jobs.DrainView{By: by, Reason: reason}}, nil
}

func (f *fakeJobs) Resume(_ context.Context, cluster string) (jobs.ClusterView, error) {
	return jobs.ClusterView{Name: cluster}, nil
}

func (f *fakeJobs) Cancel(_ context.Context, id, by, reason string) (bool, error) {
	return f.cancel(id, by, reason)
}

func (f *fakeJobs) HasArtifact(_ context.Context, cluster string, a jobspec.Artifact) (int64, bool, error) {
	content, ok := f.files[cluster+"/"+a.String()]
	return int64(len(content)), ok, nil
}

func (f *fakeJobs) PutArtifact(_ context.Context, cluster string, a jobspec.Artifact, _ int64, content io.Reader) (int64, error) {
	data, err := io.ReadAll(content)
	f.files[cluster+"/"+a.String()] = data
	return int64(len(data)), err
}

func view(id string) jobs.View {
	return jobs.View{ID: id, Source: job.SourceAPI, User: "ana", Phase: job.PhaseRunning, Links: jobs.Links{Self: "/v1/jobs/" + id}}
}

// realAPI is a client of the real API, as its user ana.
func realAPI(t *testing.T, f *fakeJobs) *client.Client {
	t.Helper()
	users := filepath.Join(t.TempDir(), "users.yaml")
	const token = "ana's token"
	text := "users:\n  - {name: ana, roles: [user, admin], tokens: ['" + api.TokenDigest(token) + "']}\n"
	require.NoError(t, os.WriteFile(users, []byte(text), 0o600))
	metrics, err := telemetry.NewMetrics()
	require.NoError(t, err)
	server, err := api.New(api.Options{
		Jobs: f, UsersFile: users, RatePerSecond: 1000, Burst: 1000, Metrics: metrics, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)

	stranger, err := client.New(client.Options{Server: listening.URL, Token: "wrong"})
	require.NoError(t, err)
	_, err = stranger.Clusters(t.Context())
	require.ErrorIs(t, err, client.ErrToken)
	require.NotContains(t, err.Error(), "wrong")

	c, err := client.New(client.Options{Server: listening.URL, Token: token})
	require.NoError(t, err)
	return c
}

func TestTheRealAPI(t *testing.T) {
	t.Parallel()
	f := &fakeJobs{files: map[string][]byte{}}
	c := realAPI(t, f)
	ctx := t.Context()

	spec := jobspec.Spec{File: "local:/a.py", Conf: map[string]string{"spark.a": "<b> & c"}}
	f.submit = func(in jobs.Submission) (jobs.View, bool, error) {
		got, err := jobspec.Parse(in.Body)
		require.NoError(t, err)
		require.Equal(t, spec, got)
		require.Equal(t, "ana", in.User)
		return view("api-1"), in.Key == "new", nil
	}
	started, created, err := c.Submit(ctx, spec, "new")
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, "api-1", started.ID)
	_, created, err = c.Submit(ctx, spec, "old")
	require.NoError(t, err)
	require.False(t, created)

	f.get = func(id string) (jobs.View, error) {
		if id != "odd id?#%x" {
			return jobs.View{}, job.Errorf(job.CodeNotFound, "there is no job %q", id)
		}
		return view(id), nil
	}
	found, err := c.Get(ctx, "odd id?#%x")
	require.NoError(t, err)
	require.Equal(t, view("odd id?#%x").ID, found.ID)
	_, err = c.Get(ctx, "none")
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	require.EqualError(t, err, `look at job none: there is no job "none"`)
	for _, id := range []string{"", ".", ".."} {
		_, err = c.Get(ctx, id)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	}

	want := jobs.Query{
		User: "ana", Queue: "q", Cluster: "lake", Phase: job.PhaseRunning, Result: "none", Labels: map[string]string{"a": "b=c", "d": ""},
		Since: time.Date(2026, 1, 31, 12, 0, 0, 5, time.UTC), Until: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), Limit: 7, Cursor: "a+b/c=",
	}
	f.list = func(q jobs.Query) (jobs.Page, error) {
		require.Equal(t, want, q)
		return jobs.Page{Jobs: []jobs.View{view("api-1")}, Next: "next", Warnings: []string{"w"}}, nil
	}
	page, err := c.List(ctx, want)
	require.NoError(t, err)
	require.Len(t, page.Jobs, 1)
	require.Equal(t, "next", page.Next)
	require.Equal(t, []string{"w"}, page.Warnings)

	f.get = func(id string) (jobs.View, error) { return view(id), nil }
	f.cancel = func(id, by, reason string) (bool, error) {
		require.Equal(t, "api-1 ana", id+" "+by)
		return reason == "why", nil
	}
	_, asked, err := c.Cancel(ctx, "api-1", "why")
	require.NoError(t, err)
	require.True(t, asked)
	_, asked, err = c.Cancel(ctx, "api-1", "")
	require.NoError(t, err)
	require.False(t, asked)

	again, err := c.Rerun(ctx, "api-1")
	require.NoError(t, err)
	require.Equal(t, "api-1-r1", again.ID)

	clusters, err := c.Clusters(ctx)
	require.NoError(t, err)
	require.Equal(t, []jobs.ClusterView{{Name: "lake", Workers: 2}}, clusters)
	cluster, err := c.Drain(ctx, "la/ke", "why")
	require.NoError(t, err)
	require.Equal(t, jobs.ClusterView{Name: "la/ke", Drained: &jobs.DrainView{By: "ana", Reason: "why"}}, cluster)
	cluster, err = c.Drain(ctx, "lake", "")
	require.NoError(t, err)
	require.Empty(t, cluster.Drained.Reason)
	cluster, err = c.Resume(ctx, "lake")
	require.NoError(t, err)
	require.Equal(t, jobs.ClusterView{Name: "lake"}, cluster)
}

func TestUploadsToTheRealAPI(t *testing.T) {
	t.Parallel()
	f := &fakeJobs{files: map[string][]byte{}}
	c := realAPI(t, f)
	content := bytes.Repeat([]byte("0123456789"), 1<<19) // large enough for Expect: 100-continue
	u := client.Upload{
		Artifact: jobspec.Artifact{SHA256: strings.Repeat("0f", 32), Name: "a+b.zip"}, Cluster: "lake", Bytes: int64(len(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
	there, err := c.HasArtifact(t.Context(), u)
	require.NoError(t, err)
	require.False(t, there)
	require.NoError(t, c.PutArtifact(t.Context(), u))
	require.True(t, bytes.Equal(content, f.files["on lake/"+u.Artifact.String()]))
	there, err = c.HasArtifact(t.Context(), u)
	require.NoError(t, err)
	require.True(t, there)

	u.Artifact.Name = "a,b.zip"
	_, err = c.HasArtifact(t.Context(), u)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	err = c.PutArtifact(t.Context(), u)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Len(t, job.ProblemsOf(err), 1)
	require.NotEqual(t, err.Error(), job.ProblemsOf(err)[0], "the server says what is wrong with it")
}
