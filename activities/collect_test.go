package activities

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

// outputs stages an attempt that is to write two embedded outputs.
func (b *bundle) outputs() {
	b.t.Helper()
	b.job.Outputs = []job.Asset{
		{FileName: "a.csv", Format: "CSV", Embedded: true, Index: 0},
		{FileName: "elsewhere.csv", URL: "/data/elsewhere.csv", Index: 1},
		{FileName: "b.json", Format: "JSON", Embedded: true, Index: 2},
	}
	_, err := b.stage()
	require.NoError(b.t, err)
	b.store.wrote = nil
}

func (b *bundle) collect() (CollectResult, error) {
	return call[CollectResult](b, "Collect", CollectInput{Cluster: "local", Attempt: b.attempt})
}

func TestCollectGathersFilesAndParts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.outputs()
	b.put("out/0/a.csv/part-00001.csv", "id\n2\n")
	b.put("out/0/a.csv/part-00000.csv", "id\n1\n")
	b.put("out/0/a.csv/_SUCCESS", "")
	b.put("out/2/b.json", `{"x":1}`)
	for range 2 { // done again it gathers again
		result, err := b.collect()
		require.NoError(t, err)
		require.Equal(t, CollectResult{Bytes: 17}, result)
		require.Equal(t, "id\n1\n2\n", b.read("collected/0"))
		require.Equal(t, `{"x":1}`, b.read("collected/1"))
		require.Equal(t, fs.FileMode(0o600), b.tree()["collected/0"])
	}
}

func TestCollectWithoutOutputs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.stage()
	require.NoError(t, err)
	result, err := b.collect()
	require.NoError(t, err)
	require.Equal(t, CollectResult{}, result)
}

func TestCollectNamesWhatIsWrongBeforeItWrites(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		arrange func(*bundle)
		want    []string
	}{
		"missing": {
			func(b *bundle) { b.put("out/0/a.csv", "1") },
			[]string{`output 3 (b.json) was not written`},
		},
		"both missing": {
			func(*bundle) {},
			[]string{`output 1 (a.csv) was not written`, `output 3 (b.json) was not written`},
		},
		"too large": {
			func(b *bundle) { b.put("out/0/a.csv", strings.Repeat("x", 1001)); b.put("out/2/b.json", "{}") },
			[]string{`output 1 (a.csv): output "a.csv" is 1001 bytes, over its limit of 1000 bytes; write less, or write it to a URL of your own`},
		},
		"parts too large together": {
			func(b *bundle) {
				b.put("out/0/a.csv/part-00000", strings.Repeat("x", 600))
				b.put("out/0/a.csv/part-00001", strings.Repeat("x", 600))
				b.put("out/2/b.json", "{}")
			},
			[]string{`output 1 (a.csv): output "a.csv" is 1200 bytes, over its limit of 1000 bytes; write less, or write it to a URL of your own`},
		},
		"too large together": {
			func(b *bundle) {
				b.put("out/0/a.csv", strings.Repeat("x", 900))
				b.put("out/2/b.json", strings.Repeat("x", 601))
			},
			[]string{`the embedded outputs hold 1501 bytes together, more than the 1500 that one job may embed; write them to a URL`},
		},
		"one missing, the other too large": {
			func(b *bundle) { b.put("out/2/b.json", strings.Repeat("x", 2000)) },
			[]string{`output 1 (a.csv) was not written`, `output 3 (b.json): output "b.json" is 2000 bytes, over its limit of 1000 bytes; write less, or write it to a URL of your own`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.outputs()
			row.arrange(b)
			result, err := b.collect()
			require.NoError(t, err)
			require.Equal(t, row.want, result.Problems)
			require.Empty(t, b.store.wrote, "nothing is written")
		})
	}
}

func TestCollectAtTheLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.outputs()
	b.put("out/0/a.csv", strings.Repeat("x", 1000))
	b.put("out/2/b.json", strings.Repeat("x", 500))
	result, err := b.collect()
	require.NoError(t, err)
	require.Empty(t, result.Problems)
	require.Len(t, b.read("collected/0"), 1000)
}

func TestCollectRefusesAnOutputThatWasNotCommitted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.outputs()
	b.put("out/0/a.csv/_temporary/0/part", "x")
	b.put("out/2/b.json", "{}")
	result, err := b.collect()
	require.NoError(t, err)
	require.Len(t, result.Problems, 1)
	require.Contains(t, result.Problems[0], "output 1 (a.csv)")
	require.Contains(t, result.Problems[0], "_SUCCESS")
}

func TestCollectWaitsForAStoreThatIsDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.outputs()
	b.put("out/0/a.csv", "1")
	b.put("out/2/b.json", "2")
	b.store.stat = func(path string) error {
		if strings.HasSuffix(path, "b.json") {
			return errors.New("connection refused")
		}
		return nil
	}
	_, err := b.collect()
	requireFailure(t, err, job.CodeUnavailable, false)
	require.Empty(t, b.store.wrote)

	b.store.stat = nil
	b.store.write = func(string) error { return errors.New("disk full") }
	_, err = b.collect()
	requireFailure(t, err, job.CodeUnavailable, false)
}

func TestCollectNeedsTheStagingRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.collect()
	requireFailure(t, err, job.CodeNotFound, true)
}

