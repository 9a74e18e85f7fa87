package webhdfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// target is where content goes to or comes from: a DataNode, or a gateway that
// redirects to itself.
type target struct {
	url *url.URL
	// client authenticates only to the server that was asked.
	client *http.Client
}

// locate asks a NameNode where to send or fetch content. It wants the place in a
// reply, and takes a redirect from servers that know no noredirect.
//
// What a place must have: no weaker scheme than the NameNode's, and the very path
// that was asked for. Its host is the server's choice; that is how WebHDFS works,
// and why it gets nothing but what its own URL carries.
func (s *Store) locate(ctx context.Context, r request) (*target, error) {
	r.repeatable = true // nothing happens yet
	r.params.Set("noredirect", "true")
	var found *target
	err := s.each(ctx, r, func(name *url.URL, reply *http.Response) error {
		place := reply.Header.Get("Location")
		switch {
		case reply.StatusCode == http.StatusTemporaryRedirect && place != "":
		case reply.StatusCode == http.StatusOK:
			var inBody struct{ Location string }
			body, err := io.ReadAll(io.LimitReader(reply.Body, mostError))
			if err != nil {
				return fmt.Errorf("the reply was cut off: %w", err)
			}
			if json.Unmarshal(body, &inBody) != nil || inBody.Location == "" {
				return fmt.Errorf("the reply is %s, not a place for the content; something else may be listening there", contentType(reply))
			}
			place = inBody.Location
		default:
			return refusal(reply)
		}
		var err error
		found, err = s.judge(name, place, r.path)
		return err
	})
	return found, err
}

func (s *Store) judge(name *url.URL, place, path string) (*target, error) {
	u, err := url.Parse(place)
	if err != nil {
		return nil, errors.New("the redirect leads to no URL") // whose text would hold its token
	}
	before, ok := strings.CutSuffix(u.Path, prefix+path)
	switch {
	case u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the redirect leads to no http://host")
	case name.Scheme == "https" && u.Scheme != "https":
		return nil, fmt.Errorf("the redirect leads from https to http at %s; have DataNodes use https", u.Host)
	case !ok:
		return nil, fmt.Errorf("the redirect to %s leads to another path", u.Host)
	case u.User != nil:
		return nil, fmt.Errorf("the redirect to %s carries a password", u.Host)
	}
	u.Path, u.RawPath, u.Fragment, u.RawFragment = before+prefix+path, escape(before)+prefix+escape(path), "", ""
	t := &target{url: u, client: s.http.Plain()}
	if u.Scheme == name.Scheme && u.Host == name.Host {
		t.client = s.http.Client()
	}
	return t, nil
}
