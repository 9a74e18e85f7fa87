package starter

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/workflows"
)

// temporalFake is a Temporal that starts each workflow id once.
type temporalFake struct {
	client.Client // nil: any other call is a defect

	mu       sync.Mutex
	started  []client.StartWorkflowOptions
	inputs   []any
	signals  []string
	payloads []any
	calls    int
	execute  func(id string) error
	signal   func(id string) error
}

type run struct{ client.WorkflowRun }

func (run) GetRunID() string { return "run" }

func (f *temporalFake) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if err := f.execute(o.ID); err != nil {
		return nil, err
	}
	f.started = append(f.started, o)
	f.inputs = append(f.inputs, append([]any{workflow}, args...))
	return run{}, nil
}

func (f *temporalFake) SignalWorkflow(_ context.Context, id, run, name string, payload any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if err := f.signal(id); err != nil {
		return err
	}
	f.signals = append(f.signals, name+" "+id+" "+run)
	f.payloads = append(f.payloads, payload)
	return nil
}

// ids of the workflows that were started, in order.
func (f *temporalFake) ids() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for _, o := range f.started {
		ids = append(ids, strings.TrimPrefix(o.ID, "sparkjob-model-manage-"))
	}
	return ids
}

type registryFake struct {
	list func(status modelmanage.Status, each func(modelmanage.Summary) error) error
}

func (f *registryFake) List(_ context.Context, status modelmanage.Status, each func(modelmanage.Summary) error) error {
	return f.list(status, each)
}

type bundle struct {
	temporal *temporalFake
	registry *registryFake
	starter  *Starter

	mu        sync.Mutex
	documents map[modelmanage.Status][]string
	log       bytes.Buffer
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{documents: map[modelmanage.Status][]string{}}
	none := func(string) error { return nil }
	b.temporal = &temporalFake{execute: none, signal: none}
	b.registry = &registryFake{}
	b.registry.list = func(status modelmanage.Status, each func(modelmanage.Summary) error) error {
		b.mu.Lock()
		ids := b.documents[status]
		b.mu.Unlock()
		for _, id := range ids {
			if err := each(modelmanage.Summary{ID: id, Status: status, JobType: "MODEL_BATCH_JOB", EngineName: "spark-runtime-1"}); err != nil {
				return err
			}
		}
		return nil
	}
	b.starter = b.another(t)
	return b
}

// another starter beside the first, at the same Temporal.
func (b *bundle) another(t *testing.T) *Starter {
	t.Helper()
	s, err := New(Options{
		Client: b.temporal, Registry: b.registry, PollInterval: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&b.log, nil)),
	})
	require.NoError(t, err)
	return s
}

func (b *bundle) logged(text string) int { return strings.Count(b.log.String(), text) }

func TestNewNeedsItsOptions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	whole := b.starter.options
	for name, change := range map[string]func(*Options){
		"client":   func(o *Options) { o.Client = nil },
		"registry": func(o *Options) { o.Registry = nil },
		"logger":   func(o *Options) { o.Logger = nil },
		"interval": func(o *Options) { o.PollInterval = 0 },
	} {
		o := whole
		change(&o)
		_, err := New(o)
		require.Error(t, err, name)
	}
}

func TestLookStartsWhatIsCreated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documents[modelmanage.StatusCreated] = []string{"1", "2"}
	b.documents[modelmanage.StatusRunning] = []string{"3"}
	b.starter.Look(t.Context())
	b.starter.Look(t.Context())

	require.Equal(t, []string{"1", "2"}, b.temporal.ids())
	require.Equal(t, 2, b.temporal.calls, "what is settled needs no call")
	require.Equal(t, []any{workflows.TypeSparkBatchJob, workflows.Input{Key: job.Key{Source: "model-manage", ID: "1"}}}, b.temporal.inputs[0])
	require.Empty(t, b.temporal.signals)
}

