package temporal

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// plain passes on what its reader can use. When the server is told to stop, its
// services end in no particular order and complain about each other, which says
// nothing. When the disk is full, every part says so again and again, with its
// stack: one line a minute is told instead.
type plain struct {
	log.Logger
	stopping *atomic.Bool
	full     *fullDisk
}

// fullDisk tells of a full disk now and then.
type fullDisk struct {
	out  io.Writer
	last atomic.Int64 // Unix seconds
}

const fullDiskEvery = time.Minute

func (f *fullDisk) tell() {
	last, now := f.last.Load(), time.Now().Unix()
	if now-last >= int64(fullDiskEvery.Seconds()) && f.last.CompareAndSwap(last, now) {
		_, _ = fmt.Fprintln(f.out, "the disk that holds Temporal's database is full: make room; until then no job goes on, and none is lost")
	}
}

// quiet reports whether a message is not to be passed on.
func (l plain) quiet(tags []tag.Tag) bool {
	if l.stopping.Load() {
		return true
	}
	for _, t := range tags {
		// SQLite's words for SQLITE_FULL.
		if strings.Contains(fmt.Sprint(t.Value()), "disk is full") {
			l.full.tell()
			return true
		}
	}
	return false
}

func (l plain) Warn(msg string, tags ...tag.Tag) {
	if !l.quiet(tags) {
		l.Logger.Warn(msg, tags...)
	}
}

func (l plain) Error(msg string, tags ...tag.Tag) {
	if !l.quiet(tags) {
		l.Logger.Error(msg, tags...)
	}
}

// With implements log.WithLogger.
func (l plain) With(tags ...tag.Tag) log.Logger {
	return plain{log.With(l.Logger, tags...), l.stopping, l.full}
}
