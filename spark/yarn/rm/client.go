package rm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
)

// Client calls the ResourceManagers of one cluster. It is safe for concurrent
// use.
type Client struct {
	options Options
	bases   []string
	http    *http.Client
	// active is the index of the address that answered last.
	active atomic.Int32
}

// New makes a Client. It connects to nothing. Wrong options are a job.Error of
// code invalid.
func New(options Options) (*Client, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	options = options.withDefaults()
	// It follows no redirects: a standby's would carry a POST, and whoever is logged in,
	// elsewhere.
	c := &Client{options: options, http: options.HTTP.Client()}
	for _, address := range options.Addresses {
		c.bases = append(c.bases, strings.TrimRight(address, "/"))
	}
	return c, nil
}

// request is one call; path is relative to /ws/v1/cluster/, unless it begins with /.
type request struct {
	method, path string
	query        url.Values
	// body is XML, nil for none.
	body []byte
	// read takes the reply of a call that succeeded. An error of it means that
	// the server at this address is no active ResourceManager.
	read func(r reply) error
}

func (q request) String() string { return q.method + " " + q.path }

// reply of a status 2xx.
type reply struct {
	status  int
	body    []byte
	address string
}

// do sends a request to the addresses in turn until an active ResourceManager
// answers. What that says is final; if none does, the error is unavailable and
// holds each address's reason.
func (c *Client) do(ctx context.Context, q request) error {
	var reasons []string
	first := int(c.active.Load())
	for n := range c.bases {
		i := (first + n) % len(c.bases)
		err := c.try(ctx, c.bases[i], q)
		if ctx.Err() != nil && err != nil {
			return job.Errorf(job.CodeUnavailable, "ResourceManager, %s: %w", q, ctx.Err())
		}
		if job.CodeOf(err) != job.CodeUnavailable {
			c.active.Store(int32(i)) //nolint:gosec // an index of a handful of addresses
			return err
		}
		reasons = append(reasons, c.options.Addresses[i]+" "+err.Error())
	}
	return job.Errorf(job.CodeUnavailable, "ResourceManager, %s: %s", q, strings.Join(reasons, "; "))
}

// doOf is do for a request about one application. A ResourceManager that starts
// opens its web service before it recovers (ResourceManager.serviceStart), and
// knows no application until then: that one is not there is believed of an active
// one only.
func (c *Client) doOf(ctx context.Context, q request) error {
	err := c.do(ctx, q)
	if job.CodeOf(err) != job.CodeNotFound {
		return err
	}
	if _, err := c.Info(ctx); err != nil {
		return err
	}
	return c.do(ctx, q)
}

// try sends a request to one address. An unavailable error is the reason why
// the address does not serve.
func (c *Client) try(ctx context.Context, base string, q request) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	query := url.Values{}
	for key, values := range q.query {
		query[key] = values
	}
	target := base + q.path
	if !strings.HasPrefix(q.path, "/") {
		target = base + "/ws/v1/cluster/" + q.path
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, target, body)
	if err != nil {
		return job.Errorf(job.CodeInternal, "ResourceManager, %s: %w", q, err)
	}
	req.Header.Set("Accept", "application/json")
	if q.body != nil {
		req.Header.Set("Content-Type", "application/xml")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return unreachable(err, c.options.Timeout)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is lost: what was read was read
	text, err := io.ReadAll(io.LimitReader(resp.Body, c.options.MaxReply+1))
	switch {
	case err != nil:
		return unreachable(err, c.options.Timeout)
	case int64(len(text)) > c.options.MaxReply:
		return job.Errorf(job.CodeUnavailable, "sent a reply larger than %d bytes", c.options.MaxReply)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return refusal(q, resp, text)
	}
	return q.read(reply{status: resp.StatusCode, body: text, address: base})
}

// notANumber is what Java writes for a share of nothing, which is no JSON.
var notANumber = regexp.MustCompile(`(":\s*)(?:NaN|-?Infinity)\b`)

// decode reads JSON into out. Anything else is no active ResourceManager's
// reply.
func (r reply) decode(out any) error {
	text := bytes.TrimSpace(r.body)
	switch {
	case bytes.Contains(text, []byte("no active RM")):
		return standby("")
	case len(text) == 0:
		return job.Errorf(job.CodeUnavailable, "sent an empty reply")
	case text[0] != '{':
		return job.Errorf(job.CodeUnavailable, "sent something other than JSON; is it a ResourceManager?")
	}
	err := json.Unmarshal(text, out)
	if err != nil {
		err = json.Unmarshal(notANumber.ReplaceAll(text, []byte("${1}null")), out)
	}
	if err != nil {
		return job.Errorf(job.CodeUnavailable, "sent a broken reply: %s", hadoop.OneLine(err.Error()))
	}
	return nil
}

// unexpected is the error for a reply that is JSON but not what was asked for.
func unexpected(format string, args ...any) error {
	return job.Errorf(job.CodeUnavailable, "sent another reply than asked for: %s", hadoop.OneLine(fmt.Sprintf(format, args...)))
}
