package yarn

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// queuesFor is how long a list of the scheduler's queues is good for: it can be large.
const queuesFor = 2 * time.Second

// queues are those of the cluster's scheduler, as they were a moment ago.
type queues struct {
	manager *rm.Client

	mu   sync.Mutex
	list []rm.Queue
	at   time.Time
}

func (q *queues) get(ctx context.Context) ([]rm.Queue, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if time.Since(q.at) < queuesFor {
		return q.list, nil
	}
	list, err := q.manager.Scheduler(ctx)
	if err != nil {
		return nil, err
	}
	q.list, q.at = list, time.Now()
	return list, nil
}

// forget makes the next get ask.
func (q *queues) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.at = time.Time{}
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

// full says why a queue takes no more applications of a user; "" if it does. A
// CapacityScheduler fails one beyond its limit for ever, in place of letting it wait
// (LeafQueue.validateSubmitApplication).
func full(q rm.Queue, user string) string {
	switch held := q.Users[user]; {
	case q.MaxApplications > 0 && q.Applications >= q.MaxApplications:
		return fmt.Sprintf("queue %s holds %d applications, all that it takes", q.Path, q.Applications)
	case q.MaxApplicationsPerUser > 0 && held >= q.MaxApplicationsPerUser:
		return fmt.Sprintf("queue %s holds %d applications of user %s, all that it takes of one", q.Path, held, user)
	}
	return ""
}

// room returns an ErrBusy while a queue takes no more applications of ours. It only
// spares one that would be refused: what can't be found out is for YARN to decide.
func (m *Manager) room(ctx context.Context, name string) error {
	list, err := m.queues.get(ctx)
	if err != nil {
		m.opts.Logger.Warn("cannot look for room in a queue", "cluster", m.opts.Cluster, "queue", name, "error", err)
		return nil
	}
	q, ok := leaf(list, name)
	if !ok {
		return nil
	}
	if why := full(q, m.opts.User); why != "" {
		return &spark.FullError{Reason: why}
	}
	return nil
}
