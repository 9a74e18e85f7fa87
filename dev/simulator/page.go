package simulator

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPageSize = 20
	maxPageSize     = 1000
)

// pageRequest is the page, size and sort of a list request.
type pageRequest struct {
	number int
	size   int
	sort   []sortKey
	query  url.Values // the request's parameters, for the links
}

// sortKey orders by a top-level field.
type sortKey struct {
	field      string
	descending bool
}

// parsePage reads the parameters as Spring does: what is out of range or no
// number falls back to the default, a size beyond the maximum to the maximum.
func parsePage(query url.Values) pageRequest {
	p := pageRequest{size: defaultPageSize, query: query}
	if n, err := strconv.Atoi(query.Get("page")); err == nil && n > 0 {
		p.number = n
	}
	if n, err := strconv.Atoi(query.Get("size")); err == nil && n > 0 {
		p.size = min(n, maxPageSize)
	}
	for _, s := range query["sort"] {
		fields := strings.Split(s, ",")
		last := strings.ToLower(fields[len(fields)-1])
		descending := last == "desc"
		if descending || last == "asc" {
			fields = fields[:len(fields)-1]
		}
		for _, f := range fields {
			p.sort = append(p.sort, sortKey{field: f, descending: descending})
		}
	}
	return p
}

// page is one page of a list.
type page struct {
	pageRequest
	items []snapshot
	total int
}

// cut sorts jobs and takes the page out of them. A page past the end is empty.
func (p pageRequest) cut(jobs []snapshot) page {
	slices.SortStableFunc(jobs, p.compare)
	result := page{pageRequest: p, total: len(jobs)}
	if p.number <= len(jobs)/p.size {
		from := p.number * p.size
		result.items = jobs[from:min(from+p.size, len(jobs))]
	}
	return result
}

func (p pageRequest) compare(a, b snapshot) int {
	for _, k := range p.sort {
		c := compareJSON(a.doc[k.field], b.doc[k.field])
		if k.descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// pages is how many pages the list has.
func (p page) pages() int { return (p.total + p.size - 1) / p.size }
