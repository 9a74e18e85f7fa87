package e2e

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/stoker-spark/stoker/spark/local"
)

// together is how many tests run at once: they mostly wait, and the clusters
// bound what runs on them.
const together = 6

// TestMain lets this binary be the supervisor of local clusters.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(local.Supervise(os.Args[2:]))
	}
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", strconv.Itoa(together)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	for _, s := range []*shared{withSpark, withoutSpark, olderArrays} {
		if err := s.stop(code != 0); err != nil {
			fmt.Fprintf(os.Stderr, "installation %s: %v\n", s.name, err)
			code = 1
		}
	}
	os.Exit(code)
}

// long leaves a test out of the short run.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("long")
	}
}
