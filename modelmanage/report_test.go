package modelmanage

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

const running = `{"id":"j1","jobType":"MODEL_BATCH_JOB","jobStatus":"RUNNING","jobMessages":["Spark application app-1"],
	"jobParameters":{"a":"b","SPARK_APPLICATION_ID":"app-1","TMP_EXTERNAL_OUTPUT":"[]"},"future":{"keep":1},"_links":{"self":{"href":"http://h/api/jobs/j1"}},
	"outputData":[{"assetType":"EXTERNAL_FILE","fileUrl":"hdfs:///x","extra":1},
	              {"assetType":"FILE","filename":"out.csv","fileSize":0,"metaData":{"k":"v"}}]}`

var complete = Update{
	Status: StatusComplete, Messages: []string{"done"}, EndedAt: time.UnixMilli(1700000000000),
	Outputs: []Output{{Index: 1, Content: []byte("a,b\n")}},
}

func TestReportWaiting(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobStatus":"CREATED","jobParameters":{"a":"b"}}`)
	u := Update{Status: StatusWaiting, Application: "app-1", WaitedAt: time.UnixMilli(1700000000000)}
	require.Equal(t, Seen{Before: StatusCreated, After: StatusWaiting, Settled: true}, b.report(t, u))
	require.Len(t, b.fake.writes, 1)
	w := b.fake.writes[0]
	require.Equal(t, http.MethodPatch, w.method)
	require.Equal(t, `"0"`, w.ifMatch)
	body, err := encodeJSON(w.body)
	require.NoError(t, err)
	require.JSONEq(t, `{"jobStatus":"WAITING","jobParameters":{"SPARK_APPLICATION_ID":"app-1"},"jobMessages":["Spark application app-1"],
		"jobWaitTime":1700000000000,"lastUpdateFromRuntime":"2026-01-02T03:04:05.006Z"}`, string(body))

	// Once more changes nothing.
	require.Equal(t, Seen{Before: StatusWaiting, After: StatusWaiting, Settled: true}, b.report(t, u))
	require.Len(t, b.fake.writes, 1)
}

func TestReportExternalOutput(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobStatus":"CREATED"}`)
	b.report(t, Update{ExternalOutput: `[{"fileUrl":"x"}]`})
	v, ok := b.fake.document().Root["jobParameters"].(map[string]any)[ParameterExternalOutput].(string)
	require.True(t, ok, "it is a text, not an object")
	require.JSONEq(t, `[{"fileUrl":"x"}]`, v)
}

func TestReportNeverLowersTheRank(t *testing.T) {
	t.Parallel()
	b := setup(t, running)
	seen := b.report(t, Update{Status: StatusWaiting, Messages: []string{"late"}})
	require.Equal(t, Seen{Before: StatusRunning, After: StatusRunning, Settled: true}, seen)
	require.Equal(t, StatusRunning, b.fake.document().Status())
	require.Contains(t, b.fake.document().Messages(), "late")
}

func TestReportCompleteOnEveryServer(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*fake, *Config){
		"replace":    func(*fake, *Config) {},
		"positional": func(f *fake, _ *Config) { f.positional = true },
		"204":        func(f *fake, _ *Config) { f.noContent = true },
		"no ETag":    func(f *fake, _ *Config) { f.noETag = true },
		"put":        func(_ *fake, c *Config) { c.WriteMode = WritePut; c.RemoveMode = RemovePut },
		"no match":   func(_ *fake, c *Config) { c.IfMatch = false },
		"excerpt": func(f *fake, _ *Config) {
			f.reply = func(doc map[string]any) map[string]any { return without(doc, []string{"outputData", "jobMessages"}) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f fake
			b := setup(t, running, func(c *Config) { configure(&f, c) })
			b.fake.positional, b.fake.noContent, b.fake.noETag, b.fake.reply = f.positional, f.noContent, f.noETag, f.reply
			require.Equal(t, Seen{Before: StatusRunning, After: StatusComplete, Settled: true}, b.report(t, complete))

			doc := b.fake.document()
			require.Equal(t, StatusComplete, doc.Status())
			require.Equal(t, ResultSuccess, doc.Result())
			require.Equal(t, []string{"Spark application app-1", "done"}, doc.Messages())
			require.False(t, hasExternalOutput(doc))
			outputs, err := encodeJSON(doc.Root["outputData"])
			require.NoError(t, err)
			require.JSONEq(t, `[{"assetType":"EXTERNAL_FILE","fileUrl":"hdfs:///x","extra":1},
				{"assetType":"FILE","filename":"out.csv","fileSize":4,"metaData":{"k":"v"},"fileContent":"YSxiCg=="}]`, string(outputs))
			require.Equal(t, "1", fmt.Sprint(dig(doc.Root, "future", "keep")))
			v, _ := doc.Parameter("a")
			require.Equal(t, "b", v)

			// The key goes first; then everything in one write.
			require.Len(t, b.fake.writes, 2)
			last := b.fake.writes[1].body.(map[string]any)
			for _, field := range []string{"jobStatus", "jobResult", "jobMessages", "outputData", "jobEndTime"} {
				require.Contains(t, last, field)
			}
			if b.config.IfMatch && !b.fake.noETag {
				require.Equal(t, `"0"`, b.fake.writes[0].ifMatch)
				require.Equal(t, `"1"`, b.fake.writes[1].ifMatch)
			} else {
				require.Empty(t, b.fake.writes[1].ifMatch)
			}

			// A retry of the same report is quiet.
			require.Equal(t, Seen{Before: StatusComplete, After: StatusComplete, Settled: true}, b.report(t, complete))
			require.Len(t, b.fake.writes, 2)
		})
	}
}

