// Package samples holds the jobs that stoker-dev runs to show itself: real
// PySpark, each with the end it is expected to have.
package samples

import (
	"context"
	"embed"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/store"
)

//go:embed models/*.py
var models embed.FS

// Sample is one job document and what is expected of it.
type Sample struct {
	Name     string
	Document map[string]any
	// Status that the document must end in.
	Status string
	// Cancel the job once it runs.
	Cancel bool
	// Check looks at the finished document; nil if the status says all.
	Check func(document map[string]any) error
}

// ID of the sample's document.
func (s Sample) ID() string { return s.Document["id"].(string) } // made here

type object = map[string]any

// engine is stoker-dev's own.
func engine() object { return object{"engineType": "SPARK_RUNTIME", "name": "spark-runtime-1"} }

func source(file, field, function string) object {
	text, err := models.ReadFile("models/" + file)
	if err != nil {
		panic(fmt.Sprintf("sample model %s: %v", file, err)) // embedded
	}
	asset := object{
		"assetType": "SOURCE_CODE", "assetRole": "MODEL_SOURCE", "name": file, "primaryModelSource": field != "",
		"sourceCode": string(text), "sourceCodeFilePath": file, "sourceCodeType": "MODEL",
	}
	if function != "" {
		asset[field] = function
	}
	return asset
}

func model(name string, assets ...any) object {
	return object{"id": "model-" + name, "storedModel": object{
		"modelMetaData": object{"name": name, "type": "PYSPARK"}, "modelAssets": assets,
	}}
}

func embedded(name, format, content string) object {
	asset := object{"assetType": "FILE", "assetRole": "UNKNOWN", "name": name, "filename": name, "fileFormat": format, "fileSize": len(content)}
	if content != "" {
		asset["fileContent"] = base64.StdEncoding.EncodeToString([]byte(content))
	}
	return asset
}

func byURL(name, format, url string) object {
	return object{
		"assetType": "EXTERNAL_FILE", "assetRole": "UNKNOWN", "name": name, "filename": name, "fileFormat": format, "fileUrl": url,
		"repositoryInfo": object{"repositoryType": "HDFS_REPOSITORY", "host": "", "port": 0},
	}
}

func document(id, kind, name string, model object, inputs, outputs []any, parameters object) object {
	return object{
		"id": id, "jobType": kind, "jobStatus": "CREATED", "group": "samples", "createdBy": "stoker-dev",
		"model": model, "targetEngine": engine(), "inputData": inputs, "outputData": outputs,
		"jobParameters": parameters, "metaData": object{"name": name},
	}
}

// What goes in, and what the model makes of it once and twice.
const (
	loans       = "id,amount,income\n1,1000,40000\n2,25000,30000\n3,5000,52000\n"
	scores      = "id,score\n1,0.025\n2,0.8333\n3,0.0962\n"
	scoresTwice = "id,score\n1,0.025\n1,0.025\n2,0.8333\n2,0.8333\n3,0.0962\n3,0.0962\n"
	measured    = "{\"count\":3,\"mean_amount\":10333.333333333334}\n"
)

