package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// LogRequest says which part of which log to read.
type LogRequest struct {
	Job string
	// Stream is stdout or stderr; "" is stdout.
	Stream string
	// Attempt counts from 1; 0 is the last one.
	Attempt int
	// Offset of the first byte; a negative one counts from the present end.
	Offset int64
	// Follow goes on until the log is complete.
	Follow bool
}

// LogEnd is where reading a log ended.
type LogEnd struct {
	// Begin and Offset are of the first byte and of the one behind the last.
	Begin, Offset int64
	// Finished: nothing more will come. A log that is followed ends without it if its
	// rest was never saved when the job was done, or its next attempt had begun.
	Finished bool
	// Missing says what could not be saved, "" for nothing.
	Missing string
}

// Logs writes a part of a log to w, its bytes as they are. After a break it goes on
// behind the last byte that was written.
func (c *Client) Logs(ctx context.Context, r LogRequest, w io.Writer) (LogEnd, error) {
	path, err := jobPath(r.Job, "logs")
	if err != nil {
		return LogEnd{}, err
	}
	reader := &logReader{client: c, request: r, path: path, out: w, end: LogEnd{Begin: r.Offset, Offset: r.Offset}}
	err = reader.run(ctx)
	return reader.end, err
}

// logReader reads one log over as many requests as it takes.
type logReader struct {
	client  *Client
	request LogRequest
	path    string
	out     io.Writer
	end     LogEnd
	// done is when the job was first seen to be.
	done time.Time
}

// betweenAnswers is how long to wait when a log that is followed stands still although
// the server ended its answer.
const betweenAnswers = time.Second

func (l *logReader) run(ctx context.Context) error {
	for {
		before := l.end.Offset
		if err := l.read(ctx); err != nil {
			return err
		}
		if !l.request.Follow || l.end.Finished {
			return nil
		}
		// The server stops, was silent, or has given up: not every log is saved.
		found, err := l.client.Get(ctx, l.request.Job)
		if err != nil {
			return err
		}
		if l.request.Attempt > 0 && found.Attempt > l.request.Attempt {
			// Nobody saves more of this one. What came since it was read is its rest.
			l.request.Follow = false
			continue
		}
		switch {
		case found.Phase != job.PhaseDone:
			l.done = time.Time{}
		case l.done.IsZero():
			l.done = time.Now()
		case time.Since(l.done) > l.client.afterEnd:
			return nil
		}
		if l.end.Offset == before {
			if err := l.client.pause(ctx, betweenAnswers); err != nil {
				return err
			}
		}
	}
}

// read makes requests until one is answered to its end. Patience begins anew with every
// byte that comes.
func (l *logReader) read(ctx context.Context) error {
	for {
		before := l.end.Offset
		err := l.client.repeat(ctx, l.call(), l.copy)
		if !errors.Is(err, errCut) || l.end.Offset == before {
			return err
		}
	}
}

// errCut is an answer that broke off after some of its bytes were written.
var errCut = errors.New("the log was cut off")

func (l *logReader) call() *call {
	r := l.request
	values := url.Values{"offset": {strconv.FormatInt(l.end.Offset, 10)}}
	if r.Stream != "" {
		values.Set("stream", r.Stream)
	}
	if r.Attempt != 0 {
		values.Set("attempt", strconv.Itoa(r.Attempt))
	}
	if r.Follow {
		values.Set("follow", "true")
	}
	return &call{what: "read the log of job " + r.Job, method: http.MethodGet, path: l.path, query: values, repeatable: true}
}

// copy writes an answer's bytes, counting them.
func (l *logReader) copy(response *http.Response, w *watch) *failed {
	c := l.client
	begin, err := strconv.ParseInt(response.Header.Get("Stoker-Log-Offset"), 10, 64)
	if err != nil || begin < 0 {
		return &failed{err: job.Errorf(job.CodeUnavailable, "%s answered with %s instead of a log%w", c.Server(), orNothing(mediaType(response)), silent{ErrStrange})}
	}
	if l.end.Offset >= 0 && begin != l.end.Offset {
		return &failed{err: job.Errorf(job.CodeUnavailable, "%s answered from byte %d when asked for byte %d of the log%w", c.Server(), begin, l.end.Offset, silent{ErrStrange})}
	}
	moved := false
	if l.end.Offset < 0 {
		moved = true // the next request names the byte
		l.end.Begin, l.end.Offset = begin, begin
	}
	size, err := strconv.ParseInt(response.Header.Get("Stoker-Log-Size"), 10, 64)
	if err != nil {
		size = 0
	}
	finished := response.Header.Get("Stoker-Log-Finished") == "true"
	l.end.Missing = job.OneLine(response.Header.Get("Stoker-Log-Missing"))

	from := &watchedAnswer{response.Body, w}
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			moved = true
			written, err := l.out.Write(buffer[:n])
			l.end.Offset += int64(written)
			if err != nil {
				return &failed{err: job.Errorf(job.CodeInternal, "write what was read: %w", err)}
			}
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, io.EOF) && l.end.Offset >= size:
			l.end.Finished = finished
			return nil
		case l.request.Follow && errors.Is(because(response, err), errSilent):
			return nil // the log may be, or the connection is dead: asking again tells
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		}
		err = because(response, err)
		// Another request goes on from here, so this one is not made again.
		cut := job.Errorf(job.CodeUnavailable, "%w at byte %d: %w", errCut, l.end.Offset, err)
		return &failed{again: !moved, err: cut}
	}
}
