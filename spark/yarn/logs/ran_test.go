package logs_test

import (
	"context"
	"io"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/store"
)

// unread is a store whose files are only listed.
type unread struct {
	*testing.T
	store.Store
}

func (u unread) Open(_ context.Context, path string) (io.ReadCloser, error) {
	u.Errorf("%s was opened", path)
	return nil, fs.ErrPermission
}

// half is a store whose directories nobody may look into that begin so.
type half struct {
	store.Store
	denied string
}

func (h half) List(ctx context.Context, dir string) ([]store.Info, error) {
	if strings.HasPrefix(dir, h.denied) {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: fs.ErrPermission}
	}
	return h.Store.List(ctx, dir)
}

func TestRan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(b *bundle)
		want    bool
	}{
		"no logs":            {func(*bundle) {}, false},
		"another's":          {func(b *bundle) { b.store(strings.ReplaceAll(bucketed, "alice", "bob"), nil) }, false},
		"a TFile":            {func(b *bundle) { b.store(bucketed, tfile(master1, nil)) }, true},
		"an IFile":           {func(b *bundle) { b.store(bucketed, []byte("a UUID")) }, true},
		"an archive":         {func(b *bundle) { b.store(path.Dir(bucketed)+"/"+app1+".har/_index", nil) }, true},
		"another folder":     {func(b *bundle) { b.store(strings.Replace(bucketed, "logs-tfile", "x-ifile", 1), nil) }, true},
		"the history server": {func(b *bundle) { b.history.parts = []files{{master1: {"stdout": ""}}} }, true},
	} {
		b := newBundle(t, "text", func(_ *bundle, o *logs.Options) { o.Folders[0].Store = unread{t, o.Folders[0].Store} })
		c.prepare(b)
		ran, err := b.Ran(t.Context(), app1)
		require.NoError(t, err, name)
		require.Equal(t, c.want, ran, name)
	}
}

func TestRanFails(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "text", func(_ *bundle, o *logs.Options) { o.Folders[0].Store = denied{o.Folders[0].Store} })
	_, err := b.Ran(t.Context(), app1)
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(err), "%v", err)
	b.history.parts = []files{{master1: {"stdout": ""}}}
	ran, err := b.Ran(t.Context(), app1)
	require.NoError(t, err)
	require.True(t, ran, "the other place knows")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Ran(ctx, app1)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
}

// The folders of the formats may have different rights.
func TestAFolderThatIsDeniedHidesNoOther(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]string{
		"the folder of the second format": "second/" + strings.Replace(bucketed, "logs-tfile", "logs-mine", 1),
		"a folder beside it":              "second/" + strings.Replace(bucketed, "logs-tfile", "x-tfile", 1),
		"an older folder in the same":     "alice/logs-tfile/" + app1 + "/node1_8041",
	} {
		b := newBundle(t, "text", func(b *bundle, o *logs.Options) {
			older(b, o)
			o.Folders[0].Store = half{o.Folders[0].Store, b.dir + "/alice/bucket-"}
			if strings.HasPrefix(stored, "second") {
				o.Folders[0].Store = denied{o.Folders[0].Store}
			}
		})
		b.end("SUCCEEDED")
		b.store(stored, tfile(master1, b.drop()[master1]))
		data, _, err := b.Read(t.Context(), app1, "stdout", 0, 100)
		require.NoError(t, err, name)
		require.Equal(t, "text", string(data), name)
		ran, err := b.Ran(t.Context(), app1)
		require.NoError(t, err, name)
		require.True(t, ran, name)
	}
}
