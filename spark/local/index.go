package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

const (
	// recent is how long an ended application stays in Snapshot.
	recent = 15 * time.Minute
	// orphanCheck is how often Changes looks for supervisors that died without
	// a word.
	orphanCheck = time.Second
)

// entries reads an index directory, dirLive or dirEvents.
func entries(root, index string) ([]entry, error) {
	names, err := os.ReadDir(filepath.Join(root, index))
	if err != nil {
		return nil, err
	}
	found := make([]entry, 0, len(names))
	for _, name := range names {
		if e := readEntry(filepath.Join(root, index, name.Name())); e != nil {
			found = append(found, *e)
		}
	}
	return found, nil
}

// readEntry returns nil for what is no entry, or none any more.
func readEntry(path string) *entry {
	name := filepath.Base(path)
	if strings.HasPrefix(name, ".") {
		return nil // a temporary file
	}
	e, err := readJSON[entry](path)
	if err != nil || e == nil || e.Application != name {
		return nil
	}
	return e
}

// lives reports whether a claimed application still has a process: its
// supervisor, its driver or anything marked.
func (p procfs) lives(dir jobDir, application string) bool {
	if held(dir.path(fileSupervisorLock)) {
		return !exists(dir.path(fileExit))
	}
	if exists(dir.path(fileExit)) {
		return false
	}
	return p.sparkSubmitLives(dir) || len(p.members(dir.kin(application))) > 0
}

// sparkSubmitLives reports whether the process that the supervisor forked lives,
// or one that holds the lock it inherited.
func (p procfs) sparkSubmitLives(dir jobDir) bool {
	if held(dir.path(fileChildLock)) {
		return true
	}
	c, err := readJSON[child](dir.path(fileChild))
	return err == nil && c != nil && p.alive(c.process)
}

// live counts the live applications of a cluster and removes the index entries
// of others. The caller holds the root lock.
func (p procfs) live(root string) int {
	list, err := entries(root, dirLive)
	if err != nil {
		return 0
	}
	count := 0
	for _, e := range list {
		if p.lives(jobDir(spark.JobDir(root, e.Attempt)), e.Application) {
			count++
			continue
		}
		_ = os.Remove(filepath.Join(root, dirLive, e.Application)) // looked at again next time
	}
	return count
}

// Snapshot implements spark.Manager, from the index: the live applications and
// those that changed lately.
func (m *Manager) Snapshot(ctx context.Context) ([]spark.Sighting, error) {
	live, err := entries(m.opts.Root, dirLive)
	if err != nil {
		return nil, m.unavailable("list the live applications", err)
	}
	events, err := entries(m.opts.Root, dirEvents)
	if err != nil {
		return nil, m.unavailable("list the recent applications", err)
	}
	known := map[string]bool{}
	var sightings []spark.Sighting
	for i, e := range append(live, events...) {
		old := i >= len(live) && time.Since(e.At) > recent
		if known[e.Application] || e.Installation != m.opts.Installation {
			continue
		}
		known[e.Application] = true
		if old {
			_ = os.Remove(filepath.Join(m.opts.Root, dirEvents, e.Application)) // tried again next time
			continue
		}
		o, err := m.Observe(ctx, e.Attempt)
		if err != nil {
			if ctx.Err() != nil {
				return nil, m.unavailable("list the applications", ctx.Err())
			}
			m.opts.Logger.Warn("cannot observe an application of the index", "cluster", m.opts.Cluster, "app", e.Application, "err", err)
			continue
		}
		sightings = append(sightings, spark.Sighting{Attempt: e.Attempt, Application: e.Application, Observation: o})
	}
	return sightings, nil
}

// wait notes that an application waits for room on the cluster, or does not any
// more. The notes are hints: without them it is tried again later.
func (m *Manager) wait(r spark.Reservation, waits bool) {
	path := filepath.Join(m.opts.Root, dirWaiting, r.Application)
	if !waits {
		_ = os.Remove(path) // a note too many costs one try
		return
	}
	err := createJSON(path, entry{
		Application: r.Application, Installation: r.Installation, Attempt: r.Attempt, Event: "waiting", At: time.Now().UTC(),
	})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		m.opts.Logger.Warn("cannot note that an application waits", "cluster", m.opts.Cluster, "app", r.Application, "err", err)
	}
}

