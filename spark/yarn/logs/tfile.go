package logs

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// tfile reads a file of aggregated logs from its beginning. Such a file is a TFile,
// a kind of BCFile (org.apache.hadoop.io.file.tfile):
//
//	magic, 16 bytes
//	data blocks, each of whole records; a compressed one is a zlib stream
//	  record: vint, key; chunks: vint, bytes, …    a chunk of negative length is not the last
//	meta blocks, the first of them TFile.meta, never compressed: 00 01 00 00 …
//	index of the meta blocks, its offset as 8 bytes, version as 2 × 2, magic
//
// The index at the end tells where blocks begin, but it can't be reached in a
// stream, and is not needed: a block ends where its records or its zlib stream
// end, and neither a record nor a zlib stream begins like TFile.meta. A file
// without all of it is one that is still being written.
//
// The records of a NodeManager (AggregatedLogFormat): VERSION, which is the first,
// APPLICATION_ACL, APPLICATION_OWNER and then one for each container, all keys as
// Java's writeUTF. A container's value is a run of entries: name by writeUTF,
// decimal length by writeUTF, content.
type tfile struct {
	in *bufio.Reader
	// block is what records are read from: in itself, or the zlib stream of one
	// block, which is nil between blocks.
	block      *bufio.Reader
	compressed bool
	inflate    io.ReadCloser
	inflated   *bufio.Reader
	value      *chunks
}

var magic = []byte{0xd1, 0x11, 0xd3, 0x68, 0x91, 0xb5, 0xd7, 0xb6, 0x39, 0xdf, 0x41, 0x40, 0x92, 0xba, 0xe1, 0x50}

const (
	// maxKey is TFile's own limit, in bytes.
	maxKey = 64 << 10
	// buffer of what is read ahead, in bytes.
	buffer = 64 << 10
)

// errIncomplete: the file ends where it should not, as it does while it is
// written.
var errIncomplete = errors.New("the aggregated file is not complete")

// errNoTFile: the file is something else.
var errNoTFile = errors.New("the aggregated file is no TFile with compression none or gz")

// newTFile reads the beginning.
func newTFile(r io.Reader) (*tfile, error) {
	t := &tfile{in: bufio.NewReaderSize(r, buffer)}
	got, err := t.in.Peek(len(magic))
	if !bytes.HasPrefix(magic, got) {
		return nil, errNoTFile
	}
	if err != nil {
		return nil, cut(err)
	}
	_, _ = t.in.Discard(len(magic)) // it was peeked
	switch begin, err := t.in.Peek(2); {
	case err != nil:
		return nil, cut(err)
	case isZlib(begin):
		t.compressed = true
	case begin[0] == byte(len("VERSION")+2):
		t.block = t.in
	default:
		return nil, errNoTFile
	}
	return t, nil
}

// isZlib reports whether bytes are the header of a zlib stream (RFC 1950).
func isZlib(b []byte) bool {
	return len(b) >= 2 && b[0]&0x0f == 8 && binary.BigEndian.Uint16(b)%31 == 0
}

// cut turns the end of a stream into errIncomplete.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errIncomplete
	}
	return err
}

// find goes to the record of a container and returns its value. If the file has
// none, and is complete, the error is errUnknown.
func (t *tfile) find(container string) (*chunks, error) {
	for {
		key, err := t.next()
		if err != nil {
			return nil, err
		}
		if key == container {
			return t.value, nil
		}
	}
}

// next goes to the next record and returns its key, or errUnknown at the end.
func (t *tfile) next() (string, error) {
	if t.value != nil {
		if _, err := io.Copy(io.Discard, t.value); err != nil {
			return "", err
		}
		t.value = nil
	}
	more, err := t.record()
	if err != nil {
		return "", cut(err)
	}
	if !more {
		return "", t.rest()
	}
	n, err := readVInt(t.block)
	if err != nil {
		return "", cut(err)
	}
	if n < 2 || n > maxKey {
		return "", badTFile("a key of %d bytes", n)
	}
	key := make([]byte, n)
	if _, err := io.ReadFull(t.block, key); err != nil {
		return "", cut(err)
	}
	if int(binary.BigEndian.Uint16(key)) != len(key)-2 {
		return "", badTFile("a key that is none")
	}
	t.value = &chunks{in: t.block}
	return string(key[2:]), nil
}

