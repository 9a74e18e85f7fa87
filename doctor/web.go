package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxReply bounds what is read of one reply, in bytes.
const maxReply = 1 << 20

// Web asks what every Hadoop daemon answers over HTTP, whatever its service.
//
//	GET /conf?name=<property>   {"property": {"key": …, "value": …}}; 404 if it is not set
//
// On a secured cluster /conf is for administrators: 401 or 403.
//
// Source: org.apache.hadoop.conf.ConfServlet of Hadoop 3.4.
type Web struct {
	// Client authenticates and follows no redirects.
	Client *http.Client
}

// errUnset: the daemon's configuration has no such property.
var errUnset = errors.New("it is not set")

// Property reads a property of the configuration that a daemon runs with.
func (w Web) Property(ctx context.Context, base, name string) (string, error) {
	var got struct {
		Property struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"property"`
	}
	r, err := w.get(ctx, base+"/conf?name="+url.QueryEscape(name))
	if err != nil {
		return "", err
	}
	switch {
	case r.status == http.StatusNotFound && len(r.body) == 0:
		return "", errUnset
	case r.status != http.StatusOK:
		return "", fmt.Errorf("%s answered %d to /conf", base, r.status)
	}
	if err := json.Unmarshal(r.body, &got); err != nil || got.Property.Key != name {
		return "", fmt.Errorf("%s answered something else than its configuration", base)
	}
	return strings.TrimSpace(got.Property.Value), nil
}

// Ahead is how far a daemon's clock is ahead of this host's, within a second.
func (w Web) Ahead(ctx context.Context, base string) (time.Duration, error) {
	before := time.Now()
	r, err := w.get(ctx, base+"/conf?name=fs.defaultFS")
	if err != nil {
		return 0, err
	}
	here := before.Add(time.Since(before) / 2)
	there, err := http.ParseTime(r.date)
	if err != nil {
		return 0, fmt.Errorf("%s does not say what time it is", base)
	}
	return there.Sub(here), nil
}

// Page reads JSON into out.
func (w Web) Page(ctx context.Context, address string, out any) error {
	r, err := w.get(ctx, address)
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return fmt.Errorf("it answered %d", r.status)
	}
	if json.Unmarshal(r.body, out) != nil {
		return errors.New("it answered something else than JSON; is another server there?")
	}
	return nil
}

type webReply struct {
	status int
	body   []byte
	date   string
}

func (w Web) get(ctx context.Context, address string) (webReply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return webReply{}, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := w.Client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // the address is said anyway
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = errors.New("it does not answer in time")
		}
		return webReply{}, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return webReply{}, fmt.Errorf("its answer breaks off: %w", err)
	}
	return webReply{status: resp.StatusCode, body: body, date: resp.Header.Get("Date")}, nil
}
