package doctor

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOfSweep(t *testing.T) {
	t.Parallel()
	never := func() time.Time { return time.Time{} }
	now, long := time.Now, func() time.Time { return time.Now().Add(-4 * time.Hour) }
	for name, row := range map[string]struct {
		at       func() time.Time
		swept    Swept
		err      error
		interval time.Duration
		status   Status
		text     string
		mend     string
	}{
		"well":            {now, Swept{Done: 2}, nil, time.Hour, StatusOK, "0s ago, 2 ended or cleaned, nothing left", ""},
		"never":           {never, Swept{}, nil, time.Hour, StatusWarn, "none has ended yet", "start a worker"},
		"never, by hand":  {never, Swept{}, nil, 0, StatusWarn, "none is scheduled", "stoker admin sweep"},
		"old":             {long, Swept{}, nil, time.Hour, StatusWarn, "the last was 4h0m0s ago", "start a worker"},
		"old, by hand":    {long, Swept{}, nil, 0, StatusOK, "4h0m0s ago", ""},
		"refused":         {now, Swept{Error: "another namespace"}, nil, time.Hour, StatusFail, "another namespace", "as it says"},
		"unknown":         {now, Swept{Unknown: []string{"a/1", "b/1", "c/1", "d/1"}}, nil, time.Hour, StatusWarn, "4 were not known to Temporal: a/1, b/1, c/1 and 1 more", "reconcile"},
		"failed":          {now, Swept{Failed: []string{"a/1: not ours"}, Unknown: []string{"b/1"}}, nil, time.Hour, StatusWarn, "1 could not be ended or cleaned: a/1: not ours", "sweep-lake"},
		"cannot be known": {never, Swept{}, errors.New("no answer"), time.Hour, StatusFail, "no answer", "server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				row.swept.At = row.at()
				checks := OfSweep("lake", row.interval, func(context.Context) (Swept, error) { return row.swept, row.err })
				require.Len(t, checks, 1)
				found := checks[0].Run(t.Context())
				require.Equal(t, row.status, found.Status)
				require.Contains(t, found.Text, row.text)
				require.Contains(t, found.Mend, row.mend)
			})
		})
	}
}
