package hdfs

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	client "github.com/colinmarc/hdfs/v2"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/storetest"
)

func TestBrokenNameNodes(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	reply := func(b []byte) func(c net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write(b)
			untilClosed(c)
		}
	}
	for name, address := range map[string]string{
		"nobody listens":  "127.0.0.1:1",
		"no such host":    "host.invalid:8020",
		"silent":          silent(t),
		"hangs up":        listen(t, func(net.Conn) {}),
		"a web server":    strings.TrimPrefix(web.URL, "http://"),
		"garbage":         listen(t, reply(bytes.Repeat([]byte{0, 0, 0, 9, 7}, 100))),
		"a huge answer":   listen(t, reply([]byte{0x7f, 0xff, 0xff, 0xff, 1, 2, 3})),
		"an empty answer": listen(t, reply([]byte{0, 0, 0, 0})),
		"cut off":         listen(t, func(c net.Conn) { _, _ = c.Write([]byte{0, 0, 1, 0, 1, 2, 3}) }),
		"one byte a time": listen(t, func(c net.Conn) {
			for {
				if _, err := c.Write([]byte{1}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}),
	} {
		for op, call := range storetest.Calls {
			t.Run(name+"/"+op, func(t *testing.T) {
				t.Parallel()
				st := storeOn(t, func(o *Options) { o.Timeout = 400 * time.Millisecond }, address)
				begun := time.Now()
				err := call(t.Context(), st)
				require.Less(t, time.Since(begun), 10*time.Second)
				storetest.Unavailable(t, err)
				require.ErrorContains(t, err, "/x")
			})
		}
	}
}

func TestWebPortInsteadOfRPC(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	_, err := storeOn(t, nil, strings.TrimPrefix(web.URL, "http://")).Stat(t.Context(), "/x")
	require.ErrorContains(t, err, "an HTTP server answers there")
}

func TestContextEndsEveryWait(t *testing.T) {
	t.Parallel()
	address := silent(t)
	storetest.EndsWithContext(t, func(t *testing.T) store.Store {
		t.Helper()
		return storeOn(t, func(o *Options) { o.Timeout = time.Minute }, address)
	})
}

// All calls wait for their turn behind one that gets no answer.
func TestContextEndsTheWaitForAConnection(t *testing.T) {
	t.Parallel()
	st := storeOn(t, func(o *Options) { o.Connections, o.Timeout = 1, time.Minute }, silent(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	waiting := make(chan error, 1)
	go func() { _, err := st.Stat(ctx, "/"); waiting <- err }()
	require.Eventually(t, func() bool { return len(st.pool.slots) == 1 }, 10*time.Second, time.Millisecond)
	short, done := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer done()
	_, err := st.Stat(short, "/")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	cancel()
	require.ErrorIs(t, <-waiting, context.Canceled)
}

func TestTheWaitForAConnectionEnds(t *testing.T) {
	t.Parallel()
	st := storeOn(t, func(o *Options) { o.Connections, o.Timeout = 1, 300*time.Millisecond }, silent(t))
	st.pool.slots <- struct{}{}
	_, err := st.Stat(t.Context(), "/x")
	storetest.Unavailable(t, err)
	require.ErrorContains(t, err, "1 calls wait")
}

// brokenDataNodes are addresses, by how the DataNode behaves.
func brokenDataNodes(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"nobody listens": "127.0.0.1:1",
		"silent":         silent(t),
		"hangs up":       listen(t, func(net.Conn) {}),
		"garbage": listen(t, func(c net.Conn) {
			_, _ = c.Write(bytes.Repeat([]byte{5, 1, 2, 3, 4, 5}, 100))
			untilClosed(c)
		}),
		"agrees and hangs up": listen(t, func(c net.Conn) { _, _ = c.Write(agree()) }),
		"agrees and has nothing": listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write(append(agree(), lastPacket()...))
			untilClosed(c)
		}),
		"agrees and is silent": listen(t, func(c net.Conn) {
			_, _ = c.Write(agree())
			untilClosed(c)
		}),
	}
}