// toldOfRoom is how many waiting applications are told of one end: a second,
// in case that the first is not wanted any more.
const toldOfRoom = 2

// waiting lists the applications that have waited longest.
func (m *Manager) waiting() []entry {
	list, err := entries(m.opts.Root, dirWaiting)
	if err != nil {
		return nil // hints may be lost
	}
	slices.SortFunc(list, func(a, b entry) int { return a.At.Compare(b.At) })
	return list[:min(len(list), toldOfRoom)]
}

// Changes implements spark.Notifier. Supervisors rewrite a file per
// application in one directory; a supervisor that died without a word is found
// by its lock.
func (m *Manager) Changes(ctx context.Context, changed chan<- job.Attempt) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return m.unavailable("watch for changes", err)
	}
	defer func() { _ = watcher.Close() }() // nothing is lost with it
	if err := watcher.Add(filepath.Join(m.opts.Root, dirEvents)); err != nil {
		return m.unavailable("watch for changes", err)
	}
	send := func(e *entry) bool {
		if e == nil || e.Installation != m.opts.Installation {
			return true
		}
		select {
		case changed <- e.Attempt:
			return true
		case <-ctx.Done():
			return false
		}
	}
	live, err := entries(m.opts.Root, dirLive)
	if err != nil {
		return m.unavailable("list the live applications", err)
	}
	for i := range live {
		if !send(&live[i]) {
			return ctx.Err()
		}
	}
	// What has ended while nobody watched, as while the worker was restarted.
	events, err := entries(m.opts.Root, dirEvents)
	if err != nil {
		return m.unavailable("list the recent applications", err)
	}
	for i := range events {
		if events[i].Event == eventEnded && !send(&events[i]) {
			return ctx.Err()
		}
	}
	orphans := map[string]orphan{}
	tick := time.NewTicker(orphanCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-watcher.Errors:
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				continue // hints may be lost
			}
			return m.unavailable("watch for changes", err)
		case event := <-watcher.Events:
			if !event.Has(fsnotify.Create | fsnotify.Write) {
				continue
			}
			e := readEntry(event.Name)
			if e == nil || e.Event != eventStarted && e.Event != eventEnded {
				continue // of any other launch, Submit's answer tells
			}
			if !send(e) {
				return ctx.Err()
			}
			if e.Event != eventEnded {
				continue
			}
			for _, w := range m.waiting() {
				if !send(&w) {
					return ctx.Err()
				}
			}
		case <-tick.C:
			for _, e := range m.orphaned(orphans) {
				if !send(&e) {
					return ctx.Err()
				}
			}
		}
	}
}

// The Events that are told of: an application has begun, it has ended.
const (
	eventStarted = "started"
	eventEnded   = "ended"
)

// orphan is what is left of an application whose supervisor is dead.
type orphan struct {
	// sparkSubmit lives, or anything that carries the application's mark.
	sparkSubmit, anything bool
}

// orphaned lists the live entries whose supervisor is dead: once when it is
// found, and again when something of the application has ended since, of which
// no supervisor tells any more.
func (m *Manager) orphaned(told map[string]orphan) []entry {
	live, err := entries(m.opts.Root, dirLive)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil // hints may be lost
	}
	var found []entry
	for _, e := range live {
		before, known := told[e.Application]
		if known && before == (orphan{}) {
			continue // all has been said
		}
		dir := jobDir(spark.JobDir(m.opts.Root, e.Attempt))
		if held(dir.path(fileSupervisorLock)) {
			continue
		}
		now := orphan{sparkSubmit: m.proc.sparkSubmitLives(dir)}
		now.anything = now.sparkSubmit || m.proc.lives(dir, e.Application)
		if !known || now != before {
			told[e.Application] = now
			found = append(found, e)
		}
	}
	return found
}
