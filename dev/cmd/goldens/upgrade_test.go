package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/workflows"
)

var goldens = filepath.Join("..", "..", "..", "workflows", "testdata", "histories")

// golden reads a history, nil if there is none.
func golden(t *testing.T, name string) *history.History {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(goldens, name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	var h history.History
	require.NoError(t, temporalproto.CustomJSONUnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, &h))
	return &h
}

// point is where a job is when its workers are upgraded: in its nth activity of a name,
// or in the timer after it.
type point struct {
	activity string
	nth      int
	resting  bool
}

func (p point) String() string {
	in := "in"
	if p.resting {
		in = "after"
	}
	return fmt.Sprintf("%s %s %d", in, p.activity, p.nth)
}

// runsOn reports whether a scenario's application runs until it is killed.
func (s scenario) runsOn() bool {
	return s.short() || strings.HasPrefix(s.name, "cancel-")
}

// points are all that a scenario's golden comes to; of one that was reset, since then, and
// of one that has little time, after it.
func (s scenario) points(t *testing.T) (all []point) {
	t.Helper()
	begun, nth := s.reset == "", map[string]int{}
	for _, name := range []string{s.name, s.name + "-last"} {
		for _, event := range golden(t, name).GetEvents() {
			scheduled := event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
			if begun = begun || scheduled == s.reset; scheduled == "" || !begun {
				continue
			}
			nth[scheduled]++
			if s.short() && !slices.Contains([]string{"Kill", "ReportEnd", "Clean"}, scheduled) {
				continue
			}
			all = append(all, point{activity: scheduled, nth: nth[scheduled]})
			if scheduled == "Observe" && nth[scheduled] == 1 && s.name == "complete" {
				all = append(all, point{activity: scheduled, nth: 1, resting: true})
			}
		}
	}
	require.NotEmpty(t, all, s.name)
	return all
}

// short reports whether a scenario ends by itself in seconds, wherever it is.
func (s scenario) short() bool { return s.name == "deadline" || s.name == "run-limit" }

// result is how a run ended, which may be in its failure.
func result(t *testing.T, h *history.History) workflows.Result {
	t.Helper()
	last := h.GetEvents()[len(h.GetEvents())-1]
	var payloads *common.Payloads
	for _, p := range []*common.Payloads{
		last.GetWorkflowExecutionCompletedEventAttributes().GetResult(),
		last.GetWorkflowExecutionCanceledEventAttributes().GetDetails(),
		last.GetWorkflowExecutionFailedEventAttributes().GetFailure().GetApplicationFailureInfo().GetDetails(),
	} {
		if p != nil {
			payloads = p
		}
	}
	require.NotNil(t, payloads, "%v", last)
	var r workflows.Result
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(payloads, &r))
	return r
}

// expected is how a scenario ends by its golden.
func (s scenario) expected(t *testing.T, at point) workflows.Result {
	t.Helper()
	name := s.name
	if s.before && at.activity == s.reset {
		name = strings.TrimSuffix(name, "-before") // it comes to what has changed after the upgrade
	}
	if last := golden(t, name+"-last"); last != nil {
		return result(t, last)
	}
	return result(t, golden(t, name))
}

// upgraded is a job whose workers are upgraded at a point.
type upgraded struct {
	scenario
	at    point
	key   job.Key
	run   string
	hints int
	armed bool
	// reached is closed at the point.
	reached chan struct{}
}

// upgrade is all jobs at their points.
type upgrade struct {
	t      *testing.T
	world  *world
	mu     sync.Mutex
	byName map[string]*upgraded
	// done is closed once the new version is current.
	done chan struct{}
}

// mostHints are given to a job; then it finds out by itself.
const mostHints = 40

func (u *upgrade) of(name string) *upgraded {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.byName[name]
}

// hold keeps a job's activity until the upgrade is done.
func (u *upgrade) hold(ctx context.Context, name, as string, nth int) error {
	j := u.of(name)
	u.mu.Lock()
	here := j.armed && j.at.activity == as && j.at.nth == nth
	u.mu.Unlock()
	if !here {
		return nil
	}
	j.arrive()
	if j.at.resting {
		return nil
	}
	for {
		select {
		case <-u.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
			activity.RecordHeartbeat(ctx)
		}
	}
}

