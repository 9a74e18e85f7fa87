package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/stoker-spark/stoker/spark"
)

const (
	// envApplication marks every process of an application.
	envApplication = "STOKER_APPLICATION"
	// envSupervisor tells a supervisor from the application it launches.
	envSupervisor = "STOKER_SUPERVISOR"
)

// process names one process for ever: a PID alone is reused.
type process struct {
	PID int `json:"pid"`
	// StartTime in clock ticks since boot, field 22 of /proc/PID/stat.
	StartTime uint64 `json:"startTime"`
	BootID    string `json:"bootId"`
}

// member is a live process of an application.
type member struct {
	process
	session int
	// supervisor: it is a supervisor, or one that has not yet become what it
	// launches (between fork and exec).
	supervisor bool
}

// procfs reads a proc file system.
type procfs string

func (p procfs) path(name ...string) string {
	return filepath.Join(append([]string{string(p)}, name...)...)
}

func (p procfs) line(name ...string) string {
	data, err := os.ReadFile(p.path(name...))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (p procfs) bootID() string { return p.line("sys", "kernel", "random", "boot_id") }

// pidNamespace is "pid:[<inode>]" of the calling process.
func (p procfs) pidNamespace() string {
	target, err := os.Readlink(p.path("self", "ns", "pid"))
	if err != nil {
		return ""
	}
	return target
}

// unit is the systemd service in whose cgroup the calling process runs, or "".
func (p procfs) unit() string {
	for line := range strings.SplitSeq(p.line("self", "cgroup"), "\n") {
		_, path, _ := strings.Cut(line, ":")
		controllers, path, _ := strings.Cut(path, ":")
		if controllers != "" && controllers != "name=systemd" {
			continue
		}
		for dir := path; dir != "/" && dir != "." && dir != ""; dir = filepath.Dir(dir) {
			if strings.HasSuffix(dir, ".service") {
				return filepath.Base(dir)
			}
		}
	}
	return ""
}

type procStat struct {
	state                  byte
	parent, group, session int
	startTime              uint64
	threads                int
}

// dead: nothing of the process runs. A leading thread that has ended makes no
// dead process while others run.
func (s procStat) dead() bool {
	return (s.state == 'Z' || s.state == 'X' || s.state == 'x') && s.threads <= 1
}

func (p procfs) stat(pid int) (procStat, error) {
	data, err := os.ReadFile(p.path(strconv.Itoa(pid), "stat"))
	if err != nil {
		return procStat{}, err
	}
	return parseStat(data)
}

// parseStat reads /proc/PID/stat, whose second field may hold anything.
func parseStat(data []byte) (procStat, error) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return procStat{}, errors.New("no ')' in a process's stat")
	}
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) < 20 {
		return procStat{}, fmt.Errorf("%d fields after ')' in a process's stat", len(fields))
	}
	s := procStat{state: fields[0][0]}
	var errs [5]error
	s.parent, errs[0] = strconv.Atoi(fields[1])
	s.group, errs[1] = strconv.Atoi(fields[2])
	s.session, errs[2] = strconv.Atoi(fields[3])
	s.startTime, errs[3] = strconv.ParseUint(fields[19], 10, 64)
	s.threads, errs[4] = strconv.Atoi(fields[17])
	return s, errors.Join(errs[:]...)
}

// identify names a process that runs now.
func (p procfs) identify(pid int) (process, error) {
	s, err := p.stat(pid)
	if err != nil {
		return process{}, err
	}
	return process{PID: pid, StartTime: s.startTime, BootID: p.bootID()}, nil
}

// alive reports whether exactly this process still runs. A zombie does not.
func (p procfs) alive(who process) bool {
	if who.PID <= 0 || who.BootID == "" || who.BootID != p.bootID() {
		return false
	}
	s, err := p.stat(who.PID)
	return err == nil && s.startTime == who.StartTime && !s.dead()
}

// kin says which processes belong to an application.
type kin struct {
	application string
	// temp is the application's own directory for temporary files: user code is
	// not shown STOKER_APPLICATION and so cannot hand it on, but hands on this.
	temp string
	// session, if not 0, must be one whose leader is known to be the
	// application's own (alive, or dead and not yet reaped).
	session int
	// supervisor, if not 0, is the live process to which all that the
	// application makes and abandons falls; see adoptOrphans.
	supervisor int
}

