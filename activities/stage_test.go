package activities

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/driver"
	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

const secretContent = "c1,c2\nsecret,content\n"

// whole is a job with everything a job can have.
func (b *bundle) whole() {
	b.t.Helper()
	external := filepath.Join(b.t.TempDir(), "data.csv")
	require.NoError(b.t, os.WriteFile(external, []byte("x\n"), 0o600))
	b.job.Siblings = []job.SourceFile{
		{Path: "pkg/sub/helpers.py", Text: "X = 1\n"}, {Path: "pkg/other.py", Text: "Y = 'ü'\n"},
	}
	b.job.Primary.Path = "models/score.py"
	b.job.Init = &job.Function{Name: "begin", Origin: "asset field initFunction"}
	b.job.WorkFiles = []job.WorkFile{{Path: "weights/model.bin", Content: []byte{0, 1, 255}}, {Path: "requirements.txt", Content: nil}}
	b.job.Inputs = []job.Asset{
		{FileName: "in.csv", Format: "CSV", Embedded: true, Content: []byte(secretContent), Object: map[string]any{"name": "first", "assetType": "FILE"}},
		{FileName: "data.csv", Format: "CSV", URL: "file://" + external, Object: map[string]any{"fileUrl": "file://" + external, "tags": []any{"a"}}},
		{FileName: "in.csv", Format: "CSV", Embedded: true, Content: []byte("second\n"), Object: map[string]any{"name": "second"}},
	}
	b.job.Outputs = []job.Asset{
		{FileName: "there.csv", URL: "hdfs:///data/there.csv", Index: 0, Object: map[string]any{"name": "elsewhere"}},
		{FileName: "out.csv", Format: "CSV", Embedded: true, Index: 4, Object: map[string]any{"name": "result"}},
	}
	b.job.ModelAssets = []job.Asset{{FileName: "m.bin", URL: "/models/m.bin", Object: map[string]any{"fileUrl": "/models/m.bin"}}}
	b.job.Options = job.Options{Conf: map[string]string{"spark.executor.memory": "1g", "spark.token": "secret:token"}, Args: []string{"--num-executors", "2"}}
	b.job.Parameters = map[string]string{"startDate": "2024-01-01"}
	b.job.Document = json.RawMessage(`{"id":"7"}`)
}

