package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// User submits jobs of its own to an API.
type User struct {
	*Bench
	Client *client.Client
	URL    string
}

// User makes one of the API at an address.
func (b *Bench) User(url string) *User {
	b.Helper()
	c, err := client.New(client.Options{Server: url})
	require.NoError(b, err)
	return &User{Bench: b, Client: c, URL: url}
}

// Upload puts a file where jobs of the default cluster find it, and returns how they
// name it.
func (u *User) Upload(content []byte, name string) string {
	u.Helper()
	reference, err := u.TryUpload(content, name)
	require.NoError(u, err)
	return reference
}

// TryUpload is Upload that may fail.
func (u *User) TryUpload(content []byte, name string) (reference string, err error) {
	u.Helper()
	sum := sha256.Sum256(content)
	artifact := jobspec.Artifact{SHA256: hex.EncodeToString(sum[:]), Name: name}
	return artifact.String(), u.Client.PutArtifact(u.Context(), client.Upload{
		Artifact: artifact, Bytes: int64(len(content)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	})
}

// Submit starts a job.
func (u *User) Submit(spec jobspec.Spec) client.Job {
	u.Helper()
	started, created, err := u.Client.Submit(u.Context(), spec, client.NewKey())
	require.NoError(u, err)
	require.True(u, created)
	return started
}

// Job is how a job stands.
func (u *User) Job(id string) client.Job {
	u.Helper()
	found, err := u.Client.Get(u.Context(), id)
	require.NoError(u, err)
	return found
}

// Done waits until a job is.
func (u *User) Done(id string) client.Job {
	u.Helper()
	var now client.Job
	u.Eventually(id+" is done", func() bool {
		now = u.Job(id)
		return now.Phase == job.PhaseDone
	})
	return now
}

// Log reads a log that is whole.
func (u *User) Log(id, stream string) string {
	u.Helper()
	var b bytes.Buffer
	end, err := u.Client.Logs(u.Context(), client.LogRequest{Job: id, Stream: stream}, &b)
	require.NoError(u, err)
	require.True(u, end.Finished, "%s of %s is not finished", stream, id)
	require.Empty(u, end.Missing)
	return b.String()
}
