package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// listed is the part of a page the tests compare.
type listed struct {
	ids   []string
	page  object
	links []string
}

func (b *bundle) list(collection, query string) listed {
	b.t.Helper()
	r := b.do("GET", Prefix+"/"+collection+query, "")
	require.Equal(b.t, http.StatusOK, r.status)
	body := r.json(b.t)
	got := listed{ids: []string{}, page: body["page"].(object)}
	embedded := body["_embedded"].(object)
	require.Len(b.t, embedded, 1)
	for _, items := range embedded {
		for _, item := range items.([]any) {
			got.ids = append(got.ids, item.(object)["id"].(string))
		}
	}
	for _, rel := range []string{"first", "prev", "self", "next", "last"} {
		if l, ok := body["_links"].(object)[rel]; ok {
			href, err := url.Parse(l.(object)["href"].(string))
			require.NoError(b.t, err)
			require.Equal(b.t, "/api/", href.Path[:5], "links lack the gateway's prefix")
			got.links = append(got.links, rel+"="+href.Query().Get("page"))
		}
	}
	return got
}

func pageOf(size, elements, pages, n int) object {
	digits := func(i int) any { return number(fmt.Sprint(i)) }
	return object{"size": digits(size), "totalElements": digits(elements), "totalPages": digits(pages), "number": digits(n)}
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, listed{ids: []string{}, page: pageOf(20, 0, 0, 0), links: []string{"self=0"}}, b.list("jobs", ""))
	for i := range 5 {
		b.create(fmt.Sprintf(`{"id":"%d","rank":%d,"jobType":"MODEL_BATCH_JOB","odd":%t}`, i, 9-i, i%2 == 1))
	}
	for query, want := range map[string]listed{
		"":                             {[]string{"0", "1", "2", "3", "4"}, pageOf(20, 5, 1, 0), []string{"self=0"}},
		"?size=2":                      {[]string{"0", "1"}, pageOf(2, 5, 3, 0), []string{"first=0", "self=0", "next=1", "last=2"}},
		"?size=2&page=1":               {[]string{"2", "3"}, pageOf(2, 5, 3, 1), []string{"first=0", "prev=0", "self=1", "next=2", "last=2"}},
		"?size=2&page=2":               {[]string{"4"}, pageOf(2, 5, 3, 2), []string{"first=0", "prev=1", "self=2", "last=2"}},
		"?size=2&page=9":               {[]string{}, pageOf(2, 5, 3, 9), []string{"first=0", "prev=8", "self=9", "last=2"}},
		"?size=5000":                   {[]string{"0", "1", "2", "3", "4"}, pageOf(1000, 5, 1, 0), []string{"self=0"}},
		"?size=0&page=-1":              {[]string{"0", "1", "2", "3", "4"}, pageOf(20, 5, 1, 0), []string{"self=0"}},
		"?size=x&page=y":               {[]string{"0", "1", "2", "3", "4"}, pageOf(20, 5, 1, 0), []string{"self=0"}},
		"?page=922337203685477":        {[]string{}, pageOf(20, 5, 1, 922337203685477), []string{"first=0", "prev=922337203685476", "self=922337203685477", "last=0"}},
		"?sort=rank":                   {[]string{"4", "3", "2", "1", "0"}, pageOf(20, 5, 1, 0), []string{"self=0"}},
		"?sort=id,desc":                {[]string{"4", "3", "2", "1", "0"}, pageOf(20, 5, 1, 0), []string{"self=0"}},
		"?sort=odd,desc&sort=rank,asc": {[]string{"3", "1", "4", "2", "0"}, pageOf(20, 5, 1, 0), []string{"self=0"}},
		"?sort=unknown,desc":           {[]string{"0", "1", "2", "3", "4"}, pageOf(20, 5, 1, 0), []string{"self=0"}},
	} {
		require.Equal(t, want, b.list("jobs", query), query)
	}
}

func TestCollectionsAndSearch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(`{"id":"score","jobType":"MODEL_BATCH_JOB"}`)
	b.create(`{"id":"test","jobType":"MODEL_BATCH_TEST_JOB","jobStatus":"RUNNING"}`)
	b.create(`{"id":"train","jobType":"MODEL_BATCH_TRAINING_JOB"}`)
	b.create(`{"id":"other","jobStatus":null}`)

	for collection, ids := range map[string][]string{
		"jobs":                  {"score", "test", "train", "other"},
		"modelBatchJob":         {"score"},
		"modelBatchTestJob":     {"test"},
		"modelBatchTrainingJob": {"train"},
		"jobs/search/findAllByJobStatus?jobStatus=CREATED":               {"score", "train"},
		"jobs/search/findAllByJobStatus?jobStatus=CREATED&page=1&size=1": {"train"},
		"jobs/search/findAllByJobStatus?jobStatus=ERROR":                 {},
		"jobs/search/findAllByJobStatus":                                 {"other"},
	} {
		require.Equal(t, ids, b.list(collection, "").ids, collection)
	}
	r := b.do("GET", Prefix+"/jobs/search/findAllByJobStatus?jobStatus=ERROR", "")
	require.Equal(t, []any{}, r.json(t)["_embedded"].(object)["jobs"])
	r = b.do("GET", Prefix+"/modelBatchTestJob", "")
	require.Contains(t, r.json(t)["_embedded"], "modelBatchTestJob")
	r = b.do("GET", Prefix+"/jobs/search", "")
	require.Contains(t, r.json(t)["_links"], "findAllByJobStatus")
}

func TestSortByDate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(`{"id":"a"}`)
	b.create(`{"id":"b"}`)
	b.create(`{"id":"c"}`)
	for id, date := range map[string]string{"a": "2026-01-02", "b": "2026-01-03", "c": "2026-01-01"} {
		require.NoError(t, b.sim.Merge(id, object{"createdDate": date}))
	}
	require.Equal(t, []string{"b", "a", "c"}, b.list("jobs", "?sort=createdDate,desc").ids)
	require.Equal(t, []string{"c", "a", "b"}, b.list("jobs", "?sort=createdDate,asc").ids)
}
