package logstore_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
)

func TestManifest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	none, err := b.logs.Manifest(t.Context())
	require.NoError(t, err)
	require.Nil(t, none)

	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := logstore.Manifest{
		Job: attempt.Job, Attempt: 1, Application: "application_1_0001", EndedAt: at, ArchivedAt: at.Add(time.Second),
		Streams: []logstore.StreamEnd{{Name: "stdout", Bytes: 12, Chunks: 2, Complete: true}},
		Notes:   []string{"stderr is gone"},
	}
	require.NoError(t, b.logs.Finish(t.Context(), logstore.Manifest{}))
	require.NoError(t, b.logs.Finish(t.Context(), want), "a better one takes its place")
	got, err := b.logs.Manifest(t.Context())
	require.NoError(t, err)
	require.Equal(t, &want, got)

	path := filepath.Join(b.root, attempt.Job, "1", "manifest.json")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	// Others read it: its form is a contract.
	require.JSONEq(t, `{"job":"model-manage-7","attempt":1,"application":"application_1_0001",
		"endedAt":"2026-01-02T03:04:05Z","archivedAt":"2026-01-02T03:04:06Z","complete":false,
		"streams":[{"name":"stdout","bytes":12,"chunks":2,"complete":true}],"notes":["stderr is gone"]}`, string(text))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestProgressIsSmall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	none, err := b.logs.Progress(t.Context())
	require.NoError(t, err)
	require.Nil(t, none)

	most := job.Count{Total: math.MaxInt64, Running: math.MaxInt64, Completed: math.MaxInt64, Failed: math.MaxInt64}
	want := job.Progress{Time: time.Now().UTC().Round(0), Jobs: most, Stages: most, Tasks: most}
	require.NoError(t, b.logs.SetProgress(t.Context(), job.Progress{}))
	require.NoError(t, b.logs.SetProgress(t.Context(), want))
	got, err := b.logs.Progress(t.Context())
	require.NoError(t, err)
	require.Equal(t, &want, got)
	info, err := os.Stat(filepath.Join(b.root, attempt.Job, "1", "progress.json"))
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(1024))
}

func TestRecordsThatAreNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dir := filepath.Join(b.root, attempt.Job, "1")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for _, text := range []string{"", "{", `"x"`, `{"job":"` + strings.Repeat("x", 70<<10) + `"}`} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(text), 0o600))
		_, err := b.logs.Manifest(t.Context())
		require.Equal(t, job.CodeInternal, job.CodeOf(err), err)
		require.ErrorContains(t, err, "manifest.json")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	s := logstore.New(file.New(file.Options{}), "/logs")
	for _, a := range []job.Attempt{{}, {Job: "..", Number: 1}, {Job: "a/b", Number: 1}, {Job: "a"}} {
		_, err := s.Attempt(a)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%+v", a)
	}
	b := setup(t)
	for _, name := range []string{"stdout", "stderr", "stdout.2", "stderr.10"} {
		_, err := b.logs.Stream(name)
		require.NoError(t, err, name)
	}
	for _, name := range []string{"", ".", "..", "manifest.json", "progress.json", "record.json", "a/b", "stdout.", "stdout.0", "STDOUT", "std out"} {
		_, err := b.logs.Stream(name)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), name)
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	b := setup(t)
	names, err := b.logs.Streams(t.Context())
	require.NoError(t, err)
	require.Empty(t, names)
	b.append(b.stream(), 10, "x")
	require.NoError(t, b.logs.Finish(t.Context(), logstore.Manifest{}))
	other, err := b.logs.Stream("stderr.2")
	require.NoError(t, err)
	b.append(other, 10, "x")
	names, err = b.logs.Streams(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"stderr.2", "stdout"}, names)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "a", "logs")
	require.NoError(t, logstore.New(file.New(file.Options{}), root).Check(t.Context()))
	require.DirExists(t, root)
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.Error(t, logstore.New(file.New(file.Options{}), path+"/logs").Check(t.Context()))
}

// What a file system says keeps its meaning.
func TestFailures(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err  error
		code job.Code
	}{
		{errors.New("connection refused"), job.CodeUnavailable},
		{fs.ErrPermission, job.CodeUnauthorized},
		{job.Errorf(job.CodeUnauthorized, "no ticket"), job.CodeUnauthorized},
	} {
		b := setup(t)
		b.append(b.stream(), 10, "abc")
		fails := func(string) error { return row.err }
		b.files.create = fails
		_, err := b.stream().Append(t.Context(), 10, log("abcdef"))
		require.Equal(t, row.code, job.CodeOf(err), err)
		b.files.open = fails
		_, _, err = b.stream().Read(t.Context(), 0, 10)
		require.Equal(t, row.code, job.CodeOf(err), err)
		_, err = b.logs.Manifest(t.Context())
		require.Equal(t, row.code, job.CodeOf(err), err)
		b.files.list = fails
		_, _, err = b.stream().Read(t.Context(), 0, 10)
		require.Equal(t, row.code, job.CodeOf(err), err)
		_, _, err = b.stream().Size(t.Context())
		require.Equal(t, row.code, job.CodeOf(err), err)
		_, err = b.logs.Streams(t.Context())
		require.Equal(t, row.code, job.CodeOf(err), err)
	}
}

func FuzzManifest(f *testing.F) {
	whole, err := json.Marshal(logstore.Manifest{Job: "j", Streams: []logstore.StreamEnd{{Name: "stdout"}}})
	require.NoError(f, err)
	f.Add(whole)
	f.Add([]byte(`{"streams":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := setup(t)
		dir := filepath.Join(b.root, attempt.Job, "1")
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.json"), data, 0o600))
		m, err := b.logs.Manifest(t.Context())
		require.Equal(t, err == nil, m != nil)
	})
}
