package main

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
)

// patience is how long requests wait for a connection to Temporal that is not there.
// Once it has been missing for that long they fail at once, until it is back.
const patience = 2 * time.Second

// impatient makes a client say within patience that Temporal cannot be reached, and why:
// whoever waits for the answer can do something else meanwhile. By itself the SDK tries
// until the deadline, of which its error then tells. A worker has nothing else to do, and
// is better off with that.
func impatient(o client.Options) client.Options {
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor((&reach{}).intercept))
	return o
}

// reach is what is known of a connection.
type reach struct {
	mu sync.Mutex
	// missing is since when it is not there, zero while it is; nudged is when it was last
	// told to try again.
	missing, nudged time.Time
}

// intercept stands behind the SDK's own interceptors, before each single try.
func (r *reach) intercept(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if !r.await(ctx, cc) && cc.GetState() == connectivity.Connecting {
		return notTriedAgain("no connection to " + cc.Target() + " yet")
	}
	err := invoke(ctx, method, request, reply, cc, opts...)
	if status.Code(err) == codes.Unavailable && cc.GetState() == connectivity.TransientFailure {
		return notTriedAgain(status.Convert(err).Message())
	}
	return err
}

// notTriedAgain is an error that the SDK takes for the last word.
func notTriedAgain(why string) error { return status.Error(codes.FailedPrecondition, why) }

// await waits for the connection, and reports whether it is there.
func (r *reach) await(ctx context.Context, cc *grpc.ClientConn) bool {
	state := cc.GetState()
	ctx, cancel := context.WithTimeout(ctx, r.left(cc, state))
	defer cancel()
	for state != connectivity.Ready && cc.WaitForStateChange(ctx, state) {
		state = cc.GetState()
	}
	if state == connectivity.Ready {
		r.mu.Lock()
		r.missing = time.Time{}
		r.mu.Unlock()
	}
	return state == connectivity.Ready
}

// left is how long to wait yet. A connection that is missing is told to try again, which
// it would by itself do ever more seldom.
func (r *reach) left(cc *grpc.ClientConn, state connectivity.State) time.Duration {
	if state == connectivity.Ready {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.missing.IsZero() {
		r.missing = now
	}
	if now.Sub(r.nudged) >= time.Second {
		r.nudged = now
		cc.Connect()
		cc.ResetConnectBackoff()
	}
	return patience - now.Sub(r.missing)
}
