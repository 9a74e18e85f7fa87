package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/simulator"
	"github.com/stoker-spark/stoker/job"
)

type object = map[string]any

// given is a job of a test.
type given struct {
	*testing.T
	in  *installation
	id  string
	key job.Key
	// created is its document as it was put into model-manage.
	created object
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9]+`)

// job makes the name of a job; nothing is created yet.
func (i *installation) job(t *testing.T) *given {
	t.Helper()
	name := unsafe.ReplaceAllString(strings.TrimPrefix(t.Name(), "Test"), "-")
	return i.named(t, fmt.Sprintf("%s-n%d", job.Head(name, 100), i.jobs.Add(1)))
}

func (i *installation) named(t *testing.T, id string) *given {
	return &given{T: t, in: i, id: id, key: job.Key{Source: job.SourceModelManage, ID: id}}
}

// create puts a document into model-manage. Fields that nobody knows are planted
// all over it first: they must survive.
func (j *given) create(document object) *given {
	j.Helper()
	document = plant(document)
	document["id"] = j.id
	id, err := j.in.ModelManage.Create(document)
	require.NoError(j, err)
	require.Equal(j, j.id, id)
	j.created = j.in.ModelManage.Revisions(id)[0].Document
	j.Cleanup(j.remove)
	return j
}

// remove takes the document out of the lists that the starter reads again and
// again: some are large. Its revisions stay.
func (j *given) remove() {
	reply := httptest.NewRecorder()
	j.in.ModelManage.Handler().ServeHTTP(reply, httptest.NewRequest(http.MethodDelete, "/model-manage/api/jobs/"+j.id, nil))
	require.Less(j, reply.Code, 300)
}

// unknown is what nobody knows: numbers in spellings of their own, null, text.
func unknown() object {
	return object{"size": json.Number("1.50"), "none": nil, "text": "Größe <&>", "big": json.Number("12345678901234567890"), "list": []any{true, object{}}}
}

// plant copies a document with unknown fields in every object that Stoker reads.
func plant(document object) object {
	document = maps.Clone(document)
	document["unknownToStoker"] = unknown()
	for _, list := range []string{"inputData", "outputData", "additionalAssets"} {
		assets, _ := document[list].([]any)
		planted := make([]any, len(assets))
		for i, a := range assets {
			planted[i] = a
			if asset, ok := a.(object); ok {
				asset = maps.Clone(asset)
				asset["unknownToStoker"] = unknown()
				planted[i] = asset
			}
		}
		if assets != nil {
			document[list] = planted
		}
	}
	for _, name := range []string{"model", "targetEngine", "metaData"} {
		if entity, ok := document[name].(object); ok {
			entity = maps.Clone(entity)
			entity["unknownToStoker"] = unknown()
			document[name] = entity
		}
	}
	return document
}

// within bounds what a test waits for.
func (j *given) within() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	j.Cleanup(cancel)
	return ctx
}

// until waits for a revision of the document.
func (j *given) until(what string, so func(object) bool) simulator.Revision {
	j.Helper()
	revision, err := j.in.ModelManage.Wait(j.within(), j.id, func(r simulator.Revision) bool { return so(r.Document) })
	if err != nil {
		document, _ := j.in.ModelManage.Document(j.id)
		require.NoError(j, err, "%s is not %s but %v: %v", j.id, what, document["jobStatus"], document["jobMessages"])
	}
	return revision
}

func (j *given) reaches(status string) simulator.Revision {
	j.Helper()
	return j.until(status, func(d object) bool { return d["jobStatus"] == status })
}

// scratch is a file where the job's model and its test meet.
func (j *given) scratch(name string) string { return filepath.Join(j.in.scratch, j.id+"."+name) }

// put writes a file that the job names by URL.
func (j *given) put(name, content string) string {
	j.Helper()
	path := filepath.Join(j.in.scratch, j.id, name)
	require.NoError(j, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(j, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// canary stands in every model's source: content must not enter a history.
const canary = "canary-in-the-source"

// prelude of every model for the stand-in: it marks that it was imported, as the
// first thing it does, and knows how to read and write assets.
const prelude = `# ` + canary + `
import os
import re
import sys

