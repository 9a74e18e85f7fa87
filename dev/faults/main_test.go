package faults

import (
	"fmt"
	"os"
	"testing"

	"github.com/stoker-spark/stoker/dev/faults/bench"
)

// together is how many tests run at once: they mostly wait for timeouts, so
// more than there are cores.
const together = 4

func TestMain(m *testing.M) {
	if err := bench.Prepare(together); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