func TestStartOptions(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 5000)
	o := jobs.RegisteredOptions(job.Key{Source: job.SourceModelManage, ID: "7"}, "MODEL_BATCH_JOB", long)
	require.Equal(t, "sparkjob-model-manage-7", o.ID)
	require.Equal(t, "spark", o.TaskQueue)
	require.Equal(t, enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, o.WorkflowIDConflictPolicy)
	require.Equal(t, enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, o.WorkflowIDReusePolicy)
	require.True(t, o.WorkflowExecutionErrorWhenAlreadyStarted, "else a closed workflow would look like a new one")
	require.Zero(t, o.WorkflowExecutionTimeout, "a timeout would run no code")
	require.Zero(t, o.WorkflowRunTimeout)
	require.Equal(t, "MODEL_BATCH_JOB 7", o.StaticSummary)
	phase, ok := o.TypedSearchAttributes.GetKeyword(workflows.AttributePhase)
	require.True(t, ok)
	require.Equal(t, "loading", phase)
	require.Contains(t, o.StaticDetails, "`7`")

	o = jobs.RegisteredOptions(job.Key{Source: job.SourceModelManage, ID: long}, long, long)
	require.LessOrEqual(t, len(o.StaticSummary), 200)
	require.LessOrEqual(t, len(o.StaticDetails), 1000)
}

// A Temporal that is down ends the look; the next one starts what is left.
func TestLookLosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documents[modelmanage.StatusCreated] = []string{"1", "2", "3"}
	down := true
	b.temporal.execute = func(id string) error {
		if down && !strings.HasSuffix(id, "-1") {
			return serviceerror.NewUnavailable("down")
		}
		return nil
	}
	b.starter.Look(t.Context())
	b.starter.Look(t.Context())
	require.Equal(t, []string{"1"}, b.temporal.ids())
	require.Equal(t, 1, b.logged("cannot look for jobs"), "said once")
	require.Equal(t, 3, b.temporal.calls, "no call for those behind the first that failed")

	down = false
	b.starter.Look(t.Context())
	b.starter.Look(t.Context())
	require.Equal(t, []string{"1", "2", "3"}, b.temporal.ids())
	require.Equal(t, 1, b.logged("looking for jobs again"))
}

// One job that Temporal refuses does not keep the others from starting.
func TestLookGoesOnPastARefusedJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documents[modelmanage.StatusCreated] = []string{"1", "bad", "2"}
	b.documents[modelmanage.StatusCancelled] = []string{"bad-too", "3"}
	refusing := true
	refuse := func(id string) error {
		if refusing && strings.Contains(id, "bad") {
			return serviceerror.NewInvalidArgument("no such attribute")
		}
		return nil
	}
	b.temporal.execute, b.temporal.signal = refuse, refuse
	b.starter.Look(t.Context())
	require.Equal(t, []string{"1", "2"}, b.temporal.ids())
	require.Equal(t, []string{"cancel sparkjob-model-manage-3 "}, b.temporal.signals)
	require.Equal(t, 1, b.logged("temporal refused 2 jobs"), b.log.String())
	require.Contains(t, b.log.String(), "model-manage-bad")

	refusing = false // an attribute was registered meanwhile
	b.starter.Look(t.Context())
	require.Equal(t, []string{"1", "2", "bad"}, b.temporal.ids())
	require.Len(t, b.temporal.signals, 2)
}

func TestLookSurvivesARegistryThatIsDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documents[modelmanage.StatusCreated] = []string{"1"}
	b.documents[modelmanage.StatusCancelled] = []string{"2"}
	list := b.registry.list
	b.registry.list = func(status modelmanage.Status, each func(modelmanage.Summary) error) error {
		if status == modelmanage.StatusCreated {
			return job.Errorf(job.CodeUnavailable, "502 from the gateway")
		}
		return list(status, each)
	}
	b.starter.Look(t.Context())
	require.Empty(t, b.temporal.ids())
	require.Len(t, b.temporal.signals, 1, "one list that fails does not keep the other from being read")
	require.Contains(t, b.log.String(), "502 from the gateway")
	b.registry.list = list
	b.starter.Look(t.Context())
	require.Equal(t, []string{"1"}, b.temporal.ids())
}

func TestLookSaysOnceThatAWorkflowHasClosed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documents[modelmanage.StatusCreated] = []string{"old", "new"}
	b.temporal.execute = func(id string) error {
		if strings.HasSuffix(id, "old") {
			return serviceerror.NewWorkflowExecutionAlreadyStarted("closed", "", "")
		}
		return nil
	}
	for range 3 {
		b.starter.Look(t.Context())
	}
	require.Equal(t, []string{"new"}, b.temporal.ids())
	require.Equal(t, 1, b.logged("its workflow has closed"))
	require.Equal(t, 2, b.temporal.calls)
}

func TestLookPassesACancelOnOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documents[modelmanage.StatusCancelled] = []string{"open", "closed"}
	b.temporal.signal = func(id string) error {
		if strings.HasSuffix(id, "closed") {
			return serviceerror.NewNotFound("no such workflow")
		}
		return nil
	}
	for range 3 {
		b.starter.Look(t.Context())
	}
	require.Equal(t, []string{"cancel sparkjob-model-manage-open "}, b.temporal.signals)
	require.Equal(t, "model-manage", b.temporal.payloads[0].(workflows.CancelRequest).By)
	require.Equal(t, 2, b.temporal.calls, "what is not found is settled, too")
	require.Equal(t, 1, b.logged("job cancelled"))
}

func TestLookTriesACancelAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documents[modelmanage.StatusCancelled] = []string{"1"}
	answers := []error{errors.New("reset by peer"), nil}
	b.temporal.signal = func(string) error {
		answer := answers[0]
		answers = answers[1:]
		return answer
	}
	b.starter.Look(t.Context())
	b.starter.Look(t.Context())
	b.starter.Look(t.Context())
	require.Len(t, b.temporal.signals, 1)
}

// A job that was started and then cancelled is two different things to do.
func TestACancelFollowsAStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documents[modelmanage.StatusCreated] = []string{"1"}
	b.starter.Look(t.Context())
	b.documents[modelmanage.StatusCreated], b.documents[modelmanage.StatusCancelled] = nil, []string{"1"}
	b.starter.Look(t.Context())
	require.Equal(t, []string{"1"}, b.temporal.ids())
	require.Len(t, b.temporal.signals, 1)
}

// Temporal makes several starters harmless; they only must ask it in a way
// that lets it.
func TestSeveralStartersAreHarmless(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documents[modelmanage.StatusCreated] = []string{"1", "2", "3", "4"}
	open := map[string]bool{}
	b.temporal.execute = func(id string) error { open[id] = true; return nil }
	var looking sync.WaitGroup
	for range 4 {
		s := b.another(t)
		s.options.Logger = slog.New(slog.DiscardHandler)
		looking.Go(func() { s.Look(t.Context()) })
	}
	looking.Wait()
	require.Len(t, open, 4)
	for _, o := range b.temporal.started {
		require.Equal(t, enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, o.WorkflowIDConflictPolicy)
	}
}

func TestRunLooksUntilItIsStopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, stop := context.WithCancel(t.Context())
	looks := 0
	b.registry.list = func(modelmanage.Status, func(modelmanage.Summary) error) error {
		if looks++; looks == 6 {
			stop()
		}
		return errors.New("down")
	}
	require.NoError(t, b.starter.Run(ctx))
	require.GreaterOrEqual(t, looks, 6)
	require.Equal(t, 1, b.logged("cannot look for jobs"))
}

// An error that comes of being stopped is no news.
func TestLookIsQuietWhenStopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, stop := context.WithCancel(t.Context())
	b.registry.list = func(modelmanage.Status, func(modelmanage.Summary) error) error {
		stop()
		return context.Canceled
	}
	b.starter.Look(ctx)
	require.Zero(t, b.logged("cannot look"))
}

func TestStarterRemembersABoundedNumber(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.starter.settled = newRecent(10)
	for i := range 50 {
		b.documents[modelmanage.StatusCreated] = append(b.documents[modelmanage.StatusCreated], strconv.Itoa(i))
	}
	b.starter.Look(t.Context())
	require.Len(t, b.temporal.ids(), 50)
	require.Len(t, b.starter.settled.set, 10)
}

func TestRecent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 5).Draw(t, "max")
		r := newRecent(limit)
		var model []string // the last distinct ones, in the order they came
		for _, s := range rapid.SliceOf(rapid.SampledFrom(strings.Split("abcdefgh", ""))).Draw(t, "added") {
			known := false
			for _, m := range model {
				known = known || m == s
			}
			if !known {
				model = append(model, s)
				model = model[max(0, len(model)-limit):]
			}
			r.add(s)
			require.Len(t, r.set, len(model))
			require.Equal(t, model, r.order)
			for _, m := range model {
				require.True(t, r.has(m))
			}
		}
		require.False(t, r.has("z"))
	})
}
