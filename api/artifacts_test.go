package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/store"
)

func sum(content string) string {
	s := sha256.Sum256([]byte(content))
	return hex.EncodeToString(s[:])
}

// upload puts a file beside the API.
func (b *bundle) upload(t *testing.T, content string) {
	t.Helper()
	_, err := b.service.PutArtifact(t.Context(), "local", jobspec.Artifact{SHA256: sum(content), Name: "a.py"}, -1, strings.NewReader(content))
	require.NoError(t, err)
}

// put sends a file under a digest.
func (b *bundle) put(digest, name string, content io.Reader) answer {
	b.t.Helper()
	return b.send(b.request("ana", http.MethodPut, "/v1/artifacts/"+digest+"?name="+name, content))
}

// uploads lists what lies in the store of uploads.
func (b *bundle) uploads() []string {
	b.t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(b.root, "artifacts"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != ".used" {
			found = append(found, path)
		}
		return err
	})
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(b.t, err)
	}
	return found
}

func TestUpload(t *testing.T) {
	t.Parallel()
	b := setup(t)
	content := strings.Repeat("\x00\xffx", 100_000)
	path := "/v1/artifacts/" + sum(content) + "?name=a.py"
	require.Equal(t, http.StatusNotFound, b.do("ana", http.MethodHead, path, "").StatusCode)
	got := b.put(sum(content), "a.py", strings.NewReader(content))
	require.Equal(t, http.StatusCreated, got.StatusCode, got.body)
	require.JSONEq(t, `{"reference":"artifact:`+sum(content)+`/a.py","cluster":"local","bytes":300000}`, got.body)
	stored, err := os.ReadFile(filepath.Join(b.root, "artifacts", sum(content), "a.py"))
	require.NoError(t, err)
	require.Equal(t, content, string(stored))
	head := b.do("bob", http.MethodHead, path, "")
	require.Equal(t, http.StatusOK, head.StatusCode)
	require.Equal(t, "300000", head.Header.Get("Stoker-Artifact-Bytes"))

	again := b.put(sum(content), "a.py", strings.NewReader(content))
	require.Equal(t, http.StatusOK, again.StatusCode, again.body)
	require.JSONEq(t, got.body, again.body)
	require.Equal(t, http.StatusCreated, b.put(sum(""), "empty.py", strings.NewReader("")).StatusCode)
	require.Len(t, b.uploads(), 2)
}

func TestUploadsThatAreRefusedLeaveNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	large := strings.Repeat("x", maxUpload+1)
	b.problem(b.put(sum(large), "a.py", strings.NewReader(large)), http.StatusRequestEntityTooLarge)
	// Without a length, it is counted.
	b.problem(b.put(sum(large), "a.py", struct{ io.Reader }{strings.NewReader(large)}), http.StatusRequestEntityTooLarge)
	p := b.problem(b.put(sum("a"), "a.py", strings.NewReader("b")), http.StatusUnprocessableEntity)
	require.Contains(t, p.Detail, sum("b"), "what it is")
	for _, row := range []struct{ digest, query, field string }{
		{sum("a")[1:], "name=a.py", "artifact: "},
		{strings.ToUpper(sum("a")), "name=a.py", "artifact: "},
		{sum("a"), "", "name: is needed"},
		{sum("a"), "name=", "artifact: the artifact's name is no name"},
		{sum("a"), "name=..", "artifact: "},
		{sum("a"), "name=a%2Fb", "artifact: "},
		{sum("a"), "name=.used", "artifact: the artifact's name \".used\" is the store's own"},
		{sum("a"), "name=.a.py.tmp-x", "artifact: the artifact's name \".a.py.tmp-x\" is the store's own"},
		{sum("a"), "name=a%00", "name: holds a control character"},
		{sum("a"), "name=a&cluster=%ff", "cluster: is not UTF-8"},
		{sum("a"), "name=a&name=b", "name: "},
		{sum("a"), "name=a&nmae=b", "nmae: "},
		{sum("a"), "name=a&cluster=moon", "cluster: "},
	} {
		r := b.request("ana", http.MethodPut, "/v1/artifacts/"+row.digest+"?"+row.query, strings.NewReader("a"))
		p := b.problem(b.send(r), http.StatusBadRequest)
		require.True(t, strings.HasPrefix(p.Problems[0], row.field), "%q", p.Problems)
		require.Equal(t, http.StatusBadRequest, b.do("ana", http.MethodHead, "/v1/artifacts/"+row.digest+"?"+row.query, "").StatusCode)
	}
	most := strings.Repeat("x", maxUpload)
	require.Empty(t, b.uploads())
	require.Equal(t, http.StatusCreated, b.put(sum(most), "a.py", strings.NewReader(most)).StatusCode)
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func (unread) Close() error { return nil }

func TestAnUploadThatIsAnnouncedTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := httptest.NewRequest(http.MethodPut, "/v1/artifacts/"+sum("x")+"?name=a.py", unread{t})
	r.Header.Set("Authorization", "Bearer "+tokens["ana"])
	r.ContentLength = maxUpload + 1
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r.WithContext(t.Context()))
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code, w.Body.String())
	require.Contains(t, w.Body.String(), "it has more than 1048576 bytes")
	require.Empty(t, b.uploads())
}

