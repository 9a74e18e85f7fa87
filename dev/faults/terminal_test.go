package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// redraw begins each drawing of a live line.
const redraw = "\r\x1b[K"

// Who waits in a terminal sees one line, which is drawn anew in its place and is never
// wider than the terminal, and in the end how the job ended.
func TestWaitInTerminal(t *testing.T) {
	b := newBench(t)
	b.Worker()
	_, url := b.API()
	u := b.User(url)
	file := filepath.Join(b.Scratch, "slow.py")
	require.NoError(t, os.WriteFile(file, []byte("import sys, time\ntime.sleep(5)\nprint('a last word')\nsys.exit(int(sys.argv[1]))\n"), 0o600))
	const columns = 40
	shown, code := u.Terminal(columns, "submit", "--wait", file, "0")
	require.Zero(t, code, shown)
	id, live, _ := strings.Cut(shown, "\r\n")
	require.Regexp(t, `^api-`, id)
	drawn := strings.Split(live, redraw)
	require.Greater(t, len(drawn), 10, "%q", shown)
	for _, line := range drawn[1 : len(drawn)-1] {
		require.NotContains(t, line, "\n")
		require.Less(t, utf8.RuneCountInString(line), columns, "%q", line)
		if line != "" {
			require.Regexp(t, `^[a-z]+ +[0-9.]+m?s`, line, "phase and time")
		}
	}
	require.Regexp(t, `(?m)^running +[0-9.]+s`, strings.Join(drawn, "\n"))
	require.Regexp(t, `^job `+id+` succeeded after [0-9.]+s\r\n$`, drawn[len(drawn)-1])

	shown, code = u.Terminal(columns, "submit", "--wait", file, "3")
	require.Equal(t, 1, code)
	require.Contains(t, shown, " failed (application) after ")
	require.Contains(t, shown, "a last word")
}
