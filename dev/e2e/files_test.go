package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

// echo writes what the model was given: each input's place and content.
var echo = scores(`
import json
write(outputs[0], json.dumps([[i["fileUrl"], i["assetType"], read(i)] for i in inputs]))
`)

// seen reads what echo wrote.
func (e ended) seen() (list [][3]string) {
	e.Helper()
	require.NoError(e, json.Unmarshal([]byte(e.output(0)), &list))
	return list
}

// Inputs and outputs of one name all arrive, in their own folders and in order.
func TestFilesOfOneName(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	e := j.create(j.model(scores(`
assert len({path(a) for a in inputs + outputs}) == 6
for i, o in zip(inputs, outputs):
    write(o, os.path.basename(path(i)) + ":" + read(i))
`), inputs(embedded("data.csv", "first"), embedded("data.csv", "second"), embedded("data.csv", "third")),
		outputs(embeddedOutput("same.csv"), embeddedOutput("same.csv"), embeddedOutput("same.csv")))).ends(complete)
	require.Equal(t, []string{"data.csv:first", "data.csv:second", "data.csv:third"}, []string{e.output(0), e.output(1), e.output(2)})
}

// Files come embedded or by each form of URL, mixed, with names that are awkward.
func TestFilesByEveryForm(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	given := j.put("a b%20ü.csv", "by URL\n")
	written := filepath.Join(filepath.Dir(given), "written here.csv")
	e := j.create(j.model(echo+`
    write(outputs[1], "to a URL")
    write(outputs[2], "embedded, too")
`, inputs(
		byURL("bare.csv", given), embedded("odd *?[1]{a,b}.csv", "embedded\n"), byURL("file.csv", "file://"+given),
		byURL("hdfs.csv", "hdfs://"+given), embedded("ünï 'quoted'.csv", "Größe\r\n"), byURL("file1.csv", "file:"+given),
	), outputs(embeddedOutput("seen.json"), byURL("written", "hdfs://"+written), embeddedOutput("more *.csv")))).ends(complete)
	url, dir := "file:"+given, "file:"+e.attemptDir(1)+"/in/"
	require.Equal(t, [][3]string{
		{url, "EXTERNAL_FILE", "by URL\n"},
		{dir + "1/odd ___1__a,b_.csv", "EXTERNAL_FILE", "embedded\n"},
		{url, "EXTERNAL_FILE", "by URL\n"},
		{url, "EXTERNAL_FILE", "by URL\n"},
		{dir + "4/ünï 'quoted'.csv", "EXTERNAL_FILE", "Größe\r\n"},
		{url, "EXTERNAL_FILE", "by URL\n"},
	}, e.seen())
	require.FileExists(t, written, "an output by URL is the job's own to keep")
	require.Equal(t, "embedded, too", e.output(2))
}

// Directories and patterns by URL reach the model as they are.
func TestDirectoriesAndPatterns(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	dir := filepath.Dir(j.put("loans/part-1.csv", "1"))
	j.put("loans/part-2.csv", "2")
	j.put("loans/readme", "not one")
	e := j.create(j.model(scores(`
import glob
write(outputs[0], " ".join(sorted(os.listdir(path(inputs[0])))) + " | " + " ".join(sorted(map(os.path.basename, glob.glob(path(inputs[1]))))))
`), inputs(byURL("loans", dir), byURL("loans", "file://"+dir+"/part-*.csv")))).ends(complete)
	require.Equal(t, "part-1.csv part-2.csv readme | part-1.csv part-2.csv", e.output(0))
}

// partsOf writes part files as Spark does.
const partsOf = `
write(outputs[0], "id,score\n2,0.2\n", "part-00001-x.csv")
write(outputs[0], "id,score\n1,0.1\n", "part-00000-x.csv")
write(outputs[0], "", "part-00002-x.csv")
write(outputs[0], "id,score\n3,0.3\n", "part-00010-x.csv")
write(outputs[0], "", "_SUCCESS")
write(outputs[0], "crc", ".part-00000-x.csv.crc")
`

// A directory of parts becomes one file; what becomes of their headers is the
// cluster's setting.
func TestPartsBecomeOneFile(t *testing.T) {
	t.Parallel()
	const whole = "id,score\n1,0.1\n2,0.2\n3,0.3\n"
	const repeated = "id,score\n1,0.1\nid,score\n2,0.2\nid,score\n3,0.3\n"
	for _, row := range []struct {
		name, cluster, format, want string
	}{
		{"auto", "local", "CSV", whole},
		{"auto, not CSV", "local", "UNKNOWN", repeated},
		{"keep", clusterKeep, "CSV", repeated},
		{"once", clusterOnce, "UNKNOWN", whole},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j := withoutSpark.get(t).job(t)
			output := embeddedOutput("scores.csv")
			output["fileFormat"] = row.format
			e := j.create(j.model(scores(partsOf), outputs(output), parameters("stoker.cluster", row.cluster))).ends(complete)
			require.Equal(t, row.want, e.output(0))
			require.Equal(t, row.cluster, e.result.Cluster)
		})
	}
}

