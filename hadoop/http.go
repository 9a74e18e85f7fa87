package hadoop

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"time"
)

// HTTPOptions are what the HTTP clients of one cluster have in common.
type HTTPOptions struct {
	// User is who to be on a cluster without Kerberos, sent as user.name with each
	// request; empty sends none, and a server then takes the caller for nobody.
	User string
	// Authenticate puts itself between the authenticated client and the network
	// instead of user.name: SPNEGO, a gateway's password. Nil is User's way.
	Authenticate func(base http.RoundTripper) http.RoundTripper
	// TLS of https URLs; nil is Go's default.
	TLS *tls.Config
	// Dialer of the connections; the zero Dialer has defaults.
	Dialer Dialer
}

// HTTP makes the HTTP clients of one cluster, over shared connections. None of
// them follows redirects: what a redirect leads to gets a body or a token only if
// the caller decides so. The environment's proxy settings don't count, as in
// Hadoop's own clients. Every wait for a byte is bounded by the Dialer's Stall.
type HTTP struct {
	authenticated, plain *http.Client
}

// NewHTTP makes the clients.
func NewHTTP(o HTTPOptions) *HTTP {
	if o.Dialer.Timeout == 0 {
		o.Dialer.Timeout = DefaultDialTimeout
	}
	base := &http.Transport{
		DialContext:           o.Dialer.DialContext,
		TLSClientConfig:       o.TLS,
		TLSHandshakeTimeout:   o.Dialer.Timeout,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       30 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // a file's length would be lost
	}
	authenticate := o.Authenticate
	if authenticate == nil {
		authenticate = func(base http.RoundTripper) http.RoundTripper { return &userName{base: base, user: o.User} }
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &HTTP{
		authenticated: &http.Client{Transport: authenticate(base), CheckRedirect: stay},
		plain:         &http.Client{Transport: base, CheckRedirect: stay},
	}
}

// Client authenticates each request. It is for the cluster's own services at the
// addresses that the configuration names.
func (h *HTTP) Client() *http.Client { return h.authenticated }

// Plain adds nothing to a request. It is for the addresses that a service
// redirects to: their URLs carry what they need.
func (h *HTTP) Plain() *http.Client { return h.plain }

// CloseIdleConnections closes those that no request uses.
func (h *HTTP) CloseIdleConnections() { h.plain.CloseIdleConnections() }

// userName is Hadoop's simple authentication: the server believes the parameter.
//
// Source: org.apache.hadoop.security.authentication.client.PseudoAuthenticator.
type userName struct {
	base http.RoundTripper
	user string
}

func (u *userName) RoundTrip(r *http.Request) (*http.Response, error) {
	if u.user == "" || r.URL.Query().Has("user.name") {
		return u.base.RoundTrip(r)
	}
	clone := r.Clone(r.Context())
	if clone.URL.RawQuery != "" {
		clone.URL.RawQuery += "&"
	}
	clone.URL.RawQuery += "user.name=" + url.QueryEscape(u.user)
	return u.base.RoundTrip(clone)
}
