package archive

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
)

// cluster is a cluster manager whose applications write logs. It copies no logs.
type cluster struct {
	spark.Manager

	mu    sync.Mutex
	state job.State
	// placed: the driver of what is pending has a place to run.
	placed bool
	// streams are what each application has written, by attempt and stream.
	streams map[job.Attempt]map[string]string
	// observe, snapshot, read and refuse, if not nil, come first.
	observe  func(context.Context) error
	snapshot func(context.Context) error
	read     func(ctx context.Context, stream string) error
	refuse   func(ctx context.Context, a job.Attempt) error
	reads    int
	lists    int
}

func (c *cluster) Observe(ctx context.Context, _ job.Attempt) (job.Observation, error) {
	if c.observe != nil {
		if err := c.observe(ctx); err != nil {
			return job.Observation{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return job.Observation{State: c.state, EndedAt: time.Unix(1000, 0).UTC()}, nil
}

func (c *cluster) Snapshot(ctx context.Context) ([]spark.Sighting, error) {
	if c.snapshot != nil {
		if err := c.snapshot(ctx); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists++
	var all []spark.Sighting
	for a := range c.streams {
		all = append(all, spark.Sighting{Attempt: a, Observation: job.Observation{State: c.state}, Placed: c.placed})
	}
	return all, nil
}

func (c *cluster) text(ctx context.Context, a job.Attempt, stream string) (string, error) {
	if c.read != nil {
		if err := c.read(ctx, stream); err != nil {
			return "", err
		}
	}
	if c.refuse != nil {
		if err := c.refuse(ctx, a); err != nil {
			return "", err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	return c.streams[a][stream], nil
}

func (c *cluster) Logs(ctx context.Context, a job.Attempt, stream string, offset int64, limit int) ([]byte, int64, error) {
	text, err := c.text(ctx, a, stream)
	if err != nil {
		return nil, 0, err
	}
	rest := text[min(offset, int64(len(text))):]
	return []byte(rest[:min(limit, len(rest))]), int64(len(text)), nil
}

func (c *cluster) write(a job.Attempt, stream, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[a] == nil {
		c.streams[a] = map[string]string{}
	}
	c.streams[a][stream] += text
}

func (c *cluster) change(what func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what()
}

// copier is a cluster that copies logs and asks for progress.
type copier struct {
	*cluster
	names    []string
	growing  func() bool
	list     func() error
	progress func() (job.Progress, error)
	sized    int
	copied   int
}

func (c *copier) LogStreams(context.Context, job.Attempt) ([]string, error) {
	if c.list != nil {
		return c.names, c.list()
	}
	return c.names, nil
}

func (c *copier) LogSizes(ctx context.Context, a job.Attempt) (map[string]int64, error) {
	sizes := map[string]int64{}
	for _, name := range c.names {
		text, err := c.text(ctx, a, name)
		if err != nil {
			return nil, err
		}
		sizes[name] = int64(len(text))
	}
	c.change(func() { c.sized++ })
	return sizes, nil
}

func (c *copier) CopyLog(ctx context.Context, a job.Attempt, stream string, from int64, w io.Writer) (spark.LogCopy, error) {
	c.change(func() { c.copied++ })
	text, err := c.text(ctx, a, stream)
	if err != nil {
		return spark.LogCopy{}, err
	}
	_, err = io.WriteString(w, text[min(from, int64(len(text))):])
	return spark.LogCopy{Size: int64(len(text)), Growing: c.growing != nil && c.growing()}, err
}

func (c *copier) Progress(context.Context, job.Attempt) (job.Progress, error) { return c.progress() }

// bundle is a cluster with its log store.
type bundle struct {
	*testing.T
	cluster *cluster
	copier  *copier
	store   *logstore.Store
	root    string
	attempt job.Attempt
	log     *log
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{T: t, root: t.TempDir(), attempt: job.AttemptOf("j", 1), log: &log{}}
	b.cluster = &cluster{state: job.StateSucceeded, streams: map[job.Attempt]map[string]string{b.attempt: {}}}
	b.copier = &copier{cluster: b.cluster, names: []string{"stdout", "stderr"}}
	b.store = logstore.New(file.New(file.Options{DirMode: 0o700}), b.root)
	return b
}

func (b *bundle) logs(a job.Attempt) *logstore.Logs {
	b.Helper()
	logs, err := b.store.Attempt(a)
	require.NoError(b, err)
	return logs
}

func (b *bundle) stored(a job.Attempt, name string) string {
	b.Helper()
	s, err := b.logs(a).Stream(name)
	require.NoError(b, err)
	data, _, err := s.Read(b.Context(), 0, 1<<30)
	require.NoError(b, err)
	return string(data)
}

func (b *bundle) eventually(what string, is func() bool) {
	b.Helper()
	require.Eventually(b, is, time.Minute, 2*time.Millisecond, what)
}

// log is a log that may be read while it is written.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), words)
}

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
