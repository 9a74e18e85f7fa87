package yarn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

var (
	_ spark.LogCopier  = (*Manager)(nil)
	_ spark.Progresser = (*Manager)(nil)
	_ spark.Lister     = (*Manager)(nil)
	_ LogCopier        = (*logs.Reader)(nil)
)

// LogCopier is a LogReader that copies logs as a whole.
type LogCopier interface {
	LogReader
	Attempts(ctx context.Context, application string) ([]int64, error)
	Sizes(ctx context.Context, app rm.Application) (attempt int64, sizes map[string]int64, err error)
	CopyFrom(ctx context.Context, q logs.Request, w io.Writer) (logs.Copied, error)
}

// ProgressReader asks running applications how far they are.
type ProgressReader interface {
	Progress(ctx context.Context, application string) (job.Progress, error)
}

// streamOf is the name of a stream of an application's attempt: YARN starts a
// master again that was lost with its host.
func streamOf(base string, attempt int64) string {
	if attempt <= 1 {
		return base
	}
	return fmt.Sprintf("%s.%d", base, attempt)
}

// parseStream is the opposite of streamOf.
func parseStream(stream string) (base string, attempt int64, err error) {
	base, number, several := strings.Cut(stream, ".")
	attempt = 1
	if several {
		attempt, err = strconv.ParseInt(number, 10, 64)
	}
	if err != nil || attempt < 1 || base != "stdout" && base != "stderr" {
		return "", 0, job.Errorf(job.CodeInvalid, "%q is no log of an application: ask for stdout or stderr", job.Head(stream, 100))
	}
	return base, attempt, nil
}

// applications remembers the ids of attempts, which never change: logs of many
// attempts are followed, and a reservation costs two requests to read.
type applications struct {
	mu   sync.Mutex
	byID map[job.Attempt]string
}

// mostRemembered bounds the ids kept.
const mostRemembered = 10000

