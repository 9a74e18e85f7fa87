package yarn

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

const (
	// killEvery is the pause between two requests to end an application.
	killEvery = 200 * time.Millisecond
	// margin is added to the request timeout before an application that may have
	// been sent and is not known is called gone.
	margin = 2 * time.Second
)

// Kill implements spark.Manager. Without an intent the revocation is all there
// is to do, and the ResourceManager may be down: whoever writes an intent from
// now on reads the revocation before it sends. An application that may have been
// sent and that the ResourceManager does not know is fenced, so that its user
// code can never begin, and looked for once more after every request that was
// under way has ended.
func (m *Manager) Kill(ctx context.Context, attempt job.Attempt, reason string) error {
	dir, reservation, err := m.look(ctx, attempt)
	if err != nil {
		return err
	}
	// Before anything else: whoever is about to send it reads this last.
	err = dir.mark(ctx, spark.FileRevoked, note{Reason: job.Head(reason, job.MaxMessage), At: time.Now().UTC()})
	if err != nil {
		return m.unavailable("revoke "+attempt.String(), err)
	}
	if reservation == nil {
		return nil
	}
	sent, err := dir.exists(ctx, spark.FileIntent)
	if err != nil {
		return m.unavailable("look for an earlier launch of "+attempt.String(), err)
	}
	if !sent {
		return nil
	}
	known, err := m.end(ctx, reservation.Application, reason)
	if known || err != nil {
		return err
	}
	if _, err := dir.fence(ctx); err != nil {
		return m.unavailable("fence "+attempt.String(), err)
	}
	if acknowledged, err := dir.exists(ctx, spark.FileAcknowledged); err == nil && acknowledged {
		return nil // it was taken, and forgotten since: it has ended
	}
	if err := pause(ctx, m.opts.RequestTimeout+margin); err != nil {
		return job.Errorf(job.CodeUnavailable, "cannot confirm that %s is gone: %w", reservation.Application, err)
	}
	_, err = m.end(ctx, reservation.Application, reason)
	return err
}

// end kills an application until it has ended; false means that it is unknown.
func (m *Manager) end(ctx context.Context, application, reason string) (known bool, err error) {
	for {
		ended, err := m.opts.ResourceManager.Kill(ctx, application, job.Head(reason, job.MaxMessage))
		switch {
		case job.CodeOf(err) == job.CodeNotFound:
			return false, nil
		case err != nil:
			return false, err
		case ended:
			m.killed.add(application)
			return true, nil
		}
		if err := pause(ctx, killEvery); err != nil {
			return false, job.Errorf(job.CodeUnavailable, "cannot confirm that %s is gone: %w", application, err)
		}
	}
}

// killedFor is longer than a list of applications takes and is used.
const killedFor = 2 * time.Minute

// killed are the applications that were ended here a short while ago: lists that
// were begun before may still call them alive.
type killed struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (k *killed) add(application string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.at, func(_ string, at time.Time) bool { return time.Since(at) > killedFor })
	if k.at == nil {
		k.at = map[string]time.Time{}
	}
	k.at[application] = time.Now()
}

func (k *killed) has(application string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.at[application]
	return ok && time.Since(at) <= killedFor
}
