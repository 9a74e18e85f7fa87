package logs

import (
	"context"
	"io"
	"math"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// Reader reads the logs of applications' masters. It is safe for concurrent use.
type Reader struct {
	manager  ResourceManager
	attempt  int64 // 0 is the last
	patience time.Duration
	now      func() time.Time
	// user whose application it may be, if the ResourceManager does not know.
	user string
	// seen is the application as the ResourceManager listed it, nil if it must be
	// asked.
	seen *rm.Application

	node *node
	// history and aggregated are nil where there are none.
	history    *history
	aggregated *aggregated
}

// New makes a Reader. It connects to nothing. Wrong options are a job.Error of
// code invalid.
func New(o Options) (*Reader, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	w := newWeb(o)
	r := &Reader{manager: o.ResourceManager, patience: o.Patience, now: time.Now, user: o.User, node: &node{web: w}}
	if o.HistoryAddress != "" {
		r.history = &history{web: w, address: o.HistoryAddress}
	}
	if len(o.Folders) > 0 {
		r.aggregated = &aggregated{folders: o.Folders, old: o.OldLayout}
	}
	return r, nil
}

// Attempt returns a Reader of the application's attempt with this number, from 1;
// 0 is the last one.
func (r *Reader) Attempt(number int64) *Reader {
	other := *r
	other.attempt = number
	return &other
}

// Read returns at most limit bytes of a file in the log directory of the
// application's master, from an offset in bytes, and the file's size now. A
// negative offset counts from the end; past the end there are no bytes and no
// error. The log of a running application grows between two calls; that of an
// ended one stays as it is, wherever it is read from.
//
// Of several attempts the last one is read, or the one that Attempt names. An
// application that ended before its last attempt got a container shows the attempt
// before.
func (r *Reader) Read(ctx context.Context, application, stream string, offset int64, limit int) ([]byte, int64, error) {
	if limit < 0 {
		return nil, 0, job.Errorf(job.CodeInvalid, "read %s of %s: a limit of %d bytes is none", stream, application, limit)
	}
	s, err := r.open(ctx, application, stream, max(offset, -math.MaxInt64/4), int64(limit))
	if err != nil {
		return nil, 0, err
	}
	defer s.close()
	want := min(int64(limit), s.size-s.start)
	if want == 0 {
		return []byte{}, s.size, nil
	}
	data, err := io.ReadAll(io.LimitReader(s.body, want))
	if err == nil && want == s.size-s.start {
		err = ending(s.body)
	}
	if err == nil && int64(len(data)) < want {
		err = broken("sent a log that is not as long as it says")
	}
	if err != nil {
		return nil, 0, s.failure(ctx, application, stream, err)
	}
	return data, s.size, nil
}

// ending reads the end of a body, of which all content was read.
func ending(body io.Reader) error {
	var one [1]byte
	_, err := body.Read(one[:])
	if err == io.EOF {
		return nil
	}
	return err
}

// failure is the error of a section's body.
func (s *section) failure(ctx context.Context, application, stream string, err error) error {
	if ctx.Err() != nil {
		return interrupted(ctx, application, stream)
	}
	code := job.CodeOf(err)
	if code == job.CodeInternal {
		code = job.CodeUnavailable // a file system's own error
	}
	return job.Errorf(code, "read %s of %s: %s %w", stream, application, s.from, err)
}

func interrupted(ctx context.Context, application, stream string) error {
	return job.Errorf(job.CodeUnavailable, "read %s of %s: %w", stream, application, ctx.Err())
}

// open finds a stream, wherever it is now.
func (r *Reader) open(ctx context.Context, application, stream string, offset, want int64) (*section, error) {
	switch {
	case !rm.ValidID(application):
		return nil, job.Errorf(job.CodeInvalid, "%q is no id of an application", job.Head(application, 100))
	case !isName(stream):
		return nil, job.Errorf(job.CodeInvalid, "%q is no name of a log, such as stdout", job.Head(stream, 100))
	}
	m, err := r.find(ctx, application)
	if err != nil {
		return nil, err
	}
	v := &verdict{}
	if m.id != "" && !m.ended {
		if s := v.ask(ctx, r.node, m, stream, offset, want); s != nil {
			return s, nil
		}
	}
	// The application may have ended while the NodeManager was asked.
	if err := r.complete(ctx, &m); err != nil {
		return nil, err
	}
	if m.id != "" {
		for _, source := range r.sources(m, v.asked) {
			if s := v.ask(ctx, source, m, stream, offset, want); s != nil {
				return s, nil
			}
		}
	}
	if ctx.Err() != nil {
		return nil, interrupted(ctx, application, stream)
	}
	return nil, r.judge(m, stream, v)
}

// sources are those left to ask. The NodeManager comes first, because it drops a
// log only when the others have it, unless they are known to have it.
func (r *Reader) sources(m master, nodeAsked bool) []source {
	var kept []source
	if r.history != nil {
		kept = append(kept, r.history)
	}
	if r.aggregated != nil {
		kept = append(kept, r.aggregated)
	}
	if nodeAsked || len(kept) > 0 && m.aggregation == aggregationSucceeded {
		return kept
	}
	return append([]source{r.node}, kept...)
}
