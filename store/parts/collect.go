package parts

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// copyBuffer is how much is passed on at a time, and read from the store.
const copyBuffer = 256 << 10

// Collect passes the output at src, a file or a directory of parts, on to dst in
// one stream, in bounded memory.
//
// Nothing is written if the output is missing (an error that answers errors.Is
// with fs.ErrNotExist and has code not_found), over its limit (a
// *TooLargeError), no output (directories inside, not committed: code invalid)
// or can't be read. A part whose size differs from what the store said, or which
// vanished, is ErrChanged: dst then holds a part of the output, never more than
// the limit.
func Collect(ctx context.Context, st store.Store, src string, dst io.Writer, o Options) (Result, error) {
	s, err := open(ctx, st, src, o)
	if err != nil {
		return Result{}, err
	}
	defer s.close()
	buffer := make([]byte, copyBuffer)
	for {
		n, readErr := s.Read(buffer)
		if n > 0 {
			if _, err := dst.Write(buffer[:n]); err != nil {
				return Result{}, fmt.Errorf("output %q: write what was collected: %w", s.name, err)
			}
		}
		if errors.Is(readErr, io.EOF) {
			return s.result(), nil
		}
		if readErr != nil {
			return Result{}, readErr
		}
	}
}

// CollectTo collects as Collect does into a file of a store, which is there
// complete or not at all.
func CollectTo(ctx context.Context, st store.Store, src string, dst store.Store, path string, mode fs.FileMode, o Options) (Result, error) {
	s, err := open(ctx, st, src, o)
	if err != nil {
		return Result{}, err
	}
	defer s.close()
	if _, err := dst.Write(ctx, path, s, mode); err != nil {
		return Result{}, err
	}
	return s.result(), nil
}

// stream reads the parts one after the other.
type stream struct {
	ctx context.Context //nolint:containedctx // a stream outlives the call that made it
	st  store.Store
	output
	progress func(int64)
	// header is the line to drop from later parts; nil if there is none. With
	// once, the first part that has a line sets it.
	header []byte
	once   bool

	next    int // index of the part after the current one
	content io.ReadCloser
	current *bufio.Reader
	left    int64 // bytes of the current part still to come

	began    bool // a part that isn't empty has begun
	lastByte byte
	sum      hash.Hash
	done     Result
	err      error
}