// All returns the samples, with ids that begin with a prefix and files by URL
// under a directory of the cluster's default file system, which is made.
func All(ctx context.Context, prefix string, st store.Store, dir string) ([]Sample, error) {
	input := path.Join(dir, "loans 2026.csv")
	if _, err := st.Write(ctx, input, strings.NewReader(loans), 0o600); err != nil {
		return nil, fmt.Errorf("write the samples' input: %w", err)
	}
	out := func(name string) string { return path.Join(dir, prefix+"-"+name) }
	written := func(dirs ...string) check { return written(st, dirs...) } //nolint:contextcheck // it is called long after
	scoring := func() object {
		return model("credit-scoring", source("score.py", "scoreFunction", "score"), source("helpers.py", "", ""))
	}
	return []Sample{
		{
			Name: "scoring, embedded CSV in and out", Status: "COMPLETE",
			Document: document(prefix+"-embedded", "MODEL_BATCH_JOB", "credit scoring", scoring(),
				[]any{embedded("loans.csv", "CSV", loans)}, []any{embedded("scores.csv", "CSV", "")}, object{"threshold": "0.2"}),
			Check: all(content("scores.csv", scores), message("Job complete.")),
		},
		{
			Name: "scoring, by URL in and out", Status: "COMPLETE",
			Document: document(prefix+"-url", "MODEL_BATCH_JOB", "credit scoring", scoring(),
				[]any{byURL("loans.csv", "CSV", input)}, []any{byURL("scores", "CSV", "hdfs://"+out("scores"))}, object{}),
			Check: written(out("scores")),
		},
		{
			Name: "scoring, a mix of both", Status: "COMPLETE",
			Document: document(prefix+"-mix", "MODEL_BATCH_JOB", "credit scoring", scoring(),
				[]any{byURL("loans.csv", "CSV", st.URL(input)), embedded("more.csv", "CSV", loans)},
				[]any{embedded("scores.csv", "CSV", ""), byURL("copy", "CSV", out("copy"))}, object{}),
			Check: all(content("scores.csv", scoresTwice), written(out("copy"))),
		},
		{
			Name: "metrics, one JSON document out", Status: "COMPLETE",
			Document: document(prefix+"-metrics", "MODEL_BATCH_TEST_JOB", "loan metrics",
				model("loan-metrics", source("metrics.py", "metricsFunction", "")),
				[]any{embedded("loans.csv", "CSV", loans)}, []any{embedded("test_result.json", "JSON", "")}, object{}),
			Check: content("test_result.json", measured),
		},
		{
			Name: "training, writes a model directory", Status: "COMPLETE",
			Document: document(prefix+"-training", "MODEL_BATCH_TRAINING_JOB", "loan training",
				model("loan-training", source("train.py", "trainFunction", "train")),
				[]any{byURL("loans.csv", "CSV", input)}, []any{byURL("model", "UNKNOWN", out("model"))}, object{}),
			Check: written(path.Join(out("model"), "metadata"), path.Join(out("model"), "data")),
		},
		{
			Name: "a model that raises", Status: "ERROR",
			Document: document(prefix+"-raises", "MODEL_BATCH_JOB", "broken scoring",
				model("broken", source("raises.py", "scoreFunction", "score")),
				[]any{embedded("loans.csv", "CSV", loans)}, []any{embedded("scores.csv", "CSV", "")}, object{}),
			Check: all(message("ERROR (application)", "ValueError", "no column 'score'"), message("raise ValueError("), empty),
		},
		{
			Name: "an input that is not there", Status: "ERROR",
			Document: document(prefix+"-missing", "MODEL_BATCH_JOB", "credit scoring", scoring(),
				[]any{byURL("loans.csv", "CSV", path.Join(dir, "nowhere.csv"))}, []any{embedded("scores.csv", "CSV", "")}, object{}),
			Check: all(message("Problem: ", "nowhere.csv", "is missing"), empty),
		},
		{
			Name: "a long job, cancelled", Status: "CANCELLED", Cancel: true,
			Document: document(prefix+"-long", "MODEL_BATCH_JOB", "long scoring",
				model("long", source("long.py", "scoreFunction", "score")),
				[]any{embedded("loans.csv", "CSV", loans)}, []any{embedded("scores.csv", "CSV", "")}, object{}),
			Check: all(message("CANCELLED", "cancelled by"), empty),
		},
	}, nil
}

// Named returns the samples whose names have one of the parts in them, in their
// order; all without parts. A part that no name has is an error.
func Named(all []Sample, parts []string) ([]Sample, error) {
	for _, part := range parts {
		if !slices.ContainsFunc(all, func(s Sample) bool { return strings.Contains(s.Name, part) }) {
			names := make([]string, len(all))
			for i, s := range all {
				names[i] = s.Name
			}
			return nil, fmt.Errorf("no sample has %q in its name; there are %q", part, names)
		}
	}
	if len(parts) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(s Sample) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s.Name, part) })
	}), nil
}
