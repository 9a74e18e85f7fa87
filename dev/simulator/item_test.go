package simulator

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var isoMillis = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

func TestPost(t *testing.T) {
	t.Parallel()
	b := setup(t)

	t.Run("without Accept it is 201 with an empty body", func(t *testing.T) {
		r := b.do("POST", Prefix+"/jobs", `{"id":"a","version":7,"jobType":"MODEL_BATCH_TEST_JOB","big":12345678901234567890.10}`)
		require.Equal(t, http.StatusCreated, r.status)
		require.Equal(t, `"0"`, r.header.Get("ETag"))
		require.Equal(t, b.url+"/api/modelBatchTestJob/a", r.header.Get("Location"))
		require.Equal(t, "0", r.header.Get("Content-Length"))
		require.Empty(t, r.body)
		doc, ok := b.sim.Document("a")
		require.True(t, ok)
		require.Equal(t, number("0"), doc["version"], "a version sent is ignored")
		require.Equal(t, "CREATED", doc["jobStatus"])
		require.Equal(t, number("12345678901234567890.10"), doc["big"], "numbers stay as written")
		require.Regexp(t, isoMillis, doc["createdDate"])
		require.Equal(t, doc["createdDate"], doc["lastModifiedDate"])
	})
	t.Run("with Accept it has the document", func(t *testing.T) {
		r := b.do("POST", Prefix+"/jobs", `{"jobStatus":"WAITING","note":"<&>"}`, "Accept", "*/*")
		require.Equal(t, http.StatusCreated, r.status)
		require.Contains(t, r.body, `<&>`)
		doc := r.json(t)
		require.Equal(t, "WAITING", doc["jobStatus"])
		require.Len(t, doc["id"], 36)
		self := doc["_links"].(object)["self"].(object)["href"]
		require.Equal(t, b.url+"/api/jobs/"+doc["id"].(string), self)
		require.Equal(t, self, r.header.Get("Location"))
	})
	t.Run("refusals", func(t *testing.T) {
		b.create(`{"id":"taken"}`)
		for body, status := range map[string]int{
			`{"id":"taken"}`:      http.StatusConflict,
			`[]`:                  http.StatusBadRequest,
			`"text"`:              http.StatusBadRequest,
			`null`:                http.StatusBadRequest,
			`{"a":`:               http.StatusBadRequest,
			`{} {}`:               http.StatusBadRequest,
			"{\"a\":\"\xff\"}":    http.StatusBadRequest,
			`{"id":{"nested":1}}`: http.StatusBadRequest,
			`{"a":` + strings.Repeat("[", 1001) + strings.Repeat("]", 1001) + `}`: http.StatusBadRequest,
		} {
			require.Equal(t, status, b.do("POST", Prefix+"/jobs", body).status, "%.40s", body)
		}
		r := b.do("POST", Prefix+"/jobs", `{}`, "Content-Type", "text/plain")
		require.Equal(t, http.StatusUnsupportedMediaType, r.status)
	})
}

func TestFollowingASelfLinkBreaks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(`{"id":"a","jobType":"MODEL_BATCH_JOB"}`)
	r := b.do("GET", jobPath("a"), "")
	href := r.json(t)["_links"].(object)["self"].(object)["href"].(string)
	require.Equal(t, b.url+"/api/modelBatchJob/a", href)
	require.Equal(t, http.StatusNotFound, b.do("GET", strings.TrimPrefix(href, b.url), "").status)
	require.Equal(t, http.StatusOK, b.do("GET", "/model-manage"+strings.TrimPrefix(href, b.url), "").status)
}

func TestGet(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(`{"id":"a","jobType":"MODEL_BATCH_TEST_JOB"}`)

	r := b.do("GET", jobPath("a"), "")
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, `"0"`, r.header.Get("ETag"))
	require.Equal(t, "application/hal+json", r.header.Get("Content-Type"))
	require.Equal(t, "application/json", b.do("GET", jobPath("a"), "", "Accept", "application/json").header.Get("Content-Type"))

	r = b.do("GET", jobPath("a"), "", "If-None-Match", `"0"`)
	require.Equal(t, http.StatusNotModified, r.status)
	require.Equal(t, `"0"`, r.header.Get("ETag"))
	require.Empty(t, r.body)
	require.Equal(t, http.StatusOK, b.do("GET", jobPath("a"), "", "If-None-Match", `"1"`).status)

	r = b.do("GET", jobPath("missing"), "")
	require.Equal(t, http.StatusNotFound, r.status)
	require.Empty(t, r.body)
}

func TestTypedCollectionsHoldTheirTypeOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(`{"id":"a","jobType":"MODEL_BATCH_TEST_JOB"}`)
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		for _, name := range []string{"modelBatchJob", "modelBatchTrainingJob"} {
			r := b.do(method, Prefix+"/"+name+"/a", `{}`)
			require.Equal(t, http.StatusNotFound, r.status, "%s %s", method, name)
			require.Empty(t, r.body)
		}
	}
	require.Equal(t, http.StatusOK, b.do("GET", Prefix+"/modelBatchTestJob/a", "").status)
	require.Equal(t, http.StatusNoContent, b.do("PATCH", Prefix+"/modelBatchTestJob/a", `{}`).status)
}

func TestIDsThatNeedEscapes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(`{"id":"a/b c%20d"}`)
	r := b.do("GET", jobPath("a%2Fb%20c%2520d"), "")
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, "a/b c%20d", r.json(t)["id"])
	b.create(`{"id":"x%20y"}`)
	require.Equal(t, http.StatusOK, b.do("GET", jobPath("x%2520y"), "").status)
	require.Len(t, b.sim.Revisions("a/b c%20d"), 1)
	require.Equal(t, http.StatusOK, b.do("GET", "/sim/jobs/a%2Fb%20c%2520d/revisions", "").status)
}