func TestReportErrorCarriesNoContent(t *testing.T) {
	t.Parallel()
	b := setup(t, running)
	u := complete
	u.Status = StatusError
	require.True(t, b.report(t, u).Settled)
	require.Equal(t, ResultUnknown, b.fake.document().Result())
	require.NotContains(t, b.fake.writes[1].body, "outputData")
}

func TestReportLeavesATerminalDocument(t *testing.T) {
	t.Parallel()
	b := setup(t, strings.Replace(running, `"RUNNING"`, `"CANCELLED"`, 1))
	require.Equal(t, Seen{Before: StatusCancelled, After: StatusCancelled}, b.report(t, complete))
	doc := b.fake.document()
	require.False(t, hasExternalOutput(doc))
	require.Equal(t, []string{"Spark application app-1", "done"}, doc.Messages())
	require.Nil(t, dig(doc.Root["outputData"].([]any)[1], "fileContent"))
	require.Nil(t, doc.Root["jobResult"])
	require.Nil(t, doc.Root["jobEndTime"])
}

func TestReportOfAnotherContentIsNotSettled(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobStatus":"COMPLETE","outputData":[{"assetType":"FILE","fileContent":"b3RoZXI="}]}`)
	seen := b.report(t, Update{Status: StatusComplete, Outputs: []Output{{Index: 0, Content: []byte("mine")}}})
	require.Equal(t, Seen{Before: StatusComplete, After: StatusComplete}, seen)
	require.Empty(t, b.fake.writes)
}

func TestReportConflicts(t *testing.T) {
	t.Parallel()
	b := setup(t, running)
	times := 0
	b.fake.beforeWrite = func(f *fake) {
		if times++; times <= 2 {
			f.version++
			f.doc["touched"] = true
		}
	}
	require.True(t, b.report(t, complete).Settled)
	require.Equal(t, true, b.fake.document().Root["touched"])

	b = setup(t, running)
	b.fake.beforeWrite = func(f *fake) { f.version++ }
	_, err := b.client.Report(t.Context(), "j1", complete)
	require.Equal(t, job.CodeConflict, job.CodeOf(err))
	require.Empty(t, b.fake.writes)
}

func TestReportSeesACancelInBetween(t *testing.T) {
	t.Parallel()
	b := setup(t, running)
	b.fake.beforeWrite = func(f *fake) {
		if f.doc["jobStatus"] != "CANCELLED" {
			f.version++
			f.doc["jobStatus"] = "CANCELLED"
		}
	}
	require.Equal(t, Seen{Before: StatusCancelled, After: StatusCancelled}, b.report(t, complete))
	require.Equal(t, StatusCancelled, b.fake.document().Status())
}

func TestReportSeesACancelAfterItsWrite(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobStatus":"WAITING"}`)
	b.fake.noContent = true
	b.fake.afterWrite = func(f *fake) { f.doc["jobStatus"] = "CANCELLED"; f.version++ }
	require.Equal(t, Seen{Before: StatusWaiting, After: StatusCancelled}, b.report(t, Update{Status: StatusRunning}))
	require.Len(t, b.fake.writes, 1)
}

