package packaging

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMain lets this binary be the programs of Temporal's images, by the names
// under which they are called there.
func TestMain(m *testing.M) {
	if program, ok := programs[filepath.Base(os.Args[0])]; ok {
		os.Exit(program(os.Args))
	}
	code := m.Run()
	if builtDir != "" {
		_ = os.RemoveAll(filepath.Dir(builtDir)) // temporary
	}
	os.Exit(code)
}
