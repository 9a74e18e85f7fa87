package e2e

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
)

// Documents as ModelOp really writes them.
func TestDocumentVariants(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		text    string
		changes []func(object)
		want    string
	}{
		{"assets without a name", echo, []func(object){inputs(func() object {
			asset := embedded("in.csv", "1")
			asset["name"] = ""
			return asset
		}()), outputs(func() object {
			asset := embeddedOutput("out.csv")
			asset["name"] = ""
			return asset
		}())}, `"1"`},
		{"assets without a filename", echo, []func(object){inputs(func() object {
			asset := embedded("in.csv", "1")
			delete(asset, "filename")
			return asset
		}())}, `in.csv`},
		{"lines of fileContentString", echo, []func(object){inputs(object{
			"assetType": "FILE", "filename": "in.csv", "fileContentString": []any{"id,amount", "1,2", "3,4\n"},
		})}, `id,amount\n1,2\n3,4\n`},
		{"values of fileContentString", echo, []func(object){inputs(object{
			"assetType": "FILE", "filename": "in.json", "fileFormat": "JSON", "fileContentString": []any{object{"id": 1}, object{"id": 2}},
		})}, `[{\"id\":1},{\"id\":2}]`},
		{"text of fileContentString", echo, []func(object){inputs(object{
			"assetType": "FILE", "filename": "in.csv", "fileContentString": "as it is",
		})}, `as it is`},
		{"empty input", echo, []func(object){inputs(embedded("in.csv", ""))}, `""`},
		{"lists that are null", scores(`write(outputs[0], "%d %d" % (len(inputs), len(assets)))`), []func(object){
			with("inputData", nil), with("additionalAssets", nil), with("jobParameters", nil), with("metaData", nil), with("jobMessages", nil),
		}, "0 0"},
		{"without ids", scores(`write(outputs[0], "x")`), []func(object){func(d object) {
			delete(d["model"].(object), "id") // made by the test
		}}, "x"},
		{"marked as text", scores(`write(outputs[0], "x")`), []func(object){primaryField("primaryModelSource", "true")}, "x"},
		{"one source, unmarked", scores(`write(outputs[0], "x")`), []func(object){func(d object) {
			delete(primary(d), "primaryModelSource")
		}}, "x"},
		{"source named by its name only", scores(`write(outputs[0], os.path.basename(__file__))`), []func(object){func(d object) {
			delete(primary(d), "sourceCodeFilePath")
		}}, "model.py"},
		{"source whose name is no module", scores(`write(outputs[0], os.path.basename(__file__))`), []func(object){primaryField("sourceCodeFilePath", "2026 scoring-model.v2.py")}, "2026 scoring-model.v2.py"},
		{"Windows line ends", "\r\n# modelop.score\r\ndef done(a, b, c):\r\n    write(b[0], 'x')\r\n", nil, "x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j := withoutSpark.get(t).job(t)
			document := j.model(row.text, row.changes...)
			if row.name == "without ids" {
				delete(document["model"].(object)["storedModel"].(object), "id") // made by the test
			}
			require.Contains(t, j.create(document).ends(complete).output(0), row.want)
		})
	}
}

// File name, URL and format of an asset may contradict each other: the model gets
// all of them as they are, and the URL counts.
func TestNamesThatDisagree(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	given := j.put("drift_analysis.json", `{"drift": 1}`)
	input := byURL("drift_analysis.csv", given)
	input["name"] = ""
	e := j.create(j.model(scores(`
import json
write(outputs[0], json.dumps([inputs[0], read(inputs[0])]))
`), inputs(input))).ends(complete)
	var saw []any
	require.NoError(t, json.Unmarshal([]byte(e.output(0)), &saw))
	asset, _ := saw[0].(object)
	require.Equal(t, []any{"drift_analysis.csv", "", "CSV", "file:" + given}, []any{asset["filename"], asset["name"], asset["fileFormat"], asset["fileUrl"]})
	require.Equal(t, "Größe <&>", asset["unknownToStoker"].(object)["text"]) // planted
	require.Equal(t, `{"drift": 1}`, saw[1])
}

// The assets of referenceModel are never the job's, whatever they are.
func TestReferenceModelIsNotUsed(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	e := j.create(j.model(scores(`
try:
    import champion
    found = "imported"
except ImportError:
    found = "not there"
write(outputs[0], "%s, %s, %d" % (found, sorted(os.listdir(".")), len(assets)))
`), with("referenceModel", object{"id": "champion", "storedModel": object{"modelAssets": []any{
		source("champion.py", "raise SystemExit('imported')", "primaryModelSource", true, "scoreFunction", "nowhere"),
		source("model.py", "raise SystemExit('imported')", "primaryModelSource", true),
		embedded("champion.bin", "weights"), byURL("missing", "/no/such"),
		object{"assetType": "SQL"},
		embedded("../x", "1"),
	}}}))).ends(complete)
	require.Equal(t, "not there, [], 0", e.output(0))
}

// Jobs of other engines are not Stoker's: neither another type nor another name.
func TestOtherEnginesAreLeftAlone(t *testing.T) {
	t.Parallel()
	in := withoutSpark.get(t)
	var others []*given
	for _, engine := range []object{
		{"engineType": "MOC_RUNTIME", "name": "spark-runtime-1"},
		{"engineType": "SPARK_RUNTIME", "name": "spark-runtime-2"},
		{"engineType": "SPARK_RUNTIME"},
		{},
	} {
		j := in.job(t)
		others = append(others, j.create(j.model(scores("pass"), with("targetEngine", engine))))
	}
	cancelledOne := in.job(t)
	others = append(others, cancelledOne.create(cancelledOne.model(scores("pass"), with("jobStatus", cancelled), with("targetEngine", object{"engineType": "MOC_RUNTIME"}))))
	// The starter has looked at them all when it has started a later one, twice.
	for range 2 {
		ours := in.job(t)
		ours.create(ours.model(scores(`write(outputs[0], "x")`))).ends(complete)
	}
	for _, j := range others {
		j.untouched()
	}
}

// untouched checks that nobody wrote to the document or started anything.
func (j *given) untouched() {
	j.Helper()
	require.Len(j, j.in.ModelManage.Revisions(j.id), 1)
	_, err := j.in.Client.DescribeWorkflowExecution(j.within(), j.key.WorkflowID(), "")
	var none *serviceerror.NotFound
	require.ErrorAs(j, err, &none)
	require.NoFileExists(j, j.scratch("imported"))
}
