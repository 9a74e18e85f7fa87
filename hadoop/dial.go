package hadoop

import (
	"context"
	"net"
	"time"
)

// Defaults of a Dialer.
const (
	DefaultDialTimeout = 10 * time.Second
	DefaultStall       = time.Minute
)

// Dialer makes connections that can't hang for ever: a server that accepts and
// then says nothing is found out, without a limit on how long a transfer takes.
type Dialer struct {
	// Timeout bounds connecting; DefaultDialTimeout when it is 0.
	Timeout time.Duration
	// Stall bounds how long one read or write waits for a byte, and a read also
	// from the last byte written; DefaultStall when it is 0. What is exceeded is
	// os.ErrDeadlineExceeded.
	Stall time.Duration
}

// DialContext has the form that net/http and Hadoop clients ask for.
func (d Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.Timeout == 0 {
		d.Timeout = DefaultDialTimeout
	}
	if d.Stall == 0 {
		d.Stall = DefaultStall
	}
	c, err := (&net.Dialer{Timeout: d.Timeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &stallConn{Conn: c, stall: d.Stall}, nil
}

type stallConn struct {
	net.Conn
	stall time.Duration
}

func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write also moves the deadline of a read that waits: during an upload the
// answer is not late.
func (c *stallConn) Write(p []byte) (int, error) {
	deadline := time.Now().Add(c.stall)
	if err := c.SetDeadline(deadline); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err == nil {
		err = c.SetReadDeadline(time.Now().Add(c.stall))
	}
	return n, err
}
