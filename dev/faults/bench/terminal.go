package bench

import (
	"io"
	"os/exec"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// Terminal runs a command of the user's in a terminal of so many columns and returns all
// that was shown there, and the exit status.
func (u *User) Terminal(columns uint16, args ...string) (shown string, code int) {
	u.Helper()
	cmd := exec.CommandContext(u.Context(), Binary("stoker"), args...) //nolint:gosec // a binary under test
	cmd.Env = append(u.Environment(), "STOKER_SERVER="+u.URL, "TERM=xterm")
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: columns})
	require.NoError(u, err)
	defer func() { _ = screen.Close() }() // the command has ended
	data, _ := io.ReadAll(screen)         // which fails when the command's end is closed
	_ = cmd.Wait()                        // the exit status says it
	return string(data), cmd.ProcessState.ExitCode()
}
