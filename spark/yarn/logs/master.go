package logs

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// master is the container whose logs are read, and what YARN says of it. Its id is
// "" as long as it has no container.
type master struct {
	container
	attempts []rm.Attempt
	// known to the ResourceManager.
	known bool
	// The rest is set by complete.
	appEnded    bool
	endedAt     time.Time
	aggregation string
	diagnostics string
}

// The ResourceManager's words on aggregation that mean something here
// (LogAggregationStatus).
const (
	aggregationDisabled  = "DISABLED"
	aggregationSucceeded = "SUCCEEDED"
	aggregationFailed    = "FAILED"
)

// containerID holds application, attempt and number; newer ids an epoch as well.
var containerID = regexp.MustCompile(`^container_(?:e[0-9]+_)?([0-9]+_[0-9]+)_([0-9]+)_([0-9]+)$`)

// find asks which container the master is.
func (r *Reader) find(ctx context.Context, application string) (master, error) {
	if r.seen != nil && r.seen.ID == application {
		if m, ok := running(*r.seen); ok && (r.attempt == 0 || r.attempt == m.attempt) {
			return m, nil
		}
	}
	m := master{container: container{application: application, attempt: r.attempt}}
	attempts, err := r.manager.Attempts(ctx, application)
	if job.CodeOf(err) == job.CodeNotFound {
		err = r.forgotten(ctx, &m, err)
		return m, err
	}
	if err != nil {
		return m, err
	}
	m.known, m.attempts = true, attempts
	for i := len(attempts) - 1; i >= 0; i-- {
		if r.attempt == 0 || r.attempt == attempts[i].Number {
			err := m.take(i)
			return m, err
		}
	}
	return m, nil
}

// containerLogs is the address of a container's logs at its NodeManager, as the
// ResourceManager links to it.
var containerLogs = regexp.MustCompile(`^(https?)://([^/]+)/node/containerlogs/(container_[0-9a-z_]+)/`)

// running is the master of an application that runs, as it was listed.
func running(app rm.Application) (master, bool) {
	parts := containerLogs.FindStringSubmatch(app.AMContainerLogs)
	if parts == nil || app.State.Ended() || parts[2] != app.AMHostHTTPAddress {
		return master{}, false
	}
	m := master{container: container{application: app.ID, user: app.User}, known: true}
	attempt, _, ok := m.parse(parts[3])
	m.id, m.attempt, m.nodeWeb = parts[3], attempt, parts[1]+"://"+parts[2]
	return m, ok
}

// take makes the master that of one of the attempts.
func (m *master) take(i int) error {
	a := m.attempts[i]
	m.attempt = a.Number
	m.ended = i < len(m.attempts)-1 || !a.FinishedAt.IsZero() ||
		a.State == "FINISHED" || a.State == "FAILED" || a.State == "KILLED"
	if a.ContainerID == "" {
		return nil
	}
	if _, _, ok := m.parse(a.ContainerID); !ok {
		return job.Errorf(job.CodeUnavailable, "the ResourceManager says that the master of %s is %q, which is no container of it",
			m.application, job.Head(a.ContainerID, 100))
	}
	m.id, m.node, m.nodeWeb = a.ContainerID, a.NodeID, ""
	if a.NodeHTTPAddress != "" {
		m.nodeWeb = "http://" + a.NodeHTTPAddress
		if strings.HasPrefix(a.LogsLink, "https:") {
			m.nodeWeb = "https://" + a.NodeHTTPAddress
		}
	}
	return nil
}

// parse takes the id of a container of the application apart.
func (m *master) parse(id string) (attempt, number int64, ok bool) {
	parts := containerID.FindStringSubmatch(id)
	if parts == nil || "application_"+parts[1] != m.application {
		return 0, 0, false
	}
	attempt, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return 0, 0, false
	}
	number, err = strconv.ParseInt(parts[3], 10, 64)
	return attempt, number, err == nil
}

// complete asks for the application as a whole.
func (r *Reader) complete(ctx context.Context, m *master) error {
	if !m.known {
		return nil
	}
	app, err := r.manager.Application(ctx, m.application)
	if err != nil {
		return err
	}
	m.user, m.aggregation, m.diagnostics = app.User, app.LogAggregation, app.Diagnostics
	m.appEnded, m.endedAt = app.State.Ended(), app.FinishedAt
	m.ended = m.ended || m.appEnded
	if !m.appEnded || m.id != "" || r.attempt != 0 {
		return nil
	}
	// The last attempt never came to have a container: show the one before.
	for i := len(m.attempts) - 1; i >= 0; i-- {
		if m.attempts[i].ContainerID != "" {
			return m.take(i)
		}
	}
	return nil
}

