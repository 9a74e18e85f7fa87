package bench

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/stack"
)

var (
	portsMu sync.Mutex
	// portsTaken by the tests of this process, in use yet or not.
	portsTaken = map[int]bool{}
)

// freeOffset finds a block of ports that nobody uses, below those that the
// kernel hands out. Somebody else may still be faster.
func freeOffset(t *testing.T) int {
	t.Helper()
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		offset := 2000 + rand.IntN(20000)
		at := stack.PortsAt(offset)
		ports := []int{at.Temporal, at.WebUI, at.ModelManage, at.Metrics, at.API}
		if slices.ContainsFunc(ports, func(port int) bool { return portsTaken[port] || !portFree(port) }) {
			continue
		}
		for _, port := range ports {
			portsTaken[port] = true
		}
		return offset
	}
	require.Fail(t, "no free block of ports")
	return 0
}

func portFree(port int) bool {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	_ = listener.Close() // only tried
	return true
}
