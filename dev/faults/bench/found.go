package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Found is a process of this machine.
type Found struct {
	PID     int
	Command string
}

// Find lists the live processes that carry a text in their command line or
// environment, but not this one.
func Find(text string) ([]Found, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var list []Found
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline")) // gone since
		environ, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ")) // gone since
		if bytes.Contains(command, []byte(text)) || bytes.Contains(environ, []byte(text)) {
			list = append(list, Found{pid, strings.ReplaceAll(string(command), "\x00", " ")})
		}
	}
	return list, nil
}