// agree is the answer of a DataNode that takes a block, or sends one.
func agree() []byte {
	var b bytes.Buffer
	m := fromText("hadoop.hdfs.BlockOpResponseProto",
		`status:SUCCESS firstBadLink:"" readOpChecksumInfo{checksum{type:CHECKSUM_CRC32C bytesPerChecksum:512} chunkOffset:0}`)
	marshalTo(&b, m)
	return b.Bytes()
}

// lastPacket ends a block without a byte of it.
func lastPacket() []byte {
	header, err := proto.Marshal(fromText("hadoop.hdfs.PacketHeaderProto", "offsetInBlock:0 seqno:0 lastPacketInBlock:true dataLen:0"))
	if err != nil {
		panic(err)
	}
	return append([]byte{0, 0, 0, 4, 0, byte(len(header))}, header...)
}

func TestBrokenDataNodes(t *testing.T) {
	t.Parallel()
	short := func(o *Options) {
		o.Timeout, o.Dialer = time.Second, hadoop.Dialer{Stall: 300 * time.Millisecond}
	}
	for name, dataNode := range brokenDataNodes(t) {
		t.Run("read/"+name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.put("/x", `fileType:IS_FILE length:1000 permission{perm:420} owner:"o" group:"g" modification_time:0 access_time:0`)
			f.on["getBlockLocations"] = func(request) (string, error) {
				return fmt.Sprintf(`locations{fileLength:1000 underConstruction:false isLastBlockComplete:true blocks{%s}}`, block(dataNode, 1000)), nil
			}
			st := storeOn(t, short, f.address)
			begun := time.Now()
			_, err := st.Open(t.Context(), "/x")
			storetest.Unavailable(t, err)
			require.Less(t, time.Since(begun), 10*time.Second)
		})
		for _, size := range []int{1, 5 << 20} {
			t.Run(fmt.Sprintf("write %d bytes/%s", size, name), func(t *testing.T) {
				t.Parallel()
				f := newFake(t)
				f.on["addBlock"] = func(request) (string, error) {
					return fmt.Sprintf("block{%s}", block(dataNode, 0)), nil
				}
				st := storeOn(t, short, f.address)
				begun := time.Now()
				_, err := st.Write(t.Context(), "/x", io.LimitReader(zeros{}, int64(size)), 0o600)
				storetest.Unavailable(t, err)
				require.ErrorContains(t, err, "DataNode")
				require.Less(t, time.Since(begun), 10*time.Second)
				require.Equal(t, []string{"/"}, f.names(), "nothing is left")
			})
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What the library does not expect of a server ends a call, not the process.
func TestLibraryPanics(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on["addBlock"] = func(request) (string, error) {
		nowhere, _, _ := strings.Cut(block("127.0.0.1:1", 0), "locs")
		return fmt.Sprintf("block{%s}", nowhere), nil
	}
	st := storeOn(t, nil, f.address)
	_, err := st.Write(t.Context(), "/x", strings.NewReader("x"), 0o600)
	storetest.Unavailable(t, err)
	require.Equal(t, []string{"/"}, f.names())
}

func TestContextEndsAWrite(t *testing.T) {
	t.Parallel()
	f, dataNode := newFake(t), silent(t)
	f.on["addBlock"] = func(request) (string, error) { return fmt.Sprintf("block{%s}", block(dataNode, 0)), nil }
	st := storeOn(t, func(o *Options) { o.Timeout, o.Dialer.Stall = time.Minute, time.Minute }, f.address)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := st.Write(ctx, "/x", strings.NewReader("x"), 0o600)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(begun), 10*time.Second)
	require.Equal(t, []string{"/"}, f.names())
}

// Whatever fails, no goroutine and no connection stays: a worker runs for months.
func TestNothingLeaks(t *testing.T) { //nolint:paralleltest // it counts goroutines
	f := newFake(t)
	for name, dataNode := range brokenDataNodes(t) {
		f.on["addBlock"] = func(request) (string, error) { return fmt.Sprintf("block{%s}", block(dataNode, 0)), nil }
		f.put("/r", `fileType:IS_FILE length:1000 permission{perm:420} owner:"o" group:"g" modification_time:0 access_time:0`)
		f.on["getBlockLocations"] = func(request) (string, error) {
			return fmt.Sprintf(`locations{fileLength:1000 underConstruction:false isLastBlockComplete:true blocks{%s}}`, block(dataNode, 1000)), nil
		}
		before := runtime.NumGoroutine()
		st := storeOn(t, func(o *Options) {
			o.Timeout, o.Dialer = 400*time.Millisecond, hadoop.Dialer{Stall: 100 * time.Millisecond}
		}, f.address)
		for range 5 {
			_, err := st.Write(t.Context(), "/x", io.LimitReader(zeros{}, 1<<20), 0o600)
			require.Error(t, err)
			_, err = st.Open(t.Context(), "/r")
			require.Error(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			_, err = st.Write(ctx, "/x", io.LimitReader(zeros{}, 1<<20), 0o600)
			cancel()
			require.Error(t, err)
		}
		require.NoError(t, st.Close())
		settles(t, before, name)
	}
}

// A reader that nobody closes ends with its ctx.
func TestForgottenReader(t *testing.T) { //nolint:paralleltest // it counts goroutines
	f := newFake(t)
	f.put("/x", `fileType:IS_FILE length:0 permission{perm:420} owner:"o" group:"g" modification_time:0 access_time:0`)
	st := storeOn(t, nil, f.address)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := st.Open(ctx, "/x")
	require.NoError(t, err)
	require.Greater(t, runtime.NumGoroutine(), before)
	cancel()
	settles(t, before, "a reader")
}

// settles proves that no more goroutines are left than there were.
func settles(t *testing.T, before int, what string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			require.FailNow(t, what+": goroutines are left", "%d before, now\n%s", before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestFollowFindsLengths(t *testing.T) {
	t.Parallel()
	answers := append(binary.BigEndian.AppendUint32(nil, 3), 1, 2, 3)
	answers = append(binary.BigEndian.AppendUint32(answers, 0), 0, 0, 0, 1, 9)
	for size := 1; size <= len(answers); size++ {
		c := &nameConn{}
		for rest := answers; len(rest) > 0; {
			n := min(size, len(rest))
			require.NoError(t, c.follow(rest[:n]))
			rest = rest[n:]
		}
		require.Zero(t, c.left+c.have)
		require.Error(t, c.follow([]byte("HTTP")))
		require.Error(t, (&nameConn{}).follow([]byte{0x10, 0, 0, 0}))
	}
}

// The library makes room for an answer as soon as it has its length, so that must
// not reach it.
func TestLengthsAreHeldBack(t *testing.T) {
	t.Parallel()
	for _, start := range []string{"HTTP/1.1 400", "\x7f\xff\xff\xffxx"} {
		ours, theirs := net.Pipe()
		s := newSession(client.ClientOptions{}, hadoop.Dialer{})
		c := &nameConn{Conn: ours, s: s}
		go func() { _, _ = io.WriteString(theirs, start) }()
		n, err := io.ReadFull(c, make([]byte, 4))
		require.Error(t, err)
		require.Less(t, n, 4)
		require.True(t, s.over())
		require.NoError(t, theirs.Close())
	}
}

// What the library wraps may be a connection's error, which is none of the file.
func TestAnswersOfConnections(t *testing.T) {
	t.Parallel()
	answer := func(err error) error {
		return newSession(client.ClientOptions{}, hadoop.Dialer{}).answer(&os.PathError{Op: "open", Path: "/x", Err: err})
	}
	require.ErrorIs(t, answer(fs.ErrPermission), fs.ErrPermission)
	require.NotErrorIs(t, answer(syscall.EACCES), fs.ErrPermission)
	require.NotErrorIs(t, answer(syscall.ENOENT), fs.ErrNotExist)
}
