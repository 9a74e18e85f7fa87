package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// Calls are all that a store does with files.
var Calls = map[string]func(ctx context.Context, st store.Store) error{
	"create": func(ctx context.Context, st store.Store) error { return st.Create(ctx, "/x", []byte("x"), 0o600) },
	"write": func(ctx context.Context, st store.Store) error {
		_, err := st.Write(ctx, "/x", strings.NewReader("x"), 0o600)
		return err
	},
	"make directory": func(ctx context.Context, st store.Store) error { return st.MkdirAll(ctx, "/x", 0o700) },
	"open":           func(ctx context.Context, st store.Store) error { _, err := st.Open(ctx, "/x"); return err },
	"stat":           func(ctx context.Context, st store.Store) error { _, err := st.Stat(ctx, "/x"); return err },
	"list":           func(ctx context.Context, st store.Store) error { _, err := st.List(ctx, "/x"); return err },
	"glob":           func(ctx context.Context, st store.Store) error { _, err := st.Glob(ctx, "/x/*"); return err },
	"remove":         func(ctx context.Context, st store.Store) error { return st.RemoveAll(ctx, "/x") },
}

// Unavailable proves the kind of error of a store that could not be asked.
func Unavailable(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "%v", err)
	for _, other := range []error{fs.ErrNotExist, fs.ErrPermission, fs.ErrExist, errors.ErrUnsupported} {
		require.NotErrorIs(t, err, other)
	}
}

// EndsWithContext proves that every call of a store whose server never answers
// ends with its ctx, and says which end that was.
func EndsWithContext(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for op, call := range Calls {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			st := open(t)
			for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				if want == context.Canceled { //nolint:errorlint // a choice, no comparison of errors
					cancel()
					ctx, cancel = context.WithCancel(t.Context())
					time.AfterFunc(20*time.Millisecond, cancel)
				}
				begun := time.Now()
				err := call(ctx, st)
				cancel()
				require.ErrorIs(t, err, want)
				require.Less(t, time.Since(begun), 10*time.Second)
			}
		})
	}
}

// Directory is a new directory below /tmp of a store, removed when the test ends.
func Directory(t testing.TB, st store.Store) string {
	t.Helper()
	root := "/tmp/store-" + strings.ToLower(rand.Text()) // for itself: nobody else makes its parents
	require.NoError(t, st.MkdirAll(t.Context(), root, 0o777))
	t.Cleanup(func() { require.NoError(t, st.RemoveAll(context.Background(), root)) })
	return root
}
