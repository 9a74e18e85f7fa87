package modelmanage

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/options"
)

const sample = `{"id":"j1","group":"team","version":3,"jobType":"MODEL_BATCH_JOB","jobStatus":"CREATED","createdBy":"ann",
 "createdDate":"2026-01-01T00:00:00.000Z",
 "jobParameters":{"--executor-memory":"512MB","spark.startDate":"2026","threshold":0.05,"flag":true,"list":[1,2],"gone":null,
   "TMP_EXTERNAL_OUTPUT":{"a":[1]},"SPARK_APPLICATION_ID":"app-0","stoker.deadline":"2h"},
 "inputData":[
   {"assetType":"EXTERNAL_FILE","name":"","filename":"in.csv","fileFormat":"csv","fileUrl":"hdfs:///data/in.json","repositoryInfo":{"port":0}},
   {"assetType":"FILE","filename":"base.csv","fileFormat":"UNKNOWN","fileContent":"YSxi\nCg","fileSize":4,"assetRole":"BASELINE_DATA"},
   {"assetType":"FILE","filename":"base.csv","fileContentString":["l1","l2"]}],
 "outputData":[
   {"assetType":"EXTERNAL_FILE","fileUrl":"/out/x.csv","filename":"x.csv"},
   {"assetType":"FILE","filename":"result.json","fileFormat":"JSON","fileSize":0,"fileContent":"b2xk"}],
 "model":{"id":"m1","metaData":{"name":"snapshot"},"storedModel":{"id":"s1","modelMetaData":{"name":"stored","type":"PYTHON"},"modelAssets":[
   {"assetType":"SOURCE_CODE","name":"m.py","primaryModelSource":true,"sourceCode":"import os\ndef begin():\n  pass\ndef action(a,b,c):\n  pass\n","sourceCodeFilePath":"m.py","initFunction":"begin","scoreFunction":"action"},
   {"assetType":"SOURCE_CODE","name":"helpers.py","primaryModelSource":false,"sourceCode":"x=1","sourceCodeFilePath":"pkg/helpers.py"},
   {"assetType":"FILE","filename":"schema.avsc","fileContent":"e30="},
   {"assetType":"FILE","filename":"README.md","fileSize":0},
   {"assetType":"EXTERNAL_FILE","filename":"model","fileUrl":"hdfs:///models/m","assetRole":"WEIGHTS_FILE"}]}},
 "referenceModel":{"storedModel":{"modelAssets":[{"assetType":"SQL"},{"assetType":"FILE","filename":"../evil"}]}},
 "additionalAssets":[{"assetType":"FILE","filename":"extra.txt","fileContentString":"hello"}],
 "targetEngine":{"engineType":"SPARK_RUNTIME","name":"spark-runtime-1","executorMemory":"1g","sparkConf":{"--master":"yarn"},"version":5,"state":"INIT"},
 "_links":{"self":{"href":"http://h/1"}}}`

func rules() Conversion {
	return Conversion{
		Engines: []Engine{{Type: "SPARK_RUNTIME", Name: "spark-runtime-1", Cluster: "main"}},
		Clusters: map[string]options.Cluster{
			"main":  {Master: "yarn", DeployMode: "cluster", Profile: options.Profile{Name: "std"}},
			"other": {Master: "local[1]"},
		},
		ApplicationIDParameter: "SPARK_APPLICATION_ID",
		MaxAssetBytes:          1000, MaxEmbeddedBytes: 1500,
		Deadline: time.Hour, MaxDeadline: 3 * time.Hour, OutageLimit: time.Minute,
		Retry: job.RetryPolicy{InfrastructureRetries: 2},
	}
}

// edit changes a field of the sample: a path of keys and indices, and JSON; no
// JSON removes the field.
func edit(t require.TestingT, at, value string) Document {
	doc, err := ParseDocument([]byte(sample))
	require.NoError(t, err)
	set(t, doc, at, value)
	return doc
}

