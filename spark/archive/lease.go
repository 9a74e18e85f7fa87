package archive

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/store/logstore"
)

// lease lets one of a cluster's workers follow its logs. It compares no clocks: who
// follows rewrites its note every so often, and one that stays the same for long is
// taken over. For a moment two may follow, which costs twice the reading.
type lease struct {
	store *logstore.Store
	// name is this process's own.
	name             string
	renew, abandoned time.Duration

	held bool
	beat int
	// asked is when the note was last looked at; seen is the other's, since when.
	asked, since time.Time
	seen         string
}

const (
	renewEvery     = 4 * time.Second
	abandonedAfter = 12 * time.Second
)

// hold reports whether to follow now.
func (l *lease) hold(ctx context.Context) (bool, error) {
	now := time.Now()
	if now.Sub(l.asked) < l.renew {
		return l.held, nil
	}
	l.asked = now
	note, err := l.store.Follower(ctx)
	if err != nil {
		l.held = false
		return false, err
	}
	mine := note == "" || strings.HasPrefix(note, l.name+" ")
	if !mine && note != l.seen {
		l.seen, l.since = note, now
	}
	if !mine && now.Sub(l.since) < l.abandoned {
		l.held = false
		return false, nil
	}
	l.beat++
	err = l.store.SetFollower(ctx, fmt.Sprintf("%s %d", l.name, l.beat))
	l.held = err == nil
	return l.held, err
}

// giveUp lets another begin at once.
func (l *lease) giveUp(ctx context.Context) {
	if l.held {
		l.held = false
		_ = l.store.SetFollower(ctx, "") // it is taken over anyhow, later
	}
}
