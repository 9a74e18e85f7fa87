package activities

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

func TestConstructorsCheckTheirFields(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sources := map[string]Source{"s": b.source}
	with := func(change func(*Cluster)) map[string]Cluster {
		c := b.cluster
		change(&c)
		return map[string]Cluster{"local": c}
	}
	for name, bad := range map[string]map[string]Cluster{
		"manager": with(func(c *Cluster) { c.Manager = nil }),
		"store":   with(func(c *Cluster) { c.Stores = store.Set{} }),
		"root":    with(func(c *Cluster) { c.Root = "" }),
	} {
		_, err := NewControl(bad, sources, b.hints)
		require.ErrorContains(t, err, "cluster local has no", name)
		_, err = NewTransfer(bad, sources)
		require.ErrorContains(t, err, "cluster local has no", name)
	}
	good := with(func(*Cluster) {})
	_, err := NewControl(good, sources, nil)
	require.Error(t, err)
	_, err = NewTransfer(good, nil)
	require.Error(t, err)
	_, err = NewRegistry(nil)
	require.Error(t, err)
}

// A worker that is given another cluster's work lets a better one have it.
func TestActivitiesOfAnotherCluster(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, in := range map[string]any{
		"Reserve": ReserveInput{Cluster: "other"}, "Submit": SubmitInput{Key: b.key, Cluster: "other"},
		"Observe": ObserveInput{Cluster: "other"}, "Kill": KillInput{Cluster: "other"}, "WatchCluster": WatchInput{Cluster: "other"},
		"Stage": StageInput{Key: b.key, Cluster: "other"}, "Collect": CollectInput{Cluster: "other"},
		"ReportEnd": ReportInput{Key: b.key, Cluster: "other"}, "Clean": CleanInput{Cluster: "other"},
	} {
		failure := failureOf(t, b.do(name, in), job.CodeUnavailable, false)
		require.Contains(t, failure.Error(), `"other"`, name)
	}
}

func TestActivitiesOfAnUnknownSource(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := job.Key{Source: "other", ID: "1"}
	for name, in := range map[string]any{
		"Load": LoadInput{Key: other}, "Report": ReportInput{Key: other}, "ReportEnd": ReportInput{Key: other, Cluster: "local"},
		"Stage": StageInput{Key: other, Cluster: "local"}, "Submit": SubmitInput{Key: other, Cluster: "local"},
	} {
		requireFailure(t, b.do(name, in), job.CodeInvalid, true)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.intake.Standing.Application = strings.Repeat("x", 1<<20)
	b.intake.Problems = make([]string, 500)
	result, err := call[LoadResult](b, "Load", LoadInput{Key: b.key})
	require.NoError(t, err)
	require.Equal(t, b.intake.Spec, result.Spec)
	require.Equal(t, "d1", result.Digest)
	require.Len(t, result.Problems, maxProblems+1)
	require.Len(t, result.Standing.Application, job.MaxWord)

	b.source.load = func(string) (job.Intake, error) { return job.Intake{}, job.Errorf(job.CodeUnauthorized, "401") }
	_, err = call[LoadResult](b, "Load", LoadInput{Key: b.key})
	requireFailure(t, err, job.CodeUnavailable, false)
}

func TestReport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	result, err := call[ReportResult](b, "Report", ReportInput{
		Key: b.key, Milestone: job.MilestoneRunning, Application: "a", WaitingAt: at, RunningAt: at.Add(time.Minute),
	})
	require.NoError(t, err)
	require.Equal(t, b.intake.Standing, result.Standing)
	require.Equal(t, []job.Report{{
		Milestone: job.MilestoneRunning, Application: "a", WaitingAt: at, RunningAt: at.Add(time.Minute),
	}}, b.source.reports)

	b.source.report = func(string, job.Report) (job.Standing, error) {
		return job.Standing{}, job.Errorf(job.CodeConflict, "412")
	}
	_, err = call[ReportResult](b, "Report", ReportInput{Key: b.key})
	requireFailure(t, err, job.CodeUnavailable, false)
}

