package logs

import (
	"context"
	"io"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// maxResumes bounds how often a copy goes on where a server broke off.
const maxResumes = 5

// Request names the log to copy.
type Request struct {
	Application string
	// Attempt of the application, from 1; 0 is the last one.
	Attempt int64
	Stream  string
	// From is the offset of the first byte.
	From int64
	// Seen is the application as the ResourceManager listed it not long ago, if it
	// did: that spares a question.
	Seen *rm.Application
}

// Copied says what a copy did.
type Copied struct {
	// Bytes written.
	Bytes int64
	// Size of the log, less than From if it is not the log that From was of.
	Size int64
	// Growing: the program may write more.
	Growing bool
}

// Copy writes a log from a byte offset up to its present end, in bounded memory.
// Whatever the error, n bytes were written, and from+n is where to go on; only if
// a writer fails it is the writer's own, and n what that took. Of a running
// application more may follow.
func (r *Reader) Copy(ctx context.Context, application, stream string, w io.Writer, from int64) (n int64, err error) {
	copied, err := r.CopyFrom(ctx, Request{Application: application, Attempt: r.attempt, Stream: stream, From: from}, w)
	return copied.Bytes, err
}

// CopyFrom is Copy, and says whether that is all.
func (r *Reader) CopyFrom(ctx context.Context, q Request, w io.Writer) (Copied, error) {
	var done Copied
	if q.From < 0 {
		return done, job.Errorf(job.CodeInvalid, "copy %s of %s: an offset of %d is none", q.Stream, q.Application, q.From)
	}
	r = r.Attempt(q.Attempt)
	r.seen = q.Seen
	for resumes := 0; ; resumes++ {
		s, err := r.open(ctx, q.Application, q.Stream, q.From+done.Bytes, -1)
		if err != nil {
			return done, err
		}
		done.Size = s.size
		if s.body == nil {
			done.Growing = s.mayGrow()
			return done, nil
		}
		to := &remembering{w: w}
		copied, err := io.Copy(to, s.body)
		s.close()
		done.Bytes += copied
		switch {
		case err == nil:
			done.Growing = s.mayGrow()
			return done, nil
		case to.err != nil:
			return done, to.err
		case copied == 0, resumes == maxResumes, isBroken(err), ctx.Err() != nil:
			return done, s.failure(ctx, q.Application, q.Stream, err)
		}
		r = r.Attempt(s.attempt)
	}
}

func (s *section) mayGrow() bool { return s.growing != nil && s.growing() }

// Sizes asks the NodeManager of a running application's master for the sizes of
// its files, in one request. Attempt is the one that runs. The error is unavailable
// where there is nothing yet.
func (r *Reader) Sizes(ctx context.Context, app rm.Application) (attempt int64, sizes map[string]int64, err error) {
	m, ok := running(app)
	if !ok {
		return 0, nil, job.Errorf(job.CodeUnavailable, "list the logs of %s: its master has no container", app.ID)
	}
	l, err := r.node.listAll(ctx, m.container)
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil, interrupted(ctx, app.ID, "the sizes of logs")
		}
		code := job.CodeOf(err)
		if code == job.CodeInternal {
			code = job.CodeUnavailable // it knows nothing of the container
		}
		return 0, nil, job.Errorf(code, "list the logs of %s: %s %w", app.ID, r.node.name(m.container), err)
	}
	sizes = map[string]int64{}
	for _, element := range l {
		for _, file := range element.Files {
			if element.Container == m.id && element.Type == "LOCAL" && file.Size >= 0 {
				sizes[file.Name] = int64(file.Size)
			}
		}
	}
	return m.attempt, sizes, nil
}

// Attempts lists the numbers of an application's attempts that had a container.
func (r *Reader) Attempts(ctx context.Context, application string) ([]int64, error) {
	if !rm.ValidID(application) {
		return nil, job.Errorf(job.CodeInvalid, "%q is no id of an application", job.Head(application, 100))
	}
	m, err := r.Attempt(0).find(ctx, application)
	if err != nil {
		return nil, err
	}
	var numbers []int64
	for _, a := range m.attempts {
		if a.ContainerID != "" {
			numbers = append(numbers, a.Number)
		}
	}
	if !m.known {
		for n := int64(1); n <= m.attempt; n++ {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}

// remembering tells a writer's error from a reader's.
type remembering struct {
	w   io.Writer
	err error
}

func (m *remembering) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	m.err = err
	return n, err
}
