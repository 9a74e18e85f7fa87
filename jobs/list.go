package jobs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

// Limits of a page.
const (
	DefaultPage = 50
	MaxPage     = 500
)

// Query says which jobs to list; what is empty is not asked for.
type Query struct {
	User, Queue, Cluster string
	Phase                job.Phase
	// Result of jobs that have ended, or "none" for those that have not.
	Result string
	Labels map[string]string
	// Since and Until bound when a job started, the latter exclusively.
	Since, Until time.Time
	// Limit is at most MaxPage; 0 is DefaultPage.
	Limit int
	// Cursor goes on where a page ended.
	Cursor string

	// phases, any of which a job is in.
	phases []job.Phase
}

// resultNone asks for jobs without an outcome.
const resultNone = "none"

// Page is a part of a list, the jobs that started last first.
type Page struct {
	Jobs []View `json:"jobs"`
	// Next is the cursor of the next page, "" after the last.
	Next string `json:"next,omitempty"`
	// Warnings say what may be missing.
	Warnings []string `json:"warnings,omitempty"`
}

// validate lists what is wrong with a query.
func (q Query) validate() error {
	var problems []string
	quotable := func(field, value string) {
		if len(value) > 250 || strings.ContainsAny(value, "'\"`\\") || job.TextProblem(value) != "" {
			problems = append(problems, field+": holds a quote, a backslash or a control character, is not UTF-8 or too long")
		}
	}
	quotable("user", q.User)
	quotable("queue", q.Queue)
	quotable("cluster", q.Cluster)
	for key, value := range q.Labels {
		quotable("label", key+"="+value)
	}
	if q.Phase != "" && q.Phase.Rank() < 0 {
		problems = append(problems, fmt.Sprintf("phase: there is no %q; there are %v", job.Head(string(q.Phase), 50), job.Phases()))
	}
	switch job.Result(q.Result) {
	case "", resultNone, job.ResultSucceeded, job.ResultFailed, job.ResultCancelled, job.ResultLost:
	default:
		problems = append(problems, fmt.Sprintf("outcome: must be succeeded, failed, cancelled, lost or none, got %q", job.Head(q.Result, 50)))
	}
	if q.Limit < 0 || q.Limit > MaxPage {
		problems = append(problems, fmt.Sprintf("limit: must be 1 to %d, got %d", MaxPage, q.Limit))
	}
	if len(problems) > 0 {
		return job.Invalid("the list cannot be made", problems)
	}
	return nil
}

// visibility is the query in the words of Temporal's visibility.
func (q Query) visibility() string {
	terms := []string{
		"WorkflowType = '" + workflows.TypeSparkBatchJob + "'",
		"ExecutionStatus != 'ContinuedAsNew'", // the job goes on in another run
	}
	is := func(attribute, value string) {
		if value != "" {
			terms = append(terms, attribute+" = '"+value+"'")
		}
	}
	is(workflows.AttributeUser.GetName(), q.User)
	is(workflows.AttributeQueue.GetName(), q.Queue)
	is(workflows.AttributeCluster.GetName(), q.Cluster)
	is(workflows.AttributePhase.GetName(), string(q.Phase))
	if len(q.phases) > 0 {
		phases := make([]string, len(q.phases))
		for i, p := range q.phases {
			phases[i] = "'" + string(p) + "'"
		}
		terms = append(terms, workflows.AttributePhase.GetName()+" IN ("+strings.Join(phases, ", ")+")")
	}
	for _, label := range workflows.LabelValues(q.Labels) {
		is(workflows.AttributeLabels.GetName(), label)
	}
	switch q.Result {
	case "":
	case resultNone:
		if len(q.phases) > 0 { // of what was terminated, that says nothing
			terms = append(terms, "ExecutionStatus = 'Running'")
			break
		}
		// One that was terminated has none until Sweep has ended it.
		terms = append(terms, "ExecutionStatus IN ('Running', 'Terminated', 'TimedOut')")
	default:
		is(workflows.AttributeOutcome.GetName(), q.Result)
		terms = append(terms, "ExecutionStatus != 'Running'")
	}
	return strings.Join(terms, " AND ")
}

// matches reports whether a job is asked for.
func (q Query) matches(v View) bool {
	same := func(want, is string) bool { return want == "" || want == is }
	result := resultNone
	if v.Ended() {
		result = string(v.Outcome.Result)
	}
	for key, value := range q.Labels {
		if is, ok := v.Labels[key]; !ok || is != value {
			return false
		}
	}
	return same(q.User, v.User) && same(q.Queue, v.Queue) && same(q.Cluster, v.Cluster) &&
		same(string(q.Phase), string(v.Phase)) && same(q.Result, result)
}

