package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// modeArtifact: the cluster's own user reads it.
const modeArtifact fs.FileMode = 0o600

// ErrTooLarge says that an upload is larger than its cluster takes.
var ErrTooLarge = errors.New("the file is too large")

// ErrDigest says that an upload is not the content that it was announced as.
var ErrDigest = errors.New("the content has another digest")

// ClusterOf chooses the cluster for a spec's artifacts: the named one or the default.
func (s *Service) ClusterOf(name string) (string, error) {
	return s.options.Rules.Route(jobspec.Spec{Cluster: name})
}

// HasArtifact reports whether a file was uploaded to a cluster, and its size in bytes.
func (s *Service) HasArtifact(ctx context.Context, cluster string, a jobspec.Artifact) (size int64, there bool, err error) {
	c, ok := s.options.Clusters[cluster]
	if !ok {
		return 0, false, unknownCluster(cluster)
	}
	info, err := c.Files.Stat(ctx, a.Path(c.Artifacts))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, false, nil
	case err != nil:
		return 0, false, storeFailure("look for "+a.String(), err)
	}
	// Who asks is about to use it.
	if err := a.Use(ctx, c.Files, c.Artifacts); err != nil {
		return 0, false, storeFailure("note that "+a.String()+" is used", err)
	}
	return info.Size, true, nil
}

// PutArtifact streams a file into a cluster's store, under its name only once it is
// whole and what its digest says. Sending it again, after whatever end, is sending it
// once. One whose size, -1 if nobody has said it, is beyond the limit is not read at all.
func (s *Service) PutArtifact(ctx context.Context, cluster string, a jobspec.Artifact, size int64, content io.Reader) (int64, error) {
	c, ok := s.options.Clusters[cluster]
	if !ok {
		return 0, unknownCluster(cluster)
	}
	if size > c.MaxArtifactBytes {
		return 0, tooLarge(c.MaxArtifactBytes)
	}
	checked := &checkedReader{r: content, sum: sha256.New(), want: a.SHA256, most: c.MaxArtifactBytes}
	n, err := c.Files.Write(ctx, a.Path(c.Artifacts), checked, modeArtifact)
	switch {
	case checked.err != nil:
		return n, checked.err
	case err != nil:
		return n, storeFailure("store "+a.String(), err)
	}
	return n, nil
}

func tooLarge(most int64) error {
	return job.Errorf(job.CodeInvalid, "%w: it has more than %d bytes", ErrTooLarge, most)
}

func unknownCluster(name string) error {
	return job.Errorf(job.CodeNotFound, "there is no cluster %q", job.Head(name, 100))
}

func storeFailure(what string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return job.Errorf(job.CodeInternal, "%s: the cluster's store refuses: %w", what, err)
	}
	if job.CodeOf(err) == job.CodeInvalid {
		return job.Errorf(job.CodeInvalid, "%s: %w", what, err)
	}
	return job.Errorf(job.CodeUnavailable, "%s: %w", what, err)
}

// checkedReader ends with an error in place of the end of a file that is too large or
// another one, so that it never gets its name.
type checkedReader struct {
	r    io.Reader
	sum  hash.Hash
	want string
	n    int64
	most int64
	// err is the caller's fault, not the store's.
	err error
}

func (c *checkedReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	_, _ = c.sum.Write(p[:n]) // a hash never fails
	switch {
	case c.n > c.most:
		c.err = tooLarge(c.most)
	case errors.Is(err, io.EOF):
		if got := hex.EncodeToString(c.sum.Sum(nil)); got != c.want {
			c.err = job.Errorf(job.CodeInvalid, "%w: announced as %s, it is %s; send it again", ErrDigest, c.want, got)
		}
	case err != nil:
		c.err = job.Errorf(job.CodeInvalid, "the upload was cut off after %d bytes: %s; send it again", c.n, fmt.Sprint(err))
	}
	if c.err != nil {
		return 0, c.err
	}
	return n, err
}