func (d jobDir) kin(application string) kin {
	return kin{application: application, temp: d.path(spark.DirTemp)}
}

// mark reports whether a process carries an application's mark, and whether as
// a supervisor. Processes whose environment cannot be read do not.
func (p procfs) mark(pid int, k kin) (marked, supervisor bool) {
	f, err := os.Open(p.path(strconv.Itoa(pid), "environ"))
	if err != nil {
		return false, false
	}
	defer func() { _ = f.Close() }() // only read from
	env, err := io.ReadAll(io.LimitReader(f, 4<<20))
	if err != nil {
		return false, false
	}
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		switch string(entry) {
		case envApplication + "=" + k.application, "TMPDIR=" + k.temp:
			marked = true
		case envSupervisor + "=1":
			supervisor = true
		}
	}
	return marked, supervisor
}

// members lists the live processes of an application: those that carry its
// mark, are of its session or descend from its supervisor.
func (p procfs) members(k kin) []member {
	entries, err := os.ReadDir(string(p))
	if err != nil {
		return nil
	}
	boot := p.bootID()
	stats := map[int]procStat{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if s, err := p.stat(pid); err == nil {
			stats[pid] = s
		}
	}
	var found []member
	for pid, before := range stats {
		if pid == os.Getpid() || before.dead() {
			continue
		}
		marked, supervisor := p.mark(pid, k)
		inSession := k.session != 0 && before.session == k.session
		if !marked && !inSession && !descends(stats, pid, k.supervisor) {
			continue
		}
		after, err := p.stat(pid)
		if err != nil || after.startTime != before.startTime || after.dead() {
			continue
		}
		found = append(found, member{
			process: process{PID: pid, StartTime: after.startTime, BootID: boot},
			session: after.session, supervisor: marked && supervisor,
		})
	}
	slices.SortFunc(found, func(a, b member) int { return a.PID - b.PID })
	return found
}

// descends reports whether a process is a child of another, or a child's child.
func descends(stats map[int]procStat, pid, ancestor int) bool {
	if ancestor == 0 {
		return false
	}
	for range len(stats) { // a chain put together at different times may have a ring
		s, ok := stats[pid]
		if !ok || s.parent == 0 {
			return false
		}
		if s.parent == ancestor {
			return true
		}
		pid = s.parent
	}
	return false
}

// children lists the child processes of a process, ended ones not yet reaped
// included; nothing where the kernel doesn't tell.
func (p procfs) children(pid int) []int {
	lists, err := filepath.Glob(p.path(strconv.Itoa(pid), "task", "*", "children"))
	if err != nil {
		return nil
	}
	var found []int
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			continue // that thread has ended
		}
		for _, word := range strings.Fields(string(data)) {
			if child, err := strconv.Atoi(word); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

// holders lists the processes that have a file open, such as a lock.
func (p procfs) holders(path string) []process {
	entries, err := os.ReadDir(string(p))
	if err != nil {
		return nil
	}
	var found []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		who, err := p.identify(pid)
		if err != nil {
			continue
		}
		fds, err := os.ReadDir(p.path(entry.Name(), "fd"))
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if target, err := os.Readlink(p.path(entry.Name(), "fd", fd.Name())); err == nil && target == path {
				found = append(found, who)
				break
			}
		}
	}
	return found
}

// signal sends a signal to exactly this process, or to nobody: os.FindProcess
// takes a handle on the PID before its start time is compared.
func (p procfs) signal(who process, sig syscall.Signal) {
	handle, err := os.FindProcess(who.PID)
	if err != nil {
		return
	}
	defer func() { _ = handle.Release() }() // frees the handle only
	if p.alive(who) {
		_ = handle.Signal(sig) // gone meanwhile is what was wanted
	}
}

// signalGroup signals the process group that a leader made, if it still leads
// it; without its leader a group's number means nothing.
func (p procfs) signalGroup(leader process, sig syscall.Signal) {
	s, err := p.stat(leader.PID)
	if err != nil || s.startTime != leader.StartTime || leader.BootID != p.bootID() || s.group != leader.PID {
		return
	}
	_ = syscall.Kill(-leader.PID, sig) // gone meanwhile is what was wanted
}
