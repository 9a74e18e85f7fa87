package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// Upload is a file to be uploaded.
type Upload struct {
	Artifact jobspec.Artifact
	// Cluster whose jobs use it, "" for the default one.
	Cluster string
	// Bytes is its size.
	Bytes int64
	// Open opens it anew for each attempt.
	Open func() (io.ReadCloser, error)
}

func (u Upload) call(what, method string) *call {
	values := url.Values{"name": {u.Artifact.Name}}
	if u.Cluster != "" {
		values.Set("cluster", u.Cluster)
	}
	return &call{
		what: what + " " + u.Artifact.Name, method: method, path: "v1/artifacts/" + u.Artifact.SHA256,
		query: values, repeatable: true,
	}
}

// HasArtifact reports whether a file was uploaded. What is wrong with a request, an error
// of code invalid, only the answer to PutArtifact says in words.
func (c *Client) HasArtifact(ctx context.Context, u Upload) (bool, error) {
	err := c.repeat(ctx, u.call("look for the upload of", http.MethodHead), func(*http.Response, *watch) *failed { return nil })
	if job.CodeOf(err) == job.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// waitToSend is from which size on a server may refuse a file before it is sent, in
// bytes.
const waitToSend = 1 << 20

// PutArtifact uploads a file. It may be sent again after a break, or although it is
// there.
func (c *Client) PutArtifact(ctx context.Context, u Upload) error {
	l := u.call("upload", http.MethodPut)
	l.open, l.size, l.silence = u.Open, u.Bytes, 4*c.options.Timeout
	l.header = map[string]string{"Content-Type": "application/octet-stream"}
	if u.Bytes > waitToSend {
		l.header["Expect"] = "100-continue"
	}
	var there struct {
		Reference string `json:"reference"`
	}
	if _, err := c.answer(ctx, l, &there); err != nil {
		return err
	}
	if there.Reference != u.Artifact.String() {
		return job.Errorf(job.CodeUnavailable, "%s: %s answered with another reference, %q%w", l.what, c.Server(), job.Head(there.Reference, job.MaxWord), silent{ErrStrange})
	}
	return nil
}
