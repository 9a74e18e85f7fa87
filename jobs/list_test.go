package jobs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
)

func (b *bundle) list(q Query) Page {
	b.Helper()
	page, err := b.service.List(b.Context(), q)
	require.NoError(b, err)
	return page
}

// all walks through every page and returns the ids.
func (b *bundle) all(q Query) []string {
	b.Helper()
	var ids []string
	for {
		page := b.list(q)
		require.Empty(b, page.Warnings)
		for _, v := range page.Jobs {
			ids = append(ids, v.ID)
		}
		if page.Next == "" {
			return ids
		}
		require.Len(b, page.Jobs, q.Limit)
		q.Cursor = page.Next
	}
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestListMergesWorkflowsAndRecords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var want []string
	for i := range 12 {
		id := fmt.Sprintf("api-%02d", i)
		r := b.started(id, noon.Add(-time.Duration(i)*time.Minute))
		want = append(want, id)
		if i%4 == 0 {
			continue // runs
		}
		r.end(completed, job.ResultSucceeded)
		if i%4 > 1 {
			b.put([]string{"lake", "pond"}[i%2], r.recordOf(job.ResultSucceeded))
		}
		if i%4 > 2 {
			b.forget(id)
		}
	}
	for _, limit := range []int{1, 2, 5, 12, 500} {
		require.Equal(t, want, b.all(Query{Limit: limit}), "in order, without doubles, %d at a time", limit)
	}
	views := b.list(Query{}).Jobs
	require.Nil(t, views[0].Outcome)
	require.Empty(t, views[1].Outcome.Message, "of what Temporal alone knows, the result")
	require.Equal(t, "from the record", views[2].Outcome.Message)
	require.Equal(t, "http://ui/namespaces/default/workflows/sparkjob-api-03/run-api-03/history", views[3].Links.WebUI)
}

func TestListShowsAnOpenWorkflowAsItIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", noon)
	b.put("lake", r.recordOf(job.ResultSucceeded))
	require.Nil(t, b.list(Query{}).Jobs[0].Outcome, "it has not told everybody")
	r.end(terminated, "")
	require.Equal(t, job.ResultSucceeded, b.list(Query{}).Jobs[0].Outcome.Result, "it never will, and its end is on record")
}

// A reset makes another run of the job, in another place.
func TestListShowsAJobOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put("lake", b.started("api-1", noon).end(terminated, "").recordOf(job.ResultFailed))
	b.started("api-1", noon.Add(time.Minute)).run = "reset"
	require.Equal(t, []string{"api-1"}, b.all(Query{Limit: 5}))
	require.Nil(t, b.list(Query{}).Jobs[0].Outcome, "as it is now")
}

// What visibility has of a job that was terminated stays as it was then.
func TestListOfATerminatedJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.started("api-1", noon).end(terminated, "").attributes["SparkPhase"] = "running"
	require.Equal(t, []string{"api-1"}, b.all(Query{Limit: 5, Phase: job.PhaseRunning}))
	require.Equal(t, []string{"api-1"}, b.all(Query{Limit: 5, Result: "none"}), "it has no outcome yet")
	require.Contains(t, b.list(Query{}).Jobs[0].WaitingFor, "terminated")
}

func TestListOfASweptJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", noon).end(terminated, "")
	r.attributes["SparkPhase"] = "running"
	swept := r.recordOf(job.ResultFailed)
	swept.RunAt = r.at.Add(time.Microsecond) // as another clock has it
	b.put("lake", swept)
	require.Empty(t, b.all(Query{Limit: 5, Phase: job.PhaseRunning}))
	require.Empty(t, b.all(Query{Limit: 5, Result: "none"}))
	for _, q := range []Query{{Limit: 5}, {Limit: 5, Result: "failed"}, {Limit: 5, Phase: job.PhaseDone}} {
		require.Equal(t, []string{"api-1"}, b.all(q))
	}
	v := b.list(Query{}).Jobs[0]
	require.Equal(t, job.ResultFailed, v.Outcome.Result)
	require.Empty(t, v.WaitingFor)
}

