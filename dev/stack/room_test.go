package stack

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFullDiskIsSaidBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, checkRoom(dir, 1))
	err := checkRoom(dir, math.MaxUint64)
	require.ErrorContains(t, err, "the disk of "+dir+" is full")
	require.ErrorContains(t, err, "--state")
}