func TestReserve(t *testing.T) {
	t.Parallel()
	b := setup(t)
	notAfter := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	b.manager.reserve = func(a job.Attempt, until time.Time) (spark.Reservation, error) {
		require.Equal(t, b.attempt, a)
		require.True(t, notAfter.Equal(until))
		return spark.Reservation{Application: "local-7-1"}, nil
	}
	in := ReserveInput{Cluster: "local", Attempt: b.attempt, NotAfter: notAfter}
	result, err := call[ReserveResult](b, "Reserve", in)
	require.NoError(t, err)
	require.Equal(t, "local-7-1", result.Application)

	b.manager.reserve = func(job.Attempt, time.Time) (spark.Reservation, error) {
		return spark.Reservation{}, job.Errorf(job.CodeConflict, "reserved by installation blue")
	}
	_, err = call[ReserveResult](b, "Reserve", in)
	requireFailure(t, err, job.CodeConflict, true)
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	open := job.Standing{State: job.StandingOpen, Status: "CREATED"}
	cancelled := job.Standing{State: job.StandingCancelled, Status: "CANCELLED"}
	ended := job.Standing{State: job.StandingEnded, Status: "COMPLETE"}
	for name, row := range map[string]struct {
		standing job.Standing
		err      error
		want     SubmitResult
		sent     int
		code     job.Code
		final    bool
	}{
		"launched":           {open, nil, SubmitResult{Standing: open}, 1, "", false},
		"busy":               {open, spark.ErrBusy, SubmitResult{Busy: true, Standing: open}, 1, "", false},
		"busy, wrapped":      {open, job.Errorf(job.CodeUnavailable, "local: %w", spark.ErrBusy), SubmitResult{Busy: true, Standing: open}, 1, "", false},
		"full":               {open, fmt.Errorf("lake: %w", &spark.FullError{Reason: "queue q is full"}), SubmitResult{Busy: true, Full: "queue q is full", Standing: open}, 1, "", false},
		"held":               {open, fmt.Errorf("local: %w", &spark.HeldError{Reason: "drained"}), SubmitResult{Busy: true, Why: "drained", Standing: open}, 1, "", false},
		"revoked":            {open, spark.ErrRevoked, SubmitResult{Revoked: true, Standing: open}, 1, "", false},
		"cancelled":          {cancelled, nil, SubmitResult{Standing: cancelled}, 0, "", false},
		"ended":              {ended, nil, SubmitResult{Standing: ended}, 0, "", false},
		"invalid":            {open, job.Errorf(job.CodeInvalid, "bad conf"), SubmitResult{}, 1, job.CodeInvalid, true},
		"refused":            {open, job.Errorf(job.CodeUnauthorized, "no rights"), SubmitResult{}, 1, job.CodeUnauthorized, true},
		"without a reserved": {open, job.Errorf(job.CodeNotFound, "no reservation"), SubmitResult{}, 1, job.CodeNotFound, true},
		"unavailable":        {open, job.Errorf(job.CodeUnavailable, "down"), SubmitResult{}, 1, job.CodeUnavailable, false},
		"unknown":            {open, errors.New("?"), SubmitResult{}, 1, job.CodeInternal, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.intake.Standing = row.standing
			sent := 0
			b.manager.submit = func(a job.Attempt) error {
				require.Equal(t, b.attempt, a)
				sent++
				return row.err
			}
			got, err := call[SubmitResult](b, "Submit", SubmitInput{Key: b.key, Cluster: "local", Attempt: b.attempt})
			require.Equal(t, row.sent, sent)
			if row.code != "" {
				requireFailure(t, err, row.code, row.final)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, got)
		})
	}
}

