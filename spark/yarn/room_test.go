package yarn

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// queueOf is a leaf of the CapacityScheduler.
func queueOf(applications, most, mostOfUser int, users map[string]int) map[string]any {
	var list []any
	for name, n := range users {
		list = append(list, map[string]any{"username": name, "numPendingApplications": n - 1, "numActiveApplications": 1})
	}
	return map[string]any{
		"queueName": "default", "queuePath": "root.default", "numApplications": applications,
		"maxApplications": most, "maxApplicationsPerUser": mostOfUser, "users": map[string]any{"user": list},
	}
}

// What a full queue would refuse for ever is not sent until it has room.
func TestRoomInQueue(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		queue map[string]any
		words string
	}{
		"room":                      {queueOf(1, 2, 2, map[string]int{"ann": 1}), ""},
		"full":                      {queueOf(2, 2, 2, nil), "queue root.default holds 2 applications, all that it takes"},
		"full for the user":         {queueOf(2, 9, 2, map[string]int{"ann": 2}), "queue root.default holds 2 applications of user ann, all that it takes of one"},
		"full for somebody else":    {queueOf(2, 9, 2, map[string]int{"bob": 2}), ""},
		"a scheduler without limit": {map[string]any{"queueName": "default", "numApplications": 7}, ""},
		"another queue":             {map[string]any{"queueName": "other", "numApplications": 7, "maxApplications": 7}, ""},
		"it does not tell":          {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			id := b.stage()
			b.rm.queue = row.queue
			if row.words == "" {
				require.NoError(t, b.submit())
				return
			}
			err := b.submit()
			require.ErrorIs(t, err, spark.ErrBusy)
			require.EqualError(t, err, row.words)
			require.Zero(t, b.rm.taken(id))
			require.NoFileExists(t, filepath.Join(b.dir(), spark.FileIntent))
			b.rm.queue = queueOf(0, 1, 1, nil)
			require.NoError(t, b.open().Submit(t.Context(), b.attempt))
			require.Equal(t, 1, b.rm.taken(id))
		})
	}
}

// What was let through since the scheduler was asked counts, too.
func TestRoomIsTakenOnce(t *testing.T) {
	b := setup(t)
	b.rm.queue = queueOf(1, 3, 3, nil)
	for range 2 {
		require.NoError(t, b.m.room(t.Context(), "root.default"))
	}
	require.ErrorIs(t, b.m.room(t.Context(), "default"), spark.ErrBusy)
}

// A scheduler that does not tell is left alone for a while, and holds no launch up.
func TestSchedulerThatFails(t *testing.T) {
	b := setup(t)
	asked := 0
	b.rm.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/scheduler") {
			return false
		}
		asked++
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	b.stage()
	require.NoError(t, b.submit())
	require.NoError(t, b.m.room(t.Context(), "default"))
	require.Equal(t, 1, asked)
	// Of an application that was refused it is asked all the same.
	_, err := b.m.crowded(t.Context(), "default")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.Equal(t, 2, asked)
}

// A queue that has refused an application may have room again a moment later.
func TestCrowded(t *testing.T) {
	for name, row := range map[string]struct {
		queue map[string]any
		want  bool
	}{
		"just below its limit":    {queueOf(95, 100, 100, nil), true},
		"well below it":           {queueOf(80, 100, 100, nil), false},
		"a small one":             {queueOf(0, 1, 1, nil), true},
		"no limit":                {map[string]any{"queueName": "default", "queuePath": "root.default"}, false},
		"the user's":              {queueOf(95, 1000, 100, map[string]int{"ann": 95}), true},
		"one that takes none now": {map[string]any{"queueName": "default", "queuePath": "root.default", "state": "STOPPED", "maxApplications": 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.rm.queue = row.queue
			got, err := b.m.crowded(t.Context(), "root.default")
			require.NoError(t, err)
			require.Equal(t, row.want, got)
		})
	}
}

// An application that was refused because its queue filled up meanwhile never began,
// whatever the program, and may be tried again.
func TestQueueFilledUpMeanwhile(t *testing.T) {
	b := setup(t)
	b.stage()
	b.put(spark.FileLaunch, `{"name":"a job","main":"a.jar","class":"Main"}`)
	b.rm.refuses, b.rm.queue = true, queueOf(0, 1, 1, nil)
	require.NoError(t, b.submit())
	o := b.observe()
	require.Equal(t, job.StateFailed, o.State)
	require.Equal(t, job.BeganNo, o.Began)
	require.True(t, o.NoRoom)
	require.Equal(t, job.ClassInfrastructure, job.Decide(job.Evidence{Observation: o}).Class)
}

func TestLeaf(t *testing.T) {
	t.Parallel()
	list := []rm.Queue{
		{Path: "root", Name: "root"},
		{Path: "root.a", Name: "a"},
		{Path: "root.a.x", Name: "x", Leaf: true},
		{Path: "root.b.x", Name: "x", Leaf: true},
		{Path: "root.b.y", Name: "y", Leaf: true},
	}
	for name, want := range map[string]string{"root.a.x": "root.a.x", "ROOT.b.X": "root.b.x", "y": "root.b.y", "x": "", "a": "", "root.a": "", "z": ""} {
		q, _ := leaf(list, name)
		require.Equal(t, want, q.Path, name)
	}
}