func set(t require.TestingT, doc Document, at, value string) {
	var v any
	if value != "" {
		var err error
		v, err = decodeJSON([]byte(value))
		require.NoError(t, err)
	}
	var node any = doc.Root
	parts := strings.Split(at, "/")
	for i, p := range parts {
		last := i == len(parts)-1
		switch n := node.(type) {
		case map[string]any:
			switch {
			case last && value == "":
				delete(n, p)
			case last:
				n[p] = v
			}
			node = n[p]
		case []any:
			var index int
			_, err := fmt.Sscan(p, &index)
			require.NoError(t, err)
			if last {
				n[index] = v
			}
			node = n[index]
		default:
			require.Fail(t, "no such path", at)
		}
	}
}

func problemsOf(doc Document, c Conversion) []string {
	_, _, err := Convert(doc, c)
	return job.ProblemsOf(err)
}

func TestConvert(t *testing.T) {
	t.Parallel()
	spec, m, err := Convert(parse(t, sample), rules())
	require.NoError(t, err, "%v", job.ProblemsOf(err))
	require.Equal(t, job.Spec{
		Kind: job.KindScoring, Name: "snapshot", User: "ann", Tenant: "team", ModelID: "m1", Cluster: "main", Profile: "std",
		PythonDriver: true, EmbeddedOutputs: 1, Deadline: 2 * time.Hour, OutageLimit: time.Minute,
		Retry: job.RetryPolicy{InfrastructureRetries: 2},
	}, spec)
	require.Equal(t, job.KindScoring, m.Kind)
	require.Equal(t, "m.py", m.Primary.Path)
	require.Equal(t, []job.SourceFile{{Path: "pkg/helpers.py", Text: "x=1"}}, m.Siblings)
	require.Equal(t, &job.Function{Name: "begin", Origin: "asset field initFunction"}, m.Init)
	require.Equal(t, job.Function{Name: "action", Origin: "asset field scoreFunction"}, m.Function)
	require.Equal(t, []job.WorkFile{
		{Path: "schema.avsc", Content: []byte("{}")}, {Path: "README.md"}, {Path: "extra.txt", Content: []byte("hello")},
	}, m.WorkFiles)
	require.Equal(t, map[string]string{"spark.executor.memory": "512m", "spark.startDate": "2026"}, m.Options.Conf)
	require.Equal(t, map[string]string{"threshold": "0.05", "flag": "true", "list": "[1,2]"}, m.Parameters)

	require.Len(t, m.Inputs, 3)
	require.Equal(t, "hdfs:///data/in.json", m.Inputs[0].URL)
	require.Equal(t, "in.csv", m.Inputs[0].FileName)
	require.Equal(t, "CSV", m.Inputs[0].Format)
	require.Equal(t, map[string]any{"port": json.Number("0")}, m.Inputs[0].Object["repositoryInfo"])
	require.Equal(t, job.Asset{
		FileName: "base.csv", Embedded: true, Content: []byte("a,b\n"), Index: 1,
		Object: map[string]any{
			"assetType": "EXTERNAL_FILE", "filename": "base.csv", "fileFormat": "UNKNOWN", "fileSize": json.Number("4"), "assetRole": "BASELINE_DATA",
		},
	}, m.Inputs[1])
	require.Equal(t, "l1\nl2\n", string(m.Inputs[2].Content))
	require.Len(t, m.Outputs, 2)
	require.False(t, m.Outputs[0].Embedded)
	require.True(t, m.Outputs[1].Embedded)
	require.Nil(t, m.Outputs[1].Content)
	require.Equal(t, 1, m.Outputs[1].Index)
	require.NotContains(t, m.Outputs[1].Object, "fileContent")
	require.Len(t, m.ModelAssets, 1)
	require.Equal(t, "hdfs:///models/m", m.ModelAssets[0].URL)

	require.NotContains(t, string(m.Document), "fileContent")
	require.NotContains(t, string(m.Document), "sourceCode\"")
	require.Contains(t, string(m.Document), `"threshold":0.05`)
	require.Contains(t, string(m.Document), `"repositoryInfo"`)
}

