package jobs

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store/logstore"
)

const (
	// freshFor is how long an index serves before the latest hours are looked at again,
	// beside the lists that it serves; after usableFor lists wait for that.
	freshFor  = 2 * time.Second
	usableFor = 10 * time.Second
	// lateFor is how long after an hour's end entries may still come into it: clocks differ.
	lateFor = 2 * time.Hour
	// mostIndexed bounds the memory: older records are found by their id alone.
	mostIndexed = 200_000
	// readers is how many entries are read at a time.
	readers = 32
)

// index holds the records of all clusters in memory, without their requests and what is
// long, in the order of lists. An hour that is over is read once.
type index struct {
	clusters map[string]*clusterIndex
}

func newIndex(clusters map[string]Cluster) *index {
	x := &index{clusters: map[string]*clusterIndex{}}
	for name, c := range clusters {
		x.clusters[name] = newClusterIndex(c.Logs)
	}
	return x
}

// views returns all records, the latest first, and why those of some clusters are
// missing or old. The slices are not to be changed.
func (x *index) views(ctx context.Context) (all [][]View, warnings []string) {
	var mu sync.Mutex
	var group sync.WaitGroup
	for name, c := range x.clusters {
		group.Go(func() {
			views, err := c.refresh(ctx)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, views)
			if err != nil {
				warnings = append(warnings, fmt.Sprintf("cluster %s: its finished jobs may be missing: %s", name, job.Head(err.Error(), job.MaxMessage)))
			}
		})
	}
	group.Wait()
	slices.Sort(warnings)
	return all, warnings
}

// clusterIndex is the records of one cluster.
type clusterIndex struct {
	logs *logstore.Store
	// most is how many records are kept.
	most int

	// busy is held by who looks. A store that hangs keeps others waiting no longer than
	// they want to.
	busy    chan struct{}
	settled map[string]bool // hours that are over and read
	// known are the entries of hours that are not settled.
	known map[string]map[string]bool

	mu     sync.Mutex
	looked time.Time
	failed error // what the last look met
	// sorted is replaced, never changed.
	sorted []View
}

func newClusterIndex(logs *logstore.Store) *clusterIndex {
	return &clusterIndex{logs: logs, most: mostIndexed, busy: make(chan struct{}, 1), known: map[string]map[string]bool{}, settled: map[string]bool{}}
}

// refresh returns what the index has, brought up to date if it is old, and what kept that
// from being done. A store that fails is looked at no more often than one that works.
func (c *clusterIndex) refresh(ctx context.Context) ([]View, error) {
	sorted, looked, failed := c.now()
	switch age := time.Since(looked); {
	case age < freshFor:
		return sorted, failed
	case age < usableFor && failed == nil:
		// What is new is among Temporal's workflows too, for a while.
		select {
		case c.busy <- struct{}{}:
			go func() {
				defer func() { <-c.busy }()
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
				defer cancel()
				c.bringUpToDate(ctx)
			}()
		default: // somebody does
		}
		return sorted, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	select {
	case c.busy <- struct{}{}:
		defer func() { <-c.busy }()
	case <-ctx.Done():
		return sorted, fmt.Errorf("its log store is still being read: %w", ctx.Err())
	}
	c.bringUpToDate(ctx)
	sorted, _, failed = c.now()
	return sorted, failed
}

func (c *clusterIndex) now() (sorted []View, looked time.Time, failed error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sorted, c.looked, c.failed
}

// bringUpToDate looks unless somebody has just done so. It needs busy.
func (c *clusterIndex) bringUpToDate(ctx context.Context) {
	if _, looked, _ := c.now(); time.Since(looked) < freshFor {
		return
	}
	err := c.look(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked, c.failed = time.Now(), err
}

// look reads what is new, the latest hours first. What is read stays, whatever fails.
func (c *clusterIndex) look(ctx context.Context) error {
	now := time.Now()
	hours, err := c.logs.Hours(ctx)
	if err != nil {
		return err
	}
	fresh := map[string]View{}
	var failed error
	for _, hour := range hours {
		// With the memory full, older records are left out and newer ones are not.
		if c.settled[hour] || len(fresh) >= c.most {
			continue
		}
		if ctx.Err() != nil {
			failed = firstOf(failed, ctx.Err())
			break
		}
		if err := c.read(ctx, hour, fresh); err != nil {
			failed = firstOf(failed, err)
			continue
		}
		if end, err := time.Parse("20060102-15", hour); err == nil && now.After(end.Add(time.Hour+lateFor)) {
			c.settled[hour] = true
			delete(c.known, hour)
		}
	}
	c.merge(fresh)
	return failed
}

// read adds what is new in an hour to fresh, which holds what later hours say. An entry
// that cannot be read now is tried again, and keeps none of the others out.
func (c *clusterIndex) read(ctx context.Context, hour string, fresh map[string]View) error {
	ids, err := c.logs.Hour(ctx, hour)
	if err != nil {
		return err
	}
	known := c.known[hour]
	if known == nil {
		known = map[string]bool{}
		c.known[hour] = known
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return known[id] })
	found := make([]*View, len(ids))
	errs := make([]error, len(ids))
	var reading errgroup.Group
	reading.SetLimit(readers)
	for i, id := range ids {
		reading.Go(func() error {
			found[i], errs[i] = c.entry(ctx, hour, id)
			return nil
		})
	}
	_ = reading.Wait() // it has no errors of its own
	for i, id := range ids {
		if errs[i] != nil {
			err = errs[i]
			continue
		}
		known[id] = true
		if _, later := fresh[id]; found[i] != nil && !later {
			fresh[id] = *found[i]
		}
	}
	return err
}

// entry reads one; nil for what no later look would find either.
func (c *clusterIndex) entry(ctx context.Context, hour, id string) (*View, error) {
	record, err := c.logs.Indexed(ctx, hour, id)
	if job.CodeOf(err) == job.CodeInternal {
		return nil, nil
	}
	if err != nil || record == nil {
		return nil, err
	}
	view := ofRecord(*record)
	view.Links.WebUI = record.RunID // made a link when it is shown
	// What can be long is read with the job itself.
	view.Outcome.Traceback, view.Outcome.Problems, view.Outcome.Notes = "", nil, nil
	return &view, nil
}

// merge adds records, in place of those that there were of the same jobs.
func (c *clusterIndex) merge(fresh map[string]View) {
	if len(fresh) == 0 {
		return
	}
	merged := make([]View, 0, len(c.sorted)+len(fresh))
	for _, v := range c.sorted {
		if _, again := fresh[v.ID]; !again {
			merged = append(merged, v)
		}
	}
	for _, v := range fresh {
		merged = append(merged, v)
	}
	slices.SortFunc(merged, inList)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sorted = slices.Clip(merged[:min(len(merged), c.most)])
}

// inList is the order of lists: what started last comes first.
func inList(a, b View) int { return b.place().compare(a.place()) }

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
