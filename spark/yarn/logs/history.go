package logs

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/stoker-spark/stoker/job"
)

// history is the MapReduce job history server. Besides what its name says it
// serves the aggregated logs of every application.
type history struct {
	web     *web
	address string
}

func (h *history) name(container) string { return "the history server " + h.address }

// notThere is how a history server says that the aggregated logs hold nothing, or
// that there are none. It also asks the ResourceManager, which may know better.
var notThere = regexp.MustCompile(`Can not get log meta|Can not find remote application directory|` +
	`not at Running or Finished State|HTTP 404 Not Found|File \S+ does not exist|There is no available log`)

func (h *history) open(ctx context.Context, c container, stream string, offset, _ int64) (*section, error) {
	l, err := h.list(ctx, "/ws/v1/history/containers/"+c.id+"/logs", url.Values{})
	if err != nil {
		return nil, err
	}
	parts, err := l.of(c.id, "AGGREGATED", stream)
	if err != nil {
		return nil, err
	}
	var size int64
	for _, part := range parts {
		size += part
	}
	start := resolve(offset, size)
	if start >= size {
		return &section{start: size, size: size}, nil
	}
	query := url.Values{}
	first := int64(0)
	if len(parts) == 1 {
		first = start
		query.Set("size", strconv.FormatInt(-(size-start), 10))
	}
	r, err := h.web.get(ctx, h.address, "/ws/v1/history/containerlogs/"+c.id+"/"+url.PathEscape(stream), query)
	if err != nil {
		return nil, err
	}
	if r.status != http.StatusOK {
		defer r.body.Close() //nolint:errcheck // nothing is lost: what was read was read
		return nil, refused(r.status, words(r))
	}
	content := &joined{in: newFrames(r.body, stream), parts: parts, skip: first}
	return sectionOf(start, size, start-first, content, r.body)
}

// joined reads the content of consecutive frames: logs that were aggregated while
// the container ran have several parts. skip is what is left out of the first.
type joined struct {
	in    *frames
	parts []int64
	skip  int64
	now   io.Reader
}

func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.now == nil {
			if len(j.parts) == 0 {
				return 0, io.EOF
			}
			f, err := j.in.next()
			switch {
			case err == errUnknown: //nolint:errorlint // next's bare error
				return 0, broken("sent a log that is not as long as it says")
			case err != nil:
				return 0, err
			case f.length != j.parts[0], f.local:
				return 0, broken("sent a log of another size than it says")
			}
			if f.length > 0 {
				j.now = j.in.content(f.length - j.skip)
			}
			j.parts, j.skip = j.parts[1:], 0
			continue
		}
		n, err := j.now.Read(p)
		if err == io.EOF {
			j.now, err = nil, nil
			if n == 0 {
				continue
			}
		}
		return n, err
	}
}

// containers lists the containers that are known of an application.
func (h *history) containers(ctx context.Context, c container) ([]string, error) {
	l, err := h.list(ctx, "/ws/v1/history/aggregatedlogs", url.Values{"appid": {c.application}})
	var ids []string
	for _, element := range l {
		ids = append(ids, element.Container)
	}
	slices.Sort(ids)
	return slices.Compact(ids), err
}

func (h *history) list(ctx context.Context, path string, query url.Values) (list, error) {
	r, err := h.web.get(ctx, h.address, path, query)
	if err != nil {
		return nil, err
	}
	defer r.body.Close() //nolint:errcheck // nothing is lost: what was read was read
	if r.status/100 == 3 {
		return nil, errUnknown // it means the NodeManager
	}
	if r.status != http.StatusOK {
		message := words(r)
		if notThere.MatchString(message) {
			return nil, errUnknown
		}
		if r.status == http.StatusNotFound {
			return nil, job.Errorf(job.CodeUnavailable, "answered 404; is it a history server?")
		}
		return nil, refused(r.status, message)
	}
	text, err := h.web.all(r)
	if err != nil {
		return nil, err
	}
	return parseList(text)
}
