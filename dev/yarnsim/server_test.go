package yarnsim_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/yarnsim"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// bundle is a simulated ResourceManager and a client of it.
type bundle struct {
	*testing.T
	sim    *yarnsim.Server
	url    string
	client *rm.Client
}

func setup(t *testing.T, change ...func(*yarnsim.Options)) *bundle {
	t.Helper()
	options := yarnsim.Options{Saving: 2 * time.Millisecond, Starting: 2 * time.Millisecond, Killing: 2 * time.Millisecond}
	for _, c := range change {
		c(&options)
	}
	sim := yarnsim.New(options)
	server := httptest.NewServer(sim)
	t.Cleanup(func() { server.Close(); sim.Close() })
	b := &bundle{T: t, sim: sim, url: server.URL}
	b.client = b.as("ann")
	return b
}

func (b *bundle) as(user string) *rm.Client {
	b.Helper()
	c, err := rm.New(rm.Options{Addresses: []string{b.url}, User: user})
	require.NoError(b, err)
	return c
}

func submission(id string) rm.SubmissionContext {
	return rm.SubmissionContext{
		ID: id, Name: "name", Queue: "default", Type: "SPARK", Tags: []string{"Stoker-A", "other"}, MaxAttempts: 1,
		Resource: rm.Resource{MemoryMB: 1408, VCores: 1},
		Container: rm.Container{
			Environment: rm.Map[string]{"SPARK_YARN_STAGING_DIR": "file:///root/j/1/.sparkStaging/" + id},
			Commands:    []string{"java"},
		},
	}
}

// submit sends an application and returns its id.
func (b *bundle) submit() string {
	b.Helper()
	reserved, err := b.client.NewApplication(b.Context())
	require.NoError(b, err)
	require.NoError(b, b.client.Submit(b.Context(), submission(reserved.ID)))
	return reserved.ID
}

// await waits for a state that the client sees.
func (b *bundle) await(id string, state rm.State) rm.Application {
	b.Helper()
	var app rm.Application
	require.Eventually(b, func() bool {
		var err error
		app, err = b.client.Application(b.Context(), id)
		require.NoError(b, err)
		return app.State == state
	}, 30*time.Second, time.Millisecond, "%s becomes %s", id, state)
	return app
}

func TestALifeIsSeenByTheClient(t *testing.T) {
	t.Parallel()
	ran := make(chan yarnsim.App, 1)
	over := make(chan struct{})
	b := setup(t, func(o *yarnsim.Options) {
		o.Run = func(ctx context.Context, app yarnsim.App) {
			ran <- app
			<-ctx.Done()
			close(over)
		}
	})
	info, err := b.client.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ACTIVE", info.HAState)
	reserved, err := b.client.NewApplication(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 8192, reserved.MaxMemoryMB)
	require.Contains(t, reserved.ID, "application_"+itoa(info.StartedOn.UnixMilli())+"_0001")
	_, err = b.client.Application(t.Context(), reserved.ID)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err), "an id that is reserved is recorded nowhere")
	_, err = b.client.Attempts(t.Context(), reserved.ID)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	_, err = b.client.Kill(t.Context(), reserved.ID, "")
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))

	require.NoError(t, b.client.Submit(t.Context(), submission(reserved.ID)))
	app := b.await(reserved.ID, rm.StateRunning)
	require.Equal(t, "ann", app.User)
	require.Equal(t, []string{"other", "stoker-a"}, app.Tags, "in lower case")
	require.Equal(t, "root.default", app.Queue)
	require.Equal(t, rm.FinalUndefined, app.FinalStatus)
	require.EqualValues(t, 1408, app.AllocatedMB)
	require.False(t, app.LaunchedAt.IsZero())
	require.True(t, app.FinishedAt.IsZero())
	require.Equal(t, reserved.ID, (<-ran).ID)
	attempts, err := b.client.Attempts(t.Context(), reserved.ID)
	require.NoError(t, err)
	require.Len(t, attempts, 1)
	require.Equal(t, app.AMContainerLogs, attempts[0].LogsLink)

	require.NoError(t, b.sim.End(reserved.ID, rm.FinalSucceeded, ""))
	app = b.await(reserved.ID, rm.StateFinished)
	require.Equal(t, rm.FinalSucceeded, app.FinalStatus)
	require.False(t, app.FinishedAt.IsZero())
	<-over // what plays it is told
	require.Error(t, b.sim.End(reserved.ID, rm.FinalFailed, ""), "it ends once")
}

func TestADuplicateIsTakenAndDoesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit()
	b.await(id, rm.StateRunning)
	other := submission(id)
	other.Name = "another"
	require.NoError(t, b.as("mallory").Submit(t.Context(), other))
	require.NoError(t, b.sim.End(id, rm.FinalSucceeded, ""))
	require.NoError(t, b.client.Submit(t.Context(), other), "after the end, too")
	app := b.await(id, rm.StateFinished)
	require.Equal(t, "ann", app.User)
	require.Equal(t, "name", app.Name)
	require.Equal(t, 1, b.sim.Launches(id))
	require.Equal(t, 3, b.sim.Requests()[yarnsim.KindSubmit])

	require.NoError(t, b.sim.Evict(id))
	_, err := b.client.Application(t.Context(), id)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	require.NoError(t, b.client.Submit(t.Context(), submission(id)))
	b.await(id, rm.StateRunning)
	require.Equal(t, 2, b.sim.Launches(id), "what is forgotten is as good as new")
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const id = "application_1700000000000_0001"
	for name, tt := range map[string]struct {
		change func(*rm.SubmissionContext)
		want   string
	}{
		"memory":      {func(s *rm.SubmissionContext) { s.Resource.MemoryMB = 8193 }, "Requested more memory than configured max"},
		"cores":       {func(s *rm.SubmissionContext) { s.Resource.VCores = 9 }, "Requested more cores than configured max"},
		"less than 0": {func(s *rm.SubmissionContext) { s.Resource.MemoryMB = -1 }, "less than 0"},
		"many tags":   {func(s *rm.SubmissionContext) { s.Tags = strings.Split("a,b,c,d,e,f,g,h,i,j,k", ",") }, "Too many applicationTags"},
		"long tag":    {func(s *rm.SubmissionContext) { s.Tags = []string{strings.Repeat("x", 101)} }, "is too long"},
		"odd tag":     {func(s *rm.SubmissionContext) { s.Tags = []string{"ü"} }, "ASCII"},
	} {
		s := submission(id)
		tt.change(&s)
		err := b.client.Submit(t.Context(), s)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), name)
		require.ErrorContains(t, err, tt.want, name)
	}
	require.Zero(t, b.sim.Launches(id))
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(b.as("").Submit(t.Context(), submission(id))))
	_, err := b.as("").NewApplication(t.Context())
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(err))

	unknown := submission(id)
	unknown.Queue = "nosuch"
	require.NoError(t, b.client.Submit(t.Context(), unknown), "the scheduler refuses, later")
	app := b.await(id, rm.StateFailed)
	require.Contains(t, app.Diagnostics, "unknown queue: nosuch")
	attempts, err := b.client.Attempts(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, attempts)
}

func TestKill(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *yarnsim.Options) { o.Admins = []string{"root"}; o.Killing = 50 * time.Millisecond })
	id := b.submit()
	b.await(id, rm.StateRunning)
	_, err := b.as("mallory").Kill(t.Context(), id, "")
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(err))
	ended, err := b.client.Kill(t.Context(), id, "enough")
	require.NoError(t, err)
	require.False(t, ended, "202 first")
	app := b.await(id, rm.StateKilled)
	require.Equal(t, rm.FinalKilled, app.FinalStatus)
	require.Contains(t, app.Diagnostics, "was killed by user ann with diagnostic message: enough")
	for _, user := range []string{"ann", "root"} {
		ended, err = b.as(user).Kill(t.Context(), id, "again")
		require.NoError(t, err)
		require.True(t, ended)
	}
	early := b.submit()
	_, err = b.as("root").Kill(t.Context(), early, "")
	require.NoError(t, err)
	b.await(early, rm.StateKilled)
}