func (j *upgraded) arrive() {
	select {
	case <-j.reached:
	default:
		close(j.reached)
	}
}

// answered has the job look again soon, as a cluster's news do.
func (u *upgrade) answered(name string) {
	j := u.of(name)
	u.mu.Lock()
	j.hints++
	hint := j.hints <= mostHints && !j.runsOn()
	u.mu.Unlock()
	if !hint {
		return
	}
	ctx := u.t.Context()
	go func() {
		select {
		case <-j.reached:
			if j.at.resting {
				<-u.done
			}
		default:
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
			_ = u.world.client.SignalWorkflow(ctx, j.key.WorkflowID(), "", workflows.SignalHint, nil) // it may have ended
		}
	}()
}

// patience is how long anything may take.
const patience = 2 * time.Minute

const deployment = "goldens"

// serve starts a worker of a version.
func (u *upgrade) serve(build string, interceptors ...interceptor.WorkerInterceptor) sdk.Worker {
	u.t.Helper()
	w, err := u.world.serve(sdk.Options{
		Interceptors: interceptors, WorkerStopTimeout: 10 * time.Second,
		WorkflowPanicPolicy: sdk.FailWorkflow, // a history that does not fit ends the job, instead of keeping it
		DeploymentOptions: sdk.DeploymentOptions{
			UseVersioning: true, Version: sdk.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: build},
			DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		},
	})
	require.NoError(u.t, err)
	handle := u.world.client.WorkerDeploymentClient().GetHandle(deployment)
	u.eventually("version "+build+" is current", func() bool {
		_, err := handle.SetCurrentVersion(u.t.Context(), client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build})
		return err == nil // a version is known a moment after its worker is
	})
	// The server tells its queues of it in the background.
	u.eventually("the queue knows that version "+build+" is current", func() bool {
		described, err := u.world.client.WorkflowService().DescribeTaskQueue(u.t.Context(), &workflowservice.DescribeTaskQueueRequest{
			Namespace: client.DefaultNamespace, TaskQueue: &taskqueue.TaskQueue{Name: workflows.QueueCentral},
			TaskQueueType: enums.TASK_QUEUE_TYPE_WORKFLOW,
		})
		return err == nil && described.GetVersioningInfo().GetCurrentDeploymentVersion().GetBuildId() == build
	})
	return w
}

func (u *upgrade) eventually(what string, so func() bool) {
	u.t.Helper()
	require.Eventually(u.t, so, patience, 20*time.Millisecond, what)
}

// begin starts a job and lets it come to its point.
func (u *upgrade) begin(j *upgraded) error {
	ctx := u.t.Context()
	name := j.key.Name()
	u.mu.Lock()
	u.byName[name] = j
	j.armed = j.reset == ""
	u.mu.Unlock()
	during := j.during
	plain := j.scenario
	plain.during = nil
	run, err := plain.start(ctx, u.world, j.key)
	if err != nil {
		return err
	}
	j.run = run.GetRunID()
	if during != nil {
		go func() {
			if err := during(ctx, u.world.client, j.key); err != nil && ctx.Err() == nil {
				u.t.Errorf("%s, %s: %v", j.name, j.at, err)
			}
		}()
	}
	if j.reset == "" {
		return nil
	}
	if err := run.Get(ctx, nil); err != nil {
		return err
	}
	u.world.script.forget(name)
	u.mu.Lock()
	j.armed = true
	u.mu.Unlock()
	j.run, err = reset(ctx, u.world.client, j.key.WorkflowID(), j.run, j.reset)
	return err
}

// still reports whether a job's workflow waits for something else than a worker.
func (u *upgrade) still(j *upgraded) bool {
	d, err := u.world.client.DescribeWorkflowExecution(u.t.Context(), j.key.WorkflowID(), "")
	return err == nil && d.GetPendingWorkflowTask() == nil
}

// runs reads the histories of a job since its start, or its reset.
func (u *upgrade) runs(j *upgraded) (all []*history.History) {
	u.t.Helper()
	for run := j.run; run != ""; {
		h, err := read(u.t.Context(), u.world.client, j.key.WorkflowID(), run)
		require.NoError(u.t, err)
		all = append(all, h)
		run = h.GetEvents()[len(h.GetEvents())-1].GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	}
	return all
}

