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

// IsMarker implements spark.Marker.
func (m *Manager) IsMarker(name string) bool { return isMarker(name) }

// Release implements spark.Manager. An attempt that was never launched is
// revoked first, so that nothing is launched from an empty directory.
func (m *Manager) Release(ctx context.Context, attempt job.Attempt) error {
	dir, err := m.dir(attempt)
	if err != nil {
		return err
	}
	v, err := m.look(dir)
	if err != nil {
		return err
	}
	if v.reservation != nil && v.claim == nil {
		if err := m.revoke(ctx, attempt, dir, "released before it was launched"); err != nil {
			return err
		}
	}
	if v.claim != nil && !v.supervised {
		report, _, _ := readStatus(dir, v.claim.Application)
		if leftovers(v, report) {
			m.endLeftovers(ctx, dir.kin(v.claim.Application))
		}
	}
	if exists(dir.path(fileClaim)) && m.proc.lives(dir, m.application(attempt)) {
		return job.Errorf(job.CodeConflict, "%s has not ended: kill it before its directory is released", attempt)
	}
	if v.claim != nil {
		err := createJSON(dir.path(spark.FileReleased), note{Application: m.application(attempt), At: time.Now().UTC()})
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return m.unavailable("release "+attempt.String(), err)
		}
	}
	for _, index := range []string{dirLive, dirEvents, dirWaiting} {
		_ = os.Remove(filepath.Join(m.opts.Root, index, m.application(attempt))) // a hint that nobody needs any more
	}
	names, err := os.ReadDir(string(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return m.unavailable("release "+attempt.String(), err)
	}
	left := 0
	for _, name := range names {
		if isMarker(name.Name()) && !name.IsDir() {
			left++
			continue
		}
		if err := removeAll(dir.path(name.Name())); err != nil {
			return m.unavailable("release "+attempt.String(), err)
		}
	}
	if left == 0 {
		_ = os.Remove(string(dir))               // empty, or somebody has just written there
		_ = os.Remove(filepath.Dir(string(dir))) // only if no other attempt is there
	}
	return nil
}

// endLeftovers ends what an application left running whose supervisor died
// before it could; what does not die keeps Release from going on.
func (m *Manager) endLeftovers(ctx context.Context, k kin) {
	for range 100 {
		rest := m.proc.members(k)
		if len(rest) == 0 {
			return
		}
		for _, p := range rest {
			m.proc.signal(p.process, syscall.SIGKILL)
		}
		if pause(ctx, 10*time.Millisecond) != nil {
			return
		}
	}
}

// removeAll removes a tree in which user code may have taken its own rights
// away from directories.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(path, func(name string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(name, dirMode) // the removal tells what could not be changed
		}
		return nil
	})
	return os.RemoveAll(path)
}
