package yarn

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// told is what a cluster tells.
type told struct {
	limits  rm.Reserved
	queues  []rm.Queue
	err     error // of both
	asked   int
	listing int
}

func (f *told) NewApplication(context.Context) (rm.Reserved, error) {
	f.asked++
	return f.limits, f.err
}

func (f *told) Scheduler(context.Context) ([]rm.Queue, error) {
	f.listing++
	return f.queues, f.err
}

// small is a cluster whose largest container has 8 GiB and 4 cores.
var small = rm.Reserved{ID: "application_1795245848458_0009", MaxMemoryMB: 8192, MaxVCores: 4}

// What no container has is refused before anything is written, for the driver and for
// executors.
func TestMoreThanAContainer(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		conf map[string]string
		said string
	}{
		"executors' memory":   {map[string]string{"spark.executor.memory": "100g"}, "spark.executor.memory: 112640 MiB with its overhead"},
		"with their overhead": {map[string]string{"spark.executor.memory": "7600m"}, "spark.executor.memory: 8360 MiB with its overhead"},
		"executors' cores":    {map[string]string{"spark.executor.cores": "5"}, "spark.executor.cores: 5 cores is above the cluster's limit of 4"},
		"the driver's memory": {map[string]string{"spark.driver.memory": "100g"}, "spark.driver.memory: 112640 MiB with its overhead"},
		"the driver's cores":  {map[string]string{"spark.driver.cores": "5"}, "spark.driver.cores: 5 cores"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.options.Cluster = &told{limits: small}
			s.request.Launch.Options.Conf = row.conf
			require.Contains(t, s.refused(), row.said)
			_, err := os.Stat(s.archive())
			require.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}

// The limits that came with a reservation count for a while, but nothing is refused by
// limits that are not those of now.
func TestLimitsAreThoseOfNow(t *testing.T) {
	s := newSite(t)
	cluster := &told{limits: small}
	s.options.Cluster = cluster
	built, err := NewBuilder(s.options)
	require.NoError(t, err)
	b := built.(*builder)
	build := func(memory string) error {
		s.request.Launch.Options.Conf = map[string]string{"spark.executor.memory": memory}
		_, err := b.Build(t.Context(), s.request)
		return err
	}
	b.Reserved(rm.Reserved{MaxMemoryMB: 2048, MaxVCores: 4})
	require.NoError(t, build("1g"))
	require.Zero(t, cluster.asked)
	require.NoError(t, build("4g"), "a node has come back")
	require.Equal(t, 1, cluster.asked)
	require.NoError(t, build("4g"))
	require.Equal(t, 1, cluster.asked)
	require.Equal(t, job.CodeInvalid, job.CodeOf(build("16g")))

	b.facts.limitsUntil = time.Time{}
	cluster.err = job.Errorf(job.CodeUnavailable, "is down")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(build("1g")))
}

// The manager hands over what came with its reservations.
func TestReserveTellsTheLimits(t *testing.T) {
	s := newSite(t)
	b, err := NewBuilder(s.options)
	require.NoError(t, err)
	fake, address := newFakeRM(t)
	fake.container = map[string]any{"memory": 2048, "vCores": 3}
	client, err := rm.New(rm.Options{Addresses: []string{address}, User: "ann"})
	require.NoError(t, err)
	m, err := New(Options{
		Cluster: "big", Installation: "here", Root: t.TempDir(), Store: s.options.Store, ResourceManager: client, User: "ann", Builder: b,
	})
	require.NoError(t, err)
	_, err = m.Reserve(t.Context(), job.Key{Source: "api", ID: "J-1"}.Attempt(1), time.Now().Add(time.Hour))
	require.NoError(t, err)
	s.request.Launch.Options.Conf = map[string]string{"spark.executor.memory": "2g"}
	_, err = b.Build(t.Context(), s.request)
	require.Contains(t, strings.Join(job.ProblemsOf(err), "\n"), "above the cluster's limit of 2048")
}