with open(%s, "a") as marker:
    marker.write("imported\n")


def path(asset):
    return re.sub("^file:/+", "/", asset["fileUrl"])


def read(asset):
    with open(path(asset), encoding="utf-8", newline="") as f:
        return f.read()


def write(asset, text, part=None):
    target = path(asset)
    if part is not None:
        os.makedirs(target, exist_ok=True)
        target = os.path.join(target, part)
    with open(target, "w", encoding="utf-8", newline="") as f:
        f.write(text)

`

// scores is the whole text of a model whose score function has this body.
func scores(body string) string {
	return "\n\ndef score(inputs, outputs, assets):\n    " + strings.ReplaceAll(strings.TrimSpace(body), "\n", "\n    ") + "\n"
}

// model is a job's document with this model, one embedded output and no inputs.
func (j *given) model(text string, changes ...func(object)) object {
	j.Helper()
	marker, err := json.Marshal(j.scratch("imported"))
	require.NoError(j, err)
	document := object{
		"jobType": "MODEL_BATCH_JOB", "jobStatus": "CREATED", "group": "the tenants", "createdBy": "a user",
		"model": object{"id": "model of " + j.id, "storedModel": object{
			"id": "stored", "modelMetaData": object{"name": "tried", "type": "PYSPARK"},
			"modelAssets": []any{source("model.py", fmt.Sprintf(prelude, marker)+text, "primaryModelSource", true)},
		}},
		"targetEngine": object{"engineType": "SPARK_RUNTIME", "name": "spark-runtime-1", "state": "RUNNING"},
		"inputData":    []any{}, "outputData": []any{embeddedOutput("scores.csv")},
		"jobParameters": object{}, "metaData": object{"name": j.id},
	}
	for _, change := range changes {
		change(document)
	}
	return document
}

func assets(document object) []any {
	stored := document["model"].(object)["storedModel"].(object) // made above
	return stored["modelAssets"].([]any)                         // made above
}

// primary is the asset of the model's own source.
func primary(document object) object { return assets(document)[0].(object) } // made above

// withAssets adds assets to the model.
func withAssets(more ...any) func(object) {
	return func(document object) {
		document["model"].(object)["storedModel"].(object)["modelAssets"] = append(assets(document), more...) // made above
	}
}

// with sets a field of the document.
func with(field string, value any) func(object) {
	return func(document object) { document[field] = value }
}

func inputs(list ...any) func(object)  { return with("inputData", list) }
func outputs(list ...any) func(object) { return with("outputData", list) }

func parameters(pairs ...string) func(object) {
	return func(document object) {
		own := object{}
		for i := 0; i < len(pairs); i += 2 {
			own[pairs[i]] = pairs[i+1]
		}
		document["jobParameters"] = own
	}
}

// primaryField sets a field of the primary source's asset.
func primaryField(field string, value any) func(object) {
	return func(document object) { primary(document)[field] = value }
}

// source is a SOURCE_CODE asset with further fields.
func source(path, text string, fields ...any) object {
	asset := object{
		"assetType": "SOURCE_CODE", "assetRole": "MODEL_SOURCE", "name": path,
		"sourceCode": text, "sourceCodeFilePath": path, "sourceCodeType": "MODEL",
	}
	for i := 0; i < len(fields); i += 2 {
		asset[fields[i].(string)] = fields[i+1] // names and values in turns
	}
	return asset
}

// embedded is a FILE asset with content.
func embedded(name, content string) object {
	return object{
		"assetType": "FILE", "assetRole": "UNKNOWN", "name": name, "filename": name, "fileFormat": "CSV",
		"fileSize": len(content), "fileContent": base64.StdEncoding.EncodeToString([]byte(content)),
	}
}

func embeddedOutput(name string) object {
	asset := embedded(name, "")
	delete(asset, "fileContent")
	return asset
}

// byURL is an EXTERNAL_FILE asset.
func byURL(name, url string) object {
	return object{
		"assetType": "EXTERNAL_FILE", "assetRole": "UNKNOWN", "name": name, "filename": name, "fileFormat": "CSV",
		"fileUrl": url, "repositoryInfo": object{"repositoryType": "HDFS_REPOSITORY", "host": "", "port": 0},
	}
}
