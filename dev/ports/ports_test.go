package ports_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/ports"
)

func TestNoPortIsGivenTwice(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 500 {
		port, err := ports.Free()
		require.NoError(t, err)
		require.False(t, seen[port])
		seen[port] = true
	}
}

func TestPortInUseIsNotGiven(t *testing.T) {
	t.Parallel()
	port, err := ports.Free()
	require.NoError(t, err)
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	_, err = ports.Block(1, 1, func(int) []int { return []int{port} })
	require.Error(t, err)
	free, err := ports.Free()
	require.NoError(t, err)
	_, err = ports.Block(1, 1, func(int) []int { return []int{free} })
	require.Error(t, err, "it was given before")
}
