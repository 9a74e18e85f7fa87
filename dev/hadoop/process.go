package hadoop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// markDaemon, in the environment of a daemon, holds the state directory.
const markDaemon = "STOKER_HADOOP"

// process names one process for ever: a pid alone is reused.
type process struct {
	PID int `json:"pid"`
	// StartTime in clock ticks since boot, field 22 of /proc/PID/stat.
	StartTime uint64 `json:"startTime"`
	BootID    string `json:"bootId"`
	// Started is the time of the start, to the daemon's own clock.
	Started time.Time `json:"started"`
	// LogOffset is where its log begins in the file.
	LogOffset int64 `json:"logOffset"`
}

type procStat struct {
	state     byte
	session   int
	startTime uint64
	threads   int
}

// dead: nothing of the process runs. A leading thread that has ended makes no
// dead process while others run and hold the ports.
func (s procStat) dead() bool { return (s.state == 'Z' || s.state == 'X') && s.threads <= 1 }

func statOf(pid int) (procStat, error) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return procStat{}, err
	}
	return parseStat(data)
}

// parseStat reads /proc/PID/stat, whose second field may hold anything.
func parseStat(data []byte) (procStat, error) {
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 {
		return procStat{}, fmt.Errorf("%d fields after ')' in a process's stat", len(fields))
	}
	session, errSession := strconv.Atoi(fields[3])
	start, errStart := strconv.ParseUint(fields[19], 10, 64)
	threads, errThreads := strconv.Atoi(fields[17])
	return procStat{fields[0][0], session, start, threads}, errors.Join(errSession, errStart, errThreads)
}

func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// identify names a process that runs now.
func identify(pid int) (process, error) {
	s, err := statOf(pid)
	if err != nil {
		return process{}, err
	}
	return process{PID: pid, StartTime: s.startTime, BootID: bootID(), Started: time.Now()}, nil
}

func (p process) stat() (procStat, bool) {
	if p.PID <= 0 || p.BootID == "" || p.BootID != bootID() {
		return procStat{}, false
	}
	s, err := statOf(p.PID)
	return s, err == nil && s.startTime == p.StartTime && !s.dead()
}

// alive reports whether exactly this process still runs. A zombie does not.
func (p process) alive() bool {
	_, ok := p.stat()
	return ok
}

// answering: alive and not stopped by a signal.
func (p process) answering() bool {
	s, ok := p.stat()
	return ok && s.state != 'T' && s.state != 't'
}

// signal sends a signal to exactly this process, or to nobody: os.FindProcess
// takes a handle on the pid before its start time is compared.
func (p process) signal(sig syscall.Signal) {
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return
	}
	defer func() { _ = handle.Release() }() // frees the handle only
	if p.alive() {
		_ = handle.Signal(sig) // gone meanwhile is what was wanted
	}
}

func readProcess(path string) (process, error) {
	var p process
	data, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("read %s: %w", path, err)
	}
	return p, nil
}

func writeProcess(path string, p process) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return writeFile(path, append(data, '\n'))
}

// leftOver lists the live processes of a cluster: daemons, even such as have no
// pid file, and containers. YARN puts each container into a session of its own
// and the NodeManager's directories into its environment. A process that
// emptied its environment is found by its session while another of that session
// is known. The caller's own session is left alone.
func leftOver(state string) []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	own, err := statOf(os.Getpid())
	if err != nil {
		return nil
	}
	boot := bootID()
	sessions := map[int][]process{}
	ours := map[int]bool{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		s, err := statOf(pid)
		if err != nil || s.dead() || s.session == own.session {
			continue
		}
		p := process{PID: pid, StartTime: s.startTime, BootID: boot}
		sessions[s.session] = append(sessions[s.session], p)
		if marked(pid, state) {
			ours[s.session] = true
		}
	}
	var found []process
	for session := range ours {
		found = append(found, sessions[session]...)
	}
	return found
}

// marked reports whether a process's environment is that of a daemon or of a
// container. An environment that cannot be read is somebody else's.
func marked(pid int, state string) bool {
	environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if string(entry) == markDaemon+"="+state || bytes.HasPrefix(entry, []byte("LOCAL_DIRS="+localDirs(state)+"/")) {
			return true
		}
	}
	return false
}
