//go:build hadoop

package yarnfaults

import (
	"net/http"
	"net/http/httptest"
	"path"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/dev/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// A submission that was answered and never taken is sent again, under the same
// id.
func TestSubmissionForgotten(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	i.gate.next(func(w http.ResponseWriter, _ func(http.ResponseWriter)) { w.WriteHeader(http.StatusAccepted) })
	i.Worker()
	i.Starter()
	j := i.Create(returning)
	ends(j, bench.Complete)
	require.Equal(t, []string{i.application(j, 1), i.application(j, 1)}, i.gate.submissions())
}

// One that was taken although nobody heard so is found.
func TestSubmissionUnanswered(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	i.gate.next(func(_ http.ResponseWriter, pass func(http.ResponseWriter)) {
		pass(httptest.NewRecorder())
		panic(http.ErrAbortHandler)
	})
	i.Worker()
	i.Starter()
	j := i.Create(returning)
	ends(j, bench.Complete)
	require.Equal(t, 1, i.attempts(j))
}

// The ResourceManager dies as soon as it has answered, before or after it saved
// what was sent. With recovery it comes back to one application.
func TestAnsweredAndKilled(t *testing.T) {
	for name, strike := range map[string]func(pass func(http.ResponseWriter)){
		"before it saved": func(func(http.ResponseWriter)) {},
		"saving":          func(pass func(http.ResponseWriter)) { pass(httptest.NewRecorder()) },
	} {
		t.Run(name, func(t *testing.T) {
			if name != "before it saved" {
				bench.Long(t)
			}
			i := install(t)
			killed := make(chan struct{})
			i.gate.next(func(w http.ResponseWriter, pass func(http.ResponseWriter)) {
				defer close(killed)
				strike(pass)
				kill(t, hadoop.ResourceManager)
				w.WriteHeader(http.StatusAccepted)
			})
			i.Worker()
			i.Starter()
			j := i.Create(returning)
			<-killed
			details(j, "cluster yarn is out of reach since")
			start(t, hadoop.ResourceManager)
			ends(j, bench.Complete)
			require.Equal(t, 1, i.attempts(j))
		})
	}
}

// The ResourceManager has forgotten a finished application by the time its
// launch is tried again: it is not run again, and its end is read off what its
// driver wrote.
func TestEndedApplicationForgotten(t *testing.T) {
	bench.Long(t)
	withSetting(t, keyMaxCompleted, "1", "1000")
	i := install(t)
	first := i.Holding("launch:after")
	i.Starter()
	j := i.Create(returning)
	i.Held("launch:after")
	id := i.application(j, 1)
	i.Eventually("it has ended", func() bool {
		app, _ := application(t, id)
		return app.State.Ended()
	})
	i.Eventually("it is forgotten", func() bool {
		i.runShort(t)
		_, known := application(t, id)
		return !known
	})
	first.Kill()
	i.Release()
	i.Worker()
	ends(j, bench.Complete)
	require.Equal(t, []string{id}, i.gate.submissions(), "it was sent once")
	require.Contains(t, j.CurrentDetails(), "the cluster no longer knew the application; the driver's status file says that the function returned")
}

// A program without Stoker's driver, whose master was killed hard and so left the
// staging directory as it was, has been forgotten by the time its launch is tried again:
// it is lost, and not run a second time.
func TestKilledProgramForgotten(t *testing.T) {
	bench.Long(t)
	withSetting(t, keyMaxCompleted, "1", "1000")
	i := install(t)
	first := i.Holding("launch:after")
	o := owned(i)
	id := o.Submit(o.python()).ID
	i.Held("launch:after")
	o.Eventually("it runs", func() bool { return o.starts() == 1 })
	var r spark.Reservation
	i.record(path.Join(o.attempt(id, 1), spark.FileReservation), &r)
	require.NoError(t, syscall.Kill(master(i, r.Application), syscall.SIGKILL))
	i.Eventually("it has ended", func() bool {
		app, _ := application(t, r.Application)
		return app.State.Ended()
	})
	i.Eventually("it is forgotten", func() bool {
		i.runShort(t)
		_, known := application(t, r.Application)
		return !known
	})
	entries, err := i.files.List(t.Context(), path.Join(o.attempt(id, 1), ".sparkStaging", r.Application))
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	o.let()
	first.Kill()
	i.Release()
	i.Worker()
	done := o.Done(id)
	require.Equal(t, job.ResultLost, done.Outcome.Result, "%+v", done.Outcome)
	require.Equal(t, []string{r.Application}, i.gate.submissions(), "it was sent once")
	require.Equal(t, 1, o.starts())
}

// runShort runs an application that ends at once.
func (i *installation) runShort(t *testing.T) {
	t.Helper()
	c := resourceManager(t)
	fresh, err := c.NewApplication(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Submit(t.Context(), rm.SubmissionContext{
		ID: fresh.ID, Name: "short", Queue: "default", Type: "SHORT", MaxAttempts: 1,
		Resource: rm.Resource{MemoryMB: 128, VCores: 1}, Container: rm.Container{Commands: []string{"true"}},
	}))
	i.Eventually("the short application has ended", func() bool {
		app, known := application(t, fresh.ID)
		return !known || app.State.Ended()
	})
}