func TestConvertProblems(t *testing.T) {
	t.Parallel()
	const assets = "model/storedModel/modelAssets"
	big := `"` + base64.StdEncoding.EncodeToString(make([]byte, 1001)) + `"`
	for _, tt := range []struct{ at, value, want string }{
		{"jobType", "", "jobType: is missing"},
		{"jobType", `"X"`, `jobType: "X"`},
		{"jobType", `7`, "jobType: is missing"},
		{"model", "", "model: is missing"},
		{"model", "[]", "model: is missing"},
		{assets, "{}", "is no list"},
		{assets, "", "holds no SOURCE_CODE"},
		{assets + "/1", "3", "is no object"},
		{assets + "/1/primaryModelSource", "true", "2 assets are primaryModelSource"},
		{assets + "/0/primaryModelSource", "false", "none of the 2"},
		{assets + "/0/sourceCode", "", "has no sourceCode"},
		{assets + "/0/sourceCodeFilePath", `"../m.py"`, "leaves the directory"},
		{assets + "/1/sourceCodeFilePath", `"/etc/x.py"`, "absolute"},
		{assets + "/1/sourceCodeFilePath", `"a//x.py"`, "is empty"},
		{assets + "/1/sourceCodeFilePath", `"m.py"`, "different text"},
		{assets + "/1/sourceCodeFilePath", `"m.py/x.py"`, "as well as its directory"},
		{assets + "/0/scoreFunction", `"missing"`, "scoreFunction names missing"},
		{assets + "/0/initFunction", `"missing"`, "initFunction names missing"},
		{assets + "/0/scoreFunction", `"os.system"`, "no name of a Python function"},
		{assets + "/0/scoreFunction", `"class"`, "no name of a Python function"},
		{assets + "/0/scoreFunction", "", "has no score function"},
		{assets + "/2/filename", `"a/b"`, "leaves the directory"},
		{assets + "/2/filename", `".."`, "is a directory"},
		{assets + "/2/filename", `"a\u0000b"`, "control character"},
		{assets + "/2/filename", `"` + strings.Repeat("x", 256) + `"`, "longer than 255"},
		{assets + "/2/filename", `""`, "is empty"},
		{assets + "/2/filename", `"extra.txt"`, "different content"},
		{assets + "/3/fileSize", "7", "README.md\": is a FILE without content"},
		{assets + "/2/assetType", `"SQL"`, "not supported for Spark jobs"},
		{assets + "/2/assetType", `""`, "has no assetType"},
		{assets + "/4/fileUrl", `" "`, "without fileUrl"},
		{"inputData/0/fileUrl", "", "without fileUrl"},
		{"inputData/0/filename", `"../../etc/passwd"`, "leaves the directory"},
		{"inputData/1/fileContent", `"!!"`, "is not base64"},
		{"inputData/1/fileContent", "", "without content"},
		{"inputData/1/fileContent", "7", "is no text"},
		{"inputData/1/fileContent", big, "larger than 1000 bytes"},
		{"inputData/1/assetType", `"SQL"`, "not supported"},
		{"inputData", `"x"`, "inputData: is no list"},
		{"outputData/1/filename", `"../x"`, "leaves the directory"},
		{"outputData/0", "null", "outputData[0]: is no object"},
		{"additionalAssets/0/filename", `"/abs"`, "leaves the directory"},
		{"targetEngine/name", `"other"`, "none of this installation's engines"},
		{"targetEngine", "", "none of this installation's engines"},
		{"targetEngine/sparkConf/--master", `"local[1]"`, "engine sparkConf --master"},
		{"jobParameters/--keytab", `"/x"`, "--keytab"},
		{"jobParameters/stoker.cluster", `"none"`, `there is no cluster "none"; there are main, other`},
		{"jobParameters/stoker.deadline", `"4h"`, "above the limit 3h"},
		{"jobParameters", `[]`, "jobParameters: is no object"},
		{"targetEngine/sparkConf", `"{\"--master\":\"yarn\"}"`, "targetEngine.sparkConf: is no object"},
	} {
		t.Run(tt.at+"="+job.Head(tt.value, 30), func(t *testing.T) {
			t.Parallel()
			problems := problemsOf(edit(t, tt.at, tt.value), rules())
			require.NotEmpty(t, problems)
			require.Contains(t, strings.Join(problems, "\n"), tt.want)
		})
	}
}

