package simulator

import (
	"maps"
	"sync"
)

// requestCounts counts requests by "METHOD route".
type requestCounts struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *requestCounts) add(method, route string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[method+" "+route]++
}

// snapshot is never nil.
func (c *requestCounts) snapshot() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := make(map[string]int, len(c.counts))
	maps.Copy(counts, c.counts)
	return counts
}

func (c *requestCounts) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts = nil
}
