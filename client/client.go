package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// DefaultServer is where an API listens that was not told otherwise.
const DefaultServer = "http://127.0.0.1:8998"

// Options of a Client; what is zero has a default.
type Options struct {
	// Server is the API's address: http or https, a host, and a path if it stands
	// behind one. DefaultServer if empty.
	Server string
	// Token of the user, "" where the server has no users.
	Token string
	// UserAgent names the program to the server.
	UserAgent string
	// Timeout of one request, or of each silence while a log is carried; 30 s. A file may
	// stand still for four times as long.
	Timeout time.Duration
	// Patience is how long a call may be made again while the server is busy or away;
	// 1 min, negative for not at all. A server that never answered is not waited for.
	Patience time.Duration
	// Waiting is told why a call is made again, and in how long. It may be nil.
	Waiting func(why error, pause time.Duration)
}

func (o Options) withDefaults() Options {
	if o.Server == "" {
		o.Server = DefaultServer
	}
	if o.UserAgent == "" {
		o.UserAgent = "stoker"
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	if o.Waiting == nil {
		o.Waiting = func(error, time.Duration) {}
	}
	return o
}

// Client calls one API as one user. It may be used from several goroutines.
type Client struct {
	options Options
	base    *url.URL
	http    *http.Client
	// reached: something at the address has answered once.
	reached *atomic.Bool
	// pause waits; tests do not.
	pause func(context.Context, time.Duration) error
	// afterEnd is how long the rest of a log that is followed may take to be saved once
	// its job is done.
	afterEnd time.Duration
}

// New makes a Client. It connects to nothing yet; the error is about the address.
func New(o Options) (*Client, error) {
	o = o.withDefaults()
	base, err := ParseServer(o.Server)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: 5 * time.Second,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   4,
		DisableCompression:    true, // a log's bytes are counted
	}
	return &Client{
		options: o, base: base, reached: &atomic.Bool{}, pause: pause, afterEnd: 2 * time.Minute,
		http: &http.Client{
			Transport: transport,
			// The token goes to the server that was named and to no other.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// ParseServer checks the address of an API.
func ParseServer(address string) (*url.URL, error) {
	base, err := url.Parse(address)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Hostname() == "" {
		return nil, job.Errorf(job.CodeInvalid, "the server's address must be such as %s, got %q", DefaultServer, withoutPassword(address))
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, job.Errorf(job.CodeInvalid, "the server's address %s must be a scheme, a host, a port and a path only; a token has a place of its own", base.Redacted())
	}
	base.Path = strings.TrimRight(base.Path, "/")
	return base, nil
}

// withoutPassword is an address that cannot be parsed, without what may be secret in it.
func withoutPassword(address string) string {
	if _, after, ok := strings.Cut(address, "@"); ok {
		return "…@" + after
	}
	return job.Head(address, job.MaxWord)
}

// Server is the API's address.
func (c *Client) Server() string { return c.base.String() }

// Patient is the same client with another patience.
func (c *Client) Patient(patience time.Duration) *Client {
	other := *c
	other.options.Patience = patience
	return &other
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Errors to be told apart beside their codes.
var (
	// ErrUnreachable: no connection to the server could be made.
	ErrUnreachable = errors.New("no connection")
	// ErrToken: the server wants a token, or another one.
	ErrToken = errors.New("the server does not accept the token")
	// ErrStrange: what answers is not Stoker's API.
	ErrStrange = errors.New("this is not stoker's API")
	// ErrUncertain: the request may have been carried out although its answer is missing.
	ErrUncertain = errors.New("whether it was done is not known")
)
