package api

import (
	"context"
	"time"
)

// readyFor is how long an answer of /readyz stands: anybody may ask, and each look costs
// Temporal several requests.
const readyFor = time.Second

// readiness is the last answer of /readyz. One caller looks, the others wait for it.
type readiness struct {
	// busy is held by who looks.
	busy   chan struct{}
	looked time.Time
	err    error
}

func newReadiness() *readiness { return &readiness{busy: make(chan struct{}, 1)} }

func (r *readiness) ask(ctx context.Context, look func(context.Context) error) error {
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Since(r.looked) < readyFor {
		return r.err
	}
	err := look(ctx)
	if ctx.Err() != nil {
		return err // who asked has gone; that says nothing
	}
	r.looked, r.err = time.Now(), err
	return err
}