// A record from before a reset says nothing of the run that was terminated after it.
func TestListOfAJobThatWasResetAndTerminated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", noon).end(terminated, "")
	before := r.recordOf(job.ResultSucceeded)
	before.RunID, before.RunAt, before.EndedAt = "before the reset", r.at.Add(-2*time.Hour), r.at.Add(-time.Hour)
	b.put("lake", before)
	found := b.list(Query{}).Jobs
	require.Len(t, found, 1)
	require.Nil(t, found[0].Outcome)
	require.Contains(t, found[0].WaitingFor, "terminated")
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"temporal", "records"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			add := func(id string, at time.Time, result job.Result, change func(r *run, rec *job.Record)) {
				r := b.started(id, at).end(completed, result)
				rec := r.recordOf(result)
				rec.Spec.Queue, r.attributes["SparkQueue"] = "q", "q"
				change(r, &rec)
				if where == "records" {
					b.put("lake", rec)
					b.forget(id)
				}
			}
			add("api-1", noon, job.ResultSucceeded, func(*run, *job.Record) {})
			add("api-2", noon.Add(time.Minute), job.ResultLost, func(r *run, rec *job.Record) {
				rec.Spec.User, r.attributes["SparkUser"] = "bob", "bob"
				rec.Spec.Labels, r.attributes["SparkLabels"] = map[string]string{"a": "c", "x": ""}, []string{"a=c", "x="}
			})
			add("api-3", noon.Add(2*time.Minute), job.ResultFailed, func(r *run, rec *job.Record) {
				rec.Spec.Cluster, r.attributes["SparkCluster"] = "pond", "pond"
				rec.Spec.Queue, r.attributes["SparkQueue"] = "", ""
			})
			for name, row := range map[string]struct {
				q    Query
				want []string
			}{
				"all":      {Query{}, []string{"api-3", "api-2", "api-1"}},
				"user":     {Query{User: "bob"}, []string{"api-2"}},
				"queue":    {Query{Queue: "q"}, []string{"api-2", "api-1"}},
				"cluster":  {Query{Cluster: "pond"}, []string{"api-3"}},
				"phase":    {Query{Phase: job.PhaseDone}, []string{"api-3", "api-2", "api-1"}},
				"phase 2":  {Query{Phase: job.PhaseRunning}, nil},
				"result":   {Query{Result: "lost"}, []string{"api-2"}},
				"none":     {Query{Result: "none"}, nil},
				"label":    {Query{Labels: map[string]string{"a": "b"}}, []string{"api-3", "api-1"}},
				"labels":   {Query{Labels: map[string]string{"a": "c", "x": ""}}, []string{"api-2"}},
				"no label": {Query{Labels: map[string]string{"a": "b", "x": ""}}, nil},
				"since":    {Query{Since: noon.Add(time.Minute)}, []string{"api-3", "api-2"}},
				"until":    {Query{Until: noon.Add(time.Minute)}, []string{"api-1"}},
				"both":     {Query{User: "ana", Result: "failed", Cluster: "pond"}, []string{"api-3"}},
			} {
				row.q.Limit = 1
				require.Equal(t, row.want, b.all(row.q), name)
			}
		})
	}
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, q := range map[string]Query{
		"quote": {User: "a' OR 'x' = 'x"}, "double": {Queue: `a"`}, "backslash": {Cluster: `a\`}, "control": {User: "a\n"}, "no text": {User: "\xff"}, "a label that is none": {Labels: map[string]string{"a": "\xff"}},
		"label": {Labels: map[string]string{"a": "'"}}, "label's key": {Labels: map[string]string{"'": "a"}}, "long": {User: strings.Repeat("x", 251)},
		"phase": {Phase: "asleep"}, "result": {Result: "fine"}, "limit": {Limit: 501}, "negative": {Limit: -1},
		"cursor": {Cursor: "x"}, "no cursor": {Cursor: "!"}, "cursor back": {Cursor: place{millis: -1}.cursor()},
	} {
		_, err := b.service.List(t.Context(), q)
		b.code(job.CodeInvalid, err)
		require.NotEmpty(t, job.ProblemsOf(err), name)
	}
	require.Empty(t, b.temporal.calls)
	b.setDown(errDown)
	_, err := b.service.List(t.Context(), Query{})
	b.code(job.CodeUnavailable, err)
}

func TestCursorsStayWhileJobsCome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 6 {
		b.started(fmt.Sprintf("api-%d", i), noon.Add(-time.Duration(i)*time.Second))
	}
	first := b.list(Query{Limit: 3})
	b.started("api-new", noon.Add(time.Second))
	second := b.list(Query{Limit: 3, Cursor: first.Next})
	require.Equal(t, "api-3", second.Jobs[0].ID)
	require.Len(t, second.Jobs, 3)
	require.Empty(t, second.Next)
	require.Equal(t, "api-new", b.list(Query{}).Jobs[0].ID)
}

func TestListOfAStoreThatIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.put("lake", b.started("api-1", time.Now()).end(completed, job.ResultSucceeded).recordOf(job.ResultSucceeded))
		b.forget("api-1")
		require.Equal(t, []string{"api-1"}, b.all(Query{Limit: 5}))
		b.stores["lake"].set(func(string) error { return errors.New("connection refused") })
		time.Sleep(usableFor)
		b.stores["lake"].opened("")
		for range 10 {
			page := b.list(Query{})
			require.Len(t, page.Jobs, 1, "what was read stays")
			require.Len(t, page.Warnings, 1)
			require.Contains(t, page.Warnings[0], "cluster lake: ")
		}
		require.Equal(t, 1, b.stores["lake"].opened(""), "nobody asks it all the time")
		b.stores["lake"].set(nil)
		time.Sleep(freshFor)
		require.Empty(t, b.list(Query{}).Warnings)
	})
}

// Without Temporal the jobs that have ended are listed, from their records alone.
func TestListWithoutTemporal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put("lake", b.started("api-1", noon).end(completed, job.ResultSucceeded).recordOf(job.ResultSucceeded))
	b.started("api-2", noon)
	b.setDown(errDown)
	page := b.list(Query{})
	require.Len(t, page.Jobs, 1)
	require.Equal(t, "api-1", page.Jobs[0].ID)
	require.Len(t, page.Warnings, 1)
	require.Contains(t, page.Warnings[0], "only jobs that have ended are listed")
	_, err := b.service.List(t.Context(), Query{Labels: map[string]string{"no": "such"}})
	b.code(job.CodeUnavailable, err)
}

func TestAnEntryThatCannotBeReadKeepsNoneOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		for _, id := range []string{"api-1", "api-2"} {
			b.put("lake", b.started(id, time.Now()).end(completed, job.ResultSucceeded).recordOf(job.ResultSucceeded))
			b.forget(id)
		}
		hours, err := b.logs["lake"].Hours(t.Context())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(b.roots["lake"], ".records", hours[0], "api-0"), []byte("no record"), 0o600))
		b.stores["lake"].set(func(path string) error {
			if strings.HasSuffix(path, "/api-1") {
				return os.ErrPermission
			}
			return nil
		})
		page := b.list(Query{})
		require.Len(t, page.Jobs, 1)
		require.Equal(t, "api-2", page.Jobs[0].ID)
		require.Len(t, page.Warnings, 1)
		b.stores["lake"].set(nil)
		time.Sleep(usableFor)
		b.stores["lake"].opened("")
		require.Equal(t, []string{"api-2", "api-1"}, b.all(Query{Limit: 5}))
		require.Zero(t, b.stores["lake"].opened("/api-2"), "what was read is not read again")
	})
}

func TestHoursThatAreOverAreReadOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		old := time.Now().UTC().Format("20060102-15")
		put := func(id string) {
			b.put("lake", b.started(id, time.Now()).end(completed, job.ResultSucceeded).recordOf(job.ResultSucceeded))
			b.forget(id)
		}
		put("api-1")
		require.Len(t, b.all(Query{Limit: 5}), 1)
		// Another process's clock is slow: its entry comes into an hour that is over.
		time.Sleep(90 * time.Minute)
		put("api-2")
		hours, err := b.logs["lake"].Hours(t.Context())
		require.NoError(t, err)
		records := filepath.Join(b.roots["lake"], ".records")
		require.NoError(t, os.Rename(filepath.Join(records, hours[0], "api-2"), filepath.Join(records, old, "api-2")))
		require.Len(t, b.all(Query{Limit: 5}), 2)

		time.Sleep(4 * time.Hour)
		require.Len(t, b.all(Query{Limit: 5}), 2)
		time.Sleep(usableFor)
		b.stores["lake"].opened("")
		put("api-3")
		require.Equal(t, []string{"api-3", "api-2", "api-1"}, b.all(Query{Limit: 5}))
		require.Zero(t, b.stores["lake"].opened("/"+old))
		require.Empty(t, b.service.archive.clusters["lake"].known[old], "nor are its names kept")
	})
}

func TestTheIndexKeepsTheLatest(t *testing.T) {
	t.Parallel()
	c := newClusterIndex(nil)
	c.most = 100
	many := map[string]View{}
	for i := range c.most {
		id := fmt.Sprintf("api-%d", i)
		many[id] = View{ID: id, runAt: noon.Add(time.Duration(i) * time.Millisecond)}
	}
	c.merge(many)
	before := c.sorted
	c.merge(map[string]View{"api-new": {ID: "api-new", runAt: noon.Add(time.Hour)}, "api-5": {ID: "api-5", Name: "again", runAt: noon.Add(2 * time.Hour)}})
	require.Len(t, c.sorted, c.most)
	require.Equal(t, "api-5", c.sorted[0].ID)
	require.Equal(t, "api-new", c.sorted[1].ID)
	require.Equal(t, fmt.Sprintf("api-%d", c.most-1), before[0].ID, "who reads the old one is not disturbed")
}

func TestTheIndexLeavesOutWhatIsLong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.started("api-1", noon).end(completed, job.ResultFailed)
	rec := r.recordOf(job.ResultFailed)
	rec.Outcome.Traceback, rec.Outcome.Problems, rec.Outcome.Notes = "long", []string{"p"}, []string{"n"}
	b.put("lake", rec)
	b.forget("api-1")
	require.Equal(t, &Outcome{Result: job.ResultFailed, Message: "from the record"}, b.list(Query{}).Jobs[0].Outcome)
	require.Equal(t, "long", b.get("api-1").Outcome.Traceback)
}

// Many workflows are fetched in windows, however they lie in time.
func TestListOfManyWorkflows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := noon
	want := 0
	for burst := range 4 {
		for i := range 450 {
			b.temporal.runs = append(b.temporal.runs, &run{
				id: fmt.Sprintf("sparkjob-api-%d-%d", burst, i), run: "x", status: running, at: at.Add(time.Duration(i*37%450) * 100 * time.Microsecond),
			})
			want++
		}
		at = at.Add(-time.Duration(burst*burst*1000) * time.Hour)
	}
	q := Query{Limit: 450}
	seen := map[string]bool{}
	var last *View
	for {
		page := b.list(q)
		for _, v := range page.Jobs {
			require.False(t, seen[v.ID], v.ID)
			seen[v.ID] = true
			if last != nil {
				require.Negative(t, inList(*last, v), "in order")
			}
			last = &v
		}
		if page.Next == "" {
			break
		}
		q.Cursor = page.Next
	}
	require.Len(t, seen, want)
}

// Whatever the pages, the records and what is remembered of earlier lists: every job is
// on one page, in order.
func TestPagesHoldEveryJobOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := setup(t)
		want := map[string]bool{}
		for i := range rapid.IntRange(0, 40).Draw(rt, "n") {
			id := fmt.Sprintf("api-%d", i)
			at := noon.Add(-time.Duration(rapid.IntRange(0, 300).Draw(rt, "at")) * time.Duration(rapid.SampledFrom([]int{1, 1e6, 1e9, 36e11}).Draw(rt, "unit")))
			r := b.started(id, at)
			switch rapid.IntRange(0, 2).Draw(rt, "kind") {
			case 1:
				b.put("lake", r.end(completed, job.ResultSucceeded).recordOf(job.ResultSucceeded))
			case 2:
				b.put("lake", r.end(completed, job.ResultSucceeded).recordOf(job.ResultSucceeded))
				b.forget(id)
			}
			want[id] = true
		}
		q := Query{}
		b.service.spans.set(q.visibility(), time.Duration(rapid.Int64Range(0, int64(200*365*24*time.Hour)).Draw(rt, "span")))
		for range 2 {
			q = Query{Limit: rapid.IntRange(1, 9).Draw(rt, "limit")}
			seen := map[string]bool{}
			var last *View
			for {
				page := b.list(q)
				for _, v := range page.Jobs {
					require.False(rt, seen[v.ID], v.ID)
					require.True(rt, last == nil || inList(*last, v) < 0, "in order")
					seen[v.ID], last = true, &v
				}
				if page.Next == "" {
					break
				}
				q.Cursor = page.Next
			}
			require.Equal(rt, want, seen)
		}
	})
}

// The first page of a long list costs one look at Temporal once its length is known.
func TestFirstPageOfALongList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		const runs = 1000
		for i := range runs {
			b.temporal.runs = append(b.temporal.runs, &run{
				id: fmt.Sprintf("sparkjob-api-%d", i), run: "x", status: running, at: time.Now().Add(-time.Duration(i) * time.Second),
			})
		}
		looks := func() int { return b.temporal.count("list ") + b.temporal.count("count ") }
		require.Len(t, b.list(Query{}).Jobs, DefaultPage)
		require.Less(t, looks(), 12)
		before := looks()
		for range 3 {
			require.Equal(t, "api-0", b.list(Query{}).Jobs[0].ID)
		}
		require.Equal(t, 3, looks()-before)
		// Nothing new has come for long: it goes back further, and remembers that.
		b.temporal.runs = b.temporal.runs[runs*8/10:]
		b.list(Query{})
		before = looks()
		require.Equal(t, "api-800", b.list(Query{}).Jobs[0].ID)
		require.Equal(t, 1, looks()-before)
	})
}

// A list does not wait for a look at the store while it has what came seconds ago.
func TestListWhileTheStoreIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		put := func(id string) {
			b.put("lake", b.started(id, time.Now()).end(completed, job.ResultSucceeded).recordOf(job.ResultSucceeded))
			b.forget(id)
		}
		put("api-1")
		require.Equal(t, []string{"api-1"}, b.all(Query{Limit: 5}))
		put("api-2")
		time.Sleep(freshFor)
		b.stores["lake"].set(func(string) error { time.Sleep(5 * time.Second); return nil })
		began := time.Now()
		require.Equal(t, []string{"api-1"}, b.all(Query{Limit: 5}))
		require.Zero(t, time.Since(began))
		time.Sleep(usableFor * 3 / 4)
		b.stores["lake"].set(nil)
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"api-2", "api-1"}, b.all(Query{Limit: 5}))
	})
}

// A window that ended inside a millisecond would show its later half first, and a cursor
// between them would skip the other.
func TestWindowsEndBetweenMilliseconds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for id, before := range map[string]time.Duration{"a": 500_400, "z": 500_600} {
		b.temporal.runs = append(b.temporal.runs, &run{id: "sparkjob-api-" + id, run: "x", status: running, at: noon.Add(-before * time.Microsecond)})
	}
	w := &walk{
		service: b.service, query: Query{}.visibility(), before: place{millis: noon.UnixMilli() - 1}, since: noon.Add(-time.Hour),
		span: 500_500 * time.Microsecond, want: 10,
	}
	for _, want := range []string{"api-z", "api-a"} {
		v, err := w.peek(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, v.ID)
		w.take()
	}
}

// Jobs of one millisecond are neither lost nor doubled, wherever windows and pages end.
func TestListLosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rapid.Check(t, func(rt *rapid.T) {
		b.temporal.runs, b.service.archive = nil, newIndex(b.service.options.Clusters)
		n := rapid.IntRange(0, 40).Draw(rt, "n")
		for i := range n {
			at := noon.Add(-time.Duration(rapid.IntRange(0, 3_000_000).Draw(rt, "at")) * time.Microsecond)
			b.temporal.runs = append(b.temporal.runs, &run{id: fmt.Sprintf("sparkjob-api-%d", i), run: "x", status: running, at: at})
		}
		w := &walk{service: b.service, query: Query{}.visibility(), before: place{millis: noon.Add(time.Hour).UnixMilli()}, since: noon.Add(-time.Hour)}
		w.want = rapid.IntRange(2, 50).Draw(rt, "want")
		w.span = time.Duration(rapid.Int64Range(1, int64(time.Second)).Draw(rt, "span"))
		var last *View
		seen := 0
		for {
			v, err := w.peek(b.Context())
			require.NoError(rt, err)
			if v == nil {
				break
			}
			if last != nil {
				require.Negative(rt, inList(*last, *v))
			}
			last = new(View)
			*last = *v
			seen++
			w.take()
		}
		require.Equal(rt, n, seen)
	})
}
