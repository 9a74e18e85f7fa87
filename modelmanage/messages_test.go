package modelmanage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
)

func TestStatusOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		outcome job.Outcome
		killed  Status
		status  Status
		result  string
	}{
		{job.Outcome{Result: job.ResultSucceeded}, StatusError, StatusComplete, ResultSuccess},
		{job.Outcome{Result: job.ResultFailed, Class: job.ClassApplication}, StatusError, StatusError, ResultUnknown},
		{job.Outcome{Result: job.ResultFailed, Class: job.ClassInfrastructure}, StatusCancelled, StatusError, ResultUnknown},
		{job.Outcome{Result: job.ResultFailed, Class: job.ClassKilled}, StatusError, StatusError, ResultUnknown},
		{job.Outcome{Result: job.ResultFailed, Class: job.ClassKilled}, StatusCancelled, StatusCancelled, ResultUnknown},
		{job.Outcome{Result: job.ResultCancelled}, StatusError, StatusCancelled, ResultUnknown},
		{job.Outcome{Result: job.ResultLost}, StatusCancelled, StatusError, ResultUnknown},
	} {
		status, result := StatusOf(tt.outcome, tt.killed)
		require.Equal(t, tt.status, status, tt.outcome.String())
		require.Equal(t, tt.result, result, tt.outcome.String())
	}
}

func TestStatusOfMilestone(t *testing.T) {
	t.Parallel()
	for milestone, want := range map[job.Milestone]Status{
		job.MilestoneStaged: "", job.MilestoneWaiting: StatusWaiting, job.MilestoneRunning: StatusRunning, job.MilestoneEnded: "",
	} {
		require.Equal(t, want, StatusOfMilestone(milestone), milestone)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	c := DefaultConfig().Messages
	lost := Messages(job.Outcome{Result: job.ResultLost, Phase: job.PhaseRunning, Message: "absent"}, Logs{}, c)
	require.True(t, strings.HasPrefix(lost[0], "LOST:"), lost[0])

	o := job.Failed(job.ClassApplication, job.PhaseRunning, "ValueError: bad\ninput")
	o.ErrorType = "ValueError"
	o.Traceback = "Traceback:\n  model.py line 3\n" + strings.Repeat("deep\n", 40) + "ValueError: bad"
	o.Problems = []string{"one", "two"}
	o.Notes = []string{"late cancel"}
	got := Messages(o, Logs{Stdout: []byte("out"), Stderr: []byte("err")}, c)
	require.Equal(t, "ERROR (application) in phase running: ValueError: bad input", got[0])
	require.Equal(t, []string{"Problem: one", "Problem: two"}, got[1:3])
	require.Equal(t, "ValueError: bad", got[3+tracebackLines-1])
	require.Equal(t, []string{"Note: late cancel", "Job failed."}, got[len(got)-2:])
	require.NotContains(t, got, "out")

	c.Stdout, c.Stderr, c.StreamBytes = MessageFull, MessageTail, 20
	got = Messages(job.Outcome{Result: job.ResultSucceeded}, Logs{
		Stdout: []byte("first\nsecond\n" + strings.Repeat("x", 100)), Stderr: []byte(strings.Repeat("y", 100) + "\n\x1b[31mlast\x00"),
	}, c)
	require.Contains(t, got, "first")
	require.Contains(t, got, "[31mlast")
	require.Equal(t, "Job complete.", got[len(got)-1])
}

func anys(lines ...string) []any {
	var out []any
	for _, l := range lines {
		out = append(out, l)
	}
	return out
}

func TestAppendMessagesIsIdempotent(t *testing.T) {
	t.Parallel()
	c := DefaultConfig().Messages
	// Equal lines of one report all arrive; a second report of them adds none.
	list, changed := appendMessages(anys("old"), []string{"a", "a", "b"}, c)
	require.True(t, changed)
	require.Equal(t, anys("old", "a", "a", "b"), list)
	_, changed = appendMessages(list, []string{"a", "a", "b"}, c)
	require.False(t, changed)
	list, _ = appendMessages(anys("a"), []string{"a", "a", "b"}, c)
	require.Equal(t, anys("a", "a", "b"), list)
	_, changed = appendMessages(nil, nil, c)
	require.False(t, changed)
	list, _ = appendMessages([]any{map[string]any{"kept": true}}, []string{"a"}, c)
	require.Len(t, list, 2)
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := MessageConfig{MaxLines: 20, MaxBytes: 16 << 10}
		var list []any
		total := 0
		for round := range rapid.IntRange(1, 4).Draw(t, "rounds") {
			var add []string
			for i := range rapid.IntRange(1, 60).Draw(t, "lines") {
				add = append(add, fmt.Sprintf("%d.%d %s", round, i, strings.Repeat("x", rapid.IntRange(0, 2000).Draw(t, "length"))))
			}
			var changed bool
			list, changed = appendMessages(list, add, c)
			total += len(add)
			if !changed {
				t.Fatal("new lines were not added")
			}
			again, changed := appendMessages(list, add, c)
			if changed {
				t.Fatalf("not idempotent: %d lines, then %d", len(list), len(again))
			}
			size, count := 0, 0
			for _, m := range list {
				size += messageSize(m)
				if n, ok := leftOut(m); ok {
					count += n
				} else {
					count++
				}
			}
			if len(list) > c.MaxLines || size > c.MaxBytes {
				t.Fatalf("%d lines, %d bytes", len(list), size)
			}
			if count != total {
				t.Fatalf("%d lines accounted for, not %d", count, total)
			}
			if list[len(list)-1] != add[len(add)-1] {
				t.Fatal("the last line is gone")
			}
		}
	})
}
