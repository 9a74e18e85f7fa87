package yarn

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// watched counts what is read and written below a part of the names.
type watched struct {
	store.Store
	part           string
	opened, made   int
	written, bytes int
}

func (w *watched) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if strings.Contains(name, w.part) {
		w.opened++
	}
	return w.Store.Open(ctx, name)
}

func (w *watched) Create(ctx context.Context, name string, data []byte, mode os.FileMode) error {
	if strings.Contains(name, w.part) {
		w.made++
		w.bytes += len(data)
	}
	return w.Store.Create(ctx, name, data, mode)
}

func (w *watched) Write(ctx context.Context, name string, content io.Reader, mode os.FileMode) (int64, error) {
	if strings.Contains(name, w.part) {
		w.written++
	}
	return w.Store.Write(ctx, name, content, mode)
}

// A file of the worker's host is uploaded once for an application, and neither it nor its
// copy is read again until it changes.
func TestHostFilesAreReadOnce(t *testing.T) {
	s := newSite(t)
	file := filepath.Join(t.TempDir(), "site.conf")
	s.write(file, "one")
	s.sparkConf(map[string]string{"spark-defaults.conf": "spark.files " + file + "\n"})
	w := &watched{Store: s.options.Store, part: "/host-"}
	s.options.Store = w
	made, err := NewBuilder(s.options)
	require.NoError(t, err)
	b := made.(*builder)
	build := func() string {
		context, err := b.Build(t.Context(), s.request)
		require.NoError(t, err, "%v", job.ProblemsOf(err))
		return context.Container.LocalResources["site.conf"].URL
	}
	first := build()
	require.Equal(t, first, build())
	require.Equal(t, watched{Store: w.Store, part: w.part, made: 1, bytes: 3}, *w)

	info, err := os.Stat(file)
	require.NoError(t, err)
	digest, err := b.digests.of(file, info)
	require.NoError(t, err)
	require.Contains(t, first, "-"+digest+"/")
	s.write(file, "eno")
	require.NoError(t, os.Chtimes(file, time.Time{}, info.ModTime()))
	require.Equal(t, first, build(), "it is not opened")

	s.write(file, "two")
	require.NoError(t, os.Chtimes(file, time.Time{}, info.ModTime().Add(time.Second)))
	require.NotEqual(t, first, build())
	require.Equal(t, 2, w.made)
	require.Zero(t, w.opened)
}

// A copy that was cut off is written again; a file that changes while it is sent is none
// that was looked at.
func TestHostFileCutOff(t *testing.T) {
	s := newSite(t)
	file := filepath.Join(t.TempDir(), "site.conf")
	s.write(file, "whole")
	s.sparkConf(map[string]string{"spark-defaults.conf": "spark.files " + file + "\n"})
	made, err := NewBuilder(s.options)
	require.NoError(t, err)
	b := made.(*builder)
	context, err := b.Build(t.Context(), s.request)
	require.NoError(t, err)
	copied := strings.TrimPrefix(context.Container.LocalResources["site.conf"].URL, "hdfs://nn:9000")
	s.write(copied, "who")
	_, err = b.Build(t.Context(), s.request)
	require.NoError(t, err)
	data, err := os.ReadFile(copied)
	require.NoError(t, err)
	require.Equal(t, "whole", string(data))

	info, err := os.Stat(file)
	require.NoError(t, err)
	s.write(file, "other")
	require.NoError(t, os.Chtimes(file, time.Time{}, info.ModTime()))
	require.NoError(t, os.Remove(copied))
	_, err = b.Build(t.Context(), s.request)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	_, err = b.Build(t.Context(), s.request)
	require.NoError(t, err, "it is looked at anew")
}

// The files of the worker's host are few and small, all together.
func TestHostFilesTogether(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		s.write(filepath.Join(dir, name), "")
		require.NoError(t, os.Truncate(filepath.Join(dir, name), maxHostFiles/2+1))
	}
	s.sparkConf(map[string]string{"spark-defaults.conf": "spark.files " + dir + "/a\nspark.jars " + dir + "/b\n"})
	said := s.refused()
	require.Contains(t, said, "of 33554433 bytes, the files of the worker's host have more than the 67108864 bytes")
	require.Regexp(t, "spark-defaults.conf: with "+dir+"/[ab], ", said)
}
