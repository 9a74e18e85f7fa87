package yarn

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// standing is a store in which the first look for a staged Spark stands still.
type standing struct {
	store.Store
	looked     atomic.Int64
	began, end chan struct{}
}

func (s *standing) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if strings.HasSuffix(name, "3.5.json") && s.looked.Add(1) == 1 {
		close(s.began)
		<-s.end
	}
	return s.Store.Open(ctx, name)
}

// Who looks for one Spark keeps nobody back who runs on another, nor anybody longer than
// he wants to wait; and those who wait don't look again.
func TestLookingForSparkHoldsUpNobody(t *testing.T) {
	s := newSite(t)
	slow := &standing{Store: s.options.Store, began: make(chan struct{}), end: make(chan struct{})}
	s.options.Store = slow
	made, err := NewBuilder(s.options)
	require.NoError(t, err)
	b := made.(*builder)
	ended := make(chan error, 2)
	look := func() {
		_, err := b.findRuntime(t.Context(), named{})
		ended <- err
	}
	go look()
	<-slow.began
	go look()

	_, err = b.findRuntime(t.Context(), named{jars: "local:/opt/spark/*"})
	require.NoError(t, err)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.findRuntime(gone, named{})
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.ErrorIs(t, err, context.Canceled)

	close(slow.end)
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
	require.Equal(t, int64(2), slow.looked.Load(), "once for each Spark")
}