func open(ctx context.Context, st store.Store, src string, o Options) (*stream, error) {
	if o.Name == "" {
		o.Name = src
	}
	found, err := find(ctx, st, src, o.Name)
	if err != nil {
		return nil, err
	}
	size := found.size()
	if o.MaxBytes > 0 && size.Bytes > o.MaxBytes {
		return nil, &TooLargeError{Name: o.Name, Size: size.Bytes, Limit: o.MaxBytes}
	}
	s := &stream{
		ctx: ctx, st: st, output: found, progress: o.Progress,
		sum: sha256.New(), lastByte: '\n', done: Result{Parts: size.Parts},
	}
	switch o.Header {
	case HeaderKeep:
	case HeaderOnce:
		s.once = true
	case HeaderAuto, "":
		if strings.EqualFold(o.Format, "CSV") {
			s.header, err = s.commonHeader()
		}
	default:
		err = job.Errorf(job.CodeInvalid, "output %q: %q is no header rule; use auto, keep or once", o.Name, o.Header)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// commonHeader looks at the beginning of every part and returns the header that
// they share, nil if they don't.
func (s *stream) commonHeader() ([]byte, error) {
	var header []byte
	shared := 0
	for _, p := range s.parts {
		if p.Size == 0 {
			continue
		}
		begin, err := s.beginning(p)
		if err != nil {
			return nil, err
		}
		line, ok := readFirstLine(begin)
		switch {
		case !ok, comesAgain(begin, line):
			return nil, nil
		case shared == 0 && !looksLikeHeader(line.text):
			return nil, nil
		case shared > 0 && !bytes.Equal(line.text, header):
			return nil, nil
		}
		header = line.text
		shared++
		if s.progress != nil {
			s.progress(0)
		}
	}
	if shared < 2 {
		return nil, nil
	}
	return header, nil
}

func (s *stream) beginning(p store.Info) ([]byte, error) {
	content, err := s.st.Open(s.ctx, p.Path)
	if err != nil {
		return nil, s.partFailure(p, err)
	}
	defer content.Close() //nolint:errcheck // opened for reading
	begin, err := io.ReadAll(io.LimitReader(content, int64(peekSize)))
	if err != nil {
		return nil, s.partFailure(p, err)
	}
	return begin, nil
}

// Read implements io.Reader; it is what the collected bytes come through.
func (s *stream) Read(b []byte) (int, error) {
	if s.err != nil || len(b) == 0 {
		return 0, s.err
	}
	n, err := s.read(b)
	if n > 0 {
		s.sum.Write(b[:n])
		s.done.Bytes += int64(n)
		s.lastByte = b[n-1]
		if s.progress != nil {
			s.progress(s.done.Bytes)
		}
	}
	s.err = err
	return n, err
}

func (s *stream) read(b []byte) (int, error) {
	for {
		if err := s.ctx.Err(); err != nil {
			return 0, failure(s.name, "", err)
		}
		if s.content == nil {
			if s.next == len(s.parts) {
				return 0, io.EOF
			}
			if err := s.openNext(); err != nil {
				return 0, err
			}
		}
		part := s.parts[s.next-1]
		if s.left == 0 {
			if _, err := s.current.Peek(1); err == nil {
				return 0, s.changed(part, "it grew")
			} else if !errors.Is(err, io.EOF) {
				return 0, s.partFailure(part, err)
			}
			s.close()
			continue
		}
		n, err := s.current.Read(b[:min(int64(len(b)), s.left)])
		s.left -= int64(n)
		switch {
		case n > 0:
			return n, nil // an error comes again with the next read
		case errors.Is(err, io.EOF):
			return 0, s.changed(part, "it shrank")
		case err != nil:
			return 0, s.partFailure(part, err)
		}
	}
}

// openNext opens the next part and steps over its header if it is a repeated one.
func (s *stream) openNext() error {
	part := s.parts[s.next]
	content, err := s.st.Open(s.ctx, part.Path)
	if err != nil {
		return s.partFailure(part, err)
	}
	s.next++
	s.content, s.current, s.left = content, bufio.NewReaderSize(content, copyBuffer), part.Size
	if part.Size == 0 || s.header == nil && !s.once {
		return nil
	}
	begin, err := s.current.Peek(peekSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return s.partFailure(part, err)
	}
	line, ok := readFirstLine(begin)
	first := !s.began
	s.began = true
	switch {
	case first && s.once:
		s.once = false
		if ok {
			s.header = bytes.Clone(line.text)
		}
		return nil
	case first, !ok, !bytes.Equal(line.text, s.header):
		return nil
	}
	drop := line.size
	if s.lastByte != '\n' {
		drop -= line.end
	}
	if int64(drop) > s.left {
		return s.changed(part, "it grew")
	}
	if _, err := s.current.Discard(drop); err != nil {
		return s.partFailure(part, err)
	}
	s.left -= int64(drop)
	s.done.HeaderDropped++
	return nil
}

func (s *stream) changed(part store.Info, how string) error {
	return job.Errorf(job.CodeUnavailable, "output %q: %q was %d bytes, then %s: %w", s.name, part.Path, part.Size, how, ErrChanged)
}

// partFailure is for a part that was there a moment ago.
func (s *stream) partFailure(part store.Info, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return s.changed(part, "it was gone")
	}
	return failure(s.name, part.Path, err)
}

func (s *stream) result() Result {
	s.done.SHA256 = hex.EncodeToString(s.sum.Sum(nil))
	return s.done
}

func (s *stream) close() {
	if s.content != nil {
		_ = s.content.Close() // opened for reading
		s.content = nil
	}
}