// record reports whether another one begins, opening the next block where needed.
func (t *tfile) record() (bool, error) {
	if !t.compressed {
		begin, err := t.in.Peek(1)
		return err == nil && begin[0] != 0, err
	}
	for {
		if t.block != nil {
			_, err := t.block.Peek(1)
			if err == nil {
				return true, nil
			}
			if !errors.Is(err, io.EOF) {
				return false, err
			}
			t.block = nil
		}
		begin, err := t.in.Peek(2)
		if err != nil {
			return false, err
		}
		if !isZlib(begin) {
			return false, nil
		}
		// The zlib reader takes no byte after its stream: t.in is an io.ByteReader.
		if t.inflate == nil {
			t.inflate, err = zlib.NewReader(t.in)
		} else {
			err = t.inflate.(zlib.Resetter).Reset(t.in, nil)
		}
		if err != nil {
			return false, err
		}
		if t.inflated == nil {
			t.inflated = bufio.NewReaderSize(t.inflate, buffer)
		}
		t.inflated.Reset(t.inflate)
		t.block = t.inflated
	}
}

// rest reads what follows the records. It returns errUnknown for a file that is
// complete.
func (t *tfile) rest() error {
	begin, err := t.in.Peek(4)
	if err != nil {
		return cut(err)
	}
	if !bytes.Equal(begin, []byte{0, 1, 0, 0}) {
		return badTFile("no TFile.meta where its records end")
	}
	var last []byte
	for {
		part := make([]byte, 4<<10)
		n, err := io.ReadFull(t.in, part)
		last = append(last, part[:n]...)
		last = last[max(0, len(last)-len(magic)):]
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
			break
		}
	}
	if !bytes.Equal(last, magic) {
		return errIncomplete
	}
	return errUnknown
}

func badTFile(format string, args ...any) error {
	return fmt.Errorf("the aggregated file is damaged: it has %s", fmt.Sprintf(format, args...))
}

// chunks reads a value.
type chunks struct {
	in   *bufio.Reader
	left int64
	last bool
}

func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.last {
			return 0, io.EOF
		}
		n, err := readVInt(c.in)
		if err != nil {
			return 0, cut(err)
		}
		if n > math.MaxInt32 || n < -math.MaxInt32 {
			return 0, badTFile("a chunk of %d bytes", n)
		}
		c.left, c.last = max(n, -n), n >= 0
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.in.Read(p)
	c.left -= int64(n)
	if err != nil {
		err = cut(err)
	}
	return n, err
}

// entry is one file of a container.
type entry struct {
	name   string
	length int64
}

// entry reads the header of the next file, whose content follows; io.EOF at the
// end.
func (c *chunks) entry() (entry, error) {
	name, err := readUTF(c)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return entry{}, badTFile("a log without a name")
	}
	if err != nil {
		return entry{}, err
	}
	digits, err := readUTF(c)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return entry{}, badTFile("a log without a length")
	}
	if err != nil {
		return entry{}, err
	}
	length, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || length < 0 {
		return entry{}, badTFile("a log without a length")
	}
	return entry{name, length}, nil
}

// readUTF reads what Java's writeUTF writes. Its way of writing NUL and characters
// beyond 16 bits is left as it is.
func readUTF(r io.Reader) (string, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return "", err
	}
	text := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(r, text); err != nil {
		return "", noEOF(err)
	}
	return string(text), nil
}

// readVInt reads a number in TFile's own coding (tfile.Utils.readVLong).
func readVInt(r io.ByteReader) (int64, error) {
	b, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	first := int64(int8(b)) //nolint:gosec // a signed byte
	if first >= -32 {
		return first, nil
	}
	var value int64
	var more int
	switch (first + 128) / 8 {
	case 7, 8, 9, 10, 11:
		value, more = first+52, 1
	case 3, 4, 5, 6:
		value, more = first+88, 2
	case 1, 2:
		value, more = first+112, 3
	default:
		if more = int(first + 129); more < 4 {
			return 0, badTFile("a number that is none")
		}
		if b, err = r.ReadByte(); err != nil {
			return 0, noEOF(err)
		}
		value, more = int64(int8(b)), more-1 //nolint:gosec // a signed byte
	}
	for range more {
		if b, err = r.ReadByte(); err != nil {
			return 0, noEOF(err)
		}
		value = value<<8 | int64(b)
	}
	return value, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
