package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err error
		// code and final of classify, and of classifySource.
		code        job.Code
		final       bool
		sourceCode  job.Code
		sourceFinal bool
	}{
		"unavailable":  {job.Errorf(job.CodeUnavailable, "x"), job.CodeUnavailable, false, job.CodeUnavailable, false},
		"internal":     {job.Errorf(job.CodeInternal, "x"), job.CodeInternal, false, job.CodeInternal, false},
		"unknown":      {errors.New("x"), job.CodeInternal, false, job.CodeInternal, false},
		"unauthorized": {job.Errorf(job.CodeUnauthorized, "x"), job.CodeUnauthorized, true, job.CodeUnavailable, false},
		"conflict":     {job.Errorf(job.CodeConflict, "x"), job.CodeConflict, true, job.CodeUnavailable, false},
		"invalid":      {job.Errorf(job.CodeInvalid, "x"), job.CodeInvalid, true, job.CodeInvalid, true},
		"not found":    {job.Errorf(job.CodeNotFound, "x"), job.CodeNotFound, true, job.CodeNotFound, true},
		"deadline":     {fmt.Errorf("get: %w", context.DeadlineExceeded), job.CodeUnavailable, false, job.CodeUnavailable, false},
		"deadline in a domain error": {
			job.Errorf(job.CodeInvalid, "get: %w", context.DeadlineExceeded), job.CodeUnavailable, false, job.CodeUnavailable, false,
		},
		"wrapped": {fmt.Errorf("stage: %w", job.Errorf(job.CodeNotFound, "x")), job.CodeNotFound, true, job.CodeNotFound, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failure := failureOf(t, classify(row.err), row.code, row.final)
			require.Equal(t, row.err.Error(), failure.Message())
			requireFailure(t, classifySource(row.err), row.sourceCode, row.sourceFinal)
		})
	}
	require.NoError(t, classify(nil))
	require.NoError(t, classifySource(nil))
}

func TestClassifyLeavesACancelToTheSDK(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		context.Canceled, fmt.Errorf("read: %w", context.Canceled), job.Errorf(job.CodeUnauthorized, "read: %w", context.Canceled),
	} {
		require.Equal(t, err, classify(err))
		require.Equal(t, err, classifySource(err))
	}
	long := fmt.Errorf("%s: %w", strings.Repeat("x", 5000), context.Canceled)
	require.ErrorIs(t, classify(long), context.Canceled)
	require.LessOrEqual(t, len(classify(long).Error()), job.MaxMessage)
}

func TestClassifyBoundsWhatItKeeps(t *testing.T) {
	t.Parallel()
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("%d %s", i, strings.Repeat("ü", 1000))
	}
	failure := failureOf(t, classify(job.Invalid(strings.Repeat("x", 9000), many)), job.CodeInvalid, true)
	require.LessOrEqual(t, len(failure.Message()), job.MaxMessage)
	var problems []string
	require.NoError(t, failure.Details(&problems))
	require.Len(t, problems, maxProblems+1)
	require.Equal(t, "and more", problems[maxProblems])
	require.True(t, strings.HasPrefix(problems[maxProblems-1], "39 "))
	for _, p := range problems {
		require.LessOrEqual(t, len(p), maxProblemLength)
	}
	require.NoError(t, errors.Unwrap(failure), "a cause would bring its text along, uncapped")
}

func TestClassifyGivesDetailsOfTheInvalidOnly(t *testing.T) {
	t.Parallel()
	require.True(t, failureOf(t, classify(job.Errorf(job.CodeInvalid, "one")), job.CodeInvalid, true).HasDetails())
	require.False(t, failureOf(t, classify(job.Errorf(job.CodeNotFound, "one")), job.CodeNotFound, true).HasDetails())
}

func TestCapProblems(t *testing.T) {
	t.Parallel()
	require.Empty(t, capProblems(nil))
	all := make([]string, maxProblems)
	require.Equal(t, all, capProblems(all), "as many as fit are not called more")
	require.Equal(t, []string{"a"}, capProblems([]string{"a"}))
}

// An observation stays small enough for a failure, whatever a program writes.
func TestCapObservation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat(rapid.String().Draw(t, "text"), rapid.SampledFrom([]int{0, 1, 7, 3000}).Draw(t, "times"))
		})
		before := job.DriverReport{
			State: text.Draw(t, "state"), Stage: text.Draw(t, "stage"), ErrorType: text.Draw(t, "type"),
			Message: text.Draw(t, "message"), Traceback: text.Draw(t, "traceback"),
		}
		kept := before
		got := capObservation(job.Observation{State: job.StateFailed, Raw: text.Draw(t, "raw"), Driver: &kept})
		require.Equal(t, before, kept, "the caller's report is left as it is")
		d := got.Driver
		require.LessOrEqual(t, len(got.Raw)+len(d.ErrorType)+len(d.Message)+len(d.Traceback), 4<<10)
		require.LessOrEqual(t, len(d.State)+len(d.Stage), 2*job.MaxWord)
		require.LessOrEqual(t, len(got.Raw), job.MaxRaw)
	})
	require.Nil(t, capObservation(job.Observation{}).Driver)
}

func TestCapObservationKeepsTheEndOfATraceback(t *testing.T) {
	t.Parallel()
	lines := strings.Repeat("  File \"x.py\"\n", 500) + "ValueError: the reason"
	got := capObservation(job.Observation{Driver: &job.DriverReport{Traceback: lines, Message: strings.Repeat("m", 2000)}})
	require.True(t, strings.HasSuffix(got.Driver.Traceback, "ValueError: the reason"))
	require.True(t, strings.HasPrefix(got.Driver.Message, "mmm"))
}

// The largest failure a control activity can leave stays whole at the server.
func TestFailuresStayBelowTheServersLimit(t *testing.T) {
	t.Parallel()
	for _, code := range []job.Code{job.CodeUnavailable, job.CodeInternal} { // those that are retried are kept
		err := classify(job.Errorf(code, "%s", strings.Repeat("<\"\n>", 5000)))
		var failure *temporal.ApplicationError
		require.ErrorAs(t, err, &failure)
		require.Less(t, len(failure.Error()), 4<<10)
		require.False(t, failure.HasDetails())
	}
}
