package hdfs

import (
	"path"
	"sync"
	"time"
)

const (
	// detourTime is how long a directory is served by WebHDFS before RPC is tried
	// again: policies change seldom.
	detourTime = time.Hour
	// mostDetours bounds the memory; who has more of them starts anew.
	mostDetours = 1000
)

// detours are the directories whose files RPC can't serve. What is set on a
// directory holds for all that is written below it; of a file that can't be read
// only its neighbours are likely to be the same.
type detours struct {
	// below says whether directories below count, too.
	below bool
	mu    sync.Mutex
	until map[string]time.Time
}

// lead reports whether a path is in such a directory.
func (d *detours) lead(p string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.until) == 0 {
		return false
	}
	now := time.Now()
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		until, ok := d.until[dir]
		if ok && now.Before(until) {
			return true
		}
		if ok {
			delete(d.until, dir)
		}
		if dir == "/" || !d.below {
			return false
		}
	}
}

// remember reports whether the directory of a path is a new one.
func (d *detours) remember(p string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir := path.Dir(p)
	_, known := d.until[dir]
	if d.until == nil || len(d.until) >= mostDetours {
		d.until = map[string]time.Time{}
	}
	d.until[dir] = time.Now().Add(detourTime)
	return !known
}