// List returns a page of jobs: those that Temporal knows and those of which a record
// is left, which are all if it cannot be reached. New jobs come before the first page and never shift the later ones.
func (s *Service) List(ctx context.Context, q Query) (_ Page, err error) {
	if err := q.validate(); err != nil {
		return Page{}, err
	}
	if q.Limit == 0 {
		q.Limit = DefaultPage
	}
	from := place{millis: time.Now().Add(time.Hour).UnixMilli()} // clocks differ
	if !q.Until.IsZero() {
		from = place{millis: q.Until.UnixMilli()}
	}
	if q.Cursor != "" {
		at, err := parseCursor(q.Cursor)
		if err != nil {
			return Page{}, err
		}
		if at.compare(from) < 0 {
			from = at
		}
	}
	known := &walk{service: s, asked: q, query: q.visibility(), before: from, since: q.Since, want: q.Limit + 1}
	known.span = s.spans.get(known.query) // jobs that lie further back came as fast, perhaps
	if q.Cursor == "" && q.Until.IsZero() {
		defer func() {
			if span, ok := known.extent(); ok && err == nil {
				s.spans.set(known.query, span)
			}
		}()
	}
	if known.since.IsZero() {
		known.since = time.Unix(0, 0) // which bounds how many windows there are
	}
	records, warnings := s.archive.views(ctx)
	finished := make([]View, 0, q.Limit+1)
	for _, views := range records {
		finished = append(finished, after(views, from, q)...)
	}
	slices.SortFunc(finished, inList)

	page := Page{Jobs: []View{}, Warnings: warnings}
	// A workflow that was reset, or a job whose record was made by another hand, stands
	// in two places: the later one counts.
	shown := map[string]bool{}
	show := func(v View) {
		if !shown[v.ID] {
			page.Jobs = append(page.Jobs, v)
		}
		shown[v.ID] = true
	}
	for len(page.Jobs) <= q.Limit {
		next, err := known.peek(ctx)
		if job.CodeOf(err) == job.CodeUnavailable && ctx.Err() == nil && len(finished) > 0 {
			// What has ended is on record, and is worth showing by itself.
			known.ended, known.broken = true, true
			page.Warnings = append(page.Warnings, "only jobs that have ended are listed: "+err.Error())
			continue
		}
		if err != nil {
			return Page{}, err
		}
		switch {
		case next == nil && len(finished) == 0:
			return page, nil
		case next == nil || len(finished) > 0 && inList(finished[0], *next) < 0:
			show(s.linked(finished[0], finished[0].Links.WebUI))
			finished = finished[1:]
		case len(finished) > 0 && finished[0].ID == next.ID && finished[0].place() == next.place():
			// The record says more, unless the workflow is open: then it has not told everybody.
			if !next.open {
				*next = s.linked(finished[0], finished[0].Links.WebUI)
			}
			finished = finished[1:]
			fallthrough
		default:
			show(*next)
			known.take()
		}
	}
	page.Jobs = page.Jobs[:q.Limit]
	page.Next = page.Jobs[q.Limit-1].place().cursor()
	return page, nil
}

// after returns the first records behind a place that a query asks for, no more than
// a page holds and one.
func after(views []View, from place, q Query) []View {
	start, _ := slices.BinarySearchFunc(views, from, func(v View, p place) int { return p.compare(v.place()) })
	var found []View
	for _, v := range views[start:] {
		if v.place().compare(from) >= 0 {
			continue
		}
		if v.runAt.Before(q.Since) || len(found) > q.Limit {
			break
		}
		if q.matches(v) {
			found = append(found, v)
		}
	}
	return found
}

const (
	// firstSpan is how wide a window is tried when everything is too much.
	firstSpan = time.Hour
	// leastSpan of a window cannot be cut: all of it is fetched, in pages of mostFetched.
	leastSpan   = time.Millisecond
	mostFetched = 1000
	// widen bounds how much wider the next window is, maxSpan how wide.
	widen   = 16
	maxSpan = 100 * 365 * 24 * time.Hour
	// mostSpans bounds how many queries a Service remembers the width of.
	mostSpans = 1000
)

// spans remembers how far back the first page of a query last went, so that the next
// list begins with that. The zero value is ready.
type spans struct {
	mu  sync.Mutex
	all map[string]time.Duration
}

func (s *spans) get(query string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[query]
}

func (s *spans) set(query string, span time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil || len(s.all) >= mostSpans {
		s.all = map[string]time.Duration{}
	}
	s.all[query] = span
}

