package e2e

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

// A document that is wrong ends in ERROR with every problem listed, and nothing
// is launched.
func TestInvalidDocuments(t *testing.T) {
	t.Parallel()
	harmless := scores(`write(outputs[0], "x")`)
	for _, row := range []struct {
		name    string
		text    string
		changes []func(object)
		// problems are words of each problem, all of them, in order.
		problems []string
		// staged: found only when the cluster looks at the inputs.
		staged bool
	}{
		{name: "no source", changes: []func(object){func(d object) {
			d["model"] = object{"id": "empty", "storedModel": object{"modelAssets": []any{}}}
		}}, problems: []string{"model.storedModel.modelAssets: holds no SOURCE_CODE"}},
		{name: "no model", changes: []func(object){with("model", nil)}, problems: []string{"model: is missing"}},
		{name: "no primary source", changes: []func(object){
			primaryField("primaryModelSource", false), withAssets(source("other.py", "")),
		}, problems: []string{"none of the 2 SOURCE_CODE assets is primaryModelSource"}},
		{name: "two primary sources", changes: []func(object){
			withAssets(source("other.py", "", "primaryModelSource", true)),
		}, problems: []string{"2 assets are primaryModelSource; there must be one"}},
		{name: "unknown function", changes: []func(object){primaryField("scoreFunction", "elsewhere")}, problems: []string{"scoreFunction names elsewhere, which is not defined"}},
		{name: "no function", text: "def other():\n    pass\n", problems: []string{"source model.py: has no score function"}},
		{name: "no function of the kind", changes: []func(object){with("jobType", "MODEL_BATCH_TRAINING_JOB")}, problems: []string{"has no train function"}},
		{name: "no name of a function", changes: []func(object){primaryField("scoreFunction", "os.system('x')")}, problems: []string{`"os.system('x')" is no name of a Python function`}},
		{name: "unknown type of job", changes: []func(object){with("jobType", "MODEL_BATCH_WISH_JOB")}, problems: []string{`jobType: "MODEL_BATCH_WISH_JOB" is none that Stoker knows`}},
		{name: "bad base64", changes: []func(object){inputs(func() object {
			asset := embedded("in.csv", "")
			asset["fileContent"] = "%%% no base64"
			return asset
		}())}, problems: []string{`inputData[0] "in.csv": its fileContent is not base64`}},
		{name: "no content", changes: []func(object){inputs(embeddedOutput("in.csv"))}, problems: []string{`inputData[0] "in.csv": is a FILE without content`}},
		{name: "12 MB embedded", changes: []func(object){inputs(func() object {
			asset := embedded("in.csv", "")
			asset["fileContent"] = base64.StdEncoding.EncodeToString(make([]byte, 12_000_000))
			return asset
		}())}, problems: []string{`inputData[0] "in.csv": is embedded and larger than 8388608 bytes`}},
		{name: "names that leave their directory", changes: []func(object){
			inputs(embedded("../x", "1"), embedded("/etc/x", "2"), embedded("a\x00b", "3"), embedded("..", "4"), embedded(`..\x`, "5")),
			outputs(embeddedOutput("../out"), embeddedOutput("")),
			withAssets(source("../x.py", ""), source("/etc/x.py", ""), source("pkg/../../x.py", ""), source("a\x00.py", ""), embedded("../y", "6")),
		}, problems: []string{
			`"../x.py" leaves the directory`, `"/etc/x.py" is absolute`, `"pkg/../../x.py" leaves the directory`, `"a\x00.py" holds a control character`,
			`"../y" leaves the directory`,
			`inputData[0] "../x": its file name "../x" leaves the directory`, `inputData[1] "/etc/x": its file name "/etc/x" leaves the directory`,
			`its file name "a\x00b" holds a control character`, `its file name ".." is a directory`, `leaves the directory`,
			`outputData[0] "../out"`, `outputData[1]: its file name "" is empty`,
		}},
		{name: "refused options", changes: []func(object){parameters(
			"--keytab", "/etc/krb5.keytab", "--properties-file", "/etc/passwd", "--jars", "/x.jar", "--class", "Main", "--wish", "1",
			"spark.plugins", "x.Plugin", "spark.driver.extraJavaOptions", "-Dx", "spark.submit.pyFiles", "x.py", "spark.kerberos.keytab", "x",
			"spark.hadoop.fs.s3a.endpoint", "x", "spark.executorEnv.LD_PRELOAD", "x.so", "spark.my.password", "plain", "stoker.wish", "1",
			"--conf", "spark.jars.packages=a:b:1", "--executor-memory", "much",
		)}, problems: []string{
			"job parameter stoker.wish: refused by rule stoker.*",
			"job parameter --class: refused by rule --class: the program is the model",
			`job parameter "--conf spark.jars.packages": refused by rule spark.jars.*: downloads code`,
			"job parameter --executor-memory:",
			"job parameter --jars: refused", "job parameter --keytab: refused by rule --keytab: changes whom the job runs as",
			"job parameter --properties-file: refused by rule --properties-file: reads files", "job parameter --wish: refused by rule -*",
			"job parameter spark.driver.extraJavaOptions: refused", "job parameter spark.executorEnv.LD_PRELOAD: refused",
			"job parameter spark.hadoop.fs.s3a.endpoint: refused", "job parameter spark.kerberos.keytab: refused",
			"job parameter spark.my.password: may hold a secret", "job parameter spark.plugins: refused",
			"job parameter spark.submit.pyFiles: refused",
		}},
		{name: "options of the engine", changes: []func(object){with("targetEngine", object{
			"engineType": "SPARK_RUNTIME", "name": "spark-runtime-1", "sparkConf": object{"spark.plugins": "x"}, "executorMemory": "lots",
		})}, problems: []string{"executorMemory", "engine sparkConf spark.plugins: refused"}},
		{name: "another master", changes: []func(object){parameters("--master", "yarn", "--deploy-mode", "cluster", "spark.master", "local[64]")}, problems: []string{
			"job parameter --deploy-mode: the job asks for deploy mode cluster, its cluster has client",
			`job parameter --master: the job asks for master yarn, its cluster has "local[1]"`,
			`job parameter spark.master: the job asks for master "local[64]", its cluster has "local[1]"`,
		}},
		{name: "unknown cluster", changes: []func(object){parameters("stoker.cluster", "mars")}, problems: []string{
			`job parameter stoker.cluster: there is no cluster "mars"; there are keep, local, once, open, small`,
		}},
		{name: "unknown profile", changes: []func(object){parameters("stoker.profile", "huge")}, problems: []string{"job parameter stoker.profile: the cluster has no profile huge"}},
		{name: "deadline too long", changes: []func(object){parameters("stoker.deadline", "10000h")}, problems: []string{"job parameter stoker.deadline: 10000h0m0s is above the limit"}},
		{name: "SQL assets", changes: []func(object){
			withAssets(object{"assetType": "SQL", "name": "view.sql"}), inputs(object{"assetType": "SQL", "name": "loans"}),
		}, problems: []string{`"view.sql": SQL assets are not supported`, `inputData[0] "loans": SQL assets are not supported`}},
		{name: "asset types", changes: []func(object){inputs(object{"name": "typeless"}, object{"assetType": "DREAM"}, "no object"), outputs(object{"assetType": "SOURCE_CODE"})}, problems: []string{
			"inputData[2]: is no object", `inputData[0] "typeless": has no assetType`, `inputData[1]: assetType "DREAM"`, `outputData[0]: assetType "SOURCE_CODE"`,
		}},
		{name: "no URL", changes: []func(object){inputs(byURL("in.csv", ""), byURL("in.csv", "/a\nb"))}, problems: []string{
			`inputData[0] "in.csv": is an EXTERNAL_FILE without fileUrl`, `inputData[1] "in.csv": its fileUrl holds a control character`,
		}},
		{name: "sources in each other's way", changes: []func(object){withAssets(source("a.py", "1"), source("a.py", "2"), source("model.py/b.py", ""))}, problems: []string{
			"source a.py: two assets with different text have this path", "source model.py/b.py: model.py is a file as well as its directory",
		}},
		{name: "several at once", changes: []func(object){
			primaryField("scoreFunction", "elsewhere"), inputs(embeddedOutput("in.csv")), outputs(embeddedOutput("../out")),
			parameters("--keytab", "x", "stoker.cluster", "mars"),
		}, problems: []string{
			"there is no cluster \"mars\"", "--keytab: refused by rule", `inputData[0] "in.csv": is a FILE without content`, `outputData[0] "../out"`, "scoreFunction names elsewhere",
		}},
		{name: "missing inputs", staged: true, changes: []func(object){inputs(
			byURL("gone.csv", "/no/such/gone.csv"), embedded("there.csv", "1"), byURL("pattern", "file:///no/such/*.csv"), byURL("hdfs.csv", "hdfs:///no/such.csv"),
		)}, problems: []string{
			`input 1 ("/no/such/gone.csv"): is missing`, `input 3 ("file:///no/such/*.csv"): nothing matches`,
			`input 4 ("hdfs:///no/such.csv"): is missing`,
		}},
		{name: "inputs without a store", staged: true, changes: []func(object){inputs(
			byURL("s3.csv", "s3a://bucket/s3.csv"), byURL("nn.csv", "hdfs://other:8020/nn.csv"), byURL("up.csv", "/data/../up.csv"),
		)}, problems: []string{
			`("s3a://bucket/s3.csv"): can't be verified`, `("hdfs://other:8020/nn.csv"): can't be verified`, `has a ".." segment`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j := withoutSpark.get(t).job(t)
			if row.text == "" {
				row.text = harmless
			}
			e := j.create(j.model(row.text, row.changes...)).endsUnlaunched(failed)
			require.Equal(t, job.ClassInvalid, e.result.Outcome.Class)
			problems := e.problems()
			require.Len(t, problems, len(row.problems), "%s", strings.Join(problems, "\n"))
			for i, words := range row.problems {
				require.Contains(t, problems[i], words)
			}
			phase := job.PhaseLoading
			if row.staged {
				phase = job.PhaseStaging
			}
			e.says("ERROR (invalid) in phase " + string(phase))
			require.Equal(t, phase, e.result.Outcome.Phase)
			require.Len(t, e.revisions, 2, "one report, the last")
		})
	}
}

