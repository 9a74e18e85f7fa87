package simulator

import (
	"net/http"
	"net/url"
	"strconv"
)

// itemBody is a job as its resource shows it: the document with its links.
func itemBody(r *http.Request, job snapshot) object {
	return with(job.doc, "_links", object{"self": link(selfURL(r, job))})
}

// pageBody is a page as a collection named rel shows it. base is the list's own
// URL without parameters.
func pageBody(r *http.Request, rel, base string, p page) object {
	items := make([]any, len(p.items))
	for i, job := range p.items {
		items[i] = itemBody(r, job)
	}
	return object{
		"_embedded": object{rel: items},
		"_links":    pageLinks(base, p),
		"page": object{
			"size":          p.size,
			"totalElements": p.total,
			"totalPages":    p.pages(),
			"number":        p.number,
		},
	}
}

// pageLinks has first and last only when there is more than one page.
func pageLinks(base string, p page) object {
	at := func(number int) object {
		query := url.Values{}
		for k, v := range p.query {
			query[k] = v
		}
		query.Set("page", strconv.Itoa(number))
		query.Set("size", strconv.Itoa(p.size))
		return link(base + "?" + query.Encode())
	}
	last := p.pages() - 1
	hasPrevious, hasNext := p.number > 0, p.number < last
	links := object{"self": at(p.number)}
	if hasPrevious {
		links["prev"] = at(p.number - 1)
	}
	if hasNext {
		links["next"] = at(p.number + 1)
	}
	if hasPrevious || hasNext {
		links["first"], links["last"] = at(0), at(max(last, 0))
	}
	return links
}

func link(href string) object { return object{"href": href} }

// selfURL is a job's address under the collection of its type.
func selfURL(r *http.Request, job snapshot) string {
	return serviceURL(r) + "/" + collectionOf(job.doc).name + "/" + url.PathEscape(job.id)
}

// serviceURL is where the service believes to be: without the gateway's prefix.
func serviceURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + "/api"
}
