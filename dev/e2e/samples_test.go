package e2e

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/samples"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/workflows"
)

// What each revision of a document changes. The last one is of a job that has
// ended; outputs are the embedded ones, by their index.
var (
	described = []string{"jobParameters." + keyExternalOutput, "lastUpdateFromRuntime"}
	submitted = []string{"jobMessages", "jobParameters." + keyApplication, "jobStatus", "jobWaitTime", "lastUpdateFromRuntime"}
	begun     = []string{"jobRunTime", "jobStatus", "lastUpdateFromRuntime"}
	tidied    = []string{"jobParameters." + keyExternalOutput}
	over      = []string{"jobEndTime", "jobMessages", "jobResult", "jobStatus", "lastUpdateFromRuntime"}
)

func overWith(outputs ...string) []string {
	list := slices.Clone(over)
	for _, o := range outputs {
		list = append(list, "outputData["+o+"].fileContent", "outputData["+o+"].fileSize")
	}
	return slices.Sorted(slices.Values(list))
}

const (
	scored = "id,score\n1,0.025\n2,0.8333\n3,0.0962\n"
	twice  = "id,score\n1,0.025\n1,0.025\n2,0.8333\n2,0.8333\n3,0.0962\n3,0.0962\n"
)

// Each sample on real Spark, revision by revision.
func TestSamples(t *testing.T) {
	t.Parallel()
	in := withSpark.get(t)
	dir := filepath.Join(in.scratch, "samples")
	all, err := samples.All(t.Context(), "e2e", file.New(file.Options{}), dir)
	require.NoError(t, err)
	for name, row := range map[string]struct {
		// story is what each revision after the first changes.
		story [][]string
		// outputs are the contents of the embedded ones.
		outputs map[int]string
		// says are words of lines of the messages.
		says [][]string
		more func(e ended)
	}{
		"embedded": {
			story: [][]string{described, submitted, begun, tidied, overWith("0")}, outputs: map[int]string{0: scored},
			says: [][]string{{"The job succeeded."}, {"--- stdout ---"}, {"scored 3 loans"}, {"stoker: calling score (asset field scoreFunction) from score.py with 1 input, 1 output"}},
		},
		"url": {
			story: [][]string{submitted, begun, over},
			more: func(e ended) {
				require.FileExists(e, filepath.Join(dir, "e2e-scores", "_SUCCESS"))
				require.Equal(e, scored, e.joined(filepath.Join(dir, "e2e-scores")))
			},
		},
		"mix": {
			story: [][]string{described, submitted, begun, tidied, overWith("0")}, outputs: map[int]string{0: twice},
			more: func(e ended) { require.Equal(e, twice, e.joined(filepath.Join(dir, "e2e-copy"))) },
		},
		"metrics": {
			story: [][]string{described, submitted, begun, tidied, overWith("0")}, outputs: map[int]string{0: "{\"count\":3,\"mean_amount\":10333.333333333334}\n"},
			says: [][]string{{"stoker: calling measure (smart comment # modelop.metrics)"}},
		},
		"training": {
			story: [][]string{submitted, begun, over},
			more: func(e ended) {
				require.FileExists(e, filepath.Join(dir, "e2e-model", "metadata", "_SUCCESS"))
				require.FileExists(e, filepath.Join(dir, "e2e-model", "data", "_SUCCESS"))
			},
		},
		"raises": {
			story: [][]string{described, submitted, begun, tidied, over},
			says: [][]string{
				{"ERROR (application) in phase running", "ValueError", "the input has no column 'score', only ['id', 'amount', 'income']"},
				{"raise ValueError(\"the input has no column 'score', only %s\" % loans.columns)"},
				{`raises.py", line 8, in score`},
			},
			more: func(e ended) { require.Equal(e, "ValueError", e.result.Outcome.ErrorType) },
		},
		"missing": {
			story: [][]string{append([]string{"jobEndTime", "jobMessages"}, over[2:]...)},
			says:  [][]string{{"ERROR (invalid) in phase staging"}, {"Problem: ", "nowhere.csv", "is missing"}},
		},
		"long": {
			story: [][]string{described, submitted, begun, tidied, over},
			says:  [][]string{{"CANCELLED in phase running", "cancelled by signal (a tester): to see it end"}, {"Job cancelled."}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(all, func(s samples.Sample) bool { return s.ID() == "e2e-"+name })
			require.GreaterOrEqual(t, i, 0)
			sample := all[i]
			j := in.named(t, sample.ID()).create(sample.Document)
			asked := time.Time{}
			if sample.Cancel {
				j.until("at work", func(d object) bool { return d["jobStatus"] == running })
				asked = time.Now()
				require.NoError(t, in.Client.SignalWorkflow(j.within(), j.key.WorkflowID(), "", workflows.SignalCancel,
					workflows.CancelRequest{By: "a tester", Reason: "to see it end"}))
			}
			e := j.ends(sample.Status)
			if sample.Cancel {
				require.Less(t, time.Since(asked), cancelLimit)
			}
			if sample.Check != nil {
				require.NoError(t, sample.Check(e.document))
			}
			e.tells(row.story)
			for index, want := range row.outputs {
				require.Equal(t, want, e.output(index))
			}
			for _, words := range row.says {
				e.says(words...)
			}
			e.hidesContent("25000,30000")
			if row.more != nil {
				row.more(e)
			}
		})
	}
}