// walk goes through the workflows that match a query in the order of lists, which
// Temporal's visibility cannot do: it fetches windows of time, each as wide as holds
// about a page, and sorts them.
type walk struct {
	service *Service
	asked   Query
	query   string
	// before is where the walk stands; since is its end.
	before place
	since  time.Time
	// want is how many workflows a window shall hold.
	want int
	// hi is where the window that was fetched last begins; span is how wide the next one
	// is, 0 for all that is left.
	hi     time.Time
	span   time.Duration
	buffer []View
	ended  bool
	// broken: Temporal could not be asked any more.
	broken bool
}

// extent is how far back was fetched, 0 for everything; false if that says nothing about
// the next list.
func (w *walk) extent() (time.Duration, bool) {
	switch span := w.before.time().Sub(w.hi); {
	case w.broken:
		return 0, false
	case w.ended:
		return 0, w.since.Unix() <= 0
	case w.hi.IsZero() || span <= 0:
		return 0, false
	default:
		return span, true
	}
}

// peek returns the next job, nil after the last.
func (w *walk) peek(ctx context.Context) (*View, error) {
	for len(w.buffer) == 0 && !w.ended {
		if err := w.fill(ctx); err != nil {
			return nil, err
		}
	}
	if len(w.buffer) == 0 {
		return nil, nil
	}
	return &w.buffer[0], nil
}

func (w *walk) take() { w.buffer = w.buffer[1:] }

// fill fetches the window before the last, or narrows it and leaves it to the next call.
func (w *walk) fill(ctx context.Context) error {
	if w.hi.IsZero() {
		w.hi = w.before.time().Add(time.Millisecond)
	}
	lo := w.since
	// Windows end between milliseconds: those of one are put in order together.
	if from := w.hi.Add(-w.span).Truncate(time.Millisecond); w.span > 0 && from.After(lo) {
		lo = from
	}
	window := fmt.Sprintf("%s AND StartTime < '%s' AND StartTime >= '%s'",
		w.query, w.hi.UTC().Format(time.RFC3339Nano), lo.UTC().Format(time.RFC3339Nano))
	least := w.span > 0 && w.span <= leastSpan
	found, more, err := w.fetch(ctx, window, least)
	if err != nil {
		return err
	}
	if more {
		return w.narrow(ctx, window)
	}
	w.ended = lo.Equal(w.since)
	w.hi = lo
	w.span = min(w.span, maxSpan/widen) * time.Duration(max(1, min(widen, w.want/max(found, 1))))
	return nil
}

// narrow cuts a window that holds too much to what will hold about a page, if what it
// holds is spread evenly.
func (w *walk) narrow(ctx context.Context, window string) error {
	if w.span == 0 {
		w.span = firstSpan
		return nil
	}
	count, err := w.count(ctx, window)
	if err != nil {
		return err
	}
	share := float64(w.want) / float64(max(count, 1))
	w.span = max(time.Duration(float64(w.span)*min(share, 0.5)), leastSpan)
	return nil
}

func (w *walk) count(ctx context.Context, query string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	counted, err := w.service.options.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: w.service.options.Namespace, Query: query,
	})
	return counted.GetCount(), failure("count jobs", err)
}

// fetch adds what a window holds to the buffer and counts it; more than twice what is
// wanted is too much, and left alone, unless all has to be fetched.
func (w *walk) fetch(ctx context.Context, query string, all bool) (found int, more bool, err error) {
	size := min(2*w.want, mostFetched)
	var views []View
	var token []byte
	for {
		page, err := w.fetchPage(ctx, query, size, token)
		if err != nil {
			return 0, false, failure("list jobs", err)
		}
		for _, info := range page.GetExecutions() {
			view := w.service.listed(info)
			found++
			if view.place().compare(w.before) >= 0 {
				continue
			}
			if interrupted(info.GetStatus()) {
				view = w.swept(ctx, view, info)
				if !w.asked.matches(view) {
					continue
				}
			}
			views = append(views, view)
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			break
		}
		if !all {
			return found, true, nil
		}
	}
	slices.SortFunc(views, inList)
	w.buffer = append(w.buffer, slices.CompactFunc(views, func(a, b View) bool { return a.ID == b.ID && a.place() == b.place() })...)
	return found, false, nil
}

// swept is a job whose workflow was terminated: what visibility has stays as it was then,
// also when Sweep has ended the job.
func (w *walk) swept(ctx context.Context, v View, info *workflowpb.WorkflowExecutionInfo) View {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	record, err := w.service.record(ctx, v.ID, v.Cluster)
	if err != nil || record == nil || !isOf(*record, info) {
		return v
	}
	ended := ofRecord(*record)
	ended.runAt = v.runAt
	return w.service.linked(ended, record.RunID)
}

func (w *walk) fetchPage(ctx context.Context, query string, size int, token []byte) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return w.service.options.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: w.service.options.Namespace, Query: query, PageSize: int32(size), NextPageToken: token, //nolint:gosec // at most mostFetched
	})
}