// A cluster that is not there is nowhere to keep anything.
func TestConvertNamesNoClusterThatIsNotThere(t *testing.T) {
	t.Parallel()
	spec, _, err := Convert(edit(t, "jobParameters/stoker.cluster", `"none"`), rules())
	require.Error(t, err)
	require.Empty(t, spec.Cluster)
	spec, _, err = Convert(edit(t, "jobParameters/--keytab", `"/x"`), rules())
	require.Error(t, err)
	require.Equal(t, "main", spec.Cluster)
}

func TestConvertListsEveryProblem(t *testing.T) {
	t.Parallel()
	require.Len(t, problemsOf(parse(t, `{}`), rules()), 3)
	require.Len(t, problemsOf(Document{}, rules()), 1)
	doc := edit(t, "jobParameters/--keytab", `"x"`)
	set(t, doc, "inputData/0/fileUrl", "")
	set(t, doc, "outputData/1/filename", `".."`)
	require.Len(t, problemsOf(doc, rules()), 3)
	require.Len(t, problemsOf(edit(t, "model/storedModel/modelAssets/0/sourceCode", ""), rules()), 1)
}

func TestConvertTotalSize(t *testing.T) {
	t.Parallel()
	doc := edit(t, "inputData/1/fileContent", `"`+base64.StdEncoding.EncodeToString(make([]byte, 900))+`"`)
	set(t, doc, "additionalAssets/0/fileContentString", `"`+strings.Repeat("x", 900)+`"`)
	require.Equal(t, []string{
		"the embedded assets together are larger than 1500 bytes; put the larger ones into a store and name them by URL",
	}, problemsOf(doc, rules()))
}

func TestConvertTolerates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ at, value string }{
		{"jobParameters", ""},
		{"additionalAssets", "null"},
		{"inputData", ""},
		{"inputData/1/fileContent", `"-_-_"`},
		{"inputData/1/fileContent", `""`},
		{"model/metaData", ""},
		{"model/storedModel/modelAssets/1/sourceCodeFilePath", `"./pkg/helpers.py"`},
		{"model/storedModel/modelAssets/0/primaryModelSource", `"true"`},
		{"referenceModel", `"junk"`},
	} {
		require.Empty(t, problemsOf(edit(t, tt.at, tt.value), rules()), "%s=%s", tt.at, tt.value)
	}
	// The same work file twice is one.
	doc := edit(t, "additionalAssets/0", `{"assetType":"FILE","filename":"schema.avsc","fileContentString":"{}"}`)
	_, m, err := Convert(doc, rules())
	require.NoError(t, err)
	require.Len(t, m.WorkFiles, 2)
}

func TestConvertChoosesACluster(t *testing.T) {
	t.Parallel()
	doc := edit(t, "jobParameters/stoker.cluster", `"other"`)
	set(t, doc, "targetEngine/sparkConf", "")
	spec, _, err := Convert(doc, rules())
	require.NoError(t, err)
	require.Equal(t, "other", spec.Cluster)
}

