package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	client "github.com/colinmarc/hdfs/v2"

	"github.com/stoker-spark/stoker/hadoop"
)

var (
	errSessionClosed = errors.New("the connection was closed")
	errTooManyDials  = errors.New("DataNodes take connections and give nothing")
	errUnreadable    = errors.New("the answer can't be read")
)

// mostDials is how many connections to DataNodes may be made in a row without a
// byte of content: the library would go on for ever.
const mostDials = 16

// session is one client of the library, which makes one call at a time, and the
// connections it holds. The library knows no ctx: to end a session closes them,
// so that whatever waits on one returns.
type session struct {
	options client.ClientOptions
	dialer  hadoop.Dialer
	// reused sessions have made a call before, so their connection may be stale.
	reused bool
	// expiry closes an idle session.
	expiry *time.Timer

	client   *client.Client
	executor executor

	dialing context.Context //nolint:containedctx // ends with the session
	stop    context.CancelFunc

	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	ended    error  // why nothing may be sent any more
	nameNode string // dialed last
	nameLost bool   // it is the NameNode that failed
	dataNode string // dialed last, for this call
	data     error  // what failed first at a DataNode
	dials    int    // of DataNodes since the last byte
}

func newSession(options client.ClientOptions, dialer hadoop.Dialer) *session {
	s := &session{options: options, dialer: dialer, conns: map[net.Conn]struct{}{}}
	s.dialing, s.stop = context.WithCancel(context.Background())
	s.options.NamenodeDialFunc = s.dialName
	s.options.DatanodeDialFunc = s.dialData
	return s
}

// connect makes the client. The NameNode is asked nothing yet.
func (s *session) connect() error {
	if s.client != nil {
		return nil
	}
	c, err := client.NewClient(s.options)
	if err != nil {
		return s.answer(err)
	}
	e, err := executorOf(c)
	if err != nil {
		_ = c.Close() // err is the one that matters
		return err
	}
	s.mu.Lock()
	s.client, s.executor = c, e
	ended := s.ended
	s.mu.Unlock()
	if ended != nil {
		go c.Close() //nolint:errcheck // its connections are closed already
		return s.lost(ended)
	}
	return nil
}

// end closes everything, once. The client's own goroutine ends a moment later.
func (s *session) end(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return
	}
	s.ended = cause
	s.stop()
	for c := range s.conns {
		s.closeQuietly(c)
	}
	if s.client != nil {
		go s.client.Close() //nolint:errcheck // its connections are closed already
	}
}

// closeQuietly closes the connection itself; its wrapper would take s.mu.
func (s *session) closeQuietly(c net.Conn) {
	switch c := c.(type) {
	case *nameConn:
		_ = c.Conn.Close() // nothing is waited for on it any more
	case *dataConn:
		_ = c.hangUp() // as above
	}
}

// over reports whether the session can't be used any more.
func (s *session) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended != nil
}

// obey ends the session when ctx ends, until release is called.
func (s *session) obey(ctx context.Context) (release func()) {
	stop := context.AfterFunc(ctx, func() { s.end(ctx.Err()) })
	return func() {
		if !stop() {
			s.end(ctx.Err()) // it is under way: not later than now
		}
	}
}

// within bounds what fn waits for.
func (s *session) within(limit time.Duration, fn func() error) error {
	late := fmt.Errorf("no answer within %v", limit)
	timer := time.AfterFunc(limit, func() { s.loseName(late) })
	defer func() {
		if !timer.Stop() {
			s.loseName(late) // it is under way: not later than now
		}
	}()
	return s.guard(fn)
}

// guard survives what the library makes of a server that breaks the protocol.
func (s *session) guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.lost(fmt.Errorf("%w: %v", errUnreadable, p))
		}
	}()
	return fn()
}

// answer sorts out what a call of the library returned. What a server said is an
// Exception or one of package fs' errors and leaves the session as it is. All else
// ends it: nobody knows what would come next on its connections.
func (s *session) answer(err error) error {
	if err == nil {
		return nil
	}
	var remote client.Error
	if errors.As(err, &remote) {
		return hadoop.NewException(remote.Exception(), remote.Message())
	}
	// Only these very values: a connection's error may answer to them, too.
	var said *os.PathError
	if errors.As(err, &said) {
		for _, known := range []error{fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrInvalid} {
			if said.Err == known { //nolint:errorlint // see above
				return known
			}
		}
	}
	return s.lost(err)
}

// lost ends the session and tells why, by the first cause that is known.
func (s *session) lost(err error) error {
	s.end(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	server := "NameNode " + s.nameNode
	switch {
	case s.nameLost || ctxEnded(s.ended):
		err = s.ended
	case s.data != nil:
		server, err = "DataNode "+s.dataNode, s.data
	case s.dataNode != "":
		server = "DataNode " + s.dataNode
	}
	return hadoop.Unreachable(server, err)
}

func ctxEnded(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (s *session) loseName(err error) {
	s.mu.Lock()
	s.nameLost = s.nameLost || s.ended == nil
	s.mu.Unlock()
	s.end(err)
}

func (s *session) noteData(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil && s.ended == nil {
		s.data = err
	}
}

// name is the NameNode dialed last, and whether it failed.
func (s *session) name() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nameNode, s.nameLost
}

// progress is called for content that arrived or was taken.
func (s *session) progress() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials = 0
}

// rest forgets the DataNodes of a call that has ended, and closes what the library
// left open to them.
func (s *session) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dataNode, s.data, s.dials = "", nil, 0
	for c := range s.conns {
		if d, ok := c.(*dataConn); ok {
			s.closeQuietly(d)
			delete(s.conns, c)
		}
	}
}

// dataFailed tells what a DataNode failed with.
func (s *session) dataFailed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

func (s *session) dialName(_ context.Context, network, address string) (net.Conn, error) {
	s.mu.Lock()
	s.nameNode = address
	s.mu.Unlock()
	c, err := s.dial(network, address)
	if err != nil {
		return nil, err
	}
	return s.keep(&nameConn{Conn: c, s: s})
}

func (s *session) dialData(_ context.Context, network, address string) (net.Conn, error) {
	s.mu.Lock()
	s.dataNode = address
	s.dials++
	tooMany := s.dials > mostDials
	s.mu.Unlock()
	if tooMany {
		s.end(errTooManyDials)
	}
	c, err := s.dial(network, address)
	if err != nil {
		s.noteData(err)
		return nil, err
	}
	return s.keep(newDataConn(c, s))
}

// dial uses the session's own context: the library has none.
func (s *session) dial(network, address string) (net.Conn, error) {
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended != nil {
		return nil, ended
	}
	return s.dialer.DialContext(s.dialing, network, address)
}

func (s *session) keep(c net.Conn) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		s.closeQuietly(c)
		return nil, s.ended
	}
	s.conns[c] = struct{}{}
	return c, nil
}

func (s *session) forget(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}
