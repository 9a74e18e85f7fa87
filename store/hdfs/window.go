package hdfs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

const (
	// mostInFlight is how many packets, of 64 KiB, may be on their way through a
	// pipeline of DataNodes: 300 MB/s where that takes 3 ms. The library waits
	// after 5 of them.
	mostInFlight = 16
	// mostAck bounds an answer of a DataNode to a client that writes.
	mostAck = 64 << 10
	// heartbeat is the number of packets that only keep a connection alive.
	heartbeat = -1
)

// unknown is the number of a block's last packet until that is sent.
const unknown = -1

// opWriteBlock begins the request to write a block: version and operation.
var opWriteBlock = []byte{0, 0x1c, 0x50}

var errAck = errors.New("an acknowledgement can't be read")

// window lets the library send packets without waiting for each one's
// acknowledgement: it acknowledges them itself as soon as they are sent. The last
// packet of a block it acknowledges when DataNodes have acknowledged all of the
// block's, so that nothing counts as written that isn't. A packet that a DataNode
// refuses, or an acknowledgement that doesn't come, fails the block as before.
//
// Source: DataTransferProtocol of Hadoop 3.4, datatransfer.proto. A packet is the
// length of what follows its header and checksums (4 bytes), the header's length (2
// bytes) and the header; answers stand behind their length, a varint.
type window struct {
	answers *bufio.Reader
	note    func(error) // is told why the block fails

	mu      sync.Mutex
	changed *sync.Cond
	// sent and acked are numbers of packets, which the library counts from 1; last is
	// that of the block's last one when it was sent.
	sent, acked, last int64
	// ready is what the library may read.
	ready  bytes.Buffer
	failed error
}

// newWindow begins with the request to write a block, before it is sent.
func newWindow(answers *bufio.Reader, note func(error)) *window {
	w := &window{answers: answers, note: note, last: unknown}
	w.changed = sync.NewCond(&w.mu)
	go w.collect()
	return w
}

// collect reads what the DataNode says until the block's end.
func (w *window) collect() {
	agreed, err := readAnswer(w.answers)
	if err != nil {
		w.fail(err)
		return
	}
	w.give(agreed)
	for w.awaited() {
		raw, err := readAnswer(w.answers)
		if err != nil {
			w.fail(err)
			return
		}
		number, err := readAck(raw)
		if err == nil && number == heartbeat {
			continue
		}
		if err == nil && !w.acknowledged(number, raw) {
			err = fmt.Errorf("%w: packet %d is acknowledged out of turn", errAck, number)
		}
		if err != nil {
			w.fail(err)
			return
		}
	}
}

// awaited waits until an acknowledgement is due: on an idle connection none comes.
func (w *window) awaited() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.failed == nil && w.sent == w.acked && w.acked != w.last {
		w.changed.Wait()
	}
	return w.failed == nil && w.sent != w.acked
}

func (w *window) acknowledged(number int64, raw []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if number != w.acked+1 {
		return false
	}
	w.acked = number
	if number == w.last {
		w.ready.Write(raw)
	}
	w.changed.Broadcast()
	return true
}

// send sends a packet when there is room for it.
func (w *window) send(to net.Conn, p []byte) error {
	number, last, err := readPacket(p)
	if err != nil {
		return err
	}
	if number == heartbeat {
		_, err = to.Write(p)
		return err
	}
	w.mu.Lock()
	for w.failed == nil && w.sent-w.acked >= mostInFlight {
		w.changed.Wait()
	}
	err = w.failed
	w.mu.Unlock()
	if err != nil {
		return err
	}
	if _, err := to.Write(p); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = number
	if last {
		w.last = number
	} else {
		w.ready.Write(ackOf(number))
	}
	w.changed.Broadcast()
	return nil
}

// read is what the library reads.
func (w *window) read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.ready.Len() == 0 && w.failed == nil {
		w.changed.Wait()
	}
	if w.failed != nil {
		return 0, w.failed
	}
	return w.ready.Read(p)
}