// tells checks what each revision changes, and the values that follow from its
// place in the story.
func (e ended) tells(story [][]string) {
	e.Helper()
	var got [][]string
	for i, r := range e.revisions[1:] {
		got = append(got, changes(e.revisions[i].Document, r.Document))
	}
	require.Equal(e, story, got)
	for i, fields := range story {
		r := e.revisions[i+1]
		switch {
		case slices.Equal(fields, submitted):
			require.Equal(e, waiting, r.Document["jobStatus"])
			application, _ := parameter(r.Document, keyApplication)
			require.NotEmpty(e, application)
			require.Equal(e, []string{"Spark application " + application}, messages(r.Document))
			require.Equal(e, e.result.WaitingAt.UnixMilli(), e.millis(r.Document, "jobWaitTime"))
			require.WithinDuration(e, r.At, e.result.WaitingAt, 30*time.Second)
		case slices.Equal(fields, begun):
			require.Equal(e, running, r.Document["jobStatus"])
			require.Equal(e, e.result.RunningAt.UnixMilli(), e.millis(r.Document, "jobRunTime"))
		case i == len(story)-1:
			require.Equal(e, e.result.EndedAt.UnixMilli(), e.millis(r.Document, "jobEndTime"))
		default:
			require.Contains(e, [][]string{described, tidied}, fields)
		}
	}
}

func (e ended) millis(document object, field string) int64 {
	e.Helper()
	n, ok := document[field].(interface{ Int64() (int64, error) })
	require.True(e, ok, "%s is %v", field, document[field])
	millis, err := n.Int64()
	require.NoError(e, err)
	return millis
}

// joined reads a directory of parts that Spark has written.
func (e ended) joined(dir string) string {
	e.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "part-*"))
	require.NoError(e, err)
	require.NotEmpty(e, names)
	var b strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(e, err)
		b.Write(data)
	}
	return b.String()
}

// hidesContent checks that content of the job stands in no event, however it is
// written there.
func (e ended) hidesContent(content string) {
	e.Helper()
	events := e.in.Client.GetWorkflowHistory(e.within(), e.key.WorkflowID(), "", false, 0)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(e, err)
		data, err := event.Marshal()
		require.NoError(e, err)
		require.NotContains(e, string(data), content)
		require.NotContains(e, string(data), base64.StdEncoding.EncodeToString([]byte(content)))
	}
}

// packaged is a model in a package, for real Spark: it reads the job in init, a
// user's key from Spark's configuration, a file in its working directory, and
// runs a helper of its package on an executor.
const packaged = `from pyspark.sql import SparkSession
from pyspark.sql.functions import udf

from pkg.helpers import label
from more_helpers import SUFFIX

THRESHOLD = None


def init(job):
    import json
    global THRESHOLD
    THRESHOLD = json.loads(job["rawJson"])["jobParameters"]["the threshold"]


def score(external_inputs, external_outputs, external_model_assets):
    spark = SparkSession.builder.getOrCreate()
    with open("names of loans.txt") as f:
        names = f.read().strip()
    start = spark.sparkContext.getConf().get("spark.startDate")
    loans = spark.read.csv(external_inputs[0]["fileUrl"], header=True)
    loans.select("id", udf(label)("amount").alias("label")).repartition(2, "id").write.mode("overwrite").csv(
        external_outputs[0]["fileUrl"], header=True)
    spark.createDataFrame([(THRESHOLD, names, start, SUFFIX, spark.sparkContext.appName)], "a string, b string, c string, d string, e string") \
        .coalesce(1).write.mode("overwrite").json(external_outputs[1]["fileUrl"])
`

// A model in a package runs on real Spark as it would at home.
func TestPackagedModelOnSpark(t *testing.T) {
	t.Parallel()
	in := withSpark.get(t)
	j := in.job(t)
	facts := embeddedOutput("the facts.json")
	facts["fileFormat"] = "JSON"
	e := j.create(j.model("", func(d object) {
		asset := source("pkg/model.py", packaged, "primaryModelSource", true)
		d["model"].(object)["storedModel"].(object)["modelAssets"] = []any{ // made by the test
			asset, source("pkg/helpers.py", "def label(amount):\n    return 'loan of ' + amount\n"), embedded("names of loans.txt", "small and large\n"),
		}
	}, inputs(embedded("loans of 2026, all.csv", "id,amount\n1,10\n2,20\n3,30\n")), outputs(embeddedOutput("labels of it.csv"), facts),
		with("additionalAssets", []any{source("more_helpers.py", "SUFFIX = 'added'\n")}),
		parameters("the threshold", "0.25 ü", "spark.startDate", "2026-01-01 00:00", "--name", "a job's name", "spark.sql.shuffle.partitions", "2"))).ends(complete)
	lines := strings.Split(strings.TrimSuffix(e.output(0), "\n"), "\n")
	require.Equal(t, "id,label", lines[0], "one header, first")
	require.ElementsMatch(t, []string{"1,loan of 10", "2,loan of 20", "3,loan of 30"}, lines[1:])
	require.JSONEq(t, `{"a":"0.25 ü","b":"small and large","c":"2026-01-01 00:00","d":"added","e":"a job's name"}`, e.output(1))
	e.says("stoker: calling init (conventional name) from pkg/model.py with the job document")
}
