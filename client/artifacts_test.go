package client

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

var anArtifact = jobspec.Artifact{SHA256: strings.Repeat("ab", 32), Name: "a b.py"}

func uploadOf(text string) (u Upload, opened *int) {
	opened = new(int)
	return Upload{
		Artifact: anArtifact, Cluster: "lake", Bytes: int64(len(text)),
		Open: func() (io.ReadCloser, error) {
			*opened++
			return io.NopCloser(strings.NewReader(text)), nil
		},
	}, opened
}

func TestHasArtifact(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{200: true, 404: false} {
		b := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		u, _ := uploadOf("x")
		there, err := b.client.HasArtifact(t.Context(), u)
		require.NoError(t, err)
		require.Equal(t, want, there)
		require.Equal(t, "HEAD", b.requests()[0].method)
		require.Equal(t, "/v1/artifacts/"+anArtifact.SHA256+"?cluster=lake&name=a+b.py", b.requests()[0].target)
	}
	for status, code := range map[int]job.Code{400: job.CodeInvalid, 401: job.CodeUnauthorized, 500: job.CodeInternal} {
		b := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		u, _ := uploadOf("x")
		_, err := b.client.HasArtifact(t.Context(), u)
		require.Equal(t, code, job.CodeOf(err))
	}
}

func TestAnUploadThatBreaksOffIsSentAgainWhole(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 1<<18)
	b := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			hangUp(w)
		}
		sayJSON(w, 201, `{"reference":"`+anArtifact.String()+`","cluster":"lake","bytes":1}`)
	})
	u, opened := uploadOf(text)
	require.NoError(t, b.client.PutArtifact(t.Context(), u))
	require.Equal(t, 2, *opened)
	require.Equal(t, "PUT", b.requests()[1].method)
	require.Equal(t, text, b.requests()[1].body)

	u, _ = uploadOf("")
	require.NoError(t, b.client.PutArtifact(t.Context(), u), "an empty file is one")
	require.Empty(t, b.requests()[2].body)
}

func TestAnUploadThatIsRefusedIsNotSent(t *testing.T) {
	t.Parallel()
	var read bytes.Buffer
	b := &bundle{}
	server := handler(t, func(w http.ResponseWriter, _ *http.Request) {
		sayProblem(w, 413, `{"title":"Too Large","detail":"it has more than 5 bytes"}`)
	})
	c := b.open(t, Options{Server: server})
	u, _ := uploadOf("")
	u.Bytes = 10 << 20
	u.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.TeeReader(strings.NewReader(strings.Repeat("x", 10<<20)), &read)), nil
	}
	err := c.PutArtifact(t.Context(), u)
	require.ErrorContains(t, err, "upload a b.py: it has more than 5 bytes")
	require.Zero(t, read.Len())
}

func TestAnUploadWithAnotherReferenceIsNone(t *testing.T) {
	t.Parallel()
	b := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { sayJSON(w, 200, `{}`) })
	u, _ := uploadOf("x")
	require.ErrorIs(t, b.client.PutArtifact(t.Context(), u), ErrStrange)
}
