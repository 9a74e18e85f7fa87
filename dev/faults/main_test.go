package faults

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// together is how many tests run at once: they mostly wait for timeouts, so
// more than there are cores.
const together = 4

func TestMain(m *testing.M) {
	flag.Parse()
	for _, name := range []string{"stoker", "stoker-dev"} {
		if info, err := os.Stat(binary(name)); err != nil || !info.Mode().IsRegular() {
			fmt.Fprintf(os.Stderr, "the fault tests need %s: run make build, or set STOKER_BIN\n", binary(name))
			os.Exit(1)
		}
	}
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", strconv.Itoa(together)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// binary is the path of one of the binaries under test.
func binary(name string) string {
	dir := os.Getenv("STOKER_BIN")
	if dir == "" {
		dir = filepath.Join("..", "..", "bin")
	}
	path, err := filepath.Abs(filepath.Join(dir, name))
	if err != nil {
		return filepath.Join(dir, name)
	}
	return path
}

// long leaves a test out of the short run.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("long")
	}
}
