package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

const (
	// claimWait is how long a supervisor may take from its claim to a recorded
	// process before Kill ends it as well.
	claimWait = 2 * time.Second
	// recordWait is how long a supervisor may take from the end of all
	// processes to its exit record.
	recordWait = 5 * time.Second
)

func (m *Manager) rootLock() string { return filepath.Join(m.opts.Root, fileRootLock) }

// Kill implements spark.Manager. What makes it idempotent is that it looks
// again each time and signals only processes proven to be the application's.
func (m *Manager) Kill(ctx context.Context, attempt job.Attempt, reason string) error {
	dir, err := m.dir(attempt)
	if err != nil {
		return err
	}
	if _, err := m.look(dir); err != nil {
		return err
	}
	if err := m.revoke(ctx, attempt, dir, reason); err != nil {
		return err
	}
	k := killing{m: m, dir: dir, begun: time.Now()}
	for {
		gone, err := k.step()
		if err != nil {
			return m.unavailable("kill "+attempt.String(), err)
		}
		if gone {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return m.unavailable("confirm that "+attempt.String()+" is gone", err)
		}
	}
}

// revoke makes sure that no supervisor makes a claim any more: the marker
// stops those that check later, passing the root lock waits for one that has
// checked already.
func (m *Manager) revoke(ctx context.Context, attempt job.Attempt, dir jobDir, reason string) error {
	if err := os.MkdirAll(string(dir), dirMode); err != nil {
		return m.unavailable("revoke "+attempt.String(), err)
	}
	err := createJSON(dir.path(spark.FileRevoked), revocation{Reason: job.Head(reason, job.MaxMessage), At: time.Now().UTC()})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return m.unavailable("revoke "+attempt.String(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	unlock, err := lockRoot(ctx, m.opts.Root)
	if err != nil {
		return m.unavailable("make sure that "+attempt.String()+" is not being launched", err)
	}
	unlock()
	return nil
}

// killing is one Kill at work.
type killing struct {
	m   *Manager
	dir jobDir

	begun time.Time
	// termed: SIGTERM was sent, at this time.
	termed time.Time
	// quiet is since when only the supervisor lives.
	quiet time.Time
	// unlaunched: the supervisor was ended before it recorded a process.
	unlaunched bool
	// seen are the processes of the application's session while its leader
	// lived, which need not carry the mark.
	seen map[process]bool
}

// step looks once, does what is due, and reports whether everything is gone.
func (k *killing) step() (gone bool, err error) {
	v, err := k.dir.look(k.m.proc)
	if err != nil || v.claim == nil {
		return err == nil, err
	}
	rest := k.processes(v)
	switch {
	case v.exit != nil && len(rest) == 0:
		// All that its supervisor still does is to leave the index.
		return !v.supervised || k.silent() > time.Second, nil
	case v.exit == nil && v.child == nil && v.supervised:
		// About to fork, or frozen: without a record there is nobody to signal.
		if time.Since(k.begun) > claimWait {
			k.unlaunched = true
			k.m.proc.signal(v.claim.Supervisor, syscall.SIGKILL)
		}
		return false, nil
	case len(rest) > 0:
		k.quiet = time.Time{}
		k.end(v, rest)
		return false, nil
	case v.childLives:
		// Its lock is held by somebody unmarked.
		for _, p := range k.m.proc.holders(k.dir.path(fileChildLock)) {
			if p != v.claim.Supervisor {
				k.signal(p)
			}
		}
		return false, nil
	case v.supervised:
		if k.silent() > recordWait {
			k.m.proc.signal(v.claim.Supervisor, syscall.SIGKILL)
		}
		return false, nil
	}
	return k.settle(v)
}

// silent is how long only the supervisor has been living.
func (k *killing) silent() time.Duration {
	if k.quiet.IsZero() {
		k.quiet = time.Now()
	}
	return time.Since(k.quiet)
}

// settle records the end that no supervisor recorded, if it was our doing.
func (k *killing) settle(v view) (bool, error) {
	if k.unlaunched || !k.termed.IsZero() {
		record := exitRecord{Killed: true, EndedAt: time.Now().UTC()}
		if err := createJSON(k.dir.path(fileExit), record); err != nil && !errors.Is(err, fs.ErrExist) {
			return false, err
		}
	}
	return true, nil
}

// processes lists the application's live processes without the supervisor that
// holds the claim.
func (k *killing) processes(v view) []process {
	of := k.dir.kin(v.claim.Application)
	if v.child != nil && k.m.proc.alive(v.child.process) {
		of.session = v.child.PID
	}
	if k.m.proc.alive(v.claim.Supervisor) {
		of.supervisor = v.claim.Supervisor.PID
	}
	found := map[process]bool{}
	for _, p := range k.m.proc.members(of) {
		if p.process == v.claim.Supervisor {
			continue
		}
		found[p.process] = true
		if k.seen == nil {
			k.seen = map[process]bool{}
		}
		k.seen[p.process] = true
	}
	for p := range k.seen {
		if k.m.proc.alive(p) {
			found[p] = true
		}
	}
	list := make([]process, 0, len(found))
	for p := range found {
		list = append(list, p)
	}
	return list
}

// end sends SIGTERM once, to the group while its leader lives, and SIGKILL to
// everything after the grace.
func (k *killing) end(v view, rest []process) {
	if k.termed.IsZero() {
		k.termed = time.Now()
		if v.child != nil && k.m.proc.alive(v.child.process) {
			k.m.proc.signalGroup(v.child.process, syscall.SIGTERM)
			return
		}
		for _, p := range rest {
			k.m.proc.signal(p, syscall.SIGTERM)
		}
		return
	}
	if time.Since(k.termed) < k.m.opts.KillGrace {
		return
	}
	if v.child != nil {
		k.m.proc.signalGroup(v.child.process, syscall.SIGKILL)
	}
	for _, p := range rest {
		k.m.proc.signal(p, syscall.SIGKILL)
	}
}

// signal sends SIGTERM the first time and SIGKILL after the grace.
func (k *killing) signal(p process) {
	switch {
	case k.termed.IsZero():
		k.termed = time.Now()
		k.m.proc.signal(p, syscall.SIGTERM)
	case time.Since(k.termed) >= k.m.opts.KillGrace:
		k.m.proc.signal(p, syscall.SIGKILL)
	}
}