// check holds a job that has ended against its golden.
func (u *upgrade) check(t *testing.T, j *upgraded) {
	runs := u.runs(j)
	var versions string
	for _, h := range runs {
		for _, event := range h.GetEvents() {
			if done := event.GetWorkflowTaskCompletedEventAttributes(); done != nil {
				versions += done.GetDeploymentVersion().GetBuildId()
			}
		}
		replayer := sdk.NewWorkflowReplayer()
		replayer.RegisterWorkflowWithOptions(workflows.SparkBatchJob, workflow.RegisterOptions{Name: workflows.TypeSparkBatchJob})
		require.NoError(t, replayer.ReplayWorkflowHistory(sdklog.NewStructuredLogger(telemetry.NewLogger(os.Stderr, "error", "text")), h))
	}
	require.Regexp(t, "^A+B+$", versions, "it begins under the old version and goes on under the new one")

	want, got := j.expected(t, j.at), result(t, runs[len(runs)-1])
	require.Equal(t, want.Outcome.Result, got.Outcome.Result, "%s", got.Outcome)
	require.Equal(t, want.Outcome.Class, got.Outcome.Class, "%s", got.Outcome)
	require.Equal(t, want.CleanProblem, got.CleanProblem)
	for attempt, times := range u.world.script.launchesOf(j.key.Name()) {
		require.Equal(t, 1, times, "launches of attempt %d", attempt)
		require.LessOrEqual(t, attempt, want.Attempts)
	}
	if got.Outcome.Succeeded() && !j.adopt {
		require.Len(t, u.world.script.launchesOf(j.key.Name()), want.Attempts)
	}
}

// together is how many jobs are upgraded at once: more would take a slow machine longer
// to bring to their points than activities may last.
const together = 25

// Workers are upgraded under jobs that are anywhere on the ways of the goldens. The old
// version has none of the branches that have a change id, so that what it has begun goes
// on under code that would do otherwise.
func TestUpgradeOnTheWaysOfTheGoldens(t *testing.T) {
	var jobs []*upgraded
	for i, s := range scenarios() {
		if golden(t, s.name+"-before") != nil {
			continue // the old version does not go this way
		}
		points := s.points(t)
		switch {
		case !testing.Short() || s.before:
		case s.name == "complete":
			points = slices.DeleteFunc(points, func(p point) bool { return !p.resting })
		default: // another one of each
			points = points[i%len(points):][:1]
		}
		for _, at := range points {
			id := strings.ReplaceAll(fmt.Sprintf("%s-%s", s.name, at), " ", "-")
			jobs = append(jobs, &upgraded{scenario: s, at: at, key: s.key(id), reached: make(chan struct{})})
		}
	}
	for some := range slices.Chunk(jobs, together) {
		upgradeUnder(t, some)
	}
}

func upgradeUnder(t *testing.T, jobs []*upgraded) {
	w, err := newWorld(t.TempDir())
	require.NoError(t, err)
	defer w.stop()
	u := &upgrade{t: t, world: w, byName: map[string]*upgraded{}, done: make(chan struct{})}
	w.script.hold, w.script.answered = u.hold, u.answered

	old := u.serve("A", &before{})
	var beginning sync.WaitGroup
	for _, j := range jobs {
		beginning.Go(func() {
			if err := u.begin(j); err != nil {
				t.Errorf("%s, %s: %v", j.name, j.at, err)
			}
		})
	}
	beginning.Wait()
	require.False(t, t.Failed())
	for _, j := range jobs {
		u.eventually(fmt.Sprintf("%s is %s", j.name, j.at), func() bool {
			select {
			case <-j.reached:
				return u.still(j)
			default:
				return false
			}
		})
	}

	current := u.serve("B")
	defer current.Stop()
	var stopping sync.WaitGroup
	stopping.Go(old.Stop)
	close(u.done)
	stopping.Wait()
	for _, j := range jobs {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_ = w.client.GetWorkflow(ctx, j.key.WorkflowID(), "").Get(ctx, nil) // what it is worth is looked at below
		require.NoError(t, ctx.Err(), "%s, %s: it does not end", j.name, j.at)
		cancel()
		t.Run(j.name+" "+j.at.String(), func(t *testing.T) { u.check(t, j) })
	}
}