func TestWritesAnswerByAccept(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.create(`{"id":"a","k":1}`)
			b.create(`{"id":"b","k":1}`)
			r := b.do(method, jobPath("a"), `{"k":1}`)
			require.Equal(t, http.StatusNoContent, r.status)
			require.Empty(t, r.body)
			r = b.do(method, jobPath("b"), `{"k":1}`, "Accept", "text/anything")
			require.Equal(t, http.StatusOK, r.status)
			require.Equal(t, number("1"), r.json(t)["k"])
			if method != "DELETE" {
				require.Equal(t, `"1"`, r.header.Get("ETag"))
			}
			require.Equal(t, http.StatusNoContent, b.sim.Revisions("a")[1].Status)
			require.Equal(t, http.StatusOK, b.sim.Revisions("b")[1].Status)
		})
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			id := b.create(`{"k":1}`)
			require.NoError(t, b.sim.Merge(id, object{}))
			r := b.do(method, jobPath(id), `{"k":2}`, "If-Match", `"0"`, "Accept", "*/*")
			require.Equal(t, http.StatusPreconditionFailed, r.status)
			require.Equal(t, `"0"`, r.header.Get("ETag"), "the ETag sent, not the current one")
			require.Empty(t, r.body)
			require.Len(t, b.sim.Revisions(id), 2)
			require.Equal(t, http.StatusNoContent, b.do(method, jobPath(id), `{"k":2}`, "If-Match", `"1"`).status)
		})
	}
}

func TestMissingAndUnknown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(`{"id":"a"}`)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"PUT", jobPath("missing"), 404},
		{"PATCH", jobPath("missing"), 404},
		{"DELETE", jobPath("missing"), 404},
		{"GET", Prefix + "/nothing", 404},
		{"GET", Prefix + "/jobs/search/findByMagic", 404},
		{"GET", "/elsewhere", 404},
		{"POST", jobPath("a"), 405},
		{"BREW", jobPath("a"), 405},
		{"DELETE", Prefix + "/jobs", 405},
		{"PUT", Prefix + "/jobs", 405},
		{"POST", Prefix + "/modelBatchJob", 405},
	} {
		r := b.do(c.method, c.path, `{}`)
		require.Equal(t, c.status, r.status, "%s %s", c.method, c.path)
		if c.status == 404 {
			require.Empty(t, r.body, "%s %s", c.method, c.path)
		} else {
			require.NotEmpty(t, r.header.Get("Allow"), "%s %s", c.method, c.path)
		}
	}
}

func TestPutNullsWhatItDoesNotMention(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(`{"id":"a","kept":1,"gone":{"deep":1},"jobType":"MODEL_BATCH_JOB"}`)
	r := b.do("PUT", jobPath("a"), `{"id":"other","version":99,"kept":2,"_links":{"self":{}}}`, "Accept", "*/*")
	require.Equal(t, http.StatusOK, r.status)
	doc, _ := b.sim.Document("a")
	modified := doc["lastModifiedDate"]
	require.Regexp(t, isoMillis, modified)
	require.Equal(t, object{
		"id": "a", "version": number("1"), "kept": number("2"), "lastModifiedDate": modified,
		"gone": nil, "jobType": nil, "jobStatus": nil, "createdDate": nil,
	}, doc)
	require.Equal(t, http.StatusBadRequest, b.do("PUT", jobPath("a"), `[1]`).status)
}

func TestEveryWriteRaisesVersionAndDate(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	b := setup(t, func(o *Options) { o.Now = func() time.Time { at = at.Add(time.Second); return at } })
	b.create(`{"id":"a"}`)
	require.Equal(t, http.StatusNoContent, b.do("PATCH", jobPath("a"), `{}`).status, "an empty patch is a write")
	b.do("PATCH", jobPath("a"), `{"id":"x","version":40,"lastModifiedDate":"never"}`)
	doc, _ := b.sim.Document("a")
	require.Equal(t, object{
		"id": "a", "version": number("2"), "jobStatus": "CREATED",
		"createdDate": "2026-01-02T02:04:06.678Z", "lastModifiedDate": "2026-01-02T02:04:08.678Z",
	}, doc)
}

func TestDocumentLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	big := strings.Repeat("x", MongoLimit-200)
	id := b.create(`{"a":"` + big + `"}`)
	r := b.do("PATCH", jobPath(id), `{"b":"`+strings.Repeat("y", 300)+`"}`)
	require.Equal(t, http.StatusInternalServerError, r.status)
	require.Contains(t, r.body, "BsonMaximumSizeExceededException")
	require.Equal(t, http.StatusNoContent, b.do("PATCH", jobPath(id), `{"b":1}`).status)
	require.Equal(t, http.StatusInternalServerError, b.do("POST", Prefix+"/jobs", `{"a":"`+big+big[:300]+`"}`).status)
	require.Len(t, b.sim.Revisions(id), 2)
	require.Len(t, b.sim.IDs(), 1)

	_, err := b.sim.Create(object{"a": big + big})
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestSizeIsThatOfBSON(t *testing.T) {
	t.Parallel()
	doc, err := decodeObject([]byte(`{"s":"abc","i":1,"l":5000000000,"d":1.5,"b":true,"n":null,"a":[1],"o":{}}`))
	require.NoError(t, err)
	// 5 and for each element 3 (type, one letter, terminator) and the value:
	// 5+3, 4, 8, 8, 1, 0, array 5+3+4, object 5.
	const size = 5 + 8*3 + 8 + 4 + 8 + 8 + 1 + 0 + 12 + 5
	require.NoError(t, checkSize(doc, size))
	require.ErrorIs(t, checkSize(doc, size-1), ErrTooLarge)
}
