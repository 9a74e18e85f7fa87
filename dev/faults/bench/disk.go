package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/stretchr/testify/require"
)

// SmallDisk makes a file system of so many bytes and returns a directory on it. It is a
// tmpfs that only one process has mounted, in a namespace of its own, and whoever reaches
// into that process sees: it takes root or the right to make user namespaces, and nothing
// of it is left when the process is gone.
func (b *Bench) SmallDisk(bytes int64) string {
	b.Helper()
	b.disks++
	dir := filepath.Join(b.Dir, fmt.Sprintf("disk-%d", b.disks))
	require.NoError(b, os.Mkdir(dir, 0o700))
	var refused error
	for _, user := range []bool{false, true} {
		if user && os.Geteuid() == 0 {
			break
		}
		holder, err := holdDisk(dir, bytes, user)
		if err == nil {
			b.Cleanup(func() {
				_ = holder.Process.Kill() // it waits to be killed
				_ = holder.Wait()         // killed
			})
			return fmt.Sprintf("/proc/%d/root%s", holder.Process.Pid, dir)
		}
		refused = err
	}
	require.NoError(b, refused, "a small file system takes root, or the right to make user namespaces")
	return ""
}

// holdDisk starts the process that has the file system, with or without being root in a
// namespace of its own.
func holdDisk(dir string, bytes int64, user bool) (*exec.Cmd, error) {
	script := fmt.Sprintf("mount -t tmpfs -o size=%d,mode=700 tmpfs '%s' && echo mounted && exec sleep 100000", bytes, dir)
	cmd := exec.Command("sh", "-c", script) //nolint:gosec,noctx // ended by the bench
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if user {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return nil, fmt.Errorf("mount a tmpfs: %q: %w", line, cmd.Wait())
	}
	return cmd, nil
}
