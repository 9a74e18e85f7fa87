package modelmanage

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// maxPages bounds a listing against a server that never ends.
const maxPages = 10_000

// Summary is a job in a listing.
type Summary struct {
	ID         string
	JobType    string
	Status     Status
	EngineType string
	EngineName string
	// Application is the id of the application, "" if none was reported.
	Application string
	// CreatedAt and UpdatedAt are zero when absent or unreadable. UpdatedAt is
	// lastUpdateFromRuntime, else lastModifiedDate.
	CreatedAt time.Time
	UpdatedAt time.Time
}

// List calls each for every job of the configured engines that has the status,
// or any if status is "". A job that moves between pages while they are read may
// be missed, to be found by the next listing; none is given twice. An error of
// each ends the listing and is returned as it is.
func (c *Client) List(ctx context.Context, status Status, each func(Summary) error) error {
	path, query := c.config.JobsPath, url.Values{}
	if c.config.Search.Path != "" && status != "" {
		path = c.config.Search.Path
		query.Set(c.config.Search.Parameter, string(status))
	}
	if c.config.Sort != "" {
		query.Set("sort", c.config.Sort)
	}
	seen := map[string]bool{}
	number, size := 0, c.config.PageSize
	for range maxPages {
		query.Set("page", strconv.Itoa(number))
		query.Set("size", strconv.Itoa(size))
		p, err := c.page(ctx, path, query)
		if errors.Is(err, errTooLarge) && size > 1 {
			number, size = smaller(number, size)
			continue
		}
		if err != nil {
			return err
		}
		fresh := 0
		for _, raw := range p.items {
			s, ok := c.summary(raw)
			if !ok || seen[s.ID] {
				continue
			}
			seen[s.ID] = true
			fresh++
			if status != "" && s.Status != status || !c.ours(s.EngineType, s.EngineName) {
				continue
			}
			if err := each(s); err != nil {
				return err
			}
		}
		// A page without anything new is the end, or a server that ignores "page".
		if fresh == 0 || p.totalPages >= 0 && number >= p.totalPages-1 {
			return nil
		}
		number++
	}
	return job.Errorf(job.CodeUnavailable, "list %s: no end after %d pages; check pageSize and search", path, maxPages)
}

// smaller returns the page that begins where page number of this size does, and
// holds half as much or, where that does not divide, one job.
func smaller(number, size int) (int, int) {
	if size%2 == 0 {
		return number * 2, size / 2
	}
	return number * size, 1
}

type page struct {
	items []json.RawMessage
	// totalPages is -1 when the server does not say.
	totalPages int
}

func (c *Client) page(ctx context.Context, path string, query url.Values) (page, error) {
	r, err := c.call(ctx, request{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return page{}, err
	}
	var root map[string]json.RawMessage
	if err := json.Unmarshal(r.body, &root); err != nil || root == nil {
		return page{}, job.Errorf(job.CodeUnavailable, "%s: the reply is no HAL page", r.request)
	}
	p := page{totalPages: -1}
	var embedded map[string]json.RawMessage
	if raw, ok := root["_embedded"]; ok {
		if err := json.Unmarshal(raw, &embedded); err != nil {
			return page{}, job.Errorf(job.CodeUnavailable, "%s: _embedded is no object", r.request)
		}
	}
	names := make([]string, 0, len(embedded))
	for name := range embedded {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		var items []json.RawMessage
		// Something else than a list may be embedded too; it is no job.
		if json.Unmarshal(embedded[name], &items) == nil {
			p.items = append(p.items, items...)
		}
	}
	var info struct {
		TotalPages *int `json:"totalPages"`
	}
	// Page information that cannot be read counts as absent.
	if json.Unmarshal(root["page"], &info) == nil && info.TotalPages != nil {
		p.totalPages = *info.TotalPages
	}
	return p, nil
}

// summary reads what a listing needs, without building the contents; false if
// the item has no id.
func (c *Client) summary(raw json.RawMessage) (Summary, bool) {
	var v struct {
		ID                    any `json:"id"`
		JobType               any `json:"jobType"`
		JobStatus             any `json:"jobStatus"`
		CreatedDate           any `json:"createdDate"`
		LastModifiedDate      any `json:"lastModifiedDate"`
		LastUpdateFromRuntime any `json:"lastUpdateFromRuntime"`
		TargetEngine          any `json:"targetEngine"`
		JobParameters         any `json:"jobParameters"`
	}
	if err := json.Unmarshal(raw, &v); err != nil || text(v.ID) == "" {
		return Summary{}, false
	}
	s := Summary{
		ID: text(v.ID), JobType: text(v.JobType), Status: Status(text(v.JobStatus)),
		EngineType:  text(dig(v.TargetEngine, "engineType")),
		EngineName:  text(dig(v.TargetEngine, "name")),
		Application: text(dig(v.JobParameters, c.config.ApplicationIDParameter)),
		CreatedAt:   instant(v.CreatedDate),
		UpdatedAt:   instant(v.LastUpdateFromRuntime),
	}
	if s.UpdatedAt.IsZero() {
		s.UpdatedAt = instant(v.LastModifiedDate)
	}
	return s, true
}

// ours reports whether an engine is one of the configured ones.
func (c *Client) ours(engineType, name string) bool {
	_, ok := findEngine(c.config.Engines, engineType, name)
	return ok
}

// findEngine returns the engine of that type and name; one without a name stands
// for all others of its type.
func findEngine(engines []Engine, engineType, name string) (Engine, bool) {
	var general *Engine
	for i, e := range engines {
		if e.Type != engineType {
			continue
		}
		if e.Name == name {
			return e, true
		}
		if e.Name == "" && general == nil {
			general = &engines[i]
		}
	}
	if general == nil {
		return Engine{}, false
	}
	return *general, true
}

// instant reads ISO 8601 with a zone, or epoch milliseconds.
func instant(v any) time.Time {
	switch v := v.(type) {
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700"} {
			if t, err := time.Parse(layout, v); err == nil {
				return t
			}
		}
	case float64:
		if v > 0 && v < 1e15 {
			return time.UnixMilli(int64(v))
		}
	case json.Number:
		if n, err := v.Int64(); err == nil && n > 0 {
			return time.UnixMilli(n)
		}
	}
	return time.Time{}
}

// Ours reads a job's type and engine, and whether it is a job that has not ended of an
// engine of ours.
func (c *Client) Ours(ctx context.Context, id string) (jobType, engine string, ours bool, err error) {
	doc, err := c.Get(ctx, id)
	if err != nil {
		return "", "", false, err
	}
	return doc.JobType(), doc.EngineName(), c.ours(doc.EngineType(), doc.EngineName()) && !doc.Status().Terminal(), nil
}