func TestReportCompletesWhatAMergeLeftOut(t *testing.T) {
	t.Parallel()
	b := setup(t, running)
	b.fake.afterWrite = func(f *fake) {
		last := f.writes[len(f.writes)-1]
		if last.method == http.MethodPatch && last.contentType != typeJSONPtch {
			f.doc["outputData"] = parse(f.t, running).Root["outputData"]
		}
	}
	require.True(t, b.report(t, complete).Settled)
	require.Equal(t, http.MethodPut, b.fake.writes[2].method)
	require.Empty(t, contentProblems(b.fake.document(), complete.Outputs))
}

func TestReportFindsALiar(t *testing.T) {
	t.Parallel()
	for field, lie := range map[string]func(doc map[string]any){
		"jobStatus":                func(doc map[string]any) { doc["jobStatus"] = "RUNNING" },
		"jobResult":                func(doc map[string]any) { doc["jobResult"] = nil },
		"jobMessages":              func(doc map[string]any) { doc["jobMessages"] = []any{} },
		"outputData[1]":            func(doc map[string]any) { doc["outputData"] = parse(t, running).Root["outputData"] },
		"outputData has":           func(doc map[string]any) { doc["outputData"] = doc["outputData"].([]any)[1:] },
		"TMP_EXTERNAL_OUTPUT":      func(doc map[string]any) { doc["jobParameters"] = map[string]any{ParameterExternalOutput: nil} },
		"outputData[1].fileSize":   func(doc map[string]any) { delete(doc["outputData"].([]any)[1].(map[string]any), "fileSize") },
		"outputData[1].fileConten": func(doc map[string]any) { doc["outputData"].([]any)[1].(map[string]any)["fileContent"] = "AAAA" },
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			b := setup(t, running)
			b.fake.afterWrite = func(f *fake) {
				if f.writes[len(f.writes)-1].contentType != typeJSONPtch || field == ParameterExternalOutput {
					lie(f.doc)
				}
			}
			_, err := b.client.Report(t.Context(), "j1", complete)
			require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, field)
		})
	}
}

func TestRemoveFallsBackToPut(t *testing.T) {
	t.Parallel()
	b := setup(t, running)
	b.fake.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Content-Type") == typeJSONPtch {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return true
		}
		return false
	}
	require.True(t, b.report(t, complete).Settled)
	require.Equal(t, http.MethodPut, b.fake.writes[0].method)
	require.NotContains(t, b.fake.writes[0].body, "_links")
	require.False(t, hasExternalOutput(b.fake.document()))
}

func TestReportOfAnOutputThatIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t, running)
	u := complete
	u.Outputs = []Output{{Index: 7}}
	_, err := b.client.Report(t.Context(), "j1", u)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Equal(t, StatusRunning, b.fake.document().Status())
}

func TestReportWritesThroughTheItemPath(t *testing.T) {
	t.Parallel()
	b := setup(t, `{"id":"j1","jobType":"MODEL_BATCH_TEST_JOB","jobStatus":"CREATED"}`,
		func(c *Config) { c.ItemPaths = map[string]string{"MODEL_BATCH_TEST_JOB": "modelBatchTestJob"} })
	var paths []string
	b.fake.before = func(_ http.ResponseWriter, r *http.Request) bool {
		paths = append(paths, r.Method+" "+r.URL.Path)
		r.URL.Path = "/model-manage/api/jobs/j1"
		return false
	}
	b.report(t, Update{Status: StatusWaiting})
	require.Equal(t, []string{"GET /model-manage/api/jobs/j1", "PATCH /model-manage/api/modelBatchTestJob/j1"}, paths)
}

func TestWeakETagIsMadeStrong(t *testing.T) {
	t.Parallel()
	require.Equal(t, `"5"`, strong(`W/"5"`))
	require.Equal(t, `"5"`, strong(`"5"`))
}

func TestEmptyOutputIsContent(t *testing.T) {
	t.Parallel()
	b := setup(t, running)
	u := complete
	u.Outputs = []Output{{Index: 1, Content: nil}}
	require.True(t, b.report(t, u).Settled)
	content, there := dig(b.fake.document().Root["outputData"].([]any)[1], "fileContent").(string)
	require.True(t, there)
	require.Equal(t, base64.StdEncoding.EncodeToString(nil), content)
}