func TestDefaultsOfQueues(t *testing.T) {
	t.Parallel()
	queues := []rm.Queue{
		{Path: "root", Name: "root", DefaultNodeLabel: "never"},
		{Path: "root.default", Name: "default", DefaultNodeLabel: "cpu", DefaultPriority: 2, Leaf: true},
		{Path: "root.a", Name: "a"},
		{Path: "root.a.b", Name: "b", DefaultNodeLabel: "gpu", DefaultPriority: 3, Leaf: true},
		{Path: "root.a.c", Name: "c", DefaultNodeLabel: noLabel, Leaf: true},
		{Path: "root.a.d", Name: "d", DefaultNodeLabel: "x", Leaf: true},
		{Path: "root.e.d", Name: "d", DefaultNodeLabel: "y", Leaf: true},
	}
	for name, row := range map[string]struct {
		conf     map[string]string
		label    string
		priority int
	}{
		"none named": {nil, "cpu", 2},
		"by name":    {map[string]string{"spark.yarn.queue": "b"}, "gpu", 3},
		"by path":    {map[string]string{"spark.yarn.queue": "root.a.b"}, "gpu", 3},
		"no label":   {map[string]string{"spark.yarn.queue": "c"}, "", 0},
		"two":        {map[string]string{"spark.yarn.queue": "d"}, "", 0},
		"one of two": {map[string]string{"spark.yarn.queue": "root.e.d"}, "y", 0},
		"unknown":    {map[string]string{"spark.yarn.queue": "z"}, "", 0},
		"asked for":  {map[string]string{"spark.yarn.queue": "b", "spark.yarn.priority": "7"}, "gpu", 7},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.options.Cluster = &told{limits: small, queues: queues}
			s.request.Launch.Options.Conf = row.conf
			context := s.context()
			require.Equal(t, row.label, context.NodeLabel)
			require.Equal(t, row.priority, *context.Priority)
		})
	}
}

// cpu are queues whose default label is not none.
var cpu = []rm.Queue{{Path: "root.default", Name: "default", DefaultNodeLabel: "cpu", Leaf: true}}

// A scheduler that cannot tell keeps no job back. One that is down does, until it has
// told once: a label that is missing would be in the submission for good.
func TestSchedulerDoesNotTell(t *testing.T) {
	t.Parallel()
	cluster := &told{limits: small, err: job.Errorf(job.CodeInvalid, "it is none of YARN's own")}
	f := &facts{source: cluster, logger: slog.New(slog.DiscardHandler)}
	label, _, err := f.defaults(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, label)

	f.queuesUntil, cluster.listing, cluster.err = time.Time{}, 0, job.Errorf(job.CodeUnavailable, "a broken reply")
	for range 2 {
		_, _, err = f.defaults(t.Context(), "")
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	}
	require.Equal(t, 1, cluster.listing, "it is not asked for every job")
	require.WithinDuration(t, time.Now().Add(queuesAgain), f.queuesUntil, time.Second, "but soon again")

	f.queuesUntil, cluster.err, cluster.queues = time.Time{}, nil, cpu
	label, _, err = f.defaults(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "cpu", label)
	f.queuesUntil, cluster.err = time.Time{}, job.Errorf(job.CodeUnavailable, "gone")
	label, _, err = f.defaults(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "cpu", label, "what it told last counts")
}

// asks is a Facts whose queues are what a function tells.
type asks struct {
	told
	scheduler func(ctx context.Context) ([]rm.Queue, error)
}

func (a *asks) Scheduler(ctx context.Context) ([]rm.Queue, error) { return a.scheduler(ctx) }

// Who fails late forgets nothing of what another was told meanwhile; nobody waits without
// an end, and one who gave up says nothing about the scheduler.
func TestSlowScheduler(t *testing.T) {
	t.Parallel()
	cluster := &asks{}
	f := &facts{source: cluster, logger: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	cluster.scheduler = func(context.Context) ([]rm.Queue, error) {
		cancel()
		return nil, ctx.Err()
	}
	_, err := f.known(ctx)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))

	cluster.scheduler = func(ctx context.Context) ([]rm.Queue, error) {
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		cluster.scheduler = func(context.Context) ([]rm.Queue, error) { return cpu, nil }
		_, err := f.known(ctx)
		require.NoError(t, err)
		return nil, job.Errorf(job.CodeUnavailable, "too late")
	}
	for range 2 {
		queues, err := f.known(t.Context())
		require.NoError(t, err)
		require.Equal(t, cpu, queues)
	}
	require.Greater(t, time.Until(f.queuesUntil), 2*queuesAgain, "what is known stays known as long")
}

// A submission is not built with defaults that only a scheduler that is down knows.
func TestBuildWithoutTheScheduler(t *testing.T) {
	s := newSite(t)
	s.options.Cluster = &asks{told: told{limits: small}, scheduler: func(context.Context) ([]rm.Queue, error) {
		return nil, job.Errorf(job.CodeUnavailable, "is down")
	}}
	_, err := s.build()
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
}
