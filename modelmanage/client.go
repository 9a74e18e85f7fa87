package modelmanage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/job"
)

const (
	userAgent    = "stoker"
	maxErrorBody = 500
	maxTokenFile = 64 << 10
	typeJSON     = "application/json"
	typeJSONPtch = "application/json-patch+json"
)

// Client calls model-manage. It is safe for concurrent use.
type Client struct {
	config Config
	base   string
	http   *http.Client
	token  *token

	// now and pause are fields so that tests need neither a clock nor sleeps.
	now   func() time.Time
	pause func(ctx context.Context, attempt int) error
}

// NewClient makes a Client. A nil transport is http.DefaultTransport; another
// one may add what a token file cannot, such as OAuth2. A wrong configuration is a
// job.Error of code invalid.
func NewClient(config Config, transport http.RoundTripper) (*Client, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	return &Client{
		config: config,
		base:   strings.TrimSuffix(config.BaseURL, "/") + strings.TrimSuffix(config.Prefix, "/") + "/",
		http: &http.Client{
			Transport: transport,
			// A redirect is a gateway's log-in page, or would carry the token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		token: &token{file: config.TokenFile},
		now:   time.Now,
		pause: pause,
	}, nil
}

// pause waits a little, longer with each attempt, before a conflict is looked
// at again.
func pause(ctx context.Context, attempt int) error {
	d := time.Duration(attempt) * (50*time.Millisecond + rand.N(50*time.Millisecond))
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Get reads a document by its id, through JobsPath and, if it is not there,
// through the ItemPaths.
func (c *Client) Get(ctx context.Context, id string) (Document, error) {
	doc, err := c.get(ctx, c.config.JobsPath, id)
	if job.CodeOf(err) != job.CodeNotFound {
		return doc, err
	}
	for _, path := range slices.Compact(slices.Sorted(maps.Values(c.config.ItemPaths))) {
		if path == c.config.JobsPath {
			continue
		}
		if doc, other := c.get(ctx, path, id); job.CodeOf(other) != job.CodeNotFound {
			return doc, other
		}
	}
	return Document{}, err
}

func (c *Client) get(ctx context.Context, collection, id string) (Document, error) {
	path, err := itemPath(collection, id)
	if err != nil {
		return Document{}, err
	}
	r, err := c.call(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return Document{}, err
	}
	return r.document(id)
}

// collection that a document is written through.
func (c *Client) collection(doc Document) string {
	if p, ok := c.config.ItemPaths[doc.JobType()]; ok {
		return p
	}
	return c.config.JobsPath
}

func itemPath(collection, id string) (string, error) {
	if id == "" || id == "." || id == ".." || len(id) > 1000 || strings.ContainsFunc(id, isControl) {
		return "", job.Errorf(job.CodeInvalid, "job id %q: is no id of model-manage", job.Head(id, 100))
	}
	return collection + "/" + url.PathEscape(id), nil
}

type request struct {
	method, path string
	query        url.Values
	contentType  string
	body         []byte
	// ifMatch is an ETag, "" for none.
	ifMatch string
}

func (r request) String() string { return r.method + " " + r.path }

type reply struct {
	request request
	status  int
	etag    string
	body    []byte
}

// document decodes a reply that holds the document with this id.
func (r reply) document(id string) (Document, error) {
	doc, err := ParseDocument(r.body)
	if err != nil {
		return Document{}, job.Errorf(job.CodeUnavailable, "%s: the reply is no job document: %w", r.request, err)
	}
	if got := doc.ID(); got != "" && got != id {
		return Document{}, job.Errorf(job.CodeUnavailable, "%s: the reply is another document, %q", r.request, job.Head(got, 100))
	}
	doc.ETag = r.etag
	return doc, nil
}

const (
	// sendings bounds how often one call is sent: a service that fails now and
	// then would otherwise keep a step that needs several calls from ever
	// getting through.
	sendings = 3
	// quickFailure is how fast a failure must be to be tried again here: a slow
	// one is left to the caller, whose time is limited.
	quickFailure = 2 * time.Second
)

// call sends a request, again if it failed quickly and may be repeated, and
// classifies the reply.
func (c *Client) call(ctx context.Context, q request) (reply, error) {
	for sent := 1; ; sent++ {
		begun := c.now()
		r, err := c.callOnce(ctx, q)
		if job.CodeOf(err) != job.CodeUnavailable || !q.repeatable() || sent == sendings ||
			errors.Is(err, errTooLarge) || c.now().Sub(begun) > quickFailure || c.pause(ctx, sent) != nil {
			return r, err
		}
	}
}

// repeatable: sent twice it changes no more than once. A write must name the
// version that it changes; if the first reply was lost, that is a conflict,
// after which the document is read again.
func (r request) repeatable() bool { return r.method == http.MethodGet || r.ifMatch != "" }

// callOnce sends a request and classifies the reply. A 401 makes it read the
// token file again, once.
func (c *Client) callOnce(ctx context.Context, q request) (reply, error) {
	r, tok, err := c.send(ctx, q, "")
	if err == nil && r.status == http.StatusUnauthorized && c.token.file != "" {
		r, tok, err = c.send(ctx, q, tok)
	}
	if err != nil {
		return reply{}, err
	}
	return r, r.classify(tok)
}

// send sends a request once; stale is a token that was refused.
func (c *Client) send(ctx context.Context, q request, stale string) (reply, string, error) {
	tok, err := c.token.get(stale)
	if err != nil {
		return reply{}, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.RequestTimeout)
	defer cancel()
	address := c.base + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}
	h, err := http.NewRequestWithContext(ctx, q.method, address, body)
	if err != nil {
		return reply{}, "", job.Errorf(job.CodeInvalid, "%s: %w", q, err)
	}
	h.Header.Set("User-Agent", userAgent)
	h.Header.Set("Accept", typeJSON)
	if q.contentType != "" {
		h.Header.Set("Content-Type", q.contentType)
	}
	if q.ifMatch != "" {
		h.Header.Set("If-Match", q.ifMatch)
	}
	if tok != "" {
		h.Header.Set("Authorization", "Bearer "+tok)
	}
	res, err := c.http.Do(h)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which is said already
		}
		return reply{}, "", job.Errorf(job.CodeUnavailable, "%s: model-manage cannot be reached: %w", q, err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing is lost that was not read
	data, err := io.ReadAll(io.LimitReader(res.Body, c.config.MaxResponseBytes+1))
	if err != nil {
		return reply{}, "", job.Errorf(job.CodeUnavailable, "%s: the reply broke off: %w", q, err)
	}
	if int64(len(data)) > c.config.MaxResponseBytes {
		return reply{}, "", job.Errorf(job.CodeUnavailable, "%s: %w of %d bytes", q, errTooLarge, c.config.MaxResponseBytes)
	}
	return reply{request: q, status: res.StatusCode, etag: strong(res.Header.Get("ETag")), body: data}, tok, nil
}

var errTooLarge = errors.New("the reply is larger than maxResponseBytes")

// strong undoes the weakening of an ETag by a compressing proxy: If-Match never
// matches a weak one.
func strong(etag string) string { return strings.TrimPrefix(etag, "W/") }

// classify turns every reply but 200, 201 and 204 into an error.
func (r reply) classify(tok string) error {
	html := bytes.HasPrefix(bytes.TrimSpace(r.body), []byte("<"))
	var code job.Code
	advice := ""
	switch s := r.status; {
	case s == http.StatusOK, s == http.StatusCreated, s == http.StatusNoContent:
		if !html {
			return nil
		}
		code, advice = job.CodeUnavailable, "; the reply is HTML, not model-manage's"
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		code, advice = job.CodeUnauthorized, "; check the token and its rights"
	case s >= 300 && s < 400:
		code, advice = job.CodeUnavailable, "; redirects are not followed, check baseUrl and prefix"
	case html:
		// A gateway's page: the service behind it was not asked.
		code, advice = job.CodeUnavailable, "; the reply is HTML, not model-manage's"
	case s == http.StatusNotFound, s == http.StatusGone:
		code = job.CodeNotFound
	case s == http.StatusConflict, s == http.StatusPreconditionFailed:
		code = job.CodeConflict
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests:
		code = job.CodeUnavailable
	case s >= 400 && s < 500:
		code = job.CodeInvalid
	default:
		code = job.CodeUnavailable
	}
	body := string(r.body)
	if tok != "" {
		body = strings.ReplaceAll(body, tok, "[token]")
	}
	body = strings.Join(strings.Fields(job.Head(body, maxErrorBody)), " ")
	if body != "" {
		body = ": " + body
	}
	return job.Errorf(code, "%s: model-manage answered %d%s%s", r.request, r.status, body, advice)
}

// token is a bearer token kept in a file.
type token struct {
	file string
	mu   sync.Mutex
	held string
}

// get returns the token; if the held one is the stale one, the file is read
// again.
func (t *token) get(stale string) (string, error) {
	if t.file == "" {
		return "", nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held != "" && t.held != stale {
		return t.held, nil
	}
	f, err := os.Open(t.file)
	if err != nil {
		return "", job.Errorf(job.CodeUnauthorized, "read model-manage's token: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxTokenFile))
	if err != nil {
		return "", job.Errorf(job.CodeUnauthorized, "read model-manage's token: %w", err)
	}
	held := strings.TrimSpace(string(data))
	if held == "" || strings.ContainsFunc(held, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", job.Errorf(job.CodeUnauthorized, "read model-manage's token: %s does not hold one token", t.file)
	}
	t.held = held
	return held, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
