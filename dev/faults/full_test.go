package faults

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// files lists those below a directory.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != ".used" {
			names = append(names, path)
		}
		return err
	}))
	return names
}

// A file for which there is no room is refused in words, at once, and leaves nothing. Once
// there is room it is taken, and jobs use it.
func TestUploadOntoFullDisk(t *testing.T) {
	b := newBench(t)
	disk := b.SmallDisk(8 << 20)
	b.Set("clusters/local/artifacts", map[string]any{"root": filepath.Join(disk, "artifacts")})
	_, url := b.API()
	u := b.User(url)
	first := u.Upload(bytes.Repeat([]byte("a"), 4<<20), "first.bin")
	require.Len(t, files(t, disk), 1)

	second := append([]byte("print('it runs')\n#"), bytes.Repeat([]byte("b"), 6<<20)...)
	began := time.Now()
	reference, err := u.TryUpload(second, "second.py")
	require.Less(t, time.Since(began), 20*time.Second, "it is not sent again and again")
	require.ErrorContains(t, err, "the disk or the quota is full; free space there or give it more, then try again")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut,
		url+"/v1/artifacts/"+strings.TrimPrefix(strings.Replace(reference, "/", "?name=", 1), "artifact:"), bytes.NewReader(second))
	require.NoError(t, err)
	reply, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	said, err := io.ReadAll(reply.Body)
	_ = reply.Body.Close() // all of it was read
	require.NoError(t, err)
	require.Equal(t, http.StatusInsufficientStorage, reply.StatusCode, "%s", said)
	large := filepath.Join(b.Scratch, "second.py")
	require.NoError(t, os.WriteFile(large, second, 0o600))
	f := &front{Bench: b, url: url}
	code, _, stderr := f.stoker("submit", large)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "free space there or give it more")
	artifact, _, ok := jobspec.CutArtifact(reference)
	require.True(t, ok)
	there, err := u.Client.HasArtifact(t.Context(), client.Upload{Artifact: artifact})
	require.NoError(t, err)
	require.False(t, there)
	require.Len(t, files(t, disk), 1, "nothing is left of what was refused")

	artifact, _, _ = jobspec.CutArtifact(first)
	require.NoError(t, os.RemoveAll(filepath.Join(disk, "artifacts", artifact.SHA256)))
	b.Worker()
	code, stdout, stderr := f.stoker("submit", "--wait", large)
	require.Zero(t, code, stderr)
	id, _, _ := strings.Cut(stdout, "\n")
	u.Done(id)
	require.Equal(t, "it runs\n", u.Log(id, "stdout"))
}

// A log store that is full costs a job the rest of its log, and nothing else. The log
// says where it breaks off.
func TestLogOntoFullDisk(t *testing.T) {
	bench.Long(t)
	b := newBench(t)
	disk := b.SmallDisk(8 << 20)
	b.Set("clusters/local/logs/root", filepath.Join(disk, "logs"))
	b.Worker()
	_, url := b.API()
	u := b.User(url)
	const program = "import sys\nfor i in range(20 << 16):\n    sys.stdout.write('%015d\\n' % i)\nprint('oops', file=sys.stderr)\n"
	id := u.Submit(jobspec.Spec{File: u.Upload([]byte(program), "chatty.py")}).ID
	var followed bytes.Buffer
	end, err := u.Client.Logs(t.Context(), client.LogRequest{Job: id, Follow: true}, &followed)
	require.NoError(t, err)
	require.True(t, end.Finished, "whoever follows is let go")
	done := u.Done(id)
	require.Equal(t, job.ResultSucceeded, done.Outcome.Result, "%+v", done.Outcome)

	var kept bytes.Buffer
	end, err = u.Client.Logs(t.Context(), client.LogRequest{Job: id}, &kept)
	require.NoError(t, err)
	require.True(t, end.Finished)
	require.Greater(t, kept.Len(), 6<<20, "what fits is kept")
	require.Less(t, kept.Len(), 8<<20)
	whole := chatter(20 << 16)
	require.True(t, strings.HasPrefix(whole, kept.String()), "what is kept is what was written")
	require.True(t, strings.HasPrefix(whole, followed.String()), "so is what was followed")
	f := &front{Bench: b, url: url}
	code, stdout, stderr := f.stoker("logs", id)
	require.Zero(t, code)
	require.Equal(t, kept.Len(), len(stdout)) //nolint:testifylint // not to print it
	require.Contains(t, stderr, "not all of the log could be saved: stdout breaks off at byte "+strconv.Itoa(kept.Len()))
	manifest, err := os.ReadFile(filepath.Join(disk, "logs", id, "1", "manifest.json"))
	require.NoError(t, err, "there is room for the word that something is missing")
	require.Contains(t, string(manifest), "no space left on device")
	require.Empty(t, noMarkers(b, filepath.Join(root(b), id, "1")), "the job is cleaned all the same")
}

// chatter is what a program of so many lines has written.
func chatter(lines int) string {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "%015d\n", i)
	}
	return b.String()
}
