// Package ports finds ports for servers of tests.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
)

// Ports are taken from these, below those that the kernel hands out to whoever asks for
// any: a port that is free now stays so until it is used, but for another process that
// chooses its own. Temporal keeps ports in PostgreSQL's smallint, which ends at 32767.
const (
	first = 9000
	last  = 31999
)

var (
	mu sync.Mutex
	// given out by this process, in use yet or not.
	given = map[int]bool{}
)

// Free finds a port on loopback that nobody uses, another one each time.
func Free() (int, error) {
	return Block(first, last, func(port int) []int { return []int{port} })
}

// Block finds a number, from least to most, for which all ports are free.
func Block(least, most int, ports func(number int) []int) (int, error) {
	mu.Lock()
	defer mu.Unlock()
	for range 1000 {
		number := least + rand.IntN(most-least+1)
		wanted := ports(number)
		if slices.ContainsFunc(wanted, func(port int) bool { return given[port] || used(port) }) {
			continue
		}
		for _, port := range wanted {
			given[port] = true
		}
		return number, nil
	}
	return 0, errors.New("no free ports are found on loopback")
}

func used(port int) bool {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return true
	}
	_ = listener.Close() // only tried
	return false
}
