package yarn

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// Two clusters of a configuration may lead to one ResourceManager, each with a root of its
// own. What has its directory in the one is no orphan of the other.
func TestTwoClustersOfOneResourceManager(t *testing.T) {
	b := setup(t)
	id := b.stage()
	require.NoError(t, b.submit())
	beside := b.opts
	beside.Cluster, beside.Root = "big-submit", filepath.Join(t.TempDir(), "other")
	other, err := New(beside)
	require.NoError(t, err)

	live, err := b.open().Live(t.Context())
	require.NoError(t, err)
	require.Len(t, live, 1)
	for _, list := range []func() ([]spark.Sighting, error){
		func() ([]spark.Sighting, error) { return other.Live(t.Context()) },
		func() ([]spark.Sighting, error) { return other.Snapshot(t.Context()) },
	} {
		seen, err := list()
		require.NoError(t, err)
		require.Empty(t, seen)
	}
	require.Equal(t, job.CodeConflict, job.CodeOf(other.KillOrphan(t.Context(), b.attempt, id, "it has no directory")))
	require.Equal(t, job.StatePending, b.observe().State, "it lives")
	require.NoError(t, b.open().KillOrphan(t.Context(), b.attempt, id, "it has no directory"))
	require.Equal(t, job.StateKilled, b.observe().State)
}

// An application that does not say of which cluster it is is watched by the one that has
// its directory, and is nobody's orphan.
func TestApplicationsOfAnEarlierVersion(t *testing.T) {
	b := setup(t)
	id := b.stage()
	b.rm.apps[id] = &fakeApp{id: id, user: "ann", name: "a job", state: "RUNNING", tags: append(attemptTags(b.attempt), b.m.formerTag())}
	b.put(spark.FileIntent, "{}")
	require.NoError(t, b.submit(), "it was sent before")
	require.Equal(t, job.StateRunning, b.observe().State)
	seen, err := b.open().Snapshot(t.Context())
	require.NoError(t, err)
	require.Len(t, seen, 1)
	live, err := b.open().Live(t.Context())
	require.NoError(t, err)
	require.Len(t, live, 1, "its logs are followed")
	require.True(t, live[0].Shared)
	require.Equal(t, job.CodeConflict, job.CodeOf(b.m.KillOrphan(t.Context(), b.attempt, id, "no directory")))
}

// YARN takes ten tags: five of a job, one of its launch, and these.
func TestMarks(t *testing.T) {
	b := setup(t)
	for name, all := range map[string]bool{"j": true, "J-7": true, strings.Repeat("J", 120): false} {
		attempt := job.AttemptOf(name, 1)
		marks := b.m.marks(attempt)
		require.Contains(t, marks, b.m.clusterTag())
		require.Equal(t, all, slices.Contains(marks, b.m.formerTag()), name)
		require.LessOrEqual(t, len(marks), 4)
	}
}

func TestClusterTag(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	long := string(make([]byte, 90))
	for _, names := range [][2]string{
		{"here", "big"},
		{"here", "big-submit"},
		{"there", "big"},
		{"Here", "big"},
		{"hére", "big"},
		{"here:big", "x"},
		{"here", "big:x"},
		{"job-a.1", "big"},
		{long, "big"},
		{long, "small"},
		{"a-", "b"},
		{"a", "-b"},
	} {
		tag := ClusterTag(names[0], names[1])
		require.False(t, seen[tag], "%q", names)
		seen[tag] = true
		require.LessOrEqual(t, len(tag), maxTag)
		require.Regexp(t, `^stoker-[a-z0-9.:_-]+$`, tag, "as a ResourceManager gives it back")
	}
	require.Equal(t, "stoker-here:big", ClusterTag("here", "big"))
}
