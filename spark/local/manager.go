package local

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

var (
	_ spark.Manager    = (*Manager)(nil)
	_ spark.Notifier   = (*Manager)(nil)
	_ spark.Progresser = (*Manager)(nil)
)

const (
	// lockWait bounds how long anything waits for the root lock, which is held
	// for milliseconds.
	lockWait = 10 * time.Second
	// minFree is the disk space below which nothing is launched.
	minFree = 64 << 20
)

// Manager runs applications on this host. Any number of Managers, in any
// number of processes, may share a root.
type Manager struct {
	opts Options
	proc procfs
	host string
	// events is what Progress has read of the logs of events.
	events tails
}

// New checks the options and prepares the root. An invalid error lists every
// problem.
func New(options Options) (*Manager, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	o := options.withDefaults()
	for _, dir := range []string{o.Root, filepath.Join(o.Root, dirLive), filepath.Join(o.Root, dirEvents), filepath.Join(o.Root, dirWaiting)} {
		if err := os.MkdirAll(dir, dirMode); err != nil {
			return nil, job.Errorf(job.CodeInvalid, "local cluster %s: root: %w", o.Cluster, err)
		}
	}
	host, err := hostID(o)
	if err != nil {
		return nil, job.Errorf(job.CodeInvalid, "local cluster %s: cannot identify this host: %w", o.Cluster, err)
	}
	if err := createExclusive(filepath.Join(o.Root, fileHost), []byte(host+"\n")); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, job.Errorf(job.CodeInvalid, "local cluster %s: cannot write to its root: %w", o.Cluster, err)
	}
	return &Manager{opts: o, proc: procfs(o.Proc), host: host}, nil
}

// hostID is the machine id or, where there is none, an id made once for the
// root.
func hostID(o Options) (string, error) {
	if data, err := os.ReadFile(o.machineID); err == nil {
		if id := strings.TrimSpace(string(data)); id != "" && id != "uninitialized" {
			return id, nil
		}
	}
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", err
	}
	path := filepath.Join(o.Root, fileHostID)
	if err := createExclusive(path, []byte("generated-"+hex.EncodeToString(random[:])+"\n")); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	data, err := os.ReadFile(path)
	return strings.TrimSpace(string(data)), err
}

// Guarantee implements spark.Manager.
func (m *Manager) Guarantee() spark.Guarantee { return spark.Identified }

// dir returns the job directory of an attempt, made or not.
func (m *Manager) dir(attempt job.Attempt) (jobDir, error) {
	if err := attempt.Validate(); err != nil {
		return "", err
	}
	return jobDir(spark.JobDir(m.opts.Root, attempt)), nil
}

// application is the id of an attempt's application. The digest tells the
// clusters of one host apart: the id marks processes, and a mark must never
// match another cluster's.
func (m *Manager) application(attempt job.Attempt) string {
	sum := sha256.Sum256([]byte(m.opts.Installation + "\x00" + m.opts.Root))
	return fmt.Sprintf("local-%s-%d-%s", attempt.Job, attempt.Number, hex.EncodeToString(sum[:4]))
}

// Reserve implements spark.Manager. What makes it idempotent is the exclusive
// creation of reservation.json.
func (m *Manager) Reserve(_ context.Context, attempt job.Attempt, notAfter time.Time) (spark.Reservation, error) {
	dir, err := m.dir(attempt)
	if err != nil {
		return spark.Reservation{}, err
	}
	if err := os.MkdirAll(string(dir), dirMode); err != nil {
		return spark.Reservation{}, m.unavailable("make the directory of "+attempt.String(), err)
	}
	err = createJSON(dir.path(spark.FileReservation), spark.Reservation{
		Application:  m.application(attempt),
		Attempt:      attempt,
		Installation: m.opts.Installation,
		Host:         m.host,
		NotAfter:     notAfter.UTC(),
		CreatedAt:    time.Now().UTC(),
	})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return spark.Reservation{}, m.unavailable("reserve "+attempt.String(), err)
	}
	reservation, err := readJSON[spark.Reservation](dir.path(spark.FileReservation))
	if err != nil {
		return spark.Reservation{}, job.Errorf(job.CodeInternal, "the reservation of %s: %w", attempt, err)
	}
	if reservation == nil {
		return spark.Reservation{}, job.Errorf(job.CodeUnavailable, "the reservation of %s vanished while it was made", attempt)
	}
	return *reservation, m.check(*reservation, job.CodeConflict)
}

// check reports whether a reservation is this installation's and this host's.
// Another host's worker may still answer later, so only Reserve calls that a
// conflict.
func (m *Manager) check(r spark.Reservation, otherHost job.Code) error {
	if r.Installation != m.opts.Installation {
		return job.Errorf(job.CodeConflict, "%s was reserved by another installation of Stoker (%s, this is %s): use another root",
			r.Attempt, r.Installation, m.opts.Installation)
	}
	if r.Host != m.host {
		return job.Errorf(otherHost, "%s was reserved on another host (machine id %s, this is %s): a local cluster belongs to one host, so only that host's worker may serve cluster %s",
			r.Attempt, r.Host, m.host, m.opts.Cluster)
	}
	return nil
}

// look reads the records of an attempt and checks whose they are.
func (m *Manager) look(dir jobDir) (view, error) {
	v, err := dir.look(m.proc)
	if err != nil {
		return view{}, err
	}
	if v.reservation != nil {
		err = m.check(*v.reservation, job.CodeUnavailable)
	}
	return v, err
}

// Probe implements spark.Manager.
func (m *Manager) Probe(context.Context) error {
	problems := m.opts.missing()
	if data, err := os.ReadFile(filepath.Join(m.opts.Root, fileHost)); err != nil {
		problems = append(problems, fmt.Sprintf("the root cannot be read: %v", err))
	} else if host := strings.TrimSpace(string(data)); host != m.host {
		problems = append(problems, fmt.Sprintf("root %s belongs to another host (machine id %s, this is %s): give each host a root of its own", m.opts.Root, host, m.host))
	}
	temp, err := writeTemp(filepath.Join(m.opts.Root, "probe"), []byte("probe"))
	if err != nil {
		problems = append(problems, fmt.Sprintf("the root cannot be written to: %v", err))
	} else {
		_ = os.Remove(temp) // an empty probe file harms nobody
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(m.opts.Root, &disk); err == nil {
		if free := disk.Bavail * uint64(disk.Bsize); free < minFree { // a block size is positive
			problems = append(problems, fmt.Sprintf("disk full: %d MiB free below %s, %d are needed", free>>20, m.opts.Root, minFree>>20))
		}
	}
	if len(problems) > 0 {
		return &job.Error{Code: job.CodeUnavailable, Message: "local cluster " + m.opts.Cluster + " cannot run anything: " + strings.Join(problems, "; "), Problems: problems}
	}
	return nil
}

// unavailable wraps a failure of the file system or of a process start; a full
// disk is named first.
func (m *Manager) unavailable(what string, err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return job.Errorf(job.CodeUnavailable, "disk full below %s: cannot %s: %w", m.opts.Root, what, err)
	}
	return job.Errorf(job.CodeUnavailable, "cannot %s on cluster %s: %w", what, m.opts.Cluster, err)
}