func TestConvertKinds(t *testing.T) {
	t.Parallel()
	for jobType, field := range map[string]string{
		"MODEL_BATCH_JOB": "scoreFunction", "MODEL_BATCH_TEST_JOB": "metricsFunction", "MODEL_BATCH_TRAINING_JOB": "trainFunction",
	} {
		doc := edit(t, "jobType", `"`+jobType+`"`)
		set(t, doc, "model/storedModel/modelAssets/0/scoreFunction", "")
		set(t, doc, "model/storedModel/modelAssets/0/"+field, `"action"`)
		_, m, err := Convert(doc, rules())
		require.NoError(t, err)
		require.Equal(t, job.Function{Name: "action", Origin: "asset field " + field}, m.Function)
	}
}

func TestFunctionsWithoutFields(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ source, function, origin, init string }{
		{"def score(a,b,c): pass", "score", "conventional name", ""},
		{"def init(): pass\ndef score(a,b,c): pass", "score", "conventional name", "init"},
		{"# modelop.score\ndef go(a): pass", "go", "smart comment # modelop.score", ""},
		{"# modelop.init\ndef begin(): pass\n#modelop.score\n\n# why\n@decorated(\n  1)\nasync def go(a): pass", "go", "smart comment # modelop.score", "begin"},
		{"# fastscore.action.0\ndef go(a): pass\ndef score(a): pass", "go", "smart comment # fastscore.action", ""},
		{"# modelop.score\nx = 1\ndef score(a): pass", "score", "conventional name", ""},
		{"\"\"\"\n# modelop.score\n\"\"\"\ndef score(): pass", "score", "conventional name", ""},
		{"from lib import *\n", "score", "conventional name", ""},
	} {
		doc := edit(t, "model/storedModel/modelAssets/0", `{"assetType":"SOURCE_CODE","name":"m.py","primaryModelSource":true}`)
		set(t, doc, "model/storedModel/modelAssets/0/sourceCode", mustJSON(tt.source))
		_, m, err := Convert(doc, rules())
		require.NoError(t, err, tt.source)
		require.Equal(t, job.Function{Name: tt.function, Origin: tt.origin}, m.Function, tt.source)
		if tt.init == "" {
			require.Nil(t, m.Init, tt.source)
		} else {
			require.Equal(t, tt.init, m.Init.Name, tt.source)
		}
	}
}

func mustJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func TestModuleNames(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		"def f(): pass":                          true,
		"async  def f(): pass":                   true,
		"class f:\n  pass":                       true,
		"import f":                               true,
		"import f.g":                             true,
		"import g.f":                             false,
		"import g as f":                          true,
		"from g import f":                        true,
		"from g import f as h":                   false,
		"from g import (a,\n  b as f)":           true,
		"from .g import a, f":                    true,
		"f = g":                                  true,
		"a = f = g":                              true,
		"a, (b, *f) = g":                         true,
		"f: int = 3":                             true,
		"f: int":                                 false,
		"f += 1":                                 false,
		"f == 1":                                 false,
		"g(f=1)":                                 false,
		"g = h(f=1)":                             false,
		"g = 1; f = 2":                           true,
		"if x:\n  def f(): pass":                 true,
		"try:\n  from g import f\nexcept E: f=0": true,
		"if x: f = 1":                            true,
		"for f in g: pass":                       true,
		"for g in f: pass":                       false,
		"with open(x) as f: pass":                true,
		"print(f := 3)":                          true,
		"def g():\n  def f(): pass":              false,
		"def g():\n  f = 1\nh = 2":               false,
		"class g:\n  def f(self): pass":          false,
		"def g():\n  global f\n  f = 1":          true,
		"'''\ndef f(): pass\n'''":                false,
		"# def f(): pass":                        false,
		"x = 'a\\'\\\ndef f(): pass'":            false,
		"x = \\\n  1\ndef f(): pass":             true,
		"x = (1,\n\n# )\n2)\ndef f(): pass":      true,
		"\ufeffdef f():\r\n  pass\r\n":           true,
		"exec(code)":                             true,
		"globals()['f'] = 1":                     true,
		"from g import *":                        true,
		"x = '''open":                            true,
		"def f2(): pass":                         false,
		"é = 1\nf\u00fc = 2":                     false,
		"match = 3":                              false,
		"match x:\n  case f: pass":               true,
		"":                                       false,
	} {
		require.Equal(t, want, readModule(source).binds("f"), source)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	base := Digest(parse(t, sample))
	require.Len(t, base, 64)
	for _, tt := range []struct {
		at, value string
		same      bool
	}{
		{"jobStatus", `"RUNNING"`, true},
		{"jobMessages", `["x"]`, true},
		{"jobResult", `"SUCCESS"`, true},
		{"version", "9", true},
		{"lastUpdateFromRuntime", `"x"`, true},
		{"createdDate", "", true},
		{"jobEndTime", "5", true},
		{"_links", "", true},
		{"jobParameters/TMP_EXTERNAL_OUTPUT", "", true},
		{"jobParameters/SPARK_APPLICATION_ID", `"app-9"`, true},
		{"outputData/1/fileContent", `"AAAA"`, true},
		{"outputData/1/fileSize", "77", true},
		{"targetEngine/version", "6", true},
		{"targetEngine/state", `"RUNNING"`, true},
		{"additionalField", "null", true},
		{"somethingNew", "1", true},
		{"additionalAssets", `[{"assetType":"FILE"}]`, false},
		{"jobParameters/threshold", "5e-2", true},
		{"jobParameters/threshold", "0.06", false},
		{"jobParameters/version", `"1"`, false},
		{"inputData/1/fileContent", `"AAAA"`, false},
		{"outputData/1/filename", `"y"`, false},
		{"group", `"x"`, false},
		{"model/storedModel/modelAssets/0/sourceCode", `"x"`, false},
		{"targetEngine/name", `"x"`, false},
	} {
		require.Equal(t, tt.same, base == Digest(edit(t, tt.at, tt.value)), "%s=%s", tt.at, tt.value)
	}
	require.Equal(t, Digest(parse(t, `{}`)), Digest(parse(t, `{"jobParameters":{"TMP_EXTERNAL_OUTPUT":"x"}}`)))
	require.Equal(t, Digest(parse(t, `{}`), "own"), Digest(parse(t, `{"jobParameters":{"own":"x"}}`), "own"))
}

func TestDigestIsStableUnderKeyOrderAndReports(t *testing.T) {
	t.Parallel()
	// encoding/json writes maps in key order, the sample is not in that order.
	doc := parse(t, sample)
	data, err := encodeJSON(doc.Root)
	require.NoError(t, err)
	require.NotEqual(t, sample, string(data))
	require.Equal(t, Digest(doc), Digest(parse(t, string(data))))

	b := setup(t, strings.Replace(sample, `"a":[1]`, "", 1))
	before := Digest(b.fake.document())
	for _, u := range []Update{
		{ExternalOutput: "[]"},
		{Status: StatusWaiting, Application: "app-7", WaitedAt: time.UnixMilli(5)},
		{Status: StatusRunning, RanAt: time.UnixMilli(6), Messages: []string{"x"}},
		{Status: StatusComplete, Outputs: []Output{{Index: 1, Content: []byte("new")}}, EndedAt: time.UnixMilli(7)},
	} {
		require.True(t, b.report(t, u).Settled)
		require.Equal(t, before, Digest(b.fake.document()))
	}
}