func TestStageWritesEverything(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.whole()
	result, err := b.stage()
	require.NoError(t, err)
	require.Empty(t, result.Problems)
	require.Equal(t, job.StandingOpen, result.Standing.State)

	require.Equal(t, map[string]fs.FileMode{
		"ModelOpPySparkDriver.py": 0o600, "sources.zip": 0o600, "job.json": 0o600, "launch.json": 0o600, "staged.json": 0o600,
		"work/": 0o700, "work/weights/": 0o700, "work/weights/model.bin": 0o600, "work/requirements.txt": 0o600,
		"logs/": 0o700, "tmp/": 0o700,
		"in/": 0o700, "in/0/": 0o700, "in/0/in.csv": 0o600, "in/2/": 0o700, "in/2/in.csv": 0o600,
		"out/": 0o700, "out/1/": 0o700,
	}, b.tree())
	require.Equal(t, string(driver.Source), b.read("ModelOpPySparkDriver.py"))
	require.Equal(t, secretContent, b.read("in/0/in.csv"))
	require.Equal(t, "second\n", b.read("in/2/in.csv"), "two inputs of one name both arrive")
	require.Equal(t, "\x00\x01\xff", b.read("work/weights/model.bin"))

	var content driver.Job
	b.readJSON("job.json", &content)
	require.Equal(t, driver.Job{
		Version: driver.Version, JobID: "model-manage-7", Application: "local-7-1", Attempt: 1, Kind: "scoring",
		Model:    driver.Model{Path: "models/score.py"},
		Init:     &driver.Function{Name: "begin", Origin: "asset field initFunction"},
		Function: driver.Function{Name: "action", Origin: "smart comment # modelop.score"},
		Inputs: []map[string]any{
			{"name": "first", "assetType": "EXTERNAL_FILE", "fileUrl": "file:" + b.dir + "/in/0/in.csv"},
			{"tags": []any{"a"}, "assetType": "EXTERNAL_FILE", "fileUrl": "file:" + strings.TrimPrefix(b.job.Inputs[1].URL, "file://")},
			{"name": "second", "assetType": "EXTERNAL_FILE", "fileUrl": "file:" + b.dir + "/in/2/in.csv"},
		},
		Outputs: []map[string]any{
			{"name": "elsewhere", "assetType": "EXTERNAL_FILE", "fileUrl": "file:/data/there.csv"},
			{"name": "result", "assetType": "EXTERNAL_FILE", "fileUrl": "file:" + b.dir + "/out/1/out.csv"},
		},
		ModelAssets: []map[string]any{{"assetType": "EXTERNAL_FILE", "fileUrl": "file:/models/m.bin"}},
		Document:    json.RawMessage("{\n    \"id\": \"7\"\n  }"),
		Parameters:  map[string]string{"startDate": "2024-01-01"},
		StartedURL:  "file:" + b.dir + "/started", StatusURL: "file:" + b.dir + "/status.json",
	}, content)
	require.NotContains(t, b.read("job.json"), "secret", "content stays in its own file")

	var launch spark.Launch
	b.readJSON("launch.json", &launch)
	require.Equal(t, spark.Launch{
		Name: "credit", PythonDriver: true, Main: "ModelOpPySparkDriver.py", Args: []string{b.dir + "/job.json"},
		PyFiles: []string{"sources.zip"}, Options: b.job.Options,
	}, launch)

	var record staged
	b.readJSON("staged.json", &record)
	require.Equal(t, staged{
		Digest: "d1", Application: "local-7-1", Bytes: record.Bytes,
		Outputs: []stagedOutput{{Index: 4, FileName: "out.csv", Format: "CSV", Path: b.dir + "/out/1/out.csv"}},
	}, record)
	require.Positive(t, record.Bytes)

	require.Equal(t, []job.Report{{
		Milestone:       job.MilestoneStaged,
		ExternalOutputs: []map[string]any{{"name": "result", "assetType": "EXTERNAL_FILE", "fileUrl": "file:" + b.dir + "/out/1/out.csv"}},
	}}, b.source.reports, "the source is told of embedded outputs alone")
	require.Equal(t, b.dir+"/staged.json", b.store.wrote[len(b.store.wrote)-1], "the record comes last")
}

// A small file on a distributed store costs waiting, so files are not written one
// after the other; the record still comes last.
func TestStageWritesSeveralFilesAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.whole()
	const together = 4
	var met atomic.Int32
	all := make(chan struct{})
	b.store.write = func(string) error {
		if met.Add(1) == together {
			close(all)
		}
		select {
		case <-all:
			return nil
		case <-time.After(time.Minute):
			return errors.New("the others did not come")
		}
	}
	_, err := b.stage()
	require.NoError(t, err)
	require.Equal(t, b.dir+"/staged.json", b.store.wrote[len(b.store.wrote)-1])
}

func TestStagedSourcesAreImportable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.whole()
	_, err := b.stage()
	require.NoError(t, err)
	archive, err := zip.OpenReader(filepath.Join(b.dir, "sources.zip"))
	require.NoError(t, err)
	defer func() { _ = archive.Close() }()
	var names []string
	texts := map[string]string{}
	for _, f := range archive.File {
		names = append(names, f.Name)
		r, err := f.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		texts[f.Name] = string(data)
	}
	require.Equal(t, []string{"models/", "pkg/", "pkg/sub/", "models/score.py", "pkg/sub/helpers.py", "pkg/other.py"}, names)
	require.Equal(t, b.job.Primary.Text, texts["models/score.py"])
	require.Equal(t, "Y = 'ü'\n", texts["pkg/other.py"])
}

func TestSourcesArchiveIsTheSameForTheSameSources(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.whole()
	first, err := sourcesArchive(b.job)
	require.NoError(t, err)
	second, err := sourcesArchive(b.job)
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func TestStageOfASmallJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.stage()
	require.NoError(t, err)
	require.Empty(t, b.source.reports, "without embedded outputs there is nothing to tell")
	require.Contains(t, b.read("job.json"), `"inputs": []`, "the model is given lists, never null")
	require.Contains(t, b.read("job.json"), `"init": null`)
}