// A cluster may take inputs that it cannot verify: the model gets the URL.
func TestUnverifiableInputsAllowed(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	e := j.create(j.model(scores(`write(outputs[0], inputs[0]["fileUrl"])`), inputs(byURL("s3.csv", "s3a://bucket/a b.csv")),
		parameters("stoker.cluster", clusterOpen))).ends(complete)
	require.Equal(t, "s3a://bucket/a b.csv", e.output(0))
}

// Options that are harmless reach Spark; free ones the model only.
func TestOptionsThatPass(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	e := j.create(j.model(scores(`write(outputs[0], os.environ["FAKE_SPARK"])`), parameters(
		"--executor-memory", "512MB", "--num-executors", "2", "--master", "local[1]", "--name", "a name; $(x) 'y'",
		"spark.startDate", "2026-01-01, with = and \\ ü", "threshold", "free", "--verbose", "",
	))).ends(complete)
	saw := e.output(0)
	for _, words := range []string{
		`"spark.executor.memory": "512m"`, `"spark.executor.instances": "2"`, `"spark.startDate": "2026-01-01, with = and \\ \u00fc"`,
		`"--name": "a name; $(x) 'y'"`, `"--verbose"`,
	} {
		require.Contains(t, saw, words)
	}
	require.NotContains(t, saw, "threshold")
}
