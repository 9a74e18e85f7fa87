//go:build hadoop

package yarn_test

import (
	"context"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/clustertest"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// claimedSite is a real cluster, and a host with a real spark-submit.
type claimedSite struct {
	*site
	host  local.Options
	begun time.Time
}

func realClaimedSite(t *testing.T, supervisor ...string) *claimedSite {
	t.Helper()
	s := &claimedSite{site: realSite(t), begun: time.Now()}
	found, err := filepath.Glob("../../.tools/venv/lib/python3*/site-packages/pyspark")
	require.NoError(t, err)
	home, err := filepath.Abs(found[0])
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	s.host = local.Options{
		Cluster: "real", Root: filepath.Join(t.TempDir(), "host"), Installation: path.Base(s.root), SparkHome: home,
		Python: s.python, Master: "yarn", DeployMode: "cluster", Concurrency: 2, KillGrace: 2 * time.Second,
		Env:        map[string]string{"HADOOP_CONF_DIR": s.ConfDir, "HADOOP_USER_NAME": s.User, "SPARK_LOCAL_IP": "127.0.0.1"},
		Supervisor: append([]string{self, "supervise"}, supervisor...),
	}
	return s
}

func (s *claimedSite) open(t *testing.T) spark.Manager {
	t.Helper()
	configuration := s.Configuration(t)
	folder := configuration.AggregatedLogs()[0]
	reader, err := logs.New(logs.Options{
		ResourceManager: s.rm, HistoryAddress: configuration.HistoryServer(), User: s.User,
		Folders: []logs.Folder{{Store: s.store, Dir: folder.Dir, Suffix: folder.Suffix}}, Timeout: requestTimeout,
	})
	require.NoError(t, err)
	submitter, err := local.New(s.host)
	require.NoError(t, err)
	c, err := yarn.NewClaimed(yarn.ClaimedOptions{
		Options: yarn.Options{
			Cluster: "real", Installation: path.Base(s.root), Root: s.root, Store: s.store, ResourceManager: s.rm, User: s.User,
			Logs: reader, Recovery: true, RequestTimeout: requestTimeout,
		},
		Submitter: submitter, Settings: yarn.Settings{SparkVersion: "3.5", Runtimes: runtimes}, SparkVersion: "3.5.9",
	})
	require.NoError(t, err)
	return c
}

func TestClaimedConformance(t *testing.T) {
	t.Parallel()
	whole(t)
	clustertest.Run(t, func(t *testing.T) clustertest.Harness {
		s := realClaimedSite(t)
		return clustertest.Harness{
			Manager: s.open(t),
			Reopen:  s.open,
			Stage: func(t *testing.T, r spark.Reservation, p clustertest.Program) {
				t.Helper()
				s.stage(t, r, spark.Launch{Args: p.Args}, p.Source)
			},
			Left:     s.left,
			IsMarker: spark.IsMarker,
			Prologue: sparkContext,
			Scratch:  t.TempDir(),
			Timeout:  5 * time.Minute,
			// As in every cluster mode on YARN.
			MergesStreams: true,
			SparkSays:     []string{" INFO ", " WARN "},
		}
	})
}

// prepare stages a program that leaves a mark and ends.
func (s *claimedSite) prepare(t *testing.T, m spark.Manager) (attempt job.Attempt, mark string) {
	t.Helper()
	attempt, mark = job.Key{Source: "claimed", ID: "one"}.Attempt(1), filepath.Join(t.TempDir(), "ran")
	r, err := m.Reserve(t.Context(), attempt, time.Now().Add(time.Hour))
	require.NoError(t, err)
	quoted, err := json.Marshal(mark)
	require.NoError(t, err)
	s.stage(t, r, spark.Launch{}, "open("+string(quoted)+", 'a').write('x')\n"+sparkContext)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, m.Kill(ctx, attempt, "test over"))
	})
	return attempt, mark
}