// Where only the launch makes an id, that is told, also to a later Reserve.
func TestIdentify(t *testing.T) {
	t.Parallel()
	b := setup(t)
	launched := false
	b.manager.reserve = func(job.Attempt, time.Time) (spark.Reservation, error) {
		return spark.Reservation{Application: "a name"}, nil
	}
	b.manager.submit = func(job.Attempt) error { launched = true; return nil }
	b.manager.identify = func(a job.Attempt) (string, error) {
		require.Equal(t, b.attempt, a)
		if launched {
			return "application_1_0001", nil
		}
		return "", nil
	}
	reserve := ReserveInput{Cluster: "local", Attempt: b.attempt}
	before, err := call[ReserveResult](b, "Reserve", reserve)
	require.NoError(t, err)
	require.Equal(t, "a name", before.Application)
	submitted, err := call[SubmitResult](b, "Submit", SubmitInput{Key: b.key, Cluster: "local", Attempt: b.attempt})
	require.NoError(t, err)
	require.Equal(t, "application_1_0001", submitted.Application)
	after, err := call[ReserveResult](b, "Reserve", reserve)
	require.NoError(t, err)
	require.Equal(t, "application_1_0001", after.Application)

	b.manager.identify = func(job.Attempt) (string, error) { return "", job.Errorf(job.CodeUnavailable, "down") }
	requireFailure(t, b.do("Reserve", reserve), job.CodeUnavailable, false)
	requireFailure(t, b.do("Submit", SubmitInput{Key: b.key, Cluster: "local", Attempt: b.attempt}), job.CodeUnavailable, false)
}

// Nothing is launched before the source said that the job is still wanted.
func TestSubmitAsksTheSourceFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.manager.submit = func(job.Attempt) error { t.Error("launched"); return nil }
	for code, final := range map[job.Code]bool{job.CodeUnavailable: false, job.CodeUnauthorized: false, job.CodeNotFound: true} {
		b.source.load = func(string) (job.Intake, error) { return job.Intake{}, job.Errorf(code, "x") }
		var failure interface{ NonRetryable() bool }
		require.ErrorAs(t, b.do("Submit", SubmitInput{Key: b.key, Cluster: "local", Attempt: b.attempt}), &failure)
		require.Equal(t, final, failure.NonRetryable(), code)
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.manager.observe = func(a job.Attempt) (job.Observation, error) {
		require.Equal(t, b.attempt, a)
		return job.Observation{State: job.StateFailed, Raw: strings.Repeat("r", 1<<20)}, nil
	}
	got, err := call[job.Observation](b, "Observe", ObserveInput{Cluster: "local", Attempt: b.attempt})
	require.NoError(t, err)
	require.Equal(t, job.StateFailed, got.State)
	require.Len(t, got.Raw, job.MaxRaw)

	b.manager.observe = func(job.Attempt) (job.Observation, error) {
		return job.Observation{}, job.Errorf(job.CodeUnavailable, "%s", strings.Repeat("x", 5000))
	}
	_, err = call[job.Observation](b, "Observe", ObserveInput{Cluster: "local", Attempt: b.attempt})
	failure := failureOf(t, err, job.CodeUnavailable, false)
	require.LessOrEqual(t, len(failure.Message()), job.MaxMessage)
}

func TestKill(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var reasons []string
	b.manager.kill = func(_ job.Attempt, reason string) error { reasons = append(reasons, reason); return nil }
	require.NoError(t, b.do("Kill", KillInput{Cluster: "local", Attempt: b.attempt, Reason: "no longer wanted"}))
	require.NoError(t, b.do("Kill", KillInput{Cluster: "local", Attempt: b.attempt, Reason: strings.Repeat("x", 5000)}))
	require.Equal(t, "no longer wanted", reasons[0])
	require.Len(t, reasons[1], job.MaxMessage)

	b.manager.kill = func(job.Attempt, string) error { return job.Errorf(job.CodeUnavailable, "it does not die") }
	requireFailure(t, b.do("Kill", KillInput{Cluster: "local", Attempt: b.attempt}), job.CodeUnavailable, false)
}
