package temporal

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// counting is a logger that counts what reaches it.
type counting struct {
	log.Logger
	messages int
}

func (c *counting) Warn(string, ...tag.Tag)  { c.messages++ }
func (c *counting) Error(string, ...tag.Tag) { c.messages++ }

func TestFullDiskIsToldOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	under := &counting{Logger: log.NewNoopLogger()}
	stopping := &atomic.Bool{}
	l := plain{under, stopping, &fullDisk{out: &out}}
	for range 3 {
		l.Error("Operation failed", tag.Error(errors.New("database or disk is full (13)")))
	}
	require.Zero(t, under.messages)
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), "make room")

	l.Error("Operation failed", tag.Error(errors.New("something else")))
	l.Warn("odd")
	require.Equal(t, 2, under.messages)
	stopping.Store(true)
	l.Error("Operation failed")
	require.Equal(t, 2, under.messages)
}