func (w *window) give(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready.Write(p)
	w.changed.Broadcast()
}

// fail ends all waiting. Only the first reason counts.
func (w *window) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	w.mu.Lock()
	first := w.failed == nil
	if first {
		w.failed = err
	}
	w.changed.Broadcast()
	w.mu.Unlock()
	if first && !errors.Is(err, net.ErrClosed) { // which was asked for
		w.note(err)
	}
}

// readAnswer reads an answer, its length included.
func readAnswer(r *bufio.Reader) ([]byte, error) {
	length, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if length > mostAck {
		return nil, fmt.Errorf("%w: an answer of %d bytes is announced", errAck, length)
	}
	raw := binary.AppendUvarint(make([]byte, 0, length+binary.MaxVarintLen16), length)
	begin := len(raw)
	raw = raw[:begin+int(length)] //nolint:gosec // bounded above
	_, err = io.ReadFull(r, raw[begin:])
	return raw, err
}

// readAck reads a PipelineAckProto behind its length. One that is none of success
// is an error.
func readAck(raw []byte) (number int64, err error) {
	_, n := binary.Uvarint(raw)
	found := false
	for raw = raw[n:]; len(raw) > 0; {
		field, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return 0, errAck
		}
		value := raw[n:]
		if n = protowire.ConsumeFieldValue(field, kind, value); n < 0 {
			return 0, errAck
		}
		value, raw = value[:n], value[n:]
		switch {
		case field == 1 && kind == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			number, found = protowire.DecodeZigZag(v), true
		case field == 2 && kind == protowire.BytesType: // packed
			value, _ = protowire.ConsumeBytes(value)
			fallthrough
		case field == 2:
			for len(value) > 0 {
				status, n := protowire.ConsumeVarint(value)
				if n < 0 {
					return 0, errAck
				}
				if status != 0 {
					return 0, fmt.Errorf("packet %d was refused: %s", number, statusName(status))
				}
				value = value[n:]
			}
		}
	}
	if !found {
		return 0, errAck
	}
	return number, nil
}

func statusName(status uint64) string {
	kind, err := protoregistry.GlobalTypes.FindEnumByName("hadoop.hdfs.Status")
	if err == nil && status < 1<<16 {
		if value := kind.Descriptor().Values().ByNumber(protoreflect.EnumNumber(status)); value != nil {
			return string(value.Name())
		}
	}
	return fmt.Sprintf("status %d", status)
}

// ackOf is an acknowledgement. The library can't read one of less than 5 bytes.
func ackOf(number int64) []byte {
	m := protowire.AppendTag(nil, 1, protowire.VarintType)
	m = protowire.AppendVarint(m, protowire.EncodeZigZag(number))
	m = protowire.AppendTag(m, 2, protowire.VarintType)
	m = protowire.AppendVarint(m, 0) // SUCCESS
	return append(binary.AppendUvarint(nil, uint64(len(m))), m...)
}

// readPacket reads the header of a packet, of which all fields have fixed lengths.
func readPacket(p []byte) (number int64, last bool, err error) {
	const lengths = 6
	if len(p) < lengths || len(p) < lengths+int(binary.BigEndian.Uint16(p[4:])) {
		return 0, false, errOtherLibrary
	}
	header := p[lengths : lengths+int(binary.BigEndian.Uint16(p[4:]))]
	found := false
	for len(header) > 0 {
		field, kind, n := protowire.ConsumeTag(header)
		if n < 0 {
			return 0, false, errOtherLibrary
		}
		value := header[n:]
		if n = protowire.ConsumeFieldValue(field, kind, value); n < 0 {
			return 0, false, errOtherLibrary
		}
		switch {
		case field == 2 && kind == protowire.Fixed64Type:
			v, _ := protowire.ConsumeFixed64(value)
			number, found = int64(v), true //nolint:gosec // sfixed64
		case field == 3 && kind == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			last = v != 0
		}
		header = value[n:]
	}
	if !found {
		return 0, false, errOtherLibrary
	}
	return number, last, nil
}