func TestLists(t *testing.T) {
	t.Parallel()
	b := setup(t)
	count := func(f rm.Filter) int {
		t.Helper()
		apps, err := b.client.List(t.Context(), f)
		require.NoError(t, err)
		return len(apps)
	}
	require.Zero(t, count(rm.Filter{}))
	var ids []string
	for range 3 {
		ids = append(ids, b.submit())
	}
	for _, id := range ids {
		b.await(id, rm.StateRunning)
	}
	before := time.Now().Add(-time.Minute)
	require.NoError(t, b.sim.End(ids[0], rm.FinalFailed, "oh"))
	require.Equal(t, 3, count(rm.Filter{Tags: []string{"STOKER-a", "nobody"}}))
	require.Zero(t, count(rm.Filter{Tags: []string{"nobody"}}))
	require.Equal(t, 2, count(rm.Filter{States: []rm.State{rm.StateRunning, rm.StateAccepted}, DeSelects: rm.Lean}))
	require.Equal(t, 1, count(rm.Filter{FinishedFrom: before}), "what lives has not finished since any time")
	require.Equal(t, 3, count(rm.Filter{StartedFrom: before, Types: []string{"spark"}, User: "ann", Queue: "default"}))
	require.Zero(t, count(rm.Filter{User: "bob"}))
	require.Equal(t, 2, count(rm.Filter{Limit: 2}))
	_, err := b.client.List(t.Context(), rm.Filter{DeSelects: []string{"nosuch"}})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	_, err = b.client.List(t.Context(), rm.Filter{Queue: "nosuch"})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))

	metrics, err := b.client.Metrics(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, metrics.AppsRunning)
	queues, err := b.client.Scheduler(t.Context())
	require.NoError(t, err)
	require.Contains(t, queues, rm.Queue{Path: "root.default", Name: "default", State: "RUNNING", NodeLabels: []string{"*"}, Leaf: true})
}

func TestTheOldestEndedApplicationsAreForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *yarnsim.Options) { o.MaxCompleted = 2 })
	var ids []string
	for range 4 {
		id := b.submit()
		b.await(id, rm.StateRunning)
		ids = append(ids, id)
	}
	for _, id := range ids[:3] {
		require.NoError(t, b.sim.End(id, rm.FinalSucceeded, ""))
	}
	_, known := b.sim.App(ids[0])
	require.False(t, known)
	for _, id := range ids[1:] {
		_, known := b.sim.App(id)
		require.True(t, known, id)
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *yarnsim.Options) { o.Saving = time.Hour })
	unsaved := b.submit()
	b.sim.Restart(true)
	_, err := b.client.Application(t.Context(), unsaved)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err), "what was not saved is lost")

	b = setup(t)
	first, err := b.client.Info(t.Context())
	require.NoError(t, err)
	id := b.submit()
	b.await(id, rm.StateRunning)
	b.sim.Restart(true)
	second, err := b.client.Info(t.Context())
	require.NoError(t, err)
	require.True(t, second.StartedOn.After(first.StartedOn))
	app := b.await(id, rm.StateRunning)
	require.Contains(t, app.Diagnostics, "Attempt recovered after RM restart")
	next := b.submit()
	require.True(t, strings.HasSuffix(next, "_0001"), "the counter begins again: %s", next)
	b.await(next, rm.StateRunning)
	attempts, err := b.client.Attempts(t.Context(), next)
	require.NoError(t, err)
	require.Contains(t, attempts[0].ContainerID, "container_e01_")

	b.sim.Restart(false)
	_, err = b.client.Application(t.Context(), id)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	require.NoError(t, b.client.Submit(t.Context(), submission(id)), "an id of an earlier start")
	b.await(id, rm.StateRunning)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sim.Inject(yarnsim.Fault{Kind: yarnsim.KindInfo, Times: 1, Status: 503, Body: "busy"})
	_, err := b.client.Info(t.Context())
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.ErrorContains(t, err, "busy")
	_, err = b.client.Info(t.Context())
	require.NoError(t, err, "once")

	// The request arrives, its answer does not.
	b.sim.Inject(yarnsim.Fault{Kind: yarnsim.KindSubmit, Times: 1, Late: true})
	const id = "application_1700000000000_0001"
	require.Equal(t, job.CodeUnavailable, job.CodeOf(b.client.Submit(t.Context(), submission(id))))
	b.await(id, rm.StateRunning)

	b.sim.Inject(yarnsim.Fault{})
	_, err = b.client.List(t.Context(), rm.Filter{})
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	b.sim.Heal()
	b.sim.SetLatency(30 * time.Millisecond)
	began := time.Now()
	_, err = b.client.List(t.Context(), rm.Filter{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
}
