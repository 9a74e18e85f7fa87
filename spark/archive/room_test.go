package archive

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
)

// disk is a store of so many bytes.
type disk struct {
	store.Store
	root string
	room int64
}

// used is what lies on it.
func (d *disk) used() (total int64) {
	_ = filepath.WalkDir(d.root, func(_ string, entry fs.DirEntry, err error) error { // what is there
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

func (d *disk) check(path string, more int64) error {
	if d.used()+more > d.room {
		return fmt.Errorf("write %s: %w", path, store.Full(syscall.ENOSPC))
	}
	return nil
}

func (d *disk) Create(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	if err := d.check(path, int64(len(data))); err != nil {
		return err
	}
	return d.Store.Create(ctx, path, data, mode)
}

func (d *disk) Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error) {
	data, err := io.ReadAll(content)
	if err != nil {
		return 0, err
	}
	if err := d.check(path, int64(len(data))); err != nil {
		return 0, err
	}
	return d.Store.Write(ctx, path, strings.NewReader(string(data)), mode)
}

// A store that is full keeps what fits and says where the log breaks off, if need be in
// the place of its last chunk. Once there is room the rest follows.
func TestFinishOfAFullStore(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcde\n", 10<<16) // 10 MiB
	for name, row := range map[string]struct{ room, kept int64 }{
		"room for the manifest":    {lastChunk + liveChunk + 4<<10, lastChunk + liveChunk},
		"no room for the manifest": {lastChunk + 2*liveChunk, lastChunk + liveChunk},
		"only a large chunk":       {lastChunk, lastChunk - liveChunk},
		"nothing but the manifest": {4 << 10, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			d := &disk{Store: file.New(file.Options{DirMode: 0o700}), root: b.root, room: row.room}
			b.store = logstore.New(d, b.root)
			b.cluster.write(b.attempt, "stdout", text)
			m, err := b.finish(b.copier)
			require.ErrorIs(t, err, store.ErrFull)
			require.False(t, m.Complete)
			require.Equal(t, row.kept, m.Streams[0].Bytes)
			require.False(t, m.Streams[0].Complete)
			require.True(t, m.Streams[1].Complete, "of stderr there is nothing to keep")
			require.Len(t, m.Notes, 1)
			require.Contains(t, m.Notes[0], fmt.Sprintf("stdout breaks off at byte %d: ", row.kept))
			require.Contains(t, m.Notes[0], "no space left on device")
			require.Equal(t, text[:row.kept], b.stored(b.attempt, "stdout"))
			kept, err := b.logs(b.attempt).Manifest(t.Context())
			require.NoError(t, err)
			require.Equal(t, m, kept)

			d.room = 1 << 30
			m, err = b.finish(b.copier, again)
			require.NoError(t, err)
			require.True(t, m.Complete)
			require.Equal(t, text, b.stored(b.attempt, "stdout"))
		})
	}
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.store = logstore.New(&disk{Store: file.New(file.Options{DirMode: 0o700}), root: b.root}, b.root)
		b.cluster.write(b.attempt, "stdout", text)
		m, err := b.finish(b.copier)
		require.ErrorIs(t, err, store.ErrFull)
		require.Nil(t, m)
	})
}