// of returns an attempt's id, which find looks up once; "" if there is none yet.
func (a *applications) of(attempt job.Attempt, find func() (string, error)) (string, error) {
	a.mu.Lock()
	id := a.byID[attempt]
	a.mu.Unlock()
	if id != "" {
		return id, nil
	}
	id, err := find()
	if err != nil || id == "" {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID == nil || len(a.byID) >= mostRemembered {
		a.byID = map[job.Attempt]string{}
	}
	a.byID[attempt] = id
	return id, nil
}

// applicationOf is the application reserved for an attempt.
func (m *Manager) applicationOf(ctx context.Context, attempt job.Attempt) (string, error) {
	id, err := m.applications.of(attempt, func() (string, error) {
		_, reservation, err := m.look(ctx, attempt)
		if err != nil || reservation == nil {
			return "", err
		}
		return reservation.Application, nil
	})
	if err == nil && id == "" {
		err = job.Errorf(job.CodeNotFound, "%s was not launched on cluster %s", attempt, m.opts.Cluster)
	}
	return id, err
}

// copier copies this cluster's logs.
func (m *Manager) copier() (LogCopier, error) {
	copier, ok := m.opts.Logs.(LogCopier)
	if !ok {
		return nil, job.Errorf(job.CodeNotFound, "cluster %s serves no logs", m.opts.Cluster)
	}
	return copier, nil
}

// Live implements spark.Lister.
func (m *Manager) Live(ctx context.Context) ([]spark.Sighting, error) {
	got, err := m.cache.get(ctx, snapshotAge, false)
	if err != nil {
		return nil, err
	}
	var live []spark.Sighting
	for _, app := range got.all {
		if attempt, ok := attemptOf(app); ok && !app.State.Ended() {
			live = append(live, m.sighting(attempt, app))
		}
	}
	return live, nil
}

// LogStreams implements spark.LogCopier.
func (m *Manager) LogStreams(ctx context.Context, attempt job.Attempt) ([]string, error) {
	id, err := m.applicationOf(ctx, attempt)
	if err != nil {
		return firstStreams(), err
	}
	return m.logStreams(ctx, id)
}

func firstStreams() []string { return []string{"stdout", "stderr"} }

func (m *Manager) logStreams(ctx context.Context, id string) ([]string, error) {
	streams := firstStreams()
	copier, err := m.copier()
	if err != nil {
		return streams, err
	}
	attempts, err := copier.Attempts(ctx, id)
	if job.CodeOf(err) == job.CodeNotFound {
		err = nil
	}
	for _, n := range attempts {
		if n > 1 {
			streams = append(streams, streamOf("stdout", n), streamOf("stderr", n))
		}
	}
	return streams, err
}

// LogSizes implements spark.LogCopier. The application's whereabouts are in the
// list that all jobs share, so only its NodeManager is asked.
func (m *Manager) LogSizes(ctx context.Context, attempt job.Attempt) (map[string]int64, error) {
	id, err := m.applicationOf(ctx, attempt)
	if err != nil {
		return nil, err
	}
	return m.logSizes(ctx, id)
}

func (m *Manager) logSizes(ctx context.Context, id string) (map[string]int64, error) {
	copier, err := m.copier()
	if err != nil {
		return nil, err
	}
	app, known, err := m.cache.find(ctx, id)
	if err == nil && !known {
		err = job.Errorf(job.CodeUnavailable, "the ResourceManager does not list %s", id)
	}
	if err != nil {
		return nil, err
	}
	n, all, err := copier.Sizes(ctx, app)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, base := range firstStreams() {
		if size, ok := all[base]; ok {
			sizes[streamOf(base, n)] = size
		}
	}
	return sizes, nil
}

// CopyLog implements spark.LogCopier. Where there is no log and will be none,
// stderr is what YARN says about that.
func (m *Manager) CopyLog(ctx context.Context, attempt job.Attempt, stream string, from int64, w io.Writer) (spark.LogCopy, error) {
	id, err := m.applicationOf(ctx, attempt)
	if err != nil {
		return spark.LogCopy{}, err
	}
	return m.copyLog(ctx, attempt, id, stream, from, w)
}

func (m *Manager) copyLog(ctx context.Context, attempt job.Attempt, id, stream string, from int64, w io.Writer) (spark.LogCopy, error) {
	base, n, err := parseStream(stream)
	if err != nil {
		return spark.LogCopy{}, err
	}
	copier, err := m.copier()
	if err != nil {
		return spark.LogCopy{}, err
	}
	request := logs.Request{Application: id, Attempt: n, Stream: base, From: from}
	if app, known, err := m.cache.find(ctx, id); err == nil && known {
		request.Seen = &app
	}
	copied, err := copier.CopyFrom(ctx, request, w)
	if job.CodeOf(err) == job.CodeNotFound {
		return m.noLog(ctx, attempt, stream, from, w, err)
	}
	return spark.LogCopy{Size: copied.Size, Growing: copied.Growing}, err
}

// noLog stands in for a log that is not there and will not be.
func (m *Manager) noLog(ctx context.Context, attempt job.Attempt, stream string, from int64, w io.Writer, absent error) (spark.LogCopy, error) {
	dir, err := m.dir(attempt)
	if err != nil {
		return spark.LogCopy{}, err
	}
	if sent, err := dir.exists(ctx, spark.FileIntent); err != nil || !sent {
		if err != nil {
			err = m.unavailable("look for a launch of "+attempt.String(), err)
		}
		return spark.LogCopy{}, err // it was never launched, and wrote nothing
	}
	var none *logs.NoLogError
	if !errors.As(absent, &none) || stream != "stderr" || none.Reason == logs.NoSuchStream {
		return spark.LogCopy{}, absent
	}
	text := explain(*none)
	switch from {
	case 0:
		_, err = io.WriteString(w, text)
		return spark.LogCopy{Size: int64(len(text))}, err
	case int64(len(text)):
		return spark.LogCopy{Size: from}, nil // it was copied before
	}
	return spark.LogCopy{}, absent
}

// explain makes of YARN's words a text in place of stderr.
func explain(none logs.NoLogError) string {
	diagnostics := cmp.Or(strings.TrimSpace(none.Diagnostics), "none")
	none.Diagnostics = ""
	return none.Error() + "\nYARN's diagnostics:\n" + diagnostics + "\n"
}

// Progress implements spark.Progresser.
func (m *Manager) Progress(ctx context.Context, attempt job.Attempt) (job.Progress, error) {
	id, err := m.applicationOf(ctx, attempt)
	if err != nil {
		return job.Progress{}, err
	}
	return m.progress(ctx, id)
}

func (m *Manager) progress(ctx context.Context, id string) (job.Progress, error) {
	if m.opts.Progress == nil {
		return job.Progress{}, job.Errorf(job.CodeNotFound, "cluster %s is not asked for progress", m.opts.Cluster)
	}
	return m.opts.Progress.Progress(ctx, id)
}