// killedAt submits with a supervisor that is killed at a point of its launch, and
// returns what Submit said.
func (s *claimedSite) killedAt(t *testing.T, m spark.Manager, attempt job.Attempt, point string) error {
	t.Helper()
	dir := spark.JobDir(s.host.Root, attempt)
	result := make(chan error, 1)
	go func() { result <- m.Submit(t.Context(), attempt) }()
	held := filepath.Join(dir, "held-"+point)
	require.Eventually(t, func() bool { _, err := os.Stat(held); return err == nil }, time.Minute, 10*time.Millisecond)
	data, err := os.ReadFile(filepath.Join(dir, "claim.json"))
	require.NoError(t, err)
	var claim struct {
		Supervisor struct {
			PID int `json:"pid"`
		} `json:"supervisor"`
	}
	require.NoError(t, json.Unmarshal(data, &claim))
	require.Positive(t, claim.Supervisor.PID)
	require.NoError(t, syscall.Kill(claim.Supervisor.PID, syscall.SIGKILL))
	return <-result
}

func (s *claimedSite) applications(t *testing.T, attempt job.Attempt) int {
	t.Helper()
	apps, err := s.rm.List(t.Context(), rm.Filter{Tags: []string{"stoker-job-" + attempt.Job + ".1"}, StartedFrom: s.begun})
	require.NoError(t, err)
	count := 0
	for _, app := range apps {
		if strings.HasPrefix(app.Name, t.Name()) {
			count++
		}
	}
	return count
}

// The supervisor dies with its claim made and nothing started: nothing is sent,
// then or later.
func TestClaimedKilledBetweenClaimAndLaunch(t *testing.T) {
	t.Parallel()
	s := realClaimedSite(t, "--hold", "claimed")
	m := s.open(t)
	attempt, mark := s.prepare(t, m)
	require.Equal(t, job.CodeConflict, job.CodeOf(s.killedAt(t, m, attempt, "claimed")))
	require.Equal(t, job.CodeConflict, job.CodeOf(s.open(t).Submit(t.Context(), attempt)))
	require.NoError(t, m.Kill(t.Context(), attempt, "the launch failed"))
	require.Zero(t, s.applications(t, attempt))
	require.NoFileExists(t, mark)
	require.NoError(t, m.Release(t.Context(), attempt))
	for _, name := range s.left(t, attempt) {
		require.True(t, spark.IsMarker(name), name)
	}
}

// The supervisor dies with spark-submit started and not recorded: that goes on,
// and its application is found by its tags.
func TestClaimedKilledAfterTheFork(t *testing.T) {
	t.Parallel()
	s := realClaimedSite(t, "--hold", "forked")
	m := s.open(t)
	attempt, mark := s.prepare(t, m)
	require.NoError(t, s.killedAt(t, m, attempt, "forked"))
	require.NoError(t, s.open(t).Submit(t.Context(), attempt))
	var o job.Observation
	require.Eventually(t, func() bool {
		var err error
		o, err = m.Observe(t.Context(), attempt)
		return err == nil && o.State.Terminal()
	}, 5*time.Minute, 200*time.Millisecond)
	require.Equal(t, job.StateSucceeded, o.State, o.Raw)
	require.Equal(t, 1, s.applications(t, attempt))
	data, err := os.ReadFile(mark)
	require.NoError(t, err)
	require.Equal(t, "x", string(data))
	require.NoError(t, m.Release(t.Context(), attempt))
	left, err := s.store.List(t.Context(), path.Join(spark.JobDir(s.root, attempt), s.User))
	require.Error(t, err, "staging directories are gone: %v", left)
}

// Killed while spark-submit sends: gone or ended, and never begun again.
func TestClaimedKilledWhileItSends(t *testing.T) {
	t.Parallel()
	s := realClaimedSite(t)
	m := s.open(t)
	attempt, _ := s.prepare(t, m)
	result := make(chan error, 1)
	go func() { result <- m.Submit(t.Context(), attempt) }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(spark.JobDir(s.host.Root, attempt), "child.json"))
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, s.open(t).Kill(t.Context(), attempt, "changed my mind"))
	<-result
	before := s.applications(t, attempt)
	require.LessOrEqual(t, before, 1)
	_ = s.open(t).Submit(t.Context(), attempt) // refused, or sent before
	o, err := s.open(t).Observe(t.Context(), attempt)
	require.NoError(t, err)
	require.Contains(t, []job.State{job.StateAbsent, job.StateKilled}, o.State, o.Raw)
	require.Equal(t, before, s.applications(t, attempt))
	require.NoError(t, m.Release(t.Context(), attempt))
}
