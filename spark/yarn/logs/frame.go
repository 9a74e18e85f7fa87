package logs

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// frames reads what NodeManagers and the history server put a log into:
//
//	Container: container_e01_1795248734839_0002_01_000001 on localhost:8041
//	LogAggregationType: LOCAL
//	========================================================================
//	LogType:stdout
//	LogLastModifiedTime:Sat Nov 21 08:13:32 +0000 2026
//	LogLength:15
//	LogContents:
//	⟨content⟩End of LogType:stdout.This log file belongs to a running container (…) and so may not be complete.
//	***********************************************************************
//
// A server may leave the header of an empty log out, and older ones write "Log
// Contents:". In an aggregated frame a line feed precedes the trailer.
type frames struct {
	in     *bufio.Reader
	stream string
}

// frame is the header of one. The content is what follows in frames.
type frame struct {
	// length of the whole log, whatever part of it was asked for.
	length int64
	// local: from a node's disk; else aggregated.
	local bool
	// noHeader: the trailer stood alone.
	noHeader bool
	// running: its container runs; known of a frame without content only.
	running bool
}

const (
	maxLine        = 8 << 10
	maxHeaderLines = 64

	startOfFrame = "Container: "
	endOfFrame   = "End of LogType:"
	isRunning    = "This log file belongs to a running container"
	noLogsFound  = "Can not find logs for container"
)

func newFrames(r io.Reader, stream string) *frames {
	return &frames{in: bufio.NewReaderSize(r, maxLine), stream: stream}
}

// line returns the next line without its end, up to maxLine.
func (f *frames) line() (string, error) {
	text, err := f.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", broken("sent a line of more than %d bytes where a log begins", maxLine)
	case err != nil && (!errors.Is(err, io.EOF) || len(text) == 0):
		return "", err
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// next reads a header. The content of the frame before must have been read.
// At the end of the reply it returns errUnknown.
func (f *frames) next() (frame, error) {
	for range maxHeaderLines {
		text, err := f.line()
		switch {
		case errors.Is(err, io.EOF):
			return frame{}, errUnknown
		case err != nil:
			return frame{}, err
		case strings.HasPrefix(text, startOfFrame):
			return f.header()
		case strings.HasPrefix(text, endOfFrame+f.stream+"."):
			return frame{local: true, noHeader: true, running: strings.Contains(text, isRunning)}, nil
		case strings.HasPrefix(text, noLogsFound):
			return frame{}, errUnknown
		case strings.Trim(text, "*") == "", text == endOfFrame+f.stream:
			continue // what is left of a trailer
		}
		return frame{}, broken("sent something other than a log")
	}
	return frame{}, broken("sent something other than a log")
}

// header reads what follows its first line.
func (f *frames) header() (frame, error) {
	out := frame{length: -1, local: true}
	for range maxHeaderLines {
		text, err := f.line()
		if errors.Is(err, io.EOF) {
			return frame{}, broken("broke off its answer where a log begins")
		}
		if err != nil {
			return frame{}, err
		}
		key, value, _ := strings.Cut(text, ":")
		switch key {
		case "LogAggregationType":
			out.local = strings.TrimSpace(value) == "LOCAL"
		case "LogType":
			if value != f.stream {
				return frame{}, broken("sent another log than the one asked for")
			}
		case "LogLength":
			if out.length, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil || out.length < 0 {
				return frame{}, broken("sent a log without a length")
			}
		case "LogContents", "Log Contents":
			if out.length < 0 {
				return frame{}, broken("sent a log without a length")
			}
			if out.length == 0 {
				return out, f.empty(&out)
			}
			return out, nil
		}
	}
	return frame{}, broken("sent something other than a log")
}

// empty reads the trailer of a frame without content.
func (f *frames) empty(out *frame) error {
	text, err := f.line()
	if err == nil && text == "" {
		text, err = f.line()
	}
	out.running = strings.Contains(text, isRunning)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !strings.HasPrefix(text, endOfFrame+f.stream) {
		return broken("sent a log that is not as long as it says")
	}
	return nil
}

// content returns a reader of the n bytes that a frame holds. Its end is io.EOF
// only if the frame ends there as well.
func (f *frames) content(n int64) *content { return &content{frames: f, left: n} }

type content struct {
	*frames
	left  int64
	ended error
	// running: the trailer, once it was read, says that the container runs.
	running bool
}

func (c *content) Read(p []byte) (int, error) {
	if c.left <= 0 {
		if c.ended == nil {
			c.ended = c.trailer()
		}
		return 0, c.ended
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.in.Read(p)
	c.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF):
		err = broken("broke off its answer within a log")
	case err == nil && n == 0:
		err = nil
	}
	return n, err
}

// trailer looks whether the frame ends here: a server that found less than the
// length it had announced goes on with the trailer, which then counts as content.
func (c *content) trailer() error {
	want := []byte("\n" + endOfFrame + c.stream)
	got, err := c.in.Peek(len(want))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.HasPrefix(got, want) && !bytes.HasPrefix(got, want[1:]) {
		return broken("sent a log that is not as long as it says")
	}
	if got[0] == '\n' {
		_, err = c.in.Discard(1)
	} else {
		err = nil
	}
	if err == nil {
		var text string
		text, err = c.line() // the rest of the trailer is skipped by next
		c.running = strings.Contains(text, isRunning)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return io.EOF
}
