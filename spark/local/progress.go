package local

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/eventlog"
)

// Prefixes of the keys of Spark's log of events, and of what is blotted out in it.
const (
	prefixEventLog  = "spark.eventLog."
	prefixRedaction = "spark.redaction."
	keyRedaction    = "spark.redaction.regex"
	// sparkRedaction is Spark's own default of keyRedaction.
	sparkRedaction = "(?i)secret|password|token|access[.]?key"
)

// addEventLog makes the driver write its events to dirEventLog, and reports whether
// it will. It leaves alone what somebody has decided: a history server may need the
// log, or somebody wants none. The driver writes its configuration there too, so
// secrets must be blotted out whatever their keys are.
func addEventLog(conf, secrets map[string]string, defaults []byte, dir jobDir) bool {
	if names(prefixEventLog, conf, defaults) {
		return false
	}
	if len(secrets) > 0 {
		if names(prefixRedaction, conf, defaults) || names(prefixRedaction, secrets, nil) {
			return false
		}
		redacted := []string{sparkRedaction}
		for _, key := range slices.Sorted(maps.Keys(secrets)) {
			redacted = append(redacted, "^"+regexp.QuoteMeta(key)+"$")
		}
		conf[keyRedaction] = strings.Join(redacted, "|")
	}
	maps.Copy(conf, eventlog.Conf(dir.path(dirEventLog)))
	return true
}

// names reports whether a key of a configuration, or of a spark-defaults.conf, has a
// prefix.
func names(prefix string, conf map[string]string, defaults []byte) bool {
	for key := range conf {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	for line := range bytes.Lines(defaults) {
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte(prefix)) {
			return true
		}
	}
	return false
}

// Progress implements spark.Progresser, from the events that a driver on this host
// writes into its job directory.
func (m *Manager) Progress(ctx context.Context, attempt job.Attempt) (job.Progress, error) {
	dir, err := m.dir(attempt)
	if err != nil {
		return job.Progress{}, err
	}
	progress, err := m.events.read(ctx, dir.path(dirEventLog))
	if errors.Is(err, fs.ErrNotExist) {
		return job.Progress{}, job.Errorf(job.CodeNotFound, "%s writes no events on cluster %s", attempt, m.opts.Cluster)
	}
	if err != nil {
		return job.Progress{}, m.unavailable("read the events of "+attempt.String(), err)
	}
	progress.Time = time.Now().UTC()
	return progress, nil
}

// forgetAfter is when what was read of an application that nobody asks about is
// forgotten; the next to ask reads its events anew.
const forgetAfter = 10 * time.Minute

// tails remembers, by directory, how far logs of events were read.
type tails struct {
	mu    sync.Mutex
	byDir map[string]*tail
}

type tail struct {
	mu     sync.Mutex
	events eventlog.Tail
	asked  time.Time
}

func (t *tails) read(ctx context.Context, dir string) (job.Progress, error) {
	of := t.of(dir)
	of.mu.Lock()
	defer of.mu.Unlock()
	return of.events.Read(ctx, dir)
}

func (t *tails) of(dir string) *tail {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	of := t.byDir[dir]
	if of == nil {
		maps.DeleteFunc(t.byDir, func(_ string, other *tail) bool { return now.Sub(other.asked) > forgetAfter })
		if t.byDir == nil {
			t.byDir = map[string]*tail{}
		}
		of = &tail{}
		t.byDir[dir] = of
	}
	of.asked = now
	return of
}
