package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
)

// loggingFake is a cluster on which one application runs and has written "text".
type loggingFake struct {
	spark.Manager
	lists atomic.Int32
	fails bool
}

func (f *loggingFake) Snapshot(context.Context) ([]spark.Sighting, error) {
	f.lists.Add(1)
	if f.fails {
		return nil, errors.New("connection refused")
	}
	return []spark.Sighting{{Attempt: job.AttemptOf("j", 1), Observation: job.Observation{State: job.StateRunning}}}, nil
}

func (f *loggingFake) Logs(_ context.Context, _ job.Attempt, _ string, offset int64, limit int) ([]byte, int64, error) {
	rest := "text"[offset:]
	return []byte(rest[:min(limit, len(rest))]), 4, nil
}

// following makes a worker of one cluster whose logs are to be followed.
func following(t *testing.T, f *loggingFake, roles ...Role) (w *Worker, b *bundle, root string) {
	t.Helper()
	b, root = setup(t), t.TempDir()
	b.options.Roles = roles
	cluster := b.options.Clusters["a"]
	cluster.Manager, cluster.Logs = f, logstore.New(file.New(file.Options{}), root)
	b.options.Clusters = map[string]activities.Cluster{"a": cluster}
	b.options.Config.Clusters = map[string]config.Cluster{"a": config.DefaultCluster(config.TypeLocal)}
	return b.worker(), b, root
}

// counted reads one of the worker's counters.
func (b *bundle) counted(t *testing.T, name string) float64 {
	t.Helper()
	gatherer, ok := b.options.Metrics.Registerer().(prometheus.Gatherer)
	require.True(t, ok)
	families, err := gatherer.Gather()
	require.NoError(t, err)
	total := 0.0
	for _, family := range families {
		if family.GetName() == name {
			for _, metric := range family.GetMetric() {
				require.Equal(t, "a", metric.GetLabel()[0].GetValue())
				total += metric.GetCounter().GetValue()
			}
		}
	}
	return total
}

func TestFollowLogs(t *testing.T) {
	t.Parallel()
	w, b, root := following(t, &loggingFake{}, RoleTransfer)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(root, "j/1/stdout/00000000000000000000"))
		return err == nil && string(text) == "text"
	}, time.Minute, 10*time.Millisecond)
	require.Eventually(t, func() bool { return b.counted(t, "stoker_log_bytes_total") == 8 }, time.Minute, 10*time.Millisecond)
	stop()
	require.NoError(t, <-done)
	who, err := os.ReadFile(filepath.Join(root, ".follower"))
	require.NoError(t, err)
	require.Equal(t, "\n", string(who), "another worker need not wait")
}

func TestFollowLogsCountsFailures(t *testing.T) {
	t.Parallel()
	w, b, _ := following(t, &loggingFake{fails: true}, RoleTransfer)
	ctx, stop := context.WithCancel(t.Context())
	wait, err := w.followLogs(ctx)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return b.counted(t, "stoker_log_failures_total") >= 1 }, time.Minute, 10*time.Millisecond)
	stop()
	wait()
}

func TestFollowLogsOnlyWhereWanted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bundle) []Role{
		"not the io role": func(*bundle) []Role { return []Role{RoleWorkflows, RoleControl} },
		"switched off": func(b *bundle) []Role {
			b.options.Config.Clusters["a"] = config.Cluster{}
			return nil
		},
	} {
		f := &loggingFake{}
		w, b, _ := following(t, f)
		w.options.Roles = change(b)
		wait, err := w.followLogs(t.Context())
		require.NoError(t, err, name)
		wait() // nothing was begun
		require.Zero(t, f.lists.Load(), name)
	}
}

// A log store that can't be used is said once, and keeps no worker from working.
func TestFollowLogsWithoutAStore(t *testing.T) {
	t.Parallel()
	w, b, root := following(t, &loggingFake{}, RoleTransfer)
	require.NoError(t, os.RemoveAll(root))
	require.NoError(t, os.WriteFile(root, nil, 0o600))
	ctx, stop := context.WithCancel(t.Context())
	wait, err := w.followLogs(ctx)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return b.counted(t, "stoker_log_failures_total") >= 1 }, time.Minute, 10*time.Millisecond)
	stop()
	wait()
	require.Contains(t, b.log.String(), "the log store cannot be used")
}
