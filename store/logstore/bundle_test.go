package logstore_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
)

// storeFake is a store that may fail, or be overtaken.
type storeFake struct {
	store.Store
	create func(path string) error
	list   func(dir string) error
	open   func(path string) error
	write  func(path string) error
}

func (f *storeFake) Create(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	if f.create != nil {
		if err := f.create(path); err != nil {
			return err
		}
	}
	return f.Store.Create(ctx, path, data, mode)
}

func (f *storeFake) Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error) {
	if f.write != nil {
		if err := f.write(path); err != nil {
			return 0, err
		}
	}
	return f.Store.Write(ctx, path, content, mode)
}

func (f *storeFake) List(ctx context.Context, dir string) ([]store.Info, error) {
	if f.list != nil {
		if err := f.list(dir); err != nil {
			return nil, err
		}
	}
	return f.Store.List(ctx, dir)
}

func (f *storeFake) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	if f.open != nil {
		if err := f.open(path); err != nil {
			return nil, err
		}
	}
	return f.Store.Open(ctx, path)
}

var attempt = job.Key{Source: job.SourceModelManage, ID: "7"}.Attempt(1)

type bundle struct {
	*testing.T
	files *storeFake
	root  string
	logs  *logstore.Logs
}

func setup(t *testing.T) *bundle { return on(t, file.New(file.Options{DirMode: 0o700}), t.TempDir()) }

// on makes a bundle over any store.
func on(t *testing.T, files store.Store, root string) *bundle {
	t.Helper()
	b := &bundle{T: t, files: &storeFake{Store: files}, root: root}
	logs, err := logstore.New(b.files, root).Attempt(attempt)
	require.NoError(t, err)
	b.logs = logs
	return b
}

func (b *bundle) stream() *logstore.Stream {
	b.Helper()
	s, err := b.logs.Stream("stdout")
	require.NoError(b, err)
	return s
}

// chunk makes one by hand.
func (b *bundle) chunk(offset int, content string) {
	b.Helper()
	path := fmt.Sprintf("%s/%s/1/stdout/%020d", b.root, attempt.Job, offset)
	require.NoError(b, b.files.Store.Create(b.Context(), path, []byte(content), 0o600))
}

// chunks lists the names and sizes.
func (b *bundle) chunks() map[string]int64 {
	b.Helper()
	entries, err := b.files.Store.List(b.Context(), b.root+"/"+attempt.Job+"/1/stdout")
	require.NoError(b, err)
	found := map[string]int64{}
	for _, e := range entries {
		found[e.Path[len(e.Path)-20:]] = e.Size
	}
	return found
}

// log is a source: what a program wrote.
func log(content string) func(w io.Writer, from int64) error {
	return func(w io.Writer, from int64) error {
		_, err := io.WriteString(w, content[min(from, int64(len(content))):])
		return err
	}
}

func (b *bundle) append(s *logstore.Stream, chunkBytes int, content string) int64 {
	b.Helper()
	n, err := s.Append(b.Context(), chunkBytes, log(content))
	require.NoError(b, err)
	return n
}

func (b *bundle) expect(content string) {
	b.Helper()
	data, size, err := b.stream().Read(b.Context(), 0, 1<<30)
	require.NoError(b, err)
	require.EqualValues(b, len(content), size)
	require.Equal(b, content, string(data))
}
