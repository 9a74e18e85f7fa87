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
	"sync/atomic"
)

// mostAnswer is how large an answer of a NameNode may be: Hadoop's own limit,
// ipc.maximum.response.length. The library makes room for what is announced.
const mostAnswer = 128 << 20

var errHTTP = errors.New("an HTTP server answers there; the NameNode's RPC port is another (8020 unless configured)")

// nameConn is a connection to a NameNode. What goes wrong on it ends the session,
// because the library would go on with the rest of a broken answer.
//
// Source: answers are a length of 4 bytes and as many bytes; Hadoop RPC, version 9.
type nameConn struct {
	net.Conn
	s *session

	head [4]byte
	have int // bytes of head read
	left int // bytes of the answer still to come
}

func (c *nameConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil {
		if err = c.follow(p[:n]); err != nil {
			n = 0 // io.ReadFull forgets the error of a read that fills its buffer
		}
	}
	if err != nil {
		c.s.loseName(err)
	}
	return n, err
}

func (c *nameConn) follow(p []byte) error {
	for len(p) > 0 {
		if c.left > 0 {
			skip := min(c.left, len(p))
			c.left -= skip
			p = p[skip:]
			continue
		}
		c.head[c.have] = p[0]
		c.have++
		p = p[1:]
		if c.have < len(c.head) {
			continue
		}
		c.have = 0
		length := binary.BigEndian.Uint32(c.head[:])
		if string(c.head[:]) == "HTTP" {
			return errHTTP
		}
		if length > mostAnswer {
			return fmt.Errorf("an answer of %d bytes is announced, which no NameNode sends", length)
		}
		c.left = int(length)
	}
	return nil
}

func (c *nameConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		c.s.loseName(err)
	}
	return n, err
}

func (c *nameConn) Close() error {
	c.s.forget(c)
	return c.Conn.Close()
}

// dataConn is a connection to a DataNode. Its writes never fail: the library ends
// its goroutines for a block only if it can write the block's end. After a
// failure reads fail instead, and so does the block; the session keeps the cause.
type dataConn struct {
	net.Conn
	s *session
	// r reads a block; taken counts its bytes.
	r     *bufio.Reader
	taken int
	// window is there while a block is written.
	window atomic.Pointer[window]

	mu     sync.Mutex
	begun  bool // something was written
	broken bool
}

// Most files of a job are small, and a large buffer for each would be most of what
// the garbage collector has to do.
const (
	smallBuffer = 4 << 10
	largeBuffer = 128 << 10
)

func newDataConn(c net.Conn, s *session) *dataConn { return &dataConn{Conn: c, s: s} }

func (c *dataConn) Read(p []byte) (int, error) {
	if w := c.window.Load(); w != nil {
		return w.read(p)
	}
	switch {
	case c.r == nil:
		c.r = bufio.NewReaderSize(c.Conn, smallBuffer)
	case c.taken > smallBuffer && c.r.Buffered() == 0 && c.r.Size() < largeBuffer:
		c.r = bufio.NewReaderSize(c.Conn, largeBuffer)
	}
	n, err := c.r.Read(p)
	c.taken += n
	if err != nil && !errors.Is(err, io.EOF) {
		c.s.noteData(err)
	}
	return n, err
}

func (c *dataConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return len(p), nil
	}
	if err := c.send(p); err != nil {
		c.broken = true
		c.s.noteData(err)
		_ = c.Conn.Close() // err is the one that matters
		if w := c.window.Load(); w != nil {
			w.fail(err)
		}
	}
	return len(p), nil
}

// send goes through a window from the request to write a block on. What is
// protected by SASL begins otherwise, and has none.
func (c *dataConn) send(p []byte) error {
	w := c.window.Load()
	if !c.begun && bytes.HasPrefix(p, opWriteBlock) {
		c.window.Store(newWindow(bufio.NewReaderSize(c.Conn, smallBuffer), c.s.noteData))
	}
	c.begun = true
	if w != nil {
		return w.send(c.Conn, p)
	}
	_, err := c.Conn.Write(p)
	return err
}

func (c *dataConn) Close() error {
	c.s.forget(c)
	return c.hangUp()
}

// hangUp ends whatever waits on the connection.
func (c *dataConn) hangUp() error {
	err := c.Conn.Close()
	if w := c.window.Load(); w != nil {
		w.fail(net.ErrClosed)
	}
	return err
}
