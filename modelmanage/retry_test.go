package modelmanage

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

// failing makes a fake refuse the requests for which fails is true, counted from 1.
func failing(f *fake, fails func(n int64) bool) *atomic.Int64 {
	count := &atomic.Int64{}
	f.before = func(w http.ResponseWriter, _ *http.Request) bool {
		if !fails(count.Add(1)) {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		return true
	}
	return count
}

// A service that fails every second time is got through by every report.
func TestEverySecondRequestFails(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobStatus":"RUNNING","jobParameters":{"TMP_EXTERNAL_OUTPUT":"[]"},"outputData":[{"filename":"o"}]}`)
	failing(b.fake, func(n int64) bool { return n%2 == 1 })
	seen, err := b.client.Report(t.Context(), "j1", Update{
		Status: StatusComplete, EndedAt: time.Unix(5, 0), Outputs: []Output{{Index: 0, Content: []byte("x")}},
	})
	require.NoError(t, err)
	require.True(t, seen.Settled)
	require.Equal(t, "COMPLETE", b.fake.doc["jobStatus"])
}

func TestFailuresAreRepeatedAFewTimesOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobStatus":"CREATED"}`)
	count := failing(b.fake, func(int64) bool { return true })
	_, err := b.client.Get(t.Context(), "j1")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.EqualValues(t, sendings, count.Load())
}

// A slow failure leaves no time for another.
func TestSlowFailuresAreNotRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobStatus":"CREATED"}`)
	count := failing(b.fake, func(int64) bool { return true })
	now := time.Unix(0, 0)
	b.client.now = func() time.Time {
		now = now.Add(quickFailure + time.Second)
		return now
	}
	_, err := b.client.Get(t.Context(), "j1")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.EqualValues(t, 1, count.Load())
}

// A write that names no version may have been applied already.
func TestWritesWithoutAVersionAreNotRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobStatus":"CREATED"}`, func(c *Config) { c.IfMatch = false })
	count := failing(b.fake, func(n int64) bool { return n > 1 })
	_, err := b.client.Report(t.Context(), "j1", Update{Status: StatusWaiting})
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.EqualValues(t, 2, count.Load(), "a reading and a write")
}

// A reply that is lost makes the repeated write a conflict, after which the
// document is found as it should be.
func TestALostReplyIsNoSecondWrite(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobStatus":"CREATED"}`)
	lost := false
	b.fake.reply = func(doc map[string]any) map[string]any {
		if !lost {
			lost = true
			panic(http.ErrAbortHandler)
		}
		return doc
	}
	seen, err := b.client.Report(t.Context(), "j1", Update{Status: StatusWaiting, Messages: []string{"once"}})
	require.NoError(t, err)
	require.True(t, seen.Settled)
	require.Len(t, b.fake.writes, 1)
}
