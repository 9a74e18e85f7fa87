package simulator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func status(want string) func(Revision) bool {
	return func(r Revision) bool { return r.Document["jobStatus"] == any(want) }
}

func TestWait(t *testing.T) {
	t.Parallel()

	t.Run("for what was written already", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.create(`{}`)
		require.NoError(t, b.sim.Merge(id, object{"jobStatus": "RUNNING"}))
		require.NoError(t, b.sim.Merge(id, object{"jobStatus": "COMPLETE"}))
		r, err := b.sim.Wait(soon(t), id, status("RUNNING"))
		require.NoError(t, err)
		require.Equal(t, int64(1), r.Version)
	})
	t.Run("for a job that does not exist yet, in order, each revision once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		versions, done := []int64{}, make(chan error)
		go func() {
			_, err := b.sim.Wait(soon(t), "later", func(r Revision) bool {
				versions = append(versions, r.Version)
				return r.Deleted()
			})
			done <- err
		}()
		b.create(`{"id":"later"}`)
		for range 3 {
			require.NoError(t, b.sim.Merge("later", object{}))
			b.create(`{}`)
		}
		require.Equal(t, http.StatusNoContent, b.do("DELETE", jobPath("later"), "").status)
		require.NoError(t, <-done)
		require.Equal(t, []int64{0, 1, 2, 3, 3}, versions)
	})
	t.Run("ends with the context", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		_, err := b.sim.Wait(ctx, "a", status("RUNNING"))
		require.ErrorIs(t, err, cause)
	})
	t.Run("ends with Close", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id, waiting, done := b.create(`{}`), make(chan struct{}), make(chan error)
		go func() {
			_, err := b.sim.Wait(soon(t), id, func(Revision) bool { close(waiting); return false })
			done <- err
		}()
		<-waiting
		require.NoError(t, b.sim.Close())
		require.ErrorIs(t, <-done, ErrClosed)
		require.ErrorIs(t, b.sim.Merge(id, object{}), ErrClosed)
		require.Equal(t, http.StatusServiceUnavailable, b.do("PATCH", jobPath(id), `{}`).status)
	})
}

func TestHelpersHandOutCopies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sent := object{"model": map[string]any{"n": 1, "list": []string{"a"}}}
	id, err := b.sim.Create(sent)
	require.NoError(t, err)
	sent["model"].(map[string]any)["n"] = 2

	doc, ok := b.sim.Document(id)
	require.True(t, ok)
	doc["model"].(object)["list"].([]any)[0] = "changed"
	b.sim.Revisions(id)[0].Document["model"] = nil
	_, err = b.sim.Wait(soon(t), id, func(r Revision) bool { clear(r.Document); return true })
	require.NoError(t, err)
	require.JSONEq(t, `{"model":{"list":["a"],"n":1}}`, b.document(id))

	_, ok = b.sim.Document("missing")
	require.False(t, ok)
	require.Empty(t, b.sim.Revisions("missing"))
	require.ErrorIs(t, b.sim.Merge("missing", object{}), ErrNotFound)
	_, err = b.sim.Create(object{"id": id})
	require.ErrorIs(t, err, ErrDuplicate)
	_, err = b.sim.Create(object{"x": math.NaN()})
	require.ErrorIs(t, err, ErrInvalid)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := New(Options{ArrayMode: "sideways"})
	require.ErrorContains(t, err, "sideways")
	_, err = New(Options{DocumentLimit: -1})
	require.Error(t, err)
}

// TestConcurrentWriters has writers compete with If-Match for one job: every write
// that was answered with success counted exactly once, and no list was torn.
func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Dir = t.TempDir() })
	b.create(`{"id":"a","n":0,"copy":0}`)
	const writers, each = 6, 15
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for won := 0; won < each; {
				r := b.do("GET", jobPath("a"), "")
				n, err := r.json(t)["n"].(interface{ Int64() (int64, error) }).Int64()
				if err != nil {
					t.Error(err)
					return
				}
				body := fmt.Sprintf(`{"n":%d,"copy":%d}`, n+1, n+1)
				switch s := b.do("PATCH", jobPath("a"), body, "If-Match", r.header.Get("ETag")).status; s {
				case http.StatusNoContent:
					won++
				case http.StatusPreconditionFailed:
				default:
					t.Errorf("status %d", s)
					return
				}
				for _, item := range b.do("GET", Prefix+"/jobs", "").json(t)["_embedded"].(object)["jobs"].([]any) {
					if job := item.(object); job["n"] != job["copy"] || job["n"] != job["version"] {
						t.Errorf("torn document %v", job)
					}
				}
			}
		})
	}
	wg.Wait()
	doc, _ := b.sim.Document("a")
	require.Equal(t, number(fmt.Sprint(writers*each)), doc["n"])
	require.Len(t, b.sim.Revisions("a"), writers*each+1)
}