func TestUploadWithoutRoom(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.jobs.putArtifact = func(context.Context, string, jobspec.Artifact, int64, io.Reader) (int64, error) {
		return 0, job.Errorf(job.CodeUnavailable, "store it: free space there: %w", store.Full(syscall.ENOSPC))
	}
	got := b.put(sum("a"), "a.py", strings.NewReader("a"))
	require.Contains(t, b.problem(got, http.StatusInsufficientStorage).Detail, "free space there: no space left on device")
	require.Empty(t, got.Header.Get("Retry-After"), "only somebody who makes room helps")
}

// cutOff is a body that breaks off.
type cutOff struct{ sent bool }

func (c *cutOff) Read(p []byte) (int, error) {
	if c.sent {
		return 0, errors.New("the cable was pulled")
	}
	c.sent = true
	return copy(p, "half of"), nil
}

func TestAnUploadThatIsCutOffLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	done := make(chan struct{})
	put := b.jobs.putArtifact
	b.jobs.putArtifact = func(ctx context.Context, cluster string, a jobspec.Artifact, size int64, content io.Reader) (int64, error) {
		defer close(done)
		return put(ctx, cluster, a, size, content)
	}
	r := b.request("ana", http.MethodPut, "/v1/artifacts/"+sum("half of it")+"?name=a.py", &cutOff{})
	_, err := b.client.Do(r) //nolint:bodyclose // there is none
	require.Error(t, err)
	<-done
	require.Empty(t, b.uploads())
	b.jobs.putArtifact = put
	require.Equal(t, http.StatusCreated, b.put(sum("half of it"), "a.py", strings.NewReader("half of it")).StatusCode)
}

// A store that takes its time to keep what it was sent is no silence of the caller's.
func TestAStoreMayBeSlowToKeepAnUpload(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{"file": "x", "empty file": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.server.uploadSilence = time.Second
			b.client.Transport = b.client.Transport.(recorder).next // which sends no lengths
			b.jobs.putArtifact = func(ctx context.Context, _ string, _ jobspec.Artifact, size int64, content io.Reader) (int64, error) {
				if size != int64(len(sent)) {
					return 0, fmt.Errorf("the length was announced as %d", size)
				}
				data, err := io.ReadAll(content)
				if err != nil {
					return 0, err
				}
				select {
				case <-ctx.Done():
					return 0, ctx.Err()
				case <-time.After(3 * b.server.uploadSilence):
					return int64(len(data)), nil
				}
			}
			got := b.put(sum(sent), "a.py", strings.NewReader(sent))
			require.Equal(t, http.StatusCreated, got.StatusCode, got.body)
		})
	}
}

// deadlines notes what a connection is told.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

// A caller may be as slow as it likes while something comes, until the time of all is over.
func TestEveryByteOfAnUploadIsWaitedForAnew(t *testing.T) {
	t.Parallel()
	const silence = time.Minute
	begun := time.Now()
	said := &deadlines{}
	body := &uploading{
		from: iotest.OneByteReader(strings.NewReader("abc")), deadline: http.NewResponseController(said), silence: silence, until: begun.Add(time.Hour),
	}
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, "abc", string(data))
	require.Len(t, said.set, 5, "one for each byte, one for the end, and it is taken back")
	for i, at := range said.set[:4] {
		require.False(t, at.Before(begun.Add(silence)))
		require.False(t, i > 0 && at.Before(said.set[i-1]))
	}
	require.Zero(t, said.set[4])

	said.set, body.from, body.until = nil, strings.NewReader("x"), begun.Add(time.Second)
	_, err = body.Read(make([]byte, 1))
	require.NoError(t, err)
	require.Equal(t, []time.Time{body.until}, said.set)
}

// begunOnly is a body of one byte, of which no more comes.
func begunOnly(t *testing.T) io.Reader {
	t.Helper()
	still, feed := io.Pipe()
	t.Cleanup(func() { _ = feed.Close() })
	go func() { _, _ = feed.Write([]byte("y")) }()
	return still
}

// A caller that sends nothing any more is let go.
func TestAnUploadThatStandsStillIsCutOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.uploadSilence = time.Second
	p := b.problem(b.put(sum("yy"), "a.py", begunOnly(t)), http.StatusBadRequest)
	require.Equal(t, "the upload was cut off after 1 bytes: nothing came for 1s; send it again", p.Detail)
	require.Empty(t, b.uploads())
}

// What goes on for longer than Sweep believes would be deleted under the writer.
func TestAnUploadThatTakesTooLongIsCutOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.uploadTime = 500 * time.Millisecond
	const want = "the upload was cut off: it took more than 500ms; send it again over a faster line"
	p := b.problem(b.put(sum("yy"), "a.py", begunOnly(t)), http.StatusBadRequest)
	require.Equal(t, want, p.Detail)
	require.Empty(t, b.uploads())

	b.jobs.putArtifact = func(ctx context.Context, _ string, _ jobspec.Artifact, _ int64, _ io.Reader) (int64, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	p = b.problem(b.put(sum("x"), "a.py", strings.NewReader("x")), http.StatusBadRequest)
	require.Equal(t, want, p.Detail)
}
