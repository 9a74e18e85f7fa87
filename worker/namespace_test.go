package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/stoker-spark/stoker/workflows"
)

// Search attributes that are registered are no use before the server takes them.
func TestAwaitNamespace(t *testing.T) {
	t.Parallel()
	notYet := serviceerror.NewInvalidArgument("Namespace ns has no mapping defined for search attribute SparkUser")
	asked := 0
	c := &temporalFake{count: func(query string) error {
		for name := range workflows.SearchAttributes() {
			require.Contains(t, query, name)
		}
		if asked++; asked < 3 {
			return notYet
		}
		return nil
	}}
	require.NoError(t, AwaitNamespace(t.Context(), c, "ns"))
	require.Equal(t, 3, asked)

	c.count = func(string) error { return notYet }
	err := awaitNamespace(t.Context(), c, "ns", time.Millisecond)
	require.ErrorIs(t, err, notYet)
	require.ErrorContains(t, err, "stoker admin init")

	down := errors.New("down")
	c.count = func(string) error { return down }
	require.ErrorIs(t, AwaitNamespace(t.Context(), c, "ns"), down)

	stopped, stop := context.WithCancel(t.Context())
	c.count = func(string) error { stop(); return notYet }
	require.ErrorIs(t, AwaitNamespace(stopped, c, "ns"), context.Canceled)
}
