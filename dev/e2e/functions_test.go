package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each function of a model writes its own name.
const naming = `

def score(inputs, outputs, assets):
    write(outputs[0], "score")


# modelop.metrics
def measured(inputs, outputs, assets):
    write(outputs[0], "measured")


def metrics(inputs, outputs, assets):
    write(outputs[0], "metrics")


def train(inputs, outputs, assets):
    write(outputs[0], "train")


def alpha(inputs, outputs, assets):
    write(outputs[0], "alpha")
`

// A role's function is the one that the asset names, else one with a smart
// comment, else one with the role's own name; the log says which.
func TestFunctionIsFound(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, kind, text, field string
		function, origin        string
	}{
		{"field before all", "MODEL_BATCH_JOB", naming + "\n# modelop.score\ndef beta(inputs, outputs, assets):\n    write(outputs[0], 'beta')\n", "scoreFunction", "alpha", "asset field scoreFunction"},
		{"smart comment before name", "MODEL_BATCH_JOB", naming + "\n# modelop.score\ndef beta(inputs, outputs, assets):\n    write(outputs[0], 'beta')\n", "", "beta", "smart comment # modelop.score"},
		{"older smart comment", "MODEL_BATCH_JOB", naming + "\n#fastscore.action.0:\ndef gamma(inputs, outputs, assets):\n    write(outputs[0], 'gamma')\n", "", "gamma", "smart comment # fastscore.action"},
		{"conventional", "MODEL_BATCH_JOB", naming, "", "score", "conventional name"},
		{"metrics by comment", "MODEL_BATCH_TEST_JOB", naming, "", "measured", "smart comment # modelop.metrics"},
		{"metrics by field", "MODEL_BATCH_TEST_JOB", naming, "metricsFunction", "metrics", "asset field metricsFunction"},
		{"training, conventional", "MODEL_BATCH_TRAINING_JOB", naming, "", "train", "conventional name"},
		{"training, another role's field", "MODEL_BATCH_TRAINING_JOB", naming + "\n# modelop.train\ndef delta(inputs, outputs, assets):\n    write(outputs[0], 'delta')\n", "scoreFunction", "delta", "smart comment # modelop.train"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j := withoutSpark.get(t).job(t)
			document := j.model(row.text, with("jobType", row.kind))
			if row.field != "" {
				name := row.function
				if row.kind == "MODEL_BATCH_TRAINING_JOB" {
					name = "alpha"
				}
				primary(document)[row.field] = name
			}
			e := j.create(document).ends(complete)
			require.Equal(t, row.function, e.output(0))
			e.says("stoker: calling "+row.function+" ("+row.origin+") from model.py", "0 inputs, 1 output, 0 model assets")
		})
	}
}

// An init function runs first, with the whole job if it takes an argument.
func TestInit(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, init, field string
		content, origin   string
	}{
		{"without arguments", "\n# modelop.init\ndef begin():\n    SAID.append('begun')\n", "", "begun", "smart comment # modelop.init"},
		{
			"with the job", "\ndef begin(job):\n    import json\n    SAID.append(json.loads(job['rawJson'])['jobParameters']['the threshold'])\n",
			"begin", "0.25 ü", "asset field initFunction",
		},
		{"conventional", "\ndef init():\n    SAID.append('by name')\n", "", "by name", "conventional name"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j := withoutSpark.get(t).job(t)
			document := j.model("SAID = []\n"+row.init+scores(`write(outputs[0], SAID[0])`), parameters("the threshold", "0.25 ü"))
			if row.field != "" {
				primary(document)["initFunction"] = row.field
			}
			e := j.create(document).ends(complete)
			require.Equal(t, row.content, e.output(0))
			e.says("stoker: calling", "("+row.origin+") from model.py")
		})
	}
}
