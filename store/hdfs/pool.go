package hdfs

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	client "github.com/colinmarc/hdfs/v2"

	"github.com/stoker-spark/stoker/hadoop"
)

// pool lends sessions. It bounds the calls made at a time and the sessions kept,
// but not those lent for a transfer: a copy that holds one while it waits for
// another would wait for ever if all did.
type pool struct {
	options client.ClientOptions
	dialer  hadoop.Dialer
	timeout time.Duration
	slots   chan struct{}

	mu     sync.Mutex
	idle   []*session // the last one used most recently
	closed bool
	// names are the NameNodes, the one to try first in front.
	names []string
	// count of them.
	count int
}

func newPool(o Options) *pool {
	p := &pool{
		options: client.ClientOptions{User: o.User, UseDatanodeHostname: o.UseDatanodeHostname},
		dialer:  o.Dialer,
		timeout: o.Timeout,
		slots:   make(chan struct{}, o.Connections),
		names:   slices.Clone(o.NameNodes),
		count:   len(o.NameNodes),
	}
	if o.Secure != nil {
		o.Secure(&p.options)
	}
	return p
}

// call makes one exchange when its turn comes.
func (p *pool) call(ctx context.Context, fn func(s *session) error) error {
	turn := time.NewTimer(p.timeout)
	defer turn.Stop()
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-turn.C:
		return fmt.Errorf("%d calls wait for an answer, and none ended within %v", cap(p.slots), p.timeout)
	}
	defer func() { <-p.slots }()
	s, err := p.exchange(ctx, fn)
	if s != nil {
		p.give(s)
	}
	return err
}

// exchange runs fn, which must be repeatable, with a session, and again with a
// new one if the NameNode was lost and that proves little: the session was an old
// one, or there is another NameNode. It returns the session, to be given back, if
// fn has ended with it: without an error, or with one that a server answered.
func (p *pool) exchange(ctx context.Context, fn func(s *session) error) (*session, error) {
	end := time.Now().Add(p.timeout)
	others := p.count - 1
	each := p.timeout / time.Duration(p.count)
	for fresh := false; ; fresh = true {
		s := p.take(fresh)
		release := s.obey(ctx)
		err := s.within(min(each, time.Until(end)), func() error {
			if err := s.connect(); err != nil {
				return err
			}
			return fn(s)
		})
		release()
		if err == nil || !s.over() {
			p.prefer(s)
			return s, err
		}
		lost := p.avoid(s)
		if lost && !s.reused {
			others--
		}
		if ctx.Err() != nil || time.Now().After(end) || !s.reused && (!lost || others < 0) {
			return nil, err
		}
	}
}

// take lends a session that nobody else has, an old one if there is one.
func (p *pool) take(fresh bool) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !fresh && len(p.idle) > 0 {
		s := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		s.expiry.Stop()
		if !s.over() {
			s.reused = true
			return s
		}
	}
	options := p.options
	options.Addresses = slices.Clone(p.names)
	return newSession(options, p.dialer)
}

// give takes a session back.
func (p *pool) give(s *session) {
	s.rest()
	p.mu.Lock()
	keep := !p.closed && len(p.idle) < cap(p.slots) && !s.over()
	if keep {
		s.expiry = time.AfterFunc(idleTimeout, func() { p.expire(s) })
		p.idle = append(p.idle, s)
	}
	p.mu.Unlock()
	if !keep {
		s.end(errSessionClosed)
	}
}

func (p *pool) expire(s *session) {
	p.mu.Lock()
	at := slices.Index(p.idle, s)
	if at >= 0 {
		p.idle = slices.Delete(p.idle, at, at+1)
	}
	p.mu.Unlock()
	if at >= 0 {
		s.end(errSessionClosed)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, s := range idle {
		s.expiry.Stop()
		s.end(errSessionClosed)
	}
}

// prefer puts the NameNode that answered in front.
func (p *pool) prefer(s *session) {
	name, _ := s.name()
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.names, name); at > 0 {
		p.names = slices.Insert(slices.Delete(p.names, at, at+1), 0, name)
	}
}

// avoid puts a NameNode that was lost last, and reports whether one was.
func (p *pool) avoid(s *session) bool {
	name, lost := s.name()
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.names, name); lost && at >= 0 {
		p.names = append(slices.Delete(p.names, at, at+1), name)
	}
	return lost
}
