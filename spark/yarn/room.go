package yarn

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const (
	// queuesFor is how long a list of the scheduler's queues is good for: it can be large.
	queuesFor = 2 * time.Second
	// queuesWithin bounds how long it may take, and withoutQueues how long a scheduler
	// that failed to tell is left alone: launches do not wait for it.
	queuesWithin  = 5 * time.Second
	withoutQueues = 30 * time.Second
)

// queues are those of the cluster's scheduler, as they were a moment ago.
type queues struct {
	manager *rm.Client
	asking  singleflight.Group

	mu   sync.Mutex
	list []rm.Queue
	at   time.Time
	// sent counts applications by queue that were let through since the list was read.
	sent map[string]int64
	// err is why there is no list, until the time is over.
	err   error
	until time.Time
}

// get returns a list that is at most queuesFor old; fresh, one that was asked for now.
func (q *queues) get(ctx context.Context, fresh bool) ([]rm.Queue, error) {
	q.mu.Lock()
	list, err := q.list, q.err
	known := time.Since(q.at) < queuesFor || time.Now().Before(q.until)
	q.mu.Unlock()
	if known && !fresh {
		return list, err
	}
	key := "list"
	if fresh {
		key = "fresh" // one that is on its way may be from before
	}
	answer := q.asking.DoChan(key, func() (any, error) {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), queuesWithin)
		defer cancel()
		return q.ask(limited)
	})
	select {
	case r := <-answer:
		list, _ := r.Val.([]rm.Queue)
		return list, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (q *queues) ask(ctx context.Context) ([]rm.Queue, error) {
	list, err := q.manager.Scheduler(ctx)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.list, q.err, q.until = nil, err, time.Now().Add(withoutQueues)
		return nil, err
	}
	q.list, q.at, q.sent, q.err, q.until = list, time.Now(), map[string]int64{}, nil, time.Time{}
	return list, nil
}

// take counts one more application on its way into a queue, unless the queue is full
// with those that are.
func (q *queues) take(of rm.Queue, user string) (why string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if why := full(of, user, q.sent[of.Path]); why != "" {
		return why
	}
	if q.sent != nil {
		q.sent[of.Path]++
	}
	return ""
}

// leaf finds a queue for applications by its path, or by its name if no other has it.
func leaf(list []rm.Queue, name string) (rm.Queue, bool) {
	var found []rm.Queue
	for _, q := range list {
		if q.Leaf && (strings.EqualFold(q.Path, name) || q.Name == name) {
			found = append(found, q)
		}
	}
	if len(found) != 1 {
		return rm.Queue{}, false
	}
	return found[0], true
}

// full says why a queue takes no more applications of a user, of whom more are on their
// way; "" if it does. A CapacityScheduler fails one beyond its limit for ever, in place
// of letting it wait (LeafQueue.validateSubmitApplication).
func full(q rm.Queue, user string, more int64) string {
	all, own := q.Applications+more, q.Users[user]+more
	switch {
	case q.MaxApplications > 0 && all >= q.MaxApplications:
		return fmt.Sprintf("queue %s holds %d applications, all that it takes", q.Path, all)
	case q.MaxApplicationsPerUser > 0 && own >= q.MaxApplicationsPerUser:
		return fmt.Sprintf("queue %s holds %d applications of user %s, all that it takes of one", q.Path, own, user)
	}
	return ""
}

// room returns an ErrBusy while a queue takes no more applications of ours. It only
// spares one that would be refused: what can't be found out is for YARN to decide.
func (m *Manager) room(ctx context.Context, name string) error {
	list, err := m.queues.get(ctx, false)
	if err != nil {
		m.opts.Logger.Debug("cannot look for room in a queue", "cluster", m.opts.Cluster, "queue", name, "error", err)
		return nil
	}
	q, ok := leaf(list, name)
	if !ok {
		return nil
	}
	if why := m.queues.take(q, m.opts.User); why != "" {
		return &spark.FullError{Reason: why}
	}
	return nil
}

// crowd is how far below its limit a queue may be, some time after it has refused an
// application for want of room.
const crowd = 10

// crowded reports whether a queue that has refused an application may have done so for
// want of room: others may have ended since.
func (m *Manager) crowded(ctx context.Context, name string) (bool, error) {
	list, err := m.queues.get(ctx, true)
	if err != nil {
		return false, err
	}
	q, ok := leaf(list, name)
	return ok && (q.State == "" || q.State == "RUNNING") && full(q, m.opts.User, crowd) != "", nil
}