func TestStageAgainLeavesWhatIsStaged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.whole()
	first, err := b.stage()
	require.NoError(t, err)
	before := b.tree()
	b.put("job.json", "as the application found it")
	b.store.wrote = nil
	second, err := b.stage()
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Empty(t, b.store.wrote)
	require.Equal(t, "as the application found it", b.read("job.json"))
	require.Equal(t, before, b.tree())
	require.Len(t, b.source.reports, 1)
}

// What an application was launched with stays, even if its job was changed
// since: it may be reading it.
func TestStageLeavesWhatWasLaunched(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.whole()
	first, err := b.stage()
	require.NoError(t, err)
	b.put("intent.json", "{}")
	before := b.tree()
	b.intake.Digest = "d2"
	second, err := b.stageAs("d2")
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Equal(t, before, b.tree())
}

func TestStageWritesAgainWhatWasStagedHalf(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.whole()
	b.store.write = func(path string) error {
		if strings.HasSuffix(path, "launch.json") {
			return job.Errorf(job.CodeUnavailable, "disk full")
		}
		return nil
	}
	_, err := b.stage()
	requireFailure(t, err, job.CodeUnavailable, false)
	require.NotContains(t, b.tree(), "staged.json")
	b.put("in/0/in.csv", "half of it")

	b.store.write = nil
	_, err = b.stage()
	require.NoError(t, err)
	require.Equal(t, secretContent, b.read("in/0/in.csv"))
	require.Contains(t, b.tree(), "staged.json")
}

func TestStageIsNotDoneBeforeTheSourceKnows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.whole()
	b.source.report = func(string, job.Report) (job.Standing, error) {
		return job.Standing{}, job.Errorf(job.CodeUnavailable, "503")
	}
	_, err := b.stage()
	requireFailure(t, err, job.CodeUnavailable, false)
	require.NotContains(t, b.tree(), "staged.json")
}

func TestStageTellsWhatTheSourceAnswered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.whole()
	b.source.report = func(string, job.Report) (job.Standing, error) {
		return job.Standing{State: job.StandingCancelled, Status: strings.Repeat("x", 5000), Application: strings.Repeat("y", 5000)}, nil
	}
	result, err := b.stage()
	require.NoError(t, err)
	require.Equal(t, job.StandingCancelled, result.Standing.State)
	require.Len(t, result.Standing.Status, job.MaxWord)
	require.Len(t, result.Standing.Application, job.MaxWord)
}

func TestStageRefuses(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone.csv")
	for name, row := range map[string]struct {
		change func(*bundle)
		// problem that is told, "" for none.
		problem  string
		standing job.StandingState
	}{
		"a job changed since": {
			func(b *bundle) { b.intake.Digest = "d2" }, "the job was changed after it was loaded; create it anew", job.StandingOpen,
		},
		"a job with problems": {
			func(b *bundle) { b.intake.Problems = []string{"no function"} }, "no function", job.StandingOpen,
		},
		"a missing input": {
			func(b *bundle) { b.job.Inputs = append(b.job.Inputs, job.Asset{FileName: "gone.csv", URL: gone}) },
			`input 4 ("` + gone + `"): is missing; put it there or correct the URL`, job.StandingOpen,
		},
		"an input nobody can check": {
			func(b *bundle) { b.job.Inputs = []job.Asset{{FileName: "x", URL: "s3a://bucket/x"}} }, "can't be verified", job.StandingOpen,
		},
		"a cancelled job": {
			func(b *bundle) { b.intake.Standing.State = job.StandingCancelled }, "", job.StandingCancelled,
		},
		"an ended job": {
			func(b *bundle) { b.intake.Standing.State = job.StandingEnded; b.intake.Digest = "d2" }, "", job.StandingEnded,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.whole()
			row.change(b)
			result, err := b.stage()
			require.NoError(t, err)
			require.Equal(t, row.standing, result.Standing.State)
			if row.problem == "" {
				require.Empty(t, result.Problems)
			} else {
				require.Len(t, result.Problems, 1)
				require.Contains(t, result.Problems[0], row.problem)
			}
			require.Empty(t, b.tree(), "nothing is written")
			require.Empty(t, b.source.reports)
		})
	}
}

func TestStageAllowsUncheckedInputsOnRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cluster.UnverifiableInputs = store.PolicyAllow
	b.job.Inputs = []job.Asset{{FileName: "x", URL: "s3a://bucket/x"}}
	result, err := b.stage()
	require.NoError(t, err)
	require.Empty(t, result.Problems)
	require.Contains(t, b.read("job.json"), `"fileUrl": "s3a://bucket/x"`)
}

// A store that is down says nothing of the job.
func TestStageWaitsForAStoreThatIsDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.whole()
	b.store.stat = func(path string) error {
		if strings.HasSuffix(path, "data.csv") {
			return errors.New("connection refused")
		}
		return nil
	}
	_, err := b.stage()
	requireFailure(t, err, job.CodeUnavailable, false)
	require.Empty(t, b.tree())
}

func TestStageForbiddenByTheStore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store.write = func(string) error { return fs.ErrPermission }
	_, err := b.stage()
	requireFailure(t, err, job.CodeUnauthorized, true)
}

func TestStageStopsWhenRevoked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(spark.FileRevoked, "{}")
	_, err := b.stage()
	failure := failureOf(t, err, job.CodeConflict, true)
	require.Contains(t, failure.Error(), "revoked")
	require.NotContains(t, b.tree(), "staged.json")
}

func TestStageCannotLookForARevocation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store.stat = func(path string) error {
		if strings.HasSuffix(path, spark.FileRevoked) {
			return errors.New("connection refused")
		}
		return nil
	}
	_, err := b.stage()
	requireFailure(t, err, job.CodeUnavailable, false)
	require.NotContains(t, b.tree(), "staged.json")
}

func TestStageSourceErrorsPass(t *testing.T) {
	t.Parallel()
	for code, final := range map[job.Code]bool{
		job.CodeUnavailable: false, job.CodeUnauthorized: false, job.CodeConflict: false, job.CodeInternal: false,
		job.CodeNotFound: true, job.CodeInvalid: true,
	} {
		b := setup(t)
		b.source.manifest = func(string) (job.Manifest, job.Intake, error) {
			return job.Manifest{}, job.Intake{}, job.Errorf(code, "no document")
		}
		_, err := b.stage()
		var failure interface{ NonRetryable() bool }
		require.ErrorAs(t, err, &failure, code)
		require.Equal(t, final, failure.NonRetryable(), code)
	}
}

func TestStageReadsItsOwnRecordOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put("staged.json", "{half")
	_, err := b.stage()
	requireFailure(t, err, job.CodeInternal, false)

	b.put("staged.json", strings.Repeat(" ", maxRecord+1))
	_, err = b.stage()
	require.Error(t, err)

	b.store.open = func(string) error { return errors.New("connection refused") }
	_, err = b.stage()
	requireFailure(t, err, job.CodeUnavailable, false)
}

// Every attempt has a directory of its own.
func TestStageKeepsAttemptsApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.stage()
	require.NoError(t, err)
	b.attempt = b.key.Attempt(2)
	b.dir = spark.JobDir(b.root, b.attempt)
	require.Empty(t, b.tree())
	_, err = b.stage()
	require.NoError(t, err)
	var content driver.Job
	b.readJSON("job.json", &content)
	require.Equal(t, 2, content.Attempt)
}

// Spark reads a path as a pattern: a name must match itself.
func TestStageMakesNamesLiteral(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.job.Inputs = []job.Asset{{FileName: "a[1]{x}*?.csv", Embedded: true, Content: []byte("1\n")}}
	b.job.Outputs = []job.Asset{{FileName: "b*.csv", Embedded: true}}
	_, err := b.stage()
	require.NoError(t, err)
	require.Contains(t, b.tree(), "in/0/a_1__x___.csv")
	require.Contains(t, b.read("job.json"), "/in/0/a_1__x___.csv\"")
	var record staged
	b.readJSON("staged.json", &record)
	require.Equal(t, []stagedOutput{{FileName: "b*.csv", Path: b.dir + "/out/0/b_.csv"}}, record.Outputs)
}

