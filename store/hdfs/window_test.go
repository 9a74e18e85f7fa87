package hdfs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/store/storetest"
)

// taker is a DataNode that takes a block and answers packets as it is told.
type taker struct {
	net.Conn
	r *bufio.Reader
}

// take agrees to take a block.
func take(c net.Conn) *taker {
	t := &taker{Conn: c, r: bufio.NewReader(c)}
	_, _ = io.ReadFull(t.r, make([]byte, 3))
	length, _ := binary.ReadUvarint(t.r)
	_, _ = io.CopyN(io.Discard, t.r, int64(length))
	_, _ = c.Write(agree())
	return t
}

// packet reads one; more is false when there is none.
func (t *taker) packet() (number int64, last, more bool) {
	head := make([]byte, 6)
	if _, err := io.ReadFull(t.r, head); err != nil {
		return 0, false, false
	}
	p := append(head, make([]byte, binary.BigEndian.Uint16(head[4:]))...)
	if _, err := io.ReadFull(t.r, p[len(head):]); err != nil {
		return 0, false, false
	}
	_, err := io.CopyN(io.Discard, t.r, int64(binary.BigEndian.Uint32(head))-4)
	number, last, _ = readPacket(p)
	return number, last, err == nil
}

func (t *taker) ack(number int64, status string) {
	var b bytes.Buffer
	marshalTo(&b, fromText("hadoop.hdfs.PipelineAckProto", fmt.Sprintf("seqno:%d reply:%s reply:SUCCESS flag:1 flag:2", number, status)))
	_, _ = t.Write(b.Bytes()) // the client may be gone
}

// windowed writes a large file to a DataNode.
func windowed(t *testing.T, serve func(d *taker)) (f *fakeNameNode, err error) {
	t.Helper()
	f = newFake(t)
	address := listen(t, func(c net.Conn) { serve(take(c)) })
	f.on["addBlock"] = func(request) (string, error) { return fmt.Sprintf("block{%s}", block(address, 0)), nil }
	f.on["updateBlockForPipeline"] = f.on["addBlock"]
	st := storeOn(t, func(o *Options) {
		o.Timeout, o.Dialer, o.BlockSize, o.Replication = 10*time.Second, hadoop.Dialer{Stall: 2 * time.Second}, 64<<20, 1
	}, f.address)
	_, err = st.Write(t.Context(), "/x", io.LimitReader(zeros{}, 5<<20), 0o600)
	return f, err
}

// A DataNode may keep the client waiting for as many packets as the window is wide,
// and for none more.
func TestWindowIsAsWideAsItSays(t *testing.T) {
	t.Parallel()
	f, err := windowed(t, func(d *taker) {
		for {
			packets := []int64{}
			for {
				number, last, more := d.packet()
				if !more {
					return
				}
				if packets = append(packets, number); last || len(packets) == mostInFlight {
					break
				}
			}
			d.ack(heartbeat, "SUCCESS")
			for _, number := range packets {
				d.ack(number, "SUCCESS")
			}
		}
	})
	require.NoError(t, err)
	require.Equal(t, []string{"/", "/x"}, f.names())

	var most atomic.Int64
	_, err = windowed(t, func(d *taker) {
		for number, _, more := d.packet(); more; number, _, more = d.packet() {
			most.Store(number)
		}
	})
	storetest.Unavailable(t, err)
	require.Equal(t, int64(mostInFlight), most.Load())
}

// A block that a DataNode has not acknowledged to its end is not written.
func TestWindowNeedsEveryAcknowledgement(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(d *taker, number int64, last bool)
		says   string
	}{
		"all but the last": {func(d *taker, number int64, last bool) {
			if !last {
				d.ack(number, "SUCCESS")
			}
		}, "DataNode"},
		"the last alone": {func(d *taker, number int64, last bool) {
			if last {
				d.ack(number, "SUCCESS")
			}
		}, "DataNode"},
		"one refused": {func(d *taker, number int64, _ bool) {
			d.ack(number, map[bool]string{true: "ERROR_CHECKSUM", false: "SUCCESS"}[number == 7])
		}, "packet 7 was refused: ERROR_CHECKSUM"},
		"the last refused": {func(d *taker, number int64, last bool) {
			d.ack(number, map[bool]string{true: "ERROR", false: "SUCCESS"}[last])
		}, "was refused: ERROR"},
		"a restart": {func(d *taker, number int64, _ bool) { d.ack(number, "OOB_RESTART") }, "OOB_RESTART"},
		"one twice": {func(d *taker, number int64, _ bool) {
			d.ack(number, "SUCCESS")
			d.ack(number, "SUCCESS")
		}, "out of turn"},
		"one too soon": {func(d *taker, number int64, _ bool) { d.ack(number+1, "SUCCESS") }, "out of turn"},
		"no number":    {func(d *taker, _ int64, _ bool) { _, _ = d.Write([]byte{2, 0x10, 0}) }, "can't be read"},
		"too long":     {func(d *taker, _ int64, _ bool) { _, _ = d.Write([]byte{0xff, 0xff, 0xff, 0x7f}) }, "bytes is announced"},
		"hangs up": {func(d *taker, number int64, _ bool) {
			if number == 20 {
				_ = d.Close()
			} else {
				d.ack(number, "SUCCESS")
			}
		}, "DataNode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := windowed(t, func(d *taker) {
				for number, last, more := d.packet(); more; number, last, more = d.packet() {
					c.answer(d, number, last)
				}
			})
			storetest.Unavailable(t, err)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, []string{"/"}, f.names(), "nothing is left")
		})
	}
}

// Connections that begin otherwise, to read or with SASL, are left alone.
func TestWindowIsForWritingOnly(t *testing.T) {
	t.Parallel()
	for begin, want := range map[string]bool{
		"\x00\x1c\x50rest": true, "\x00\x1c\x51rest": false, "\xde\xad\xbe\xef": false, "\x00": false,
	} {
		own, other := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, other) }()
		c := newDataConn(own, newSession(newPool(Options{Connections: 1}).options, hadoop.Dialer{}))
		_, err := c.Write([]byte(begin))
		require.NoError(t, err)
		_, err = c.Write([]byte("\x00\x1c\x50"))
		require.NoError(t, err)
		require.Equal(t, want, c.window.Load() != nil, "%q", begin)
		require.NoError(t, c.Close())
		require.NoError(t, other.Close())
	}
}

// What the window says to the library is what a DataNode would say.
func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Int64().Draw(t, "number")
		raw, err := readAnswer(bufio.NewReader(strings.NewReader(string(ackOf(number)))))
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(raw), 5, "the library reads so much at once")
		got, err := readAck(raw)
		require.NoError(t, err)
		require.Equal(t, number, got)
		m := newMessage("hadoop.hdfs.PipelineAckProto").Interface()
		_, n := binary.Uvarint(raw)
		require.NoError(t, proto.Unmarshal(raw[n:], m))
		require.True(t, proto.Equal(m, fromText("hadoop.hdfs.PipelineAckProto", fmt.Sprintf("seqno:%d reply:SUCCESS", number))))
	})
}

func FuzzReadAck(f *testing.F) {
	f.Add(ackOf(1))
	f.Add(ackOf(heartbeat))
	f.Add([]byte{4, 0x12, 2, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		raw, err := readAnswer(bufio.NewReader(strings.NewReader(string(data))))
		if err != nil {
			return
		}
		if _, err := readAck(raw); err != nil {
			require.NotEmpty(t, err.Error())
		}
		_, _, _ = readPacket(raw) // nor does that panic
	})
}
