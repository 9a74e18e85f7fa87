package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/logstore"
)

// gathering is one Finish under way.
type gathering struct {
	Final
	source
	logs     *logstore.Logs
	deadline time.Time
	// full is called when much was achieved.
	full func()
	// brokenOff says why the store took no more of a stream: it was full. noRoom is one of
	// these errors.
	brokenOff map[string]error
	noRoom    error
}

// gather copies all streams and describes them. The error is the store's.
func (g *gathering) gather(ctx context.Context) (*logstore.Manifest, error) {
	m := &logstore.Manifest{Job: g.Attempt.Job, Attempt: g.Attempt.Number, Application: g.Application, Streams: []logstore.StreamEnd{}, Complete: true}
	ended := true
	asking, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	observation, err := g.Manager.Observe(asking, g.Attempt)
	switch {
	case err != nil:
		ended = false
		note(m, "whether the application has ended is not known: "+err.Error())
	case !observation.State.Terminal() && observation.State != job.StateAbsent:
		ended = false
		note(m, fmt.Sprintf("the application was %s when its logs were archived", observation.State))
	default:
		m.EndedAt = observation.EndedAt
	}
	names, err := g.listed(ctx, ended)
	if err != nil {
		note(m, "there may be more streams: "+err.Error())
	}
	for _, name := range names {
		end, err := g.stream(ctx, m, name, ended)
		if err != nil {
			return nil, err
		}
		m.Streams = append(m.Streams, end)
	}
	return m, nil
}

// observeLimit leaves time for the logs themselves.
const observeLimit = 10 * time.Second

// note says what is missing.
func note(m *logstore.Manifest, words string) {
	m.Complete = false
	m.Notes = append(m.Notes, job.Head(words, job.MaxMessage))
}

// listed are the streams that the cluster has, waited for if it can't tell.
func (g *gathering) listed(ctx context.Context, ended bool) ([]string, error) {
	for {
		names, err := g.streams(ctx)
		if absent(err) {
			err = nil // nothing was ever launched
		}
		if err == nil || !mayPass(err) || !g.again(ctx, ended) {
			return names, err
		}
	}
}

// mayPass reports whether a failure is worth waiting for.
func mayPass(err error) bool {
	code := job.CodeOf(err)
	return code == job.CodeUnavailable || code == job.CodeInternal
}

// again waits a moment and reports whether to look once more.
func (g *gathering) again(ctx context.Context, ended bool) bool {
	if !ended || time.Until(g.deadline) < againAfter {
		return false // what still runs is not waited for
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(againAfter):
		return true
	}
}

// stream copies one stream to its end.
func (g *gathering) stream(ctx context.Context, m *logstore.Manifest, name string, ended bool) (logstore.StreamEnd, error) {
	end := logstore.StreamEnd{Name: name}
	stream, err := g.logs.Stream(name)
	if err != nil {
		return end, err
	}
	for chunk := lastChunk; ; {
		missing, passes, err := g.pass(ctx, stream, name, chunk)
		if errors.Is(err, store.ErrFull) && chunk > liveChunk {
			chunk = liveChunk // a smaller one may still fit
			continue
		}
		if errors.Is(err, store.ErrFull) {
			g.brokenOff[name], g.noRoom, err = err, err, nil
			m.Complete, ended = false, false
		}
		if err != nil {
			return end, err
		}
		if missing != "" && passes && g.again(ctx, ended) {
			continue
		}
		end.Complete = missing == "" && ended
		if missing != "" {
			note(m, name+" is incomplete: "+missing)
		}
		// The end is known without asking the store, unless that was the trouble.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		end.Bytes, end.Chunks, err = stream.Size(last)
		return end, err
	}
}

// pass copies what there is now, in chunks of so many bytes. Missing says what the store then lacks, "" for
// nothing, and passes whether that may pass. The error is the store's.
func (g *gathering) pass(ctx context.Context, stream *logstore.Stream, name string, chunk int) (missing string, passes bool, err error) {
	moved, err := g.move(ctx, stream, name, chunk, g.full)
	if ctx.Err() != nil {
		return "there was no time left for it", false, nil
	}
	if err != nil {
		return "", false, err
	}
	have, _, err := stream.Size(ctx)
	switch {
	case err != nil:
		return "", false, err
	case absent(moved.err) && have == 0:
		return "", false, nil // it was never written, or never launched
	case moved.err != nil:
		return moved.err.Error(), mayPass(moved.err), nil
	case moved.Growing:
		return "it was still being written", true, nil
	case moved.Size < have:
		return fmt.Sprintf("%d bytes were archived while it was written, and now the cluster has %d", have, moved.Size), false, nil
	}
	return "", false, nil
}