// likeHDFS makes the store take only names that HDFS takes.
func (b *bundle) likeHDFS() {
	b.store.write = func(path string) error {
		_, err := hadoop.CleanPath(path)
		return err
	}
}

// Hadoop's paths hold no ':'. What is staged under a name of its own is renamed, and
// an output is collected under the name that it was declared with.
func TestStageOfNamesWithColons(t *testing.T) {
	t.Parallel()
	const name = "2026-01-01T10:00.csv"
	for place, prepare := range map[string]func(b *bundle){"file": func(*bundle) {}, "HDFS": (*bundle).likeHDFS} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			prepare(b)
			b.job.Inputs = []job.Asset{{FileName: name, Embedded: true, Content: []byte("1\n")}}
			b.job.Outputs = []job.Asset{{FileName: name, Embedded: true, Format: "CSV"}}
			result, err := b.stage()
			require.NoError(t, err)
			require.Empty(t, result.Problems)
			const staged = "2026-01-01T10_00.csv"
			require.Equal(t, "1\n", b.read("in/0/"+staged))
			var told driver.Job
			b.readJSON("job.json", &told)
			require.Equal(t, b.store.URL(b.dir+"/in/0/"+staged), told.Inputs[0]["fileUrl"])
			require.Equal(t, b.store.URL(b.dir+"/out/0/"+staged), told.Outputs[0]["fileUrl"])
			b.put("out/0/"+staged, "id\n1\n")
			collected, err := b.collect()
			require.NoError(t, err)
			require.Empty(t, collected.Problems)
			report, err := b.reportEnd(job.Outcome{Result: job.ResultSucceeded})
			require.NoError(t, err)
			require.Equal(t, []job.CollectedOutput{{FileName: name, Content: []byte("id\n1\n")}}, report.Outputs)
		})
	}
}

// A model opens its assets by their names, so these are not changed: where the store
// can't hold one, the job is wrong, and no outage.
func TestStageOfModelAssetsWithColons(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.job.WorkFiles = []job.WorkFile{{Path: "weights:v2.bin", Content: []byte("w")}}
	_, err := b.stage()
	require.NoError(t, err)
	require.Equal(t, "w", b.read("work/weights:v2.bin"))

	b = setup(t)
	b.likeHDFS()
	b.job.WorkFiles = []job.WorkFile{{Path: "weights:v2.bin", Content: []byte("w")}}
	_, err = b.stage()
	requireFailure(t, err, job.CodeInvalid, true)
	require.ErrorContains(t, err, "stage work/weights:v2.bin")
	require.ErrorContains(t, err, "rename the file")
}

// What a store can never do is no outage, wherever it is said.
func TestStoreErrors(t *testing.T) {
	t.Parallel()
	for want, err := range map[job.Code]error{
		job.CodeInvalid:      job.Errorf(job.CodeInvalid, "no such name"),
		job.CodeUnauthorized: fs.ErrPermission,
		job.CodeUnavailable:  errors.New("connection refused"),
	} {
		require.Equal(t, want, job.CodeOf(storeError("write", err)))
		b := setup(t)
		b.store.open = func(string) error { return err }
		_, failed := b.collect()
		requireFailure(t, failed, want, want != job.CodeUnavailable)
	}
}

func TestLocatedIsACopyWithoutContent(t *testing.T) {
	t.Parallel()
	object := map[string]any{"name": "a", "assetType": "FILE", "fileUrl": "old"}
	asset := job.Asset{FileName: "a.csv", Embedded: true, Content: []byte(secretContent), Object: object}
	got := located(asset, "file:/x")
	require.Equal(t, map[string]any{"name": "a", "assetType": "EXTERNAL_FILE", "fileUrl": "file:/x"}, got)
	require.Equal(t, map[string]any{"name": "a", "assetType": "FILE", "fileUrl": "old"}, object)
	require.Equal(t, map[string]any{"assetType": "EXTERNAL_FILE", "fileUrl": "u"}, located(job.Asset{}, "u"))
}

func TestFoldersComeParentsFirst(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"a", "a/b", "a/b/c", "d"}, folders([]job.SourceFile{{Path: "a/b/c/x.py"}, {Path: "d/y.py"}, {Path: "z.py"}}))
}