// checkSafe fails for a manifest with a path that could leave its directory or
// meet another one.
func checkSafe(t interface{ Fatalf(string, ...any) }, m job.Manifest) {
	sources, files := map[string]bool{}, map[string]bool{}
	safe := func(p string, bare bool) {
		if p == "" || path.Clean("/"+p) != "/"+p || strings.ContainsFunc(p, isControl) || strings.Contains(p, `\`) || bare && strings.Contains(p, "/") {
			t.Fatalf("path %q is not safe", p)
		}
		for part := range strings.SplitSeq(p, "/") {
			if len(part) > 255 {
				t.Fatalf("path %q has a long part", p)
			}
		}
	}
	for _, s := range append([]job.SourceFile{m.Primary}, m.Siblings...) {
		safe(s.Path, false)
		if sources[s.Path] {
			t.Fatalf("source %q twice", s.Path)
		}
		sources[s.Path] = true
	}
	for p := range sources {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if sources[dir] {
				t.Fatalf("source %q below source %q", p, dir)
			}
		}
	}
	for _, f := range m.WorkFiles {
		safe(f.Path, true)
		if files[f.Path] {
			t.Fatalf("file %q twice", f.Path)
		}
		files[f.Path] = true
	}
	for _, list := range [][]job.Asset{m.Inputs, m.Outputs, m.ModelAssets} {
		for _, a := range list {
			safe(a.FileName, true)
			if !a.Embedded && a.URL == "" {
				t.Fatalf("asset %q has no URL", a.FileName)
			}
			if a.Object["fileContent"] != nil || a.Object["fileContentString"] != nil {
				t.Fatalf("asset %q carries its content twice", a.FileName)
			}
		}
	}
}

func TestConvertIsSafe(t *testing.T) {
	t.Parallel()
	name := rapid.OneOf(
		rapid.SampledFrom([]string{"", ".", "..", "../x", "/x", "a/../b", "./a.py", "a", "a/b.py", "a/b", "m.py", `a\b`, "a\x00", "a\n", "x.csv", "/", "a/"}),
		rapid.String(),
	)
	converted := 0
	rapid.Check(t, func(t *rapid.T) {
		doc := edit(t, "jobStatus", `"CREATED"`)
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			at := rapid.SampledFrom([]string{
				"model/storedModel/modelAssets/0/sourceCodeFilePath", "model/storedModel/modelAssets/1/sourceCodeFilePath",
				"model/storedModel/modelAssets/2/filename", "model/storedModel/modelAssets/3/filename", "model/storedModel/modelAssets/4/filename",
				"model/storedModel/modelAssets/4/fileUrl", "additionalAssets/0/filename", "inputData/0/filename", "inputData/0/fileUrl", "inputData/1/filename",
				"inputData/1/name", "outputData/0/filename", "outputData/0/fileUrl", "outputData/1/filename",
			}).Draw(t, "at")
			set(t, doc, at, mustJSON(name.Draw(t, "name")))
		}
		if _, m, err := Convert(doc, rules()); err == nil {
			converted++
			checkSafe(t, m)
		}
	})
	require.Positive(t, converted)
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"model":{"storedModel":{"modelAssets":[{"assetType":"SOURCE_CODE","sourceCode":"def score(): pass","name":"m"}]}}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := ParseDocument(data)
		if err != nil {
			return
		}
		Digest(doc)
		doc.Messages()
		_, m, err := Convert(doc, rules())
		if err == nil {
			checkSafe(t, m)
		} else if len(job.ProblemsOf(err)) == 0 {
			t.Fatal("an error without a problem")
		}
	})
}

func FuzzReadModule(f *testing.F) {
	f.Add("# modelop.score\n@x\ndef f(): pass\nif a: b = '''c'''; from d import (e as g)\n")
	f.Add("if:if:if:x=\\\n\"")
	f.Fuzz(func(_ *testing.T, source string) {
		readModule(source).binds("f")
	})
}

func FuzzAppendMessages(f *testing.F) {
	f.Add("a\nb", "c")
	f.Fuzz(func(t *testing.T, old, add string) {
		c := MessageConfig{MaxLines: 20, MaxBytes: 16 << 10}
		list, _ := appendMessages(anys(splitLines([]string{old})...), splitLines([]string{add}), c)
		if _, again := appendMessages(list, splitLines([]string{add}), c); again {
			t.Fatal("not idempotent")
		}
	})
}