// An output that is there and empty is one.
func TestEmptyOutputs(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	e := j.create(j.model(scores(`
write(outputs[0], "")
write(outputs[1], "", "_SUCCESS")
os.makedirs(path(outputs[2]))
`), outputs(embeddedOutput("file.csv"), embeddedOutput("directory.csv"), embeddedOutput("bare.csv")))).ends(complete)
	for i := range 3 {
		require.Empty(t, e.output(i))
	}
}

// An output that is missing, too large or no output fails the job by name, and
// the document gets no content at all.
func TestOutputsThatFail(t *testing.T) {
	t.Parallel()
	fine := `write(outputs[0], "x")` + "\n"
	for _, row := range []struct {
		name, cluster, body string
		problems            []string
	}{
		{"missing", "local", fine, []string{"output 2 (second.csv) was not written"}},
		{"all missing", "local", "pass", []string{"output 1 (first.csv) was not written", "output 2 (second.csv) was not written"}},
		{"over the default limit", "local", fine + `write(outputs[1], "x" * (8 * 1024 * 1024 + 1))`, []string{`output "second.csv" is 8388609 bytes, over its limit of 8388608 bytes`}},
		{"one too large", clusterSmall, fine + `write(outputs[1], "x" * 1001)`, []string{`output 2 (second.csv)`}},
		{"parts too large together", clusterSmall, fine + `write(outputs[1], "x" * 600, "part-00000"); write(outputs[1], "x" * 600, "part-00001")`, []string{`output "second.csv" is 1200 bytes, over its limit of 1000 bytes`}},
		{"all too large together", clusterSmall, `write(outputs[0], "x" * 800); write(outputs[1], "x" * 800)`, []string{"the embedded outputs hold 1600 bytes together, more than the 1500"}},
		{"not committed", "local", fine + `write(outputs[1], "x", "part-00000"); os.makedirs(path(outputs[1]) + "/_temporary/0")`, []string{`output 2 (second.csv)`, "was not committed"}},
		{"partitioned", "local", fine + `os.makedirs(path(outputs[1]) + "/year=2026")`, []string{`output 2 (second.csv): output "second.csv"`, "year=2026"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j := withoutSpark.get(t).job(t)
			e := j.create(j.model(scores(row.body), outputs(embeddedOutput("first.csv"), embeddedOutput("second.csv")),
				parameters("stoker.cluster", row.cluster))).ends(failed)
			require.Equal(t, job.ClassApplication, e.result.Outcome.Class)
			require.Equal(t, job.PhaseCollecting, e.result.Outcome.Phase)
			problems := strings.Join(e.problems(), "\n")
			for _, words := range row.problems {
				require.Contains(t, problems, words)
			}
			e.says("ERROR (application) in phase collecting", row.problems[0])
		})
	}
}

// Just within the limits is within.
func TestOutputsAtTheirLimit(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	e := j.create(j.model(scores(`write(outputs[0], "x" * 1000); write(outputs[1], "x" * 500)`),
		outputs(embeddedOutput("first.csv"), embeddedOutput("second.csv")), parameters("stoker.cluster", clusterSmall))).ends(complete)
	require.Len(t, e.output(0), smallOutput)
	require.Len(t, e.output(1), smallOutputs-smallOutput)
}

// FILE assets of the model lie in its working directory, further sources can be
// imported, and external ones are handed over where they are.
func TestModelAssets(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	weights := j.put("weights of it.bin", "heavy")
	e := j.create(j.model("import helpers\nfrom pkg.deep import more\n"+scores(`
with open("schema one.avsc") as f:
    schema = f.read()
with open("extra.txt") as f:
    extra = f.read()
write(outputs[0], "|".join([helpers.NAME, more.NAME, schema, extra, read(assets[0]), str(len(assets)), assets[0]["assetRole"]]))
`), withAssets(source("helpers.py", "NAME = 'helpers'\n"), embedded("schema one.avsc", "{}"), byURL("weights", "hdfs://"+weights)),
		with("additionalAssets", []any{embedded("extra.txt", "additional"), source("pkg/deep/more.py", "NAME = 'more'\n")}))).ends(complete)
	require.Equal(t, "helpers|more|{}|additional|heavy|1|UNKNOWN", e.output(0))
}