// reportEnd makes the final report and returns what the source was told.
func (b *bundle) reportEnd(outcome job.Outcome) (job.Report, error) {
	b.t.Helper()
	b.source.reports = nil
	_, err := call[ReportResult](b, "ReportEnd", ReportInput{
		Key: b.key, Milestone: job.MilestoneEnded, Application: "local-7-1", Outcome: outcome, Cluster: "local", Attempt: b.attempt,
	})
	if len(b.source.reports) == 0 {
		return job.Report{}, err
	}
	return b.source.reports[0], err
}

func collectedBundle(t *testing.T) *bundle {
	t.Helper()
	b := setup(t)
	b.outputs()
	b.put("collected/0", "id\n1\n")
	b.put("collected/1", "{}")
	return b
}

func TestReportEndAttachesContentToASuccessOnly(t *testing.T) {
	t.Parallel()
	b := collectedBundle(t)
	report, err := b.reportEnd(job.Outcome{Result: job.ResultSucceeded})
	require.NoError(t, err)
	require.Equal(t, []job.CollectedOutput{{Index: 0, FileName: "a.csv", Content: []byte("id\n1\n")}, {Index: 2, FileName: "b.json", Content: []byte("{}")}}, report.Outputs)
	require.Equal(t, job.MilestoneEnded, report.Milestone)
	require.Equal(t, "local-7-1", report.Application)

	for _, outcome := range []job.Outcome{
		job.Failed(job.ClassApplication, job.PhaseCollecting, "x"), {Result: job.ResultLost}, {Result: job.ResultCancelled},
	} {
		report, err := b.reportEnd(outcome)
		require.NoError(t, err)
		require.Empty(t, report.Outputs, "%s", outcome.Result)
		require.Equal(t, outcome, report.Outcome)
	}
}

func TestReportEndDeliversNoPartOfAnOutput(t *testing.T) {
	t.Parallel()
	b := collectedBundle(t)
	b.put("collected/0", strings.Repeat("x", 1000))
	report, err := b.reportEnd(job.Outcome{Result: job.ResultSucceeded})
	require.NoError(t, err)
	require.Len(t, report.Outputs[0].Content, 1000, "all of the limit is used")

	b.put("collected/0", strings.Repeat("x", 1001))
	_, err = b.reportEnd(job.Outcome{Result: job.ResultSucceeded})
	require.Error(t, err)
	require.Empty(t, b.source.reports)
}

func TestReportEndNeedsWhatWasCollected(t *testing.T) {
	t.Parallel()
	b := collectedBundle(t)
	require.NoError(t, os.Remove(filepath.Join(b.dir, "collected/1")))
	_, err := b.reportEnd(job.Outcome{Result: job.ResultSucceeded})
	requireFailure(t, err, job.CodeUnavailable, false)
	require.NoError(t, os.Remove(filepath.Join(b.dir, "staged.json")))
	_, err = b.reportEnd(job.Outcome{Result: job.ResultSucceeded})
	requireFailure(t, err, job.CodeInternal, false)
	require.Empty(t, b.source.reports)
}

func TestReportEndReturnsTheStanding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.source.report = func(id string, _ job.Report) (job.Standing, error) {
		require.Equal(t, "7", id)
		return job.Standing{State: job.StandingCancelled, Status: "CANCELLED"}, nil
	}
	result, err := call[ReportResult](b, "ReportEnd", ReportInput{Key: b.key, Cluster: "local", Attempt: b.attempt})
	require.NoError(t, err)
	require.Equal(t, job.StandingCancelled, result.Standing.State)

	b.source.report = func(string, job.Report) (job.Standing, error) {
		return job.Standing{}, job.Errorf(job.CodeUnauthorized, "401")
	}
	_, err = b.reportEnd(job.Outcome{Result: job.ResultLost})
	requireFailure(t, err, job.CodeUnavailable, false)
}

func TestClean(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err   error
		code  job.Code
		final bool
	}{
		"quiet":       {nil, "", false},
		"not gone":    {job.Errorf(job.CodeConflict, "the application still runs"), job.CodeUnavailable, false},
		"unavailable": {job.Errorf(job.CodeUnavailable, "timeout"), job.CodeUnavailable, false},
		"forbidden":   {job.Errorf(job.CodeUnauthorized, "permission denied"), job.CodeUnauthorized, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.manager.release = func(a job.Attempt) error { require.Equal(t, b.attempt, a); return row.err }
			err := b.do("Clean", CleanInput{Cluster: "local", Attempt: b.attempt})
			if row.err == nil {
				require.NoError(t, err)
				return
			}
			requireFailure(t, err, row.code, row.final)
		})
	}
}

// What a job writes as its record is Stoker's, and read by a later version.
func TestStagedRecordIsStable(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(staged{Digest: "d", Application: "a", Bytes: 3, Outputs: []stagedOutput{{Index: 2, FileName: "f", Format: "CSV", Path: "/p"}}})
	require.NoError(t, err)
	require.JSONEq(t, `{"digest":"d","application":"a","bytes":3,"outputs":[{"index":2,"fileName":"f","format":"CSV","path":"/p"}]}`, string(data))
}

// staged.json lies where a job can write: whatever is in it, reading it ends.
func FuzzReadStaged(f *testing.F) {
	f.Add([]byte(`{"digest":"d","outputs":[{"index":1,"path":"/x"}]}`))
	f.Add([]byte(`{"outputs":[null]}`))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := setup(t)
		b.put("staged.json", string(data))
		record, err := readStaged(t.Context(), b.store, b.dir)
		require.Equal(t, err == nil, record != nil)
		if err != nil {
			require.Equal(t, job.CodeInternal, job.CodeOf(err))
		}
	})
}
