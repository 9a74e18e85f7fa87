package bench

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Prepare parses the flags of a test binary and makes sure that the binaries
// under test are there. Unless -parallel says otherwise, so many tests run at
// once: they mostly wait for timeouts.
func Prepare(together int) error {
	flag.Parse()
	for _, name := range []string{"stoker", "stoker-dev"} {
		if info, err := os.Stat(Binary(name)); err != nil || !info.Mode().IsRegular() {
			return fmt.Errorf("the fault tests need %s: run make build, or set STOKER_BIN", Binary(name))
		}
	}
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(together))
}

// Binary is the path of one of the binaries under test, which lie in STOKER_BIN,
// by default in the bin folder of this repository.
func Binary(name string) string {
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

// Long leaves a test out of the short run.
func Long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("long")
	}
}