// forgotten finds the master of an application that the ResourceManager has
// dropped, or never knew, which is the error: it is the container that was the
// first of its attempt, if the aggregated logs have one.
func (r *Reader) forgotten(ctx context.Context, m *master, unknown error) error {
	m.user, m.ended, m.appEnded, m.aggregation = r.user, true, true, aggregationSucceeded
	v := &verdict{}
	var ids []string
	if r.history != nil {
		ids = v.list(ctx, r.history, m.container)
	}
	if len(ids) == 0 && r.aggregated != nil {
		ids = v.list(ctx, r.aggregated, m.container)
	}
	for _, id := range ids {
		attempt, number, ok := m.parse(id)
		if ok && number == 1 && (attempt == r.attempt || r.attempt == 0 && attempt > m.attempt) {
			m.id, m.attempt = id, attempt
		}
	}
	switch {
	case m.id != "":
		return nil
	case ctx.Err() != nil:
		return interrupted(ctx, m.application, "logs")
	case len(v.failures) > 0:
		return v.failure(m.application, "logs")
	}
	return unknown
}

// verdict collects what sources said that had not got the log.
type verdict struct {
	asked  bool
	absent *absentError
	// keptAbsent: the complete aggregated logs have others of the container, but not
	// this one. nodeFailed: the NodeManager could not tell whether it has more.
	keptAbsent, nodeFailed bool
	failures               []string
	// code of the failures, unavailable if they differ.
	code job.Code
}

// ask opens a stream at a source; nil if that has not got it.
func (v *verdict) ask(ctx context.Context, from source, m master, stream string, offset, want int64) *section {
	s, err := from.open(ctx, m.container, stream, offset, want)
	v.asked = true
	if err != nil {
		v.add(from, m.container, err)
		return nil
	}
	s.attempt, s.from = m.attempt, from.name(m.container)
	return s
}

// lister is a source that can tell of which containers it has logs.
type lister interface {
	source
	containers(ctx context.Context, c container) ([]string, error)
}

func (v *verdict) list(ctx context.Context, from lister, c container) []string {
	ids, err := from.containers(ctx, c)
	if err != nil {
		v.add(from, c, err)
		return nil
	}
	return ids
}

func (v *verdict) add(from source, c container, err error) {
	_, isNode := from.(*node)
	var absent *absentError
	switch {
	case errors.As(err, &absent):
		if v.absent == nil || len(absent.streams) > len(v.absent.streams) {
			v.absent = absent
		}
		v.keptAbsent = v.keptAbsent || !isNode
	case !errors.Is(err, errUnknown):
		code := job.CodeOf(err)
		if code != job.CodeUnauthorized || v.code != "" && v.code != code {
			code = job.CodeUnavailable
		}
		v.code, v.nodeFailed = code, v.nodeFailed || isNode
		v.failures = append(v.failures, from.name(c)+" "+err.Error())
	}
}

// failure is the error of sources that could not tell.
func (v *verdict) failure(application, stream string) error {
	return job.Errorf(v.code, "read %s of %s: %s", stream, application, strings.Join(v.failures, "; "))
}

// judge says why no source has the log.
func (r *Reader) judge(m master, stream string, v *verdict) error {
	none := &NoLogError{Application: m.application, Stream: stream, Diagnostics: m.diagnostics}
	switch {
	case m.id == "" && (m.appEnded || m.ended && r.attempt != 0):
		none.Reason = NeverStarted
	case m.id == "":
		return notYet(m, stream, "its master has no container")
	case len(v.failures) > 0 && (!v.keptAbsent || v.nodeFailed):
		return v.failure(m.application, stream)
	case !m.ended:
		return notYet(m, stream, "its master has not written it")
	case v.absent == nil && !m.appEnded:
		return notYet(m, stream, "it is aggregated when the application ends")
	case r.history == nil && r.aggregated == nil && m.aggregation != aggregationDisabled && (v.absent == nil || len(v.absent.streams) == 0):
		return job.Errorf(job.CodeInvalid,
			"read %s of %s: YARN may have aggregated it; set the history server's address, or the store with the aggregated logs", stream, m.application)
	case v.absent != nil && len(v.absent.streams) == 0:
		none.Reason = NeverStarted
	case v.absent != nil:
		none.Reason, none.Streams = NoSuchStream, v.absent.streams
	case m.aggregation == aggregationDisabled, m.aggregation == aggregationFailed:
		none.Reason = Dropped
	case m.aggregation == aggregationSucceeded:
		none.Reason = NotKept
	case m.endedAt.IsZero() || r.now().Sub(m.endedAt) < r.patience:
		return notYet(m, stream, "YARN is aggregating it")
	default:
		none.Reason = Dropped
	}
	return noLog(none)
}

func notYet(m master, stream, why string) error {
	return job.Errorf(job.CodeUnavailable, "%s of %s is not there yet: %s", stream, m.application, why)
}
