package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store/logstore"
)

const (
	// freshFor is how long an index serves before the latest hours are looked at again.
	freshFor = 2 * time.Second
	// lateFor is how long after an hour's end entries may still come into it: clocks differ.
	lateFor = 2 * time.Hour
	// mostIndexed bounds the memory: older records are found by their id alone.
	mostIndexed = 200_000
	// readers is how many entries are read at a time.
	readers = 32
)

// index holds the records of all clusters in memory, without their requests, in the
// order of lists. An hour that is over is read once.
type index struct {
	clusters map[string]*clusterIndex
}

func newIndex(clusters map[string]Cluster) *index {
	x := &index{clusters: map[string]*clusterIndex{}}
	for name, c := range clusters {
		x.clusters[name] = &clusterIndex{logs: c.Logs, known: map[string]bool{}, settled: map[string]bool{}}
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

	mu      sync.Mutex
	looked  time.Time
	settled map[string]bool // hours that are over and read
	known   map[string]bool // hour/id
	// sorted is replaced, never changed.
	sorted []View
}

// refresh brings the index up to date and returns what it has, also if it could not.
func (c *clusterIndex) refresh(ctx context.Context) ([]View, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < freshFor {
		return c.sorted, nil
	}
	now := time.Now()
	hours, err := c.logs.Hours(ctx)
	if err != nil {
		return c.sorted, err
	}
	var errs []error
	for _, hour := range hours {
		if c.settled[hour] {
			continue
		}
		if len(c.sorted) >= mostIndexed {
			break
		}
		if err := c.read(ctx, hour); err != nil {
			errs = append(errs, err)
			continue
		}
		if end, err := time.Parse("20060102-15", hour); err == nil && now.After(end.Add(time.Hour+lateFor)) {
			c.settled[hour] = true
		}
	}
	if len(errs) > 0 {
		return c.sorted, errors.Join(errs...)
	}
	c.looked = now
	return c.sorted, nil
}

// read adds what is new in an hour.
func (c *clusterIndex) read(ctx context.Context, hour string) error {
	ids, err := c.logs.Hour(ctx, hour)
	if err != nil {
		return err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return c.known[hour+"/"+id] })
	if len(ids) == 0 {
		return nil
	}
	found := make([]*View, len(ids))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, id := range ids {
		group.Go(func() error {
			record, err := c.logs.Indexed(reading, hour, id)
			if job.CodeOf(err) == job.CodeInternal || record == nil && err == nil {
				return nil // no record: nothing that a later look would find
			}
			if err != nil {
				return err
			}
			view := ofRecord(*record)
			view.Links.WebUI = record.RunID // made a link when it is shown
			found[i] = &view
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fresh := make(map[string]View, len(ids))
	for i, id := range ids {
		c.known[hour+"/"+id] = true
		if found[i] != nil {
			fresh[id] = *found[i]
		}
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
	c.sorted = merged
	return nil
}

// inList is the order of lists: what started last comes first.
func inList(a, b View) int {
	if c := b.place().compare(a.place()); c != 0 {
		return c
	}
	return 0
}
