package logs

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// node is the NodeManager that runs, or ran, a container. It serves what is on
// its disk and not aggregated yet.
type node struct{ web *web }

func (n *node) name(c container) string {
	_, host, _ := strings.Cut(c.nodeWeb, "://")
	return "the NodeManager " + host
}

// unknownToNode is how a NodeManager says so (ContainerLogsUtils).
var unknownToNode = regexp.MustCompile(`Unknown container|Container is not yet running|Container wasn't started|HTTP 404 Not Found`)

const (
	// nearby is up to which offset a log is read from its beginning.
	nearby = 64 << 10
	// firstSlack is how much a log may grow between two requests without a third.
	firstSlack = 64 << 10
	// maxTries bounds the requests for a log that grows faster than that.
	maxTries = 4
)

func (n *node) open(ctx context.Context, c container, stream string, offset, want int64) (*section, error) {
	if c.nodeWeb == "" {
		return nil, errUnknown
	}
	if want < 0 || want > math.MaxInt64/4 {
		want = math.MaxInt64 / 4
	}
	want = max(want, 1) // of no bytes a server may send no length
	switch {
	case offset < 0:
		return n.tail(ctx, c, stream, offset, -offset)
	case offset <= nearby:
		return n.head(ctx, c, stream, offset, want)
	}
	// There is no offset, only a number of bytes from the end, which moves while a
	// program writes: ask for more than needed and skip what comes before.
	slack := int64(firstSlack)
	ask := slack
	if want < math.MaxInt64/4 {
		ask += want
	}
	for range maxTries {
		s, err := n.tail(ctx, c, stream, offset, ask)
		var later *laterError
		if !errors.As(err, &later) {
			return s, err
		}
		ask = later.size - offset + slack
		slack *= 16
	}
	return n.head(ctx, c, stream, offset, want)
}

// laterError: the bytes asked for begin after the offset.
type laterError struct{ size int64 }

func (*laterError) Error() string { return "begins later" }

// tail reads from an offset within the last bytes.
func (n *node) tail(ctx context.Context, c container, stream string, offset, bytes int64) (*section, error) {
	return n.fetch(ctx, c, stream, -bytes, func(size int64) (first, start int64) {
		return max(0, size-bytes), resolve(offset, size)
	})
}

// head reads from an offset within the first bytes.
func (n *node) head(ctx context.Context, c container, stream string, offset, want int64) (*section, error) {
	return n.fetch(ctx, c, stream, offset+want, func(size int64) (first, start int64) {
		return 0, resolve(offset, size)
	})
}

// fetch asks for a frame. Once the log's size is known, where says with which byte
// the frame's content begins and which one is wanted first.
func (n *node) fetch(ctx context.Context, c container, stream string, bytes int64, where func(size int64) (first, start int64)) (*section, error) {
	query := url.Values{"size": {strconv.FormatInt(bytes, 10)}}
	r, err := n.web.get(ctx, c.nodeWeb, "/ws/v1/node/containerlogs/"+c.id+"/"+url.PathEscape(stream), query)
	if err != nil {
		return nil, err
	}
	if r.status != http.StatusOK {
		defer r.body.Close() //nolint:errcheck // nothing is lost: what was read was read
		if r.status == http.StatusNotFound || r.status/100 == 3 {
			return nil, n.missing(ctx, c, stream)
		}
		return nil, refused(r.status, words(r))
	}
	in := newFrames(r.body, stream)
	f, err := in.next()
	if err == nil && !f.local {
		// Nothing is left on the disk; the aggregated copy has its own source.
		err = errUnknown
	}
	if err == nil && f.length == 0 && !f.running {
		// A file that is deleted while the NodeManager opens it looks like an empty one.
		err = n.confirmEmpty(ctx, c, stream)
	}
	first, start := where(f.length)
	if err == nil && start < first {
		err = &laterError{f.length}
	}
	if err != nil {
		_ = r.body.Close() // err is the one that matters
		return nil, err
	}
	sent := f.length - first
	if bytes >= 0 {
		sent = min(bytes, f.length)
	}
	content := in.content(sent)
	content.running = f.running
	if start >= f.length && f.length > 0 {
		// Only what follows the content says whether there may be more.
		if _, err := io.Copy(io.Discard, content); err != nil {
			_ = r.body.Close() // err is the one that matters
			return nil, err
		}
	}
	s, err := sectionOf(start, f.length, start-first, content, r.body)
	if err == nil {
		s.growing = func() bool { return content.running }
	}
	return s, err
}

// missing tells whether the NodeManager knows the container's files, of which the
// stream is none.
func (n *node) missing(ctx context.Context, c container, stream string) error {
	_, err := n.list(ctx, c, stream)
	if err == nil {
		err = job.Errorf(job.CodeUnavailable, "has just got it, or is about to drop it")
	}
	return err
}

func (n *node) confirmEmpty(ctx context.Context, c container, stream string) error {
	parts, err := n.list(ctx, c, stream)
	if err == nil && parts[0] != 0 {
		return broken("sent an empty log that is not empty")
	}
	return err
}

func (n *node) list(ctx context.Context, c container, stream string) ([]int64, error) {
	l, err := n.listAll(ctx, c)
	if err != nil {
		return nil, err
	}
	return l.of(c.id, "LOCAL", stream)
}

// listAll asks for the sizes of all files of a container.
func (n *node) listAll(ctx context.Context, c container) (list, error) {
	r, err := n.web.get(ctx, c.nodeWeb, "/ws/v1/node/containers/"+c.id+"/logs", url.Values{})
	if err != nil {
		return nil, err
	}
	defer r.body.Close() //nolint:errcheck // nothing is lost: what was read was read
	switch {
	case r.status == http.StatusNotFound, r.status/100 == 3:
		return nil, errUnknown
	case r.status != http.StatusOK:
		// Where its configuration has no log server to redirect to it answers 500 or
		// 503 for a container that it does not know.
		message := words(r)
		if unknownToNode.MatchString(message) {
			return nil, errUnknown
		}
		return nil, refused(r.status, message)
	}
	text, err := n.web.all(r)
	if err != nil {
		return nil, err
	}
	return parseList(text)
}
